"""Listening for what devices announce by mDNS, with zeroconf (the extra ``mdns``)."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from zeroconf import IPVersion, ServiceBrowser, ServiceInfo, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from miio_lan.lan.discovery.announcement import SERVICE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Heard = Callable[[str, list[str], bytes], None]

RESOLVE_TIME = 1000
"""Milliseconds to wait for the addresses of an instance."""


class Browser:
    """Listens in a thread of zeroconf's own.

    :param addresses: own addresses, one for each interface to listen by
    :param heard: called in that thread with instance, IPv4 addresses and the TXT record as it came
    :raises OSError: if the system does not let us listen
    """

    def __init__(self, addresses: Iterable[str], heard: Heard) -> None:
        self._heard = heard
        self._zeroconf = Zeroconf(interfaces=list(addresses), ip_version=IPVersion.V4Only)
        self._browser = ServiceBrowser(self._zeroconf, SERVICE, handlers=[self._changed])

    def _changed(
        self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
    ) -> None:
        if state_change is ServiceStateChange.Removed:
            return
        info = ServiceInfo(service_type, name)
        if info.load_from_cache(zeroconf) or info.request(zeroconf, RESOLVE_TIME):
            _tell(info, self._heard)

    def close(self) -> None:
        """Stop; nothing is called any more."""
        self._browser.cancel()
        self._zeroconf.close()


class AsyncBrowser:
    """Listens in the running loop; ``heard`` is called there. Arguments as for :class:`Browser`."""

    def __init__(self, addresses: Iterable[str], heard: Heard) -> None:
        self._heard = heard
        self._asking: set[asyncio.Task[None]] = set()
        self._zeroconf = AsyncZeroconf(interfaces=list(addresses), ip_version=IPVersion.V4Only)
        self._browser = AsyncServiceBrowser(self._zeroconf.zeroconf, SERVICE, handlers=[self._changed])

    def _changed(
        self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
    ) -> None:
        if state_change is ServiceStateChange.Removed:
            return
        task = asyncio.ensure_future(self._ask(zeroconf, service_type, name))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _ask(self, zeroconf: Zeroconf, service_type: str, name: str) -> None:
        info = AsyncServiceInfo(service_type, name)
        if info.load_from_cache(zeroconf) or await info.async_request(zeroconf, RESOLVE_TIME):
            _tell(info, self._heard)

    async def close(self) -> None:
        """Stop; nothing is called any more."""
        for task in list(self._asking):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._browser.async_cancel()
        await self._zeroconf.async_close()


def _tell(info: Any, heard: Heard) -> None:
    instance = info.name.removesuffix(f".{SERVICE}")
    addresses = [str(each) for each in info.ip_addresses_by_version(IPVersion.V4Only)]
    heard(instance, addresses, info.text or b"")
