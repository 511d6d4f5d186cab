"""When each of many devices is asked again."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from miio_lan.device.steps.rounds import Rounds


def rounds(names: str = "ab", every: float = 30.0) -> Rounds:
    return Rounds(names, every, 1000.0, random.Random(1))


def test_all_are_asked_at_once_and_then_at_a_steady_pace() -> None:
    plan = rounds()
    assert plan.deadline == 1000
    assert plan.ready(1000) == ["a", "b"]
    assert plan.deadline is None
    plan.ended("b", 1000.5, silent=False)
    plan.ended("a", 1003, silent=False)
    assert plan.deadline == 1030
    assert plan.ready(1029.9) == []
    assert plan.ready(1030) == ["a", "b"]


def test_what_was_missed_is_not_made_up_for() -> None:
    plan = rounds("a")
    plan.ready(1000)
    plan.ended("a", 1095, silent=False)
    assert plan.ready(1095) == ["a"]
    plan.ended("a", 1096, silent=False)
    assert plan.deadline == 1125


def test_a_silent_device_is_asked_ever_more_rarely_up_to_ten_minutes() -> None:
    plan, now, pauses = rounds("a"), 1000.0, []
    for _ in range(12):
        assert plan.ready(now) == ["a"]
        plan.ended("a", now, silent=True)
        assert plan.deadline is not None
        pauses.append(plan.deadline - now)
        now = plan.deadline
    for pause, about in zip(pauses, [60, 120, 240, 480, *[600] * 8], strict=True):
        assert 0.8 * about <= pause <= 1.2 * about
    assert len({round(pause, 3) for pause in pauses[4:]}) == 8  # they differ


def test_a_pace_longer_than_ten_minutes_is_kept() -> None:
    plan = rounds("a", every=3600)
    plan.ready(1000)
    plan.ended("a", 1000, silent=True)
    assert plan.deadline is not None
    assert 0.8 * 3600 <= plan.deadline - 1000 <= 1.2 * 3600


def test_an_answer_brings_it_back_to_the_pace() -> None:
    plan = rounds("a")
    plan.ready(1000)
    plan.ended("a", 1020, silent=True)
    due = plan.deadline
    assert due is not None
    plan.ready(due)
    plan.ended("a", due + 1, silent=False)
    assert plan.deadline == due + 30
    plan.ready(due + 30)
    plan.ended("a", due + 30, silent=True)
    assert plan.deadline is not None
    assert plan.deadline - (due + 30) <= 1.2 * 60  # from the beginning


@given(st.lists(st.tuples(st.floats(0, 50), st.booleans()), max_size=60))
def test_nobody_is_asked_twice_at_one_time_nor_forgotten(steps: list[tuple[float, bool]]) -> None:
    plan, now, out = rounds("abc"), 1000.0, list[str]()
    for wait, silent in steps:
        now += wait
        asked = plan.ready(now)
        assert not set(asked) & set(out)
        out += asked
        if out:
            plan.ended(out.pop(0), now, silent=silent)
        assert len(out) == 3 or plan.deadline is not None
