"""What of the times of polls is the MCU's, and what is the bridge's."""

from __future__ import annotations

import pytest
from support.talk import verdict

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


def at(*pauses: float) -> list[Record]:
    """Polls with such pauses between them."""
    instant, found = 1.0, [1.0]
    for pause in pauses:
        instant += pause
        found.append(instant)
    return polls(*found)


def test_an_mcu_that_polls_every_few_seconds_polls_too_seldom() -> None:
    for pause in (0.3, 1.9, 2.1, 2.5, 10.0, 30.0):
        found = poll_interval(at(*[pause] * 10))
        assert (found.outcome, found.kept, found.broken) == (Outcome.FAIL, 0, 10), pause


def test_a_single_long_pause_is_a_warning() -> None:
    found = poll_interval(at(*[0.15] * 50, 2.1, *[0.15] * 50))
    assert (found.outcome, found.kept, found.warned) == (Outcome.WARNING, 100, 1)
    assert "but here 2100 ms" in found.text
    assert poll_interval(at(*[0.15] * 50, 1.9, *[0.15] * 50)).outcome is Outcome.PASS


def test_a_poll_that_was_read_late_strays_in_neither_interval() -> None:
    """A computer that is busy reads one late: the interval before it is as much too long as the next is too short."""
    late = poll_interval(at(*[0.2] * 10, 0.38, 0.02, *[0.2] * 10))
    assert (late.outcome, late.warned) == (Outcome.PASS, 0)
    assert poll_interval(at(*[0.2] * 10, 0.38, *[0.2] * 10, 0.02)).outcome is Outcome.WARNING
    assert poll_interval(at(*[0.2] * 10, 0.02, 0.38, *[0.2] * 10)).outcome is Outcome.WARNING
    assert poll_interval(at(*[0.2] * 10, 0.9, 0.02, *[0.2] * 10)).outcome is Outcome.WARNING
    assert poll_interval(at(*[0.38, 0.02] * 10)).outcome is Outcome.WARNING, "no exception any more"


def test_each_interval_counts_once_with_what_is_found_in_it() -> None:
    many = poll_interval(at(*[0.15] * 20, *[0.65] * 5))
    assert (many.outcome, many.kept, many.warned) == (Outcome.WARNING, 20, 5)
    assert many.text.startswith("5 of 25: typically 150 ms, over 25 intervals; but here 650 ms")
    half = poll_interval(at(*[0.15, 0.4] * 10, 0.4))
    assert (half.outcome, half.kept, half.broken) == (Outcome.FAIL, 10, 11)
    assert all("here 400 ms" in each.text for each in half.evidence)


def test_what_stood_behind_a_line_that_was_held_back_has_lost_its_time() -> None:
    assert poll_interval(behind("held back for 5 s by the bridge")).outcome is Outcome.PASS


def test_the_same_without_a_bridge_is_the_mcu_s() -> None:
    assert poll_interval(behind("")).outcome is Outcome.WARNING


IDENTITY = "> model a.b.c\n< ok\n> mcu_version 0001\n< ok\n"


def refused(*lines: str, times: int = 20) -> str:
    """Reports that the module does not take, one each 200 ms from 0.5 s on."""
    return "\n".join(
        f"{0.5 + 0.2 * number:.1f} > {lines[number % len(lines)]}\n< error" for number in range(times)
    )


@pytest.mark.parametrize(
    ("script", "ended", "outcome"),
    [
        # One of several reports is refused; and others come before it.
        ("> model a.b.c\n< ok\n" + refused("mcu_version 00012"), 4.5, Outcome.NOT_OBSERVED),
        ("> echo off\n< ok\n> model a.b.c\n< ok\n" + refused("mcu_version 1"), 4.5, Outcome.NOT_OBSERVED),
        (refused("model a.b") + "\n4.6 > model a.b.c\n< ok", 4.7, Outcome.NOT_OBSERVED),
        (refused("model a.b") + "\n4.6 > model a.b.c\n< ok", 7.8, Outcome.FAIL),
        # What was taken is no reason not to poll.
        (IDENTITY * 8 + "4.0 " + IDENTITY, 4.5, Outcome.FAIL),
        # Switched on again a moment before the end.
        (f"> get_down\n< down none\n5.0 {IDENTITY}", 5.5, Outcome.PASS),
        (f"> get_down\n< down none\n5.0 {IDENTITY}", 8.5, Outcome.WARNING),
        (f"> get_down\n< down none\n5.0 {IDENTITY}9.0 {IDENTITY}", 9.5, Outcome.FAIL),
        # Asked twice, and busy with an update since.
        ('> get_down\n> get_down\n< down update_fw\n< error\n> result "ready"\n< ok', 9.0, Outcome.PASS),
    ],
)
def test_reports_at_power_up_are_no_silence(script: str, ended: float, outcome: Outcome) -> None:
    assert verdict("polls", script, ended=100.0 + ended).outcome is outcome


