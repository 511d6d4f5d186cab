from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.uart.listening.backlog import MANY, PAUSE, PORTION, SATURATED_PAUSE, Backlog


def test_a_quiet_line_is_looked_at_at_once() -> None:
    seen: list[int] = []
    backlog = Backlog(seen.append)
    backlog.add(1, 10.0)
    assert seen == [1]
    assert backlog.deadline is None
    backlog.add(2, 10.0 + PAUSE)
    assert seen == [1, 2]


def test_others_of_the_same_moment_come_along() -> None:
    seen: list[int] = []
    backlog = Backlog(seen.append)
    backlog.add(1, 10.0, at_once=False)
    backlog.add(2, 10.001, at_once=False)
    assert (seen, backlog.deadline) == ([], 10.0)
    backlog.tick(10.002)
    assert (seen, backlog.deadline) == ([1, 2], None)
    backlog.add(3, 10.01, at_once=False)
    assert (seen, backlog.deadline) == ([1, 2], 10.002 + PAUSE)


def test_a_busy_line_waits_a_little() -> None:
    seen: list[int] = []
    backlog = Backlog(seen.append)
    for number in range(3):
        backlog.add(number, 10.0 + number * 0.001)
    assert seen == [0]
    assert backlog.deadline == 10.0 + PAUSE
    backlog.tick(10.0 + PAUSE / 2)
    assert seen == [0]
    backlog.tick(10.0 + PAUSE)
    assert seen == [0, 1, 2]
    assert backlog.deadline is None


def test_a_saturated_line_waits_longer_but_not_for_ever() -> None:
    seen: list[int] = []
    backlog = Backlog(seen.append)
    for number in range(MANY + 1):
        backlog.add(number, 10.0)
    backlog.tick(10.0 + PAUSE)
    assert seen == [0]
    assert backlog.deadline == pytest.approx(10.0 + SATURATED_PAUSE)
    later = backlog.deadline
    backlog.tick(later)
    assert seen == list(range(MANY + 1))
    # The next pause is a short one again, where less was said in it.
    backlog.add(MANY + 1, later)
    assert backlog.deadline == later + PAUSE
    backlog.tick(later + PAUSE)
    assert seen[-1] == MANY + 1


def test_one_read_less_does_not_make_a_line_saturated() -> None:
    seen: list[int] = []
    backlog = Backlog(seen.append)
    for number in range(MANY):
        backlog.add(number, 10.0)
    backlog.tick(10.0 + PAUSE)
    assert seen == list(range(MANY))


def test_many_are_looked_at_in_portions() -> None:
    seen: list[int] = []
    backlog = Backlog(seen.append)
    for number in range(PORTION * 2 + 1):
        backlog.add(number, 10.0)
    later = 10.0 + SATURATED_PAUSE
    backlog.tick(later)
    assert len(seen) == 1 + PORTION
    assert backlog.deadline == later  # the rest as soon as others have had their turn
    backlog.tick(later)
    assert len(seen) == 1 + 2 * PORTION
    assert backlog.deadline is None


@pytest.mark.parametrize(("size", "together"), [(4096, 1), (768, 1), (767, 2), (32, 24)])
def test_a_portion_is_counted_in_bytes(size: int, together: int) -> None:
    """A flood has reads of 4096 bytes: as many of them as of a busy line's would take half a second."""
    seen: list[int] = []
    backlog = Backlog(seen.append)
    for number in range(40):
        backlog.add(number, 10.0, size=size)
    backlog.tick(10.0 + SATURATED_PAUSE)
    assert len(seen) == 1 + together


def test_flush_looks_at_everything() -> None:
    seen: list[int] = []
    backlog = Backlog(seen.append)
    for number in range(PORTION * 3):
        backlog.add(number, 10.0)
    backlog.flush()
    assert seen == list(range(PORTION * 3))


@given(st.lists(st.tuples(st.floats(0.0, 0.1), st.booleans())))
def test_all_are_looked_at_once_and_in_order(steps) -> None:
    seen: list[int] = []
    backlog = Backlog(seen.append)
    now = 0.0
    for number, (pause, tick) in enumerate(steps):
        now += pause
        backlog.add(number, now)
        if tick and backlog.deadline is not None:
            backlog.tick(max(now, backlog.deadline))
    backlog.flush()
    assert seen == list(range(len(steps)))


def test_what_is_not_ready_waits_for_the_next_look_and_keeps_its_place() -> None:
    seen: list[str] = []
    ready = {"a", "c"}
    backlog = Backlog(seen.append, ready=lambda item: item in ready)
    for item in "abc":
        backlog.add(item, 10.0, at_once=False)
    backlog.tick(10.0)
    assert (seen, backlog.deadline) == (["a"], 10.0)
    backlog[1] = "d"
    backlog.tick(10.001)
    assert (seen, list(backlog)) == (["a"], ["b", "d"])
    ready.update("bd")
    backlog.tick(10.001)
    assert (seen, backlog.deadline) == (["a", "b", "d"], None)


def test_flush_waits_for_nothing() -> None:
    seen: list[int] = []
    backlog = Backlog(seen.append, ready=lambda item: False)
    backlog.add(1, 10.0)
    assert seen == []
    backlog.flush()
    assert seen == [1]


@pytest.mark.parametrize("left", [1, 700])
def test_what_is_left_of_an_item_counts_as_the_item(left: int) -> None:
    seen: list[int] = []
    backlog = Backlog(seen.append)
    for number in range(4):
        backlog.add(number, 10.0, size=left, at_once=False)
    backlog[0] = 7
    backlog.tick(10.0)
    assert seen == ([7, 1, 2, 3] if left == 1 else [7, 1])
