"""MIoT devices, under the module name python-miio gives them; see :mod:`miio_lan.device.miot`.

Modules written for python-miio import more from there than it defines, so all of that is here.
"""

from __future__ import annotations

from typing import Any

from miio_lan.device.blocking import Device
from miio_lan.device.miot import MiotDevice, MiotMapping, MiotValueType
from miio_lan.device.status import DeviceStatus
from miio_lan.errors import DeviceException

__all__ = ["Device", "DeviceException", "DeviceStatus", "MiotDevice", "MiotMapping", "MiotValueType"]


def __getattr__(name: str) -> Any:
    """Give what python-miio's module imports for command lines; click is loaded by those who ask for it."""
    if name not in ("EnumType", "LiteralParamType", "command"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from miio_lan import click_common

    return getattr(click_common, name)
