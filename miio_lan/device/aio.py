"""The device of an event loop: the same calls as the blocking one, to be awaited."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from contextvars import ContextVar, copy_context
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from miio_lan.device import arguments
from miio_lan.device.info import DeviceInfo
from miio_lan.device.ota.progress import UpdateProgress, UpdateState, update_parameters
from miio_lan.device.steps import calls, updating
from miio_lan.device.steps.calls import Ask, PropertyTest, Steps
from miio_lan.device.steps.carrying import arguments_of, carry_out_awaiting
from miio_lan.device.tracing import teller
from miio_lan.errors import DeviceException, DeviceInfoUnavailableException, InvalidArgument
from miio_lan.foreign import printable
from miio_lan.given import checked_flag
from miio_lan.lan.cipher import parse_token
from miio_lan.lan.client.aio import AsyncConnection
from miio_lan.lan.client.session import Session
from miio_lan.lan.packet import PORT, Packet
from miio_lan.record.redact import as_secret

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

    from miio_lan.device.ota.aio import AsyncFirmwareInstall
    from miio_lan.device.ota.outcome import UpdatePhase, UpdateResult
    from miio_lan.device.telling.aio import AsyncTelling
    from miio_lan.lan.client.incoming.pushes import Push
    from miio_lan.paths import FilePath
    from miio_lan.record import Observer

_LOGGER = logging.getLogger(__name__)

Result = TypeVar("Result")


class _Limit:
    """When the calls of a task end (monotonic seconds), as long as the block lasts that says so.

    The context of a block is copied into tasks that outlive it. Some of them are made by others: whoever is called back
    by the socket has the context in which that was opened.
    """

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.over = False


#: The blocks that a task is in, or was made in.
_LIMITS: ContextVar[tuple[_Limit, ...]] = ContextVar("limits of calls", default=())


def _deadline() -> float | None:
    return min((each.deadline for each in _LIMITS.get() if not each.over), default=None)


@contextmanager
def until(deadline: float | None) -> Iterator[None]:
    """Have all calls of the task end by a deadline (monotonic seconds) at the latest; an earlier one stays.

    So do those of tasks that are made inside, until this ends.
    """
    if deadline is None:
        yield
        return
    limit = _Limit(deadline)
    # Without those that are over: tasks that make tasks, one after the other, would collect them.
    mark = _LIMITS.set((*(each for each in _LIMITS.get() if not each.over), limit))
    try:
        yield
    finally:
        limit.over = True
        _LIMITS.reset(mark)


class AsyncDevice:
    """A product on the local network, for programs with an event loop.

    Arguments, results, errors and deadlines are those of :class:`miio_lan.Device`. All devices of a loop share a
    socket. A call whose task is cancelled, or that is in a time-out that ends, is withdrawn at once; whether its
    command was executed then is not known. Belongs to the loop it is first used in, until that ends.

    Use it as an asynchronous context manager, or await :meth:`close`, to leave the socket early.

    :param ip: address or host name of the device
    :param token: 32 hexadecimal digits; None for a device that is not set up yet and shows its own
    :param start_id: id to count on from; 0 for a random start, which is what devices like best
    :param debug: above 0, what is sent and received is logged (secrets hidden) at level DEBUG
    :param lazy_discover: False greets the device before every command instead of only when needed
    :param timeout: seconds per attempt; None for the class's ``timeout``
    :param model: the model, where it is known or the device does not tell it
    :param port: UDP port
    :param source_ip: local address to send from, on machines with several
    :param max_in_flight: commands under way at one time; small devices drop what they cannot hold
    :param observer: told of all that crosses the wire, as :class:`miio_lan.record.Record`, in the loop's thread
    :raises InvalidTokenException: (a ``ValueError``) for what is no token
    :raises InvalidArgument: (a ``ValueError``) for other arguments that cannot be right
    """

    #: Further attempts after the first one.
    retry_count: int = 3
    #: Seconds per attempt.
    timeout: float = 5
    #: Models a subclass is meant for.
    supported_models: ClassVar[Sequence[str]] = ()

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
        self._telling: AsyncTelling | None = None
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
        tell = teller(arguments.checked_observer(observer), debug, peer)
        source = arguments.checked_address(source_ip, "source_ip") or None
        self._connection = AsyncConnection(ip or "", session, port=port, source_ip=source, tell=tell)

    @classmethod
    def from_name(cls, name: str, *, path: FilePath | None = None, **options: Any) -> Self:
        """Make the device of that name; arguments and errors are those of :meth:`miio_lan.Device.from_name`.

        Where the file has its did, the device is looked for, by the loop, before the first command and after silence.
        """
        from miio_lan.device.fleet.following import Follower  # most programs have addresses

        follower = Follower(name, path)
        made = cls(**(follower.options() | options))
        made._model = made._model or follower.device.model
        follower.lead_async(made, made._connection)
        return made

    def __repr__(self) -> str:
        model = f" {self._model}" if self._model else ""
        return printable(f"<{type(self).__name__}{model} at {self.ip}>")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Leave the socket; what other tasks wait for ends with an error, and no callback is called any more.

        A later command joins again; a later :meth:`next_push` subscribes again.
        """
        self._connection.close()
        if self._telling is not None:
            await self._telling.stop()

    # --- the wire ----------------------------------------------------------------------------------------------

    async def send(
        self,
        command: str,
        parameters: Any = None,
        retry_count: int | None = None,
        *,
        extra_parameters: Mapping[str, Any] | None = None,
        repeat_safe: bool | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - of an attempt
    ) -> Any:
        """Send a command and give its result; rules, arguments and errors are those of :meth:`miio_lan.Device.send`.

        The call ends, with a result or an error, within ``timeout * (1 + retry_count)`` seconds, waiting for its turn
        included.

        :param retry_count: further attempts after the first one; None for the device's ``retry_count``; 0 puts exactly
            one datagram with the command on the wire, whatever the command
        :param extra_parameters: further top-level keys of the request, e.g. a gateway's ``sid``
        :param repeat_safe: whether it may be executed twice; None decides by name (reads and ``set_properties`` may)
        :param timeout: seconds per attempt; None for the device's ``timeout``
        :raises DeviceException: or one of its kinds; every error has ``may_have_run``
        """
        return await self._reachable().call(
            arguments.checked_command(command),
            [] if parameters is None else parameters,
            timeout=arguments.checked_timeout(self.timeout if timeout is None else timeout),
            retry_count=self._retries(retry_count),
            repeat_safe=arguments.checked_safe(repeat_safe),
            extra=arguments.checked_members("extra_parameters", extra_parameters),
            deadline=_deadline(),
        )

    async def send_handshake(self) -> Packet:
        """Greet the device and give its answer (did, stamp).

        :raises DeviceTimeout: if it does not answer
        """
        answer = await self._reachable().handshake(
            timeout=arguments.checked_timeout(self.timeout),
            retry_count=self._retries(None),
            deadline=_deadline(),
        )
        assert isinstance(answer, Packet)  # noqa: S101 - handshakes end with nothing else
        return answer

    async def device_id(self) -> int:
        """Give the device id (did); greets the device if it is not known yet."""
        known = self._connection.session.device_id
        return (await self.send_handshake()).device_id if known is None else known

    @property
    def raw_id(self) -> int:
        """Last used message id."""
        return self._connection.session.last_id

    @property
    def mended(self) -> tuple[str, ...]:
        """What had to be mended in this device's replies so far, each kind once; empty for most devices."""
        return tuple(self._connection.session.mended)

    def _reachable(self) -> AsyncConnection:
        if not self.ip:
            raise InvalidArgument("this device was made without an address: give AsyncDevice(ip=...)")
        return self._connection

    def _retries(self, retry_count: int | None) -> int:
        return arguments.checked_retries(self.retry_count if retry_count is None else retry_count)

    async def _perform(self, steps: Steps[Result], *, bounded: bool = True) -> Result:
        """Carry out the steps of a call; errors go to the step that caused them.

        :param bounded: whether all steps together end by one deadline, that of a single command
        """
        if not bounded:
            return await carry_out_awaiting(steps, self._ask)
        with self._one_deadline():
            return await carry_out_awaiting(steps, self._ask)

    def _one_deadline(self) -> AbstractContextManager[None]:
        """Have all that is done in this context end by one deadline: of a single command, or of the call around it."""
        deadline = None
        with suppress(InvalidArgument):  # which the first command says better
            deadline = time.monotonic() + arguments.checked_patience(self.timeout, self.retry_count)
        return until(deadline)

    async def _ask(self, ask: Ask) -> Any:
        own = type(self).send is AsyncDevice.send and "send" not in vars(self)
        given, more = arguments_of(ask, None if own else self.send)
        return await self.send(*given, **more)

    # --- commands every product knows --------------------------------------------------------------------------

    async def info(self, *, skip_cache: bool = False) -> DeviceInfo:
        """Get model, versions and network as the device tells them; asked once, then remembered.

        :raises DeviceInfoUnavailableException: if the device does not tell
        """
        if self._info is None or skip_cache:
            self._info = await self._perform(calls.fetch_info())
            if self._model is None:
                self._model = self._info.model
                self._check_model()
        return self._info

    async def model(self) -> str:
        """Give the device model: as given, else as the device tells it.

        :raises DeviceInfoUnavailableException: if it is not given and the device does not tell
        """
        model = (await self.info()).model if self._model is None else self._model
        if model is None:
            raise DeviceInfoUnavailableException(
                "the device does not tell its model: give AsyncDevice(model=...)"
            )
        return str(model)

    def _check_model(self) -> None:
        if self.supported_models and self._model not in self.supported_models:
            _LOGGER.warning("%s is not among the models %s is meant for", self._model, type(self).__name__)

    async def raw_command(self, command: str, parameters: Any = None) -> Any:
        """Send any command and give its result; errors as :meth:`send`."""
        return await self.send(command, parameters)

    async def get_properties(
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
        return await self._perform(calls.read_slices(wanted, getter, max_properties))

    async def test_properties(self, properties: Sequence[str]) -> PropertyTest:
        """Find out which properties a legacy product knows, and how many one request can ask for.

        Each request has a deadline of its own: many of them are expected to fail.
        """
        names = arguments.checked_names(properties)
        return await self._perform(calls.try_properties(names), bounded=False)

    async def configure_wifi(
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
            parameters = calls.wifi_parameters(ssid, password, uid, extra_params)
            return await self.send("miIO.config_router", parameters)
        except DeviceException as error:
            # The frames further down have what was sent, as it was sent, among their variables.
            parameters = {}
            raise error.with_traceback(None) from None

    # --- firmware update ---------------------------------------------------------------------------------------

    async def update(self, url: str, md5: str) -> bool:
        """Start an OTA update: the device itself fetches the file.

        :param url: where it does, beginning with ``http``; must be reachable from the device
        :param md5: checksum of the file, 32 hexadecimal digits
        :returns: whether the device took the request, which does not mean that it will act on it
        """
        self._progress.restart()
        return calls.accepted(await self.send("miIO.ota", update_parameters(url, md5)))

    async def update_progress(self) -> int:
        """Return the current update progress, 0 to 100; it never runs backwards during an update.

        A device that is not updating any more is asked for its state, too: one that failed does not show 100.
        """
        return await self._perform(updating.read_progress(self._progress))

    async def update_state(self) -> UpdateState:
        """Return the current update state."""
        return UpdateState(calls.single(await self.send("miIO.get_ota_state")))

    def installing(self, source: FilePath | bytes, **options: Any) -> AsyncFirmwareInstall:
        """Make an update of this device, to iterate over (``async for phase in ...``) or to run.

        :param options: those of :meth:`install_firmware`, and ``pace``
        """
        from miio_lan.device.ota.aio import AsyncFirmwareInstall  # most programs install nothing

        return AsyncFirmwareInstall(self, self._reachable(), source, until=until, **options)

    async def install_firmware(
        self,
        source: FilePath | bytes,
        *,
        md5: str | None = None,
        version: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - of the whole update
        address: str | None = None,
        port: int = 0,
        on_phase: Callable[[UpdatePhase], object] | None = None,
    ) -> UpdateResult:
        """Install a firmware and prove it; all as :meth:`miio_lan.Device.install_firmware` does.

        :raises UpdateFailed: if it failed, with all that was seen in ``result``
        """
        where: dict[str, Any] = {"address": address, "port": port}
        install = self.installing(source, md5=md5, version=version, timeout=timeout, **where)
        return await install.run(on_phase)

    # --- what it tells unasked ---------------------------------------------------------------------------------

    async def subscribe(
        self,
        callback: Callable[[Push], object] | None = None,
        *,
        poll: Sequence[Any] | None = None,
        every: float | None = None,
    ) -> None:
        """Ask the device to tell property changes and events by itself, for whoever waits or for a callback.

        The subscription is kept while the loop runs: every 30 s the device is asked whether it still has it, and it is
        asked again after a restart, with a new socket and at a new address.

        :param callback: called for each in a task of its own, until :meth:`unsubscribe` or :meth:`close`, which cancel
            what it awaits; a coroutine function is awaited before the next call. What it raises is logged
        :param poll: properties to read now and then where the device cannot tell changes, as :meth:`get_properties`
            takes them (pairs of siid and piid will do); what differs from the reading before is told, with id 0
        :param every: seconds between two readings, 5 by default, at least 0.1
        :raises UnsupportedFeatureException: if it cannot, and ``poll`` is not given
        :raises DeviceError: if it refuses
        """
        self._reachable()
        context = copy_context()
        # The deadline of the task that subscribes does not hold for what is told later.
        context.run(_LIMITS.set, ())
        with self._one_deadline():
            await self._told().begin(self, callback, poll, every, context, _deadline())

    async def next_push(self, timeout: float) -> Push | None:  # noqa: ASYNC109 - None is no error
        """Wait for the next thing the device tells unasked; repeats are left out.

        One that gives up (cancelled, or in a time-out that ends) takes nothing from others, or from the next wait.

        :param timeout: seconds to wait; 0 looks what has arrived. Where properties are read instead, a reading that is
            due may take a second more; so may looking up a host name
        :returns: method, params and instant; None when nothing came
        :raises UnsupportedFeatureException: without :meth:`subscribe`
        :raises DeviceTimeout: if nothing came, and the device does not say whether it still has the subscription, for
            as long as a command would be waited for; told once in that time, while the subscription is tried again
        :raises DeviceException: if the device is closed, or unsubscribed, meanwhile; after closing, the next call opens
            it again
        """
        return await self._told().next(self, arguments.checked_wait(timeout))

    def pushes(self) -> AsyncIterator[Push]:
        """Give what the device tells, as it comes: ``async for push in device.pushes()``, after :meth:`subscribe`.

        Ends with :meth:`unsubscribe` and :meth:`close`. Raises what :meth:`next_push` raises; it may be asked on then.
        """
        return self._told().pushes(self)

    async def unsubscribe(self) -> None:
        """End the subscription; nothing happens where there is none."""
        if self._telling is not None:
            with self._one_deadline():
                await self._telling.end(self)

    def _told(self) -> AsyncTelling:
        from miio_lan.device.telling.aio import AsyncTelling  # most programs never subscribe

        self._telling = self._telling or AsyncTelling(self._connection, until)
        return self._telling
