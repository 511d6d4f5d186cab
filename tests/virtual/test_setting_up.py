"""Products that are set up over real sockets: where they listen, their reset keys, their token."""

from __future__ import annotations

import sys

import pytest

from miio_lan import Device, DeviceTimeout
from miio_lan.errors import InvalidArgument
from miio_lan.lan.packet import shown_token
from miio_lan.record import Record
from miio_lan.virtual.module.network import Timings
from miio_lan.virtual.product import VirtualProduct


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, loopback has one address")
def test_one_that_is_not_set_up_is_at_another_address_until_it_is() -> None:
    """Loopback has many addresses: one stands for its own network, another for the one it joins."""
    options = {"timings": Timings(join=0.05)}
    with VirtualProduct(
        provisioned=False, ap_host="127.0.8.1", mcu_options={"poll_interval": 0.002}, module_options=options
    ) as product:
        assert product.address == "127.0.8.1"
        with Device(product.address, port=product.port, timeout=1) as device:
            assert device.info().ip_address == "127.0.8.1"
            assert device.configure_wifi("attic", "right one") == ["ok"]
        assert product.address == "127.0.0.1"
        with Device(product.host, product.token, port=product.port, timeout=1) as device:
            assert device.info().accesspoint["ssid"] == "attic"
        with Device("127.0.8.1", product.token, port=product.port, timeout=0.1) as device:
            device.retry_count = 0
            with pytest.raises(DeviceTimeout):
                device.send_handshake()


def test_its_address_until_then_has_to_be_another() -> None:
    product = VirtualProduct(provisioned=False, host="localhost", ap_host="localhost")
    with pytest.raises(InvalidArgument, match="ap_host localhost is the address of another network"):
        product.start()


def test_its_reset_keys_have_it_wait_to_be_set_up() -> None:
    lines: list[Record] = []
    options = {"poll_interval": 0.002}
    with VirtualProduct(observer=lines.append, mcu_options=options) as product:
        product.call(product.mcu.reset_network)
        with Device(product.host, port=product.port, timeout=2) as device:
            while shown_token(device.send_handshake()) is None:
                pass
    assert b"restore\r" in [each.raw for each in lines]


def test_what_is_logged_of_the_lan_is_read_with_the_token_it_has_now() -> None:
    records: list[Record] = []
    new = bytes(range(16, 32))
    with VirtualProduct(lan_observer=records.append, module_options={"next_token": lambda: new}) as product:
        product.call(lambda now: (product.module.schedule("restore", now), product.module.restart(now)))
        assert product.token == new.hex()
        with Device(product.host, port=product.port, timeout=2) as device:
            device.info()
    assert {"miIO.info"} == {
        each.reading.get("method") for each in records if each.reading and each.direction == "down"
    }
