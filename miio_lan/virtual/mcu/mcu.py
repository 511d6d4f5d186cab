"""The virtual MCU: the rules of a product behind a Wi-Fi module, without any I/O.

Bytes from the module and the time come in, bytes to the module and the next deadline come out. It boots, polls and
answers as the serial document asks, over a property table made from a product's description, and misbehaves on demand.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from miio_lan.device.description.spec import Spec
from miio_lan.device.description.values import TEXT_FORMATS
from miio_lan.errors import SpecError
from miio_lan.given import checked_seconds
from miio_lan.uart.document import (
    RECOMMENDED_POLL_INTERVAL,
    RETRY_INTERVAL,
    SERIAL_NUMBER,
)
from miio_lan.uart.line import KEPT, UNFINISHED, Line, LineReader, split
from miio_lan.virtual.hooks import Hooks
from miio_lan.virtual.mcu import answers
from miio_lan.virtual.mcu.behaviour import ActionHook, Drift, usual_actions
from miio_lan.virtual.mcu.bootloader import Bootloader, BootloaderSettings
from miio_lan.virtual.mcu.identity import (
    boot_lines,
    check_identity,
    model_line,
    version_line,
)
from miio_lan.virtual.mcu.misbehave import (
    BANNER,
    MISBEHAVIOURS,
    Misbehaviours,
    OutgoingLine,
    end_of_line,
    runs_on,
    write,
)
from miio_lan.virtual.mcu.outgoing import GET_DOWN, Outgoing, PendingAnswer
from miio_lan.virtual.mcu.table import PropertyTable
from miio_lan.virtual.mcu.updating import leave_bootloader, resets_on, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from miio_lan.device.description.values import Value
    from miio_lan.virtual.mcu.answers import Execution
    from miio_lan.virtual.mcu.table import Iid

    MethodHook = Callable[["Mcu", Sequence[str]], Sequence[Value] | None]

__all__ = ["MISBEHAVIOURS", "Mcu"]

REPLY_TIME = 1.0
"""Seconds after which a line counts as unanswered; modules answer within milliseconds, except while they restart."""
SLOW = 5.0
"""Seconds a slow product takes to answer; the module gives up after 4."""
FAST_POLLS = 0.02
MAX_UNSENT = 8192
"""Bytes kept for a peer that does not take them; more are lost, as they are on a wire nobody reads."""
UNANSWERED = frozenset({"none", "MIIO_net_change", "ble_event", "ble_fastpair", "ble_fastpair_rsp"})


@dataclass(frozen=True)
class _Sent:
    uplink: OutgoingLine
    text: str
    deadline: float
    changed: tuple[Iid, ...] = ()


class Mcu:
    """A product's MCU on one end of the line.

    :param spec: what the product is; its model and first values come from there
    :param model: the model to report, when it is another one than the description's
    :param version: the firmware version, four digits
    :param poll_interval: seconds between polls; the document wants 0.1 to 0.2
    :param ble_pid: Bluetooth product id; reported by ``ble_config`` when given (dual-mode modules)
    :param serial_number: reported as property 1.5 once the module is in the cloud; None takes the description's
    :param misbehave: names out of :data:`MISBEHAVIOURS`
    :param updated_version: the version after a firmware update; the next number by default
    :param rng: where drifting sensors get their chance from
    :raises SpecError: a model, version, serial number or misbehaviour that is none
    :ivar actions: what actions do, by (siid, aiid); those not listed succeed
    :ivar methods: what other methods answer, by name: a hook gets the MCU and the words after the method, and returns
        the values of the ``result``, or None for the ``error``
    :ivar misbehave: the misbehaviours that are switched on, a set that may be changed at any time
    :ivar mute_properties: (siid, piid) pairs; a get or set with one of them is left unanswered
    :ivar mute_actions: (siid, aiid) pairs that are left unanswered
    :ivar update_answer: ``"ready"`` or ``"busy"``, the answer to ``update_fw``; None leaves it unanswered
    :ivar bootloader: how its bootloader behaves, and when it leaves for it
    :ivar hooks: what becomes of errors in ``on_told`` and ``on_image``
    :ivar on_update: called with the instant when the module has acknowledged ``"ready"``, in place of the transfer
    :ivar on_told: called with what happens to its firmware, in words for people; else it is logged
    :ivar on_image: called with an image that was taken, before it is started
    :ivar model_guessed: whether nobody said which model it is, see :class:`~miio_lan.device.description.spec.Spec`
    :ivar image: the firmware that came last, None before any
    :ivar slow_time: seconds to an answer while ``"slow"`` is on
    :ivar reply_time: seconds after which a line counts as unanswered
    :ivar net: the network state the module told last, empty before it told any
    :ivar counters: lines sent by command word, and what was lost or ignored
    """

    def __init__(
        self,
        spec: Spec,
        *,
        model: str | None = None,
        version: str = "0001",
        poll_interval: float = RECOMMENDED_POLL_INTERVAL,
        ble_pid: int | None = None,
        serial_number: str | None = None,
        misbehave: Collection[str] = (),
        updated_version: str | None = None,
        rng: random.Random | None = None,
    ) -> None:
        if Spec.checked(spec) is None:
            raise SpecError("an MCU needs a description: give a Spec, such as Spec.shipped()")
        self.spec = spec
        self.model = model or spec.model
        self.model_guessed = not model and spec.model_guessed
        self.version = version
        self.updated_version = updated_version
        self.ble_pid = ble_pid
        check_identity(self)
        self.poll_interval = checked_seconds("poll_interval", poll_interval, zero=True)
        self.table = PropertyTable(spec)
        self.misbehave = Misbehaviours(misbehave)
        self.actions: dict[Iid, ActionHook] = usual_actions(spec)
        self.methods: dict[str, MethodHook] = {}
        self.mute_properties: set[Iid] = set()
        self.mute_actions: set[Iid] = set()
        self.update_answer: str | None = "ready"
        self.bootloader = BootloaderSettings()
        self.hooks = Hooks()
        self.on_update: Callable[[float], None] | None = None
        self.on_told: Callable[[str], object] | None = None
        self.on_image: Callable[[bytes], object] | None = None
        self.image: bytes | None = None
        self.slow_time = SLOW
        self.reply_time = REPLY_TIME
        self.net = ""
        self.counters: Counter[str] = Counter()
        serial = spec.property(*SERIAL_NUMBER)
        self._has_serial = serial is not None and serial.format in TEXT_FORMATS
        if serial_number is not None:
            self.table.put(*SERIAL_NUMBER, serial_number)
        self._rng = rng if rng is not None else random.Random()
        self._drifts: list[Drift] = []
        self._running = False
        self._power_up()

    def _power_up(self) -> None:
        self._reader = LineReader()
        self._out = bytearray()
        self._outgoing = Outgoing(self.table, self.poll_interval, RETRY_INTERVAL)
        self._sent: _Sent | None = None
        self._transfer: Bootloader | None = None
        self._banners_unanswered = 0
        self._serial_due = self._has_serial
        self.net = ""

    @property
    def values(self) -> dict[Iid, Value]:
        """The current values by (siid, piid); change them by :meth:`set_local`, so that the change is reported."""
        return self.table.values

    def start(self, now: float) -> None:
        """Power up, or reset: everything unsent and half read is forgotten, values are kept, and it boots."""
        self._power_up()
        self._running = True
        self._outgoing.boot.extend(boot_lines(self))
        if "banners" in self.misbehave:
            self._out += (BANNER + end_of_line(self.misbehave)) * 2
        self._advance(now)

    def stop(self) -> None:
        """Power down: nothing is sent or heard until the next :meth:`start`."""
        self._power_up()
        self._running = False

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes from the module, whatever they are."""
        if self._transfer is not None:
            self._transfer.receive(data, now)
            self._go_on_with(self._transfer, now)
        elif self._running:
            self._take(self._reader.feed(data, now), now)

    def tick(self, now: float) -> None:
        """Do what is due; see :attr:`deadline`."""
        if not self._running:
            return
        for drift in self._drifts:
            if now >= drift.due:
                drift.due = now + drift.every
                self.put(*drift.prop.iid, drift.step(self.values[drift.prop.iid], self._rng))
        if self._transfer is not None:
            self._transfer.tick(now)
            self._go_on_with(self._transfer, now)
        else:
            self._take(self._reader.tick(now), now)

    def take_output(self) -> bytes:
        """Drain what is to be sent to the module."""
        data = bytes(self._out)
        self._out.clear()
        return data

    @property
    def deadline(self) -> float | None:
        """When :meth:`tick` is next wanted, monotonic seconds; None while it is switched off."""
        if not self._running:
            return None
        self._tune()
        times = [drift.due for drift in self._drifts]
        if self._transfer is not None:
            mine = self._transfer.deadline
        else:
            times += [at for at in (self._reader.deadline,) if at is not None]
            mine = self._sent.deadline if self._sent else self._outgoing.deadline()
        times += [mine] if mine is not None else []
        return min(times, default=None)

    def set_local(self, siid: int, piid: int, value: Value, now: float) -> None:
        """Change a value from the product's side (a button, a sensor); a change is reported if the property notifies.

        :raises SpecError: no such property, or no value of it
        """
        self.put(siid, piid, value)
        self._advance(now)

    def put(self, siid: int, piid: int, value: Value) -> None:
        """Change a value like :meth:`set_local`, from within a hook: the report goes out when its turn comes."""
        if self.table.put(siid, piid, value) and self.table.require(siid, piid).notifies:
            self._outgoing.report([(siid, piid)])

    def raise_event(self, siid: int, eiid: int, args: Mapping[int, Value] | None, now: float) -> bool:
        """Raise an event; arguments not given are the current values. False when too many are waiting.

        :raises SpecError: no such event, an argument it does not have, or a value that is none
        """
        taken = self.emit(siid, eiid, args)
        self._advance(now)
        return taken

    def emit(self, siid: int, eiid: int, args: Mapping[int, Value] | None = None) -> bool:
        """Raise an event like :meth:`raise_event`, from within a hook: it goes out when its turn comes."""
        event = self.spec.event(siid, eiid)
        if event is None:
            raise SpecError(f"{self.model} has no event {siid}.{eiid}")
        uplink = OutgoingLine("event_occured", ((siid, eiid), *self.table.event_arguments(event, args)))
        if not uplink.fits():
            raise SpecError(f"event {event.name} with these arguments is longer than a line may be")
        if not self._running or not self._outgoing.event(uplink):
            return False  # what is refused changes nothing
        for piid, value in (args or {}).items():
            self.table.put(siid, piid, value)
        return True

    def reset_network(self, now: float) -> None:
        """Have the module forget its network, as a user's reset keys do: ``restore``, repeated until ``ok``."""
        self._outgoing.ask(OutgoingLine("restore"))
        self._advance(now)

    def vary(self, siid: int, piid: int, *, every: float, by: float = 1, now: float) -> None:
        """Let a property change by itself every so many seconds, a number by at most ``by``.

        :raises SpecError: no such property, or one that is a text
        """
        drift = Drift(self.table.require(siid, piid), every, by, now)
        drift.due += every
        self._drifts = [other for other in self._drifts if other.prop is not drift.prop] + [drift]

    # What comes in

    def _take(self, lines: Sequence[Line], now: float) -> None:
        for line in lines:
            if self._transfer is None:  # what comes behind a line that begins one is not for the application
                self._on_line(line, now)
        if self._sent is not None and now >= self._sent.deadline:
            self.counters["unanswered"] += 1
            self._settle(self._sent, None, now)
        self._advance(now)

    def _on_line(self, line: Line, now: float) -> None:
        text = line.text.removeprefix("# ")  # the prompt of a module whose echo is on
        if UNFINISHED in line.problems:
            self.counters["unfinished"] += 1
        elif self._sent is not None and text == self._sent.text:
            self.counters["echoed"] += 1
        elif text.startswith("down "):
            self._on_down(line, split(text), now)
        elif text == "ok" or text.split(" ", 1)[0] == "error":
            self._on_reply(text == "ok", now)
        else:
            self.counters["ignored"] += 1

    def _on_reply(self, accepted: bool, now: float) -> None:
        sent = self._sent
        if sent is None or (accepted and sent.uplink is GET_DOWN):
            self.counters["stray"] += 1
        elif not accepted and sent.uplink.is_answer and self._banners_unanswered > 0:
            # The module's complaint about the banner, not about the answer behind it.
            self._banners_unanswered -= 1
        else:
            self._settle(sent, accepted, now)

    def _settle(self, sent: _Sent, accepted: bool | None, now: float) -> None:
        self._sent = None
        self._outgoing.settled(sent.uplink, accepted=accepted, now=now, once="boots-once" in self.misbehave)
        self._outgoing.report(sent.changed)
        if accepted is False:
            self.counters["refused"] += 1
        if accepted and sent.uplink.words == ('"ready"',):
            if self.on_update is not None:
                self.on_update(now)
            else:
                self._enter_bootloader(now, polls=False)

    def _enter_bootloader(self, now: float, *, polls: bool) -> None:
        """Leave the application; ``polls`` when the module knows nothing of it yet."""
        self._sent = None
        self._reader = LineReader()
        self._transfer = Bootloader(now, self.bootloader, polls=polls, tell=partial(tell, self))
        self._go_on_with(self._transfer, now)

    def _go_on_with(self, bootloader: Bootloader, now: float) -> None:
        """Say what the bootloader has to say; when it is over, restart with the new firmware or the old one."""
        self._out += (said := bootloader.take_output())
        if not bootloader.over:
            return
        leave_bootloader(self, bootloader)
        self.start(now)
        self._out[:0] = said  # the restart comes after the last word

    def _on_down(self, line: Line, words: list[str], now: float) -> None:
        if self._sent is not None and self._sent.uplink is GET_DOWN:
            self._sent = None
        method, arguments = words[1], words[2:]
        if resets_on(self, method, arguments):
            self._enter_bootloader(now, polls=True)
            return
        if method == "MIIO_net_change":
            self._on_net(arguments)
        if method in UNANSWERED:
            return
        if method in ("MIIO_mcu_version_req", "MIIO_model_req"):
            self._on_identity(method)
            return
        whole = len(line.raw) < KEPT
        outcome = (
            answers.outcome(self, method, arguments) if whole else answers.refusal(method, answers.TOO_LONG)
        )
        if outcome is None or "silent" in self.misbehave:
            self.counters["left unanswered"] += 1
            return
        self._queue(outcome, now)

    def _queue(self, outcome: Execution, now: float) -> None:
        told = () if "no-report" in self.misbehave else self._notifying(outcome.changed)
        early = "report-before-result" in self.misbehave
        if early:
            self._outgoing.report(told)
        due = now + self.slow_time if "slow" in self.misbehave else now
        answer = PendingAnswer(outcome.uplink, due, () if early else told, after_reports=early)
        if not self._outgoing.answer(answer):
            self.counters["overrun"] += 1

    def _notifying(self, changed: Sequence[Iid]) -> tuple[Iid, ...]:
        return tuple(iid for iid in changed if self.table.require(*iid).notifies)

    def _on_net(self, arguments: Sequence[str]) -> None:
        self.net = " ".join(arguments)
        if self.net == "cloud" and self._serial_due and self.values[SERIAL_NUMBER]:
            self._serial_due = False
            self._outgoing.report([SERIAL_NUMBER])

    def _on_identity(self, method: str) -> None:
        if "ignores-version-request" in self.misbehave:
            self.counters["left unanswered"] += 1
        elif method == "MIIO_model_req":
            self._outgoing.ask(model_line(self))
        else:
            self._outgoing.ask(version_line(self))

    # What goes out

    def _tune(self) -> None:
        """Follow what can be switched at any time."""
        fast = "polls-too-fast" in self.misbehave
        outgoing = self._outgoing
        outgoing.poll_interval = min(self.poll_interval, FAST_POLLS) if fast else self.poll_interval
        outgoing.polls = "never-polls" not in self.misbehave

    def _advance(self, now: float) -> None:
        self._tune()
        while self._running and self._sent is None and self._transfer is None:
            item = self._outgoing.next(now)
            if item is None:
                return
            self._send(item, now)

    def _send(self, item: OutgoingLine | PendingAnswer, now: float) -> None:
        uplink, changed = (item.uplink, item.changed) if isinstance(item, PendingAnswer) else (item, ())
        data = write(uplink, self.misbehave)
        self.counters[uplink.kind] += 1
        self._banners_unanswered = 1 if "banners" in self.misbehave and uplink.is_answer else 0
        text = " ".join(uplink.tokens())
        self._sent = _Sent(uplink, text, now + self.reply_time, changed)
        if len(self._out) + len(data) <= MAX_UNSENT:
            self._out += data
        else:
            self.counters["lost"] += 1
        if runs_on(uplink, self.misbehave):
            # Nobody answers half a line: go on as if it had been taken.
            self._sent = None
            self._outgoing.report(changed)
