"""How far a line was told, and whether another line is possible between one and a reply."""

from __future__ import annotations

import pytest
from support.tape import Tape

from miio_lan.pairing.lag import fetched_last, told_beyond

LINE = Tape().wait(1.049).up("get_down").wait(0.001).down("down none").records


@pytest.mark.parametrize(
    ("instant", "directions", "told"),
    [
        (0.99, ["up", "down"], True),
        (1.0, ["up", "down"], False),  # of the MCU only 0.049 s more was heard
        (1.0, ["down"], True),
        (1.0, ["up"], False),
        (1.02, ["down"], False),
        (9.0, [], True),
    ],
)
def test_a_line_is_told_beyond_an_instant_in_each_direction_that_is_heard(
    instant: float, directions: list[str], told: bool
) -> None:
    assert told_beyond(instant, LINE, directions) is told
    assert told_beyond(instant, reversed(LINE), directions) is told


@pytest.mark.parametrize(
    ("reply", "polls", "last"),
    [
        (5.0, [1.0, 1.2, 1.4], True),
        (5.14, [1.0, 1.2, 1.4], True),
        (5.16, [1.0, 1.2, 1.4], False),
        (5.0, [1.0, 1.2, 1.24], False),  # it does ask that soon
        (5.0, [1.0], False),  # how often it asks is not known
        (5.0, [], False),
    ],
)
def test_a_line_is_the_last_before_a_reply_where_the_mcu_cannot_have_asked_again(
    reply: float, polls: list[float], last: bool
) -> None:
    assert fetched_last(5.0, reply, polls) is last
