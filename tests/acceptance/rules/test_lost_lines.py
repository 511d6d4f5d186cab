"""Lines that were missed: what answers them is held against nobody, and against no other line."""

from __future__ import annotations

import pytest
from support.talk import talk

from miio_lan.acceptance.judging import judgement_of
from miio_lan.acceptance.verdict import Outcome, Verdict
from miio_lan.device.description.spec import Spec
from miio_lan.record import Record

LAMP = Spec.shipped("lamp")
ALIVE = "0 > get_down\n< down none\n"


def judged(script: str) -> dict[str, Verdict]:
    return {each.rule.name: each for each in judgement_of(talk(ALIVE + script), spec=LAMP).verdicts}


@pytest.mark.parametrize(
    ("rule", "first", "following"),
    [
        ("set-result", "set_properties 2 2 40", "result 2 2 0 40"),  # the next one was a get
        ("get-result", "get_properties 2 2", "result 2 2 0"),  # a set
        ("readable-properties", "get_properties 2 2", "result 2 2 -4005"),  # a set of what is forbidden
        ("value-range", "get_properties 2 2", "result 2 2 0 500"),
        ("actions-run", "action 2 1", 'error "method not found" -5000'),  # what nobody knows
        ("unknown-downlink", "unknown_command", "result 2 1 0 true"),
        ("malformed-downlink", "get_properties 2", "result 2 2 0 40"),
    ],
)
def test_the_answer_to_what_was_missed_is_held_against_nobody(rule: str, first: str, following: str) -> None:
    before = "9 > get_down\n< down get_properties 2 2\n> result 2 2 0 40\n< ok\n"
    lost = f"10 > get_down\n< down {first}\n10.1 < ok\n10.2 > get_down\n10.3 > {following}\n< ok\n"
    after = "10.5 > get_down\n< down none\n20 > get_down\n< down none"
    verdicts = judged(f"{before}{lost}{after}")
    assert not [name for name, each in verdicts.items() if each.outcome is Outcome.FAIL]
    # The same line after a hand-out at which nothing was missed breaks the rule.
    whole = f"10 > get_down\n< down {first}\n10.1 > {following}\n< ok\n"
    assert judged(f"{before}{whole}{after}")[rule].outcome is Outcome.FAIL


def test_an_answer_that_names_something_else_is_to_the_line_that_was_missed() -> None:
    """The poll between the two was missed as well."""
    script = "10 > get_down\n< down get_properties 2 2\n10.1 < ok\n10.3 > result 2 1 0 true\n< ok\n"
    verdicts = judged(f"{script}10.5 > get_down\n< down none\n20 > get_down\n< down none")
    assert verdicts["get-result"].outcome is Outcome.NOT_OBSERVED


@pytest.mark.parametrize(
    ("told", "expected"), [("", Outcome.NOT_OBSERVED), ("< error", Outcome.FAIL)], ids=["missed", "put off"]
)
def test_what_a_poll_brought_may_be_what_a_slow_mcu_answers(told: str, expected: Outcome) -> None:
    """It asks again while it works; once, the module's word to that was missed: it may have been an action."""
    script = f"10 > get_down\n< down get_properties 2 1\n11 > get_down\n< error\n13.8 > get_down\n{told}\n"
    verdicts = judged(
        f"{script}13.9 > result 2 1 0\n< ok\n14 > get_down\n< down none\n20 > get_down\n< down none"
    )
    assert verdicts["get-result"].outcome is expected


def quick(*asked: tuple[str, str]) -> list[Record]:
    """Play an MCU that asks again as soon as it has answered, and a caller who does the same: a millisecond a line."""
    script = f"0 > get_down\n0.001 < down none\n{GET_BEFORE}"
    for place, (down, answer) in enumerate(asked):
        lines = ("> get_down", f"< down {down}", f"> {answer}", "< ok", "> properties_changed 2 2 40", "< ok")
        now = 10 + 0.006 * place
        script += "".join(f"{now + number / 1000:.3f} {text}\n" for number, text in enumerate(lines))
    return talk(f"{script}10.2 > get_down\n< down none\n20 > get_down\n< down none")


GET_BEFORE = "9 > get_down\n< down get_properties 2 2\n> result 2 2 0 40\n< ok\n"


def test_each_line_of_a_quick_conversation_may_be_missed() -> None:
    """All of it is said within the time by which stamps may be late."""
    records = quick(
        ("set_properties 2 2 40", "result 2 2 0"),
        ("get_properties 2 2", "result 2 2 0 40"),
        ("get_properties 2 1 2 2", "result 2 1 0 true 2 2 0 40"),
        ("set_properties 2 2 40", "result 2 2 0"),
        ("set_properties 2 2 40 2 1 true", "result 2 2 0 2 1 0"),
    )
    for missed in records:
        seen = [record for record in records if record is not missed]
        verdicts = judgement_of(seen, spec=LAMP).verdicts
        failed = {each.rule.name: each.text for each in verdicts if each.outcome is Outcome.FAIL}
        assert (missed.raw, failed) == (missed.raw, {})
