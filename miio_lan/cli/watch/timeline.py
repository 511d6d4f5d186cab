"""Two wires side by side: what crossed the LAN and the UART during one command, with times."""

from __future__ import annotations

import textwrap
import threading
from collections.abc import Callable, Iterator, Sequence

from miio_lan.record import Record
from miio_lan.record.lanes import line_text, said

_TIME, _LAN, _UART = 8, 32, 37
HEADER = f"{'ms':>{_TIME}} {'LAN: client → ← module':<{_LAN}}  UART: module → ← MCU"


class Trace:
    """Collects records from several threads."""

    def __init__(self) -> None:
        self._records: list[Record] = []
        self._news = threading.Condition()

    def observe(self, record: Record) -> None:
        """Take a record."""
        with self._news:
            self._records.append(record)
            self._news.notify_all()

    def take(self, complete: Callable[[list[Record]], bool], patience: float) -> list[Record]:
        """Wait until what was collected is complete, at most some seconds, and hand it over in order of time."""
        with self._news:
            self._news.wait_for(lambda: complete(self._records), patience)
            taken, self._records = self._records, []
        return sorted(taken, key=lambda record: record.instant)


def in_order(records: Sequence[Record], beginnings: Sequence[str]) -> bool:
    """Tell whether lines that begin like this crossed the UART, in this order."""
    lines = iter([line_text(record) for record in records if record.wire == "uart"])
    return all(any(line.startswith(beginning) for line in lines) for beginning in beginnings)


def without_polls(records: Sequence[Record]) -> tuple[list[Record], int]:
    """Leave out the polls that fetched nothing; return what is left, and how many were left out."""
    uart = [record for record in records if record.wire == "uart"]
    idle: set[int] = set()
    for place, record in enumerate(uart):
        answer = uart[place + 1] if place + 1 < len(uart) else None
        # "error" is the reply while the answer to a command is outstanding.
        if line_text(record) == "get_down" and (
            answer is None or line_text(answer) in ("down none", "error")
        ):
            idle |= {id(record), id(answer)}
    # An answer whose question belongs to the command before.
    idle |= {id(record) for record in uart if line_text(record) == "down none"}
    polls = sum(line_text(record) == "get_down" for record in uart if id(record) in idle)
    return [record for record in records if id(record) not in idle], polls


def lines_of(records: Sequence[Record]) -> Iterator[str]:
    """Write records in two lanes that fit 80 columns."""
    start = beginning(records)
    shown, polls = without_polls([record for record in records if record.instant >= start])
    for record in shown:
        yield from _lanes(
            f"{(record.instant - start) * 1000:.1f}", record.wire, f"{_arrow(record)} {_said(record)}"
        )
    if polls:
        yield f"{'':{_TIME}} {'':{_LAN}}  ({polls} polls that fetched nothing)"


def beginning(records: Sequence[Record]) -> float:
    """Give the instant of the first datagram."""
    return next((record.instant for record in records if record.wire == "lan"), 0.0)


def _arrow(record: Record) -> str:
    return "→" if record.direction == "down" else "←"


def _lanes(time: str, wire: str, text: str) -> Iterator[str]:
    width = _LAN if wire == "lan" else _UART
    parts = textwrap.wrap(text, width, subsequent_indent="  ", break_on_hyphens=False) or [""]
    for place, part in enumerate(parts):
        stamp = time if place == 0 else ""
        lan, uart = (part, "") if wire == "lan" else ("", part)
        yield f"{stamp:>{_TIME}} {lan:<{_LAN}}  {uart}".rstrip()


def _said(record: Record) -> str:
    return record.note if record.note and record.wire == "lan" else said(record)
