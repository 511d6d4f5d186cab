"""The same as :mod:`miio_lan.device.description.names`, under the name that scripts import it by."""

from __future__ import annotations

from miio_lan.device.description.names import (
    AmbiguousWord,
    check_value,
    find_action,
    find_event,
    find_property,
    full_name,
    mapping,
    parse_numbers,
    parse_value,
)

__all__ = [
    "AmbiguousWord",
    "check_value",
    "find_action",
    "find_event",
    "find_property",
    "full_name",
    "mapping",
    "parse_numbers",
    "parse_value",
]
