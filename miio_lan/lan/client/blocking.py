"""One UDP socket driving one session, for any number of threads.

The thread whose turn it is waits on the socket and feeds the session; the others wait for it and take over when it
is done. No thread of our own is needed, and a thread never waits longer than its own call's deadline.

Ctrl-C may end a call at any line of this file, also in its clean-up. So who waits on the socket is written down by
name and until when, which expires; the lock knows its owner, who frees it on the way out; and what a call leaves behind
in regular course is nothing: it steps down after each wait, not in a clean-up at its end.
"""

from __future__ import annotations

import logging
import os
import random
import socket
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Self

from miio_lan.errors import DeviceTimeout
from miio_lan.lan.client.call import Call
from miio_lan.lan.client.incoming.pushes import Push
from miio_lan.lan.client.session import Session
from miio_lan.lan.client.transport.device_socket import DeviceSocket
from miio_lan.lan.client.transport.resolving import Address, Lookup
from miio_lan.lan.client.transport.telling import Tell, Teller
from miio_lan.lan.packet import PORT

_LOGGER = logging.getLogger(__name__)

#: No datagram is larger.
_BUFFER = 65536
#: Seconds after which datagrams may have piled up unread in the socket.
_UNATTENDED = 1.0
#: Of which so many are read at most.
_BACKLOG = 1000
#: Seconds after its deadline when a call ends even if the session has lost it (interrupted in mid-change).
_OVERDUE = 0.3
#: Seconds beyond its own wait after which a thread is taken to have left without a word.
_GONE = 0.2
#: Seconds to the next look where there is no socket to wait on.
_NO_SOCKET = 0.05


