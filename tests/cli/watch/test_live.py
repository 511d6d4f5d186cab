from __future__ import annotations

import os
import signal
import threading

from miio_lan.cli.signals import calling
from miio_lan.cli.watch import live
from miio_lan.cli.watch.live import Feed, reader_may_leave, to_all
from miio_lan.record import Record


def uart(raw: bytes, instant: float = 0.0, direction: str = "up", **more) -> Record:
    return Record("uart", direction, instant, instant, raw, **more)


LAN = Record("lan", "down", 0.0, 0.0, b"", {"method": "miIO.info"})


def observed(*records: Record) -> Feed:
    feed = Feed()
    for record in records:
        feed.observe(record)
    return feed


def test_records_come_in_order_of_time() -> None:
    feed = observed(uart(b"b\r", 2.0), uart(b"c\r", 3.0), uart(b"a\r", 1.0))
    assert [each.raw for each in feed.records(count=3)] == [b"a\r", b"b\r", b"c\r"]


LATE = (  # what two receivers stamp: the one at the module is 10 ms later than the other
    uart(b"get_down\r", 100.000),
    uart(b"result 2 1 0\r", 100.005),
    uart(b"down set_properties 2 1 5\r", 100.011, "down"),
    uart(b"ok\r", 100.016, "down"),
)


AS_SAID = [b"get_down\r", b"down set_properties 2 1 5\r", b"result 2 1 0\r", b"ok\r"]


def test_lines_of_two_receivers_come_as_they_were_said() -> None:
    feed = Feed()
    feed.order_lines()
    for record in LATE:
        feed.observe(record)
    assert [each.raw for each in feed.records(count=4)] == AS_SAID


def test_lines_of_one_receiver_come_by_their_time() -> None:
    assert [each.raw for each in observed(*LATE).records(count=4)] == [each.raw for each in LATE]


def test_a_line_that_is_held_back_comes_when_nothing_else_does() -> None:
    feed = Feed()
    feed.order_lines()
    feed.observe(LATE[0])
    feed.observe(LATE[1])
    assert [each.raw for each in feed.records(count=2)] == AS_SAID[:1] + AS_SAID[2:3]


def test_a_line_that_is_held_back_at_the_end_is_given() -> None:
    feed = Feed()
    feed.order_lines()
    far = 1e12  # not yet settled
    late = uart(b"down none\r", far, "down")
    feed.observe(late)
    assert list(feed.records(seconds=0.001)) == [late]


def test_messages_come_at_once_and_do_not_count() -> None:
    feed = observed(uart(b"a\r"))
    feed.say("hello")
    assert list(feed.records(count=1)) == ["hello", uart(b"a\r")]


def test_time_ends_it_and_what_was_observed_is_given() -> None:
    assert list(observed().records(seconds=0.001)) == []
    far = 1e12  # not yet settled
    assert list(observed(uart(b"a\r", far)).records(seconds=0.001)) == [uart(b"a\r", far)]


def test_an_interruption_ends_it() -> None:
    feed = observed(uart(b"a\r"))
    records = feed.records()
    assert next(records) == uart(b"a\r")
    feed.observe(uart(b"b\r", 1e12))
    feed.interrupt()
    assert list(records) == []
    assert list(feed.records()) == []


def test_a_signal_interrupts_it_and_the_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    feed = Feed()
    with calling(feed.interrupt):
        os.kill(os.getpid(), signal.SIGINT)
        assert list(feed.records()) == []
    assert signal.getsignal(signal.SIGINT) is before


def test_too_many_are_counted_and_not_kept(monkeypatch) -> None:
    monkeypatch.setattr(live, "MAX_UNSHOWN", 2)
    feed = observed(uart(b"a\r"), uart(b"b\r"), uart(b"c\r"))
    assert feed.missed == 1
    assert len(list(feed.records(count=2))) == 2


def test_several_observers_are_one() -> None:
    one: list[Record] = []
    other: list[Record] = []
    to_all(one.append, None, other.append)(LAN)
    assert one == other == [LAN]


def test_a_reader_may_leave(monkeypatch) -> None:
    moved = []
    monkeypatch.setattr("os.dup2", lambda old, new: moved.append(new))
    monkeypatch.setattr("sys.stdout", type("Pipe", (), {"fileno": lambda self: 77})())
    with reader_may_leave():
        raise BrokenPipeError
    assert moved == [77]


def test_an_observer_never_waits() -> None:
    feed = Feed()
    thread = threading.Thread(target=lambda: [feed.observe(LAN) for _ in range(100)])
    thread.start()
    thread.join()
    assert len(list(feed.records(count=100))) == 100


class Flood:
    """A queue that is never empty, and a clock that goes on with each look at it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.taken = 0

    def qsize(self) -> int:
        return 5

    def put(self, item: object) -> None: ...

    def get(self, timeout: float | None = None) -> Record:
        self.now += 0.001
        self.taken += 1
        assert self.taken < 10_000, "it does not end"
        return uart(b"get_down\r", self.now)

    def monotonic(self) -> float:
        return self.now


def test_a_flood_of_polls_does_not_outrun_the_seconds(monkeypatch) -> None:
    feed, flood = Feed(), Flood()
    feed._queue = flood  # type: ignore[assignment]
    monkeypatch.setattr(live, "time", flood)
    given = list(feed.records(seconds=1.0))
    assert 1000 <= len(given) == flood.taken <= 1006
