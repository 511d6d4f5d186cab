"""What waits to be told to an observer: how long a thread tells, who waits for it, and what is lost."""

from __future__ import annotations

import itertools
import logging
import math
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from support.lan_server import TOKEN, Server

from miio_lan.lan.client.blocking import Connection
from miio_lan.lan.client.session import Session
from miio_lan.lan.client.transport.telling import CROWDED, MAX_UNTOLD, Teller, tracer
from miio_lan.lan.client.wire import Told
from miio_lan.record import Record

ME = threading.get_ident()


def things(count: int, first: int = 0) -> list[Told]:
    """Make things to tell, numbered by their instants."""
    return [Told("up", b"{}", float(number)) for number in range(first, first + count)]


def taken(teller: Teller, thread: int = ME) -> Iterator[Told]:
    while (told := teller.next(thread)) is not None:
        yield told


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


# --- what waits -------------------------------------------------------------------------------------------------------


def test_it_is_told_in_order_and_to_the_end() -> None:
    teller = Teller(lambda told: None)
    teller.add(things(3))
    teller.add(things(2, 3))
    assert [told.instant for told in taken(teller)] == [0, 1, 2, 3, 4]
    assert teller.idle
    assert teller.taken == teller.last == 5


def test_what_waits_is_bounded_and_what_is_lost_is_marked(caplog: pytest.LogCaptureFixture) -> None:
    records: list[Record] = []
    teller = Teller(tracer(records.append, "lamp"))
    for number in range(MAX_UNTOLD + 3):
        teller.add(things(1, number))
    with caplog.at_level(logging.WARNING):
        teller.say()
        teller.say()
    assert teller.last == MAX_UNTOLD + 3
    assert [record.getMessage() for record in caplog.records] == [
        "an observer of LAN traffic does not follow: 4000 things wait for it, and what is older is lost"
    ]
    for told in taken(teller):
        teller.tell(told)
    assert len(records) == MAX_UNTOLD + 1
    assert (records[0].note, records[0].raw, records[0].reading, records[0].instant) == (
        "gap: 3 before this were not told, for want of time",
        b"",
        None,
        2.0,
    )
    assert [record.instant for record in records[1:]] == [float(n) for n in range(3, MAX_UNTOLD + 3)]
    assert {record.note for record in records[1:]} == {""}


def test_each_gap_has_its_mark_and_what_is_said_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    teller = Teller(lambda told: None)
    notes = []
    for lost in (1, 2):
        teller.add(things(MAX_UNTOLD + lost))
        teller.say()
        notes += [told.note.partition(" before")[0] for told in taken(teller) if told.note]
    assert notes == ["gap: 1", "gap: 2"]
    assert len(caplog.records) == 1


def test_who_waits_for_room_is_let_in_when_there_is_some() -> None:
    teller = Teller(lambda told: None)
    teller.add(things(CROWDED + 1))
    waiter = teller.stand_by()
    assert teller.crowded
    assert teller.wanted
    teller.next(ME)
    assert not waiter.acquire(blocking=False)
    teller.next(ME)
    assert waiter.acquire(blocking=False)
    assert not teller.crowded
    assert not teller.wanted


def test_who_waits_for_room_is_let_in_when_nobody_tells() -> None:
    teller = Teller(lambda told: None)
    teller.add(things(CROWDED + 5))
    teller.next(ME)
    waiter = teller.stand_by()
    assert not teller.is_left
    teller.leave()
    assert waiter.acquire(blocking=False)
    assert teller.is_left


def test_an_observer_that_was_waited_for_in_vain_is_waited_for_again_when_it_comes_back() -> None:
    teller = Teller(lambda told: None)
    teller.add(things(CROWDED + 5))
    others = teller.stand_by()
    teller.give_up()
    assert not teller.crowded
    assert others.acquire(blocking=False)
    teller.next(ME)
    assert teller.crowded


# --- how long a thread tells ------------------------------------------------------------------------------------------


