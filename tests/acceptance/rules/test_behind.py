"""An MCU that answers what the checker gave up long ago: nothing is told of the answers that may be those."""

from __future__ import annotations

import pytest
from support.talk import talk

from miio_lan.acceptance.rules.all import judge
from miio_lan.acceptance.verdict import Outcome
from miio_lan.device.description.spec import Spec

LAMP = Spec.shipped("lamp")
FIRST = "> get_down\n< down set_properties 2 2 5\n4.5 > get_down\n< down none\n"
SECOND = "6.5 > get_down\n< down set_properties 2 2 500\n"


def failed(script: str) -> set[str]:
    verdicts = judge(talk(script), spec=LAMP, driven=True)
    return {each.rule.name for each in verdicts if each.outcome is Outcome.FAIL}


def test_the_late_answer_to_one_is_not_judged_as_that_to_another_one() -> None:
    script = f"{FIRST}{SECOND}> result 2 2 0\n< ok\n> result 2 2 -4005\n< error\n> get_down\n< down none"
    assert failed(script) == {"answer-time"}


@pytest.mark.parametrize("code", [0, 1])
def test_one_that_never_answers_the_first_is_judged_by_the_second(code: int) -> None:
    script = f"{FIRST}{SECOND}> result 2 2 {code}\n< ok\n> get_down\n< down none"
    assert failed(script) == {"downlink-answered", "bad-value"}


def test_one_that_names_what_it_answers_is_late_and_nothing_else() -> None:
    script = f"{FIRST}6.5 > get_down\n< down get_properties 2 1\n> result 2 2 0\n< ok\n> result 2 1 0 true\n< error"
    assert failed(script) == {"answer-time"}


def test_an_answer_to_nothing_at_all_is_told_of_an_mcu_that_is_behind() -> None:
    script = f"{FIRST}{SECOND}> result 2 2 0\n< ok\n> result 5 1 0\n< error\n> get_down\n< down none"
    assert "answers-only-downlinks" in failed(script)


def test_a_value_that_was_read_long_ago_is_not_known_any_more() -> None:
    """What a set changes is told by what was known before it: a late answer tells of some time before that."""
    read = "> get_down\n< down get_properties 2 2\n4.5 > get_down\n< down none\n"
    change = "5.0 > get_down\n< down set_properties 2 2 60\n> result 2 2 0\n< ok\n"
    late = "6.0 > result 2 2 0 10\n< error\n"
    again = "6.5 > get_down\n< down set_properties 2 2 60\n> result 2 2 0\n< ok\n9.0 > get_down\n< down none"
    assert "set-reported" not in failed(read + change + late + again)


def test_ids_in_the_wrong_order_are_told_of_the_answers_that_have_them_and_of_nothing_else() -> None:
    """What was asked for in between has the ids of the other way round: it is not blamed for that."""
    script = "".join(
        f"> get_down\n< down get_properties {siid} {piid}\n> result {piid} {siid} 0 {value}\n< ok\n"
        for siid, piid, value in ((2, 3, 250), (3, 2, '"00ff"'), (2, 2, 10))
    )
    assert failed(f"{script}> get_down\n< down none") == {"get-result"}
