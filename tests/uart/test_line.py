from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.errors import LineError
from miio_lan.uart.line import (
    _TOKENS,
    KEPT,
    LF_BEFORE,
    MAX_LINE,
    NON_ASCII,
    OVERLONG,
    UNFINISHED,
    Line,
    LineReader,
    clean,
    join,
    kept_text,
    legacy_tokens_of,
    seal,
    split,
    split_legacy,
    tokens_of,
)

PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=60)
PIECES = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from(
            [b"\r", b"\r\n", b"\n", b"get_down\r", b'result 1 1 0 "', b"\xff\xff", b"x" * 600, b"\x08"]
        ),
    ),
    max_size=20,
)


@pytest.mark.parametrize(
    ("line", "tokens"),
    [
        (b"get_down\r", ["get_down"]),
        (b"\nget_down\r", ["get_down"]),
        ("get_down\r\n", ["get_down"]),
        (b"  get_down  \r\r\n", ["get_down"]),
        (b"\xff\xffmodel  a.b.c \r", ["model", "a.b.c"]),
        ("", []),
        ("   ", []),
        ('error "memory error" -5003', ["error", '"memory error"', "-5003"]),
        ('properties_changed 1 1 17 1 2  "hi"', ["properties_changed", "1", "1", "17", "1", "2", '"hi"']),
        ('result 1 1 0 "0,6,0,5"', ["result", "1", "1", "0", '"0,6,0,5"']),
        ("result 1,2 3", ["result", "1,2", "3"]),
        (r'x "a \" b" "c\\" d', ["x", r'"a \" b"', r'"c\\"', "d"]),
        (r"x a\u0020b", ["x", r"a\u0020b"]),
        ('x "a b"c d', ["x", '"a b"c', "d"]),
        ('x a"b c"', ["x", 'a"b', 'c"']),
        ('x "no end to it', ["x", '"no end to it']),
        ('x "no end \\', ["x", '"no end \\']),
        ("properties_changed 1 5 “a b”", ["properties_changed", "1", "5", '"a b"']),
        ('x "客 厅"', ["x", '"客 厅"']),
        ("x 客厅", ["x"]),
        (b'x "\xff\xff"', ["x", '""']),
        (b"get_dx\x08own", ["get_down"]),
        (b"get_dx\x7fown", ["get_down"]),
        (b"\x08get_down", ["get_down"]),
        ("one\rtwo", ["one"]),
    ],
)
def test_split(line: bytes | str, tokens: list[str]) -> None:
    assert split(line) == tokens


@pytest.mark.parametrize(
    ("line", "tokens"),
    [
        ('power_on "light_on",60,0,1', ["power_on", '"light_on"', "60", "0", "1"]),
        ('x "a, b" c', ["x", '"a, b"', "c"]),
        (r'x "a\", b" c', ["x", r'"a\", b"', "c"]),
        ('x {"a": 1, "b": "}"} 2', ["x", '{"a": 1, "b": "}"}', "2"]),
        ("x [1, [2, 3]],4", ["x", "[1, [2, 3]]", "4"]),
        ("x ] a,,b", ["x", "]", "a", "b"]),
        ('x a"b c', ["x", 'a"b', "c"]),
        ("", []),
    ],
)
def test_split_legacy(line: str, tokens: list[str]) -> None:
    assert split_legacy(line) == tokens


@pytest.mark.parametrize(
    ("line", "faults"),
    [
        (b"\n get_down \r\n", []),
        ("model “a.b.c”", ["typographic quotes"]),
        (b"\xffget_down", ["1 byte(s)"]),
        (b"geu\x08t", ["1 backspace(s)"]),
        (b"a\rb", ["another line follows"]),
    ],
)
def test_clean_says_what_it_repaired(line: bytes | str, faults: list[str]) -> None:
    found = clean(line)[1]
    assert len(found) == len(faults)
    assert all(fault in text for fault, text in zip(faults, found, strict=True))


def test_a_module_keeps_no_foreign_text() -> None:
    assert clean('x "客厅"', keep_text=False)[0] == 'x ""'
    assert clean(r'x "\"客"')[0] == r'x "\"客"'


def test_join_writes_the_line_of_the_document() -> None:
    assert join(["properties_changed", "1", "2", '"hi there"']) == b'properties_changed 1 2 "hi there"\r'


@pytest.mark.parametrize(
    "bad", [[], [""], ["a b"], ['"a'], ['"a"b c"'], ["a", "b\rc"], ["caf\xe9"], ["a", " "], ["a\tb"]]
)
def test_join_refuses_what_would_not_be_read_back(bad: list[str]) -> None:
    with pytest.raises(LineError):
        join(bad)


def test_join_counts_parameters() -> None:
    assert join(["x", *["1"] * 64]).count(b"1") == 64
    with pytest.raises(LineError, match="65 parameters: a line has at most 64"):
        join(["x", *["1"] * 65])
    assert join(["down", "x", *["1"] * 64], head=2).count(b"1") == 64
    with pytest.raises(LineError, match="65 parameters"):
        join(["down", "x", *["1"] * 65], head=2)


def test_join_counts_characters() -> None:
    assert len(join(["x" * MAX_LINE])) == 512
    with pytest.raises(LineError, match="512 characters: a line has fewer than 512"):
        join(["x" * 512])


def test_an_empty_line_is_not_sent() -> None:
    with pytest.raises(LineError):
        seal("")


@given(st.one_of(st.binary(), st.text()))
def test_splitting_never_raises(line: bytes | str) -> None:
    assert all(split(line))
    assert all(split_legacy(line))


@given(st.text(alphabet='a1 ,"\\\\{}[]'))
def test_the_quick_way_to_split_legacy_lines_does_not_show(text: str) -> None:
    # The order of the dividers makes no difference to what they divide, but only one has the quick way.
    assert legacy_tokens_of(text) == legacy_tokens_of(text, ", ")