class Scene:
    """A connection whose observer takes its time, by a clock of its own, and is brought more meanwhile.

    :param pace: seconds it takes for each thing
    :param more: how many things others bring meanwhile, while it is told the first thousand
    """

    def __init__(self, pace: float, more: int) -> None:
        self.now = 100.0
        self.pace, self.more = pace, more
        self.told: list[float] = []
        self._numbers = itertools.count()
        self.connection = Connection("127.0.0.1", Session(TOKEN), clock=lambda: self.now, tell=self._observe)
        assert self.connection._teller is not None
        self.teller = self.connection._teller

    def bring(self, count: int) -> None:
        self.teller.add([Told("up", b"{}", float(next(self._numbers))) for _ in range(count)])

    def _observe(self, told: Told) -> None:
        self.told.append(told.instant)
        self.now += self.pace
        if len(self.told) <= 1000:
            self.bring(self.more)

    def open_a_call(self) -> None:
        """Somebody else has a command under way."""
        call = self.connection.session.command("toggle", [], self.now, timeout=500, retry_count=0)
        self.connection.session.begin(call, self.now)


@pytest.mark.parametrize("by", ["an open call", "a thread on the socket", "a thread that waits for room"])
def test_a_thread_leaves_to_others_what_came_while_it_told(by: str) -> None:
    scene = Scene(pace=0.5, more=2)
    scene.bring(CROWDED + 1)
    if by == "an open call":
        scene.open_a_call()
    elif by == "a thread on the socket":
        scene.connection._leader, scene.connection._leads_until = -1, math.inf
    else:
        scene.teller.stand_by()
    scene.connection._tell(math.inf)
    assert scene.told == [float(number) for number in range(CROWDED + 1)]
    assert scene.teller.is_left


def test_a_thread_tells_what_others_bring_where_the_observer_follows() -> None:
    scene = Scene(pace=0.001, more=1)
    scene.open_a_call()
    scene.bring(1)
    scene.connection._tell(math.inf)  # for a fifth of a second
    assert scene.told == [float(number) for number in range(200)]
    scene.pace = 0.0
    scene.connection._tell(math.inf)
    assert scene.told == [float(number) for number in range(1001)]
    assert scene.teller.idle


def test_a_thread_begins_with_nothing_after_its_end_where_another_one_comes() -> None:
    scene = Scene(pace=0.5, more=0)
    scene.open_a_call()
    scene.bring(10)
    scene.connection._tell(scene.now + 0.9)
    assert scene.told == [0, 1]
    scene.connection._tell(scene.now)
    assert scene.told == [0, 1]


def test_a_thread_tells_all_where_no_other_one_comes() -> None:
    scene = Scene(pace=0.5, more=1)
    scene.bring(3)
    scene.connection._leader, scene.connection._leads_until = -1, scene.now - 1  # it left without a word
    scene.connection._tell(scene.now)
    assert scene.told == [float(number) for number in range(1003)]
    assert scene.teller.idle


@pytest.mark.parametrize("leading", [True, False])
def test_nobody_waits_while_something_is_left_to_tell(
    server: Server, monkeypatch: pytest.MonkeyPatch, leading: bool
) -> None:
    """A thread whose call is open comes back at once, on the socket or behind it."""
    told: list[Told] = []
    now = [100.0]
    with Connection(
        "127.0.0.1", Session(TOKEN), port=server.port, clock=lambda: now[0], tell=told.append
    ) as connection:
        connection.call("get_echo", [], timeout=5, retry_count=0)
        assert connection._teller is not None
        connection._teller.add(things(1))
        if not leading:
            connection._leader, connection._leads_until = -1, math.inf
        waits: list[float] = []
        monkeypatch.setattr(connection, "_read", lambda sock, wait: (waits.append(wait), (None, ""))[1])
        monkeypatch.setattr(connection._waiting, "stand_by", lambda call, me: Waiter(waits))
        assert not connection._wait(now[0] + 50)
    assert waits == [0.0]


class Waiter:
    """Waits for nothing, and keeps in mind for how long it was to."""

    def __init__(self, waits: list[float]) -> None:
        self._waits = waits

    def acquire(self, timeout: float) -> None:
        self._waits.append(timeout)


# --- who waits for it -------------------------------------------------------------------------------------------------


