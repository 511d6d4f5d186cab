"""Finding devices: hellos to everybody or to each address of a subnet, and what devices announce by mDNS.

``announcement``, ``findings`` and ``search`` are rules without I/O; ``ways`` knows the interfaces of this computer;
``blocking`` and ``aio`` drive the rules. Each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from miio_lan.lan.discovery.announcement import Announcement, read_announcement

if TYPE_CHECKING:
    from miio_lan.lan.discovery.blocking import discover, locate
    from miio_lan.lan.discovery.findings import Finding
    from miio_lan.lan.discovery.search import Search

__all__ = ["Announcement", "Finding", "Search", "discover", "locate", "read_announcement"]

_HOMES = {"Finding": "findings", "Search": "search", "discover": "blocking", "locate": "blocking"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
