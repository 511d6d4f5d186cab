"""What of the times of polls is the MCU's, and what is the bridge's."""

from __future__ import annotations

from miio_lan.acceptance.judging import judgement_of
from miio_lan.acceptance.verdict import Outcome, Verdict
from miio_lan.record import Record


def said(instant: float, direction: str, line: str, note: str = "") -> Record:
    return Record("uart", direction, instant, 1e9 + instant, line.encode() + b"\r", note=note)


def polls(*instants: float) -> list[Record]:
    return [
        record
        for instant in instants
        for record in (said(instant, "up", "get_down"), said(instant + 0.002, "down", "down none"))
    ]


def poll_interval(records: list[Record]) -> Verdict:
    return next(each for each in judgement_of(records).verdicts if each.rule.name == "poll-interval")


def behind(note: str) -> list[Record]:
    """An answer that a bridge held back, and what stood behind it and went on at the same moment."""
    return [
        *polls(*(1 + number / 10 for number in range(12))),
        said(2.2, "up", "get_down"),
        said(2.203, "down", "down action 2 1"),
        said(7.2050, "up", "result 2 1 0", note),
        said(7.2050, "up", "properties_changed 2 1 false"),
        *polls(7.2051, 7.2082, 7.31, 7.41),
    ]


def test_what_stood_behind_a_line_that_was_held_back_has_lost_its_time() -> None:
    assert poll_interval(behind("held back for 5 s by the bridge")).outcome is Outcome.PASS


def test_the_same_without_a_bridge_is_the_mcu_s() -> None:
    assert poll_interval(behind("")).outcome is Outcome.WARNING
