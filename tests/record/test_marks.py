"""Marks say who made a recording, and are no part of what crossed a wire."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO

import pytest

from miio_lan.errors import RecordError
from miio_lan.record import Record, read, write
from miio_lan.record.lanes import said
from miio_lan.record.marks import begin_mark, end_mark, is_mark, marked_check, without_marks
from miio_lan.uart.logs.textlog import read_text_log

LINE = Record("uart", "up", 2.0, 1002.0, b"get_down\r", {"command": "get_down", "valid": True}, peer="port")
BEGIN = begin_mark("module", 1.0, 1001.0, from_boot=True, model="a.b.c")
END = end_mark("module", 3.0, 1003.0, {"stopped": "", "left_out": {"reading": 2}})


def through_a_file(records: list[Record]) -> list[Record]:
    file = StringIO()
    write(file, records)
    file.seek(0)
    return list(read(file))


def test_both_kinds_are_told_from_everything_else() -> None:
    assert is_mark(BEGIN)
    assert is_mark(END)
    others = [
        LINE,
        Record("uart", "up", 1.0, 1.0, b"", note="outage: unplugged"),
        Record("lan", "up", 1.0, 1.0, b"", note="hello"),
        Record("uart", "up", 1.0, 1.0, b"", {"check": "something else"}),
        replace(LINE, reading={"check": "begin"}),
    ]
    assert not any(map(is_mark, others))
    assert without_marks([BEGIN, *others, END]) == others


def test_what_they_say_comes_back_from_a_file() -> None:
    assert (BEGIN.wire, BEGIN.raw, BEGIN.note) == ("uart", b"", "check: module played by the checker")
    assert begin_mark("lan", 1.0, 1.0).wire == end_mark("lan", 1.0, 1.0, {}).wire == "lan"
    check = marked_check(through_a_file([BEGIN, LINE, END]))
    assert check is not None
    assert (check.mode, check.from_boot, check.model, check.ended) == ("module", True, "a.b.c", 3.0)
    assert check.progress == {"stopped": "", "left_out": {"reading": 2}}


def test_without_any_nothing_is_said() -> None:
    assert marked_check([LINE]) is None


def test_a_recording_that_was_cut_off_still_says_what_it_was() -> None:
    check = marked_check([BEGIN, LINE])
    assert check is not None
    assert (check.mode, check.ended, check.progress) == ("module", None, None)
    end = marked_check([LINE, END])
    assert end is not None
    assert (end.mode, end.from_boot, end.ended) == ("module", False, 3.0)


@pytest.mark.parametrize(
    ("records", "complaint"),
    [
        ([BEGIN, BEGIN], "more than one check"),
        ([BEGIN, END, LINE, END], "more than one check"),
        ([BEGIN, replace(END, reading={"check": "end", "mode": "lan", "progress": {}})], "mode"),
        ([replace(BEGIN, reading={"check": "begin", "mode": "passive"})], "mode"),
        ([replace(BEGIN, reading={"check": "begin"})], "mode"),
        ([replace(BEGIN, reading={"check": "begin", "mode": 5})], "mode of a check is a text"),
        (
            [replace(BEGIN, reading={"check": "begin", "mode": "lan", "model": 5})],
            "model of a check is a text",
        ),
        ([replace(END, reading={"check": "end", "mode": "lan", "progress": "all"})], "no progress"),
    ],
)
def test_marks_that_make_no_sense_are_refused(records: list[Record], complaint: str) -> None:
    with pytest.raises(RecordError, match=complaint):
        marked_check(records)


def test_they_are_shown_as_notes() -> None:
    assert said(BEGIN) == "[check: module played by the checker]"
    assert said(begin_mark("lan", 1.0, 1.0)) == "[check: product asked over the LAN by the checker]"


def test_whoever_reads_a_recording_anew_hands_them_on() -> None:
    file = StringIO()
    write(file, [BEGIN, LINE, END])
    assert [is_mark(each) for each in read_text_log(file.getvalue().splitlines(keepends=True))] == [
        True, False, True,
    ]  # fmt: skip