@given(st.text(alphabet='a1 "\\\\\t\n'))
def test_the_quick_way_to_split_lines_does_not_show(text: str) -> None:
    assert tokens_of(text) == _TOKENS.findall(text)


@given(PRINTABLE)
def test_tokens_are_read_back_as_they_were_written(text: str) -> None:
    tokens = split(text)
    again = " ".join(tokens)
    assert split(again) == tokens


def test_lines_come_whatever_the_pieces() -> None:
    reader = LineReader()
    assert reader.feed(b"get_", 1.0) == []
    assert reader.feed(b"down\rnet\rma", 1.5) == [
        Line(b"get_down\r", "get_down", 1.0),
        Line(b"net\r", "net", 1.5),
    ]
    assert reader.feed(b"c\r", 1.6) == [Line(b"mac\r", "mac", 1.5)]


def test_the_lf_of_a_crlf_neither_makes_nor_dates_a_line() -> None:
    reader = LineReader()
    assert [line.text for line in reader.feed(b"net\r\n", 1.0)] == ["net"]
    assert reader.deadline is None
    assert reader.tick(100.0) == []
    assert reader.feed(b"mac\r\n", 200.0) == [Line(b"\nmac\r", "mac", 200.0, (LF_BEFORE,))]


def test_power_up_junk_does_not_date_the_line() -> None:
    reader = LineReader()
    reader.feed(b"\xff\xff", 1.0)
    assert reader.feed(b"model\r", 3.0) == [Line(b"\xff\xffmodel\r", "model", 3.0, (NON_ASCII,))]


def test_empty_lines_are_for_recorders_only() -> None:
    assert LineReader().feed(b"\r\n\r  \r\xff\r", 0.0) == []
    lines = LineReader(keep_empty=True).feed(b"\r\n\r  \r\xff\r", 0.0)
    assert [line.raw for line in lines] == [b"\r", b"\n\r", b"  \r", b"\xff\r"]


def test_an_unfinished_line_is_given_up_after_a_second_of_silence() -> None:
    reader = LineReader()
    reader.feed(b"resu", 10.0)
    reader.feed(b"lt", 10.5)
    assert reader.deadline == 11.5
    assert reader.tick(11.4) == []
    assert reader.tick(11.5) == [Line(b"result", "result", 10.0, (UNFINISHED,))]
    assert reader.deadline is None
    assert reader.tick(20.0) == []


def test_bytes_after_the_silence_begin_a_new_line() -> None:
    reader = LineReader()
    reader.feed(b"resu", 10.0)
    assert [line.text for line in reader.feed(b"net\r", 12.0)] == ["resu", "net"]


def test_in_echo_mode_a_line_may_take_its_time() -> None:
    reader = LineReader(idle=None)
    reader.feed(b"ne", 0.0)
    assert reader.deadline is None
    assert [line.text for line in reader.feed(b"t\r", 1000.0)] == ["net"]


def test_flush_gives_up_what_is_there() -> None:
    reader = LineReader()
    assert reader.flush() == []
    reader.feed(b"ne", 0.0)
    assert [line.problems for line in reader.flush()] == [(UNFINISHED,)]
    assert reader.flush() == []


def test_an_overlong_line_is_named_and_the_next_one_is_whole() -> None:
    reader = LineReader()
    long, longest, after = reader.feed(b"x" * 512 + b"\r" + b"y" * 10_000 + b"\rnet\r", 0.0)
    assert (len(long.text), long.problems) == (512, (OVERLONG,))
    assert (len(longest.raw), longest.problems) == (KEPT, (OVERLONG,))
    assert (after.text, after.problems) == ("net", ())
    [just] = reader.feed(b"x" * 511 + b"\r", 0.0)
    assert just.problems == ()


def test_only_a_bounded_part_of_an_endless_line_is_kept() -> None:
    reader = LineReader(limit=100, idle=None)
    for _ in range(1000):
        assert reader.feed(b"z" * 1000, 0.0) == []
    [line] = reader.flush()
    assert line.raw == b"z" * 100
    assert line.problems == (UNFINISHED, OVERLONG)


@given(PIECES, st.lists(st.floats(0, 3), max_size=20))
def test_any_bytes_are_survived_and_the_next_line_is_whole(pieces: list[bytes], pauses: list[float]) -> None:
    reader = LineReader(limit=700)
    now = 0.0
    for index, piece in enumerate(pieces):
        now += pauses[index] if index < len(pauses) else 0.0
        for line in reader.feed(piece, now):
            assert len(line.raw) <= 700
            assert line.text == "" or line.text.isprintable()
            assert line.instant <= now
    reader.feed(b"\r", now)
    assert reader.feed(b"get_down\r", now) == [Line(b"get_down\r", "get_down", now)]


@given(st.binary(max_size=300), st.integers(1, 20))
def test_the_lines_do_not_depend_on_the_pieces(data: bytes, size: int) -> None:
    whole = LineReader(keep_empty=True)
    pieces = LineReader(keep_empty=True)
    expected = [*whole.feed(data, 0.0), *whole.flush()]
    found = [line for at in range(0, len(data), size) for line in pieces.feed(data[at : at + size], 0.0)]
    assert [*found, *pieces.flush()] == expected
    assert b"".join(line.raw for line in expected) == data


@given(
    st.binary(max_size=30)
    | st.lists(st.sampled_from([*b"a \x08\x7f\r\n\xff\xe4\xbd\xa0"]), max_size=12).map(bytes)
)
def test_the_text_that_is_kept_is_that_of_a_line_that_is_looked_at_closely(line: bytes) -> None:
    assert kept_text(line) == clean(line, keep_text=False)[0]
