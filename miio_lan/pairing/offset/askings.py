"""The commands of a capture that went to the MCU, and the lines of a recording that each may have become, whenever.

Made for :mod:`miio_lan.pairing.clocks`.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import attrgetter

from miio_lan.pairing.calls import LanRequest, lan_traffic
from miio_lan.pairing.content import error_of, first_ids
from miio_lan.pairing.matching.candidates import SKEW, agrees, extend
from miio_lan.record import Record
from miio_lan.uart.conversation import converse
from miio_lan.uart.order import in_order
from miio_lan.uart.turns import Turn

ALIVE = 3.0
"""Seconds: where the line was silent for longer, a line may have been lost unnoticed."""
EDGE = 1.0
"""Seconds at both ends of a recording within which a line may be missing."""
MAX_PARTS = 12
"""Lines that a module makes of one request at most, as far as they are looked at."""


class _Lines:
    """The lines that commands of one content may have become, in order.

    :param found: when each was handed out, when it was answered, and its place among all
    """

    def __init__(self, found: Iterable[tuple[float, float, int]]) -> None:
        self.found = sorted(found)
        #: Seconds that the MCU needed for all of them.
        self.spent = sum(answer for _, answer, _ in self.found) - sum(down for down, _, _ in self.found)


@dataclass(eq=False)
class OverheardCommand:
    """A command of the capture that surely went to the MCU.

    :param asked: when it was sent, by the clock of the capture; ``replied`` likewise
    :param lines: what it may have become
    :param weight: how much it says that it has a line: the logarithm of how seldom that is chance
    """

    asked: float
    replied: float
    lines: _Lines
    weight: float

    def intervals(self, low: float, high: float) -> Iterator[tuple[float, float, int]]:
        """Give the offsets between two that a line allows, and that line."""
        found = self.lines.found
        first = bisect_left(found, (self.asked + low - SKEW,))
        last = bisect_right(found, (self.replied + high + SKEW, math.inf))
        for down, answer, line in found[first:last]:
            begin, end = answer - self.replied, down - self.asked
            if begin <= end + 2 * SKEW and begin - SKEW <= high and end + SKEW >= low:
                yield begin, end, line


class Commands:
    """What two recordings may have in common.

    :param lan: records of the LAN
    :param heard: records of the line, without marks
    """

    def __init__(self, lan: Iterable[Record], heard: Sequence[Record]) -> None:
        self._line = converse(in_order(heard))
        self._stamps = sorted(record.instant for record in heard)
        #: Seconds from the first to the last record of the line.
        self.duration = max(self._stamps[-1] - self._stamps[0], 1.0)
        #: The places of the lines that may be those of one request: by their method, and their first ids.
        self._by_key: dict[tuple[str, tuple[int | None, ...]], list[int]] = defaultdict(list)
        for place, downlink in enumerate(self._line.downlinks):
            self._by_key[downlink.command.method, first_ids(downlink.command)].append(place)
        self._known: dict[str, _Lines] = {}
        self._fitting: dict[tuple[str, bytes, bytes], bool] = {}
        #: What a supposition may score at most that was not followed, because there were too many.
        self.beyond = 0.0
        in_time = sorted(lan, key=attrgetter("instant"))
        requests = [each for call in lan_traffic(in_time).calls for each in call.requests if _is_asked(each)]
        self.overheard = sorted(map(self._command, requests), key=attrgetter("asked"))
        #: How many suppositions there are in all: by so much may the best one be chance.
        self.tried = sum(len(each.lines.found) for each in self.overheard)

    def heard_at(self, begin: float, end: float) -> bool:
        """Tell whether a line between two instants would surely have been heard."""
        since, until = begin - ALIVE, end + ALIVE
        outside = begin < self._stamps[0] + EDGE or end > self._stamps[-1] - EDGE
        if outside or self._line.broken(since, until):
            return False
        near = self._stamps[bisect_left(self._stamps, since) : bisect_right(self._stamps, until)]
        return max(later - earlier for earlier, later in pairwise([since, *near, until])) <= ALIVE

    def _command(self, request: LanRequest) -> OverheardCommand:
        replied = request.reply.instant if request.reply is not None else request.last
        lines = self._lines_of(request)
        took = replied - request.first
        chance = max(len(lines.found) * (took + 2 * SKEW) - lines.spent, 1e-9) / self.duration
        return OverheardCommand(request.first, replied, lines, max(0.0, -math.log(chance)))

    def _lines_of(self, request: LanRequest) -> _Lines:
        """Find what a request may have become, whenever; requests of one content have the same lines."""
        result = (request.reply.reading or {}).get("result") if request.reply is not None else None
        asked = [request.demand.method, request.demand.params, result]
        content = json.dumps(asked, sort_keys=True, default=str)
        if content not in self._known:
            found: list[tuple[float, float, int]] = []
            key = request.demand.method, first_ids(request.demand.as_down())
            for place in self._by_key.get(key, ()):
                answer = self._answer_to(request, content, place)
                if answer is not None:
                    begin = self._line.downlinks[place].record.instant
                    found.append((begin, answer.record.instant, place))
            self._known[content] = _Lines(found)
        return self._known[content]

    def _answer_to(self, request: LanRequest, content: str, place: int) -> Turn | None:
        """Give the answer to the last of the downlinks that a request may have become, if it began with this one."""
        first = self._line.downlinks[place]
        covered = request.demand.covers(first.command, 0)
        if not covered:
            return None
        if covered < len(request.demand.items):
            several = extend(request, self._line.downlinks[place : place + MAX_PARTS], 0)
            whole = several.whole and agrees(request, several, math.inf)
            return several.downlinks[-1].answer if whole else None
        if first.answer is None or first.answer.useless:
            return None
        key = (content, first.record.raw, first.answer.record.raw)
        if key not in self._fitting:
            self._fitting[key] = agrees(request, extend(request, [first], 0), math.inf)
        return first.answer if self._fitting[key] else None


# --- contents ------------------------------------------------------------------------------------------------------


def _is_asked(request: LanRequest) -> bool:
    """Tell whether a request surely went to the MCU, and was answered by it."""
    if request.reply is None or request.local or request.doubtful:
        return False
    return request.has_result and error_of(request.reply.reading) is None
