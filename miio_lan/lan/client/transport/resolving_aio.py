"""Looking up a device's address in an event loop.

Not in the loop's executor: a name server that does not answer would hold up what others want to have done there, first
of all other look-ups, and the end of the program.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

from miio_lan.lan.client.transport.resolving import Address, Lookup, numeric, usable

_Key = tuple[str, int, socket.AddressFamily]
_UNDER_WAY: dict[_Key, Lookup] = {}
"""The look-ups whose answers nobody has taken yet, of all loops: whoever asks the same meanwhile waits for the same."""


async def look_up(host: str, port: int, source_ip: str | None, seconds: float) -> Address:
    """Look up a device's address.

    :param source_ip: the local address to send from; one of IPv6 prefers the IPv6 address of a name
    :param seconds: how long to wait for a name server; an address needs none
    :raises DeviceException: if its name is not known, or no single device can be there; a DeviceTimeout if the name
        server does not answer
    """
    family = socket.AF_INET6 if ":" in (source_ip or "") else socket.AF_INET
    address = numeric(host, port, family)
    if address is not None:
        return usable(host, address)
    seconds = max(0.0, seconds)
    key = (host, port, family)
    lookup = _under_way(key)
    loop, over = asyncio.get_running_loop(), asyncio.Event()

    def tell() -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(over.set)

    lookup.join(tell)
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await over.wait()
    finally:
        lookup.leave(tell)
        if over.is_set() and _UNDER_WAY.get(key) is lookup:
            _UNDER_WAY.pop(key, None)
    return lookup.outcome(seconds)


def _under_way(key: _Key) -> Lookup:
    """Give the look-up of a name that is under way, or has just come too late for somebody; or begin one."""
    with suppress(RuntimeError):  # another loop's thread changes it just now
        while _UNDER_WAY:
            first = next(iter(_UNDER_WAY))
            if (oldest := _UNDER_WAY.get(first)) is not None and not oldest.stale:
                break
            _UNDER_WAY.pop(first, None)
    lookup = _UNDER_WAY.get(key)
    if lookup is None or lookup.stale:  # by a fork, too, which takes its thread away
        lookup = Lookup(*key)
        lookup.begin()
        _UNDER_WAY[key] = lookup
    return lookup
