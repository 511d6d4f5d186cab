"""Where a device that is set up is asked for, by what this computer has at that moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from miio_lan.lan.discovery.ways import gateways, interfaces_around

if TYPE_CHECKING:
    from miio_lan.device.provision.orders import Look


def asking(order: Look, interfaces: tuple[str, ...] | None) -> dict[str, Any]:
    """Give the arguments of the search that was ordered.

    :param interfaces: those that were named; by default all there are now, or loopback for a device on loopback
    """
    if not order.everywhere:
        return {"hosts": order.hosts, "mdns": False}
    return {
        # A device that is an access point is this computer's router, for as long as it has no other.
        "hosts": order.hosts or gateways(interfaces),
        "interfaces": interfaces_around(order.near) if interfaces is None else interfaces,
        "subnets": order.subnets,
        "mdns": None if order.announcements else False,
    }
