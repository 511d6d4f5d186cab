"""A socket to somebody who may not be there: it hears answers from any address, and notes refusals with who said so."""

from __future__ import annotations

import errno
import socket
import struct
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from miio_lan.device.doctor.observed import Refusal
from miio_lan.lan.client.transport.refusals import ask_for_refusals
from miio_lan.lan.packet import LARGEST_DATAGRAM
from miio_lan.lan.sockets import made_socket
from miio_lan.ready import readable

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from miio_lan.device.doctor.observed import RefusalKind

_ERROR_ROOM = 1024
# struct sock_extended_err: errno, origin, type, code, padding, info, data; the address of who said so follows it.
_EXTENDED = struct.Struct("=IBBBBII")
_ICMP = 2
_UNREACHABLE = 3
_PROHIBITED = frozenset({9, 10, 13})
_BY_CODE: dict[int, RefusalKind] = {0: "network", 1: "host", 3: "port", 6: "network", 7: "host"}
_BY_NUMBER: dict[int, RefusalKind] = {
    errno.ECONNREFUSED: "port",
    errno.EHOSTUNREACH: "host",
    errno.ENETUNREACH: "network",
    errno.EPERM: "not permitted",
}
_RECVERR = frozenset({(socket.IPPROTO_IP, 11), (socket.IPPROTO_IPV6, 25)})


class ProbeReply(NamedTuple):
    """A datagram that came.

    :param address: where from
    :param at: when, monotonic seconds
    """

    data: bytes
    address: str
    at: float


class ProbeSocket:
    """A UDP socket for one device.

    :param found: its address, as :func:`socket.getaddrinfo` has it
    :raises DeviceException: if there can be no socket
    """

    def __init__(self, found: tuple[Any, Any, int, str, Any]) -> None:
        family, kind, protocol, _, self._peer = found
        self._socket = made_socket(family, kind, protocol)
        self._socket.setblocking(False)
        # Connected, nothing from another address would be heard; but only Linux tells such a socket of refusals.
        self._connected = sys.platform != "linux"
        if self._connected:
            with suppress(OSError):
                self._socket.connect(self._peer)
        else:
            ask_for_refusals(self._socket)
        #: What was refused, each once.
        self.refusals: list[Refusal] = []

    @property
    def address(self) -> str:
        """The device's address in numbers."""
        return str(self._peer[0])

    def send(self, datagram: bytes) -> None:
        """Send; what the system says of that is noted."""
        self._read_refusals()
        try:
            if self._connected:
                self._socket.send(datagram)
            else:
                self._socket.sendto(datagram, self._peer)
        except OSError as error:
            self._note(Refusal(_BY_NUMBER.get(error.errno or 0, "other")))

    def receive(self, until: float) -> list[ProbeReply]:
        """Wait until something comes, or the time is over (monotonic seconds)."""
        wait = until - time.monotonic()
        if wait > 0:
            readable(self._socket, wait)
        self._read_refusals()
        heard: list[ProbeReply] = []
        while len(heard) < 64:
            try:
                data, peer = self._socket.recvfrom(LARGEST_DATAGRAM)
            except BlockingIOError:
                break
            except OSError as error:
                self._note(Refusal(_BY_NUMBER.get(error.errno or 0, "other")))
                break
            heard.append(ProbeReply(data, str(peer[0]), time.monotonic()))
        return heard

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _note(self, refusal: Refusal) -> None:
        if refusal not in self.refusals:
            self.refusals.append(refusal)

    def _read_refusals(self) -> None:
        if self._connected:
            return
        with suppress(OSError):  # BlockingIOError: nothing more
            for _ in range(64):
                _, ancillary, _, _ = self._socket.recvmsg(0, _ERROR_ROOM, socket.MSG_ERRQUEUE)
                for level, kind, data in ancillary:
                    if (level, kind) in _RECVERR and (refusal := read_refusal(data)) is not None:
                        self._note(refusal)


def read_refusal(data: bytes) -> Refusal | None:
    """Read what Linux says of a datagram that was not delivered; None where it says nothing usable."""
    if len(data) < _EXTENDED.size:
        return None
    number, origin, kind, code, *_ = _EXTENDED.unpack_from(data)
    by = data[_EXTENDED.size :]
    named = len(by) >= 8 and int.from_bytes(by[:2], sys.byteorder) == socket.AF_INET
    who = socket.inet_ntoa(by[4:8]) if named else ""
    if origin == _ICMP and kind == _UNREACHABLE:
        return Refusal("prohibited" if code in _PROHIBITED else _BY_CODE.get(code, "other"), who)
    return Refusal(_BY_NUMBER.get(number, "other"), who if origin == _ICMP else "")
