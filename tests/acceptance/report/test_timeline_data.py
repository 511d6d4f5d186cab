"""What the timeline is drawn from."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.judged import (
    BACK,
    DOWN,
    EXCHANGE,
    HOSTILE,
    NONE,
    OUTAGE,
    POLL,
    RECORDS,
    REQUEST,
    RESULT,
    hostile,
    judgement,
    lan,
    uart,
)

from miio_lan.acceptance.report.timeline_data import LINE_KINDS, Places, embedded, timeline_data
from miio_lan.acceptance.report.wording import in_order
from miio_lan.acceptance.report.words import ENGLISH
from miio_lan.record import Record


def data_of(judged) -> dict:
    return json.loads(embedded(timeline_data(judged, in_order(judged), ENGLISH)))


def test_each_distinct_line_is_told_once():
    data = data_of(judgement())
    assert len(data["of"]) == len(RECORDS)
    assert len(data["lines"]) == len(RECORDS) - 1  # one poll is like the other
    texts = [data["lines"][place][0] for place in data["of"]]
    assert texts[2] == "down get_properties 2 1"
    assert texts[1] == texts[8] == "get_down"
    assert {line[1] for line in data["lines"]} <= set(LINE_KINDS)


def test_times_are_differences_that_do_not_drift():
    records = [replace(POLL, instant=1000 + n * 0.2000004) for n in range(500)]
    data = data_of(judgement((), tuple(records), ()))
    times = list(accumulate(data["times"]))
    assert times[0] == 0
    assert all(abs(time - n * 200000.4) <= 0.51 for n, time in enumerate(times))


def test_lanes_and_wall_time():
    data = data_of(judgement())
    assert data["lanes"] == "0323213332"
    assert data["wall"] == REQUEST.wall
    assert data_of(judgement((), (), ()))["wall"] == judgement().started


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        (POLL, "poll"),
        (NONE, "poll"),
        (uart(0, "down", "error", command="reply", answers="get_down", valid=True), "poll"),
        (DOWN, "line"),
        (REQUEST, "line"),
        (OUTAGE, "line"),
        (Record("lan", "up", 0, 0, b"", note="hello"), "hello"),
        (uart(0, "up", "result", command="result", valid=False), "bad"),
    ],
)
def test_kinds(record, kind):
    assert data_of(judgement((), (record,), ()))["lines"][0][1] == kind


@pytest.mark.parametrize(
    ("record", "mark"),
    [
        (OUTAGE, ["outage", "outage"]),
        (uart(0, "up", "x", note="noise", problem="no command"), ["noise", "noise: no command"]),
        (uart(0, "up", "x", note="non-ASCII bytes dropped"), ["noise", "non-ASCII bytes dropped"]),
        (uart(0, "up", "x", note="late start"), ["late", "late start"]),
        (uart(0, "up", "x", note="lost bytes"), ["noise", "lost bytes"]),
        (uart(0, "up", "x", note="something else"), ["note", "something else"]),
        (uart(0, "up", "result 1", valid=False, problem="too short"), ["bad", "too short"]),
        (uart(0, "up", "result 1", valid=False), ["bad", "does not conform"]),
        (POLL, None),
        (Record("lan", "up", 0, 0, b"", note="hello"), None),
    ],
)
def test_marks(record, mark):
    assert data_of(judgement((), (record,), ()))["marks"] == ({"0": mark} if mark else {})


def test_a_late_answer_is_marked_where_it_is():
    assert data_of(judgement())["marks"]["3"] == ["late", "answered late"]
    unseen = replace(EXCHANGE, parts=())
    assert "3" not in data_of(judgement(exchanges=(unseen,)))["marks"]
    fine = replace(EXCHANGE, stopped_at=None)
    assert "3" not in data_of(judgement(exchanges=(fine,)))["marks"]


def test_exchanges_refer_to_records():
    (exchange,) = data_of(judgement())["exchanges"]
    assert exchange["steps"] == [0, 2, 3, 4, 5]
    assert exchange["all"] == [0, 2, 3, 4, 5]
    assert exchange["stopped"] == "answered late"
    assert exchange["total"] == pytest.approx(4.71)
    (exchange,) = data_of(judgement(exchanges=(replace(EXCHANGE, parts=(), stopped_at=None),)))["exchanges"]
    assert exchange["steps"] == [0, None, None, None, 5]
    assert exchange["stopped"] is None


def test_rules_refer_to_the_records_of_their_evidence():
    rules = data_of(judgement())["rules"]
    assert [[name, outcome, shown] for name, _, outcome, shown in rules] == [
        ["answers-in-time", "fail", [2, 3]],
        ["clean-lines", "warning", [6]],
        ["polls-in-time", "pass", [1]],
    ]


def test_the_same_object_is_found_before_an_equal_one():
    first, second = POLL, replace(POLL)
    places = Places([first, second])
    assert (places.of(first), places.of(second)) == (0, 1)
    assert places.of(replace(POLL)) == 0
    with pytest.raises(KeyError):
        places.of(BACK)


def test_readings_of_lines_are_kept_and_those_of_datagrams_are_their_payload():
    data = data_of(judgement((), (RESULT, REQUEST), ()))
    lines = {line[0]: line for line in data["lines"]}
    assert json.loads(lines["result 2 1 0 true"][2])["answers"] == "get_properties"
    assert all(len(line) == 2 for text, line in lines.items() if text.startswith("{"))


def test_a_payload_of_any_length_is_bounded():
    data = data_of(judgement((), (lan(0, "up", "x" * 100_000),), ()))
    assert len(data["lines"][0][0]) < 5000


def test_nothing_in_the_data_ends_its_element():
    data = timeline_data(hostile(), in_order(hostile()), ENGLISH)
    text = embedded(data)
    assert not set("<>&") & set(text)
    assert "</script>" in json.loads(text)["lines"][0][0]


@given(st.text())
def test_data_survives_being_embedded(text):
    written = embedded({"text": text})
    assert json.loads(written) == {"text": text}
    assert written.isascii()
    assert not set("<>&") & set(written)


def test_hostile_texts_are_printable_in_the_data():
    data = data_of(hostile())
    assert HOSTILE.split("\x00")[0] in data["exchanges"][0]["method"]
    assert all(line[0].isprintable() for line in data["lines"])
