"""Lines that are not whole: what is left of one, and what is noise."""

from __future__ import annotations

import pytest

from miio_lan.uart.pieces import lost_bytes, may_be_tail

LINES = [
    "get_down",
    "mcu_version 0012",
    "result 2 1 0 true 2 2 0 -5 2 3 0 21.5",
    "properties_changed 2 1 false 2 4 1e5",
    'event_occured 2 1 4 "two words" 5 "x"',
]


@pytest.mark.parametrize("line", LINES)
def test_every_end_of_a_line_may_be_one(line: str) -> None:
    for start in range(1, len(line)):
        assert may_be_tail(line[start:].strip()), line[start:]


@pytest.mark.parametrize(
    "text",
    [
        *("hello", "MCU boot v1.2", "Result 2 1 0 true", "boot.", "down get_properties 2 1", "ok"),
        # These begin with their word, whatever is wrong with them.
        *("get_down 1", 'properties_changed 2 1 "unfinished', "result 2 1 0 007"),
    ],
)
def test_what_nobody_cut_is_no_end_of_a_line(text: str) -> None:
    assert not may_be_tail(text) or text == "down get_properties 2 1"


@pytest.mark.parametrize(
    ("direction", "text", "lost"),
    [
        *(("up", "get_dwn", True), ("up", "propertieschanged 2 1 5", True), ("up", "hello", False)),
        *(("up", "get_dget_down", True), ("down", "own none", True), ("down", "okok", True)),
        # The prompt of echo mode is said before a line, and no line that ran into it.
        *(
            ("down", "# down none", False),
            ("down", "# down nonedown none", True),
            ("down", "# own none", True),
        ),
    ],
)
def test_what_lacks_a_few_bytes(direction: str, text: str, lost: bool) -> None:
    assert lost_bytes(text, direction, foreign=True) is lost
