"""Command lines made of device classes: what python-miio's ``click_common`` offers, and what both command lines share.

A device class written for python-miio 0.5 imports ``command``, ``format_output``, ``EnumType`` and ``LiteralParamType``
from here; :func:`miio_lan.Device.get_device_group` makes a :class:`DeviceGroup` of it. Each name is loaded, and click
with it, when it is first asked for: ``miio-lan`` needs only a part.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from miio_lan.click_common.compat import (
        ExceptionHandlerGroup,
        GlobalContextObject,
        validate_ip,
        validate_token,
    )
    from miio_lan.click_common.failures import GuardedGroup
    from miio_lan.click_common.group import DeviceGroup
    from miio_lan.click_common.output import format_output
    from miio_lan.click_common.types import EnumType, LiteralParamType
    from miio_lan.device.command import command

__all__ = [
    "DeviceGroup",
    "EnumType",
    "ExceptionHandlerGroup",
    "GlobalContextObject",
    "GuardedGroup",
    "LiteralParamType",
    "command",
    "format_output",
    "validate_ip",
    "validate_token",
]

_HOMES = {
    "DeviceGroup": "miio_lan.click_common.group",
    "EnumType": "miio_lan.click_common.types",
    "ExceptionHandlerGroup": "miio_lan.click_common.compat",
    "GlobalContextObject": "miio_lan.click_common.compat",
    "GuardedGroup": "miio_lan.click_common.failures",
    "LiteralParamType": "miio_lan.click_common.types",
    "command": "miio_lan.device.command",
    "format_output": "miio_lan.click_common.output",
    "validate_ip": "miio_lan.click_common.compat",
    "validate_token": "miio_lan.click_common.compat",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
