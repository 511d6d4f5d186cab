"""The virtual module's socket: it answers from where it was asked."""

from __future__ import annotations

import socket
import sys

import pytest
from support.names import name_server

from miio_lan.lan.packet import HELLO
from miio_lan.virtual.endpoint import MAX_PEERS, BoundSocket, in_the_way
from miio_lan.virtual.product import VirtualProduct

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="other systems have one loopback address")
PATIENCE = 100.0


@pytest.mark.parametrize(
    ("one", "other", "so"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "127.0.8.1", False),
        ("lamp.example", "127.0.0.1", True),
        ("lamp.example", "127.0.8.1", False),
        ("::1", "0:0::1", True),
        ("::ffff:127.0.0.1", "127.0.0.1", True),
        ("0.0.0.0", "lamp.example", True),
        ("0.0.0.0", "::1", False),
        ("::", "127.0.0.1", True),
        ("::", "::1", True),
        ("fe80::1%1", "fe80::1%2", False),
        ("no-such-name.invalid", "127.0.0.1", False),
    ],
)
def test_who_cannot_be_listened_at_together(
    monkeypatch: pytest.MonkeyPatch, one: str, other: str, so: bool
) -> None:
    with name_server(monkeypatch) as names:
        names.known["lamp.example"] = "127.0.0.1"
        assert in_the_way(one, other) is so
        assert in_the_way(other, one) is so


def client(host: str, port: int) -> socket.socket:
    """A client that takes nothing from elsewhere."""
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    made.settimeout(PATIENCE)
    made.connect((host, port))
    return made


def take(endpoint: BoundSocket) -> tuple[bytes, tuple[str, int] | tuple[str, int, int, int], str]:
    endpoint.socket.settimeout(PATIENCE)
    return endpoint.receive()


@pytest.mark.parametrize("asked", ["127.0.0.1", "127.0.0.2", "127.1.2.3"])
def test_one_for_all_addresses_answers_from_the_one_that_was_asked(asked: str) -> None:
    endpoint = BoundSocket("0.0.0.0", 0)
    try:
        with client(asked, endpoint.port) as asking:
            asking.send(b"question")
            datagram, peer, address = take(endpoint)
            assert (datagram, peer, address) == (b"question", asking.getsockname(), asked)
            endpoint.send(b"answer", peer)
            assert asking.recv(100) == b"answer"
    finally:
        endpoint.close()


def test_the_same_by_ipv6() -> None:
    try:
        endpoint = BoundSocket("::", 0)
        endpoint.close()
        asking = client("::1", endpoint.port)
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    endpoint = BoundSocket("::", 0)
    try:
        with asking, client("::1", endpoint.port) as asking:
            asking.send(b"question")
            _, peer, address = take(endpoint)
            assert address == "::1"
            endpoint.send(b"answer", peer)
            assert asking.recv(100) == b"answer"
    finally:
        endpoint.close()


def test_one_address_needs_no_memory() -> None:
    endpoint = BoundSocket("127.0.0.2", 0)
    try:
        with client("127.0.0.2", endpoint.port) as asking:
            asking.send(b"question")
            _, peer, address = take(endpoint)
            assert address == "127.0.0.2"
            endpoint.send(b"answer", peer)
            assert asking.recv(100) == b"answer"
    finally:
        endpoint.close()


def test_the_memory_is_bounded() -> None:
    endpoint = BoundSocket("0.0.0.0", 0)
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as first:
            first.settimeout(PATIENCE)
            first.sendto(b"first", ("127.0.0.2", endpoint.port))
            _, peer, _ = take(endpoint)
            for number in range(MAX_PEERS):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
                    other.bind((f"127.0.{1 + number // 128}.{1 + number % 128}", 0))
                    other.sendto(b"another", ("127.0.0.3", endpoint.port))
                    take(endpoint)
            # Its way back is forgotten: the answer comes from where the system likes.
            endpoint.send(b"answer", peer)
            assert first.recvfrom(100) == (b"answer", ("127.0.0.1", endpoint.port))
    finally:
        endpoint.close()


def test_a_product_for_all_addresses_hears_broadcasts() -> None:
    with (
        VirtualProduct(host="0.0.0.0") as product,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking,
    ):
        asking.settimeout(PATIENCE)
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        asking.sendto(HELLO, ("127.255.255.255", product.port))
        assert asking.recvfrom(100)[1] == ("127.0.0.1", product.port)
        # What it tells of its network is the address it answers from, not the one that all have in common.
        assert product.call(lambda _: product.module.chip.address) == "127.0.0.1"


def test_a_product_for_all_addresses_tells_the_one_it_was_asked_at() -> None:
    with VirtualProduct(host="0.0.0.0") as product:
        for asked in ("127.0.0.5", "127.0.0.6"):
            with client(asked, product.port) as asking:
                asking.send(HELLO)
                assert len(asking.recv(100)) == 32
            assert product.call(lambda _: product.module.chip.address) == asked
