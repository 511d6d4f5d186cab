"""The order of two directions whose stamps are late, each by a time of its own."""

from __future__ import annotations

from miio_lan.record import Record
from miio_lan.uart.bridge.faults import DROPPED, SENT
from miio_lan.uart.order import LATENESS, merged


def line(at: float, direction: str, text: str, note: str = "") -> Record:
    return Record("uart", direction, at, at, text.encode() + b"\r", note=note)


def texts(*records: Record) -> list[str]:
    return [record.raw.decode().rstrip() for record in merged(records)]


def test_an_answer_that_seems_to_come_first_comes_second() -> None:
    assert texts(line(1.010, "up", "get_down"), line(1.0, "down", "down none")) == ["get_down", "down none"]


def test_what_is_far_apart_stays_as_it_is() -> None:
    late = line(1.0 + 2 * LATENESS, "up", "get_down")
    assert texts(late, line(1.0, "down", "down none")) == ["down none", "get_down"]


def test_a_question_that_was_never_answered_explains_nothing_for_long() -> None:
    lost = line(0.5, "up", "get_down")
    rest = [line(1.010, "up", "get_down"), line(1.0, "down", "down none")]
    assert texts(lost, *rest) == ["get_down", "get_down", "down none"]


def test_what_only_a_bridge_heard_or_said_explains_nothing() -> None:
    records = [
        line(1.000, "up", "get_down", DROPPED),
        line(1.001, "down", "error", SENT),
        line(1.010, "up", "get_down"),
        line(1.005, "down", "down none"),
    ]
    assert texts(*records) == ["get_down", "error", "get_down", "down none"]
