"""Short ways that nearly every command takes: with and without them, the same goes out, at the same time."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.link import Link

from miio_lan.lan.client.call import Call
from miio_lan.lan.client.session import Session

steps = st.lists(
    st.tuples(
        st.sampled_from(["get_prop", "toggle", "set_power", "set_properties", "miIO.info"]),
        # Before the next one; None: until it has ended, below 0: and so much later.
        st.sampled_from([None, None, -1.5, -5.0, 0.0, 0.05, 1.0, 25.0]),
        st.sampled_from([0, 1, 3]),
        st.sampled_from([0.2, 1.0, 5.0]),
    ),
    min_size=1,
    max_size=6,
)


def played(seed: int, words: list[tuple[str, float | None, int, float]], **options: Any) -> tuple[Any, ...]:
    """Play a scene over a bad link, and tell what went out when, and how each command ended."""
    rng = random.Random(seed)

    def fate(_: str) -> list[float]:
        return [rng.choice([0.001, 0.3, 1.2]) for _ in range(rng.choice([0, 1, 1, 1, 1, 2]))]

    link = Link(fate=fate, rng=random.Random(seed), work=rng.choice([0.005, 0.3, 3.0]), **options)
    calls: list[Call] = []
    for method, pause, retry_count, timeout in words:
        calls.append(link.start(method, [{"siid": 2, "piid": 1}], retry_count=retry_count, timeout=timeout))
        if pause is None or pause < 0:
            link.run()
            link.pass_time(-(pause or 0.0))  # nobody looks at a session meanwhile that nobody uses
        elif pause:
            link.pass_time(pause)
            link.session.tick(link.now)
            link._carry_from_session()
    link.run()
    outcomes = [
        (call.result, repr(call.error), call.sends, call.copies_out, call.first_sent) for call in calls
    ]
    return link.sent, outcomes, link.session.dropped


@settings(deadline=None)
@given(
    st.integers(0, 2**32),
    steps,
    st.sampled_from([{}, {"lazy_discover": False}, {"max_in_flight": 2}, {"token": None}]),
)
def test_the_short_way_of_a_command_that_is_alone_is_the_long_one(
    seed: int, words: list[tuple[str, float | None, int, float]], options: dict[str, Any]
) -> None:
    short = played(seed, words, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "_is_plain", lambda self, call, now: False)
        assert played(seed, words, **options) == short


def test_what_was_asked_for_an_earlier_command_is_not_asked_on_beside_a_later_one() -> None:
    """An answer comes while the device is asked what it does with repeated ids: nothing of that is wanted any more."""
    link = Link()
    link.call("get_prop")
    link.work = 3.0
    link.call("toggle")
    assert link.session.memory.due is not None
    link.pass_time(3.0)
    link.work = 0.2
    sent = len(link.sent)
    link.call("toggle")
    assert len(link.sent) == sent + 1
    assert link.session.memory.due is None


def test_most_commands_take_the_short_way() -> None:
    link = Link()
    taken: list[bool] = []
    original = Session._is_plain
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Session,
            "_is_plain",
            lambda self, call, now: taken.append(original(self, call, now)) or taken[-1],
        )
        for _ in range(5):
            link.call("get_prop")
    assert taken == [False, True, True, True, True]
