"""What is wrong with how a line is written is told by one rule, in words that say what to write instead."""

from __future__ import annotations

import pytest
from support.talk import talk, verdict

from miio_lan.acceptance.rules.all import judge
from miio_lan.acceptance.verdict import Outcome
from miio_lan.device.description.spec import Spec

LAMP = Spec.shipped("lamp")
GET = "> get_down\n< down get_properties 2 1 2 11 2 2\n"


def failed(script: str, *, driven: bool = False) -> dict[str, str]:
    return {
        each.rule.name: each.text
        for each in judge(talk("> get_down\n< down none\n" + script), spec=LAMP, driven=driven)
        if each.outcome is Outcome.FAIL
    }


@pytest.mark.parametrize(
    ("word", "rule"),
    [
        ("True", "string-quotes"),
        ("FALSE", "string-quotes"),
        ("nan", "string-quotes"),
        ("0x2d", "string-quotes"),
        ("20,5", "string-quotes"),
    ],
)
def test_a_word_that_is_no_value_is_not_called_a_string(word: str, rule: str) -> None:
    assert failed(f'{GET}> result 2 1 0 {word} 2 11 0 "x" 2 2 0 5\n< ok') == {
        rule: f"{word!r} is neither a number, true, false nor a quoted string"
    }


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('"My "big" lamp"', "goes on after its closing quote"),
        ('"My lamp', "has no closing quote"),
        ('"My "big lamp"', "goes on after its closing quote"),
    ],
)
def test_a_quote_that_does_not_belong_there_breaks_one_rule(text: str, told: str) -> None:
    """Where the string ends is not known: nothing behind it is judged, nor the layout of the line."""
    for script in (
        f"{GET}> result 2 1 0 true 2 11 0 {text} 2 2 0 5\n< ok",
        f"> properties_changed 2 1 true 2 11 {text} 2 2 5\n< ok",
    ):
        found = failed(script)
        assert list(found) == ["value-form"]
        assert told in found["value-form"]


def test_booleans_and_null_are_written_as_on_the_line() -> None:
    assert "is uint8, not null" in failed("> properties_changed 2 2 null\n< ok")["value-types"]
    assert "is uint8, not true" in failed("> properties_changed 2 2 true\n< ok")["value-types"]
    script = (
        "> get_down\n< down set_properties 2 1 false\n> result 2 1 0\n< ok\n> get_down\n"
        "< down get_properties 2 1\n> result 2 1 0 true\n< ok"
    )
    assert "was set to false (code 0) and is true" in failed(script)["set-takes-effect"]


def test_an_event_without_ids_breaks_its_form_alone() -> None:
    assert list(failed("> event_occured 6\n< ok")) == ["event-form"]


def test_an_action_that_is_not_named_is_said_in_words() -> None:
    told = failed('> get_down\n< down action 2 1\n> result "ok"\n< ok', driven=True)
    assert list(told) == ["action-result"]
    assert told["action-result"].startswith("does not name action 2.1; there is no code")


POLLS = "> get_down\n< down none\n"


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        (POLLS + "> \\xe7\\xe5\\xf4\\xdf", Outcome.FAIL),
        ("> \\xe7\\xe5\\xf4\n" + POLLS, Outcome.FAIL),
        ("> \\xff\n" + POLLS, Outcome.WARNING),
        (POLLS + "> \\xff", Outcome.FAIL),
        (POLLS + "> \\n\n> ", Outcome.PASS),
        (POLLS + "> \\xff\\\\", Outcome.PASS),  # not even an end: nothing that anybody wrote
    ],
)
def test_a_line_of_noise_alone_is_a_line(script: str, outcome: Outcome) -> None:
    assert verdict("legal-characters", script).outcome is outcome


def test_a_line_feed_is_told_on_either_side_of_the_end() -> None:
    found = verdict("line-end", "> get_down\\n\n< down none")
    assert (found.outcome, found.text) == (Outcome.WARNING, "LF CR instead of CR alone")


@pytest.mark.parametrize(
    "script",
    [
        "> model MODEL\\n\\\n1.5 > model MODEL\\n\\\n3 > model MODEL\\n\\",
        "> model MODEL\\nmodel MODEL\\nmodel MODEL\\n\\",
        "> model MODEL\\nmodel MODEL\\nmod\\",
    ],
)
def test_lines_that_end_with_lf_alone_break_one_rule(script: str) -> None:
    verdicts = judge(talk(script.replace("MODEL", LAMP.shown_model)), spec=LAMP)
    broken = {each.rule.name: each.text for each in verdicts if each.outcome is Outcome.FAIL}
    assert list(broken) == ["line-end"]
    assert "LF instead of CR" in broken["line-end"]


@pytest.mark.parametrize("behind", ["get_down", "properties_changed 2 1 true", "time", "net"])
@pytest.mark.parametrize("line", ["get_down", "result 2 2 -4005"])
def test_a_cr_that_is_missing_is_no_matter_of_words_or_quotes(line: str, behind: str) -> None:
    begun = "> get_down\n< down set_properties 2 2 500\n" if line != "get_down" else ""
    script = f"{begun}> {line}{behind}\n< error\n" * 3
    broken = {each.rule.name for each in judge(talk(script)) if each.outcome is Outcome.FAIL}
    assert broken & {"line-end", "known-commands", "string-quotes", "value-form"} == {"line-end"}


@pytest.mark.parametrize(
    ("answer", "told"),
    [("2 1 0 4", "4 is left over"), ("2 1 0 21.5", "21.5 is left over"), ("2 1 4 21.5", "there is no code")],
)
def test_a_value_too_few_is_not_a_code_too_few(answer: str, told: str) -> None:
    found = failed(f"> get_down\n< down action 2 1\n> result {answer}\n< ok\n> get_down\n< down none")
    assert found["action-result"].startswith(told)
