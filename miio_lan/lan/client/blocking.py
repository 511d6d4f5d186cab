"""Calls of any number of threads over one UDP socket and one session.

The threads take turns at the socket, see :mod:`miio_lan.lan.client.transport.shared_socket`. Here is what they come
for: a command, a greeting, what the device tells unasked. The files are one driver: an interruption (Ctrl-C) may come
at any line of both, and leaves nothing behind.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

from miio_lan.errors import DeviceException
from miio_lan.lan.client.call import Call
from miio_lan.lan.client.incoming.pushes import Push
from miio_lan.lan.client.session import Session
from miio_lan.lan.client.transport.forks import split_after_fork
from miio_lan.lan.client.transport.lines import keep
from miio_lan.lan.client.transport.resolving import LOOKUP, in_numbers
from miio_lan.lan.client.transport.shared_socket import UNATTENDED, SharedSocket
from miio_lan.lan.packet import PORT

if TYPE_CHECKING:
    from miio_lan.lan.client.incoming.holding import Hold
    from miio_lan.lan.client.transport.telling import Tell


class Connection(SharedSocket):
    """A device's address, and the conversation with it.

    :param host: address or name of the device; resolved when the socket is opened
    :param session: the rules; this object is the only one to call them
    :param source_ip: the local address to send from, None to let the system choose
    :param tell: told of all that crosses the wire, see :func:`miio_lan.lan.client.transport.telling.tracer`
    """

    def __init__(
        self,
        host: str,
        session: Session,
        *,
        port: int = PORT,
        source_ip: str | None = None,
        clock: Callable[[], float] = time.monotonic,
        tell: Tell | None = None,
    ) -> None:
        super().__init__(host, session, port=port, source_ip=source_ip, clock=clock, tell=tell)
        split_after_fork(self)

    def split_off(self) -> None:
        """Become the connection of another process (after a fork): the socket stays with the first one."""
        sock, self._socket = self._socket, None
        self._local_port, self._lookup, self._doubtful = 0, None, False
        self._start()
        if self._teller is not None:
            self._teller = self._teller.again()
        self.session.split_off()
        if sock is not None:
            sock.close()  # without a shutdown, which would end the other one's, too

    def call(
        self,
        method: str,
        params: object,
        *,
        timeout: float,
        retry_count: int,
        repeat_safe: bool | None = None,
        extra: Mapping[str, object] | None = None,
        deadline: float | None = None,
    ) -> object:
        """Send a command and wait for its result; see :meth:`miio_lan.lan.client.session.Session.command`.

        :raises DeviceException: whatever ended the call instead of a result
        """
        return self._run(
            lambda now: self.session.command(
                method,
                params,
                now,
                timeout=timeout,
                retry_count=retry_count,
                repeat_safe=repeat_safe,
                extra=extra,
                deadline=deadline,
            )
        )

    def handshake(self, *, timeout: float, retry_count: int, deadline: float | None = None) -> object:
        """Greet the device and wait for its answer, a :class:`miio_lan.lan.packet.Packet`."""
        return self._run(
            lambda now: self.session.handshake(
                now, timeout=timeout, retry_count=retry_count, deadline=deadline
            )
        )

    def listen(self, timeout: float, patience: float = math.inf, closings: int | None = None) -> Push | None:
        """Wait for something the device tells unasked.

        :param timeout: seconds; what already arrived is given at once
        :param patience: seconds after which a subscription that nobody knows to be held is an error
        :param closings: how often it had been closed when whoever waits began; None for now
        :raises DeviceException: if the connection is closed meanwhile
        """
        inbox = self.session.pushes
        end = self._clock() + timeout
        within = self._is_telling()
        try:
            closings = self.closings if closings is None else closings
            if closings == self.closings:
                self._look(end, closings)
            while not inbox.done and self._clock() < end and closings == self.closings:
                self._wait(end)
                self._tell(end)
                if self.session.take_elsewhere():
                    self._doubtful = True
                    self._attend(max(end, self._clock() + LOOKUP), closings)
            with self._state:
                self._attended = now = self._clock()
                self._hand_over()
                if inbox.arrived:
                    return inbox.arrived.popleft()
                hold = self.session.hold
                error = hold.complaint(self.session.peer, patience, now) if hold is not None else None
        except BaseException:
            self._recover(None, within)
            raise
        if closings != self.closings:
            raise DeviceException(f"waiting for {self.session.peer} ended: the connection was closed")
        if error is not None:
            raise error
        return None

    def _look(self, end: float, closings: int) -> None:
        """Read what has arrived, however short the time, and let the session act on it."""
        self._attend(max(end, self._clock() + LOOKUP), closings)
        with self._state:
            now = self._clock()
            self._read_backlog(now, stale=now - self._attended >= UNATTENDED)
            self._attended = now
            self.session.tick(now)
            self._flush()
        self._tell(end)

    def find_peer(self, deadline: float) -> str:
        """Give the address of the device in numbers, looked up or looked for anew where it is in doubt.

        :param deadline: until when a name server, or the device, may be waited for (monotonic seconds)
        :raises DeviceException: if there is none
        """
        within = self._is_telling()
        try:
            self._attend(deadline, self.closings)
            with self._state:
                route = self._route if self._socket is not None else None
        except BaseException:
            self._recover(None, within)
            raise
        if route is None:
            raise DeviceException(f"looking for {self.session.peer} ended: the connection was closed")
        return in_numbers(route[1])

    def take_up(self, make: Callable[[float], Hold], route: object) -> None:
        """Hold a subscription that the device was asked for.

        :param make: makes it, given the time (monotonic seconds)
        :param route: the session's route when it was asked for
        """
        with self._state:
            now = self._clock()
            self.session.take_up(make(now), route, now)

    def let_go(self) -> Hold | None:
        """Hold the subscription no more, and give what was held."""
        with self._state:
            hold, self.session.hold = self.session.hold, None
        return hold

    def close(self) -> None:
        """Close the socket, ending what other threads wait for; the next command opens another socket."""
        with self._state:
            self.closings += 1
            self.session.abandon_all("the connection was closed")
            self._close_socket()
            self._local_port = 0
            self._waiting.all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # People rarely close a device; the interpreter shall not complain about it.
        with suppress(Exception):
            self._close_socket()
            if self._route is not None:
                keep(self.session.line, self._route[1], self._clock())

    # --- one call ----------------------------------------------------------------------------------------------

    def _run(self, make: Callable[[float], Call]) -> object:
        """Have a call answered, or ended by its deadline."""
        call: Call | None = None
        within = self._teller is not None and self._is_telling()
        try:
            with self._state:
                now = self._clock()
                call = make(now)
                closings = self.closings
                begun = self._begin(call, now)
            while not begun:
                self._attend(call.deadline, closings)
                self._let_catch_up(call)
                with self._state:
                    now = self._clock()
                    if closings != self.closings:
                        # Neither it nor a socket for it comes after that.
                        self.session.abandon(call, "the connection was closed", now)
                    begun = call.done or self._begin(call, now)
            over = False
            while not over:
                if self._teller is not None:
                    self._tell(call.deadline)
                over = self._wait(call.deadline, call)
            if self._teller is not None:
                self._tell(call.deadline)
        except BaseException:
            self._recover(call, within)
            raise
        return call.outcome()

    def _begin(self, call: Call, now: float) -> bool:
        """Open a call where there is a socket that can be trusted, and no observer to wait for; tell whether so."""
        if self._socket is None or (self._doubtful and self.session.silent):
            return False
        if self._teller is not None and self._is_crowded(call, now):
            return False
        slept = self._sleep.over()
        if slept or now - self._attended >= UNATTENDED:
            self._read_backlog(now)
        if slept:
            self.session.overslept(now)
        self.session.begin(call, now, caller=threading.get_ident(), wake=self._poke)
        self._flush()
        return True
