from __future__ import annotations

import io
import json
import math
from dataclasses import replace
from enum import IntEnum
from typing import TextIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from miio_lan.errors import RecordError
from miio_lan.record import Record, read, write
from miio_lan.record import record as record_module

LINE = Record("uart", "up", 12.5, 1700000000.25, b"get_down\r", {"command": "get_down", "valid": True})

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
seconds = st.floats(-1e12, 1e12)
records = st.builds(
    Record,
    wire=st.sampled_from(["lan", "uart"]),
    direction=st.sampled_from(["up", "down"]),
    instant=seconds,
    wall=seconds,
    raw=st.binary(max_size=40) | st.text(st.characters(codec="ascii")).map(str.encode),
    reading=st.none() | st.dictionaries(st.text(), json_values, max_size=3),
    note=st.text(max_size=10),
    peer=st.text(max_size=10),
)


class Kind(IntEnum):
    """A number that is not of the plainest type."""

    ONE = 1


def written(*items: Record) -> str:
    file = io.StringIO()
    write(file, items)
    return file.getvalue()


def refused_in_a_line(file: TextIO) -> bool | None:
    try:
        list(read(file))
    except RecordError as error:
        return "line " in str(error)
    return None


def test_a_line_of_text_is_written_readably() -> None:
    assert json.loads(written(LINE)) == {
        "wire": "uart",
        "direction": "up",
        "instant": 12.5,
        "wall": 1700000000.25,
        "raw": "get_down\r",
        "reading": {"command": "get_down", "valid": True},
    }


def test_bytes_that_are_not_clean_text_are_kept_in_base64() -> None:
    noisy = Record("uart", "up", 0.0, 0.0, b"\xff\xffget_down\r", note="noise").as_json()
    assert noisy["raw"] == "\\xff\\xffget_down\r"
    assert noisy["base64"] == "//9nZXRfZG93bg0="
    assert noisy["note"] == "noise"


def test_a_binary_datagram_has_no_rendering_for_the_eye() -> None:
    data = Record("lan", "down", 0.0, 0.0, b"\x21\x31\x00\x20", peer="127.0.0.1:5").as_json()
    assert "raw" not in data
    assert data["base64"] == "ITEAIA=="
    assert data["peer"] == "127.0.0.1:5"


def test_a_rendering_that_looks_like_an_escape_is_not_taken_for_the_bytes() -> None:
    # The rendering of b"\xff" and the clean text b"\\xff" are the same characters.
    binary, text = Record("uart", "up", 0.0, 0.0, b"\xff"), Record("uart", "up", 0.0, 0.0, b"\\xff")
    assert [r.raw for r in read(io.StringIO(written(binary, text)))] == [b"\xff", b"\\xff"]


@given(st.lists(records, max_size=4))
def test_writing_then_reading_gives_the_same_records(items: list[Record]) -> None:
    text = written(*items)
    assert text.isascii()
    assert text.count("\n") == len(items)
    assert list(read(io.StringIO(text))) == items


@given(records, st.lists(st.floats() | st.none() | st.sampled_from(list(Kind)), max_size=3))
def test_what_is_written_is_the_json_of_the_record(record: Record, more: list[object]) -> None:
    # There is a quick way for the usual kinds, and it must not show.
    reading = {**(record.reading or {}), "more": more, "rows": [more], "ways": [{"row": more}, {}]}
    for each in (record, replace(record, reading=reading)):
        assert written(each) == json.dumps(each.as_json()) + "\n"


@pytest.mark.parametrize("keys", [{1: 2}, {"a": {None: 1}}, {"a": [{True: 1}]}, {"a": [[{1.5: 1}]]}])
def test_keys_that_are_no_text_are_refused_wherever_they_are(keys: dict[str, object]) -> None:
    with pytest.raises(RecordError, match="keys of a reading"):
        written(replace(LINE, reading=keys))


def test_an_encoder_that_cannot_be_kept_is_made_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("json.encoder.c_make_encoder", None)
    encode = record_module._plain_encoder()
    assert encode({"a": [1, None, 1.5, True, "\u00e9"]}) == '{"a": [1, null, 1.5, true, "\\u00e9"]}'


