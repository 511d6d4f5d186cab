from __future__ import annotations

import errno
import logging
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from queue import SimpleQueue
from types import SimpleNamespace

import pytest

import miio_lan.loop as loop_module
from miio_lan.errors import PortError
from miio_lan.loop import MOST_AT_ONCE, READ, WRITE, Loop

PATIENCE = 100.0  # only ever waited for in full when a test fails


class Alarm:
    """Ticks once, at its deadline."""

    def __init__(self, deadline: float | None) -> None:
        self.deadline = deadline
        self.ticks: SimpleQueue[float] = SimpleQueue()

    def tick(self, now: float) -> None:
        self.deadline = None
        self.ticks.put(now)


@pytest.fixture
def loop() -> Iterator[Loop]:
    loop = Loop("loop under test")
    yield loop
    loop.close()


def test_a_call_runs_in_the_thread_and_brings_its_result(loop: Loop) -> None:
    loop.start()
    assert loop.call(lambda: threading.current_thread().name) == "loop under test"
    assert loop.call(lambda: loop.inside)
    assert not loop.inside


def test_a_call_within_a_call_does_not_wait_for_itself(loop: Loop) -> None:
    loop.start()
    assert loop.call(lambda: loop.call(lambda: 5)) == 5


def test_what_a_call_raises_is_raised_at_the_caller_and_is_no_failure(loop: Loop) -> None:
    loop.start()
    with pytest.raises(ZeroDivisionError):
        loop.call(lambda: 1 // 0)
    assert loop.take_failure() is None
    assert loop.call(lambda: 5) == 5


def test_before_the_start_and_after_the_end_a_call_runs_where_it_is(loop: Loop) -> None:
    assert loop.call(threading.current_thread) is threading.main_thread()
    loop.start()
    loop.close()
    assert loop.call(threading.current_thread) is threading.main_thread()


def test_jobs_run_in_their_order_and_a_broken_one_stops_nothing(
    loop: Loop, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[int] = []
    loop.start()
    for number in range(100):
        assert loop.post(lambda n=number: done.append(n) if n != 50 else 1 // 0)
    loop.call(lambda: None)
    assert done == [n for n in range(100) if n != 50]
    assert [(r.levelno, r.exc_info is not None) for r in caplog.records] == [(logging.ERROR, True)]


def test_the_first_failure_is_kept_until_it_is_taken(loop: Loop) -> None:
    loop.start()
    loop.post(lambda: 1 // 0)
    loop.post(lambda: [][0])
    loop.call(lambda: None)
    failure = loop.take_failure()
    assert isinstance(failure, ZeroDivisionError)
    assert "loop under test" in failure.__notes__[0]
    assert loop.take_failure() is None


def test_jobs_posted_before_the_end_are_run_and_later_ones_refused(loop: Loop) -> None:
    done: list[str] = []
    loop.post(lambda: done.append("early"))
    loop.post(lambda: 1 // 0)
    loop.close()
    assert done == ["early"]
    assert loop.post(lambda: done.append("late")) is False
    assert done == ["early"]


def test_a_job_posted_by_the_last_job_is_run_too(loop: Loop) -> None:
    done = threading.Event()
    loop.start()
    loop.post(lambda: (loop.close(), loop.post(done.set)))
    assert done.wait(PATIENCE)
    loop.close()


def test_a_loop_starts_once(loop: Loop) -> None:
    loop.start()
    with pytest.raises(PortError, match="before"):
        loop.start()
    loop.close()
    loop.close()
    with pytest.raises(PortError, match="before"):
        loop.start()


@pytest.mark.parametrize(
    ("module", "name", "error", "words"),
    [
        (socket, "socketpair", OSError(errno.EMFILE, "Too many open files"), "Too many open files"),
        (
            selectors,
            "DefaultSelector",
            OSError(errno.ENOMEM, "Cannot allocate memory"),
            "Cannot allocate memory",
        ),
        (threading.Thread, "start", RuntimeError("can't start new thread"), "can't start new thread"),
    ],
    ids=["files", "selectors", "threads"],
)
def test_what_the_system_refuses_is_told_in_words_and_leaves_nothing_open(
    monkeypatch: pytest.MonkeyPatch, module: object, name: str, error: Exception, words: str
) -> None:
    loop, pairs = Loop("loop under test"), []
    make_pair = socket.socketpair

    def remembered() -> tuple[socket.socket, socket.socket]:
        pairs.append(make_pair())
        return pairs[-1]

    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(socket, "socketpair", remembered)
    monkeypatch.setattr(module, name, refuse)
    with pytest.raises(PortError) as caught:
        loop.start()
    assert str(caught.value) == f"loop under test cannot begin: {words}"
    assert [end.fileno() for pair in pairs for end in pair] == [-1, -1] * len(pairs)
    assert len(pairs) == (name != "socketpair")
    with pytest.raises(PortError, match="was started before"):
        loop.start()
    loop.close()
    assert loop.call(lambda: 5) == 5


def test_what_was_never_watched_is_unwatched_without_a_selector(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = Loop("loop under test")
    monkeypatch.setattr(selectors, "DefaultSelector", lambda: pytest.fail("nothing is to be opened"))
    loop.unwatch(0)
    loop.close()
    loop.unwatch(0)


def test_deadlines_are_kept_and_can_be_withdrawn(loop: Loop) -> None:
    due, never, withdrawn = Alarm(0.0), Alarm(None), Alarm(0.0)
    for alarm in (due, never, withdrawn):
        loop.add_timed(alarm)
    loop.remove_timed(withdrawn)
    loop.start()
    due.ticks.get(timeout=PATIENCE)
    loop.call(lambda: None)
    assert never.ticks.empty()
    assert withdrawn.ticks.empty()


def test_the_loop_wakes_by_itself_for_a_deadline_to_come(loop: Loop) -> None:
    loop.start()

    def in_a_moment() -> Alarm:
        import time

        alarm = Alarm(time.monotonic() + 0.01)
        loop.add_timed(alarm)
        return alarm

    alarm = loop.call(in_a_moment)
    set_for = alarm.deadline
    rang = alarm.ticks.get(timeout=PATIENCE)
    assert set_for is None or rang >= set_for


def test_a_machine_that_cannot_tell_its_deadline_ends_the_loop_and_is_known(loop: Loop) -> None:
    class Broken:
        @property
        def deadline(self) -> float:
            raise ZeroDivisionError

        def tick(self, now: float) -> None: ...

    loop.add_timed(Broken())
    loop.start()
    loop.close()
    assert isinstance(loop.take_failure(), ZeroDivisionError)
    assert loop.post(lambda: None) is False


def test_files_are_watched_for_what_was_asked(loop: Loop) -> None:
    here, there = socket.socketpair()
    with here, there:
        seen: SimpleQueue[int] = SimpleQueue()

        def on_event(events: int) -> None:
            seen.put(events)
            if events & READ:
                here.recv(10)
            loop.change(here, READ)

        loop.watch(here, on_event)
        loop.start()
        there.send(b"x")
        assert seen.get(timeout=PATIENCE) == READ
        loop.call(lambda: loop.change(here, READ | WRITE))
        assert seen.get(timeout=PATIENCE) == WRITE
        loop.call(lambda: loop.unwatch(here))
        loop.call(lambda: loop.unwatch(here))
        there.send(b"x")
        loop.call(lambda: None)
        assert seen.empty()


def test_a_file_taken_away_by_an_earlier_callback_is_not_served(loop: Loop) -> None:
    pairs = [socket.socketpair() for _ in range(2)]
    served: list[int] = []

    def serve(index: int) -> None:
        served.append(index)
        for here, _ in pairs:
            loop.unwatch(here)

    for index, (here, there) in enumerate(pairs):
        there.send(b"x")
        loop.watch(here, lambda _, i=index: serve(i))
    loop.start()
    loop.call(lambda: None)
    loop.close()
    assert len(served) == 1
    for here, there in pairs:
        here.close()
        there.close()


@pytest.mark.parametrize("ahead", [float("inf"), float("nan"), 1e300, 25 * 86400.0])
def test_a_deadline_however_far_ends_no_loop_and_is_no_reason_to_be_busy(loop: Loop, ahead: float) -> None:
    far, near = Alarm(time.monotonic() + ahead), Alarm(time.monotonic())
    loop.add_timed(far)
    loop.start()
    loop.call(lambda: loop.add_timed(near))
    near.ticks.get(timeout=PATIENCE)
    assert loop.call(lambda: 5) == 5
    assert loop.take_failure() is None
    assert far.ticks.empty()
    assert loop_module._sleep(ahead) == 3600.0


def test_it_sleeps_until_a_deadline_and_not_below_zero() -> None:
    assert [loop_module._sleep(each) for each in (-1.0, 0.0, 0.5, 3599.0)] == [0.0, 0.0, 0.5, 3599.0]
    assert loop_module._sleep(-float("inf")) == 0.0


class Scripted:
    """A selector that finds what it is told, and keeps in mind how long it was to wait."""

    def __init__(self, *found: str) -> None:
        self.waits: list[float | None] = []
        self._found = list(found)

    def select(self, timeout: float | None) -> list[str]:
        self.waits.append(timeout)
        found = self._found.pop(0)
        return [found] if found else []


def look(loop: Loop, monkeypatch: pytest.MonkeyPatch, now: float, *found: str) -> list[float | None]:
    """Let an exact loop look once; give how long it was willing to wait."""
    selector = Scripted(*found)
    monkeypatch.setattr(loop, "_waiting", selector)
    monkeypatch.setattr(loop_module, "time", SimpleNamespace(monotonic=lambda: now))
    loop._look(7.0)
    return selector.waits


def test_an_exact_loop_knows_since_when_it_finds_something_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = Loop("never started")
    loop.exact = True
    assert look(loop, monkeypatch, 10.0, "", "a") == [0.0, 7.0]
    assert (loop.turn, loop.since) == (1, 10.0)
    assert look(loop, monkeypatch, 10.3, "b") == [0.0]
    assert (loop.turn, loop.since) == (2, 10.0)
    look(loop, monkeypatch, 10.0 + MOST_AT_ONCE, "a")
    assert (loop.since, MOST_AT_ONCE) == (10.0, 0.5)
    look(loop, monkeypatch, 10.6, "a")
    assert loop.since == 10.6  # it is busy with what it finds
    look(loop, monkeypatch, 10.7, "", "")
    assert loop.since == 10.7


def test_an_exact_loop_that_is_not_to_wait_looks_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = Loop("never started")
    loop.exact = True
    selector = Scripted("")
    monkeypatch.setattr(loop, "_waiting", selector)
    before = loop.since
    loop._look(0.0)
    assert selector.waits == [0.0]
    assert loop.since > before


def test_an_exact_loop_serves_like_any_other(loop: Loop) -> None:
    loop.exact = True
    begun = time.monotonic()
    loop.start()
    near, far = socket.socketpair()
    read: SimpleQueue[bytes] = SimpleQueue()
    with near, far:
        loop.call(lambda: loop.watch(near, lambda events: read.put(near.recv(9))))
        far.send(b"one")
        assert read.get(timeout=PATIENCE) == b"one"
        alarm = Alarm(time.monotonic())
        loop.call(lambda: loop.add_timed(alarm))
        alarm.ticks.get(timeout=PATIENCE)
        assert begun <= loop.call(lambda: loop.since) <= time.monotonic()
        assert loop.call(lambda: loop.turn) > 0
        loop.call(lambda: loop.unwatch(near))
