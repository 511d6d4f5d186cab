"""What was heard of a line: turns, downlinks, and the instants at which something was not seen."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from math import inf

from miio_lan.record import DIRECTIONS, Record
from miio_lan.uart.commands import Command
from miio_lan.uart.turns import Before, Downlink, Quiet, Turn


class LineHistory:
    """Kept by :class:`~miio_lan.uart.conversation.Conversation`, asked by everybody. All instants in monotonic seconds.

    :param before: what of the time before the first line still matters
    """

    def __init__(self, before: Before | None = None) -> None:
        before = before or Before()
        #: The MCU's lines, those of nothing but an LF apart.
        self.said: list[Turn] = []
        #: What was handed out, ``down none`` apart.
        self.downlinks: list[Downlink] = []
        #: Every non-empty line of the module, with its reading.
        self.told: list[tuple[Record, Command]] = []
        #: Answers to nothing that was seen.
        self.orphans: list[Turn] = []
        #: Instants: the MCU asked for work; ``down none`` was handed out; the module's word to a poll was not seen.
        self.polls: list[float] = []
        self.idle: list[float] = []
        self.unseen: list[float] = []
        #: Instants: the MCU asked for work, and a bridge kept that from the module, whose conversation this is.
        self.kept_back: list[float] = []
        #: Instants: the module put the MCU off although nothing was under way as far as was seen.
        self.hidden: list[float] = []
        #: Instants: the module replied to something that was not seen.
        self.unexplained: list[float] = []
        #: Instants at which the observation was interrupted, and from when to when a direction was not heard.
        self.breaks: list[float] = []
        self.gaps: list[tuple[float, float]] = []
        #: Since when a direction is not heard, because its port was lost.
        self.away: dict[str, float] = {}
        #: When the MCU asked for work while nothing was under way, and nothing from before might still come.
        self.quiet: list[Quiet] = []
        #: The directions of which anything was heard.
        self.heard = set(before.heard)
        #: When lines were handed out before, that nobody on the LAN had asked for, and their methods.
        self.others = before.others
        #: When the watching began, and when it ended; monotonic seconds.
        self.first = before.first
        self.began = self.ended = 0.0

    def of(self, *words: str) -> list[Turn]:
        """Give the MCU's lines that begin with one of these words."""
        return [each for each in self.said if each.command.command in words]

    def broken(self, start: float, end: float) -> bool:
        """Tell whether the observation was interrupted between two instants."""
        times = [*((each, each) for each in self.breaks), *self.gaps]
        times += [(since, inf) for since in self.away.values()]
        return any(start <= last and first <= end for first, last in times)

    def missing(self, start: float, end: float) -> bool:
        """Tell whether something was said between two instants that was not seen, as what was seen shows."""
        lists = (self.unseen, self.hidden, self.unexplained)
        shows = any(bisect_left(found, start) < bisect_right(found, end) for found in lists)
        return shows or self.broken(start, end)

    def listened(self, since: float) -> bool:
        """Tell whether both directions were listened to since an instant."""
        return len(self.heard) == len(DIRECTIONS) and self.first is not None and self.first <= since

    def watched(self, start: float, end: float) -> bool:
        """Tell whether all was seen between two instants, as far as what was seen tells."""
        return self.listened(start) and not self.missing(start, end)

    def forget(self) -> None:
        """Drop turns and downlinks that are finished; open ones stay."""
        lines = (self.said, self.downlinks, self.told, self.orphans, self.quiet)
        instants = (self.polls, self.idle, self.unseen, self.kept_back, self.hidden, self.unexplained)
        for past in (*lines, *instants, self.breaks, self.gaps):
            past.clear()
