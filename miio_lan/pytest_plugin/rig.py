"""What the tests of one worker share: the product (virtual, or on the bench), its line, and what is recorded of it."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pytest

from miio_lan.bench.bench import Bench, Recorder
from miio_lan.bench.places.power import CommandPower
from miio_lan.bench.recorder import QUIET_TIME
from miio_lan.bench.snapshot import BOTH
from miio_lan.bench.trace import NO_WORK, POLL
from miio_lan.bench.wire_log import logged
from miio_lan.device.description.cache import find
from miio_lan.device.description.names import mapping
from miio_lan.device.miot import MiotDevice
from miio_lan.errors import DeviceException
from miio_lan.pytest_plugin import labgrid_place

if TYPE_CHECKING:
    from miio_lan.bench.places.power import LabgridPower
    from miio_lan.device.description.spec import Spec
    from miio_lan.labgrid import Place
    from miio_lan.pytest_plugin.settings import Settings
    from miio_lan.uart.listening.tap import Tap
    from miio_lan.virtual.power import VirtualPower
    from miio_lan.virtual.product import VirtualProduct

NO_PRODUCT = (
    "no product to test: give --miio-host and --miio-token for a real one (and --miio-uart for its line), "
    "--miio-labgrid for one at a place of labgrid, or --miio-virtual"
)

BOOT_POLL_INTERVAL = 0.001
"""Seconds between polls of the virtual MCU until it has booted: every test waits for that."""
SWAPPED_RECEIVERS = (
    "the receivers are swapped: {uart} hears the MCU, and {uart_up} the module. What is said about the line "
    "is wrong until the two are exchanged"
)


class Rig:
    """Opened once per worker, at the first test that needs it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = self._said = settings
        self.recorder = Recorder()
        self._observe = logged(self.recorder.observe, settings.product or "")
        self._product: VirtualProduct | None = None
        self._tap: Tap | None = None
        self._told_swapped = False
        self._spec: Spec | None = None
        self._power: CommandPower | LabgridPower | None = None
        self._place: Place | None = None

    @property
    def spec(self) -> Spec | None:
        """The description of the product, where one was given."""
        name = self.settings.spec
        if self._spec is None and name is not None:
            self._spec = find(name)
        return self._spec

    @property
    def product(self) -> VirtualProduct:
        """The virtual product of the running test."""
        if self._product is None:
            raise DeviceException("no virtual product was started")
        return self._product

    @property
    def power(self) -> CommandPower | LabgridPower | VirtualPower | None:
        """What switches the product of the running test off and on; None where nothing does."""
        if self._product is not None:
            from miio_lan.virtual.power import VirtualPower

            return VirtualPower(self._product)
        if self._power is None and self.settings.power is not None:
            self._power = CommandPower(self.settings.power)
        return self._power

    @property
    def hears(self) -> frozenset[str]:
        """The directions of the line that are heard."""
        if self._product is not None or self.settings.uart_up is not None:
            return BOTH
        return frozenset({self._tap.direction} if self._tap is not None and self._tap.direction else ())

    def bench(self) -> Bench[MiotDevice]:
        """Make what one test works with: the product on the bench, if the virtual one was not started."""
        if self.settings.labgrid is not None and self._place is None:
            self._place, self.settings = labgrid_place.opened(self.settings)
            self._power = self._place.entry.power if self.settings.power is None else None
        self.switch_on()  # where that failed at the end of the test before
        product, settings = self._product, self.settings
        if product is None and settings.uart is not None:
            if self._tap is None:
                self._listen()
            else:
                self._let_it_finish()
        self.recorder.begin()
        spec = product.spec if product is not None else self.spec
        device = MiotDevice(
            product.host if product is not None else settings.host,
            product.token if product is not None else settings.token,
            port=product.port if product is not None else settings.port,
            mapping=mapping(spec) if spec is not None else None,
            spec=spec,
            observer=self._observe,
        )
        if settings.retries is not None:
            device.retry_count = settings.retries
        return Bench(device, self.recorder, spec, hears=self.hears, late=product is None, power=self.power)

    def start_product(self) -> None:
        """Start the virtual product anew, at the same address and with the same token in all tests of a worker.

        It has booted and told all it has to tell by itself when this returns.
        """
        from miio_lan.virtual.product import VirtualProduct

        old = self._product
        if old is not None:
            old.close()
        self.recorder.forget()
        common: dict[str, Any] = {
            "observer": self._observe,
            "mcu_options": {"poll_interval": BOOT_POLL_INTERVAL},
            "profile": self.settings.profile,
            "misbehave": self.settings.misbehave,
        }
        if old is None:
            product = VirtualProduct(self.spec, **common, **self._wanted_identity())
            product.start()
        else:
            common["module_options"] = {"mac": old.module.chip.mac}
            common |= {"token": old.token, "device_id": old.device_id}
            try:
                product = VirtualProduct(old.spec, port=old.port, **common)
                product.start()
            except DeviceException:  # somebody else was given its port in between
                product = VirtualProduct(old.spec, **common)
                product.start()
        self._product = product
        self._await_idle()
        product.call(self._go_on_as_usual)

    def _wanted_identity(self) -> dict[str, Any]:
        """Give what the bench file says of who a virtual product is."""
        settings = self.settings
        if settings.product is None or settings.bench is None:
            return {}
        return {"port": settings.port, "token": settings.token, "device_id": settings.did}

    def _go_on_as_usual(self, now: float) -> None:
        self.product.mcu.poll_interval = self.settings.poll_interval
        # What it told while it booted is nothing to those who subscribe later.
        self.product.module.reports.boot(now)

    def _await_idle(self) -> None:
        """Wait until the MCU asks for work and there is none: it has nothing to tell any more."""
        sign = NO_WORK if "down" in self.hears else POLL

        def idle() -> bool | None:
            return True if any(each.text == sign for each in self.recorder.records) else None

        self.recorder.wait(idle, QUIET_TIME)

    def _let_it_finish(self) -> None:
        """Wait until a product that asks for work has told what the test before made it tell."""
        if any(each.text in (POLL, NO_WORK) for each in self.recorder.look()[0]):
            self.recorder.begin()
            self._await_idle()

    def _listen(self) -> None:
        """Open the tap; what it hears goes to whichever test is running."""
        from miio_lan.bench.receivers import begin, tap_at

        self._tap = tap_at(self.settings.uart or "", self.settings.uart_up, self._observe)
        begin(self._tap, self.recorder)
        # A command whose line is the first that is heard could be somebody else's.
        self._await_idle()

    def check(self) -> None:
        """Tell what went wrong beside the test: in the thread of the virtual product, or at the receivers.

        :raises Exception: what a hook of the test raised in the product's thread
        """
        product = self._product
        if product is not None and product.running:
            product.call(lambda _now: None)  # until what it is at is over; a failure is told by the next call
            product.call(lambda _now: None)
        if self.swapped and not self._told_swapped:
            self._told_swapped = True
            warnings.warn(pytest.PytestWarning(self._told_of_receivers(SWAPPED_RECEIVERS)), stacklevel=2)

    @property
    def swapped(self) -> bool:
        """Whether the receivers were seen to hear each other's end."""
        return self._tap is not None and self._tap.swapped

    def remarks(self) -> list[str]:
        """Say what the reader of a failure should know of the wires."""
        found = []
        if self._product is None and len(self.hears) < len(BOTH):
            text = "{uart} and {uart_up} name receivers at the module's and at the MCU's TX"
            found.append(self._told_of_receivers(text))
        if self.swapped:
            found.append(self._told_of_receivers(SWAPPED_RECEIVERS))
        return found

    def _told_of_receivers(self, text: str) -> str:
        called = self.settings.called
        return text.format(uart=called("uart"), uart_up=called("uart_up"))

    def switch_on(self) -> None:
        """Switch the product on, where a test left it off, or in doubt: the next one needs it.

        :raises PowerError: if it was not switched
        """
        if self._power is not None and (self._power.in_doubt or self._power.is_on is False):
            self._power.on()

    def rest(self) -> None:
        """Free what was opened, for others to use it; the next test opens it again."""
        if self._tap is not None:
            self._tap.close()
            self._tap = None
            self.recorder.forget()
        if self._product is not None:
            self._product.close()
        place, self._place = self._place, None
        if place is not None:
            self.settings, self._power = self._said, None
            place.close()

    def close(self) -> None:
        """Free what was opened."""
        self.rest()
