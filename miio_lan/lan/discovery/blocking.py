"""Searching with plain sockets, in the caller's thread."""

from __future__ import annotations

import contextlib
import logging
import selectors
import socket
import time
from collections.abc import Generator, Iterator
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from miio_lan.given import checked_function
from miio_lan.lan import PORT
from miio_lan.lan.discovery import ways
from miio_lan.lan.discovery.ways import Sockets
from miio_lan.lan.sockets import told_in_words
from miio_lan.loop import LONGEST_SLEEP

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from ipaddress import IPv4Network

    from miio_lan.lan.discovery.findings import Finding
    from miio_lan.lan.discovery.search import Search

_LOGGER = logging.getLogger(__name__)

#: A hello reply has 32 bytes; what is longer is none.
_BUFFER = 2048

Heard = tuple[str, list[str], bytes]


def discover(
    timeout: float | None = None,
    *,
    interfaces: Iterable[str] | None = None,
    subnets: Iterable[str | IPv4Network] | str = (),
    mdns: bool | None = None,
    port: int = PORT,
    hosts: Iterable[str] = (),
    callback: Callable[[Finding], object] | None = None,
) -> list[Finding]:
    """Find the devices of the local network.

    :param timeout: seconds; 5 by default, or as long as a sweep needs
    :param interfaces: names or own addresses of the interfaces to search by; by default all but loopback, or none where
        there are subnets to sweep or hosts to ask
    :param subnets: subnets to sweep, such as ``"192.168.1.0/24"``: each address is asked
    :param mdns: whether to listen for announcements on these interfaces; by default where zeroconf is installed
    :param port: the UDP port that devices listen at
    :param hosts: IPv4 addresses to ask, each on its own; without interfaces, nobody else is asked
    :param callback: called with each device when it is found, and again when more is known of it
    :returns: the devices, each once, in the order in which they were found
    :raises InvalidArgument: (a ``ValueError``) for arguments that cannot be right
    :raises UnsupportedFeatureException: if mDNS is asked for without zeroconf
    :raises DeviceException: if there is no interface to search by
    """
    found: dict[int, Finding] = {}
    checked_function("callback", callback)
    searched = search(timeout, interfaces=interfaces, subnets=subnets, mdns=mdns, port=port, hosts=hosts)
    with contextlib.closing(searched):  # a callback may raise
        for finding in searched:
            found[finding.did] = finding
            if callback is not None:
                callback(finding)
    return list(found.values())


def search(
    timeout: float | None = None,
    *,
    interfaces: Iterable[str] | None = None,
    subnets: Iterable[str | IPv4Network] | str = (),
    mdns: bool | None = None,
    port: int = PORT,
    hosts: Iterable[str] = (),
) -> Generator[Finding, None, None]:
    """Search as :func:`discover` does, and give each device when it is found or changed.

    :param timeout: infinity goes on until the generator is closed
    """
    made = ways.plan(
        timeout,
        interfaces=interfaces,
        subnets=subnets,
        mdns=mdns,
        port=port,
        begin=time.monotonic(),
        hosts=hosts,
    )
    yield from _run(made.search, made.announced_at)
    if text := ways.advice(made.search):
        _LOGGER.warning("%s", text)


def locate(
    did: int, known: str | None = None, *, timeout: float = 5.0, patience: float = 0.7, port: int = PORT
) -> str | None:
    """Find a device by its did.

    :param known: the address it was last seen at; asked first
    :param timeout: seconds
    :param patience: seconds before everybody is asked
    :returns: its address, None if it does not answer
    """
    rules = ways.plan_for(known, timeout=timeout, patience=patience, port=port, begin=time.monotonic())
    with contextlib.closing(_run(rules, ())) as findings:
        return next((found.ip for found in findings if found.did == did), None)


def _run(rules: Search, announced_at: tuple[str, ...]) -> Generator[Finding, None, None]:
    """Carry out a search to its end."""
    with contextlib.ExitStack() as stack:
        sockets = Sockets(rules)
        stack.callback(sockets.close)
        with told_in_words():
            selector = stack.enter_context(selectors.DefaultSelector())
            heard = _Announcements(announced_at)
        stack.callback(heard.close)
        for way, sock in sockets.items():
            selector.register(sock, selectors.EVENT_READ, way)
        selector.register(heard.news, selectors.EVENT_READ, heard)
        while (now := time.monotonic()) < rules.end:
            rules.tick(now)
            sockets.send(rules)
            wait = min(LONGEST_SLEEP, max(0.0, rules.deadline - time.monotonic()))
            for key, _ in selector.select(wait):
                if key.data is heard:
                    yield from heard.told(rules)
                else:
                    yield from _received(key.fileobj, key.data, rules)


def _received(sock: object, way: int | None, rules: Search) -> Iterator[Finding]:
    """Read one datagram; the selector tells again if there are more."""
    assert isinstance(sock, socket.socket)  # noqa: S101 - what was registered
    try:
        datagram, (ip, port) = sock.recvfrom(_BUFFER)
    except OSError:
        return
    found = rules.receive(datagram, ip, port, way, time.monotonic())
    if found is not None:
        yield found


class _Announcements:
    """What devices announce, brought from another thread to the one that searches.

    :param addresses: own addresses to listen at; empty for none
    """

    def __init__(self, addresses: tuple[str, ...]) -> None:
        self._queue: SimpleQueue[Heard] = SimpleQueue()
        self.news, self._bell = socket.socketpair()
        self.news.setblocking(False)
        self._bell.setblocking(False)
        self._browser = None
        if addresses:
            from miio_lan.lan.mdns import Browser  # an extra, and slow to load

            try:
                self._browser = Browser(addresses, self._hear)
            except OSError as error:
                _LOGGER.warning("cannot listen for announcements (mDNS): %s", error)

    def _hear(self, instance: str, addresses: list[str], txt: bytes) -> None:
        self._queue.put((instance, addresses, txt))
        with contextlib.suppress(OSError):  # it has rung often enough, or the search is over
            self._bell.send(b"!")

    def told(self, rules: Search) -> Iterator[Finding]:
        """Hand over what was heard."""
        with contextlib.suppress(OSError):
            self.news.recv(_BUFFER)
        with contextlib.suppress(Empty):
            while True:
                instance, addresses, txt = self._queue.get_nowait()
                yield from rules.announced(instance, addresses, txt, time.monotonic())

    def close(self) -> None:
        """Stop listening."""
        if self._browser is not None:
            self._browser.close()
        self.news.close()
        self._bell.close()
