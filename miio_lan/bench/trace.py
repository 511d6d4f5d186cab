"""What crossed both wires, for the reader of a failed test."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Protocol

from miio_lan.foreign import printable
from miio_lan.pairing.exchange import Exchange
from miio_lan.record import Record

POLL, NO_WORK = "get_down", "down none"
"""What the MCU asks for work, and what it is told when there is none."""
LONGEST_TRACE = 80
"""Lines of a trace; what is longer is cut at its beginning."""


class ExpectationFailed(AssertionError):
    """Something that was to cross a wire did not; the text shows what did."""


class Joined(Protocol):
    """What has a command in it."""

    @property
    def joined(self) -> Exchange:
        """The command."""


def summary(exchange: Exchange | Joined) -> str:
    """Say in one line what became of a command."""
    exchange = exchange if isinstance(exchange, Exchange) else exchange.joined
    times = [
        f"{name} {seconds * 1000:.1f} ms"
        for name, seconds in (
            ("fetched after", exchange.fetch_time),
            ("MCU", exchange.mcu_time),
            ("in all", exchange.total_time),
        )
        if seconds is not None
    ]
    end = exchange.stopped_at or "went through"
    doubt = " (still open)" if exchange.open else " (ambiguous)" if exchange.ambiguous else ""
    return f"{exchange.method}: {end}{doubt}" + (f" [{', '.join(times)}]" if times else "")


def account(exchange: Exchange | Joined) -> str:
    """Say what became of a command, in one line, with what else is to be said about it below."""
    exchange = exchange if isinstance(exchange, Exchange) else exchange.joined
    return "\n".join(map(printable, [summary(exchange), *(f"  - {note}" for note in exchange.notes)]))


def trace(records: Sequence[Record], *, wall: bool = False, longest: int | None = LONGEST_TRACE) -> str:
    """Show both wires side by side, without the polls that fetched nothing; secrets are hidden.

    :param wall: times of day instead of seconds since the first record
    :param longest: lines; of a longer trace the beginning is cut. None for all
    """
    from miio_lan.record.lanes import Lanes

    shown, polls = without_polls(records)
    lanes = Lanes("wires", wall=wall)
    rows = [lanes.header, *(row for record in shown for row in lanes.rows(record))]
    if longest is not None and len(rows) > longest + 1:
        rows[1:-longest] = [f"... {len(rows) - longest - 1} lines before ..."]
    if polls:
        rows.append(f"({polls} polls that fetched nothing are left out)")
    return "\n".join(rows)


def without_polls(records: Iterable[Record]) -> tuple[list[Record], int]:
    """Leave out the polls that fetched nothing, with their answers; return what is left, and how many those were."""
    uart = [record for record in records if record.wire == "uart" and record.raw]
    idle = {id(record) for record in uart if record.text == NO_WORK}
    polls = 0
    for record, answer in pairwise([*uart, None]):
        # "error" is the reply while an answer is outstanding.
        fetched = answer is not None and answer.text not in (NO_WORK, "error")
        if record is not None and record.text == POLL and not fetched:
            idle |= {id(record), id(answer)}
            polls += 1
    return [record for record in records if id(record) not in idle], polls
