"""What a device object weighs. Thousands of them are made for a house or a production line."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable

from support.link import Link

from miio_lan import Device, MiotDevice
from miio_lan.lan.client.session import Session

TOKEN = "00112233445566778899aabbccddeeff"
LIMIT = 6 * 1024
COUNT = 100


def weight(make: Callable[[int], object]) -> float:
    """Give the bytes that one takes, on average; what all of them share is there before."""
    kept = [make(0)]
    gc.collect()
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        kept += [make(number) for number in range(COUNT)]
        gc.collect()
        return (tracemalloc.get_traced_memory()[0] - before) / COUNT
    finally:
        tracemalloc.stop()


def test_a_device_takes_at_most_6_kib() -> None:
    assert 1000 < weight(lambda number: Device(f"192.0.2.{number}", TOKEN)) <= LIMIT
    assert 1000 < weight(lambda number: MiotDevice(f"192.0.2.{number}", TOKEN)) <= LIMIT


def test_a_heavy_one_is_seen() -> None:
    assert weight(lambda number: (Device(f"192.0.2.{number}", TOKEN), bytearray(65536))) > LIMIT


def test_a_session_that_has_worked_is_not_much_heavier() -> None:
    def worked(_: int) -> Session:
        link = Link()
        for _ in range(20):
            link.call("get_prop", ["power"])
            link.session.take_ended()  # as every transport does
        return link.session

    assert 1000 < weight(worked) <= LIMIT


def test_sessions_share_their_random_generator() -> None:
    first, second = Session(None), Session(None)
    assert first._ids._rng is second._ids._rng
