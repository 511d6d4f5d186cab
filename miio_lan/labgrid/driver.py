"""A driver of labgrid that makes a bench: for suites that are built on labgrid's targets."""

from __future__ import annotations

from typing import Any

import attr
from labgrid.driver.common import Driver
from labgrid.factory import target_factory

from miio_lan.bench.bench import Bench, Recorder
from miio_lan.bench.receivers import begin, tap_at
from miio_lan.bench.snapshot import BOTH
from miio_lan.bench.wire_log import logged
from miio_lan.device.description.cache import find
from miio_lan.device.description.names import mapping
from miio_lan.device.miot import MiotDevice
from miio_lan.labgrid.entry import Entry, entry_of
from miio_lan.labgrid.lines import receivers
from miio_lan.uart.listening.tap import Tap

_text = attr.validators.optional(attr.validators.instance_of(str))


@target_factory.reg_driver
@attr.s(eq=False)
class MiioBenchDriver(Driver):
    """Gives a :class:`~miio_lan.bench.bench.Bench` of a target that has a :class:`MiioDevice`.

    Lines come from its serial ports, power from its driver for that.

    .. code-block:: python

        bench = target.get_driver("MiioBenchDriver").begin()
        with bench.expect("get_properties", siid=2, piid=1):
            bench.device.read(2, 1)

    :param uart: the name of the serial port that listens; see :func:`miio_lan.labgrid.lines.receivers`
    :param uart_up: the name of the one at the MCU's TX
    """

    bindings = {"device": "MiioDevice"}  # noqa: RUF012 - labgrid's way

    uart: str | None = attr.ib(default=None, validator=_text)
    uart_up: str | None = attr.ib(default=None, validator=_text)

    def __attrs_post_init__(self) -> None:
        super().__attrs_post_init__()
        self._recorder = Recorder()
        self._observe = logged(self._recorder.observe)
        self._tap: Tap | None = None
        self._bench: Bench[MiotDevice] | None = None
        self._entry: Entry | None = None
        # Which of the ports it is, names decide; so they are bound here.
        for port in receivers(self.target, self.uart, self.uart_up):
            if port is not None:
                self.suppliers.add(port)
                port.clients.add(self)

    def on_activate(self) -> None:
        """Open the lines; see labgrid.

        :raises PlaceError: if the target lacks something
        :raises PortError: if a line cannot be opened
        """
        self._entry = entry = entry_of(self.target, uart=self.uart, uart_up=self.uart_up)
        if entry.uart is not None:
            self._tap = tap = tap_at(entry.uart, entry.uart_up, self._observe)
            begin(tap, self._recorder)

    def on_deactivate(self) -> None:
        """Close everything; see labgrid."""
        bench, self._bench = self._bench, None
        tap, self._tap = self._tap, None
        if bench is not None:
            bench.device.close()
        if tap is not None:
            tap.close()

    @property
    def bench(self) -> Bench[MiotDevice]:
        """The bench as it was begun last; begun when first asked for."""
        return self._bench or self.begin()

    @Driver.check_active
    def begin(self) -> Bench[MiotDevice]:
        """Begin anew, as at the start of a test: what was recorded before is not seen any more."""
        entry: Any = self._entry  # an active driver has one
        if self._bench is not None:
            self._bench.device.close()
        self._recorder.begin()
        spec = find(entry.spec) if entry.spec is not None else None
        device = MiotDevice(
            entry.host,
            entry.token,
            port=entry.port,
            mapping=mapping(spec) if spec is not None else None,
            spec=spec,
            observer=self._observe,
        )
        heard = self._tap.direction if self._tap is not None else None
        hears = BOTH if entry.uart_up is not None else frozenset({heard} if heard is not None else ())
        self._bench = bench = Bench(device, self._recorder, spec, hears=hears, power=entry.power)
        return bench

    def get_export_vars(self) -> dict[str, str]:
        """Give what ``labgrid-client export`` writes down: never the token."""
        ports = receivers(self.target, self.uart, self.uart_up)
        names = {key: each.name or "" for key, each in zip(("uart", "uart_up"), ports, strict=True) if each}
        device: Any = self.device
        return {"host": device.host, "port": str(device.port), **names}
