from __future__ import annotations

from typing import Any

import pytest

from miio_lan.device.info import DeviceInfo

NEWER: dict[str, Any] = {
    "life": 24,
    "uid": 12345678901,
    "model": "yeelink.light.lamp1",
    "token": "00112233445566778899aabbccddeeff",
    "fw_ver": "2.0.6_0041",
    "mcu_fw_ver": "0007",
    "hw_ver": "esp8266",
    "mac": "28:FF:00:11:22:33",
    "ap": {"ssid": "net", "bssid": "00:11:22:33:44:55", "rssi": "-68"},
    "netif": {"localIp": "192.168.1.9", "mask": "255.255.255.0", "gw": "192.168.1.1"},
}


def test_all_that_a_device_tells() -> None:
    info = DeviceInfo(NEWER)
    assert info.model == "yeelink.light.lamp1"
    assert info.firmware_version == "2.0.6_0041"
    assert info.mcu_firmware_version == "0007"
    assert info.hardware_version == "esp8266"
    assert info.mac_address == "28:FF:00:11:22:33"
    assert info.ip_address == "192.168.1.9"
    assert info.accesspoint["rssi"] == "-68"
    assert info.network_interface["gw"] == "192.168.1.1"
    assert info.token == NEWER["token"]
    assert info.raw == info.data == NEWER
    assert repr(info) == ("<DeviceInfo yeelink.light.lamp1 v2.0.6_0041 (28:FF:00:11:22:33) @ 192.168.1.9>")


@pytest.mark.parametrize("data", [{}, {"ap": None, "netif": "none"}, {"netif": {}, "model": None}])
def test_every_key_can_be_missing(data: dict[str, Any]) -> None:
    info = DeviceInfo(data)
    assert (info.model, info.firmware_version, info.ip_address, info.mac_address) == (None, None, None, None)
    assert (info.accesspoint, info.network_interface) == ({}, {})
    assert (info.hardware_version, info.mcu_firmware_version, info.token) == (None, None, None)


def test_numbers_in_place_of_text() -> None:
    assert DeviceInfo({"fw_ver": 5, "mcu_fw_ver": 7}).firmware_version == "5"


def test_equality_and_a_copy_of_ones_own() -> None:
    data = {"model": "a.b.c"}
    info = DeviceInfo(data)
    data["model"] = "x"
    assert info.model == "a.b.c"
    assert info == DeviceInfo({"model": "a.b.c"})
    assert info != DeviceInfo({})
    assert info != "a.b.c"
