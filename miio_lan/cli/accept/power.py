"""Switching the product that ``accept`` judges, so that its power-up is among what is judged."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from miio_lan.errors import DeviceException

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from miio_lan.bench.places.power import CommandPower
    from miio_lan.device.miot import MiotDevice


def power_of(options: dict[str, Any]) -> CommandPower | None:
    """Give what switches the product, where something does."""
    if options["power"] is None:
        return None
    from miio_lan.bench.places.power import CommandPower

    return CommandPower(options["power"])


@contextlib.contextmanager
def off(
    power: CommandPower | None, options: dict[str, Any], progress: Callable[[str], object] | None
) -> Iterator[None]:
    """Switch the product off until whoever uses this switches it on; it is left on, whatever happens."""
    if power is None:
        yield
        return
    if progress is not None:
        progress("switching the product off and on")
    try:
        power.off()
        time.sleep(_off_for(options))
        yield
    finally:
        if power.in_doubt or power.is_on is False:
            power.on()


def cycle(
    power: CommandPower | None, options: dict[str, Any], progress: Callable[[str], object] | None
) -> None:
    """Switch the product off and on, where something can."""
    if power is not None:
        if progress is not None:
            progress("switching the product off and on")
        power.cycle(_off_for(options))


def _off_for(options: dict[str, Any]) -> float:
    from miio_lan.bench.places.power import OFF_FOR

    return OFF_FOR if options["off_for"] is None else float(options["off_for"])


def wait_for(device: MiotDevice, seconds: float) -> None:
    """Wait until a product that was just switched on answers.

    :raises DeviceException: if it does not within so many seconds
    """
    end = time.monotonic() + seconds
    while True:
        try:
            device.send_handshake()
        except DeviceException as error:
            if time.monotonic() >= end:
                raise DeviceException(
                    f"the product was switched on, and did not answer within {seconds:g} s: {error}"
                ) from error
        else:
            return
