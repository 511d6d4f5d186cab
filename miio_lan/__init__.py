"""LAN client for Xiaomi miIO/MIoT products, and the serial line behind their Wi-Fi module.

Importing this package loads no command line, no terminal, no test framework and no serial library.
"""

from __future__ import annotations

from miio_lan._version import VERSION as __version__  # noqa: N811 - the name every package has
from miio_lan.device.blocking import Device
from miio_lan.device.command import command
from miio_lan.device.info import DeviceInfo
from miio_lan.device.miot import MiotDevice, MiotValueType
from miio_lan.device.ota import UpdateState
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
)

__all__ = [
    "Device",
    "DeviceError",
    "DeviceException",
    "DeviceInfo",
    "DeviceInfoUnavailableException",
    "DeviceStatus",
    "DeviceTimeout",
    "InvalidTokenException",
    "McuTimeout",
    "MiotDevice",
    "MiotValueType",
    "OutcomeUnknown",
    "PayloadDecodeException",
    "RecoverableError",
    "UnsupportedFeatureException",
    "UpdateState",
    "__version__",
    "command",
]
