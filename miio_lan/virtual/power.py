"""The power switch of a virtual product."""

from __future__ import annotations

from time import sleep
from typing import TYPE_CHECKING

from miio_lan.given import checked_seconds

if TYPE_CHECKING:
    from miio_lan.virtual.product import VirtualProduct


class VirtualPower:
    """Switches a virtual product: module and MCU stop, and both start from the beginning, boot reports and all.

    It fits :class:`miio_lan.bench.places.power.Power`. What either knows by heart (network, token, values) stays.

    :param product: the product; running
    :ivar is_on: whether it is on
    """

    def __init__(self, product: VirtualProduct) -> None:
        self._product = product
        self.is_on = True

    def __repr__(self) -> str:
        return f"<VirtualPower of {self._product!r}>"

    def off(self) -> None:
        """Switch it off: it neither says nor hears anything.

        :raises DeviceException: if the product is not running
        """
        self._product.call(self._switch_off)
        self.is_on = False

    def on(self) -> None:
        """Switch it on, where it is off: module and MCU boot.

        :raises DeviceException: if the product is not running
        """
        if not self.is_on:
            self._product.call(self._switch_on)
            self.is_on = True

    def cycle(self, off_for: float | None = None) -> None:
        """Switch it off and on.

        :param off_for: seconds in between; none by default, for nothing has to run empty
        :raises InvalidArgument: if that is no number of seconds; nothing is switched then
        """
        off_for = 0.0 if off_for is None else checked_seconds("off_for", off_for, zero=True)
        self.off()
        try:
            if off_for:
                sleep(off_for)
        finally:
            self.on()

    def _switch_off(self, now: float) -> None:
        self._product.mcu.stop()
        self._product.module.stop(now)

    def _switch_on(self, now: float) -> None:
        self._product.module.restart(now)
        self._product.mcu.start(now)
