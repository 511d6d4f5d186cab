"""Many devices at once: one question to all of them, answers as they come, an outcome for each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from miio_lan.device.aio import AsyncDevice, until
from miio_lan.device.arguments import checked_list
from miio_lan.device.cancelling import cancellations, is_own_end
from miio_lan.device.miot_aio import AsyncMiotDevice
from miio_lan.device.steps.rounds import Rounds
from miio_lan.errors import DeviceException, DeviceTimeout, InvalidArgument, OutcomeUnknown
from miio_lan.given import checked_function, checked_number, checked_seconds, shown
from miio_lan.lan.client.ids import SHARED
from miio_lan.paths import FilePath

#: Devices asked at one time, unless told otherwise. More of them cost memory and tasks, and are not faster.
LIMIT = 256
#: Seconds after the deadline until a question that does not end by itself is cut off.
_GRACE = 0.5

D = TypeVar("D", bound=AsyncDevice)
T = TypeVar("T")


@dataclass(frozen=True)
class DeviceOutcome(Generic[T]):
    """What came of asking one device.

    :param name: its name in the fleet
    :param result: what was asked for; None after an error
    :param error: why there is no result, None where there is one
    :param seconds: how long it took, waiting for its turn included
    """

    name: str
    result: T | None
    error: DeviceException | None
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether there is a result."""
        return self.error is None

    @property
    def silent(self) -> bool:
        """Whether the device was asked, and did not answer; not where its turn did not come, or somebody broke off."""
        return isinstance(self.error, DeviceTimeout) and self.error.asked


