"""The words that all reports share."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.hostile import steering
from support.judged import (
    DOWN,
    EXCHANGE,
    HOSTILE,
    NOISE,
    POLL,
    RECORDS,
    REPLY,
    REQUEST,
    VERDICTS,
    WALL,
    judgement,
    lan,
    uart,
)

from miio_lan.acceptance.report import wording as words
from miio_lan.acceptance.verdict import Evidence, Outcome, Rule, Verdict
from miio_lan.pairing.exchange import ANSWERED_LATE, REFUSED, Exchange
from miio_lan.record import Record

TOKEN = "0123456789abcdef0123456789abcdef"


@given(st.text())
def test_every_text_is_shown_without_what_steers(text):
    shown = words.shown(text)
    assert steering(shown) == []
    assert words.shown(shown) == shown


def test_what_steers_a_terminal_or_turns_text_is_escaped():
    assert words.shown("a\x1b[31m\u202eb\ud800\n") == r"a\x1b[31m\u202eb\ud800\n"


@given(st.binary(min_size=1), st.sampled_from(("lan", "uart")), st.sampled_from(("up", "down")))
def test_every_record_has_a_line(raw, wire, direction):
    line = words.line_of(Record(wire, direction, 0.0, 0.0, raw))
    assert line.isprintable()
    assert line or wire == "lan"


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (DOWN, "down get_properties 2 1"),
        (NOISE, r"ets \xff\xfe"),
        (uart(0, "up", ""), "(empty line)"),
        (Record("uart", "up", 0, 0, b"", note="outage"), "outage"),
        (Record("lan", "up", 0, 0, b"", note="hello"), "hello"),
        (Record("lan", "up", 0, 0, b""), "(nothing)"),
        (
            Record("lan", "up", 0, 0, '{"id":1,"result":["\u00e4"]}\0'.encode()),
            '{"id":1,"result":["\u00e4"]}',
        ),
        (Record("lan", "up", 0, 0, b"\xff\x00\x01", {"id": 3, "x": (1,)}), '{"id": 3, "x": [1]}'),
        (Record("lan", "up", 0, 0, b"\xff\x00\x01"), "bytes ff 00 01"),
    ],
)
def test_line_of_a_record(record, line):
    assert words.line_of(record) == line


def test_secrets_are_hidden():
    assert TOKEN not in words.line_of(lan(0, "up", f'{{"result":{{"token":"{TOKEN}"}}}}'))
    assert "mellon" not in words.line_of(lan(0, "down", '{"params":{"ssid":"home","passwd":"mellon"}}'))
    assert TOKEN not in words.line_of(uart(0, "up", f"log {TOKEN}"))
    assert TOKEN not in words.evidence_line(Evidence(f"token {TOKEN}"), 0.0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.00 ms"),
        (0.000314, "0.31 ms"),
        (0.2, "200 ms"),
        (4.6, "4.60 s"),
        (89.0, "89.00 s"),
        (3725.0, "62 min 5 s"),
        (-0.5, "-500 ms"),
    ],
)
def test_lengths_of_time(seconds, text):
    assert words.span(seconds) == text


def test_minutes_do_not_have_sixty_seconds():
    assert words.span(119.9) == "2 min 0 s"


def test_wall_times():
    assert words.day(WALL) == "2023-11-14 22:13:20 UTC"
    assert words.day(1e20) == "at an unknown time"
    assert words.day(float("nan")) == "at an unknown time"


def test_records_are_ordered_and_those_mentioned_elsewhere_are_among_them():
    stray, other = uart(0.5, "up", "model a.b.c"), uart(0.6, "up", "echo on")
    verdict = replace(VERDICTS[0], evidence=(Evidence("", stray), Evidence("", POLL), Evidence("no record")))
    exchange = replace(EXCHANGE, records=(REQUEST, other))
    found = words.in_order(judgement((verdict,), (REPLY, POLL, REQUEST), (exchange,)))
    assert found == [REQUEST, POLL, stray, other, REPLY]
    assert words.start_of(found) == REQUEST.instant
    assert words.start_of([]) == 0.0


def test_equal_records_of_a_recording_all_count():
    assert words.in_order(judgement((), (POLL, replace(POLL)), ())) == [POLL, POLL]


def test_failures_come_first_and_equals_keep_their_order():
    again = replace(VERDICTS[0], text="again")
    assert [verdict.outcome.value for verdict in words.by_need(VERDICTS)] == list(words.ORDER)
    assert [verdict.text for verdict in words.by_need((VERDICTS[0], again))] == [VERDICTS[0].text, "again"]
    assert words.counts_of(judgement()) == dict.fromkeys(words.ORDER, 1)


@pytest.mark.parametrize(
    ("outcomes", "outcome", "whole", "sentence"),
    [
        ([Outcome.PASS, Outcome.FAIL, Outcome.FAIL, Outcome.WARNING], "fail", "Failed", "2 rules failed"),
        ([Outcome.PASS, Outcome.FAIL], "fail", "Failed", "1 rule failed"),
        ([Outcome.PASS, Outcome.WARNING], "warning", "Passed with warnings", "1 warning, no rule failed"),
        ([Outcome.PASS, Outcome.NOT_OBSERVED], "pass", "Passed", "1 rule observed and kept"),
        ([Outcome.NOT_OBSERVED], "not observed", "Nothing observed", "no rule could be judged"),
        ([Outcome.NOT_OBSERVED] * 2, "not observed", "Nothing observed", "no rule could be judged"),
        ([], "not observed", "Nothing observed", "no rule could be judged"),
    ],
)
def test_headline(outcomes, outcome, whole, sentence):
    verdicts = tuple(replace(VERDICTS[0], outcome=each) for each in outcomes)
    assert words.headline(judgement(verdicts)) == (outcome, whole, sentence)
    assert outcome in words.WHOLE


def test_a_long_text_is_cut_and_says_so():
    assert words.shortened("abcdef", 6) == "abcdef"
    assert words.shortened("abcdef", 4) == "abcd… (2 more characters)"


def test_evidence_in_a_line():
    assert words.evidence_line(Evidence("only words"), 0.0) == "only words"
    line = words.evidence_line(Evidence("late", DOWN), REQUEST.instant)
    assert line == "late  [+0.1010 s  UART, module → MCU:  down get_properties 2 1]"
    assert words.evidence_line(Evidence("", DOWN), DOWN.instant).startswith("+0.0000 s  UART")
    assert words.evidence_line(Evidence(HOSTILE), 0.0).isprintable()


def test_modes_are_said_in_words():
    assert words.mode_of(judgement()).startswith("passive:")
    assert words.mode_of(replace(judgement(), mode="new\x07")) == r"new\x07"


def test_plain_values():
    odd = {"a": (1, 2.5, None), 3: float("inf"), "b": b"x", "c": [True]}
    assert words.plain(odd) == {"a": [1, 2.5, None], "3": "inf", "b": "b'x'", "c": [True]}
    assert all(words.line_of(record) for record in RECORDS)


def test_what_is_not_shown_counts_in_how_much_more_there_is():
    lines = [replace(POLL, instant=float(number)) for number in range(20)]
    evidence = tuple(Evidence("wrong", line) for line in lines)
    rule = Rule("x", "x", "x", "boot")
    failed = Verdict(rule, Outcome.FAIL, "", evidence, kept=5, warned=4, broken=55)
    assert (words.total_of(failed), words.left_out_of(failed, 6)) == (59, 53)
    passed = Verdict(rule, Outcome.PASS, "", evidence[:3], kept=57)
    assert (words.total_of(passed), words.left_out_of(passed, 50)) == (57, 54)
    strange = Verdict(rule, Outcome.WARNING, "", evidence[:2], kept=9, warned=2)
    assert (words.total_of(strange), words.left_out_of(strange, 6)) == (2, 0)
    unseen = Verdict(rule, Outcome.NOT_OBSERVED, "", (Evidence("too short"),))
    assert (words.total_of(unseen), words.left_out_of(unseen, 6)) == (1, 0)
    of_one_line = Verdict(rule, Outcome.FAIL, "", tuple(Evidence(f"{n}", POLL) for n in range(9)), broken=1)
    assert words.left_out_of(of_one_line, 6) == 3


@pytest.mark.parametrize(
    ("ends", "wanted", "fates"),
    [
        ([], 0, (0, [])),
        ([None, None], 0, (2, [])),
        ([None, REFUSED, REFUSED, REFUSED], 2, (1, ["2 refused on purpose", "1 refused"])),
        ([REFUSED], 5, (0, ["1 refused on purpose"])),
        ([None, ANSWERED_LATE, REFUSED], 0, (1, ["1 refused", "1 stopped on the way"])),
    ],
)
def test_what_became_of_the_commands(ends, wanted, fates):
    exchanges = tuple(Exchange("get_properties", stopped_at=end) for end in ends)
    assert words.fates_of(replace(judgement(exchanges=exchanges), wanted_refusals=wanted)) == fates
