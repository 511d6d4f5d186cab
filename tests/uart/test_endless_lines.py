"""Lines of one thing repeated, however long: no part of a line may cost a call each."""

from __future__ import annotations

import io
from typing import Literal

import pytest

from miio_lan.record import Record
from miio_lan.uart.bridge.faults import Fault
from miio_lan.uart.bridge.interference import Interference
from miio_lan.uart.commands import Down, Noise, read
from miio_lan.uart.commands.layout import _MOST_PROPERTIES
from miio_lan.uart.conversation import converse
from miio_lan.uart.listening.overhearing import Overhearing
from miio_lan.uart.logs.textlog import read_text_log

Direction = Literal["up", "down"]
TIMES = 4000
ENDLESS = [
    *("#" * TIMES, "# " * TIMES, "# " * TIMES + "down none", "#" * TIMES + "ok", "# down " * TIMES),
    *(word + "\\u0020" * TIMES + "5" for word in ("result ", 'result "a\\"', "down set_properties 2 1 ")),
    *(head + bracket * TIMES for head in ("result ", "down x ", "_async.", "props ") for bracket in '[{"'),
    *("get_down" * TIMES, "result 1" * TIMES, "down " * TIMES, "okok" * TIMES, '"' * TIMES, "\\" * TIMES),
    "result " + "2 1 0 5 " * TIMES,
]
LINES = pytest.mark.parametrize("line", ENDLESS, ids=range(len(ENDLESS)))
WAYS = pytest.mark.parametrize("direction", ["up", "down"])


@LINES
@WAYS
def test_an_endless_line_is_read(line: str, direction: Direction) -> None:
    raw = line.encode() + b"\r"
    assert read(raw, direction=direction).as_json()
    assert read(raw, direction=direction, pending=raw).as_json()
    converse([Record("uart", "up", 0.0, 0.0, b"get_down\r"), Record("uart", direction, 0.1, 0.1, raw)])


@LINES
@WAYS
def test_an_endless_line_is_recorded(line: str, direction: Direction) -> None:
    records: list[Record] = []
    heard = Overhearing(records.append, wall=lambda now: now)
    heard.feed(direction, line.encode() + b"\r", 0.0)
    assert len(records) == 1
    log = f"TX: get_down\nRX: down none\n{'TX' if direction == 'up' else 'RX'}: {line}\n"
    assert list(read_text_log(io.StringIO(log)))


@LINES
@WAYS
@pytest.mark.parametrize("rule", ["duplicate reply after 5 x1", "drop *", "alter *: s/#/x/", "drop none"])
def test_an_endless_line_goes_through_faults(line: str, direction: Direction, rule: str) -> None:
    for size in (TIMES, 1500):  # what is kept of a line, and what is not
        between = Interference([Fault.parse(rule)])
        said = line[:size].encode() + b"\r"
        steps = between.feed(direction, said, 1.0) + between.tick(9.0)
        assert b"".join(step.data for step in steps).startswith(said[:-1]) or rule.startswith("alter")
        assert between.feed(direction, b"get_down\r", 10.0)


def test_prompts_are_one_fault_however_many_they_are() -> None:
    command = read("# " * TIMES + "down none", direction="down")
    assert isinstance(command, Down)
    assert [fault for fault in command.faults if "prompt" in fault] == [
        "the prompt of echo mode stands before the line"
    ]
    assert isinstance(read("#" * TIMES, direction="down"), Noise)


def test_as_many_properties_as_are_looked_for_are_found() -> None:
    ids = [(2, piid) for piid in range(1, _MOST_PROPERTIES + 1)]
    asked = "down get_properties " + " ".join(f"{siid} {piid}" for siid, piid in ids)
    said = "result " + " ".join(f"{siid} {piid} true" for siid, piid in ids)  # without codes: by its ids
    assert len(read(said, direction="up", pending=asked).as_json()["results"]) == len(ids)  # type: ignore[arg-type]
