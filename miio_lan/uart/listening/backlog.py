"""What was heard and not yet looked at.

Looking at a line costs far more than reading its bytes, and least when many are looked at in one go: after a pause the
processor has forgotten how it is done. So a quiet line is looked at immediately, a busy one a few times per second, in
small portions between the reads. No I/O and no clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from miio_lan.record.runs import in_one_run

PAUSE = 0.05
"""Seconds between two looks at a busy line: observers hear of a line that much later at most."""
SATURATED_PAUSE = 0.2
"""The same, when the line is nearly saturated: it costs a quarter less so."""
MANY = 10
"""Reads within :data:`PAUSE` that make a line count as nearly saturated: 200 per second."""
PORTION = 768
"""Bytes looked at in one go, and what of a read is left: for so long nobody else is served, two milliseconds. By bytes,
for in a flood a read has a hundred times those of a line at 115200 baud."""

_T = TypeVar("_T")


class Backlog(Generic[_T]):
    """Keeps items in order until it is time to look at them.

    :param look: called with each item
    :param ready: whether an item can be looked at yet; if not, it and those after it wait for the next :meth:`tick`,
        which is wanted at once
    """

    def __init__(self, look: Callable[[_T], object], *, ready: Callable[[_T], bool] | None = None) -> None:
        self._look = look
        self._ready = ready
        self._items: deque[tuple[_T, int]] = deque()  # each with its size
        self._next = 0.0
        self._latest = 0.0  # until when the pause may still become a long one

    @property
    def deadline(self) -> float | None:
        """When :meth:`tick` is next wanted, monotonic seconds; None while there is nothing to look at."""
        return self._next if self._items else None

    def add(self, item: _T, now: float, *, size: int = 1, at_once: bool = True) -> None:
        """Take an item; look at it at once if the last look was long ago.

        :param size: the bytes that there are to look at
        :param at_once: otherwise with the next :meth:`tick`, wanted now, so that others of this moment come along
        """
        self._items.append((item, size))
        if now < self._next:
            return
        if at_once:
            self.tick(now)
        elif len(self._items) == 1:
            self._next = now

    def __iter__(self) -> Iterator[_T]:
        return (item for item, _ in self._items)

    def __setitem__(self, place: int, item: _T) -> None:
        """Put what is left of an item in its place."""
        self._items[place] = (item, self._items[place][1])

    def tick(self, now: float) -> None:
        """Look at a portion of what there is, if it is time."""
        if now < self._next:
            return
        items = self._items
        latest, self._latest = self._latest, 0.0
        if now < latest and len(items) >= MANY:
            self._next = latest
            return
        with in_one_run():
            left = PORTION
            while items and left > 0 and (self._ready is None or self._ready(items[0][0])):
                item, size = items.popleft()
                left -= size
                self._look(item)
        if items:
            self._next = now
        else:
            self._next, self._latest = now + PAUSE, now + SATURATED_PAUSE

    def flush(self) -> None:
        """Look at everything, ready or not."""
        with in_one_run():
            while self._items:
                self._look(self._items.popleft()[0])