DONE = "> get_down\n< down get_properties 2 1\n> result 2 1 0 true\n< ok\n"
LATER = "9.0 > get_down\n< down none"


@pytest.mark.parametrize(
    "script",
    [
        DONE + LATER,
        DONE + "9.0 > properties_changed 2 1 false\n< ok\n" + LATER,
        "> properties_changed 2 1 false\n< ok\n" + LATER,
        "> get_down\n< down none\n9.0 > event_occured 6 1\n< ok",
    ],
)
def test_a_pause_counts_wherever_it_stands(script: str) -> None:
    found = verdict("poll-interval", script)
    assert (found.outcome, found.warned) == (Outcome.WARNING, 1)
    assert "silent for" in found.text
    assert found.evidence[0].record is not None
    assert round(found.evidence[0].record.instant) == 109


@pytest.mark.parametrize(
    "script",
    [
        DONE + "1.9 > get_down\n< down none",
        DONE + "9.0 > model a.b.c\n< ok",  # switched off meanwhile
        DONE + "5.0 < down none\n" + LATER,  # it was not heard
        DONE + "5.0 -- \n" + LATER,
        "> get_down\n< down get_properties 2 1\n> result 2 1 0 true\n" + LATER,  # the module is away
        "> get_down\n< down get_properties 2 1\n" + LATER,
        '> get_down\n< down update_fw\n> result "ready"\n< ok\n' + LATER,
    ],
)
def test_what_an_mcu_cannot_help_is_no_pause(script: str) -> None:
    assert verdict("poll-interval", script).outcome is Outcome.NOT_OBSERVED


@pytest.mark.parametrize("told", ["down none", "down MIIO_net_change cloud", "down MIIO_mcu_version_req"])
@pytest.mark.parametrize("answer", ["result 0", 'error "no" -5000'])
def test_what_was_answered_for_nothing_is_named(told: str, answer: str) -> None:
    found = verdict("answers-only-downlinks", f"> get_down\n< {told}\n> {answer}\n< error", driven=True)
    assert found.outcome is (
        Outcome.PASS if "version" in told and answer.startswith("error") else Outcome.FAIL
    )
    if found.outcome is Outcome.FAIL:
        assert found.text == f"nothing was asked: {told!r} has no result"


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        ("93 > get_down\n< error", Outcome.PASS),  # something waits that was not seen
        ("93 > get_down\n< down none", Outcome.FAIL),
        ("97 > get_down\n< error", Outcome.FAIL),  # nothing waits for so long
        ("93 > get_down\n< down get_properties 2 1\n94 > get_down\n< error", Outcome.FAIL),  # this one waits
    ],
)
@pytest.mark.parametrize("answer", ["result 9 9", "result 2 1 0 true"])
def test_an_answer_before_the_mcu_is_put_off_may_be_to_what_was_missed(
    answer: str, later: str, expected: Outcome
) -> None:
    asked = "> get_down\n< down none\n90 > get_down\n< down get_properties 2 1\n> result 2 1 0 true\n< ok"
    found = verdict("answers-only-downlinks", f"{asked}\n92 > {answer}\n< error\n{later}")
    assert found.outcome is expected


@pytest.mark.parametrize("late", [0.0, 0.016])
def test_an_interval_goes_by_the_stamps_of_one_receiver(late: float) -> None:
    """An MCU that asks again as soon as it has answered, and every 100 ms; the module's lines are stamped late."""
    records = []
    for number in range(12):
        now = 10 + 0.113 * number
        records += [
            said(now, "up", "get_down"),
            said(now + 0.002 + late, "down", "down get_properties 2 1"),
            said(now + 0.010, "up", "result 2 1 0 true"),
            said(now + 0.012 + late, "down", "ok"),
            said(now + 0.013, "up", "get_down"),
            said(now + 0.015 + late, "down", "down none"),
        ]
    found = poll_interval(sorted(records, key=lambda record: record.instant))
    assert (found.outcome, found.text) == (Outcome.PASS, "typically 100 ms, over 11 intervals")


@pytest.mark.parametrize(("until", "expected"), [(6, Outcome.PASS), (20, Outcome.FAIL)])
def test_what_was_watched_from_its_middle_is_not_in_doubt_for_a_minute(until: int, expected: Outcome) -> None:
    """Of an MCU that says every answer twice, the first ones may be late answers to what was not seen."""
    script = "\n".join(
        f"{at} > get_down\n< down get_properties 2 1\n> result 2 1 0 true\n< ok\n> result 2 1 0 true\n< error"
        for at in range(until)
    )
    assert verdict("answers-only-downlinks", script).outcome is expected
