"""Records can be compared by their times only where one clock has stamped them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from miio_lan.errors import RecordError
from miio_lan.record import Record
from miio_lan.record.clock import check_clock

LINE = Record("uart", "up", 1000.0, 1.7e9, b"get_down\r")


def at(instant: float, wall: float, wire: str = "uart") -> Record:
    return replace(LINE, wire=wire, instant=1000.0 + instant, wall=1.7e9 + wall)


@pytest.mark.parametrize(
    "records",
    [
        [],
        [at(0, 0), at(1, 1), at(1, 1), at(3600, 3600)],
        [at(0, 0), at(10, 10), at(1, 1)],  # an observer was late
        [at(0, 0), at(10, 10), at(9, 9.5)],  # and the clock was slewed
        [at(0, 0), at(10, 3610), at(11, 3611)],  # somebody set the time of day
        [at(0, 0), at(10, 10), at(8.5, 3608.5)],  # and an observer was late
        [at(0, 0), at(10, 10), at(1, 1), at(1, 1)],  # of two lines of one read
        [at(0, 0), at(1, 1), at(1, 1), at(0, 0)],  # by little
        [at(0, 0), at(10, 10), at(1, 1), at(10, 10, "lan"), at(1, 1)],  # with another wire in between
        [at(0, 0), at(10, 10), at(0, 0, "lan"), replace(at(0, 0), direction="down")],
        [at(0, 0), replace(at(5, 5), raw=b""), at(10, 10), replace(at(5, 5), raw=b"")],  # marks
        [at(100, 100, "lan"), at(0, 500), at(101, 101, "lan"), at(1, 501)],  # each wire by itself
    ],
)
def test_one_clock(records: list[Record]) -> None:
    check_clock(records)


@pytest.mark.parametrize(
    ("records", "number"),
    [
        ([at(0, 0), at(10, 10), at(-990, 100)], 3),  # its computer was started anew
        ([at(0, 0), at(10, 10), at(0.03, 2000), at(10, 2010)], 3),  # two recordings, each from a restart on
        ([at(0, 0), at(10, 10), at(0.03, -2000)], 3),
        ([at(0, 0), at(3, 3), at(0, 0, "lan"), at(3, 3, "lan"), at(0, 90)], 5),
    ],
)
def test_several(records: list[Record], number: int) -> None:
    with pytest.raises(RecordError, match=f"^record {number} was stamped by another clock .* Divide it"):
        check_clock(records)


@pytest.mark.parametrize(
    ("records", "number", "copy"),
    [
        ([at(0, 0), at(10, 10), at(0, 0), at(10, 10)], 3, 1),
        ([at(0, 0), at(5, 5), at(10, 10), at(5, 5)], 4, 2),
        ([at(0, 0, "lan"), at(7, 7), at(10, 10, "lan"), at(8, 8), at(0, 0, "lan")], 5, 1),
    ],
)
def test_what_is_there_twice(records: list[Record], number: int, copy: int) -> None:
    with pytest.raises(RecordError, match=f"^record {number} is record {copy} once more: .* Take each"):
        check_clock(records)
