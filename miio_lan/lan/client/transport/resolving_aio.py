"""Looking up a device's address in an event loop."""

from __future__ import annotations

import asyncio
import socket

from miio_lan.lan.client.transport.resolving import (
    Address,
    no_name_server,
    numeric,
    preferred,
    unknown_name,
    usable,
)


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
    try:
        async with asyncio.timeout(seconds):
            loop = asyncio.get_running_loop()
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM)
    except TimeoutError:
        raise no_name_server(host, seconds) from None
    except (OSError, UnicodeError, ValueError) as error:
        raise unknown_name(host, error) from None
    return usable(host, preferred(found, family))
