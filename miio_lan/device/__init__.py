"""What users call: devices, their status, and the description of what they can do.

The names python-miio has in its ``miio.device`` can be imported from here too; each is loaded when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from miio_lan.device.aio import AsyncDevice
    from miio_lan.device.blocking import Device
    from miio_lan.device.fleet.fleet import Fleet
    from miio_lan.device.info import DeviceInfo
    from miio_lan.device.miot import MiotDevice
    from miio_lan.device.miot_aio import AsyncMiotDevice
    from miio_lan.device.ota import UpdateState
    from miio_lan.device.status import DeviceStatus

__all__ = [
    "AsyncDevice",
    "AsyncMiotDevice",
    "Device",
    "DeviceInfo",
    "DeviceStatus",
    "Fleet",
    "MiotDevice",
    "UpdateState",
]

_HOMES = {
    "AsyncDevice": "aio",
    "AsyncMiotDevice": "miot_aio",
    "Device": "blocking",
    "DeviceInfo": "info",
    "Fleet": "fleet.fleet",
    "DeviceStatus": "status",
    "MiotDevice": "miot",
    "UpdateState": "ota",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
