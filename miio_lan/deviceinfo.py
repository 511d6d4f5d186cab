"""What a device tells of itself, under the module name python-miio gives it; see :mod:`miio_lan.device.info`."""

from __future__ import annotations

from miio_lan.device.info import DeviceInfo

__all__ = ["DeviceInfo"]
