"""A file server that is made for one update: one file, under a path nobody guesses, for the device's address alone.

The standard library's ``http.server`` knows no ranges, bounds neither connections nor the time they take, and gives
each a thread. What a connection is told is decided in :mod:`~miio_lan.device.ota.serving`; here are the sockets.
"""

from __future__ import annotations

import errno
import hashlib
import ipaddress
import logging
import re
import secrets
import socket
import time
from contextlib import suppress
from typing import Any, NamedTuple, Self

from miio_lan.device.arguments import checked_address
from miio_lan.device.ota.serving import Served, Site, Visit
from miio_lan.errors import DeviceException, InvalidArgument
from miio_lan.lan.client.transport.device_socket import bind_to
from miio_lan.lan.client.transport.resolving import numeric
from miio_lan.lan.sockets import made_socket
from miio_lan.loop import READ, WRITE, Closing, Loop

_LOGGER = logging.getLogger(__name__)

#: Connections at one time. One more takes the place of the one that has been idle longest.
MAX_CONNECTIONS = 16
#: Bytes of the unguessable part of the path: 128 bits.
_SECRET = 16
#: Bytes that the system may hold back of an answer: what is counted as sent is nearly what was taken.
_SEND_BUFFER = 65_536
#: Bytes read, and written, in one go.
_PIECE = 65_536
_NAME = re.compile(r"[^A-Za-z0-9._-]+")
#: Characters of the file's name that are kept.
_KEPT_OF_NAME = 32


class ServerRoute(NamedTuple):
    """The way to a device.

    :param here: this computer's address, as the device sees it
    :param device: the device's address
    """

    here: str
    device: str


def route_to(host: str, port: int, source_ip: str | None = None) -> ServerRoute:
    """Find the addresses at both ends of the way to a device; nothing is sent.

    :param host: address of the device, in numbers: no name server is waited for here
    :param source_ip: the address that is spoken from, None for the system's choice
    :raises DeviceException: if there is no way
    """
    found = numeric(host, port)
    if found is None:
        raise DeviceException(f"there is no way to {host}: it is no address")
    try:
        with made_socket(found[0], socket.SOCK_DGRAM) as sock:
            if source_ip:
                bind_to(sock, source_ip)
            sock.connect(found[4])
            return ServerRoute(sock.getsockname()[0], sock.getpeername()[0])
    except OSError as error:
        raise DeviceException(f"there is no way to {host}: {error.strerror or error}") from None


class _Guest:
    """A connection and what is said to it."""

    def __init__(self, sock: socket.socket, visit: Visit) -> None:
        self.socket = sock
        self.visit = visit
        self.told_end = False


