"""What a verdict counts: everything that was judged, each line once."""

from __future__ import annotations

from miio_lan.acceptance.rules.rulebook import Case, rules_of
from miio_lan.acceptance.verdict import Outcome, Rule, Verdict
from miio_lan.record import Record

RULE = Rule("x", "x", "x", "boot")


def line(number: int) -> Record:
    return Record("uart", "up", float(number), float(number), b"x\r")


def counts(verdict: Verdict) -> tuple[int, int, int]:
    return verdict.kept, verdict.warned, verdict.broken


def test_what_is_not_shown_is_counted() -> None:
    case = Case()
    for number in range(59):
        case.bad("wrong", line(number))
    verdict = case.judge(RULE)
    assert (len(verdict.evidence), counts(verdict), verdict.text) == (20, (0, 0, 59), "59 of 59: wrong")


def test_kept_warned_and_broken_are_told_apart() -> None:
    case = Case()
    case.good("right", line(1))
    case.good("right", line(2))
    case.odd("strange", line(3))
    case.bad("wrong")
    verdict = case.judge(RULE)
    assert (counts(verdict), verdict.text, verdict.outcome) == ((2, 1, 1), "1 of 4: wrong", Outcome.FAIL)


def test_a_line_counts_once_by_the_worst_that_was_found_in_it() -> None:
    case = Case()
    both, twice, other = line(1), line(2), line(3)
    case.good("right", both)
    case.bad("wrong", both)
    case.odd("strange", twice)
    case.odd("strange, too", twice)
    case.good("right", twice)
    case.good("right", other)
    verdict = case.judge(RULE)
    assert (counts(verdict), verdict.text) == ((1, 1, 1), "1 of 3: wrong")


def test_equal_lines_of_one_moment_are_two_lines() -> None:
    case = Case()
    case.good("right", line(1))
    case.good("right", line(1))
    verdict = case.judge(RULE)
    assert (counts(verdict), verdict.text) == ((2, 0, 0), "kept 2 times")


def test_findings_about_no_line_count_each() -> None:
    case = Case()
    case.odd("one thing")
    case.odd("one thing")
    assert (counts(case.judge(RULE)), case.judge(RULE).text) == ((0, 2, 0), "2 of 2: one thing")


def test_what_could_not_be_judged_is_not_counted() -> None:
    case = Case()
    case.unseen("too short")
    assert counts(case.judge(RULE)) == (0, 0, 0)


def test_one_of_two_texts_is_noted() -> None:
    case = Case()
    case.good_or_bad(True, "right", "wrong", line(1))
    case.good_or_bad(False, "right", "wrong", line(2))
    verdict = case.judge(RULE)
    assert (counts(verdict), verdict.text, verdict.evidence[0].record) == (
        (1, 0, 1),
        "1 of 2: wrong",
        line(2),
    )


def test_a_file_says_once_which_kind_its_rules_have() -> None:
    written = rules_of("boot", severity="warning")

    @written("y", source="z")
    def by_this_name(session: object, case: Case) -> None:
        case.odd("strange")

    assert by_this_name.rule == Rule("by-this-name", "y", "z", "boot", "warning")
    assert rules_of("form")("y", source="z")(by_this_name.check).rule.severity == "failure"


def test_a_verdict_knows_how_long_the_rule_was_judged() -> None:
    case = Case()
    assert case.judge(RULE).seconds == 0.0
    case.good("without a line")
    assert case.judge(RULE).seconds == 0.0
    for number in (7, 2, 4):
        case.good("right", line(number))
    assert case.judge(RULE).seconds == 5.0
    case.bad("wrong", line(10))
    assert case.judge(RULE).seconds == 8.0
