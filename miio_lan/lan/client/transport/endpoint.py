"""One UDP socket of an event loop, for any number of devices, told apart by their addresses."""

from __future__ import annotations

import asyncio
import itertools
import os
import socket
import time
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from miio_lan.errors import UnsupportedFeatureException
from miio_lan.lan.client.transport.device_socket import bind_to
from miio_lan.lan.client.transport.refusals import ask_for_refusals, read_refusals
from miio_lan.lan.packet import LARGEST_DATAGRAM
from miio_lan.lan.sockets import made_socket

#: Bytes of received datagrams that the system is asked to keep; it gives what it allows.
RECEIVE_BUFFER = 4 * 1024 * 1024
#: Datagrams read before everything else that waits in the loop has its turn.
BURST = 64
NO_SOCKETS = (
    "this event loop cannot watch sockets (the usual one on Windows cannot): run with "
    "asyncio.Runner(loop_factory=asyncio.SelectorEventLoop)"
)
#: Tells sockets apart, also one that took the place of another.
_NUMBERS = itertools.count()


class Box(Protocol):
    """Who gets what comes from one address."""

    def receive(self, datagram: bytes, now: float) -> None:
        """Take a datagram."""

    def unreachable(self, error: OSError, now: float) -> None:
        """Take the news that a datagram could not be delivered."""


class Endpoint:
    """A socket that is open while somebody has joined.

    :param source_ip: the local address to send from, None to let the system choose
    :raises DeviceException: if there can be no such socket
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        family: int,
        source_ip: str | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._loop = loop
        self._clock = clock
        # Whoever forgets a device does not keep it by the socket it used.
        self._boxes: weakref.WeakValueDictionary[Any, Box] = weakref.WeakValueDictionary()
        self._unsent: deque[tuple[bytes, Any]] = deque()
        #: Datagrams that came from addresses nobody speaks to.
        self.strangers = 0
        self._number = next(_NUMBERS)
        self._family, self._source_ip = family, source_ip
        self._socket = self._open(family, source_ip)
        self.closed = False
        try:
            loop.add_reader(self._socket, self._read)
        except NotImplementedError:
            self._socket.close()
            raise UnsupportedFeatureException(NO_SOCKETS) from None

    def _open(self, family: int, source_ip: str | None) -> socket.socket:
        sock = made_socket(family, socket.SOCK_DGRAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            ask_for_refusals(sock)
            if source_ip is not None:
                bind_to(sock, source_ip)
        except BaseException:
            sock.close()
            raise
        return sock

    def __del__(self) -> None:
        # Of a loop that was closed with devices left open.
        with suppress(AttributeError):
            self._socket.close()

    def has(self, address: Any) -> bool:
        """Tell whether somebody speaks to an address."""
        return address in self._boxes

    def way_to(self, address: Any) -> object:
        """Give what tells one way to an address from another: the socket, and our own address there.

        The socket serves all interfaces, so our address can change under it. Nothing is sent to find out.

        :returns: something to be compared; None where there is no way just now
        """
        if self._source_ip is not None:
            return self._number, self._source_ip, address
        try:
            with socket.socket(self._family, socket.SOCK_DGRAM) as probe:
                probe.connect(address)
                return self._number, probe.getsockname()[0], address
        except OSError:
            return None

    def join(self, address: Any, box: Box) -> None:
        """Hand over to somebody what comes from an address."""
        self._boxes[address] = box

    def leave(self, address: Any) -> None:
        """End that; after the last one, the socket is closed."""
        self._boxes.pop(address, None)
        self.look()

    def look(self) -> None:
        """Close the socket if nobody needs it any more."""
        if not self._boxes:
            self.close()

    def look_soon(self) -> None:
        """Do that later, from whichever thread."""
        with suppress(RuntimeError):  # the loop is closed
            self._loop.call_soon_threadsafe(self.look)

    def close(self) -> None:
        """Close the socket."""
        if not self.closed:
            self.closed = True
            self._unsent.clear()
            if not self._loop.is_closed():
                self._loop.remove_reader(self._socket)
                self._loop.remove_writer(self._socket)
            self._socket.close()

    def split_off(self) -> None:
        """Be closed in another process (after a fork); the first one goes on with the socket.

        The loop is not told: what it watches by is one and the same in both processes, and what is taken off here, the
        first one hears no more. So a loop that is used here all the same still knows the number of this file, which no
        other socket may get: it stays taken by one that hears nothing, as long as the loop is there.
        """
        self.closed = True
        self._unsent.clear()
        try:
            with socket.socket(self._family, socket.SOCK_DGRAM) as deaf:
                deaf.setblocking(False)
                os.dup2(deaf.fileno(), self._socket.fileno(), inheritable=False)
        except OSError:
            self._socket.close()

    # --- sending -----------------------------------------------------------------------------------------------

    def send(self, datagram: bytes, address: Any) -> OSError | None:
        """Send a datagram, or keep it until the system has room for it.

        :returns: why it cannot be sent, None where it can
        """
        if self.closed:
            return None  # to the device, it was lost
        if self._unsent:
            self._unsent.append((datagram, address))
            return None
        return self._send(datagram, address)

    def _send(self, datagram: bytes, address: Any) -> OSError | None:
        failure: OSError | None = None
        for _ in range(2):
            try:
                self._socket.sendto(datagram, address)
            except BlockingIOError:
                self._unsent.append((datagram, address))
                self._loop.add_writer(self._socket, self._write)
                return None
            except OSError as error:
                # Perhaps what became of an earlier datagram, to somebody else.
                failure = error
                self._loop.call_soon(self._tell_refusals)
            else:
                return None
        return failure

    def _write(self) -> None:
        """Send what waits, as far as there is room."""
        waiting, self._unsent = self._unsent, deque()
        while waiting and not self._unsent:
            datagram, address = waiting.popleft()
            error = self._send(datagram, address)
            if error is not None and (box := self._boxes.get(address)) is not None:
                box.unreachable(error, self._clock())
        self._unsent.extend(waiting)
        if not self._unsent and not self.closed:
            self._loop.remove_writer(self._socket)

    # --- receiving ---------------------------------------------------------------------------------------------

    def _read(self) -> None:
        for number in range(BURST):
            try:
                datagram, address = self._socket.recvfrom(LARGEST_DATAGRAM)
            except BlockingIOError:
                if number == 0:
                    self._tell_refusals()  # what else would there be to read
                return
            except OSError:
                self._tell_refusals()
                continue
            box = self._boxes.get(address)
            if box is None:
                self.strangers += 1
            else:
                box.receive(datagram, self._clock())
            if self.closed:  # by what somebody did with it
                return

    def _tell_refusals(self) -> None:
        if self.closed:
            return
        for address, error in read_refusals(self._socket):
            box = self._boxes.get(address)
            if box is not None:
                box.unreachable(error, self._clock())
        if not self.closed:
            self._watch_anew()

    def _watch_anew(self) -> None:
        """Have the loop watch the socket after an error: one on libuv (uvloop) gives it up there, and says nothing."""
        with suppress(RuntimeError):  # what was given up cannot go on for a writer
            self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._loop.add_reader(self._socket, self._read)
        if self._unsent:
            self._loop.add_writer(self._socket, self._write)
