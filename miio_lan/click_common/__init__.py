"""Command lines made of device classes: what python-miio's ``click_common`` offers, and what both command lines share.

A device class written for python-miio 0.5 imports ``command``, ``format_output``, ``EnumType`` and ``LiteralParamType``
from here; :func:`miio_lan.Device.get_device_group` makes a :class:`DeviceGroup` of it. Importing this loads click.
"""

from __future__ import annotations

from miio_lan.click_common.failures import GuardedGroup
from miio_lan.click_common.group import DeviceGroup
from miio_lan.click_common.output import format_output
from miio_lan.click_common.types import EnumType, LiteralParamType
from miio_lan.device.command import command

__all__ = ["DeviceGroup", "EnumType", "GuardedGroup", "LiteralParamType", "command", "format_output"]
