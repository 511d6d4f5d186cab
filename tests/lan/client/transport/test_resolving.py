"""Addresses at which no single device can be, or that mean this computer: the same by both faces."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from support.lan_server import TOKEN, Server

from miio_lan import AsyncDevice, Device, DeviceException
from miio_lan.lan.client.transport.resolving import numeric, usable


def used(host: str) -> Any:
    address = numeric(host, 54321)
    assert address is not None
    return usable(host, address)[4]


@pytest.mark.parametrize(
    ("host", "where"),
    [
        ("0.0.0.0", "127.0.0.1"),
        ("::", "::1"),
        ("::ffff:0.0.0.0", "::ffff:127.0.0.1"),
        ("192.168.1.9", "192.168.1.9"),
        ("223.255.255.255", "223.255.255.255"),
        ("240.0.0.1", "240.0.0.1"),
        ("fd00::5", "fd00::5"),
        ("fec0::5", "fec0::5"),
        ("::ffff:192.168.1.9", "::ffff:192.168.1.9"),
        ("64:ff9b::e000:1", "64:ff9b::e000:1"),
    ],
)
def test_one_address_and_this_computer(host: str, where: str) -> None:
    assert used(host)[:2] == (where, 54321)


@pytest.mark.parametrize(
    "host",
    ["255.255.255.255", "224.0.0.1", "239.1.2.3", "ff02::1", "::ffff:224.0.0.1", "::ffff:255.255.255.255"],
)
def test_addresses_of_many(host: str) -> None:
    with pytest.raises(DeviceException, match=rf"^'{host}' is an address of many: give that of one device"):
        used(host)


@pytest.mark.parametrize("host", ["fe80::1", "febf::1"])
def test_an_address_that_needs_an_interface(host: str) -> None:
    with pytest.raises(DeviceException, match=f"^'{host}' needs an interface: write {host}%eth0"):
        used(host)
    address = (socket.AF_INET6, socket.SOCK_DGRAM, 17, "", (host, 54321, 0, 3))
    assert usable(host, address) == address


def blocking(host: str, port: int) -> Any:
    with Device(host, TOKEN.hex(), port=port, timeout=20) as device:
        return device.send("get_prop", [1], 0)


def awaited(host: str, port: int) -> Any:
    async def work() -> Any:
        async with AsyncDevice(host, TOKEN.hex(), port=port, timeout=20) as device:
            return await device.send("get_prop", [1], 0)

    return asyncio.run(work(), debug=True)


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - the number alone


@pytest.mark.parametrize("face", [blocking, awaited])
@pytest.mark.parametrize("host", ["0.0.0.0", "localhost"])
def test_this_computer_answers(face: Any, host: str) -> None:
    server = Server()
    try:
        assert face(host, server.port) == [1]
    finally:
        server.close()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files where Linux shows them")
@pytest.mark.parametrize("face", [blocking, awaited])
@pytest.mark.parametrize("host", ["255.255.255.255", "fe80::1", "no-such-name.invalid", ""])
def test_what_cannot_be_is_told_at_once_and_leaves_nothing_open(face: Any, host: str) -> None:
    before = open_files()
    with pytest.raises(DeviceException) as caught:
        face(host, 54321)
    assert caught.value.may_have_run is False
    assert open_files() == before


@pytest.mark.skipif(sys.platform != "linux", reason="other systems let it pass")
def test_the_broadcast_address_of_a_network() -> None:
    with pytest.raises(DeviceException, match="broadcast address of a network"):
        blocking("127.255.255.255", 54321)
