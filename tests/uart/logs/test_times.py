"""Times of logs: their dates, their units, clocks that go back, and answers that look like times."""

from __future__ import annotations

import io

import pytest

from miio_lan.errors import RecordError
from miio_lan.uart.logs.logparts import Times
from miio_lan.uart.logs.tables import read_table
from miio_lan.uart.logs.textlog import read_text_log


def instants(*stamps: str) -> list[float]:
    times = Times()
    return [round(times.take(f"{stamp} TX: net")[0], 3) for stamp in stamps]


@pytest.mark.parametrize(
    ("first", "second", "days"),
    [
        ("2024-03-04", "2024-03-05", 1),
        ("2024/02/28", "2024/03/01", 2),
        ("2024-03-04", "2024-03-04", 0),
        ("28/11/2026", "29/11/2026", 1),
        ("11/28/2026", "11/29/2026", 1),
        ("11/12/2026", "11/13/2026", 1),
        ("03/31/2026", "04/01/2026", 1),
        ("31/12/2026", "1/1/2027", 1),
        ("28.11.2026", "30.11.2026", 2),
        ("2024-13-45", "2024-13-46", 0),
    ],
)
def test_days_are_told_by_the_date(first: str, second: str, days: int) -> None:
    found = instants(f"{first} 10:00:00.000", f"{second} 10:00:05.000", f"{second} 10:00:06.000")
    assert found == [36000.0, 36005.0 + days * 86400, 36006.0 + days * 86400]


def test_a_morning_after_an_afternoon_is_the_next_day_where_the_date_says_so() -> None:
    assert instants("2024-03-04 14:00:00", "2024-03-05 09:00:00", "2024-03-05 09:30:00") == [
        50400.0, 118800.0, 120600.0,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("stamps", "found"),
    [
        (["[3600.1]", "[3600.2]", "[0.5]", "[0.6]", "[5.5]"], [3600.1, 3600.2, 3600.2, 3600.3, 3605.2]),
        (["[9.0]", "[1.0]", "[8.0]", "[2.0]", "[3.0]"], [9.0, 9.0, 16.0, 16.0, 17.0]),
        (["[90000.0]", "[1.0]", "[2.0]"], [90000.0, 90000.0, 90001.0]),
        (["14:00:00", "09:00:00", "09:00:01"], [50400.0, 50400.0, 50401.0]),
        (["2024-03-04 14:00:00", "2024-03-04 13:00:00", "2024-03-04 13:00:01"], [50400.0, 50400.0, 50401.0]),
    ],
)
def test_a_log_that_goes_back_goes_on_from_there(stamps: list[str], found: list[float]) -> None:
    assert instants(*stamps) == found


@pytest.mark.parametrize(
    ("stamps", "found"),
    [
        (["[10.020]", "[10.012]", "[10.030]"], [10.02, 10.02, 10.03]),
        (["12:00:00.020", "12:00:00.012", "12:00:00.030"], [43200.02, 43200.02, 43200.03]),
        (["23:59:59.9", "00:00:00.1", "23:59:59.8", "00:00:00.2"], [86399.9, 86400.1, 86400.1, 86400.2]),
    ],
)  # fmt: skip
def test_lines_that_come_late_by_milliseconds_are_no_restart(stamps: list[str], found: list[float]) -> None:
    assert instants(*stamps) == found


@pytest.mark.parametrize("end", ["", "\\r", "\\r\\n", "\\x0d", "\\r\\n  "])
def test_the_answer_to_time_is_no_time_of_the_log(end: str) -> None:
    text = f"time\\r\n2015-06-04 16:58:07{end}\nget_down\\r\ndown none\\r\n"
    found = [
        (record.direction, record.raw.strip(), record.instant) for record in read_text_log(io.StringIO(text))
    ]
    assert [(way, raw) for way, raw, _ in found] == [
        ("up", b"time"), ("down", b"2015-06-04 16:58:07"), ("up", b"get_down"), ("down", b"down none"),
    ]  # fmt: skip
    assert {instant for _, _, instant in found} == {0.0}


@pytest.mark.parametrize("date", ["28/11/2026", "11/28/2026", "28.11.2026", "2026-11-28", "28/11/2026,"])
def test_stamps_of_docklight(date: str) -> None:
    text = f"{date} 10:20:31.123 [TX] - get_down<CR>\n{date} 10:20:31.140 [RX] - down none<CR>\n"
    found = [record.instant for record in read_text_log(io.StringIO(text))]
    assert found == [37231.123, 37231.14]


@pytest.mark.parametrize(
    ("unit", "scale"),
    [
        ("", 1), ("s", 1), ("sec", 1), ("Seconds", 1), ("ms", 1e3), ("msec", 1e3), ("milliseconds", 1e3),
        ("µs", 1e6), ("μs", 1e6), ("us", 1e6), ("usec", 1e6), ("Microseconds", 1e6), ("ns", 1e9), ("nsec", 1e9),
    ],
)  # fmt: skip
def test_units_have_many_spellings(unit: str, scale: float) -> None:
    head = f"Time [{unit}]" if unit else "Time"
    rows = read_table([f"{head},Direction,Data", f"{scale},up,get_down", f"{scale * 1.5},down,down none"])
    assert rows is not None
    assert [round(row.instant, 9) for row in rows.lines] == [1.0, 1.5]


@pytest.mark.parametrize("head", ["Time [ticks]", "Timestamp (samples)", "Time (UTC)"])
def test_a_unit_that_nobody_knows_is_refused_and_not_guessed(head: str) -> None:
    unit = head.lower()[head.index(" ") + 2 : -1]
    with pytest.raises(RecordError, match=rf"unit '?{unit}'? .* s, ms, us or ns"):
        read_table([f"{head},Direction,Data", "1000,up,get_down"])
    assert (
        read_table([f"{head},Direction,Data", "10:00:00,up,get_down"]) is not None
    )  # no number: nothing to scale
    with pytest.raises(RecordError, match="is not known"):
        list(read_text_log([f"|{head}|direction|data|", "|-|-|-|", "|1000|up|get_down|"]))
