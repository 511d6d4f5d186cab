"""The MIIO chip: LAN datagrams on one side, the MCU's lines on the other, and all the rules between them.

No input or output of its own: bytes and the time come in, bytes and deadlines come out. What modules do differently
is in :mod:`~miio_lan.virtual.module.profile`; what the MCU's commands mean in
:mod:`~miio_lan.virtual.module.line.mcu_commands`; what a LAN caller's request becomes on the line in
:mod:`~miio_lan.virtual.module.requests.requests`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from miio_lan.errors import InvalidArgument, LineError
from miio_lan.foreign import show
from miio_lan.given import checked_flag, checked_function, checked_seconds
from miio_lan.lan.cipher import parse_token
from miio_lan.lan.responder.responder import Address, Responder, ResponderOptions
from miio_lan.record.redact import as_secret
from miio_lan.uart.commands import Down, NoMethod, read
from miio_lan.uart.document import ESP_FIRMWARE_LIMIT, TIMED_OUT_CODE
from miio_lan.uart.line import Line, seal
from miio_lan.virtual.hooks import Hooks
from miio_lan.virtual.image import ImagePart
from miio_lan.virtual.module.chip import Chip
from miio_lan.virtual.module.download import UpdateTimes
from miio_lan.virtual.module.line.console import Console
from miio_lan.virtual.module.line.mcu_commands import McuCommands
from miio_lan.virtual.module.line.mcu_queue import McuQueue
from miio_lan.virtual.module.line.reports import ReportPacer
from miio_lan.virtual.module.network import UNREACHABLE, Network, Timings
from miio_lan.virtual.module.profile import Profile, profile_of
from miio_lan.virtual.module.requests.request import RequestOutcome
from miio_lan.virtual.module.requests.requests import RawRequest
from miio_lan.virtual.module.requests.serving import LanRequests
from miio_lan.virtual.module.update import FirmwareUpdate, UpdateScript
from miio_lan.virtual.module.updates import Updates

__all__ = ["Chip", "Module", "Reported", "RequestOutcome", "Timings", "UpdateScript", "UpdateTimes"]

#: The last reports kept for whoever wants to look at them.
MAX_REPORTED = 256
#: Seconds a chip has been powered when it first answers after a start.
POWERED_BEFORE = 1.0
#: Why what was under way came to nothing.
RESTARTED = "the module restarted"


@dataclass(frozen=True, slots=True)
class Reported:
    """A message that left the module: for subscribers, and for the cloud if there were one."""

    instant: float
    method: str
    params: object


class Module:
    """A virtual Wi-Fi module.

    :param token: 16 bytes, or 32 hexadecimal digits
    :param profile: ``"document"``, ``"older"``, ``"newer"``, or a profile of your own
    :param provisioned: while False the token is shown and the module waits to be set up
    :param networks: the Wi-Fi networks there are, each with its password; None for one of every name and password
    :param next_token: gives the token it has after a ``restore``; by default it keeps the one it has
    :param on_net: called with each network state it enters by itself
    :param wall: unix time for a monotonic instant; by default the clock was never set and counts from 1970 at boot
    :param responder_options: the quirks of the LAN side; the profile's by default
    :param uptime: seconds it has been running when it is switched on by :meth:`start`; a restart begins anew. A client
        cannot see a restart of what has hardly begun to run, for it counts in whole seconds
    :param stamp_at: the LAN stamp for a monotonic instant; seconds since boot by default
    :param inputs: the piids of an action's arguments in order (from the product's description), for callers that
        give arguments by position; without it, or where it gives None, positions count from piid 1
    :param script: an update by ``miIO.ota`` is only played, so; by default the image is really downloaded
    :param next_firmware: the firmware version after an update of the module; by default what the image says (see
        :mod:`~miio_lan.virtual.image`), else the next number; unchanged where a script is played
    :param update_times: how long a download and an installation may take
    :param plain_images: what an image is for that ``app_url`` names and that does not say it: ``"module"`` or ``"mcu"``
    :param firmware_limit: bytes of the largest image it sends to its MCU (document: 1 MB, other modules less)
    :param on_line: called with each line of the MCU and the time before the module looks at it; a text it returns is
        the reply, None leaves the line to the module
    :param on_ota: called with the parameters of ``miIO.ota`` and the time; True when it takes the update over and
        reports through ``update.report()`` and :meth:`restart`, else the module does it
    :raises InvalidTokenException: if the token is none
    :raises UnsupportedFeatureException: if there is no such profile
    :raises DeviceException: if the mac is none
    """

    def __init__(
        self,
        *,
        device_id: int,
        token: bytes | str,
        mac: str = "34ce00892ab7",
        profile: str | Profile = "document",
        model: str | None = "xiaomi.dev.v1",
        firmware: str = "2.0.0",
        provisioned: bool = True,
        networks: Mapping[str, str] | None = None,
        next_token: Callable[[], bytes] | None = None,
        on_net: Callable[[str], object] | None = None,
        dual_mode: bool = True,
        wall: Callable[[float], float] | None = None,
        responder_options: ResponderOptions | None = None,
        uptime: float = POWERED_BEFORE,
        stamp_at: Callable[[float], int] | None = None,
        timings: Timings | None = None,
        script: UpdateScript | None = None,
        next_firmware: str | None = None,
        update_times: UpdateTimes | None = None,
        plain_images: ImagePart = "module",
        firmware_limit: int = ESP_FIRMWARE_LIMIT,
        inputs: Callable[[int, int], Sequence[int] | None] | None = None,
        on_ota: Callable[[Mapping[str, object], float], bool] | None = None,
        on_line: Callable[[Line, float], str | None] | None = None,
    ) -> None:
        token = as_secret(token)
        told: dict[str, object] = {
            "next_token": next_token,
            "on_net": on_net,
            "wall": wall,
            "stamp_at": stamp_at,
        }
        for name, function in {**told, "inputs": inputs, "on_ota": on_ota, "on_line": on_line}.items():
            checked_function(name, function)
        self.profile = profile_of(profile)
        self.timings = timings or Timings()
        self.chip = Chip(device_id, mac, model, firmware, dual_mode=dual_mode)
        self.update = FirmwareUpdate(script)
        self._plays_script = script is not None
        self.next_firmware = next_firmware
        self.firmware_limit = firmware_limit
        self.on_ota = on_ota
        self.responder = Responder(
            device_id=device_id,
            token=parse_token(token),
            options=responder_options or self.profile.options,
            provisioned=checked_flag("provisioned", provisioned),
            stamp_at=stamp_at,
        )
        #: What becomes of errors in what is only told, and in ``next_token``.
        self.hooks = Hooks()
        self._networks, self._next_token, self._on_net = networks, next_token, on_net
        if networks and provisioned:
            self.chip.ssid, self.chip.password = next(iter(networks.items()))
        self.network = Network(self.timings, self._net_changed, self._reachable)
        self.queue = McuQueue(self.profile, lambda: self.net)
        self.reports = ReportPacer(str(device_id), self._emit, lambda: self.net in self.profile.report_states)
        #: The last reports that left, oldest first.
        self.reported: deque[Reported] = deque(maxlen=MAX_REPORTED)
        self._on_line = on_line
        self._commands = McuCommands(self)
        self.console = Console(self.profile, self._reply)
        #: The updates that really happen.
        self.updates = Updates(self, update_times or UpdateTimes(), plain_images)
        self._wall = wall
        self._requests = LanRequests(self, inputs or (lambda _siid, _aiid: None))
        self._uptime = checked_seconds("uptime", uptime, zero=True)
        self._booted = 0.0
        self._up = False
        self._wake: float | None = None
        self._scheduled: dict[str, float] = {}
        self._factory = False

    def __repr__(self) -> str:
        return f"<Module did={self.chip.device_id} {self.profile.name} net={self.net} up={self._up}>"

    # -- state -----------------------------------------------------------------------------------------------

    @property
    def net(self) -> str:
        """The network state, as ``net`` tells it."""
        return "updating" if self.update.active else self.network.state

    def set_net(self, state: str, now: float) -> None:
        """Be in a network state from now on: ``uap`` and ``unprov`` mean not provisioned, all others provisioned.

        While it is ``offline`` or ``unprov`` nothing on the LAN reaches the module.

        :raises UnsupportedFeatureException: for a word the document does not have
        """
        self.tick(now)
        self.network.enter(state)
        self.responder.provisioned = state not in {"uap", "unprov"}

    @property
    def provisioned(self) -> bool:
        """Whether it belongs to a network; hello replies show the token otherwise."""
        return self.responder.provisioned

    @property
    def up(self) -> bool:
        """False while it restarts: both sides are silent then."""
        return self._up

    @property
    def factory(self) -> bool:
        """Whether it is in factory test mode, at the router that the document presets for it."""
        return self._factory

    @property
    def listening(self) -> bool:
        """Whether the LAN reaches it."""
        return self._up and self.network.state not in UNREACHABLE and not self.updates.is_silent

    def life(self, now: float) -> int:
        """Seconds since boot."""
        return int(now - self._booted)

    def wall(self, now: float) -> float:
        """Seconds since 1970."""
        return now - self._booted if self._wall is None else self._wall(now)

    # -- life ------------------------------------------------------------------------------------------------

    def start(self, now: float) -> None:
        """Switch the module on; it is there at once."""
        self._boot(now, self._uptime)

    def _boot(self, now: float, uptime: float = POWERED_BEFORE) -> None:
        self._up = True
        self._wake = None
        # The clock ran while it booted. (A stamp of 0 is legal, but some clients take it for no answer at all.)
        self._booted = now - uptime
        self._factory = False
        self.responder.restart(self._booted)
        self.reports.boot(now)
        self.update.reset()
        if self.profile.boot_requests:
            self.queue.notify("MIIO_model_req")
            self.queue.notify("MIIO_mcu_version_req")
        self.network.state = "unprov"
        self.network.boot(now, provisioned=self.provisioned)

    def stop(self, now: float) -> None:
        """Switch the module off: silent until the next :meth:`restart`."""
        self.restart(now)
        self._wake = None

    def restart(self, now: float) -> None:
        """Restart at once: silent for the time of the boot, requests and subscriptions forgotten."""
        self._up = False
        self._wake = now + self.timings.boot
        if "restore" in self._scheduled:  # what was acknowledged is done, whatever restarts the module first
            self._forget_network()
        self._scheduled.clear()
        self.updates.stop(RESTARTED, now)
        forgotten = self.queue.clear()
        self.console.reset()
        self.reports.boot(now)
        self.update.reset()
        # A LAN caller is not answered, for nothing is listening; whoever handed something out is told.
        for request in forgotten:
            request.finish(RequestOutcome(error=(TIMED_OUT_CODE, RESTARTED)), now)

    def schedule(self, what: str, now: float) -> None:
        """Have ``reboot``, ``restore``, ``factory`` or ``reconfigure`` happen after its time."""
        after = {"factory": self.timings.factory, "reconfigure": self.timings.reconfigure}
        self._scheduled.setdefault(what, now + after.get(what, self.timings.reboot))

    def join(self, now: float) -> None:
        """Leave the own access point for the network of the chip's memory; come back if there is no such network."""
        self._factory = False
        self.network.join(now)

    def _reachable(self) -> bool:
        return self._networks is None or self._networks.get(self.chip.ssid) == self.chip.password

    def _do_scheduled(self, now: float) -> None:
        for what in [each for each, due in self._scheduled.items() if due <= now]:
            due = self._scheduled.pop(what, now)
            if what == "factory":
                self._factory = True  # its own network stays in its memory, for the time after
                self.network.enter("local")
                continue
            if what == "restore":
                self._forget_network()
            self.restart(due)
            return

    def _forget_network(self) -> None:
        self.chip.ssid = self.chip.password = ""
        self.chip.uid = 0
        self.responder.provisioned = False
        token = self.hooks.run(self._next_token)
        if token is not None:
            self.responder.renew(token)

    # -- the line --------------------------------------------------------------------------------------------

    def receive_uart(self, data: bytes, now: float) -> None:
        """Take bytes from the MCU. Never raises for anything an MCU sent."""
        self.tick(now)
        if self._up:
            data = self.updates.receive(data, now)
            self._go_on(now)
        if self._up and data:
            self.console.receive(data, now)
            self._go_on(now)  # a line may have begun or ended a transfer

    def _reply(self, line: Line, now: float) -> str | None:
        reply = self._on_line(line, now) if self._on_line is not None else None
        if reply is None:
            reply = self.updates.reply(line, now)
        return self._commands.answer(line, now) if reply is None else reply

    def send_firmware(self, image: bytes, now: float, done: Callable[[str, float], None]) -> bool:
        """Update the MCU's firmware: ``update_fw``, then the image, then ask for the version.

        The MCU is given 6 s to answer ``update_fw``. Until it is over, ``get_down``, ``result`` and ``error`` alone are
        served. Once it is ``"ready"``, the network state is ``updating``, and ``miIO.get_ota_state`` ``installing``.

        :param done: called once with why it failed, empty when the image arrived, and the time
        :return: False when one is being sent already, or a request waits for the MCU
        :raises InvalidArgument: for an image that is empty, or larger than the module takes
        """
        self.check_firmware(image)
        self.tick(now)
        if self.updates.under_way or len(self.queue) or not self._up:
            return False
        self.updates.send(image, now, done)
        return True

    def check_firmware(self, image: bytes) -> None:
        """See that an image is one that :meth:`send_firmware` takes.

        :raises InvalidArgument: if it is empty, or larger than the module takes
        """
        if not isinstance(image, (bytes, bytearray)):
            raise InvalidArgument(f"firmware is bytes, not {show(image)}")
        if not 0 < len(image) <= self.firmware_limit:
            raise InvalidArgument(
                f"firmware of {len(image)} bytes: this module sends 1 to {self.firmware_limit} bytes to its MCU"
            )

    def _go_on(self, now: float) -> None:
        self.console.send(self.updates.take_output(now))

    def take_uart(self) -> bytes:
        """Give what is to be written to the MCU since the last call."""
        return self.console.take_output()

    def set_echo(self, on: bool) -> None:
        """Send back what is received from now on, or no longer."""
        self.console.echo = on
        self.queue.answer_time = self.profile.echo_answer_time if on else self.profile.answer_time

    def notify(self, text: str) -> None:
        """Hand the MCU something that needs no ``result``, e.g. ``"MIIO_mcu_version_req"``.

        :raises LineError: if it is not a line
        """
        _down(text)
        self.queue.notify(text)

    def hand_out(self, text: str, now: float, done: Callable[[RequestOutcome, float], None]) -> bool:
        """Hand the MCU any text after ``down``, right or wrong, as nobody on the LAN could.

        :param done: called once with the outcome: the values of ``result``, or the error; at once, and with nothing,
            where nothing has to answer it. Where the module restarts before, the error is -9999 and says so
        :return: whether there was room in the queue
        :raises LineError: if it is not a line
        """
        line = _down(text)
        self.tick(now)
        command = read(line, direction="down")
        if isinstance(command, Down) and not isinstance(command, NoMethod) and not command.wants_result:
            self.queue.notify(text)
            self.hooks.run(done, RequestOutcome(), now)
            return True
        request = RawRequest(text, self.profile, now, lambda outcome, at: self.hooks.run(done, outcome, at))
        return self.queue.submit(request)

    def _net_changed(self, state: str) -> None:
        if state == "offline":
            self.responder.provisioned = True
        elif self.network.failing:  # it gave up
            self.chip.count_failure(known=self.chip.ssid in (self._networks or {}))
            self.chip.ssid = self.chip.password = ""
            self.responder.provisioned = self.network.failing = False
        self.hooks.run(self._on_net, state)
        if self.profile.every_notice and state != "updating":
            self.queue.notify(f"MIIO_net_change {state}")

    # -- the LAN ---------------------------------------------------------------------------------------------

    def receive_lan(self, datagram: bytes, peer: Address, now: float) -> None:
        """Take a datagram. Never raises for anything a peer sent."""
        self.tick(now)
        if not self.listening:
            return
        request = self.responder.receive(datagram, peer, now)
        if request is not None:
            self._requests.serve(request, now)

    def take_lan(self) -> list[tuple[bytes, Address]]:
        """Give what is to be sent since the last call, and where to."""
        return self.responder.take_output()

    def start_update(self, params: Mapping[str, object], now: float) -> None:
        """Begin a firmware update; nothing happens while one is going on."""
        if self.update.active or (self.on_ota is not None and self.on_ota(params, now)):
            return
        if self._plays_script:
            self.update.start(now)
        else:
            self.updates.start(params, now)

    def _emit(self, method: str, params: object, now: float) -> None:
        self.report(method, params, now)
        self.responder.subscriptions.push(method, params, now)
        if self.listening:
            self.responder.tick(now)

    def report(self, method: str, params: object, now: float) -> None:
        """Note a report that left the module."""
        self.reported.append(Reported(now, method, params))

    # -- time ------------------------------------------------------------------------------------------------

    @property
    def deadline(self) -> float | None:
        """When :meth:`tick` is next wanted, monotonic seconds; None for never."""
        if not self._up:
            return self._wake
        due = [
            self.network.deadline,
            self.queue.deadline,
            self.reports.deadline,
            self.update.deadline,
            self.console.deadline,
            self.updates.deadline,
            self.responder.deadline if self.listening else None,
            *self._scheduled.values(),
        ]
        return min((each for each in due if each is not None), default=None)

    def tick(self, now: float) -> None:
        """Do what is due."""
        self._do_scheduled(now)
        if self._wake is not None and self._wake <= now:
            self._boot(self._wake)
        if not self._up:
            return
        self.network.tick(now)
        self.queue.tick(now)
        self.reports.tick(now)
        self.console.tick(now)
        self.updates.tick(now)
        self._go_on(now)
        if self.listening:
            self.responder.tick(now)
        if self.update.tick(now) == "restart":
            self.chip.firmware = self.next_firmware or self.chip.firmware
            self.restart(now)


def _down(text: str) -> bytes:
    """Give the line that hands a text to the MCU.

    :raises LineError: if it is not a line
    """
    if not isinstance(text, str):  # it would be shown as Python shows it
        raise LineError(f"what is handed out is text, not {show(text)}")
    return seal(f"down {text}")
