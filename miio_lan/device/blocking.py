"""The blocking device, with the names and meanings of python-miio's ``Device``."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from miio_lan.device import arguments
from miio_lan.device.command import command
from miio_lan.device.info import DeviceInfo
from miio_lan.device.ota.progress import UpdateProgress, UpdateState, update_parameters
from miio_lan.device.protocol import ProtocolView
from miio_lan.device.steps import calls, updating
from miio_lan.device.steps.calls import Ask, PropertyTest, Steps
from miio_lan.device.steps.carrying import arguments_of, carry_out
from miio_lan.errors import (
    DeviceException,
    DeviceInfoUnavailableException,
    InvalidArgument,
    UnsupportedFeatureException,
)
from miio_lan.foreign import printable
from miio_lan.given import checked_flag
from miio_lan.lan.cipher import parse_token
from miio_lan.lan.client.blocking import Connection
from miio_lan.lan.client.incoming.pushes import Push
from miio_lan.lan.client.session import Session
from miio_lan.lan.packet import PORT, Packet
from miio_lan.record.redact.secret import as_secret

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

    import click

    from miio_lan.device.ota.blocking import FirmwareInstall
    from miio_lan.device.ota.outcome import UpdatePhase, UpdateResult
    from miio_lan.device.telling.blocking import Telling
    from miio_lan.paths import FilePath
    from miio_lan.record import Observer

Result = TypeVar("Result")


class Device:
    """A product on the local network, spoken to through its Wi-Fi module.

    May be used from several threads; use it as a context manager, or call :meth:`close`, to free its socket early.
    All methods that talk to the device raise :class:`miio_lan.DeviceException` or one of its kinds: see
    :meth:`send`.

    :param ip: address or host name of the device
    :param token: 32 hexadecimal digits; None for a device that is not set up yet and shows its own
    :param start_id: id to count on from; 0 for a random start, which is what devices like best
    :param debug: above 0, what is sent and received is logged (secrets hidden) at level DEBUG
    :param lazy_discover: False greets the device before every command instead of only when needed
    :param timeout: seconds per attempt; None for the class's ``timeout``
    :param model: the model, where it is known or the device does not tell it
    :param port: UDP port
    :param source_ip: local address to send from, on machines with several; one of IPv6 makes a name's IPv6 address
        the one that is used
    :param max_in_flight: commands under way at one time; small devices drop what they cannot hold
    :param observer: told of all that crosses the wire, as :class:`miio_lan.record.Record`
    :raises InvalidTokenException: (a ``ValueError``) for what is no token
    :raises InvalidArgument: (a ``ValueError``) for other arguments that cannot be right
    """

    #: Further attempts after the first one.
    retry_count: int = 3
    #: Seconds per attempt.
    timeout: float = 5
    #: Models a subclass is meant for.
    supported_models: ClassVar[list[str]] = []
    # Classes written for python-miio say so in one of these.
    _supported_models: ClassVar[Sequence[str]] = ()
    _mappings: ClassVar[dict[str, Any]] = {}
    # Set by test doubles that never call __init__.
    _model: str | None = None
    _info: DeviceInfo | None = None
    _telling: Telling | None = None
    _protocol: Any = cached_property(ProtocolView)

    def __init__(
        self,
        ip: str | IPv4Address | IPv6Address | None = None,
        token: str | None = None,
        start_id: int = 0,
        debug: int = 0,
        lazy_discover: bool = True,
        timeout: float | None = None,
        *,
        model: str | None = None,
        port: int = PORT,
        source_ip: str | IPv4Address | IPv6Address | None = None,
        max_in_flight: int = 1,
        observer: Observer | None = None,
    ) -> None:
        # From here on, whoever shows the variables of a frame or of this object shows no token, right or wrong.
        token = as_secret(token)
        self.ip = ip = arguments.checked_address(ip)
        self.token = token
        self.debug = arguments.checked_whole("debug", debug)
        self.timeout = arguments.checked_timeout(self.timeout if timeout is None else timeout)
        self._model = arguments.checked_model(model)
        self._info: DeviceInfo | None = None
        self._progress = UpdateProgress()
        arguments.checked_in_flight(max_in_flight)
        arguments.checked_port(port)
        peer = ip or "the device"
        session = Session(
            None if token is None else parse_token(token),
            peer=peer if port == PORT else f"{peer}:{port}",
            start_id=arguments.checked_whole("start_id", start_id),
            lazy_discover=checked_flag("lazy_discover", lazy_discover),
            max_in_flight=max_in_flight,
        )
        tell = None
        if arguments.checked_observer(observer) is not None or debug > 0:
            from miio_lan.device.tracing import teller  # most programs observe nothing

            tell = teller(observer, debug, peer)
        source = arguments.checked_address(source_ip, "source_ip") or None
        self._connection = Connection(ip or "", session, port=port, source_ip=source, tell=tell)

    @classmethod
    def from_name(cls, name: str, *, path: FilePath | None = None, **options: Any) -> Self:
        """Make the device of that name; ``miio-lan device add`` gives names.

        Where the file has its did, the device is looked for when it has another address, which the file gets then.

        :param path: the file of names, in place of the user's
        :param options: further arguments of the class
        :raises DevicesFileError: (a ``ValueError``) if there is no such name, or the file cannot be read
        """
        from miio_lan.device.fleet.following import Follower  # most programs have addresses

        follower = Follower(name, path)
        made = cls(**(follower.options() | options))
        made._model = made._model or follower.device.model
        follower.lead(made, made._connection)
        return made

    @cached_property
    def _call(self) -> threading.local:
        # Of each thread: when the call it is in ends, which may consist of several commands. Two threads may come first
        # at one time, and get the same.
        own: threading.local = vars(self).setdefault("_call", threading.local())
        return own

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # Classes written for python-miio name their models in either of these.
        if "supported_models" not in vars(cls) and (models := list(cls._mappings or cls._supported_models)):
            cls.supported_models = models

    def __repr__(self) -> str:
        model = f" {self._model}" if self._model else ""
        return printable(f"<{type(self).__name__}{model} at {self.ip}>")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Free the socket; what other threads wait for ends with an error, and no callback is called any more.

        A later command opens another one; a later :meth:`next_push` subscribes again.
        """
        if self._telling is not None:
            self._telling.close()
        self._connection.close()
        if self._telling is not None:
            self._telling.stop()

    # --- the wire ----------------------------------------------------------------------------------------------

    def send(
        self,
        command: str,
        parameters: Any = None,
        retry_count: int | None = None,
        *,
        extra_parameters: Mapping[str, Any] | None = None,
        repeat_safe: bool | None = None,
        timeout: float | None = None,
    ) -> Any:
        """Send a command and give its result.

        The call ends, with a result or an error, within ``timeout * (1 + retry_count)`` seconds. Within that time, a
        read or an absolute set (``set_properties``) is sent again when its answer is overdue. Anything else is sent
        once, unless it surely did not run, or the device was seen to ignore repeated ids.

        :param parameters: list or object; None sends an empty list
        :param retry_count: further attempts after the first one; None for the device's ``retry_count``; 0 puts exactly
            one datagram with the command on the wire, whatever the command
        :param extra_parameters: further top-level keys of the request, e.g. a gateway's ``sid``
        :param repeat_safe: whether it may be executed twice; None decides by name (reads and ``set_properties`` may)
        :param timeout: seconds per attempt; None for the device's ``timeout``
        :raises DeviceError: if the device says no; :class:`miio_lan.McuTimeout` if its MCU does not answer
        :raises DeviceTimeout: if no answer came; :class:`miio_lan.OutcomeUnknown` if the command may have run
        :raises PayloadDecodeException: if the device answers, but not readably
        :raises RequestTooLong: if the request does not fit the 1000 bytes that devices accept
        :raises DeviceException: if the address cannot be used

        Every error has ``may_have_run``: whether the command may have been executed.
        """
        command = arguments.checked_command(command)
        wire = self._protocol
        if not isinstance(wire, ProtocolView) and wire is not None:
            # What python-miio's own test doubles put in its place.
            return wire.send(
                command, parameters, self._retries(retry_count), extra_parameters=extra_parameters
            )
        return self._reachable().call(
            command,
            [] if parameters is None else parameters,
            timeout=arguments.checked_timeout(self.timeout if timeout is None else timeout),
            retry_count=self._retries(retry_count),
            repeat_safe=arguments.checked_safe(repeat_safe),
            extra=arguments.checked_members("extra_parameters", extra_parameters),
            deadline=getattr(self._call, "deadline", None),
        )

    def send_handshake(self) -> Packet:
        """Greet the device and give its answer (did, stamp).

        :raises DeviceTimeout: if it does not answer
        """
        answer = self._reachable().handshake(
            timeout=arguments.checked_timeout(self.timeout),
            retry_count=self._retries(None),
            deadline=getattr(self._call, "deadline", None),
        )
        assert isinstance(answer, Packet)  # noqa: S101 - handshakes end with nothing else
        return answer

    @property
    def device_id(self) -> int:
        """Device id (did); greets the device if it is not known yet."""
        known = self._connection.session.device_id
        return self.send_handshake().device_id if known is None else known

    @property
    def raw_id(self) -> int:
        """Last used message id."""
        return self._connection.session.last_id

    @property
    def mended(self) -> tuple[str, ...]:
        """What had to be mended in this device's replies so far, each kind once; empty for most devices."""
        return tuple(self._connection.session.mended)

    def _reachable(self) -> Connection:
        if not self.ip:
            raise InvalidArgument("this device was made without an address: give Device(ip=...)")
        return self._connection

    def _retries(self, retry_count: int | None) -> int:
        count = self.retry_count if retry_count is None else retry_count
        return arguments.checked_retries(count)

    def _perform(self, steps: Steps[Result], *, bounded: bool = True) -> Result:
        """Carry out the steps of a call; errors go to the step that caused them.

        :param bounded: whether all steps together end by one deadline, that of a single command
        """
        outer = getattr(self._call, "deadline", None)
        try:  # an interruption (Ctrl-C) may come as soon as the deadline is there, and leaves none behind
            if bounded and outer is None:
                self._limit()
            return carry_out(steps, self._ask)
        finally:
            self._call.deadline = outer

    def _limit(self) -> None:
        """Have all calls of this thread end by the deadline of a single command, from now on."""
        with suppress(InvalidArgument):  # which the first command says better
            seconds = arguments.checked_patience(self.timeout, self.retry_count)
            self._call.deadline = time.monotonic() + seconds

    @contextmanager
    def _one_deadline(self) -> Iterator[None]:
        """Have all that is done in this context end by one deadline: of a single command, or of the call around it."""
        outer = getattr(self._call, "deadline", None)
        try:
            if outer is None:
                self._limit()
            yield
        finally:
            self._call.deadline = outer

    @contextmanager
    def _within(self, deadline: float) -> Iterator[None]:
        """Have all calls of this thread end by an instant (monotonic seconds), as long as this context lasts."""
        outer = getattr(self._call, "deadline", None)
        try:
            self._call.deadline = deadline
            yield
        finally:
            self._call.deadline = outer

    def _ask(self, ask: Ask) -> Any:
        own = type(self).send is Device.send and "send" not in vars(self)
        given, more = arguments_of(ask, None if own else self.send)
        return self.send(*given, **more)

    # --- commands every product knows --------------------------------------------------------------------------

    @command
    def info(self, *, skip_cache: bool = False) -> DeviceInfo:
        """Get model, versions and network as the device tells them; asked once, then remembered.

        :raises DeviceInfoUnavailableException: if the device does not tell
        """
        if self._info is None or skip_cache:
            self._info = self._fetch_info()
            if self._model is None:
                self._model = self._info.model
                self._check_model()
        return self._info

    def _fetch_info(self) -> DeviceInfo:
        """Ask the device for what :meth:`info` gives; a subclass may ask otherwise.

        :raises DeviceInfoUnavailableException: if the device does not tell
        """
        return self._perform(calls.fetch_info())

    @property
    def model(self) -> str:
        """Device model: as given, else as the device tells it.

        :raises DeviceInfoUnavailableException: if it is not given and the device does not tell
        """
        # An interruption of info() may leave what was told without the model that is taken from it.
        model = self.info().model if self._model is None else self._model
        if model is None:
            raise DeviceInfoUnavailableException("the device does not tell its model: give Device(model=...)")
        return str(model)

    def _check_model(self) -> None:
        if self.supported_models and self._model not in self.supported_models:
            import logging  # most programs name no models

            logging.getLogger(__name__).warning(
                "%s is not among the models %s is meant for", self._model, type(self).__name__
            )

    @command
    def raw_command(self, command: str, parameters: Any = None) -> Any:
        """Send any command and give its result; errors as :meth:`send`."""
        return self.send(command, parameters)

    def get_properties(
        self,
        properties: Sequence[Any],
        *,
        property_getter: str = "get_prop",
        max_properties: int | None = None,
    ) -> list[Any]:
        """Request properties in slices, and give their values in one list.

        :param properties: names, or whatever the getter takes
        :param property_getter: the command that reads them
        :param max_properties: how many one request asks for; None for as many as fit a datagram
        """
        wanted = arguments.checked_list("properties", properties)
        getter = arguments.checked_command(property_getter)
        return self._perform(calls.read_slices(wanted, getter, max_properties))

    @command
    def test_properties(self, properties: Sequence[str]) -> PropertyTest:
        """Find out which properties a legacy product knows, and how many one request can ask for.

        Each request has a deadline of its own: many of them are expected to fail.
        """
        return self._perform(calls.try_properties(arguments.checked_names(properties)), bounded=False)

    def configure_wifi(
        self, ssid: str, password: str, uid: int = 0, extra_params: Mapping[str, Any] | None = None
    ) -> Any:
        """Tell the device which Wi-Fi to join; ``ok`` means understood, not joined.

        :param ssid: network name, 1 to 32 bytes
        :param password: at most 64 bytes
        :param uid: owner's account, 0 for local use
        :param extra_params: further parameters, e.g. ``tz`` or ``gmt_offset``
        """
        ssid, password = as_secret(ssid), as_secret(password)
        try:
            return self.send("miIO.config_router", calls.wifi_parameters(ssid, password, uid, extra_params))
        except DeviceException as error:
            # The frames further down have what was sent, as it was sent, among their variables.
            raise error.with_traceback(None) from None

    # --- firmware update ---------------------------------------------------------------------------------------

    def update(self, url: str, md5: str) -> bool:
        """Start an OTA update: the device itself fetches the file.

        :param url: where it does, beginning with ``http``; must be reachable from the device
        :param md5: checksum of the file, 32 hexadecimal digits
        :returns: whether the device took the request, which does not mean that it will act on it
        """
        self._progress.restart()
        return calls.accepted(self.send("miIO.ota", update_parameters(url, md5)))

    def update_progress(self) -> int:
        """Return the current update progress, 0 to 100; it never runs backwards during an update.

        A device that is not updating any more is asked for its state, too: one that failed does not show 100.
        """
        return self._perform(updating.read_progress(self._progress))

    def update_state(self) -> UpdateState:
        """Return the current update state."""
        return UpdateState(calls.single(self.send("miIO.get_ota_state")))

    def installing(self, source: FilePath | bytes, **options: Any) -> FirmwareInstall:
        """Make an update of this device, to iterate over (``for phase in ...``) or to run.

        :param options: those of :meth:`install_firmware`, and ``pace``
        """
        from miio_lan.device.ota.blocking import FirmwareInstall  # most programs install nothing

        return FirmwareInstall(self, self._reachable(), source, until=self._within, **options)

    def install_firmware(
        self,
        source: FilePath | bytes,
        *,
        md5: str | None = None,
        version: str | None = None,
        timeout: float | None = None,
        address: str | None = None,
        port: int = 0,
        on_phase: Callable[[UpdatePhase], object] | None = None,
    ) -> UpdateResult:
        """Install a firmware and prove it: serve the file, ask the device to fetch it, follow it to its end.

        :meth:`update` only asks. This one looks at what the device says and does, and tells success only when the
        module restarted and tells another version, or the MCU does.

        :param source: path or content of a file, which is served to the device alone; or a url
        :param md5: checksum of the file; needed beside a url, else compared with the file's own
        :param version: the version the firmware has, where it is known
        :param timeout: seconds for all of it, 900 by default
        :param address: this computer's address that the device is told; by default the one of the route to it
        :param port: TCP port the file is served at; 0 for a free one
        :param on_phase: called with each phase, a :class:`miio_lan.device.ota.outcome.UpdatePhase`
        :returns: how it ended; ``proven`` is False where nothing proves that the firmware is installed
        :raises UpdateFailed: if it failed, with the same in ``result``
        :raises InvalidArgument: (a ``ValueError``) for what no device could install
        """
        where: dict[str, Any] = {"address": address, "port": port}
        install = self.installing(source, md5=md5, version=version, timeout=timeout, **where)
        return install.run(on_phase)

    # --- what the device tells unasked -------------------------------------------------------------------------

    def subscribe(
        self,
        callback: Callable[[Push], object] | None = None,
        *,
        poll: Sequence[Any] | None = None,
        every: float | None = None,
    ) -> None:
        """Ask the device to tell property changes and events by itself, for :meth:`next_push` or a callback.

        The subscription is kept: whoever waits or sends anything looks every 30 s whether the device still has it, and
        subscribes again after a restart, with a new socket and at a new address.

        :param callback: called for each, in a thread of its own, until :meth:`unsubscribe` or :meth:`close`; what it
            raises is logged
        :param poll: properties to read now and then where the device cannot tell changes, as :meth:`get_properties`
            takes them (pairs of siid and piid will do); what differs from the reading before is told, with id 0
        :param every: seconds between two readings, 5 by default, at least 0.1
        :raises UnsupportedFeatureException: if it cannot, and ``poll`` is not given
        :raises DeviceError: if it refuses
        :raises DeviceException: if the system gives no thread for the callback; all is as before then
        """
        from miio_lan.device.telling.blocking import Telling  # most programs never subscribe

        # Two threads may subscribe first at one time, and get the same.
        telling: Telling = vars(self).setdefault("_telling", Telling(self._connection))
        with self._one_deadline():
            deadline = getattr(self._call, "deadline", None)
            telling.begin(self, callback, poll, every, self._within, deadline)

    def next_push(self, timeout: float) -> Push | None:
        """Wait for the next thing the device tells unasked; repeats are left out.

        :param timeout: seconds to wait; 0 looks what has arrived. Where properties are read instead, a reading that is
            due may take a second more; so may looking up a host name
        :returns: method, params and instant; None when nothing came
        :raises UnsupportedFeatureException: without :meth:`subscribe`
        :raises DeviceTimeout: if nothing came, and the device does not say whether it still has the subscription, for
            as long as a command would be waited for; told once in that time, while the subscription is tried again
        :raises DeviceException: if the device is closed meanwhile; the next call opens it again
        """
        if self._telling is None:
            arguments.checked_wait(timeout)
            raise UnsupportedFeatureException("subscribe() first")
        return self._telling.next(self, timeout, self._within)

    def attend_pushes(self, timeout: float) -> bool:
        """Wait for the next thing the device tells unasked, and leave it to :meth:`next_push`; for observers.

        :param timeout: seconds to wait at most
        :returns: False, at once, where nobody has to: without :meth:`subscribe`, or where a callback is told
        :raises DeviceException: if the device is closed meanwhile
        """
        return self._telling is not None and self._telling.attend(timeout)

    def unsubscribe(self) -> None:
        """End the subscription; nothing happens where there is none."""
        if self._telling is not None:
            with self._one_deadline():  # also for waiting behind another thread that subscribes
                self._telling.end(self)

    @classmethod
    def get_device_group(cls) -> click.Group:
        """Build the click group of this class: one command for each method marked with ``@command``."""
        from miio_lan.click_common import DeviceGroup  # click is loaded by those who want a command line

        return DeviceGroup(cls)
