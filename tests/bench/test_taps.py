"""Expectations at a real line that taps listen to, while somebody else reads the same property."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import pytest

from miio_lan import MiotDevice
from miio_lan.bench.bench import Bench, Recorder
from miio_lan.cli.virtual.taps import Taps
from miio_lan.pairing.exchange import Exchange
from miio_lan.record import Record
from miio_lan.uart.listening.tap import Tap
from miio_lan.uart.ports.port import open_port
from miio_lan.virtual.product import VirtualProduct

ROUNDS = 12
#: So many are only needed where most receivers are kept from their work.
MOST_ROUNDS = 200
BRIGHTNESS = (2, 2)


class Tapped:
    """A virtual product whose line is heard by a tap, and whose brightness is another one with every reading of it."""

    def __init__(self, taps: Taps) -> None:
        self._taps = taps
        self._values = itertools.cycle(range(1, 101))
        self.product = VirtualProduct(observer=self._observe, mcu_options={"poll_interval": 0.1})

    def _observe(self, record: Record) -> None:
        if record.raw.startswith(b"down get_properties"):
            self.product.mcu.table.put(*BRIGHTNESS, next(self._values))
        self._taps.observe(record)


@pytest.fixture
def no_resends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that stalls for a moment shall not make a client repeat a command."""
    for name in ("INITIAL_RESEND", "MIN_RESEND"):
        monkeypatch.setattr(f"miio_lan.lan.client.pacing.{name}", 10.0)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def product(recorder: Recorder) -> Iterator[VirtualProduct]:
    with (
        Taps() as taps,
        Tap(recorder.observe, down=open_port(taps.down), up=open_port(taps.up)),
        Tapped(taps).product as product,
    ):
        yield product


@pytest.fixture
def bench(recorder: Recorder, product: VirtualProduct) -> Iterator[Bench[MiotDevice]]:
    with MiotDevice(product.host, product.token, port=product.port, observer=recorder.observe) as device:
        yield Bench(device, recorder, product.spec)


@pytest.fixture
def somebody_else(product: VirtualProduct) -> Iterator[MiotDevice]:
    """Reads the brightness all the time."""
    stopped = threading.Event()
    with MiotDevice(product.host, product.token, port=product.port) as device:

        def read() -> None:
            while not stopped.is_set():
                device.read(*BRIGHTNESS)

        worker = threading.Thread(target=read)
        worker.start()
        yield device
        stopped.set()
        worker.join()


def lines(exchange: Exchange) -> list[bytes | None]:
    steps = (exchange.down, exchange.result, exchange.acknowledgement)
    return [None if each is None else each.raw for each in steps]


@pytest.mark.usefixtures("no_resends", "somebody_else")
def test_the_lines_at_the_end_of_the_block_are_those_of_the_reply(bench: Bench[MiotDevice]) -> None:
    """Each answer carries another value, so that the reply tells whose it is."""
    right = 0
    for _ in range(MOST_ROUNDS):
        with bench.expect("get_properties", siid=2, piid=2) as exchange:
            value = bench.device.read(*BRIGHTNESS)
        wanted = [b"down get_properties 2 2\r", f"result 2 2 0 {value}\r".encode(), b"ok\r"]
        at_end = exchange.joined
        # A receiver that is kept from its work for longer than stamps may differ leaves a doubt, and no wrong line
        # without.
        assert at_end.ambiguous or lines(at_end) == wanted
        right += lines(at_end) == wanted
        if right == ROUNDS:
            break
    assert right == ROUNDS
