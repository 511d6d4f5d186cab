"""Both faces on loopback, and what is known of this computer's interfaces."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
import types
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from typing import Any

import pytest

import miio_lan
from miio_lan.errors import DeviceException, InvalidArgument, UnsupportedFeatureException
from miio_lan.lan.discovery import aio, blocking, ways
from miio_lan.lan.discovery.findings import Finding
from miio_lan.lan.discovery.search import Interface, Search
from miio_lan.virtual.product import VirtualProduct

DID = 0x1234_5678
FAST = {"poll_interval": 0.01}
LO = Interface("lo", "127.0.0.1", IPv4Network("127.0.0.0/8"))


@pytest.fixture(scope="module")
def product() -> Iterator[VirtualProduct]:
    with VirtualProduct(host="0.0.0.0", device_id=DID, provisioned=False, mcu_options=FAST) as running:
        yield running


def gathered(port: int, **how: object) -> list[Finding]:
    """The first that is found in a loop."""

    async def gather() -> list[Finding]:
        async with contextlib.aclosing(aio.discover(port=port, **how)) as found:
            return [await anext(found)]

    return asyncio.run(gather(), debug=True)


async def cut_short(subnet: str) -> list[Finding]:
    return [each async for each in aio.discover(0.05, subnets=subnet, port=9)]


def loopback() -> str:
    return next(each.name for each in ways.local_interfaces() if each.is_loopback)


def test_a_broadcast_finds_it(product: VirtualProduct) -> None:
    told: list[Finding] = []
    (found,) = miio_lan.discover(2.5, interfaces=[loopback()], port=product.port, callback=told.append)
    assert told[-1] == found
    assert (found.did, found.ip, found.interface) == (DID, "127.0.0.1", loopback())
    assert found.token == product.token
    assert gathered(product.port, timeout=60, interfaces=[loopback()])[-1].token == product.token


def test_a_sweep_finds_it(product: VirtualProduct) -> None:
    with contextlib.closing(blocking.search(60, subnets="127.0.0.7", port=product.port)) as searched:
        found = next(searched)
    assert (found.did, found.ip) == (DID, "127.0.0.7")
    assert gathered(product.port, timeout=60, subnets=["127.0.0.7"])[-1] == found


def test_it_is_located_by_its_did(product: VirtualProduct) -> None:
    how = {"port": product.port, "timeout": 5.0, "patience": 0.0}
    assert blocking.locate(DID, "127.0.0.1", **how) == "127.0.0.1"
    assert asyncio.run(aio.locate(DID, "127.0.0.1", **how), debug=True) == "127.0.0.1"
    how["timeout"] = 0.2
    assert blocking.locate(DID + 1, "127.0.0.1", **how) is None
    assert asyncio.run(aio.locate(DID + 1, "127.0.0.1", **how), debug=True) is None


def test_leaving_early_leaves_nothing(product: VirtualProduct) -> None:
    with contextlib.closing(blocking.search(60, subnets="127.0.0.7", port=product.port)) as found:
        assert next(found).did == DID

    async def first() -> int:
        made = aio.discover(60, subnets="127.0.0.7", port=product.port)
        async with contextlib.aclosing(made) as found_there:
            return (await anext(found_there)).did

    assert asyncio.run(first(), debug=True) == DID


def test_a_callback_that_raises_leaves_nothing(product: VirtualProduct) -> None:
    def fail(finding: Finding) -> None:
        raise RuntimeError(finding.ip)

    with pytest.raises(RuntimeError, match=r"127\.0\.0\.7") as raised:
        miio_lan.discover(60, subnets="127.0.0.7", port=product.port, callback=fail)
    # The error, and with it all frames, is still there when it is looked what is left.
    assert raised.value


def test_a_cancelled_search_leaves_nothing(product: VirtualProduct) -> None:
    async def cancelled() -> None:
        async def forever() -> None:
            async for _ in aio.discover(60, subnets="127.0.0.7", port=product.port):
                found.set()

        found = asyncio.Event()
        task = asyncio.ensure_future(forever())
        await found.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled(), debug=True)


def test_a_sweep_cut_short_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        blocking.discover(0.05, subnets="127.0.1.0/24", port=9)
        asyncio.run(cut_short("127.0.1.0/24"))
    assert len(caplog.messages) == 2
    assert all("addresses were not asked: the sweep needs 6 s in all" in each for each in caplog.messages)


@pytest.mark.parametrize("timeout", [0, -1, True, float("nan"), "5"])
def test_a_timeout_that_is_none_is_refused(timeout: Any) -> None:
    with pytest.raises(InvalidArgument, match="timeout is a number of seconds above 0"):
        miio_lan.discover(timeout, interfaces=[loopback()])


@pytest.mark.parametrize("port", [0, -1, 70000, True, "54321", None])
def test_a_port_that_is_none_is_refused(port: Any) -> None:
    with pytest.raises(InvalidArgument, match="a UDP port is 1 to 65535"):
        miio_lan.discover(1, interfaces=[loopback()], port=port)


@pytest.mark.parametrize("what", ["interfaces", "subnets", "hosts"])
@pytest.mark.parametrize("given", [5, True, b"127.0.0.1", {"lo": 1}], ids=repr)
def test_places_that_are_no_list_are_refused(what: str, given: Any) -> None:
    with pytest.raises(InvalidArgument, match=f"^{what} are a text or a list of texts, not "):
        miio_lan.discover(1, **{what: given})


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("interfaces", "no interface 5 with"),
        ("subnets", "5 is no IPv4 subnet"),
        ("hosts", "'5' is no IPv4 address"),
    ],
)
def test_a_number_is_no_address_of_its_own(what: str, why: str) -> None:
    with pytest.raises(InvalidArgument, match=why):
        miio_lan.discover(1, **{what: [5]})


def test_addresses_may_be_objects_of_ipaddress(product: VirtualProduct) -> None:
    lo = IPv4Address("127.0.0.1")
    for found in (
        miio_lan.discover(2, port=product.port, hosts=lo, mdns=False),
        miio_lan.discover(2, port=product.port, subnets=[lo], mdns=False),
    ):
        assert [each.did for each in found] == [DID]
    assert ways.chosen([lo], [LO]) == [LO]


def test_interfaces_are_chosen_by_name_or_address() -> None:
    eth = Interface("eth0", "192.168.1.2", IPv4Network("192.168.1.0/24"))
    alias = Interface("eth0", "10.0.0.2", IPv4Network("10.0.0.0/24"))
    local = [LO, eth, alias]
    assert ways.chosen(None, local) == [eth, alias]
    assert ways.chosen(["eth0", "10.0.0.2"], local) == [eth, alias]
    assert ways.chosen("127.0.0.1", local) == [LO]
    with pytest.raises(
        InvalidArgument, match=r"no interface 'eth7' with an IPv4 address; there are lo \(127.0.0.1\), eth0"
    ):
        ways.chosen(["eth7"], local)


@pytest.mark.parametrize("key", ["mask", "netmask"])
def test_both_versions_of_netifaces_are_understood(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = {
        "eth0": {2: [{"addr": "192.168.1.2", key: "255.255.255.0"}]},
        "tun": {2: [{"addr": "10.9.0.2"}]},
        "x": {},
    }
    fake = types.SimpleNamespace(AF_INET=2, interfaces=lambda: list(entries), ifaddresses=entries.__getitem__)
    monkeypatch.setitem(sys.modules, "netifaces", fake)
    eth, tun = ways.local_interfaces()
    assert (eth.name, eth.broadcast) == ("eth0", "192.168.1.255")
    assert (tun.name, tun.broadcast) == ("tun", None)


def test_a_computer_without_a_network_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ways, "local_interfaces", lambda: [LO])
    with pytest.raises(DeviceException, match="no network interface"):
        miio_lan.discover()


def test_mdns_without_zeroconf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    how = {"interfaces": [loopback()], "subnets": (), "port": 54321, "begin": 0.0}
    assert ways.plan(1.0, mdns=None, **how).announced_at == ()
    with pytest.raises(UnsupportedFeatureException, match=r"pip install 'miio-lan\[mdns\]'"):
        ways.plan(1.0, mdns=True, **how)


def test_an_interface_that_has_gone_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    gone = Interface("gone0", "192.0.2.77", IPv4Network("192.0.2.0/24"))
    sockets = ways.Sockets(Search([gone, LO], virtual_did=1, begin=0.0))
    try:
        assert [way for way, _ in sockets.items()] == [None, 1]
        assert "cannot send by gone0 (192.0.2.77)" in caplog.text
    finally:
        sockets.close()
    with pytest.raises(DeviceException, match="cannot send by gone0"):
        ways.Sockets(Search([gone], virtual_did=1, begin=0.0))


def test_a_search_that_cannot_send_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(self: socket.socket, *args: object) -> int:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket.socket, "sendto", unreachable)
    assert blocking.discover(0.1, interfaces=[loopback()]) == []


def test_what_is_announced_reaches_the_search(
    product: VirtualProduct, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the place of zeroconf: an announcement with the address of the product, to both faces."""
    said = (f"a-b-c_miio{DID}", ["127.0.0.9"], b"mac=f0b429aabb0c")

    class Browser:
        def __init__(self, addresses: tuple[str, ...], heard: object) -> None:
            assert addresses == ("192.0.2.2",)
            heard(*said)

        def close(self) -> None:
            closed.append("blocking")

    class AsyncBrowser(Browser):
        async def close(self) -> None:
            closed.append("aio")

    closed: list[str] = []
    fake = types.SimpleNamespace(Browser=Browser, AsyncBrowser=AsyncBrowser)
    monkeypatch.setitem(sys.modules, "miio_lan.lan.mdns", fake)

    def rules(begin: float) -> Search:
        return Search([LO], port=product.port, virtual_did=1, begin=begin, timeout=1.2)

    import time

    heard = list(blocking._run(rules(time.monotonic()), ("192.0.2.2",)))

    async def gather() -> list[Finding]:
        begin = asyncio.get_running_loop().time()
        return [each async for each in aio._run(rules(begin), ("192.0.2.2",))]

    for found in (heard, asyncio.run(gather(), debug=True)):
        assert found[-1].did == DID
        assert (found[-1].model, found[-1].mac, found[-1].answered) == ("a.b.c", "F0:B4:29:AA:BB:0C", True)
        assert {found[-1].ip, *found[-1].also_at} == {"127.0.0.1", "127.0.0.9"}
    assert closed == ["blocking", "aio"]


def test_mdns_that_cannot_listen_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*args: object) -> None:
        raise OSError(98, "Address already in use")

    monkeypatch.setitem(
        sys.modules, "miio_lan.lan.mdns", types.SimpleNamespace(Browser=refuse, AsyncBrowser=refuse)
    )
    import time

    assert (
        list(blocking._run(Search([LO], virtual_did=1, begin=time.monotonic(), timeout=0.1), ("192.0.2.2",)))
        == []
    )

    async def gather() -> list[Finding]:
        begin = asyncio.get_running_loop().time()
        return [
            each
            async for each in aio._run(Search([LO], virtual_did=1, begin=begin, timeout=0.1), ("192.0.2.2",))
        ]

    assert asyncio.run(gather()) == []
    assert caplog.text.count("cannot listen for announcements (mDNS)") == 2
