"""Setting up a device, step by step: what is to be done next, and what becomes of the answers. No I/O and no clock.

::

    find    everybody, or one address, is greeted; the device that shows its token is the one
    tell    miIO.config_router; "ok" says that the device understood, not that it joined
    join    its did is looked for in rounds, each with the interfaces that this computer has then: its way into the
            new network may come up meanwhile. A device that still shows its token has not joined
    check   miIO.info, with the token: it is the device, and in the network that was named

:class:`Provisioning` gives one order after the other, and takes what came of each with the time. Orders are carried out
by :mod:`~miio_lan.device.provision.blocking` and :mod:`~miio_lan.device.provision.aio`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from miio_lan.device.provision.finding import find, tell
from miio_lan.device.provision.joining import check, join
from miio_lan.device.provision.run import Run

if TYPE_CHECKING:
    from miio_lan.device.provision.orders import Order, Steps
    from miio_lan.device.provision.plan import ProvisionPlan
    from miio_lan.device.provision.result import ProvisionPhase
    from miio_lan.errors import DeviceException


class Provisioning(Run):
    """One device that is set up; arguments are those of :class:`~miio_lan.device.provision.run.Run`."""

    def __init__(
        self, plan: ProvisionPlan, now: float, told: Callable[[ProvisionPhase], object] = lambda _phase: None
    ) -> None:
        super().__init__(plan, now, told)
        self._steps = self._all()

    def begin(self, now: float) -> Order | None:
        """Give the first order."""
        return self.answered(None, now)

    def answered(self, value: object, now: float) -> Order | None:
        """Take what came of the order, and give the next one; None when all is over."""
        self.now = now
        return self._next(lambda: self._steps.send(value))

    def failed(self, error: DeviceException, now: float) -> Order | None:
        """Take the error that the order ended with, and give the next one; None when all is over."""
        self.now = now
        return self._next(lambda: self._steps.throw(error))

    def _next(self, go_on: Callable[[], Order]) -> Order | None:
        try:
            return go_on()
        except StopIteration:
            return None

    def _all(self) -> Steps:
        for part in (find, tell, join, check):
            yield from part(self)
            if self.over:
                return
