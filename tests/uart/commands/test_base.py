from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.uart.commands import Action, Command, EventOccured, GetProperties, PropertiesChanged, read
from miio_lan.uart.commands.cursor import Cursor

TAKES: list[Callable[[Cursor], Any]] = [
    Cursor.skip,
    Cursor.word,
    Cursor.value,
    Cursor.values,
    Cursor.integer,
    Cursor.properties,
    Cursor.pairs,
    Cursor.rest,
    lambda cursor: cursor.ids(1),
    lambda cursor: cursor.ids(2),
]


@given(
    st.lists(st.sampled_from(["1", "2", "-1", "true", '"a b"', '"', "x", "1e3"]), max_size=8),
    st.lists(st.sampled_from(TAKES), max_size=12),
)
def test_nothing_is_taken_beyond_the_end(tokens: list[str], takes: list[Callable[[Cursor], Any]]) -> None:
    cursor = Cursor(tokens, " ".join(tokens))
    before = len(tokens)
    for take in takes:
        take(cursor)
        assert 0 <= len(cursor) <= before
        assert cursor.left() == tuple(tokens[len(tokens) - len(cursor) :])
        before = len(cursor)


def test_what_is_missing_is_nothing() -> None:
    cursor = Cursor(["5"], "5")
    assert cursor.skip() == "5"
    assert (cursor.skip(), cursor.peek(), cursor.word(), cursor.integer()) == ("", "", None, None)
    assert len(cursor) == 0
    assert not cursor.faults
    cursor.value()
    assert len(cursor.faults) == 1


def test_what_was_found_out_about_a_line_is_no_part_of_one_that_is_made_of_it() -> None:
    command = read("get_down", direction="up")
    assert command.valid
    assert command.kept_json is command.kept_json == command.as_json()
    other = command.amended(faults=("a fault",))
    assert (other.problem, other.kept_json) == ("a fault", other.as_json())
    assert other.kept_json == {"command": "get_down", "valid": False, "problem": "a fault"}
    assert other.amended(faults=()).valid


@pytest.mark.parametrize(
    ("kind", "begin", "rows"),
    [
        (PropertiesChanged, (), ((2, 1, True), (2, 2, "a b"))),
        (GetProperties, (), ((2, 1), (2, 2))),
        (EventOccured, (2, 1), ((1, 5),)),
        (EventOccured, (2, 1), ()),
        (Action, (2, 1), ()),
    ],
)
def test_rows_in_a_list_say_the_same(
    kind: Callable[..., Command], begin: tuple[int, ...], rows: tuple[object, ...]
) -> None:
    written, listed = kind(*begin, rows), kind(*begin, list(rows))
    assert listed.encode() == written.encode()
    assert listed.as_json() == written.as_json()