def test_tuples_and_numbers_beyond_json_are_made_plain() -> None:
    reading = {"properties": ((2, 1, math.nan),), "deep": [{"a": -math.inf}]}
    [again] = read(io.StringIO(written(Record("uart", "up", 0.0, 0.0, b"", reading))))
    assert again.reading == {"properties": [[2, 1, "nan"]], "deep": [{"a": "-inf"}]}


@pytest.mark.parametrize(
    ("reading", "says"), [({"a": b"x"}, "not of bytes"), ({1: 2}, "keys"), ({"a": {1: 2}}, "keys")]
)
def test_a_reading_that_is_not_json_is_refused(reading: dict[str, object], says: str) -> None:
    with pytest.raises(RecordError, match=says):
        written(Record("uart", "up", 0.0, 0.0, b"", reading))


def test_a_reading_without_end_is_refused() -> None:
    endless: dict[str, object] = {}
    endless["again"] = [endless]
    with pytest.raises(RecordError, match="deeply"):
        written(Record("uart", "up", 0.0, 0.0, b"", endless))


def nested(levels: int, innermost: object = 5) -> dict[str, object]:
    """A reading of so many levels, objects and lists by turns."""
    value = innermost
    for level in range(levels - 1):
        value = [value, 1] if level % 2 else {"a": value, "b": 1}
    return {"a": value}


@pytest.mark.parametrize("innermost", [5, [], {}])
def test_what_is_read_can_be_written_however_deep(innermost: object) -> None:
    levels = 100 if innermost == 5 else 99
    record = Record.from_json(LINE.as_json() | {"reading": nested(levels, innermost)})
    assert list(read(io.StringIO(written(record)))) == [record]
    with pytest.raises(RecordError, match="nested too deeply, more than 100 levels"):
        Record.from_json(LINE.as_json() | {"reading": nested(levels + 1, innermost)})
    with pytest.raises(RecordError, match="nested too deeply"):
        written(replace(LINE, reading=nested(levels + 1, innermost)))


@pytest.mark.parametrize("levels", [400, 900])
def test_a_recording_nested_too_deeply_is_refused_with_its_line(levels: int) -> None:
    line = json.dumps(LINE.as_json() | {"reading": nested(levels)})
    with pytest.raises(RecordError, match=r"^line 1 of the recording: .*nested too deeply"):
        list(read(io.StringIO(line)))


def test_a_byte_order_mark_is_no_part_of_a_line() -> None:
    text = "\ufeff" + written(LINE)
    assert list(read(io.StringIO(text))) == [LINE]
    assert list(read(io.StringIO("\ufeff\n" + written(LINE)))) == [LINE]
    # Two files that were put together.
    assert list(read(io.StringIO(text + text))) == [LINE, LINE]
    with pytest.raises(RecordError, match="line 1"):
        list(read(io.StringIO("\ufeff" + text)))


@pytest.mark.parametrize("record", [replace(LINE, instant=math.nan), replace(LINE, reading={"a": 10**5000})])
def test_a_value_that_cannot_be_written_is_refused(record: Record) -> None:
    with pytest.raises(RecordError, match="cannot be written"):
        written(record)


def test_records_before_a_refused_one_are_in_the_file() -> None:
    file = io.StringIO()
    with pytest.raises(RecordError):
        write(file, [LINE, Record("uart", "up", 0.0, 0.0, b"", {"a": {1}})])
    assert list(read(io.StringIO(file.getvalue()))) == [LINE]


def test_records_are_given_before_the_broken_line_and_its_number_is_named() -> None:
    good = written(LINE)
    reading = read(io.StringIO(good + "\n" + good[:-10]))
    assert next(reading) == LINE
    with pytest.raises(RecordError, match="line 3 of the recording: not JSON"):
        next(reading)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"wire": "tin can"}, "wire is one of lan, uart; here it is 'tin can'"),
        ({"wire": ["lan"]}, "here it is list"),
        ({"wire": "x" * 100}, r"'x{37}\.\.\.'$"),
        ({"direction": None}, "direction is one of up, down; here it is null"),
        ({"instant": "now"}, "instant is a number of seconds; here it is 'now'"),
        ({"instant": True}, "here it is True"),
        ({"wall": 10**400}, "wall is a finite number"),
        ({"wall": math.nan}, "wall is a finite number"),
        ({"instant": 1.7e308}, "instant is a number of seconds that a clock may show; here it is 1.7e"),
        ({"wall": -(10**13)}, "wall is a number of seconds that a clock may show"),
        ({"raw": None}, "raw .* or base64 must be there"),
        ({"raw": "é"}, "raw is not ASCII"),
        ({"base64": 5}, "base64 is a text or absent, not int"),
        ({"base64": "%%%"}, "base64 cannot be decoded"),
        ({"base64": "é"}, "base64 cannot be decoded"),
        ({"reading": [1]}, "reading is a JSON object or absent, not list"),
        ({"note": 5}, "note is a text or absent, not int"),
        ({"peer": None}, "peer is a text or absent, not null"),
    ],
)
def test_a_field_that_is_wrong_is_named(changes: dict[str, object], says: str) -> None:
    with pytest.raises(RecordError, match=says):
        Record.from_json(LINE.as_json() | changes)


