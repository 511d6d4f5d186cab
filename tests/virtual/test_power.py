"""The power switch of a virtual product: a real power-up, boot reports and all."""

from __future__ import annotations

from queue import SimpleQueue

import pytest

from miio_lan import MiotDevice
from miio_lan.errors import DeviceException, DeviceTimeout
from miio_lan.record import Record
from miio_lan.virtual.power import VirtualPower
from miio_lan.virtual.product import VirtualProduct

PATIENCE = 100.0  # only ever waited for in full when a test fails


def test_a_product_that_is_off_says_and_hears_nothing() -> None:
    lines: SimpleQueue[Record] = SimpleQueue()
    with VirtualProduct(observer=lines.put, mcu_options={"poll_interval": 0.01}) as product:
        power = VirtualPower(product)
        assert power.is_on
        power.off()
        assert not power.is_on
        while not lines.empty():
            lines.get()
        with MiotDevice(product.host, product.token, port=product.port, timeout=0.3) as device:
            device.retry_count = 0
            with pytest.raises(DeviceTimeout):
                device.send_handshake()
            assert lines.qsize() <= 2  # what was on its way; a poll is 10 ms, and a command 300 ms
            product.call(lambda _now: product.mcu.put(2, 2, 77))  # values are kept
            power.on()
            device.retry_count, device.timeout = 3, 5
            assert device.read(2, 2) == 77
        assert power.is_on


def test_a_power_cycle_is_a_boot_on_both_wires() -> None:
    lines: SimpleQueue[Record] = SimpleQueue()
    with (
        VirtualProduct(
            observer=lines.put, mcu_options={"poll_interval": 0.01}, module_options={"uptime": 1000.0}
        ) as product,
        MiotDevice(product.host, product.token, port=product.port) as device,
    ):
        assert device.send("miIO.info", [])["life"] >= 1000
        while not lines.empty():
            lines.get()
        power = VirtualPower(product)
        power.cycle()
        while not lines.get(timeout=PATIENCE).raw.startswith(b"model "):
            pass
        assert device.send("miIO.info", [])["life"] < 1000
        power.on()  # it is on: nothing happens
        assert power.is_on
    with pytest.raises(DeviceException, match="not running"):
        power.off()
    assert repr(power).startswith("<VirtualPower of <VirtualProduct")


def test_the_time_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    with VirtualProduct() as product:
        power = VirtualPower(product)
        monkeypatch.setattr("miio_lan.virtual.power.sleep", slept.append)
        power.cycle()
        power.cycle(1.5)
    assert slept == [1.5]
