"""LAN client for Xiaomi miIO/MIoT products, and the serial line behind their Wi-Fi module.

A name is loaded when it is first used, so importing this package costs next to nothing. It never loads a command
line, a terminal, a test framework or a serial library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from miio_lan._version import VERSION as __version__  # noqa: N811 - the name every package has

if TYPE_CHECKING:
    from miio_lan.device.aio import AsyncDevice
    from miio_lan.device.blocking import Device
    from miio_lan.device.command import command
    from miio_lan.device.fleet.fleet import Fleet
    from miio_lan.device.info import DeviceInfo
    from miio_lan.device.miot import MiotDevice, MiotValueType
    from miio_lan.device.miot_aio import AsyncMiotDevice
    from miio_lan.device.ota.progress import UpdateState
    from miio_lan.device.provision.blocking import provision
    from miio_lan.device.status import DeviceStatus
    from miio_lan.errors import (
        DeviceError,
        DeviceException,
        DeviceInfoUnavailableException,
        DeviceTimeout,
        InvalidTokenException,
        McuTimeout,
        OutcomeUnknown,
        PayloadDecodeException,
        RecoverableError,
        UnsupportedFeatureException,
        UpdateFailed,
    )
    from miio_lan.lan.discovery.blocking import discover

_HOMES = {
    "AsyncDevice": "device.aio",
    "AsyncMiotDevice": "device.miot_aio",
    "Device": "device.blocking",
    "DeviceInfo": "device.info",
    "Fleet": "device.fleet.fleet",
    "DeviceStatus": "device.status",
    "MiotDevice": "device.miot",
    "MiotValueType": "device.miot",
    "UpdateState": "device.ota.progress",
    "command": "device.command",
    "discover": "lan.discovery.blocking",
    "provision": "device.provision.blocking",
}

__all__ = [
    "AsyncDevice",
    "AsyncMiotDevice",
    "Device",
    "DeviceError",
    "DeviceException",
    "DeviceInfo",
    "DeviceInfoUnavailableException",
    "DeviceStatus",
    "DeviceTimeout",
    "Fleet",
    "InvalidTokenException",
    "McuTimeout",
    "MiotDevice",
    "MiotValueType",
    "OutcomeUnknown",
    "PayloadDecodeException",
    "RecoverableError",
    "UnsupportedFeatureException",
    "UpdateFailed",
    "UpdateState",
    "__version__",
    "command",
    "discover",
    "provision",
]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
