"""The UDP socket to one device, and what its errors say."""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any

from miio_lan.errors import DeviceException
from miio_lan.lan.client.transport.resolving import Address
from miio_lan.lan.sockets import made_socket


class DeviceSocket:
    """A device's address, and the socket to it, if one is open.

    :param host: address or name of the device
    :param source_ip: the local address to send from, None to let the system choose; one of IPv6 prefers the IPv6
        address of a name
    """

    def __init__(self, host: str, port: int, source_ip: str | None) -> None:
        self.host = host
        self.port = port
        self.source_ip = source_ip
        self._socket: socket.socket | None = None
        self._local_port = 0
        # The way datagrams go: our address and the device's.
        self._route: tuple[Any, Any] | None = None
        self._doubtful = False

    @property
    def _family(self) -> socket.AddressFamily:
        """The kind of address that is used where a name has several: products speak IPv4."""
        return socket.AF_INET6 if ":" in (self.source_ip or "") else socket.AF_INET

    def _open(self, address: Address) -> None:
        """Make a socket to an address, in place of the one there may be."""
        self._close_socket()
        family, kind, protocol, _, peer = address
        sock = made_socket(family, kind, protocol)
        try:
            self._bind(sock)
            # Connected, the system itself drops whatever comes from elsewhere, and reports closed ports.
            sock.connect(peer)
            here = sock.getsockname()
            self._local_port, self._route = here[1], (here, peer)
        except BaseException as error:
            sock.close()
            if isinstance(error, OSError):
                raise DeviceException(described(error, self.host, self.port)) from None
            raise
        self._doubtful = False
        self._socket = sock

    def _bind(self, sock: socket.socket) -> None:
        """Use the port of before, where it is free: a device tells what it tells unasked to that one.

        :raises DeviceException: if the local address to send from is none, or cannot be used
        """
        if self._local_port:
            with suppress(OSError, UnicodeError, ValueError):
                sock.bind(self._source(sock.family, self._local_port))
                return
        if self.source_ip is not None:
            bind_to(sock, self.source_ip)

    def _source(self, family: int, port: int) -> Any:
        """Give the local address to send from, in the form that sockets of a family take it."""
        return ("", port) if self.source_ip is None else local_address(self.source_ip, family, port)

    def _close_socket(self) -> None:
        sock, self._socket = self._socket, None
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)  # wakes a thread that waits in it
            sock.close()

    def _describe(self, error: OSError) -> str:
        return described(error, self.host, self.port)


def bind_to(sock: socket.socket, source_ip: str) -> None:
    """Have a socket send from a local address.

    :raises DeviceException: if it is none, or cannot be used
    """
    try:
        sock.bind(local_address(source_ip, sock.family, 0))
    except (OSError, UnicodeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DeviceException(f"cannot send from {source_ip!r}: {reason}") from None


def local_address(source_ip: str, family: int, port: int) -> Any:
    """Give a local address in the form that sockets of a family take it.

    :raises OSError: (or a ``ValueError``) if it is none of that family
    """
    try:
        socket.inet_pton(family, source_ip.partition("%")[0])  # a name server is not waited for here
    except OSError:
        version = "IPv6" if family == socket.AF_INET6 else "IPv4"
        raise ValueError(f"it is no {version} address, as that of the device is") from None
    kind, flags = socket.SOCK_DGRAM, socket.AI_NUMERICHOST
    return socket.getaddrinfo(source_ip, port, family, kind, flags=flags)[0][4]


def described(error: OSError, host: str, port: int) -> str:
    """Say what a socket's error means for somebody who sends to a device."""
    if isinstance(error, ConnectionError):
        return f"nothing listens on UDP port {port} of {host} (ICMP port unreachable)"
    if isinstance(error, PermissionError):
        return f"cannot send to {host}: it is the broadcast address of a network, or a firewall forbids it"
    return f"cannot send to {host}: {error.strerror or error}"
