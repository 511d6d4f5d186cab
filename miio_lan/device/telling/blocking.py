"""What a blocking device does about changes: carries out what is decided in the steps, and calls somebody back."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeAlias

from miio_lan.device import arguments
from miio_lan.device.steps.carrying import arguments_of, carry_out
from miio_lan.device.steps.changes import Changes, LetGo, Listen, Read, Rest, TakeUp
from miio_lan.device.steps.polling import chosen
from miio_lan.device.steps.subscription import Greet, Pause
from miio_lan.errors import DeviceException
from miio_lan.lan.client.incoming.pushes import MAX_PUSHES
from miio_lan.lan.client.transport.forks import split_after_fork

if TYPE_CHECKING:
    from miio_lan.device.blocking import Device
    from miio_lan.device.steps.calls import Ask
    from miio_lan.lan.client.blocking import Connection
    from miio_lan.lan.client.incoming.pushes import Push

Within: TypeAlias = Callable[[float], AbstractContextManager[None]]
_LOGGER = logging.getLogger(__name__)
#: Seconds that the thread which calls back waits at a time, and after an error; and that its end is waited for.
_TURN, _REST, _PARTING = 0.5, 1.0, 2.0


class Telling:
    """The changes of one device.

    :param connection: the device's
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._start()
        split_after_fork(self)

    def _start(self) -> None:
        """Begin without any thread at work, and without a subscription."""
        self.changes = Changes()
        self._caller: _Caller | None = None
        # What was told to :meth:`attend`, for :meth:`next`.
        self._kept: deque[Push] = deque(maxlen=MAX_PUSHES)
        # One at a time subscribes or gives up; who does so may be told something meanwhile, and do so again.
        self._turn = threading.RLock()
        self._closed = threading.Condition()
        #: How often the device was closed.
        self.closings = 0

    def split_off(self) -> None:
        """Become that of another process (after a fork): subscription and thread stay with the first one."""
        self._start()

    def begin(
        self,
        device: Device,
        callback: Callable[[Push], object] | None,
        poll: Sequence[Any] | None,
        every: float | None,
        within: Within,
        deadline: float | None,
    ) -> None:
        """See :meth:`miio_lan.Device.subscribe`.

        :param within: has all calls of a thread end by an instant (monotonic seconds)
        :param deadline: by which all of it ends, as calls of this thread do (monotonic seconds)
        """
        polling = chosen(callback, poll, every)
        closings = self.closings
        with self._turn:
            # Its thread first: where the system gives none, the device was not asked, and all is as before.
            caller = None if callback is None else _Caller(self, device, callback, within)
            try:
                if caller is not None:
                    caller.start()
                greeting = self._connection.session.greeting
                steps: Any = self.changes.begin(greeting, polling, unix=time.time())
                carry_out(steps, self._agreeing(device, closings, deadline))
                self.stop()
                with self._closed:
                    self._raise_if_closed(closings, device)  # no callback for one who closed it meanwhile
                    self._caller = caller
                    if caller is not None:
                        caller.go((closings, self._connection.closings))
            except BaseException:
                if caller is not None:
                    self._caller = None if self._caller is caller else self._caller
                    caller.end()
                raise

    def _agreeing(self, device: Device, closings: int, deadline: float | None = None) -> Callable[[Any], Any]:
        """Give what carries out steps that begin or end being told.

        :param closings: how often the device had been closed when they began
        :param deadline: for what is no call, monotonic seconds
        """
        connection = self._connection
        route: object = None

        def carry(step: Any) -> Any:
            nonlocal route
            self._raise_if_closed(closings, device)  # the next step would open what was closed meanwhile
            if isinstance(step, Pause):
                over = deadline is not None and time.monotonic() + step.seconds >= deadline
                if not over:
                    time.sleep(step.seconds)
                return over
            if isinstance(step, Greet):
                answer = device.send_handshake()
                route = connection.session.route
                return answer
            if isinstance(step, TakeUp):
                subscription = self.changes.subscription
                return connection.take_up(lambda now: subscription.hold(now, time.time()), route)
            if isinstance(step, LetGo):
                return connection.let_go()
            return _send(device, step)

        return carry

    def next(
        self, device: Device, timeout: float, within: Within, closings: tuple[int, int] | None = None
    ) -> Push | None:
        """See :meth:`miio_lan.Device.next_push`.

        :param within: has all calls of this thread end by an instant (monotonic seconds)
        :param closings: how often this, and the connection, had been closed when whoever waits began; None for now
        """
        seconds = arguments.checked_wait(timeout)
        patience = arguments.checked_patience(device.timeout, device.retry_count)
        if self._kept and self.changes.polling is None:
            return self._kept.popleft()
        own, connections = closings or (self.closings, self._connection.closings)

        def carry(step: Any) -> Any:
            if isinstance(step, Listen):
                return self._connection.listen(step.seconds, step.patience, connections)
            if isinstance(step, Read):
                self._raise_if_closed(own, device)  # reading would open what was closed meanwhile
                with within(step.until):
                    return device.get_properties(step.properties, **step.options)
            if isinstance(step, Rest):
                self._rest(step.until, own, device)
            return time.monotonic()

        steps: Any = self.changes.next(self._connection.session.hold, seconds, patience)
        pushed: Push | None = carry_out(steps, carry)
        return pushed

    def attend(self, timeout: float) -> bool:
        """See :meth:`miio_lan.Device.attend_pushes`."""
        seconds = arguments.checked_wait(timeout)
        hold = self._connection.session.hold
        if self._caller is not None or self.changes.polling is not None or hold is None:
            return False
        push = self._connection.listen(seconds)
        if push is not None:
            self._kept.append(push)
        return True

    def _rest(self, until: float, closings: int, device: Device) -> None:
        with self._closed:
            wait = max(0.0, until - time.monotonic())
            self._closed.wait_for(lambda: closings != self.closings, wait)
            self._raise_if_closed(closings, device)

    def _raise_if_closed(self, closings: int, device: Device) -> None:
        if closings != self.closings:
            raise DeviceException(f"waiting for {device.ip} ended: the connection was closed")

    def close(self) -> None:
        """End the calling back, and what waits for the next reading."""
        with self._closed:
            self.closings += 1
            if self._caller is not None:
                self._caller.ended.set()
            self._closed.notify_all()

    def stop(self) -> None:
        """End the calling back, and wait for that."""
        with self._closed:
            caller, self._caller = self._caller, None
        if caller is not None:
            caller.end()

    def end(self, device: Device) -> None:
        """See :meth:`miio_lan.Device.unsubscribe`."""
        with self._turn:
            self.stop()
            steps: Any = self.changes.end(self._connection.session.greeting)
            carry_out(steps, self._agreeing(device, self.closings))


