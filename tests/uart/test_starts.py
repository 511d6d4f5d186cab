"""When an MCU has started, and owes no answer to what came before; and what it says at other times, too."""

from __future__ import annotations

import pytest
from support.talk import talk

from miio_lan.record import Record
from miio_lan.uart.conversation import Conversation, converse
from miio_lan.uart.ledger import REMEMBERED
from miio_lan.uart.starts import IDENTITY_TIME
from miio_lan.uart.turns import Turn

GIVEN_UP = "9 > get_down\n< down get_properties 2 1\n13.1 > get_down\n< down none\n"
IDLE = "> get_down\n< down none\n"
ASKED = "> get_down\n< down get_properties 2 1\n> result 2 1 0 true\n< ok\n"


def listen(script: str) -> Conversation:
    return converse(talk(script), side="mcu")


def last_answer(said: str) -> Turn:
    """The answer to a line that asks for the same as one that was given up before something was said."""
    answer = listen(GIVEN_UP + said + ASKED).downlinks[-1].answer
    assert answer is not None
    return answer


@pytest.mark.parametrize(
    "said",
    [
        "> model a.b.c\n< ok\n",
        "> mcu_version 0001\n< ok\n",
        # Its module starts at the same time, and is not ready yet.
        "> model a.b.c\n< error\n> model a.b.c\n< ok\n",
        "14 > model a.b.c\n14.2 > model a.b.c\n14.4 > model a.b.c\n< ok\n",
        # It has started a second time.
        "> model a.b.c\n< ok\n" + IDLE + "> model a.b.c\n< ok\n",
        # It tells something else than what was refused.
        "> model a.b.c\n< error\n" + IDLE + "> model x.y.z\n< ok\n",
    ],
)
def test_an_mcu_that_starts_owes_no_answer(said: str) -> None:
    assert last_answer(said).sure


@pytest.mark.parametrize(
    "said",
    [
        "",
        "> model\n< a.b.c\n",
        "> ble_config set 156 0001\n< error\n",
        "> ble_config set 156 0001\n< ok\n",
        "> mcu_version 0001\n< error\n",
        # The word of the module was not heard.
        "> mcu_version 0001\n" + IDLE,
        # It repeats in the middle of its work what was refused.
        "> mcu_version 0001\n< error\n" + IDLE + "> mcu_version 0001\n< ok\n",
        "> mcu_version 0001\n< error\n" + IDLE + "> mcu_version 0001\n< error\n> mcu_version 0001\n< ok\n",
        # It was asked for one, and tells both.
        "> get_down\n< down MIIO_mcu_version_req\n> model a.b.c\n< ok\n> mcu_version 0001\n< ok\n",
        # It may have been asked by a line that was not seen.
        "> get_down\n> mcu_version 0001\n< ok\n",
        "14 > get_down\n14.5 > net\n< cloud\n> mcu_version 0001\n< ok\n",
    ],
)
def test_what_an_mcu_says_in_the_middle_of_its_work_is_no_start(said: str) -> None:
    assert not last_answer(said).sure


@pytest.mark.parametrize(("pause", "sure"), [(IDENTITY_TIME - 0.1, False), (IDENTITY_TIME + 0.1, True)])
def test_a_request_that_may_have_been_handed_out_is_answered_within_its_time(
    pause: float, sure: bool
) -> None:
    unseen = "14 > get_down\n14.5 > net\n< cloud\n"
    assert last_answer(f"{unseen}{14 + pause} > mcu_version 0001\n< ok\n").sure is sure


def test_an_mcu_that_answers_what_is_older_has_not_started() -> None:
    script = GIVEN_UP + "> mcu_version 0001\n< ok\n> result 2 1 0 true\n< error\n"
    line = listen(script)
    (answer,) = line.of("result")
    assert (answer.answers, answer.late, answer.sure) == (line.downlinks[0], True, True)
    # Two were forgiven, and may both be meant by it; then one of them still waits for its answer.
    again = script.replace("13.1 >", "19 >").replace("9 >", "14 >", 1)
    two = listen(GIVEN_UP + again + ASKED)
    first, second, third = two.downlinks
    assert second.answer is not None
    assert third.answer is not None
    assert (first.doubtful, second.answer.sure, third.answer.sure) == (True, False, False)


def test_a_start_ends_what_may_be_from_before_the_watching_when_it_is_taken() -> None:
    said = "1 > mcu_version 0001\n< {}\n> get_down\n< down get_properties 2 1\n> result 2 1 0 true\n< ok\n"
    blind = [listen(said.format(word)).of("result")[0].blind for word in ("ok", "error")]
    assert blind == [False, True]


def test_a_start_leaves_nothing_open_but_what_it_may_be_wrong_about() -> None:
    """A recording may be cut where nothing is due any more: not while an answer would show that it was no start."""
    said = GIVEN_UP + "> mcu_version 0001\n< ok\n" + IDLE * 3
    assert [each.instant < 110 for each in listen(said + "74 " + IDLE).quiet] == [True, False]


def test_what_is_remembered_of_starts_is_bounded() -> None:
    conversation = Conversation(live=True)
    now = 1000.0
    for number in range(100):
        for direction, text in (
            ("up", "get_down"),
            ("down", f"down get_properties 2 {number}"),
            ("up", "mcu_version 0001"),
            ("down", "ok"),
        ):
            now += 0.3
            conversation.feed(Record("uart", direction, now, 0.0, text.encode() + b"\r"))
    ledger = conversation._ledger
    assert len(ledger._forgiven) == REMEMBERED
    assert len(ledger._unanswered) <= 1


def test_what_an_mcu_is_forgiven_may_still_be_answered() -> None:
    heard = listen(GIVEN_UP + "> mcu_version 0001\n< ok\n" + ASKED)
    owed, current = heard.downlinks
    ledger = heard._ledger
    assert list(ledger._forgiven) == [owed]
    assert ledger.keeps(owed)
    assert ledger.keeps(current)