def test_a_command_waits_for_an_observer_that_does_not_follow(server: Server) -> None:
    """It begins when there is room; what was told is complete, and in order."""
    gate, entered = threading.Event(), threading.Event()
    told: list[float] = []
    executed: list[object] = []
    server.answer = lambda request: (executed.append(request.params), {"result": request.params})[1]

    def observe(each: Told) -> None:
        entered.set()
        gate.wait(100)
        told.append(each.instant)

    with Connection("127.0.0.1", Session(TOKEN), port=server.port, tell=observe) as connection:
        teller = connection._teller
        assert teller is not None

        def ask(name: str) -> None:
            assert connection.call("get_echo", [name], timeout=100, retry_count=1) == [name]

        slow = threading.Thread(target=ask, args=("slow",))
        slow.start()
        assert entered.wait(100)
        while connection.session.busy or not executed:
            with connection._state:  # it stands in the observer: what comes is read by nobody else
                connection._read_backlog(connection._clock(), stale=False)
        with connection._state:
            teller.add(things(CROWDED))
        other = threading.Thread(target=ask, args=("other",))
        other.start()
        while not teller.wanted:
            assert other.is_alive()
        assert executed == [["slow"]]
        gate.set()
        slow.join()
        other.join()
        assert executed == [["slow"], ["other"]]
        assert teller.idle
    numbered = [instant for instant in told if instant < CROWDED]
    assert numbered == sorted(numbered)
    assert len(numbered) == CROWDED


def crowd(connection: Connection, *, busy: bool) -> Teller:
    """Have more things wait than commands begin with."""
    teller = connection._teller
    assert teller is not None
    teller.add(things(CROWDED + 20))
    teller.busy = -1 if busy else None
    return teller


def test_a_command_waits_half_of_its_time_for_an_observer_that_is_stuck(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    waited: list[float] = []

    class Patience(Waiter):
        def acquire(self, timeout: float) -> None:
            super().acquire(timeout)
            now[0] += timeout

    with Connection(
        "127.0.0.1", Session(TOKEN), port=server.port, clock=lambda: now[0], tell=lambda told: None
    ) as connection:
        connection.call("get_echo", [], timeout=5, retry_count=0)
        teller = crowd(connection, busy=True)
        monkeypatch.setattr(teller, "stand_by", lambda: Patience(waited))
        assert connection.call("get_echo", [1], timeout=5, retry_count=1) == [1]
        assert connection.call("get_echo", [2], timeout=5, retry_count=1) == [2]  # not again in vain
        assert waited == [5.0]
        assert teller.last == CROWDED + 28


def test_a_command_makes_room_itself_where_nobody_tells(server: Server) -> None:
    told: list[Told] = []
    with Connection("127.0.0.1", Session(TOKEN), port=server.port, tell=told.append) as connection:
        teller = crowd(connection, busy=False)
        assert connection.call("get_echo", [1], timeout=100, retry_count=0) == [1]
        assert teller.idle
    assert [each.instant for each in told[: CROWDED + 20]] == [float(n) for n in range(CROWDED + 20)]
    assert len(told) == CROWDED + 24


def test_an_observer_that_sends_does_not_wait_for_itself(server: Server) -> None:
    answers: list[Any] = []
    with Connection("127.0.0.1", Session(TOKEN), port=server.port, tell=lambda told: None) as connection:
        crowd(connection, busy=True).busy = threading.get_ident()
        answers.append(connection.call("get_echo", [1], timeout=100, retry_count=0))
    assert answers == [[1]]


def test_a_thread_that_is_interrupted_while_it_waits_leaves_nothing_behind(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(Waiter):
        def acquire(self, timeout: float) -> None:
            raise KeyboardInterrupt

    with Connection("127.0.0.1", Session(TOKEN), port=server.port, tell=lambda told: None) as connection:
        teller = crowd(connection, busy=True)
        with monkeypatch.context() as patch:
            patch.setattr(teller, "stand_by", lambda: Interrupted([]))
            with pytest.raises(KeyboardInterrupt):
                connection.call("get_echo", ["lost"], timeout=100, retry_count=0)
        assert not connection.session.busy
        teller.leave()
        assert connection.call("get_echo", ["next"], timeout=100, retry_count=0) == ["next"]
        assert teller.idle


def test_many_threads_leave_nothing_untold(server: Server) -> None:
    told: list[Told] = []
    threads, turns = 8, 30
    with Connection("127.0.0.1", Session(TOKEN), port=server.port, tell=told.append) as connection:

        def work(number: int) -> None:
            for turn in range(turns):
                connection.call("get_echo", [number, turn], timeout=100, retry_count=0)

        workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        assert connection._teller is not None
        assert connection._teller.idle
    assert [each.direction for each in told if each.plain].count("down") == threads * turns
    assert [each.direction for each in told if each.plain].count("up") == threads * turns
    assert [each.instant for each in told] == sorted(each.instant for each in told)