def _send(device: Device, ask: Ask) -> Any:
    given, more = arguments_of(ask, device.send)
    return device.send(*given, **more)


class _Caller:
    """A thread that calls back for each change."""

    def __init__(
        self, telling: Telling, device: Device, callback: Callable[[Push], object], within: Within
    ) -> None:
        self._telling, self._device, self._callback, self._within = telling, device, callback, within
        self.ended = threading.Event()
        self._begins = threading.Event()
        self._closings = (0, 0)
        self._thread = threading.Thread(target=self._run, name=f"changes of {device.ip}", daemon=True)

    def start(self) -> None:
        """Have a thread that waits until it may :meth:`go`.

        :raises DeviceException: if there can be none
        """
        try:
            self._thread.start()
        except RuntimeError as error:  # the system gives no more threads
            raise DeviceException(f"no callback for {self._device.ip}: {error}") from None

    def go(self, closings: tuple[int, int]) -> None:
        """Begin.

        :param closings: how often it had been closed by then, as :meth:`Telling.next` takes it: what is closed later
            stays closed, even between two waits
        """
        self._closings = closings
        self._begins.set()

    def end(self) -> None:
        """End, and wait for that, unless it is this thread that asks, or a function that takes long."""
        self.ended.set()
        self._begins.set()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(_PARTING)

    def _run(self) -> None:
        self._begins.wait()
        while not self.ended.is_set():
            try:
                push = self._telling.next(self._device, _TURN, self._within, self._closings)
            except DeviceException as error:
                if not self.ended.is_set():
                    _LOGGER.warning("%s: %s", self._device.ip, error)
                self.ended.wait(_REST)
                continue
            if push is not None and self._telling.closings == self._closings[0]:
                self._call(push)

    def _call(self, push: Push) -> None:
        try:
            self._callback(push)
        except SystemExit:
            raise  # so a function ends its thread
        except BaseException:  # such as the CancelledError of a loop that it runs
            _LOGGER.exception("the function that is told of changes failed")
