"""Some products heed their own subnet only. Source: observed on humidifiers, IR remotes and vacuums."""

from __future__ import annotations

from ipaddress import IPv4Network, ip_address

from miio_lan.errors import InvalidArgument


def own_network(text: str) -> IPv4Network:
    """Read the network of a device; an address of it will do for its name (``192.168.1.7/24``).

    :raises InvalidArgument: for what is none
    """
    try:
        return IPv4Network(text, strict=False)
    except ValueError:
        raise InvalidArgument(f"{text!r} is no IPv4 network; one looks like 192.168.1.0/24") from None


def is_within(address: str, network: str) -> bool:
    """Tell whether an address is one of an IPv4 network.

    :raises InvalidArgument: if the network is none
    """
    own = own_network(network)
    try:
        return ip_address(address) in own
    except ValueError:  # no address of the internet
        return False
