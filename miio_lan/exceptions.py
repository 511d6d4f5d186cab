"""The errors, under the module name python-miio gives them; see :mod:`miio_lan.errors`."""

from __future__ import annotations

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
    "DeviceError",
    "DeviceException",
    "DeviceInfoUnavailableException",
    "DeviceTimeout",
    "InvalidTokenException",
    "McuTimeout",
    "OutcomeUnknown",
    "PayloadDecodeException",
    "RecoverableError",
    "UnsupportedFeatureException",
]
