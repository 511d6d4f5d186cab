"""Looking up a device's address without waiting for a name server longer than a call may take."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from miio_lan.errors import DeviceException, DeviceTimeout

#: An entry of :func:`socket.getaddrinfo`.
Address = tuple[Any, Any, int, str, Any]
#: Seconds that a name server gets at least, where somebody waits for less to be told something.
LOOKUP = 1.0
#: Seconds for which an answer that came after its call had given up holds for the next one.
NEWS = 5.0
#: How an IPv6 address begins that stands for one of IPv4.
_MAPPED = bytes(10) + b"\xff\xff"


class Lookup:
    """One look-up of a name, in a thread of its own: the system's has no limit of time.

    :param host: name or address of the device
    :param family: the kind of address that is taken where a name has several
    """

    def __init__(self, host: str, port: int, family: socket.AddressFamily = socket.AF_INET) -> None:
        self._host = host
        self._port = port
        self._family = family
        self._found: Address | None = None
        self._error: Exception | None = None
        self._thread: threading.Thread | None = None
        # What is called at the end, each once: the thread and whoever joins take it from here.
        self._waiting: list[Callable[[], object]] = []
        self._over = False
        self._ended: float | None = None

    @property
    def finished(self) -> bool:
        """Whether nothing is under way any more."""
        return self._thread is None or not self._thread.is_alive()

    @property
    def stale(self) -> bool:
        """Whether who wants to know the address now has to ask anew; not while it goes on, or has just ended.

        A name server that takes longer than a call may still help the next one; what it said hours ago does not.
        """
        ended = self._ended
        return self.finished and (ended is None or time.monotonic() - ended > NEWS)

    def wait(self, seconds: float) -> Address:
        """Give the address, or the reason why there is none.

        :param seconds: how long to wait for a name server; an address needs none
        :raises DeviceTimeout: if the name server does not answer in time; a later call may wait on
        :raises DeviceException: if the name is not known, or no single device can be there
        """
        if self._thread is None and (address := numeric(self._host, self._port, self._family)) is not None:
            return usable(self._host, address)
        self.begin().join(min(max(0.0, seconds), threading.TIMEOUT_MAX))
        return self.outcome(seconds)

    def begin(self) -> threading.Thread:
        """Ask, unless that is under way; gives the thread that does.

        :raises DeviceException: if there can be no thread
        """
        thread = self._thread
        if thread is None:
            thread = threading.Thread(target=self._ask, daemon=True, name=f"look-up of {self._host}")
            try:
                thread.start()
            except RuntimeError as error:  # the system gives no more threads
                raise DeviceException(f"{self._host!r} cannot be looked up: {error}") from None
            self._thread = thread
        return thread

    def outcome(self, seconds: float) -> Address:
        """Give what is known by now; errors are those of :meth:`wait`.

        :param seconds: how long it was waited for
        """
        if self._found is not None:
            return usable(self._host, self._found)
        if self._error is not None:
            raise unknown_name(self._host, self._error)
        raise no_name_server(self._host, seconds)

    def join(self, end: Callable[[], object]) -> None:
        """Have something called when it ends, in the thread that asks, or here where it has ended."""
        self._waiting.append(end)
        if self._over:
            self._call_back()

    def leave(self, end: Callable[[], object]) -> None:
        """Have it called no more."""
        with suppress(ValueError):
            self._waiting.remove(end)

    def _ask(self) -> None:
        try:
            self._found = _look_up(self._host, self._port, 0, self._family)
        except (OSError, UnicodeError, ValueError) as error:
            self._error = error
        finally:
            self._ended = time.monotonic()
            self._over = True
            self._call_back()

    def _call_back(self) -> None:
        with suppress(IndexError):
            while True:
                self._waiting.pop()()


def numeric(host: str, port: int, family: socket.AddressFamily = socket.AF_INET) -> Address | None:
    """Give the address that stands there in numbers; None for a name, which takes a name server."""
    with suppress(OSError, UnicodeError, ValueError):
        return _look_up(host, port, socket.AI_NUMERICHOST, family)
    return None


def usable(host: str, address: Address) -> Address:
    """Give an address at which one device can be; that of no interface in particular leads to this computer.

    So does the system where it is asked to send there, but answers come from the loopback address then.

    :raises DeviceException: for an address of many, and one that means nothing without an interface
    """
    family, kind, protocol, name, peer = address
    packed = socket.inet_pton(family, peer[0].partition("%")[0])
    version4 = packed[-4:] if packed[:-4] in (b"", _MAPPED) else None
    if packed == bytes(len(packed)) or version4 == bytes(4):
        here = "127.0.0.1" if family == socket.AF_INET else "::1" if version4 is None else "::ffff:127.0.0.1"
        return family, kind, protocol, name, (here, *peer[1:])
    if packed[0] == 0xFF or (version4 is not None and (version4[0] >> 4 == 0xE or version4 == b"\xff" * 4)):
        raise DeviceException(f"{host!r} is an address of many: give that of one device, or use discover()")
    if packed[0] == 0xFE and packed[1] >> 6 == 2 and peer[3] == 0:
        raise DeviceException(f"{host!r} needs an interface: write {host}%eth0, with the interface's name")
    return address


def in_numbers(peer: Any) -> str:
    """Write a device's address as it is looked up without a name server, given as sockets have it."""
    scope = peer[3] if len(peer) > 3 else 0
    return f"{peer[0]}%{scope}" if scope else str(peer[0])


def unknown_name(host: str, error: Exception) -> DeviceException:
    """Make the error for a name that no name server knows."""
    return DeviceException(f"{host!r} is not a known host name or address: {error}")


def no_name_server(host: str, seconds: float) -> DeviceTimeout:
    """Make the error for a name server that does not answer in time."""
    return DeviceTimeout(
        f"the name server did not answer within {max(0.0, seconds):.1f} s when asked for {host!r}: "
        f"give the address itself, or look at the network's name server",
        elapsed=seconds,
    )


def _look_up(host: str, port: int, flags: int, family: socket.AddressFamily) -> Address:
    if "\0" in host:
        raise ValueError("it has a NUL, and the system would look at what is before it alone")
    # As bytes, a plain name does not load the machinery of international ones, which costs as much as a call.
    name = host.encode("ascii") if host.isascii() else host
    return preferred(socket.getaddrinfo(name, port, type=socket.SOCK_DGRAM, flags=flags), family)


def preferred(found: list[Address], family: socket.AddressFamily) -> Address:
    """Give one of the addresses of a name, whatever a name server lists first."""
    return min(found, key=lambda entry: entry[0] != family)
