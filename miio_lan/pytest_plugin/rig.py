"""What the tests of one worker share: the product (virtual, or on the bench), its line, and what is recorded of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from miio_lan.acceptance.bench import Bench, Recorder
from miio_lan.device.miot import MiotDevice
from miio_lan.device.names import mapping
from miio_lan.device.spec import Spec
from miio_lan.errors import DeviceException

if TYPE_CHECKING:
    from miio_lan.device.values import Value
    from miio_lan.pytest_plugin.settings import Settings
    from miio_lan.uart.tap import Tap
    from miio_lan.virtual.product import VirtualProduct

NO_PRODUCT = (
    "no product to test: give --miio-host and --miio-token for a real one (and --miio-uart for its line), "
    "or --miio-virtual"
)


class Rig:
    """Opened once per worker, at the first test that needs it."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.recorder = Recorder()
        self._product: VirtualProduct | None = None
        self._tap: Tap | None = None
        self._spec: Spec | None = None
        self._first: dict[tuple[int, int], Value] = {}
        self._used_at_will = False

    @property
    def spec(self) -> Spec | None:
        """The description of the product, where one was given."""
        name = self.settings.spec
        if self._spec is None and name is not None:
            self._spec = Spec.load(name) if Path(name).suffix else Spec.shipped(name)
        return self._spec

    @property
    def product(self) -> VirtualProduct:
        """The virtual product of the running test."""
        if self._product is None:
            raise DeviceException("no virtual product was started")
        return self._product

    def bench(self, product: VirtualProduct | None) -> Bench[MiotDevice]:
        """Make what one test works with.

        :param product: the virtual product; None for the one on the bench
        """
        if product is None and self.settings.uart is not None:
            self._listen()
        self.recorder.begin()
        spec = product.spec if product is not None else self.spec
        device = MiotDevice(
            product.host if product is not None else self.settings.host,
            product.token if product is not None else self.settings.token,
            port=product.port if product is not None else self.settings.port,
            mapping=mapping(spec) if spec is not None else None,
            observer=self.recorder.observe,
        )
        return Bench(device, self.recorder, spec)

    def virtual(self, *, at_will: bool) -> VirtualProduct:
        """Give the virtual product, as new: the same address and token in all tests of a worker.

        :param at_will: whether the test may do anything with it; the next one gets one that was started anew
        """
        product = self._product
        if product is not None and (self._used_at_will or not product.running):
            product.close()
            product = self._start(product)
        elif product is not None:
            self._restore(product)
        else:
            product = self._start(None)
        self._product = product
        self._used_at_will = at_will
        return product

    def _start(self, like: VirtualProduct | None) -> VirtualProduct:
        from miio_lan.virtual.product import VirtualProduct

        product = VirtualProduct(
            self.spec,
            port=like.port if like is not None else 0,
            token=like.token if like is not None else None,
            device_id=like.device_id if like is not None else None,
            observer=self.recorder.observe,
            mcu_options={"poll_interval": self.settings.poll_interval},
        )
        product.start()
        self._first = product.call(lambda _now: dict(product.mcu.values))
        return product

    def _restore(self, product: VirtualProduct) -> None:
        """Undo what tests can do over the LAN."""
        product.call(lambda _now: product.mcu.values.update(self._first))

    def _listen(self) -> None:
        """Open the tap; what it hears goes to whichever test is running."""
        if self._tap is not None:
            return
        from miio_lan.uart.port import open_port
        from miio_lan.uart.tap import Tap

        url, up = self.settings.uart or "", self.settings.uart_up
        port = open_port(url)
        try:
            ports = {"either": port} if up is None else {"down": port, "up": open_port(up)}
        except DeviceException:
            port.close()
            raise
        tap = Tap(self.recorder.observe, **ports, peer=url)
        tap.start()
        self._tap = tap

    def close(self) -> None:
        """Free what was opened."""
        if self._tap is not None:
            self._tap.close()
        if self._product is not None:
            self._product.close()
