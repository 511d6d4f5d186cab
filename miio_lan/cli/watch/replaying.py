"""A recording, read again: at its pace or at once, and no longer than it is to take."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, TextIO, cast

from miio_lan.cli.signals import SIGNAL_TIME
from miio_lan.cli.watch.arriving import arriving_lines

if TYPE_CHECKING:
    from miio_lan.record import Record

    Join = Callable[[Iterable[Record]], Iterable[Record]]


class _Interrupted(BaseException):
    """Reading was interrupted. Not an error: nobody between the reading and who began it may take it for one."""


class Replay:
    """The records of a recording, its lines in the order in which they were said.

    A pipe is waited for, but no longer than the replay is to take. When nothing has come from it for two seconds, what
    was read has its place: it waits no longer for what may come before it.

    :param file: a path, ``-`` for stdin
    :param speed: how much faster than then; None does not wait at all
    :param join: adds to the records; their places are counted after that
    :raises RecordError: if it cannot be read
    """

    def __init__(self, file: str, speed: float | None = None, join: Join | None = None) -> None:
        from miio_lan.record.recording import read_recording
        from miio_lan.uart.order import in_stream

        self.file = file
        self._lines = arriving_lines(file)
        self._reader = read_recording(file if self._lines is None else cast("TextIO", self._lines))
        self._records = in_stream(self._placed(join))
        self._places: dict[int, int] = {}
        self._speed = speed
        self._begun: float | None = None
        self._end: SimpleQueue[None] = SimpleQueue()
        self._reading: int | None = None  # the thread that reads now
        # What cannot be read is said before anything is shown.
        self._first = self._next() if self._lines is None else None

    def _placed(self, join: Join | None) -> Iterator[Record | None]:
        from miio_lan.uart.order import OBSERVED_WITHIN

        records = iter(self._reader if join is None else join(self._reader))
        lines = self._lines if join is None else None  # what is joined was read to its end
        for place in itertools.count():
            if lines is not None and lines.silent(OBSERVED_WITHIN):
                yield None
            record = next(records, None)
            if record is None:
                return
            self._places[id(record)] = place
            yield record

    @property
    def empty(self) -> bool:
        """Whether it ended before any record; to be asked when it has begun."""
        return self._first is None

    def place(self, record: Record) -> int:
        """Give the place of a record in the file, counted from 0. To be asked once, for a record that was given."""
        return self._places.pop(id(record))

    def interrupt(self) -> None:
        """End at once. May be called from a signal handler, which what it raises is to leave."""
        self._end.put(None)
        if self._reading == threading.get_ident():
            self._reading = None
            raise _Interrupted  # the system goes on with a read after a signal

    def begin(self, seconds: float | None = None) -> bool:
        """Begin, and wait for the first record.

        :param seconds: for how long all of it may be waited for
        :returns: False when it has ended before anything came
        :raises RecordError: if what comes first is no record
        """
        self._begun = time.monotonic()
        if self._lines is None:
            return True
        if seconds is not None:
            self._lines.until = self._begun + seconds
        try:
            self._first = self._next()
        except _Interrupted:
            return False
        return self._first is not None or not self._lines.timed_out

    def records(self, *, seconds: float | None = None, count: int | None = None) -> Iterator[Record | str]:
        """Give records as they come, for some time or up to some count. Begins, if that was not done.

        :raises RecordError: if something is no record
        """
        with contextlib.closing(self), contextlib.suppress(_Interrupted):
            if self._begun is None and not self.begin(seconds):
                return
            begun, then = self._begun or 0.0, 0.0 if self._first is None else self._first.instant
            until = None if seconds is None else begun + seconds
            for record in itertools.islice(self._each(), count):
                due = begun if self._speed is None else begun + (record.instant - then) / self._speed
                late = until is not None and max(due, self._now(due)) > until
                if self._waited(until if late and until is not None else due) or late:
                    return
                yield record

    def close(self) -> None:
        """Close the file, wherever in it this has come."""
        self._reader.close()
        if self._lines is not None:
            self._lines.close()

    def _now(self, due: float) -> float:
        """Give the time; what has come in time, and was kept back for its place, is not late for that."""
        return due if self._lines is not None and self._lines.timed_out else time.monotonic()

    def _each(self) -> Iterator[Record]:
        record = self._first
        while record is not None:
            yield record
            record = self._next()

    def _next(self) -> Record | None:
        """Read the next record; None at the end.

        :raises _Interrupted: if that is to end
        """
        try:
            self._reading = threading.get_ident()
            if not self._end.empty():
                raise _Interrupted
            return next(self._records, None)
        finally:
            self._reading = None

    def _waited(self, due: float) -> bool:
        """Wait, and tell whether somebody ended that."""
        while True:
            left = due - time.monotonic()
            try:
                self._end.get(timeout=min(max(0.0, left), SIGNAL_TIME))
            except Empty:
                if left <= SIGNAL_TIME:
                    return False
            else:
                return True


class Copy:
    """Hands records on in the order of their places, though they come in another.

    :param write: called with each
    """

    def __init__(self, write: Callable[[Record], object]) -> None:
        self._write = write
        self._waiting: list[tuple[int, Record]] = []  # a heap
        self._next = 0

    def take(self, place: int, record: Record) -> None:
        """Take a record; hand on what has its turn. Each place comes once, and none is left out but the last ones."""
        heapq.heappush(self._waiting, (place, record))
        while self._waiting and self._waiting[0][0] == self._next:
            self._write(heapq.heappop(self._waiting)[1])
            self._next += 1

    def close(self) -> None:
        """Hand on the rest."""
        while self._waiting:
            self._write(heapq.heappop(self._waiting)[1])
