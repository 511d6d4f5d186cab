"""The computer slept while its monotonic clock stood still: the next command is greeted for, in both faces."""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import replace
from typing import Any

import pytest
from support.clockwork import run, simulated_network
from support.lan_server import TOKEN, Server

from miio_lan.errors import OutcomeUnknown
from miio_lan.lan.client import blocking
from miio_lan.lan.client.session import Session
from miio_lan.lan.client.transport import sleeping
from miio_lan.lan.client.wire import Told
from miio_lan.lan.packet import HELLO
from miio_lan.lan.responder.responder import Request


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


@pytest.mark.parametrize("learnt", [True, False], ids=["the last question", "while it is found out"])
def test_the_blocking_face_looks_before_an_answer_that_may_lead_to_a_resend(bed: Bed, learnt: bool) -> None:
    session = Session(TOKEN, peer="127.0.0.1")
    connection = blocking.Connection("127.0.0.1", session, clock=lambda: 1000.0)
    bed.slept += 3600
    connection._receive(b"an answer", 1000.0)
    assert session.clock.steady_since(999.0)  # nothing depends on it
    if learnt:
        session._calls.checks[5] = session.command("toggle", [], 999.0, timeout=5, retry_count=1)
    else:
        session.memory.begin(1000.0)
    connection._receive(b"an answer", 1000.0)
    assert not session.clock.steady_since(999.0)


def test_a_sleep_behind_the_question_before_a_resend_lets_nothing_run_twice(bed: Bed) -> None:
    """The answer lies unread, the computer sleeps, and the device forgets the ids of before."""
    with simulated_network() as network:
        lamp = network.device()
        lamp.responder.options = replace(lamp.responder.options, id_memory="silent", stamp_window=None)
        connection = network.connect()
        connection.session.memory.remembers, connection.session.memory.depth = True, 14

        def sleep() -> None:
            bed.slept += 3600
            lamp.responder.restart(network.loop.now - 5000)

        def info(request: Request) -> dict[str, Any]:
            if not bed.slept:
                network.loop.call_later(0.0005, sleep)  # before the answer arrives
            return {"result": {"life": int(network.loop.now) - 500}}

        lamp.replies["miIO.info"] = info
        lamp.replies["toggle"] = lambda request: None if request.params == ["lost"] else {"result": ["ok"]}

        async def work() -> None:
            for number in range(3):
                await connection.call("toggle", [number], timeout=5, retry_count=1)
            with pytest.raises(OutcomeUnknown):
                await connection.call("toggle", ["lost"], timeout=5, retry_count=1)

        run(network, work())
    assert bed.slept == 3600
    assert lamp.executed.count(("toggle", ["lost"])) == 1


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
