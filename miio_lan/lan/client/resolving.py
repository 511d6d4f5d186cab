"""Looking up a device's address without waiting for a name server longer than a call may take."""

from __future__ import annotations

import socket
import threading
from typing import Any

from miio_lan.errors import DeviceException, DeviceTimeout

#: An entry of :func:`socket.getaddrinfo`.
Address = tuple[Any, Any, int, str, Any]


class Lookup:
    """One look-up of a name, in a thread of its own: the system's has no limit of time.

    :param host: name or address of the device
    """

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self._found: list[Address] = []
        self._error: Exception | None = None
        self._thread: threading.Thread | None = None

    def wait(self, seconds: float) -> Address:
        """Give the address, or the reason why there is none.

        :param seconds: how long to wait for a name server; an address needs none
        :raises DeviceTimeout: if the name server does not answer in time; a later call may wait on
        :raises DeviceException: if the name is not known
        """
        if self._thread is None and not self._look(socket.AI_NUMERICHOST):
            self._error = None
            self._thread = threading.Thread(
                target=self._look, args=(0,), daemon=True, name=f"look-up of {self._host}"
            )
            self._thread.start()
        if self._thread is not None:
            self._thread.join(max(0.0, seconds))
            if self._thread.is_alive():
                raise DeviceTimeout(
                    f"the name server did not answer within {seconds:.1f} s when asked for {self._host!r}: "
                    f"give the address itself, or look at the network's name server",
                    elapsed=seconds,
                )
        if self._error is not None:
            reason = f"{self._host!r} is not a known host name or address: {self._error}"
            raise DeviceException(reason) from None
        # Products speak IPv4; a name server may list an IPv6 address of the same name first.
        return min(self._found, key=lambda entry: entry[0] != socket.AF_INET)

    def _look(self, flags: int) -> bool:
        try:
            # As bytes, a plain name does not load the machinery of international ones, which costs as much as a call.
            host = self._host.encode("ascii") if self._host.isascii() else self._host
            self._found = socket.getaddrinfo(host, self._port, type=socket.SOCK_DGRAM, flags=flags)
        except (OSError, UnicodeError, ValueError) as error:
            self._error = error
        return bool(self._found)
