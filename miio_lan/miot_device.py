"""MIoT devices, under the module name python-miio gives them; see :mod:`miio_lan.device.miot`."""

from __future__ import annotations

from miio_lan.device.miot import MiotDevice, MiotMapping, MiotValueType

__all__ = ["MiotDevice", "MiotMapping", "MiotValueType"]