def test_unknown_fields_of_later_versions_are_ignored() -> None:
    assert Record.from_json(LINE.as_json() | {"colour": "red"}) == LINE


def test_records_can_be_put_into_sets() -> None:
    assert len({LINE, Record.from_json(LINE.as_json())}) == 1


@given(st.text())
@example("[" * 100_000)
@example('{"wire": ' + "9" * 5000 + "}")
@example("[]")
@example("NaN")
def test_any_text_is_read_or_refused_with_a_line_number(text: str) -> None:
    assert refused_in_a_line(io.StringIO(text)) in {None, True}


@given(st.binary())
@example(b"\xff\xfe\n")
def test_any_file_is_read_or_refused_with_a_line_number(data: bytes) -> None:
    assert refused_in_a_line(io.TextIOWrapper(io.BytesIO(data), encoding="utf-8")) in {None, True}


@given(json_values | st.fixed_dictionaries({}, optional=dict.fromkeys(LINE.as_json(), json_values)))
def test_any_json_value_is_a_record_or_refused(data: object) -> None:
    try:
        record = Record.from_json(data)
    except RecordError:
        return
    assert record.wire in {"lan", "uart"}


# --- the text of a record ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "raw", [b"get_down\r", b"get_down", b"get_down\r\n", b"\nget_down\r", b"get_down\r\r\n"]
)
@pytest.mark.parametrize(
    "said", ["get_down", "get_down\r", "get_down\r\n", b"get_down", b"get_down\r", b"\nget_down"]
)
def test_a_record_equals_its_text_whatever_ends_the_line(raw: bytes, said: str | bytes) -> None:
    record = replace(LINE, raw=raw)
    assert record == said
    assert said == record
    assert (record != said) is False
    assert said in [record]
    assert record.text == "get_down"
    assert record.startswith("get_")
    assert record.startswith(b"get_")
    assert record.startswith(("x", "get"))
    assert record.raw == raw


@pytest.mark.parametrize("other", ["get_down ", "get down", b"get_dow", "", 1, None, ("get_down",)])
def test_a_record_equals_nothing_else(other: object) -> None:
    assert other != LINE
    assert not other == LINE  # noqa: SIM201 - both operators
    assert not LINE.startswith("down")
    assert not LINE.startswith(b"down")


def test_records_are_equal_by_all_they_hold() -> None:
    assert replace(LINE) == LINE
    assert hash(replace(LINE)) == hash(LINE)
    assert {LINE, replace(LINE)} == {LINE}
    others = [
        replace(LINE, wire="lan"),
        replace(LINE, direction="down"),
        replace(LINE, instant=1.0),
        replace(LINE, wall=1.0),
        replace(LINE, raw=b"get_down\r\n"),
        replace(LINE, reading=None),
        replace(LINE, note="noise"),
        replace(LINE, peer="a"),
    ]
    assert all(each != LINE and each.text == LINE.text for each in others)


def test_a_record_as_a_key_stands_for_itself() -> None:
    assert {LINE: 1}[replace(LINE)] == 1
    assert "get_down" not in {LINE: 1}


def test_text_that_is_no_ascii() -> None:
    assert replace(LINE, raw=b"\xffa\r").text == "\\xffa"
    assert replace(LINE, wire="lan", raw='{"a":"é"}'.encode()).text == '{"a":"é"}'
    assert replace(LINE, wire="lan", raw=b"\xff").text == "\\xff"
