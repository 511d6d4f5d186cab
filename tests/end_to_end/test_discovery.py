"""Products on two subnets that a router joins: each interface finds its own, and one that moves is followed.

In network namespaces made for this test; skipped where that is not allowed.
"""

from __future__ import annotations

import pytest
from support.namespaces import ran_in_a_network_of_its_own

ATTEMPT = (
    "ip link add bridge-x type bridge && ip link add v0 type veth peer name v1 && "
    "unshare --net true && echo 1 > /proc/sys/net/ipv4/ip_forward"
)
A, B = 0x0A0A, 0x0B0B


@pytest.fixture(scope="module")
def found() -> dict[str, object]:
    result: dict[str, object] = ran_in_a_network_of_its_own("two_subnets.py", ATTEMPT, "nsenter")
    return result


def test_a_broadcast_finds_the_subnet_it_goes_to(found: dict[str, object]) -> None:
    assert found["one interface"] == found["a alone"] == [[A, "10.1.0.10", "ca"]]
    assert found["b alone"] == [[B, "10.2.0.10", "cb"]]


def test_every_interface_is_searched(found: dict[str, object]) -> None:
    both = [[A, "10.1.0.10", "ca"], [B, "10.2.0.10", "cb"]]
    assert found["both"] == found["both, asyncio"] == both


def test_a_sweep_finds_what_is_behind_a_router(found: dict[str, object]) -> None:
    assert found["sweep behind the router"] == [[B, "10.2.0.10", ""]]


def test_an_announcement_is_heard_however_broken_its_record_is(found: dict[str, object]) -> None:
    wanted = [B, "yeelink.light.mono1", "F0:B4:29:AA:BB:0C", True]
    assert found["announced"] == found["announced, asyncio"] == wanted


def test_a_device_that_moves_is_followed(found: dict[str, object]) -> None:
    assert found["before"] == "ok"
    assert found["moved"][1] == "ok"
    assert found["its address"] == ["10.1.0.20", "10.1.0.20"]
    assert found["moved meanwhile"] == ["ok", "10.1.0.20"]
    assert found["moved, asyncio"] == ["10.1.0.20", "10.1.0.10", "10.1.0.10"]
