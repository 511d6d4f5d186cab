"""One UDP socket driving one session, for any number of threads.

The thread whose turn it is waits on the socket and feeds the session; the others wait for it and take over when it
is done. No thread of our own is needed, and a thread never waits longer than its own call's deadline.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Self

from miio_lan.errors import DeviceException
from miio_lan.lan.client.call import Call
from miio_lan.lan.client.pushes import Push
from miio_lan.lan.client.session import Session
from miio_lan.lan.packet import PORT
from miio_lan.lan.payload import parse_payload

if TYPE_CHECKING:
    from miio_lan.record import Observer

_LOGGER = logging.getLogger(__name__)

#: No datagram is larger.
_BUFFER = 65536
#: Seconds after which datagrams may have piled up unread in the socket.
_UNATTENDED = 1.0
#: Of which so many are read at most.
_BACKLOG = 1000
#: Seconds after its deadline when a call ends even if the session has lost it (interrupted in mid-change).
_OVERDUE = 1.0


class Connection:
    """A device's address, and the conversation with it.

    :param host: address or name of the device; resolved when the socket is opened
    :param session: the rules; this object is the only one to call them
    :param source_ip: the local address to send from, None to let the system choose
    """

    def __init__(
        self,
        host: str,
        session: Session,
        *,
        port: int = PORT,
        source_ip: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.host = host
        self.port = port
        self.source_ip = source_ip
        self.session = session
        self._clock = clock
        # Ctrl-C may end a wait anywhere. So the lock is only ever held by ``with``, never over a wait, and who waits
        # on the socket is written down by name: what an interrupted thread left behind, it can recognise.
        self._state = threading.RLock()
        self._leader: int | None = None
        self._waiters: list[threading.Lock] = []
        self._socket: socket.socket | None = None
        self._buffer = bytearray(_BUFFER)
        self._attended = 0.0

    def call(
        self,
        method: str,
        params: object,
        *,
        timeout: float,
        retry_count: int,
        repeat_safe: bool | None = None,
        extra: Mapping[str, object] | None = None,
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
        try:
            with self._state:
                self._attend()
            while not arrived and self._clock() < end:
                self._wait(end, lambda: bool(arrived))
        finally:
            with self._state:
                self._leave()
        with self._state:
            return arrived.popleft() if arrived else None

    def close(self) -> None:
        """Close the socket, ending open calls of other threads; the next command opens another socket."""
        with self._state:
            self.session.abandon_all("the connection was closed")
            self._close_socket()
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
        try:
            with self._state:
                self._attend()
                call = make(self._clock())
                self.session.begin(call, call.started)
                self._flush()
            mine = call
            while not call.done and self._clock() < call.deadline + _OVERDUE:
                self._wait(call.deadline, lambda: mine.done)
        finally:
            with self._state:
                if call is not None:
                    self.session.abandon(call, "the call was interrupted")
                self._leave()
        return call.outcome()

    def _wait(self, end: float, done: Callable[[], bool]) -> None:
        """Wait for news, on the socket or for the thread that waits there, and let the session act on it.

        :param end: wait no longer than this (monotonic seconds), whatever the session wants
        :param done: whether there is nothing to wait for any more; asked while no other thread can change it
        """
        me = threading.get_ident()
        with self._state:
            if done():
                return
            deadline = self.session.deadline
            wait = max(0.0, (end if deadline is None else min(end, deadline)) - self._clock())
            # One's own name there is left over from an interrupted wait.
            leading = self._leader in {None, me}
            if leading:
                self._leader = me
                sock = self._socket or self._open()
            else:
                waiter = threading.Lock()
                waiter.acquire()
                self._waiters.append(waiter)
        if leading:
            datagram, trouble = self._read(sock, wait)
            with self._state:
                self._take(datagram, trouble)
        else:
            waiter.acquire(timeout=wait)
            with self._state:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
                self._take(None, "")

    def _read(self, sock: socket.socket, wait: float) -> tuple[bytes | None, str]:
        """Wait for one datagram; the lock is not held."""
        try:
            # 0 would make the socket non-blocking, which reads as an error here.
            sock.settimeout(max(wait, 0.0005))
            size = sock.recv_into(self._buffer)
            return bytes(self._buffer[:size]), ""
        except TimeoutError:
            return None, ""
        except OSError as error:
            return None, self._describe(error)

    def _take(self, datagram: bytes | None, trouble: str) -> None:
        """Hand the session what came of a wait, and send what it wants sent."""
        now = self._clock()
        if datagram is not None:
            self.session.receive(datagram, now)
        elif trouble:
            self.session.unreachable(trouble, now)
        else:
            self.session.tick(now)
        self._flush()
        if datagram is not None or trouble:
            self._wake()

    def _leave(self) -> None:
        """End this thread's part: somebody else may wait on the socket now."""
        if self._leader == threading.get_ident():
            self._leader = None
        self._attended = self._clock()
        self._wake()

    def _wake(self) -> None:
        """Let the waiting threads look whether their calls are done, and who waits on the socket next."""
        for waiter in self._waiters:
            waiter.release()
        self._waiters.clear()

    def _flush(self) -> None:
        while datagrams := self.session.take_output():
            for datagram in datagrams:
                self._send(datagram)

    def _send(self, datagram: bytes) -> None:
        try:
            (self._socket or self._open()).send(datagram)
        except OSError as error:
            # The route may come back (a restart, Wi-Fi roaming): the session decides how long to go on.
            self.session.unreachable(self._describe(error), self._clock())

    # --- the socket --------------------------------------------------------------------------------------------

    def _attend(self) -> None:
        """Open the socket, and read what piled up while nobody listened: its stamps say nothing about now."""
        if self._socket is None:
            self._open()
            return
        now = self._clock()
        if self._leader is not None or now - self._attended < _UNATTENDED:
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

    def _open(self) -> socket.socket:
        try:
            # As bytes, a plain name does not load the machinery of international ones, which costs as much as a call.
            host = self.host.encode("ascii") if self.host.isascii() else self.host
            found = socket.getaddrinfo(host, self.port, type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError) as error:
            raise DeviceException(f"{self.host!r} is not a known host name or address: {error}") from None
        # Products speak IPv4; a name server may list an IPv6 address of the same name first.
        family, kind, protocol, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
        sock = socket.socket(family, kind, protocol)
        try:
            if self.source_ip is not None:
                self._bind(sock, self.source_ip)
            # Connected, the system itself drops whatever comes from elsewhere, and reports closed ports.
            sock.connect(address)
        except BaseException as error:
            sock.close()
            if isinstance(error, OSError):
                raise DeviceException(f"cannot send to {self.host}: {error.strerror or error}") from None
            raise
        self._socket = sock
        return sock

    @staticmethod
    def _bind(sock: socket.socket, source_ip: str) -> None:
        try:
            sock.bind((source_ip, 0))
        except OSError as error:
            raise DeviceException(f"cannot send from {source_ip}: {error.strerror or error}") from None

    def _close_socket(self) -> None:
        sock, self._socket = self._socket, None
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits in it
            sock.close()

    def _describe(self, error: OSError) -> str:
        if isinstance(error, ConnectionError):
            return f"nothing listens on UDP port {self.port} of {self.host} (ICMP port unreachable)"
        return f"cannot send to {self.host}: {error.strerror or error}"


def tracer(observer: Observer, peer: str) -> Callable[[str, bytes, float, str], None]:
    """Make the session's trace function that hands an observer one record per datagram."""
    from miio_lan.record import Record  # most programs observe nothing

    def trace(direction: str, plain: bytes, now: float, note: str) -> None:
        reading = None
        if plain and not note:
            value = parse_payload(plain)
            reading = value if isinstance(value, dict) else None
        observer(
            Record(
                wire="lan",
                direction=direction,
                instant=now,
                wall=time.time(),
                raw=plain,
                reading=reading,
                note=note,
                peer=peer,
            )
        )

    return trace
