"""What a device of an event loop does about changes: carries out what is decided in the steps, and calls somebody back.

As :mod:`miio_lan.device.telling.blocking`, with tasks for threads.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from contextvars import Context
from typing import TYPE_CHECKING, Any, TypeAlias

from miio_lan.device import arguments
from miio_lan.device.cancelling import cancellations, is_own_end
from miio_lan.device.steps.carrying import arguments_of, carry_out_awaiting
from miio_lan.device.steps.changes import Changes, LetGo, Listen, Read, Rest, TakeUp
from miio_lan.device.steps.polling import chosen
from miio_lan.device.steps.subscription import Greet, Pause
from miio_lan.errors import DeviceException
from miio_lan.lan.client.transport.forks import split_after_fork

if TYPE_CHECKING:
    from miio_lan.device.aio import AsyncDevice
    from miio_lan.device.steps.calls import Ask
    from miio_lan.lan.client.aio import AsyncConnection
    from miio_lan.lan.client.incoming.pushes import Push

Within: TypeAlias = Callable[[float], AbstractContextManager[None]]
_LOGGER = logging.getLogger(__name__)
#: Seconds that the task which calls back rests after an error; and that its end is waited for.
_REST, _PARTING = 1.0, 2.0
# A loop keeps no task alive by itself.
_CALLING: set[asyncio.Task[None]] = set()


class AsyncTelling:
    """The changes of one device.

    :param connection: the device's
    :param within: has all calls of this task end by an instant (monotonic seconds)
    """

    def __init__(self, connection: AsyncConnection, within: Within) -> None:
        self._connection, self._within = connection, within
        self.changes = Changes()
        self._caller: _AsyncCaller | None = None
        self._locked: tuple[asyncio.AbstractEventLoop, asyncio.Lock] | None = None
        split_after_fork(self)

    def split_off(self) -> None:
        """Become that of another process (after a fork): subscription and task stay with the first one."""
        if self._caller is not None:
            self._caller.ended = True  # should its loop be used here, too
        self._caller = self._locked = None
        self.changes = Changes()

    @property
    def endings(self) -> int:
        """How often all who wait were sent away."""
        return self._connection.listeners.endings

    def _lock(self) -> asyncio.Lock:
        """One at a time subscribes or gives up; a device may move to another loop."""
        loop = asyncio.get_running_loop()
        if self._locked is None or self._locked[0] is not loop:
            self._locked = loop, asyncio.Lock()
        return self._locked[1]

    async def begin(
        self,
        device: AsyncDevice,
        callback: Callable[[Push], object] | None,
        poll: Sequence[Any] | None,
        every: float | None,
        context: Context,
        deadline: float | None,
    ) -> None:
        """See :meth:`miio_lan.AsyncDevice.subscribe`.

        :param context: where the callback is called
        :param deadline: by which all of it ends, as calls of this task do (monotonic seconds)
        """
        polling = chosen(callback, poll, every)
        closings = self._connection.closings
        async with self._lock():
            endings = self.endings
            if closings != self._connection.closings:
                raise DeviceException(f"waiting for {device.ip} ended: the connection was closed")
            greeting = self._connection.session.greeting
            steps: Any = self.changes.begin(greeting, polling, unix=time.time())
            await carry_out_awaiting(steps, self._agreeing(device, endings, deadline))
            await self.stop()
            self._connection.listeners.raise_if_over(endings)  # no callback for one who closed it meanwhile
            if callback is not None:
                self._caller = _AsyncCaller(self, device, callback, context)

    def _agreeing(
        self, device: AsyncDevice, endings: int, deadline: float | None = None
    ) -> Callable[[Any], Awaitable[Any]]:
        """Give what carries out steps that begin or end being told.

        :param endings: :attr:`endings` when they began
        :param deadline: for what is no call, monotonic seconds
        """
        connection = self._connection
        route: object = None

        async def carry(step: Any) -> Any:
            nonlocal route
            connection.listeners.raise_if_over(endings)  # the next step would open what was closed meanwhile
            if isinstance(step, Pause):
                over = deadline is not None and time.monotonic() + step.seconds >= deadline
                if not over:
                    await asyncio.sleep(step.seconds)
                return over
            if isinstance(step, Greet):
                answer = await device.send_handshake()
                route = connection.find_route()
                return answer
            if isinstance(step, TakeUp):
                subscription = self.changes.subscription
                return connection.take_up(lambda now: subscription.hold(now, time.time()), route)
            if isinstance(step, LetGo):
                return connection.let_go()
            return await _send(device, step)

        return carry

    async def next(self, device: AsyncDevice, seconds: float | None) -> Push | None:
        """See :meth:`miio_lan.AsyncDevice.next_push`.

        :param seconds: how long to wait; None for as long as a command would be waited for
        """
        patience = arguments.checked_patience(device.timeout, device.retry_count)
        connection, endings = self._connection, self.endings

        async def carry(step: Any) -> Any:
            if isinstance(step, Listen):
                return await connection.listen(step.seconds, step.patience)
            if isinstance(step, Read):
                with self._within(step.until):
                    return await device.get_properties(step.properties, **step.options)
            if isinstance(step, Rest):
                await connection.listeners.wait(step.until - time.monotonic(), endings)
            return time.monotonic()

        seconds = patience if seconds is None else seconds
        steps: Any = self.changes.next(connection.session.hold, seconds, patience)
        pushed: Push | None = await carry_out_awaiting(steps, carry)
        return pushed

    def pushes(self, device: AsyncDevice) -> AsyncIterator[Push]:
        """See :meth:`miio_lan.AsyncDevice.pushes`."""
        return _Pushes(self, device)

    async def stop(self) -> None:
        """End the calling back, and wait for that."""
        caller, self._caller = self._caller, None
        if caller is not None:
            await caller.end()

    async def end(self, device: AsyncDevice) -> None:
        """See :meth:`miio_lan.AsyncDevice.unsubscribe`."""
        async with self._lock():
            await self.stop()
            steps: Any = self.changes.end(self._connection.session.greeting)
            self._connection.listeners.end("the subscription was given up")
            await carry_out_awaiting(steps, self._agreeing(device, self.endings))


async def _send(device: AsyncDevice, ask: Ask) -> Any:
    given, more = arguments_of(ask, device.send)
    return await device.send(*given, **more)


class _Pushes(AsyncIterator["Push"]):
    """What a device tells, until that is ended. No generator: one that is left early has nothing to clean up."""

    def __init__(self, telling: AsyncTelling, device: AsyncDevice) -> None:
        self._telling, self._device = telling, device
        self._endings = telling.endings

    async def __anext__(self) -> Push:
        while self._endings == self._telling.endings:
            try:
                push = await self._telling.next(self._device, None)
            except DeviceException:
                if self._endings != self._telling.endings:
                    break
                raise
            if push is not None:
                return push
        raise StopAsyncIteration


class _AsyncCaller:
    """A task that calls back for each change."""

    def __init__(
        self,
        telling: AsyncTelling,
        device: AsyncDevice,
        callback: Callable[[Push], object],
        context: Context,
    ) -> None:
        self._telling, self._device, self._callback = telling, device, callback
        self.ended = False
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(self._run(), name=f"changes of {device.ip}", context=context)
        _CALLING.add(self._task)
        self._task.add_done_callback(_CALLING.discard)

    async def end(self) -> None:
        """End, and wait for that, unless it is this task that asks, or a function that does not give way."""
        self.ended = True
        task = self._task
        loop = asyncio.get_running_loop()
        if task.done() or task.get_loop() is not loop or task is asyncio.current_task():
            return
        task.cancel()
        await asyncio.wait([task], timeout=_PARTING)

    async def _run(self) -> None:
        while not self.ended:
            before = cancellations()
            try:
                push = await self._telling.next(self._device, None)
            except (DeviceException, asyncio.CancelledError) as error:
                if is_own_end(error, before):
                    raise
                if not self.ended:
                    _LOGGER.warning("%s: %s", self._device.ip, str(error) or "cancelled by somebody else")
                    await asyncio.sleep(_REST)
                continue
            if push is not None:
                await self._call(push)

    async def _call(self, push: Push) -> None:
        before = cancellations()
        try:
            given = self._callback(push)
            if inspect.isawaitable(given):
                await given
        except BaseException as error:
            if is_own_end(error, before):
                raise
            _LOGGER.exception("the function that is told of changes failed")
