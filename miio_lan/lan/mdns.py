"""Listening for what devices announce by mDNS, with zeroconf (the extra ``mdns``)."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from zeroconf import Error, IPVersion, ServiceBrowser, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from miio_lan.lan.discovery.announcement import SERVICE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Heard = Callable[[str, list[str], bytes], None]

RESOLVE_TIME = 1000
"""Milliseconds to wait for the addresses of an instance."""
MAX_ASKED = 64
"""Instances that are asked for at one time; the one that was asked for first gives way."""


class _Resolver:
    """Finds out the addresses of what is announced, and tells them.

    Anybody may announce what nobody answers for: nothing waits behind a question, and their number is bounded.
    All of it is called in the loop in which zeroconf works.

    :param heard: called with instance, IPv4 addresses and the TXT record as it came
    """

    def __init__(self, heard: Heard) -> None:
        self._heard = heard
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._over = False

    def begin(self, zeroconf: Zeroconf, service_type: str, name: str) -> None:
        """Take an instance that was announced, or has changed."""
        if self._over or name in self._tasks:
            return
        with suppress(Error):  # a name that is none, of another service for example
            info = AsyncServiceInfo(service_type, name)
            if info.load_from_cache(zeroconf):
                self._tell(info)
                return
            if len(self._tasks) >= MAX_ASKED:
                # It had the longest time; a true answer comes at once.
                self._tasks.pop(next(iter(self._tasks))).cancel()
            task = self._tasks[name] = asyncio.ensure_future(self._ask(zeroconf, info))
            task.add_done_callback(lambda done: self._ended(name, done))

    def stop(self) -> list[asyncio.Task[None]]:
        """Ask and tell nothing any more; gives what ends by that, soon."""
        self._over = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        return tasks

    async def _ask(self, zeroconf: Zeroconf, info: AsyncServiceInfo) -> None:
        with suppress(Error):  # a name that cannot be asked for
            if await info.async_request(zeroconf, RESOLVE_TIME) and not self._over:
                self._tell(info)

    def _ended(self, name: str, task: asyncio.Task[None]) -> None:
        if self._tasks.get(name) is task:
            del self._tasks[name]

    def _tell(self, info: AsyncServiceInfo) -> None:
        instance = info.name.removesuffix(f".{SERVICE}")
        addresses = [str(each) for each in info.ip_addresses_by_version(IPVersion.V4Only)]
        self._heard(instance, addresses, info.text or b"")


class Browser:
    """Listens in a thread of zeroconf's own.

    :param addresses: own addresses, one for each interface to listen by
    :param heard: called in that thread with instance, IPv4 addresses and the TXT record as it came
    :raises OSError: if the system does not let us listen
    """

    def __init__(self, addresses: Iterable[str], heard: Heard) -> None:
        self._resolver = _Resolver(heard)
        self._zeroconf = Zeroconf(interfaces=list(addresses), ip_version=IPVersion.V4Only)
        self._browser = ServiceBrowser(self._zeroconf, SERVICE, handlers=[self._changed])

    def _changed(
        self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
    ) -> None:
        # There is one thread for all instances, and closing waits until it has seen to all of them.
        if state_change is not ServiceStateChange.Removed and zeroconf.loop is not None:
            zeroconf.loop.call_soon_threadsafe(self._resolver.begin, zeroconf, service_type, name)

    def close(self) -> None:
        """Stop; nothing is called any more."""
        if self._zeroconf.loop is not None:
            self._zeroconf.loop.call_soon_threadsafe(self._resolver.stop)
        self._browser.cancel()
        self._zeroconf.close()


class AsyncBrowser:
    """Listens in the running loop; ``heard`` is called there. Arguments as for :class:`Browser`."""

    def __init__(self, addresses: Iterable[str], heard: Heard) -> None:
        self._resolver = _Resolver(heard)
        self._zeroconf = AsyncZeroconf(interfaces=list(addresses), ip_version=IPVersion.V4Only)
        self._browser = AsyncServiceBrowser(self._zeroconf.zeroconf, SERVICE, handlers=[self._changed])

    def _changed(
        self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
    ) -> None:
        if state_change is not ServiceStateChange.Removed:
            self._resolver.begin(zeroconf, service_type, name)

    async def close(self) -> None:
        """Stop; nothing is called any more."""
        tasks = self._resolver.stop()
        if tasks:
            await asyncio.wait(tasks)
        await self._browser.async_cancel()
        await self._zeroconf.async_close()