class FileServer(Closing):
    """Serves one file to one device, from :meth:`start` to :meth:`close`. A context manager that does both.

    :param body: the file
    :param route: see :func:`route_to`
    :param address: the address the device is told, and that is listened at; by default the route's
    :param port: 0 for a free one
    :param name: the file's name; what is left of it stands at the end of the url
    :raises InvalidArgument: if the address is none that a url can name
    """

    def __init__(
        self, body: bytes, route: ServerRoute, *, address: str | None = None, port: int = 0, name: str = ""
    ) -> None:
        self.address = checked_place(route.here if address is None else address)
        self.port = port
        self._client = _plain(route.device)
        name = _NAME.sub("", name)[-_KEPT_OF_NAME:].lstrip(".") or "firmware.bin"
        path = f"/{secrets.token_urlsafe(_SECRET)}/{name}"
        self._site = Site(path, body, hashlib.sha256(body).hexdigest()[:32])
        self._served = Served(len(body))
        self._loop = Loop("miio file server")
        self._listener: socket.socket | None = None
        self._guests: list[_Guest] = []
        self._closed = False

    def __repr__(self) -> str:
        # The url is a secret while the server lasts: who knows it needs only the device's address.
        return f"<FileServer at {self.address}:{self.port}, {self._served.size} bytes>"

    @property
    def url(self) -> str:
        """Where the file is; known to nobody but the device it is given to."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"http://{host}:{self.port}{self._site.path}"

    def served(self) -> Served:
        """Tell what was fetched so far."""
        return self._loop.call(self._served.copy)

    def start(self) -> None:
        """Begin to listen.

        :raises DeviceException: if the address or the port cannot be had, or the system has no files or threads left
        """
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        sock = made_socket(family, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)  # connections inherit it
            sock.setblocking(False)
            sock.bind((self.address, self.port))
            sock.listen(MAX_CONNECTIONS)
        except (OSError, OverflowError) as error:
            sock.close()
            reason = getattr(error, "strerror", None) or error
            raise DeviceException(
                f"cannot serve the file at {self.address}{f' port {self.port}' if self.port else ''}: {reason}"
            ) from None
        self._listener = sock
        self.port = sock.getsockname()[1]
        try:
            self._loop.watch(sock, self._on_arrival)
            self._loop.add_timed(self)
            self._loop.start()
        except DeviceException:
            self.close()
            raise

    def close(self) -> None:
        """Listen no more, and end every connection at once."""
        if not self._closed:
            self._closed = True
            self._loop.call(self._end)
            self._loop.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    # --- in the loop -------------------------------------------------------------------------------------------

    @property
    def deadline(self) -> float | None:
        """When the next connection is to be given up; for the loop."""
        return min((guest.visit.deadline for guest in self._guests), default=None)

    def tick(self, now: float) -> None:
        """Give up who took too long; for the loop."""
        for guest in self._guests.copy():
            guest.visit.tick(now)
            self._sweep(guest)

    def _end(self) -> None:
        for guest in self._guests.copy():
            guest.visit.broke()
            self._sweep(guest)
        if self._listener is not None:
            self._loop.unwatch(self._listener)
            self._listener.close()

    def _on_arrival(self, _events: int) -> None:
        while self._listener is not None:
            try:
                sock, peer = self._listener.accept()
            except OSError as error:
                if error.errno in {errno.EMFILE, errno.ENFILE} and self._guests:
                    self._dismiss(self._guests[0])  # or the loop would be called for ever
                    continue
                return
            self._welcome(sock, str(peer[0]))

    def _welcome(self, sock: socket.socket, peer: str) -> None:
        welcome = _plain(peer) == self._client
        if not welcome:
            self._served.strangers += 1
            self._served.stranger = peer
            _LOGGER.debug("%s is not the device, and gets nothing", peer)
        if len(self._guests) >= MAX_CONNECTIONS:
            idle = [guest for guest in self._guests if not guest.visit.answering]
            if not welcome or not idle:
                sock.close()
                return
            self._dismiss(min(idle, key=lambda guest: guest.visit.deadline))
        sock.setblocking(False)
        guest = _Guest(sock, Visit(self._site, self._served, time.monotonic(), welcome=welcome))
        self._guests.append(guest)
        self._loop.watch(sock, lambda events: self._serve(guest, events))
        self._wait_for(guest)

    def _serve(self, guest: _Guest, events: int) -> None:
        now = time.monotonic()
        try:
            if events & READ:
                guest.visit.receive(guest.socket.recv(_PIECE), now)
            if guest.visit.answering:
                self._write(guest, now)
            if guest.visit.parting and not guest.told_end:
                guest.told_end = True
                guest.socket.shutdown(socket.SHUT_WR)
        except BlockingIOError:
            pass
        except OSError:
            guest.visit.broke()
        self._sweep(guest)

    def _write(self, guest: _Guest, now: float) -> None:
        """Write what the system takes at once; a fast reader leaves the others their turn."""
        for _ in range(4):
            data = guest.visit.pending(_PIECE)
            if not data:
                return
            guest.visit.wrote(guest.socket.send(data), now)

    def _sweep(self, guest: _Guest) -> None:
        if guest.visit.over:
            self._dismiss(guest)
        elif guest in self._guests:
            self._wait_for(guest)

    def _wait_for(self, guest: _Guest) -> None:
        self._loop.change(guest.socket, WRITE if guest.visit.answering else READ)

    def _dismiss(self, guest: _Guest) -> None:
        if guest in self._guests:
            self._guests.remove(guest)
            guest.visit.broke()
            self._loop.unwatch(guest.socket)
            with suppress(OSError):
                guest.socket.close()


def _plain(address: str) -> str:
    """Give an address in the one form it can be compared in."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return str(mapped or parsed)


def checked_place(address: Any) -> str:
    """Give an address that can stand in a url, as text.

    :raises InvalidArgument: if it is none, or one that needs an interface beside it
    """
    text = checked_address(address, "the address to serve the file at") or ""
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        raise InvalidArgument(f"the address to serve the file at is no IP address: {text!r}") from None
    if parsed.is_unspecified or (parsed.version == 6 and parsed.is_link_local):
        raise InvalidArgument(
            f"a device cannot fetch from {text}: give this computer's address in the device's network"
        )
    return text
