"""Single addresses that are asked, and what this computer knows of the networks around it."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import types
from ipaddress import IPv4Network
from typing import Any

import pytest

import miio_lan
from miio_lan.device.provision.orders import Look
from miio_lan.device.provision.places import asking
from miio_lan.errors import InvalidArgument
from miio_lan.lan.discovery import aio, ways
from miio_lan.lan.discovery.search import Interface
from miio_lan.virtual.product import VirtualProduct

LO = Interface("lo", "127.0.0.1", IPv4Network("127.0.0.0/8"))
ETH = Interface("eth0", "192.0.2.2", IPv4Network("192.0.2.0/24"))
WLAN = Interface("wlan0", "192.168.8.2", IPv4Network("192.168.8.0/24"))


@pytest.fixture
def local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways, "local_interfaces", lambda: [LO, ETH, WLAN])
    routes = [("192.0.2.1", "eth0", True), ("192.168.8.1", "wlan0", False), ("fe80::1", "wlan0", False)]
    fake: Any = types.SimpleNamespace(AF_INET=2, gateways=lambda: {2: routes})
    monkeypatch.setitem(sys.modules, "netifaces", fake)


def test_a_host_is_asked_and_nobody_else() -> None:
    with VirtualProduct(device_id=5) as product:
        plan = ways.plan(
            1.0, interfaces=None, subnets=(), mdns=False, port=product.port, begin=0.0, hosts=[product.host]
        )
        assert (plan.search.ways, plan.announced_at) == ([], ())
        (found,) = miio_lan.discover(2.0, hosts=product.host, port=product.port)
        assert (found.did, found.ip) == (5, "127.0.0.1")

        async def first() -> int:
            async with contextlib.aclosing(
                aio.discover(60, hosts=["127.0.0.1"], port=product.port)
            ) as searched:
                return (await anext(searched)).did

        assert asyncio.run(first()) == 5


def test_with_interfaces_these_are_asked_too(local: None) -> None:
    plan = ways.plan(
        1.0, interfaces=["wlan0"], subnets=(), mdns=False, port=1, begin=0.0, hosts=["192.168.8.1"]
    )
    assert plan.search.ways == [WLAN]


def test_without_an_interface_a_host_can_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways, "local_interfaces", lambda: [LO])
    plan = ways.plan(1.0, interfaces=[], subnets=(), mdns=False, port=1, begin=0.0, hosts=["192.168.8.1"])
    assert plan.search.ways == []


@pytest.mark.parametrize("wrong", ["lamp.local", "::1", "192.168.1", ""])
def test_a_host_is_an_address(wrong: str) -> None:
    with pytest.raises(InvalidArgument, match="no IPv4 address"):
        miio_lan.discover(0.1, hosts=[wrong], port=9)


def test_gateways_are_those_of_the_interfaces_that_are_asked(local: None) -> None:
    assert ways.gateways() == ["192.0.2.1", "192.168.8.1"]
    assert ways.gateways(["wlan0"]) == ["192.168.8.1"]
    assert ways.gateways(["192.0.2.2"]) == ["192.0.2.1"]
    assert ways.gateways(["lo"]) == []
    with pytest.raises(InvalidArgument, match="no interface 'eth9'"):
        ways.gateways(["eth9"])


def test_a_device_of_loopback_is_asked_for_on_loopback_alone(local: None) -> None:
    assert ways.interfaces_around("127.0.8.1") == ["lo"]
    assert ways.interfaces_around("192.168.8.1") == ways.interfaces_around("") == ["eth0", "wlan0"]


def look(*hosts: str, everywhere: bool = True, near: str = "", announcements: bool = False) -> Look:
    return Look(1.0, hosts, everywhere, lambda _: False, near, (), announcements)


def test_an_access_point_is_asked_for_everywhere_and_at_the_routers(local: None) -> None:
    assert asking(look(), None) == {
        "hosts": ["192.0.2.1", "192.168.8.1"],
        "interfaces": ["eth0", "wlan0"],
        "subnets": (),
        "mdns": False,
    }
    assert asking(look(), ("wlan0",)) == {
        "hosts": ["192.168.8.1"],
        "interfaces": ("wlan0",),
        "subnets": (),
        "mdns": False,
    }


def test_on_the_new_network_announcements_count_too(local: None) -> None:
    found = asking(look("192.168.8.1", near="192.168.8.1", announcements=True), None)
    assert (found["hosts"], found["interfaces"], found["mdns"]) == (("192.168.8.1",), ["eth0", "wlan0"], None)


def test_an_address_that_was_given_is_all_that_is_asked(local: None) -> None:
    assert asking(look("192.168.8.1", everywhere=False), None) == {"hosts": ("192.168.8.1",), "mdns": False}
