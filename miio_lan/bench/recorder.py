"""Collects the records of both wires while a test runs, and wakes whoever waits for one of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from miio_lan.record import Record
from miio_lan.record.marks import begins_outage

RECORDS_BEFORE = 64
"""Records that are kept from before the beginning: they show that somebody was listening already."""
LONGEST_DELAY = 5.0
"""Seconds a record may be told after its instant. What is further off was stamped by another clock, as in a recording
that is fed to a bench, and such instants cannot be compared with those of this run."""
QUIET_TIME = 1.0
"""Seconds in which a product says something that has nothing to do: it asks for work."""

_T = TypeVar("_T")


class Mark:
    """A moment of a recording: tells what came before it, also of what is told only later.

    :param instant: when, in monotonic seconds
    :param told: the records that were told by then
    :param delay: gives the seconds by which a record was told after its instant, None where that is not known
    """

    def __init__(
        self, instant: float, told: Sequence[Record], delay: Callable[[Record], float | None]
    ) -> None:
        self.instant = instant
        # By identity: the very same may be said again. The records are kept, so that no other gets their identity.
        self._told = {id(record): record for record in told}
        self._delay = delay

    def follows(self, record: Record) -> bool:
        """Tell whether a record is of before this moment."""
        if id(record) in self._told:
            return True
        delay = self._delay(record)
        return delay is not None and 0 <= delay < LONGEST_DELAY and record.instant < self.instant


def is_between(begun: Mark, record: Record, ended: Mark) -> bool:
    """Tell whether a record is of after the one moment and of before the other, whenever it is told."""
    return not begun.follows(record) and ended.follows(record)


class Recorder:
    """An observer for both wires; may be told of records by any thread.

    Records are handed out in the order of their instants: two wires have two observers.

    :param clock: gives monotonic seconds, as the instants of the records are
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._records: list[Record] = []
        self._told_at: dict[int, float] = {}
        self._begun = 0
        self._news = threading.Condition()
        self._clock = clock
        #: Seconds for which a receiver that is lost may look like one that hears nothing: at another computer.
        self.loss_shows_after = 0.0

    def observe(self, record: Record) -> None:
        """Take a record."""
        with self._news:
            self._records.append(record)
            self._told_at[id(record)] = self._clock()
            self._news.notify_all()

    def begin(self) -> None:
        """Start anew, with the last few records as what came before, and the outages that go on."""
        with self._news:
            away = _outages(self._records)
            recent = self._records[-RECORDS_BEFORE:]
            self._records = [*(each for each in self._records[:-RECORDS_BEFORE] if id(each) in away), *recent]
            self._told_at = {id(record): self._told_at[id(record)] for record in self._records}
            self._begun = len(self._records)

    def forget(self) -> None:
        """Drop everything: a product that was started anew owes no answer to what was said before."""
        with self._news:
            self._records = []
            self._told_at = {}
            self._begun = 0

    def mark(self) -> Mark:
        """Mark this moment."""
        with self._news:
            return Mark(self._clock(), self._records, self._delay_of)

    def _delay_of(self, record: Record) -> float | None:
        told_at = self._told_at.get(id(record))
        return None if told_at is None else told_at - record.instant

    @property
    def records(self) -> list[Record]:
        """What was recorded since the beginning."""
        return self.look()[1]

    def look(self) -> tuple[Sequence[Record], list[Record]]:
        """Give, of one moment, all that is kept as it came, and what was recorded since the beginning by its time."""
        with self._news:
            kept, begun = list(self._records), self._begun
        return kept, sorted(kept[begun:], key=lambda record: record.instant)

    def wait(self, look: Callable[[], _T | None], timeout: float) -> _T | None:
        """Call ``look`` whenever there is something new, until it gives something, at most ``timeout`` seconds."""
        until = time.monotonic() + timeout
        while True:
            with self._news:
                seen = len(self._records)
            found = look()
            left = until - time.monotonic()
            if found is not None or left <= 0:
                return found
            with self._news:
                if len(self._records) == seen:
                    self._news.wait(min(left, threading.TIMEOUT_MAX))


def _outages(records: Sequence[Record]) -> set[int]:
    """Give the identities of the marks of outages that are not over."""
    away: dict[tuple[str, str, str], int] = {}
    for record in records:
        key = (record.wire, record.direction, record.peer)
        if begins_outage(record):
            away.setdefault(key, id(record))
        else:
            away.pop(key, None)
    return set(away.values())
