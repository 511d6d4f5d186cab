"""Which way a line of unknown direction goes: told by its words."""

from __future__ import annotations

from miio_lan.uart.commands import Direction, read
from miio_lan.uart.line import LineReader

SURE_LEAD = 2
"""Lines that must speak for a direction, more than for the other, before it is believed."""
MOST_LINES = 64
"""Lines after which nothing more is learnt: what is undecided by then stays so."""


class DirectionGuess:
    """Listens to one direction without knowing which it is. No I/O and no clock."""

    def __init__(self) -> None:
        self._reader = LineReader()
        self._lead = 0
        self._lines = 0

    @property
    def done(self) -> bool:
        """Whether more bytes would change nothing."""
        return abs(self._lead) >= SURE_LEAD or self._lines >= MOST_LINES

    @property
    def direction(self) -> Direction | None:
        """What the lines say, as soon as they say it clearly."""
        return self.best if abs(self._lead) >= SURE_LEAD else None

    @property
    def best(self) -> Direction | None:
        """What speaks for itself so far, if only a little; None when nothing does."""
        return None if self._lead == 0 else "up" if self._lead > 0 else "down"

    def feed(self, data: bytes, now: float) -> None:
        """Take bytes that were read at ``now``."""
        for line in self._reader.feed(data, now):
            if self.done:
                return
            self._lines += 1
            # A word such as "model" may be either; what conforms in one direction alone decides.
            up = read(line.raw, direction="up").valid
            down = read(line.raw, direction="down").valid
            self._lead += up - down
