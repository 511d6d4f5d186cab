"""Some products heed their own subnet only. Source: observed on humidifiers, IR remotes and vacuums."""

from __future__ import annotations

from ipaddress import IPv4Network, ip_address


def is_within(address: str, network: str) -> bool:
    """Tell whether an address is one of an IPv4 network."""
    try:
        return ip_address(address) in IPv4Network(network)
    except ValueError:  # no address of the internet
        return False
