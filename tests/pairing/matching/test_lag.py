"""How far a line was told, and whether another line is possible between one and a reply."""

from __future__ import annotations

import pytest
from support.tape import Tape

from miio_lan.pairing.matching.lag import fetched_last, longest_stall, told_beyond
from miio_lan.pairing.pairing import pair
from miio_lan.uart.conversation import converse

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


def stalled(*, poll: float, silence: float, heard: bool = False) -> Tape:
    """Somebody else's line, our reply, and an alike line that is read when nothing was read for a while."""
    tape = Tape()
    for _ in range(4):
        tape.fetch("none").wait(poll - 0.02)
    tape.ask(1, "get_properties", [{"siid": 2, "piid": 1}])
    tape.fetch("get_properties 2 1").answer("result 2 1 0 true").wait(0.1)
    tape.reply(1, [{"siid": 2, "piid": 1, "code": 0, "value": True}])
    if heard:
        tape.wait(0.1).fetch("none")
    tape.wait(silence).fetch("get_properties 2 1").answer("result 2 1 0 true")
    return tape.wait(poll).fetch("none")


@pytest.mark.parametrize(
    ("poll", "silence", "heard", "doubt"),
    [
        (0.2, 0.3, False, True),  # read up to half a second late, as ever
        (0.2, 0.6, False, True),
        (0.2, 3.0, False, True),
        (0.2, 3.0, True, False),  # the reader was not kept from reading when the reply came
        (1.0, 1.0, False, False),  # this MCU always keeps silent for so long
        (1.0, 2.6, False, True),
    ],
)
def test_after_a_silence_that_is_not_the_mcus_a_line_may_be_of_before_the_reply(
    poll: float, silence: float, heard: bool, doubt: bool
) -> None:
    first, *_ = pair(stalled(poll=poll, silence=silence, heard=heard).records)
    assert first.request is not None
    assert first.ambiguous is doubt


def test_how_late_a_line_may_be_read() -> None:
    line = converse(stalled(poll=0.2, silence=3.0).records)
    replied = line.downlinks[0].instant + 0.13
    assert longest_stall(line, replied) == pytest.approx(3.51)
    assert longest_stall(line, replied + 3.5) == 0.5, "nothing came after it"
