"""The UDP socket to one device, and what its errors say."""

from __future__ import annotations

import socket
from contextlib import suppress

from miio_lan.errors import DeviceException
from miio_lan.lan.client.transport.resolving import Address


class DeviceSocket:
    """A device's address, and the socket to it, if one is open.

    :param host: address or name of the device
    :param source_ip: the local address to send from, None to let the system choose
    """

    def __init__(self, host: str, port: int, source_ip: str | None) -> None:
        self.host = host
        self.port = port
        self.source_ip = source_ip
        self._socket: socket.socket | None = None
        self._local_port = 0
        self._doubtful = False

    def _open(self, address: Address) -> None:
        """Make a socket to an address, in place of the one there may be."""
        self._close_socket()
        family, kind, protocol, _, peer = address
        sock = socket.socket(family, kind, protocol)
        try:
            self._bind(sock)
            # Connected, the system itself drops whatever comes from elsewhere, and reports closed ports.
            sock.connect(peer)
            self._local_port = sock.getsockname()[1]
        except BaseException as error:
            sock.close()
            if isinstance(error, OSError):
                raise DeviceException(f"cannot send to {self.host}: {error.strerror or error}") from None
            raise
        self._doubtful = False
        self._socket = sock

    def _bind(self, sock: socket.socket) -> None:
        """Use the port of before, where it is free: a device tells what it tells unasked to that one."""
        if self._local_port:
            with suppress(OSError):
                sock.bind((self.source_ip or "", self._local_port))
                return
        if self.source_ip is not None:
            try:
                sock.bind((self.source_ip, 0))
            except OSError as error:
                raise DeviceException(
                    f"cannot send from {self.source_ip}: {error.strerror or error}"
                ) from None

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