class Fleet(Generic[D]):
    """Devices by their names; an asynchronous context manager that closes them at its end.

    ::

        async with Fleet.from_file() as fleet:
            async for outcome in fleet.call(lambda device: device.info(), within=30):
                print(outcome.name, outcome.result or outcome.error)

    :param devices: the devices; they may be used apart from the fleet, too
    :param limit: how many are asked at one time
    :raises InvalidArgument: if there can be no such limit, the devices have no names, or are no asynchronous ones
    """

    def __init__(self, devices: Mapping[str, D], *, limit: int = LIMIT) -> None:
        if not isinstance(devices, Mapping):
            raise InvalidArgument(f"devices are a mapping of names to devices, not {shown(devices)}")
        for name, device in devices.items():
            if not isinstance(name, str):
                raise InvalidArgument(f"the name of a device is text, not {shown(name)}")
            # A blocking one would be sent a command, and awaited in vain.
            if not isinstance(device, AsyncDevice):
                raise InvalidArgument(f"{shown(name)} is to be an AsyncDevice, and is {shown(device)}")
        self.devices = dict(devices)
        self.limit = checked_number("limit", limit, 1)

    @classmethod
    def from_file(
        cls,
        path: FilePath | None = None,
        *,
        names: Iterable[str] | None = None,
        kind: type[AsyncDevice] = AsyncMiotDevice,
        limit: int = LIMIT,
        **options: Any,
    ) -> Fleet[Any]:
        """Make a fleet of the devices in a file, see :func:`miio_lan.device.fleet.named.read_devices`.

        :param path: the file; None for that of ``miio-lan device add``
        :param names: those that are wanted; None for all
        :param kind: the class of the devices
        :param options: further arguments for each of them, such as ``timeout``
        :raises DevicesFileError: (a ``ValueError``) if the file cannot be read, or a name is not in it
        :raises InvalidArgument: if the names are no list, or there can be no such devices
        """
        from miio_lan.device.fleet.named import default_path, read_devices
        from miio_lan.errors import DevicesFileError
        from miio_lan.record.redact import told_of

        if not (isinstance(kind, type) and issubclass(kind, AsyncDevice)):
            raise InvalidArgument(f"kind is AsyncDevice or a class made of it, not {shown(kind)}")
        path = default_path() if path is None else path
        known = read_devices(path)
        wanted = list(known if names is None else dict.fromkeys(checked_list("names", names, "['lamp']")))
        for name in wanted:
            if name not in known:
                raise DevicesFileError(told_of(path, f"there is no device named {shown(name)}"))
        return Fleet(
            {
                name: kind(
                    known[name].ip,
                    known[name].token,
                    port=known[name].port,
                    model=known[name].model,
                    **options,
                )
                for name in wanted
            },
            limit=limit,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all devices."""
        for device in self.devices.values():
            await device.close()

    def __len__(self) -> int:
        return len(self.devices)

    async def call(
        self, what: Callable[[D], Awaitable[T]], *, within: float | None = None
    ) -> AsyncGenerator[DeviceOutcome[T], None]:
        """Ask all devices; outcomes come as they are known, exactly one for each device.

        Who stops iterating early lets the rest go: what is under way is withdrawn.

        :param what: asks one device, for example ``lambda device: device.send("toggle")``
        :param within: seconds for all together; who was not asked by then is told as a :class:`miio_lan.DeviceTimeout`
        :raises Exception: what ``what`` raises, unless it is an error of a device
        """
        end = None if within is None else time.monotonic() + checked_seconds("within", within)
        checked_function("what", what)
        asking = _Asking(self, what, end)
        async with aclosing(asking.outcomes()) as outcomes:
            for name in self.devices:
                asking.ask(name)
            left = len(self.devices)
            while left:
                left -= 1
                yield await anext(outcomes)

    async def poll(
        self, what: Callable[[D], Awaitable[T]], *, every: float, within: float | None = None
    ) -> AsyncGenerator[DeviceOutcome[T], None]:
        """Ask all devices again and again, each at its own pace; outcomes come as they are known.

        A device that is silent is asked after ever longer pauses, ten minutes at most, so that it costs the others
        nothing; the first answer brings it back to the pace.

        :param every: seconds from one question to a device to the next
        :param within: seconds after which it ends; None for never
        :raises Exception: what ``what`` raises, unless it is an error of a device
        """
        now = time.monotonic()
        end = None if within is None else now + checked_seconds("within", within)
        rounds = Rounds(self.devices, checked_seconds("every", every), now, SHARED)
        checked_function("what", what)
        if not self.devices:
            return
        asking = _Asking(self, what, end)
        async with aclosing(asking.outcomes()) as outcomes:
            pending: asyncio.Task[DeviceOutcome[T]] | None = None
            try:
                while end is None or now < end:
                    for name in rounds.ready(now):
                        asking.ask(name)
                    if pending is None:
                        pending = asyncio.ensure_future(anext(outcomes))
                    until_when = min(
                        (each for each in (rounds.deadline, end) if each is not None), default=None
                    )
                    await asyncio.wait(
                        [pending], timeout=None if until_when is None else max(0.0, until_when - now)
                    )
                    now = time.monotonic()
                    if pending.done():
                        outcome, pending = pending.result(), None
                        rounds.ended(outcome.name, now, silent=outcome.silent)
                        yield outcome
                        now = time.monotonic()
            finally:
                if pending is not None:
                    pending.cancel()
                    await asyncio.wait([pending])


class _Asking(Generic[D, T]):
    """Workers that ask the devices of a fleet, as many at a time as it allows."""

    def __init__(self, fleet: Fleet[D], what: Callable[[D], Awaitable[T]], end: float | None) -> None:
        self._fleet = fleet
        self._what = what
        self._end = end
        self._jobs: asyncio.Queue[tuple[str, float]] = asyncio.Queue()
        self._found: asyncio.Queue[DeviceOutcome[T] | BaseException] = asyncio.Queue()
        self._over = False

    def ask(self, name: str) -> None:
        """Let a device be asked when its turn comes."""
        self._jobs.put_nowait((name, time.monotonic()))

    async def outcomes(self) -> AsyncGenerator[DeviceOutcome[T], None]:
        """Give the outcomes, without an end; when it is closed, what is under way is withdrawn."""
        count = min(self._fleet.limit, len(self._fleet.devices))
        workers = [asyncio.ensure_future(self._work()) for _ in range(count)]
        try:
            while True:
                found = await self._found.get()
                if isinstance(found, BaseException):
                    raise found
                yield found
        finally:
            self._over = True  # whatever becomes of the cancelling
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)

    async def _work(self) -> None:
        while not self._over:
            name, began = await self._jobs.get()
            before = cancellations()
            try:
                self._found.put_nowait(await self._outcome(name, began))
            except BaseException as error:
                self._found.put_nowait(error)  # raised where the outcomes are waited for, if they still are
                if is_own_end(error, before):
                    raise

    async def _outcome(self, name: str, began: float) -> DeviceOutcome[T]:
        result, problem, before = None, None, cancellations()
        try:
            result = await self._within(self._fleet.devices[name])
        except DeviceException as error:
            problem = error
        except TimeoutError:
            problem = OutcomeUnknown(
                "it was cut off by a time-out of the caller's own", may_have_run=True, asked=False
            )
        except asyncio.CancelledError as error:
            if is_own_end(error, before):
                raise
            problem = OutcomeUnknown(
                "what it waited for was cancelled by somebody else", may_have_run=True, asked=False
            )
        return DeviceOutcome(name, result, problem, time.monotonic() - began)

    async def _within(self, device: D) -> T:
        """Ask a device, and see to it that this ends."""
        if self._end is None:
            return await self._what(device)
        left = self._end - time.monotonic()
        if left <= 0:
            raise DeviceTimeout(
                "it was not asked: the time for all devices was over before its turn", sent=0, asked=False
            )
        with until(self._end):
            limit = asyncio.timeout(left + _GRACE)
            try:
                async with limit:
                    return await self._what(device)
            except TimeoutError as error:
                if not limit.expired() or isinstance(error, DeviceException):
                    raise
        text = (
            "it was cut off when the time for all devices was over; what it was asked may have been executed"
        )
        raise OutcomeUnknown(text, may_have_run=True)
