"""What this computer says of the way to a device."""

from __future__ import annotations

import socket
import struct
import sys

import pytest

from miio_lan.device.doctor import system
from miio_lan.device.doctor.observed import Refusal
from miio_lan.device.doctor.wire import read_refusal
from miio_lan.lan.client.transport.resolving import numeric


def as_linux_writes(address: str) -> str:
    return f"{struct.unpack('=I', socket.inet_aton(address))[0]:08X}"


def route(network: str, mask: str, gateway: str) -> str:
    fields = [
        as_linux_writes(network),
        as_linux_writes(gateway),
        "0003",
        "0",
        "0",
        "0",
        as_linux_writes(mask),
    ]
    return "\t".join(["eth0", *fields, "0", "0", "0"])


ROUTES = "\n".join(
    [
        "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT",
        route("0.0.0.0", "0.0.0.0", "10.0.0.1"),
        route("10.0.0.0", "255.255.255.0", "0.0.0.0"),
        route("10.2.0.0", "255.255.0.0", "10.0.0.7"),
        "a line that is none",
        "",
    ]
)


@pytest.mark.parametrize(
    ("address", "gateway"), [("10.0.0.9", ""), ("10.2.0.9", "10.0.0.7"), ("192.0.2.1", "10.0.0.1")]
)
def test_the_router_that_leads_there(address: str, gateway: str) -> None:
    assert system.gateway_to(address, ROUTES) == gateway
    assert system.gateway_to(address, "") == ""
    # The system does not list how it reaches itself.
    assert system.gateway_to("127.0.0.1", ROUTES, longer_than=8) == ""
    assert system.gateway_to("10.2.0.9", ROUTES, longer_than=8) == "10.0.0.7"


ARP = """\
IP address       HW type     Flags       HW address            Mask     Device
10.0.0.9         0x1         0x2         02:00:00:00:00:01     *        eth0
10.0.0.8         0x1         0x0         00:00:00:00:00:00     *        eth0
"""


@pytest.mark.parametrize(("address", "there"), [("10.0.0.9", True), ("10.0.0.8", False), ("10.0.0.7", None)])
def test_neighbours(address: str, there: bool | None) -> None:
    assert system.neighbour(address, ARP) is there


def test_sockets_that_are_tied_to_an_address() -> None:
    local = f"{as_linux_writes('10.0.0.2')}:9C40"
    rows = [f"{at}: {local} {as_linux_writes('10.0.0.9')}:D431 01" for at in range(2)]
    table = "\n".join(["  sl  local_address rem_address   st", *rows, f"3: {local} 00000000:0000 07", "x"])
    assert system.tied_sockets("10.0.0.9", 54321, table) == 2
    assert system.tied_sockets("10.0.0.9", 54322, table) == 0
    assert system.tied_sockets("10.0.0.9", 54321, "") is None


def test_the_way_to_loopback() -> None:
    found = numeric("127.0.0.1", 54321)
    assert found is not None
    way = system.way_to("127.0.0.1", found)
    assert (way.trouble, way.source, way.subnet) == ("", "127.0.0.1", "127.0.0.0/8")
    assert way.interface.startswith("lo")
    assert system.ping("127.0.0.1") in (True, None)


def refused(origin: int, kind: int, code: int, number: int, by: str) -> bytes:
    said = struct.pack("=IBBBBII", number, origin, kind, code, 0, 0, 0)
    return said + struct.pack("=HH", socket.AF_INET, 0) + socket.inet_aton(by) + bytes(8)


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        (refused(2, 3, 3, 111, "10.0.0.1"), Refusal("port", "10.0.0.1")),
        (refused(2, 3, 1, 113, "10.0.0.1"), Refusal("host", "10.0.0.1")),
        (refused(2, 3, 0, 101, "10.0.0.1"), Refusal("network", "10.0.0.1")),
        (refused(2, 3, 13, 113, "10.0.0.1"), Refusal("prohibited", "10.0.0.1")),
        (refused(2, 3, 10, 113, "10.0.0.9"), Refusal("prohibited", "10.0.0.9")),
        (refused(2, 11, 0, 113, "10.0.0.1"), Refusal("host", "10.0.0.1")),
        # The computer itself: nobody answered on the link.
        (refused(1, 0, 0, 113, "0.0.0.0"), Refusal("host")),
        (b"short", None),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="the numbers of errors are Linux's")
def test_refusals_as_linux_keeps_them(data: bytes, refusal: Refusal | None) -> None:
    assert read_refusal(data) == refusal
