"""Searching in an asyncio loop."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from miio_lan.lan import PORT
from miio_lan.lan.discovery import ways
from miio_lan.lan.discovery.ways import Sockets
from miio_lan.loop import LONGEST_SLEEP

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable
    from ipaddress import IPv4Network

    from miio_lan.lan.discovery.findings import Finding
    from miio_lan.lan.discovery.search import Search

_LOGGER = logging.getLogger(__name__)

#: Datagrams and announcements that may wait to be looked at; the oldest give way.
MAX_WAITING = 4096


async def discover(
    timeout: float | None = None,  # noqa: ASYNC109 - the search's own, which ends in good order
    *,
    interfaces: Iterable[str] | None = None,
    subnets: Iterable[str | IPv4Network] | str = (),
    mdns: bool | None = None,
    port: int = PORT,
    hosts: Iterable[str] = (),
) -> AsyncGenerator[Finding, None]:
    """Find the devices of the local network; ``async for`` gives each when it is found, and again when it changes.

    Arguments and errors are those of :func:`miio_lan.discover`. Leaving the loop early leaves sockets open until the
    generator is closed (``contextlib.aclosing`` does).

    :param timeout: infinity goes on until the generator is closed
    """
    begin = asyncio.get_running_loop().time()
    made = ways.plan(
        timeout, interfaces=interfaces, subnets=subnets, mdns=mdns, port=port, begin=begin, hosts=hosts
    )
    async with contextlib.aclosing(_run(made.search, made.announced_at)) as findings:
        async for finding in findings:
            yield finding
    if text := ways.advice(made.search):
        _LOGGER.warning("%s", text)


async def locate(
    did: int,
    known: str | None = None,
    *,
    timeout: float = 5.0,  # noqa: ASYNC109 - as above
    patience: float = 0.7,
    port: int = PORT,
) -> str | None:
    """Find a device by its did; arguments are those of :func:`miio_lan.lan.discovery.blocking.locate`."""
    begin = asyncio.get_running_loop().time()
    rules = ways.plan_for(known, timeout=timeout, patience=patience, port=port, begin=begin)
    async with contextlib.aclosing(_run(rules, ())) as findings:
        async for found in findings:
            if found.did == did:
                return found.ip
    return None


async def _run(rules: Search, announced_at: tuple[str, ...]) -> AsyncGenerator[Finding, None]:
    """Carry out a search to its end."""
    loop = asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as stack:
        sockets = Sockets(rules)
        stack.callback(sockets.close)
        inbox = _Inbox()
        for way, sock in sockets.items():
            transport, _ = await loop.create_datagram_endpoint(
                functools.partial(_Hears, inbox, way), sock=sock
            )
            stack.callback(transport.close)
        if announced_at:
            await _listen(announced_at, inbox, stack)
        while (now := loop.time()) < rules.end:
            rules.tick(now)
            sockets.send(rules)
            await inbox.wait(min(LONGEST_SLEEP, max(0.0, rules.deadline - loop.time())))
            while inbox.items:
                for finding in _taken(inbox.items.popleft(), rules, loop.time()):
                    yield finding


def _taken(item: Item, rules: Search, now: float) -> list[Finding]:
    if isinstance(item, _Datagram):
        found = rules.receive(item.data, item.ip, item.port, item.way, now)
        return [] if found is None else [found]
    return rules.announced(item.instance, item.addresses, item.txt, now)


async def _listen(addresses: tuple[str, ...], inbox: _Inbox, stack: contextlib.AsyncExitStack) -> None:
    from miio_lan.lan.mdns import AsyncBrowser  # an extra, and slow to load

    try:
        browser = AsyncBrowser(addresses, lambda *said: inbox.put(_Announced(*said)))
    except OSError as error:
        _LOGGER.warning("cannot listen for announcements (mDNS): %s", error)
    else:
        stack.push_async_callback(browser.close)


class _Datagram(NamedTuple):
    data: bytes
    ip: str
    port: int
    way: int | None


class _Announced(NamedTuple):
    instance: str
    addresses: list[str]
    txt: bytes


Item = _Datagram | _Announced


class _Inbox:
    """What came in, in the order it came."""

    def __init__(self) -> None:
        self.items: deque[Item] = deque(maxlen=MAX_WAITING)
        self._news = asyncio.Event()

    def put(self, item: Item) -> None:
        """Add something."""
        self.items.append(item)
        self._news.set()

    async def wait(self, seconds: float) -> None:
        """Wait until there is something, at most so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        self._news.clear()


class _Hears(asyncio.DatagramProtocol):
    """Puts the datagrams of one socket into the inbox."""

    def __init__(self, inbox: _Inbox, way: int | None) -> None:
        self._inbox = inbox
        self._way = way

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Take a datagram."""
        self._inbox.put(_Datagram(data, addr[0], addr[1], self._way))
