"""An MCU that leaves something unanswered: what it says later to something else excuses one downlink at most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.talk import talk

from miio_lan.acceptance.rules.all import judge
from miio_lan.acceptance.rules.line.unanswered import _excuse
from miio_lan.acceptance.verdict import Outcome, Verdict

ALIVE = "> get_down\n< down none\n"
GET = "get_properties 2 2"
UNKNOWN = ("unknown_command 1", 'error "no" -5000')
#: From an answer to the next downlink, and from a downlink without an answer to the next one, in seconds.
PAUSE, GIVEN_UP = 2.0, 6.0


def played(*asked: tuple[str, str | None], more: str = "") -> dict[str, Verdict]:
    """Judge a session in which downlinks were answered, or not.

    :param asked: what was handed out, with its answer; None for none
    """
    now, script = 0.0, ALIVE
    for text, answer in asked:
        script += f"{now + 0.2} > get_down\n< down {text}\n"
        script += f"{now + 4.4} > get_down\n< down none\n" if answer is None else f"> {answer}\n< ok\n"
        now += GIVEN_UP if answer is None else PAUSE
        script += f"{now} > get_down\n< down none\n"
    verdicts = judge(talk(f"{script}{more}{now + 9} > get_down\n< down none"))
    return {each.rule.name: each for each in verdicts}


def unanswered(*asked: tuple[str, str | None], rule: str = "downlink-answered", more: str = "") -> list[str]:
    """Give the downlinks of which it is told that they were never answered."""
    verdict = played(*asked, more=more)[rule]
    blamed = [each.record.raw.decode() for each in verdict.evidence if each.record and "never" in each.text]
    assert (verdict.outcome is Outcome.FAIL) == bool(blamed)
    return [line.strip().removeprefix("down ") for line in blamed]


def test_reads_in_between_do_not_excuse_an_mcu_that_ignores_every_set() -> None:
    sets = [f"set_properties 2 2 {value}" for value in (10, 20, 30)]
    asked = [each for text in sets for each in ((text, None), (GET, "result 2 2 0 60"))]
    assert unanswered(*asked) == sets


def test_an_action_excuses_no_set_of_the_same_ids() -> None:
    assert unanswered(("set_properties 2 1 true", None), ("action 2 1", "result 2 1 0 3 5")) == [
        "set_properties 2 1 true"
    ]


def test_what_answers_another_one_well_leaves_one_of_the_two_unanswered() -> None:
    """It would be a good answer to the read as well; then the set has none."""
    assert unanswered((GET, None), ("set_properties 2 2 500", "result 2 2 -4005")) == [GET]


@pytest.mark.parametrize(("silent", "blamed"), [(1, []), (2, [1]), (3, [1, 2])])
def test_an_error_to_what_nobody_knows_excuses_one(silent: int, blamed: Sequence[int]) -> None:
    actions = [(f"action 2 {number}", None) for number in range(1, silent + 1)]
    assert unanswered(*actions, UNKNOWN) == [f"action 2 {number}" for number in blamed]


def test_two_errors_excuse_two() -> None:
    actions = [(f"action 2 {number}", None) for number in (1, 2, 3)]
    assert unanswered(*actions, UNKNOWN, UNKNOWN) == ["action 2 1"]


def test_an_error_excuses_nothing_of_a_minute_before() -> None:
    late = '70 > get_down\n< down unknown_command 1\n> error "no" -5000\n< ok\n'
    assert unanswered(("action 2 1", None), more=late) == ["action 2 1"]


def test_each_error_excuses_what_it_may_have_been_to() -> None:
    """The second action came when the error was said already."""
    assert unanswered(("action 2 1", None), UNKNOWN, ("action 2 2", None)) == ["action 2 2"]


def test_an_unknown_method_without_an_answer_is_told_by_its_own_rule() -> None:
    asked = (("unknown_command 1", None), ("unknown_command 2", None), (GET, 'error "no" -5000'))
    assert unanswered(*asked, rule="unknown-downlink") == ["unknown_command 1"]


def test_an_answer_that_the_module_refused_excuses() -> None:
    stray = f"{PAUSE + GIVEN_UP} > result 2 2 0 60\n< error\n"
    assert unanswered(("set_properties 2 2 10", None), (GET, "result 2 2 0 60"), more=stray) == []


def test_where_something_was_not_seen_nobody_knows() -> None:
    """The module said ``ok`` to a line that is missing: it may have been the answer to the read."""
    lost = f"{GIVEN_UP + 0.5} < ok\n"
    script = (
        f"{ALIVE}0.2 > get_down\n< down {GET}\n4.4 > get_down\n< down none\n{lost}"
        f"{GIVEN_UP + 1} > get_down\n< down set_properties 2 2 500\n> result 2 2 -4005\n< ok\n"
        f"20 > get_down\n< down none"
    )
    verdicts = {each.rule.name: each for each in judge(talk(script))}
    assert verdicts["downlink-answered"].outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("unknown-downlink", "unknown_command 1"),
        ("malformed-downlink", "get_properties 2 9 2"),
        ("update-answer", "update_fw"),
    ],
)
@pytest.mark.parametrize("driven", [False, True])
def test_what_is_late_for_one_is_no_wrong_answer_to_the_next(rule: str, text: str, driven: bool) -> None:
    """The MCU is 6.5 s late with everything, and goes on asking for work."""
    script = (
        f"{ALIVE}0.2 > get_down\n< down action 2 9\n4.4 > get_down\n< down none\n"
        f"6 > get_down\n< down {text}\n6.7 > result 2 9 0\n< ok\n"
        f'12.5 > error "no" -5000\n< error\n20 > get_down\n< down none'
    )
    verdicts = {each.rule.name: each for each in judge(talk(script), driven=driven)}
    assert verdicts[rule].outcome is Outcome.NOT_OBSERVED
    assert "the late answer to another downlink" in verdicts[rule].text


def test_an_mcu_that_is_not_known_to_be_late_answers_the_unknown_method_wrongly() -> None:
    asked = (("action 2 1", None), ("unknown_command 1", "result 0"))
    assert played(*asked)["unknown-downlink"].outcome is Outcome.FAIL


def late_and_taken(more: str = "") -> Verdict:
    """Judge an MCU whose late answer the module took, as newer ones do, for the one to what it had gone on to."""
    script = (
        f"{ALIVE}0.2 > get_down\n< down set_properties 2 2 10\n{more}4.4 > get_down\n< down none\n"
        f"6 > get_down\n< down get_properties 2 1\n6.7 > result 2 2 0\n< ok\n20 > get_down\n< down none"
    )
    return {each.rule.name: each for each in judge(talk(script))}["answer-time"]


def test_whatever_it_was_later_an_answer_that_was_not_said_in_time_is_late() -> None:
    verdict = late_and_taken()
    assert (verdict.outcome, verdict.text) == (Outcome.FAIL, "set_properties had no answer for 4 s")


@pytest.mark.parametrize("more", ["2 < ok\n", "2 -- \n", '2 > error "no" -5000\n< error\n'])
def test_an_answer_that_may_have_been_said_in_time_is_not_late(more: str) -> None:
    assert late_and_taken(more).outcome is not Outcome.FAIL


@pytest.mark.parametrize(
    ("rule", "asked"),
    [
        ("action-result", ("action 2 1", "result 0")),
        ("get-result", (GET, 'result 2 2 "0" 60')),
    ],
)
def test_a_later_error_does_not_excuse_a_wrong_answer_with_which_the_module_went_on(
    rule: str, asked: tuple[str, str]
) -> None:
    for later in ((), (UNKNOWN,)):
        script, now = ALIVE, 10.0
        for (text, answer), word in ((asked, "error"), *((each, "ok") for each in later)):
            script += f"{now} > get_down\n< down {text}\n> {answer}\n< {word}\n{now + 0.2} > get_down\n< down none\n"
            now += PAUSE
        verdicts = {
            each.rule.name: each for each in judge(talk(f"{script}{now + 9} > get_down\n< down none"))
        }
        assert verdicts[rule].outcome is Outcome.FAIL, later


def test_a_later_error_excuses_a_wrong_answer_with_which_the_module_did_not_go_on() -> None:
    """It may have been the late one to what was not seen, and the error that to the action."""
    script = (
        f"{ALIVE}10 > get_down\n< down action 2 1\n> result 0\n< error\n14.2 > get_down\n< down none\n"
        '16 > get_down\n< down unknown_command 1\n> error "no" -5000\n< ok\n30 > get_down\n< down none'
    )
    verdicts = {each.rule.name: each for each in judge(talk(script))}
    assert verdicts["action-result"].outcome is Outcome.NOT_OBSERVED


def most_excused(excuses: Mapping[int, Sequence[int]]) -> int:
    """How many downlinks can have a line of their own, by trying all ways."""
    if not excuses:
        return 0
    (_, lines), *others = excuses.items()
    rest = dict(others)
    return max(
        most_excused(rest),
        *(
            1 + most_excused({each: [x for x in its if x != line] for each, its in rest.items()})
            for line in lines
        ),
        0,
    )


@given(st.dictionaries(st.integers(0, 5), st.lists(st.integers(0, 4), max_size=4, unique=True), max_size=5))
def test_as_many_as_possible_are_excused_each_by_a_line_of_its_own(excuses: dict[int, list[int]]) -> None:
    excused: dict[int, int] = {}
    for place, downlink in enumerate(excuses, 1):
        _excuse(downlink, excuses, excused)
        assert len(set(excused.values())) == len(excused)
        assert all(line in excuses[each] for each, line in excused.items())
        assert len(excused) == most_excused(dict(list(excuses.items())[:place]))
