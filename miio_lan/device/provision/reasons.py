"""Why a device did not join, where it counts that. No I/O and no clock."""

from __future__ import annotations

import operator
from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any

from miio_lan.device.provision.orders import Order, SendCommand
from miio_lan.device.provision.run import Failures
from miio_lan.device.steps.calls import single
from miio_lan.errors import DeviceException

if TYPE_CHECKING:
    from miio_lan.device.provision.run import Run

ASSOCIATION = "miIO.wifi_assoc_state"
ASKING_TIME = 1.0
"""Seconds per attempt of asking; the answer is not needed."""


def failures(run: Run, ip: str) -> Generator[Order, Any, Failures | None]:
    """Ask a device how often it failed to join; not every one tells."""
    assert run.token is not None  # noqa: S101 - it was found
    try:
        told = single((yield SendCommand(ip, run.token, ASSOCIATION, [], ASKING_TIME, 1)))
    except DeviceException:
        return None
    counts = told if isinstance(told, Mapping) else {}
    return Failures(*(_count(counts.get(f"{each}_fail_count")) for each in Failures._fields))


def gave_up(run: Run, ip: str) -> Generator[Order, Any, bool]:
    """Tell whether a device says that it failed to join since it was told."""
    before, after = run.failed_before, (yield from failures(run, ip))
    return before is not None and after is not None and any(map(operator.gt, after, before))


def reason(run: Run, ip: str) -> Generator[Order, Any, str]:
    """Ask a device why it did not join."""
    after = yield from failures(run, ip)
    before = run.failed_before or Failures()
    if after is not None and after.auth > before.auth:
        return "It says that the password was not accepted"
    if after is not None and after.conn > before.conn:
        return "It says that it could not connect: the name may be wrong, or the network out of range"
    if after is not None and after.dhcp > before.dhcp:
        return "It says that the network gave it no address (DHCP)"
    return "A wrong password or name, or a network out of its range (5 GHz, for most) would explain it"


def _count(value: object) -> int:
    return value if isinstance(value, int) else 0