class Connection(DeviceSocket):
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
        super().__init__(host, port, source_ip)
        #: Gives the address the device has now, within some seconds; None where it does not move.
        self.find: Callable[[float], str] | None = None
        self.session = session
        self._clock = clock
        self._teller = None if tell is None else Teller(tell)
        session.observed = session.observed or tell is not None
        self._lookup: Lookup | None = None
        self._start()
        _CONNECTIONS.add(self)

    def _start(self) -> None:
        """Begin without any thread at work."""
        self._state = threading.RLock()
        self._leader: int | None = None
        self._leads_until = 0.0
        self._waiters: list[threading.Lock] = []
        self._buffer = bytearray(_BUFFER)
        self._attended = 0.0

    def split_off(self) -> None:
        """Become the connection of another process (after a fork): the socket stays with the first one."""
        sock, self._socket = self._socket, None
        self._local_port, self._lookup, self._doubtful = 0, None, False
        self._start()
        if self._teller is not None:
            self._teller = self._teller.again()
        self.session.split_off(random.Random())
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

    def handshake(self, *, timeout: float, retry_count: int) -> object:
        """Greet the device and wait for its answer, a :class:`miio_lan.lan.packet.Packet`."""
        return self._run(lambda now: self.session.handshake(now, timeout=timeout, retry_count=retry_count))

    def listen(self, timeout: float) -> Push | None:
        """Wait for something the device tells unasked.

        :param timeout: seconds; what already arrived is given at once
        """
        arrived = self.session.pushes.arrived
        end = self._clock() + timeout
        within = self._is_telling()
        try:
            self._attend(end)
            while not arrived and self._clock() < end:
                self._wait(end, lambda: bool(arrived))
                self._tell()
            with self._state:
                self._attended = self._clock()
                self._wake()
                return arrived.popleft() if arrived else None
        except BaseException:
            self._recover(None, within)
            raise

    def close(self) -> None:
        """Close the socket, ending open calls of other threads; the next command opens another socket."""
        with self._state:
            self.session.abandon_all("the connection was closed")
            self._close_socket()
            self._local_port = 0
            self._wake()

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

    # --- one call ----------------------------------------------------------------------------------------------

    def _run(self, make: Callable[[float], Call]) -> object:
        call: Call | None = None
        within = self._is_telling()
        try:
            with self._state:
                call = make(self._clock())
            self._converse(call)
            self._finish(call)
            self._tell()
        except BaseException:
            self._recover(call, within)
            raise
        return call.outcome()

    def _converse(self, call: Call) -> None:
        """Have a call answered, or ended by its deadline."""
        begun = False
        while not begun:
            self._attend(call.deadline)
            with self._state:
                begun = self._socket is not None  # or another thread closed it just now
                if begun:
                    self.session.begin(call, self._clock())
                    self._flush()
        overdue = False
        while not call.done and not overdue:
            self._tell()
            # Looked at first: an observer may have taken long, and what came meanwhile lies in the socket.
            overdue = self._clock() >= call.deadline + _OVERDUE
            self._wait(call.deadline, lambda: call.done)

    def _finish(self, call: Call) -> None:
        """Leave in regular course."""
        with self._state:
            self.session.abandon(call, "the call was lost", self._clock())
            if isinstance(call.error, DeviceTimeout):
                self._doubtful = True
            self._attended = self._clock()
            self._wake()

    def _recover(self, call: Call | None, within: bool) -> None:
        """Leave after an error or an interruption, wherever it came: nothing of this thread stays behind.

        :param within: whether an observer sent, so that this thread still is telling it something
        """
        with suppress(RuntimeError):
            while True:
                self._state.release()  # an error where it is not this thread's
        with self._state:
            if call is not None:
                self.session.abandon(call, "the call was interrupted", self._clock())
                self._flush()
            if self._leader == threading.get_ident():
                self._leader = None
            if self._teller is not None and self._is_telling() and not within:
                self._teller.busy = None
            self._attended = self._clock()
            self._wake()

    def _wait(self, end: float, done: Callable[[], bool]) -> None:
        """Wait for news, on the socket or for the thread that waits there, and let the session act on it.

        :param end: wait no longer than this (monotonic seconds), whatever the session wants
        :param done: whether there is nothing to wait for any more; asked while no other thread can change it
        """
        me = threading.get_ident()
        with self._state:
            if done():
                return
            now = self._clock()
            deadline = self.session.deadline
            wait = max(0.0, (end if deadline is None else min(end, deadline)) - now)
            gone = self._leader is not None and now > self._leads_until + _GONE
            if gone:
                self._buffer = bytearray(_BUFFER)  # should it be there after all, it keeps the other one
            # One's own name there is left over from an interrupted wait.
            leading = gone or self._leader in {None, me}
            if leading:
                self._leads_until = now + wait
                self._leader = me
                sock, buffer = self._socket, self._buffer
            else:
                wait = min(wait, max(0.0, self._leads_until - now) + 2 * _GONE)
                waiter = threading.Lock()
                waiter.acquire()
                self._waiters.append(waiter)
        if leading:
            datagram, trouble = self._read(sock, buffer, wait)
            with self._state:
                # A socket that was replaced meanwhile says nothing of the device.
                current = sock is self._socket
                self._take(datagram if current else None, trouble if current else "")
        else:
            waiter.acquire(timeout=wait)
            with self._state:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
                self._take(None, "")

    def _read(self, sock: socket.socket | None, buffer: bytearray, wait: float) -> tuple[bytes | None, str]:
        """Wait for one datagram; the lock is not held."""
        if sock is None:  # closed meanwhile, or it could not be opened again
            time.sleep(min(wait, _NO_SOCKET))
            return None, ""
        try:
            # 0 would make the socket non-blocking, which reads as an error here.
            sock.settimeout(max(wait, 0.0005))
            size = sock.recv_into(buffer)
            return bytes(buffer[:size]), ""
        except TimeoutError:
            return None, ""
        except OSError as error:
            return None, self._describe(error)

    def _take(self, datagram: bytes | None, trouble: str) -> None:
        """Step down, hand the session what came of a wait, and send what it wants sent."""
        if self._leader == threading.get_ident():
            self._leader = None
        now = self._clock()
        if datagram is not None:
            self.session.receive(datagram, now)
        elif trouble:
            self.session.unreachable(trouble, now)
        else:
            self.session.tick(now)
        self._flush()
        if datagram is not None or trouble or not (self._teller is None or self._teller.idle):
            self._wake()

    def _wake(self) -> None:
        """Let the waiting threads look whether their calls are done, and who waits on the socket next."""
        for waiter in self._waiters:
            with suppress(RuntimeError):  # woken before, by somebody who was interrupted then
                waiter.release()
        self._waiters.clear()

    def _tell(self) -> None:
        """Tell the observer; the lock is not held, and somebody else may wait on the socket meanwhile."""
        teller = self._teller
        if teller is None or teller.idle:
            return
        within = self._is_telling()
        while True:
            with self._state:
                told = teller.next(threading.get_ident())
                if told is None and not within and self._is_telling():
                    teller.busy = None
            if told is None:
                return
            teller.tell(told)

    def _is_telling(self) -> bool:
        return self._teller is not None and self._teller.busy == threading.get_ident()

    def _flush(self) -> None:
        self.session.take_ended()
        if self._teller is not None:
            self._teller.add(self.session.take_told())
        while datagrams := self.session.take_output():
            for datagram in datagrams:
                self._send(datagram)

    def _send(self, datagram: bytes) -> None:
        if self._socket is None:
            return  # closed meanwhile: to the device, this datagram was lost
        try:
            self._socket.send(datagram)
        except OSError as error:
            # The route may come back (a restart, Wi-Fi roaming): the session decides how long to go on.
            self.session.unreachable(self._describe(error), self._clock())

    # --- the socket --------------------------------------------------------------------------------------------

    def _attend(self, end: float) -> None:
        """See to it that there is a socket to the address the device has now, and nothing old in it.

        :param end: until when a name server may be waited for (monotonic seconds)
        """
        if self._socket is None or (self._doubtful and self.session.silent):
            address = self._resolve(end)
            with self._state:
                if self._doubtful or self._socket is None:
                    self._open(address)
        else:
            with self._state:
                self._read_backlog()

    def _resolve(self, end: float) -> Address:
        if self.find is not None and self._lookup is None:
            self.host = self.find(end - self._clock())
        lookup = self._lookup = self._lookup or Lookup(self.host, self.port, self._family)
        try:
            return lookup.wait(end - self._clock())
        finally:
            if lookup.finished:
                self._lookup = None  # one that goes on is waited for by the next call

    def _read_backlog(self) -> None:
        """Read what piled up while nobody listened: its stamps say nothing about now."""
        now = self._clock()
        if self._socket is None or self._leader is not None or now - self._attended < _UNATTENDED:
            return
        self._socket.settimeout(0)
        for _ in range(_BACKLOG):
            try:
                size = self._socket.recv_into(self._buffer)
            except BlockingIOError:
                break
            except OSError:
                continue  # an old ICMP message
            self.session.receive(bytes(self._buffer[:size]), now, stale=True)
        self._flush()


_CONNECTIONS: weakref.WeakSet[Connection] = weakref.WeakSet()


def _after_fork() -> None:
    """Give the child sockets, ids and handshakes of its own."""
    for connection in list(_CONNECTIONS):
        connection.split_off()


if hasattr(os, "register_at_fork"):  # not on every system
    os.register_at_fork(after_in_child=_after_fork)
