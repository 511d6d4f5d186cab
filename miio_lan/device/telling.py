"""What a blocking device does about changes: subscribe, wait, read where it does not tell, call somebody back."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, TypeAlias

from miio_lan.device import arguments
from miio_lan.device.steps.carrying import arguments_of, carry_out
from miio_lan.device.steps.polling import Polling, chosen
from miio_lan.device.steps.subscription import Greet, Pause, Subscription
from miio_lan.errors import DeviceException, UnsupportedFeatureException
from miio_lan.lan.client.incoming.pushes import MAX_PUSHES
from miio_lan.lan.packet import HELLO, virtual_hello

if TYPE_CHECKING:
    from miio_lan.device.blocking import Device
    from miio_lan.device.steps.calls import Ask
    from miio_lan.lan.client.blocking import Connection
    from miio_lan.lan.client.incoming.pushes import Push

Within: TypeAlias = Callable[[float], AbstractContextManager[None]]
_LOGGER = logging.getLogger(__name__)
#: Seconds that a reading may take, where the caller gives less.
READING = 1.0
#: Seconds that the thread which calls back waits at a time, and after an error; and that its end is waited for.
_TURN, _REST, _PARTING = 0.5, 1.0, 2.0


class Telling:
    """The changes of one device.

    :param connection: the device's
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.subscription = Subscription.fresh()
        self._process = os.getpid()
        self.polling: Polling | None = None
        self._caller: _Caller | None = None
        # What was told to :meth:`attend`, for :meth:`next`.
        self._kept: deque[Push] = deque(maxlen=MAX_PUSHES)
        self._closed = threading.Condition()
        self._closings = 0

    def begin(
        self,
        device: Device,
        callback: Callable[[Push], object] | None,
        poll: Sequence[Any] | None,
        every: float | None,
    ) -> None:
        """See :meth:`miio_lan.Device.subscribe`."""
        polling = chosen(callback, poll, every)
        try:
            self._subscribe(device)
            self.polling = None
        except UnsupportedFeatureException:
            if polling is None:
                raise
            self._connection.let_go()
            self.polling = polling
        self.stop()
        if callback is not None:
            self._caller = _Caller(device, callback)

    def _subscribe(self, device: Device) -> None:
        connection = self._connection
        if self._process != os.getpid():
            # After a fork: with the same did, parent and child would take the subscription from each other.
            self._process, self.subscription = os.getpid(), Subscription.fresh()
        greeting, before = connection.session.greeting, connection.session.greeting.hello
        greeting.hello = virtual_hello(self.subscription.virtual_did)
        route: list[object] = []

        def carry(step: Any) -> Any:
            if isinstance(step, Pause):
                return time.sleep(step.seconds)
            if isinstance(step, Greet):
                answer = device.send_handshake()
                route[:] = [connection.session.route]
                return answer
            return _send(device, step)

        steps: Any = self.subscription.begin(time.time())
        try:
            carry_out(steps, carry)
        except BaseException:
            greeting.hello = before
            raise
        connection.take_up(lambda now: self.subscription.hold(now, time.time()), *route[:1] or [None])

    def next(self, device: Device, timeout: float, within: Within) -> Push | None:
        """See :meth:`miio_lan.Device.next_push`.

        :param within: has all calls of this thread end by an instant (monotonic seconds)
        """
        seconds = arguments.checked_wait(timeout)
        patience = arguments.checked_timeout(device.timeout) * (
            1 + arguments.checked_retries(device.retry_count)
        )
        if self.polling is not None:
            return self._read(device, self.polling, seconds, patience, within)
        if self._kept:
            return self._kept.popleft()
        if self._connection.session.hold is None:
            raise UnsupportedFeatureException("subscribe() first")
        return self._connection.listen(seconds, patience)

    def attend(self, timeout: float) -> bool:
        """See :meth:`miio_lan.Device.attend_pushes`."""
        seconds = arguments.checked_wait(timeout)
        if self._caller is not None or self.polling is not None or self._connection.session.hold is None:
            return False
        push = self._connection.listen(seconds)
        if push is not None:
            self._kept.append(push)
        return True

    def _read(
        self, device: Device, polling: Polling, seconds: float, patience: float, within: Within
    ) -> Push | None:
        """Read where that is due, until something changed or the time is over."""
        end = time.monotonic() + seconds
        closings = self._closings
        while True:
            now = time.monotonic()
            if now >= polling.due:
                polling.begun(now)
                try:
                    with within(max(end, now + READING)):
                        answer = device.get_properties(polling.properties)
                except DeviceException:
                    if polling.failed(time.monotonic(), patience):
                        raise
                else:
                    push = polling.read(answer, time.monotonic())
                    if push is not None:
                        return push
            wait = min(end, polling.due) - time.monotonic()
            with self._closed:
                if self._closed.wait_for(lambda: closings != self._closings, max(0.0, wait)):
                    raise DeviceException(f"waiting for {device.ip} ended: the connection was closed")
            if time.monotonic() >= end:
                return None

    def close(self) -> None:
        """End the calling back, and what waits for the next reading."""
        if self._caller is not None:
            self._caller.ended.set()
        with self._closed:
            self._closings += 1
            self._closed.notify_all()

    def stop(self) -> None:
        """End the calling back, and wait for that."""
        caller, self._caller = self._caller, None
        if caller is not None:
            caller.end()

    def end(self, device: Device) -> None:
        """See :meth:`miio_lan.Device.unsubscribe`."""
        self.stop()
        self.polling = None
        session = self._connection.session
        hold = self._connection.let_go()
        if hold is not None:
            self.subscription.update_ts = hold.update_ts
        try:
            carry_out(self.subscription.unsubscribe(), lambda ask: _send(device, ask))
        finally:
            session.greeting.hello = HELLO


def _send(device: Device, ask: Ask) -> Any:
    given, more = arguments_of(ask, device.send)
    return device.send(*given, **more)


class _Caller:
    """A thread that calls back for each change."""

    def __init__(self, device: Device, callback: Callable[[Push], object]) -> None:
        self._device, self._callback = device, callback
        self.ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"changes of {device.ip}", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """End, and wait for that, unless it is this thread that asks, or a function that takes long."""
        self.ended.set()
        if threading.current_thread() is not self._thread:
            self._thread.join(_PARTING)

    def _run(self) -> None:
        while not self.ended.is_set():
            try:
                push = self._device.next_push(_TURN)
            except DeviceException as error:
                if not self.ended.is_set():
                    _LOGGER.warning("%s: %s", self._device.ip, error)
                self.ended.wait(_REST)
                continue
            if push is not None:
                self._call(push)

    def _call(self, push: Push) -> None:
        try:
            self._callback(push)
        except Exception:
            _LOGGER.exception("the function that is told of changes failed")
