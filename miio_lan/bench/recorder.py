"""Collects the records of both wires while a test runs, and wakes whoever waits for one of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from miio_lan.record import Record

LEAD = 64
"""Records that are kept from before the beginning: they show that somebody was listening already."""

_T = TypeVar("_T")


class Recorder:
    """An observer for both wires; may be told of records by any thread.

    Records are handed out in the order of their instants: two wires have two observers.
    """

    def __init__(self) -> None:
        self._records: list[Record] = []
        self._begun = 0
        self._news = threading.Condition()

    def observe(self, record: Record) -> None:
        """Take a record."""
        with self._news:
            self._records.append(record)
            self._news.notify_all()

    def begin(self) -> None:
        """Start anew, with the last few records as what came before."""
        with self._news:
            self._records = self._records[-LEAD:]
            self._begun = len(self._records)

    def forget(self) -> None:
        """Drop everything: a product that was started anew owes no answer to what was said before."""
        with self._news:
            self._records = []
            self._begun = 0

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
                    self._news.wait(left)
