"""Suppositions about the offset of two clocks, each followed through all commands.

Made for :mod:`miio_lan.pairing.clocks`, which says what they are for.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from miio_lan.pairing.calls import LanRequest, calls_of
from miio_lan.pairing.candidates import SKEW, agrees, extend
from miio_lan.pairing.content import error_of
from miio_lan.record import Record
from miio_lan.uart.commands import Down, GetProperties, SetProperties
from miio_lan.uart.conversation import Conversation
from miio_lan.uart.document import GET_PROPERTIES, SET_PROPERTIES
from miio_lan.uart.order import in_order
from miio_lan.uart.turns import Downlink

MAX_DRIFT = 200e-6
"""Seconds per second by which two clocks may drift apart: two crystals of 100 ppm."""
MISS = 4.0
"""What a command without a line counts against an offset, as the logarithm of how seldom a tap loses one."""
TOGETHER = 10.0
"""Seconds within which commands count as one."""
WINDOW = 120.0
"""Seconds of the capture in which suppositions are made; clocks drift apart by 24 ms meanwhile."""
ALIVE = 3.0
"""Seconds: where the line was silent for longer, a line may have been lost unnoticed."""
EDGE = 1.0
"""Seconds at both ends of a recording within which a line may be missing."""
MAX_PARTS = 12
"""Lines that a module makes of one request at most, as far as they are looked at."""
MAX_INTERVALS = 2_000_000
"""Intervals that are looked at, of the stretches that say most."""
MAX_PATHS = 200
"""Suppositions that are followed, the likeliest first."""
DIFFERENT = 0.1
"""The share of other lines with which a path is another one."""


class _Lines:
    """The lines that commands of one content may have become, in order.

    :param found: when each was handed out, when it was answered, and its place among all
    """

    def __init__(self, found: Sequence[tuple[float, float, int]]) -> None:
        self.downs = [down for down, _, _ in found]
        self.answers = [answer for _, answer, _ in found]
        self.ids = [place for _, _, place in found]
        #: Seconds that the MCU needed for all of them.
        self.spent = sum(self.answers) - sum(self.downs)


@dataclass(eq=False)
class Command:
    """A command of the capture that surely went to the MCU.

    :param asked: when it was sent, by the clock of the capture; ``replied`` likewise
    :param lines: what it may have become
    :param weight: how much it says that it has a line: the logarithm of how seldom that is chance
    """

    asked: float
    replied: float
    lines: _Lines
    weight: float = 0.0

    def intervals(self, low: float, high: float) -> Iterator[tuple[float, float, int]]:
        """Give the offsets between two that a line allows, and that line."""
        downs, answers = self.lines.downs, self.lines.answers
        first = bisect_left(downs, self.asked + low - SKEW)
        for at in range(first, bisect_right(downs, self.replied + high + SKEW)):
            begin, end = answers[at] - self.replied, downs[at] - self.asked
            if begin <= end + 2 * SKEW and begin - SKEW <= high and end + SKEW >= low:
                yield begin, end, self.lines.ids[at]


class Commands:
    """What two recordings may have in common.

    :param lan: records of the LAN
    :param heard: records of the line, without marks
    """

    def __init__(self, lan: Sequence[Record], heard: Sequence[Record]) -> None:
        self._line = Conversation("module")
        for record in in_order(heard):
            self._line.feed(record)
        self._line.finish()
        self._stamps = sorted(record.instant for record in heard)
        self._by_key: dict[object, list[int]] = defaultdict(list)
        for place, downlink in enumerate(self._line.downlinks):
            self._by_key[_key_of_line(downlink.command)].append(place)
        self._known: dict[str, _Lines] = {}
        self._fitting: dict[tuple[str, bytes, bytes], bool] = {}
        requests = [each for call in calls_of(_in_time(lan)) for each in call.requests if _is_asked(each)]
        self.asked = sorted(map(self._command, requests), key=lambda each: each.asked)
        #: How many suppositions there were in all: by so much may the best one be chance.
        self.tried = 0
        #: Whether likely suppositions were not followed, because there were too many.
        self.unexplored = False
        self._weigh()

    @property
    def duration(self) -> float:
        """Seconds from the first to the last record of the line."""
        return max(self._stamps[-1] - self._stamps[0], 1.0)

    def heard_at(self, begin: float, end: float) -> bool:
        """Tell whether a line between two instants would surely have been heard."""
        if begin < self._stamps[0] + EDGE or end > self._stamps[-1] - EDGE:
            return False
        if self._line.broken(begin - ALIVE, end + ALIVE):
            return False
        near = self._stamps[
            bisect_left(self._stamps, begin - ALIVE) : bisect_right(self._stamps, end + ALIVE)
        ]
        points = [begin - ALIVE, *near, end + ALIVE]
        return max(later - earlier for earlier, later in pairwise(points)) <= ALIVE

    def _weigh(self) -> None:
        total = self.duration
        for each in self.asked:
            count, took = len(each.lines.downs), each.replied - each.asked
            self.tried += count
            chance = max(count * (took + 2 * SKEW) - each.lines.spent, 1e-9) / total
            each.weight = max(0.0, -math.log(chance))

    def _command(self, request: LanRequest) -> Command:
        reply = request.reply
        replied = reply.instant if reply is not None else request.last
        return Command(request.first, replied, self._lines_of(request))

    def _lines_of(self, request: LanRequest) -> _Lines:
        """Find what a request may have become, whenever; requests of one content have the same lines."""
        result = (request.reply.reading or {}).get("result") if request.reply is not None else None
        content = json.dumps(
            [request.demand.method, request.demand.params, result], sort_keys=True, default=str
        )
        if content not in self._known:
            found: list[tuple[float, float, int]] = []
            for place in self._by_key.get(_key_of_request(request), ()):
                last = self._last_of(request, content, place)
                if last is not None and last.answer is not None:
                    begin = self._line.downlinks[place].record.instant
                    found.append((begin, last.answer.record.instant, place))
            self._known[content] = _Lines(sorted(found))
        return self._known[content]

    def _last_of(self, request: LanRequest, content: str, place: int) -> Downlink | None:
        """Give the last of the downlinks that a request may have become, if it began with this one."""
        first = self._line.downlinks[place]
        covered = request.demand.covers(first.command, 0)
        if not covered:
            return None
        if covered < len(request.demand.items):
            several = extend(request, self._line.downlinks[place : place + MAX_PARTS], 0)
            whole = several.whole and agrees(request, several, math.inf)
            return several.downlinks[-1] if whole else None
        if first.answer is None or first.answer.useless:
            return None
        key = (content, first.record.raw, first.answer.record.raw)
        if key not in self._fitting:
            self._fitting[key] = agrees(request, extend(request, [first], 0), math.inf)
        return first if self._fitting[key] else None


@dataclass(eq=False)
class Path:
    """One supposition, followed through the capture.

    :param taken: the commands that have a line, by their places, and that line
    :param missing: the places of those that should have one
    :param intervals: in the order of time: when, and the least and greatest offset then
    """

    commands: Sequence[Command]
    taken: dict[int, int] = field(default_factory=dict)
    missing: list[int] = field(default_factory=list)
    intervals: list[tuple[float, float, float]] = field(default_factory=list)

    @property
    def middle(self) -> float:
        """The offset in the middle of the capture."""
        _, low, high = self.intervals[len(self.intervals) // 2]
        return (low + high) / 2

    def score(self, most: float) -> float:
        """Say how well it explains the commands.

        :param most: what those close to one another, which count as one, count for at most
        """
        total, begun, gained, hits, misses = 0.0, -math.inf, 0.0, 0, 0
        for place in sorted([*self.taken, *self.missing]):
            if self.commands[place].asked - begun > TOGETHER:
                total += min(gained, most) - (MISS if misses > hits else 0.0)
                begun, gained, hits, misses = self.commands[place].asked, 0.0, 0, 0
            if place in self.taken:
                gained, hits = gained + self.commands[place].weight, hits + 1
            else:
                misses += 1
        return total + min(gained, most) - (MISS if misses > hits else 0.0)

    def is_like(self, other: Path) -> bool:
        """Tell whether both take the same lines, but for a few."""
        both = self.taken.keys() & other.taken.keys()
        differ = sum(self.taken[place] != other.taken[place] for place in both)
        return len(both) * 2 >= len(self.taken) and differ <= DIFFERENT * len(both)

    def holds(self, time: float, low: float, high: float) -> bool:
        """Tell whether it goes through an interval of offsets at a time."""
        at = bisect_left(self.intervals, (time,))
        for when, least, greatest in self.intervals[max(0, at - 1) : at + 1]:
            room = MAX_DRIFT * abs(time - when)
            if least - room <= high and greatest + room >= low:
                return True
        return False


def paths_of(commands: Commands, allowed: tuple[float, float] | None) -> list[Path]:
    """Make suppositions, and follow each.

    :param allowed: the offsets that are looked at; all by default
    """
    found: list[Path] = []
    peaks = _peaks(commands, allowed)
    for score, first, low, high in peaks:
        time = commands.asked[first].asked
        if any(path.holds(time, low, high) and _agree(path, commands, first, low, high) for path in found):
            continue
        if len(found) >= MAX_PATHS:
            commands.unexplored = score > 0.8 * peaks[0][0]
            break
        path = _follow(commands, first, low, high)
        if path.taken:
            found.append(path)
    return found


def _agree(path: Path, commands: Commands, place: int, low: float, high: float) -> bool:
    """Tell whether a path takes the line that a supposition takes for a command."""
    lines = {line for _, _, line in commands.asked[place].intervals(low, high)}
    return path.taken.get(place) in lines


def _peaks(commands: Commands, allowed: tuple[float, float] | None) -> list[tuple[float, int, float, float]]:
    """Find the offsets at which intervals of commands meet, the best first: score, a command, least, greatest."""
    windows = sorted(_windows(commands.asked), key=lambda each: each[0], reverse=True)
    left, found = MAX_INTERVALS, []
    for _, places in windows:
        left -= sum(len(commands.asked[place].lines.downs) for place in places)
        found += _meetings(commands.asked, places, allowed)
        if left <= 0:
            break
    return sorted(found, key=lambda each: -each[0])


def _windows(asked: Sequence[Command]) -> Iterator[tuple[float, list[int]]]:
    begin = 0
    while begin < len(asked):
        end = bisect_right(asked, asked[begin].asked + WINDOW, key=lambda each: each.asked)
        places = [place for place in range(begin, end) if asked[place].lines.downs]
        if places:
            yield sum(asked[place].weight for place in places), places
        begin = end


def _meetings(
    asked: Sequence[Command], places: Sequence[int], allowed: tuple[float, float] | None
) -> list[tuple[float, int, float, float]]:
    """Sweep over the offsets: where the commands of a stretch have more of their lines than on either side."""
    low, high = allowed or (-math.inf, math.inf)
    ends: list[tuple[float, int, int]] = []
    for place in places:
        for begin, end, _ in asked[place].intervals(low, high):
            ends += [(begin - SKEW, 0, place), (end + SKEW, 1, place)]
    ends.sort()
    open_: dict[int, int] = {}
    score, since, risen = 0.0, 0.0, False
    found: list[tuple[float, int, float, float]] = []
    for offset, is_end, place in ends:
        if not is_end:
            if place not in open_:
                score, since, risen = score + asked[place].weight, offset, True
            open_[place] = open_.get(place, 0) + 1
            continue
        if risen:
            heaviest = max(open_, key=lambda each: asked[each].weight)
            found.append((score, heaviest, since, offset))
            risen = False
        open_[place] -= 1
        if not open_[place]:
            del open_[place]
            score -= asked[place].weight
    return sorted(found, reverse=True)[:MAX_PATHS]


def _follow(commands: Commands, first: int, low: float, high: float) -> Path:
    """Follow a supposition from one command on, forwards, and then backwards."""
    path, used = Path(commands.asked), set[int]()
    start = commands.asked[first].asked
    for places in (range(first, len(commands.asked)), range(first - 1, -1, -1)):
        state = (start, low, high)
        for place in places:
            state = _step(commands, path, used, place, state)
    path.intervals.sort()
    return path


def _step(
    commands: Commands, path: Path, used: set[int], place: int, state: tuple[float, float, float]
) -> tuple[float, float, float]:
    """Take the line of one command, and narrow the offset by it.

    :param used: lines that are taken
    :param state: when the offset was known last, and the least and greatest it was
    """
    one = commands.asked[place]
    room = MAX_DRIFT * abs(one.asked - state[0])
    low, high = state[1] - room, state[2] + room
    fitting = [each for each in one.intervals(low, high) if each[2] not in used]
    if fitting:
        # The line that narrows the offset least is taken; which of several it was is not sure, so all of them count.
        line = max(
            fitting, key=lambda each: (min(high, each[1] + SKEW) - max(low, each[0] - SKEW), -each[2])
        )[2]
        begin, end = min(each[0] for each in fitting), max(each[1] for each in fitting)
        used.add(line)
        path.taken[place] = line
        path.intervals.append((one.asked, begin, end))
        return one.asked, max(low, begin - SKEW), min(high, end + SKEW)
    middle = (low + high) / 2
    if commands.heard_at(one.asked + middle, one.replied + middle):
        path.missing.append(place)
    return state


# --- contents ------------------------------------------------------------------------------------------------------


def _in_time(lan: Sequence[Record]) -> list[Record]:
    return sorted((record for record in lan if record.wire == "lan"), key=lambda record: record.instant)


def _is_asked(request: LanRequest) -> bool:
    """Tell whether a request surely went to the MCU, and was answered by it."""
    reply = request.reply
    if reply is None or request.local or request.doubtful or error_of(reply.reading) is not None:
        return False
    return "result" in (reply.reading or {})


def _key_of_line(command: Down) -> object:
    if isinstance(command, (GetProperties, SetProperties)) and command.properties:
        return command.method, command.properties[0][:2]
    return command.method


def _key_of_request(request: LanRequest) -> object:
    method, items = request.demand.method, request.demand.items
    if method in (GET_PROPERTIES, SET_PROPERTIES) and items and isinstance(items[0], tuple):
        return method, items[0][:2]
    return method
