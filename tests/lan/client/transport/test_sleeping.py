"""The computer slept while its monotonic clock stood still: the next command is greeted for, in both faces."""

from __future__ import annotations

import asyncio
import itertools
import time

import pytest
from support.clockwork import run, simulated_network
from support.lan_server import TOKEN, Server

from miio_lan.lan.client import blocking
from miio_lan.lan.client.session import Session
from miio_lan.lan.client.transport import sleeping
from miio_lan.lan.client.wire import Told
from miio_lan.lan.packet import HELLO


class Bed:
    """How long the computer slept so far, in seconds."""

    slept = 0.0


@pytest.fixture
def bed(monkeypatch: pytest.MonkeyPatch) -> Bed:
    bed = Bed()
    monkeypatch.setattr(sleeping, "asleep", lambda: bed.slept)
    return bed


def test_a_sleep_is_told_once(bed: Bed) -> None:
    sleep = sleeping.Sleep()
    assert not sleep.over()
    bed.slept += 3600
    assert [sleep.over(), sleep.over()] == [True, False]


def test_what_is_no_sleep_is_not_told(bed: Bed) -> None:
    sleep = sleeping.Sleep()
    bed.slept += 0.5
    assert not sleep.over()
    bed.slept += 0.6  # slowly, they add up
    assert sleep.over()


def test_a_computer_that_is_awake_does_not_sleep() -> None:
    before = sleeping.asleep()
    sleep = sleeping.Sleep()
    assert before > -0.01
    assert not sleep.over()


def test_where_there_is_no_other_clock_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sleeping, "_OTHER", None)
    assert sleeping.asleep() == 0.0


def test_which_clock_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {}
    for system in ("linux", "darwin", "win32"):
        monkeypatch.setattr(sleeping.sys, "platform", system)
        monkeypatch.setattr(time, "CLOCK_BOOTTIME", 7, raising=False)
        monkeypatch.setattr(time, "CLOCK_MONOTONIC", 1, raising=False)
        found[system] = sleeping._other_clock()
    assert found == {"linux": 7, "darwin": 1, "win32": None}


def test_the_blocking_face_greets_after_a_sleep(bed: Bed) -> None:
    told: list[Told] = []
    server = Server()
    try:
        session = Session(TOKEN, peer="127.0.0.1")
        with blocking.Connection("127.0.0.1", session, port=server.port, tell=told.append) as connection:
            hellos = []
            for slept in (0, 0, 3600, 0):
                bed.slept += slept
                assert connection.call("get_echo", [1], timeout=5, retry_count=1) == [1]
                hellos.append(sum(each.direction == "down" and each.note == "hello" for each in told))
    finally:
        server.close()
    assert hellos == [1, 1, 2, 2]


def test_the_awaited_face_greets_after_a_sleep(bed: Bed) -> None:
    hellos = []
    with simulated_network() as network:
        connection = network.connect()

        async def work() -> None:
            for slept in (0, 0, 3600, 0):
                bed.slept += slept
                await asyncio.wait_for(connection.call("get_prop", [1], timeout=5, retry_count=1), 10)
                hellos.append(sum(datagram == HELLO for _, _, datagram in network.sent))

        run(network, work())
    assert hellos == [1, 1, 2, 2]


@pytest.fixture
def falls_asleep_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour is slept between the second look, which is that at the begin, and the third."""
    slept = itertools.chain([0.0, 0.0], itertools.repeat(3600.0))
    monkeypatch.setattr(sleeping, "asleep", lambda: next(slept))


@pytest.mark.usefixtures("falls_asleep_under_way")
def test_the_blocking_face_notices_a_sleep_in_the_middle_of_a_call() -> None:
    server = Server()
    try:
        session = Session(TOKEN, peer="127.0.0.1")
        with blocking.Connection("127.0.0.1", session, port=server.port) as connection:
            began = time.monotonic()
            connection.handshake(timeout=5, retry_count=1)
            assert not session.clock.steady_since(began)
    finally:
        server.close()


@pytest.mark.usefixtures("falls_asleep_under_way")
def test_the_awaited_face_notices_a_sleep_in_the_middle_of_a_call() -> None:
    with simulated_network() as network:
        connection = network.connect()

        async def work() -> None:
            await connection.handshake(timeout=5, retry_count=1)

        run(network, work())
    assert not connection.session.clock.steady_since(1000.0)
