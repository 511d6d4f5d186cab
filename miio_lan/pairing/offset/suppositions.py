"""Suppositions about the offset of two clocks, each followed through all commands.

Made for :mod:`miio_lan.pairing.clocks`, which says what they are for.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import filterfalse
from operator import attrgetter
from typing import TypeVar

from miio_lan.pairing.matching.candidates import SKEW
from miio_lan.pairing.offset.askings import Commands, OverheardCommand

MAX_DRIFT = 200e-6
"""Seconds per second by which two clocks may drift apart: two crystals of 100 ppm."""
MOST = 7.0
"""What a command that has a line counts for an offset at most; as much do all repeated ones that are close together."""
RARE = 3
"""Lines that a command may have become at most, in all of a recording, to count by itself."""
MISS = 4.0
"""What a command without a line counts against an offset, as the logarithm of how seldom a tap loses one."""
TOGETHER = 10.0
"""Seconds within which commands count as one."""
SUPPOSING_TIME = 120.0
"""Seconds of the capture in which suppositions are made; clocks drift apart by 24 ms meanwhile."""
MAX_INTERVALS = 2_000_000
"""Intervals that are looked at, of the stretches that say most."""
MAX_PATHS = 200
"""Suppositions that are followed, the likeliest first."""
LIKELY = 0.8
"""The share of what the best one has in its stretch, from which on a supposition is not left out lightly."""
DIFFERENT = 0.1
"""The share of other lines with which a path is another one."""

_Item = TypeVar("_Item")
#: What it has in its stretch, a command, and the least and the greatest offset that are supposed.
_Supposition = tuple[float, int, float, float]
#: A time, and the least and the greatest offset then.
_Interval = tuple[float, float, float]


def divided(
    items: Iterable[_Item], time: Callable[[_Item], float], span: float, least: int = 1
) -> list[list[_Item]]:
    """Divide what stands in the order of time into groups, each of so many seconds, or of so many items at least."""
    groups: list[list[_Item]] = []
    for item in items:
        if not groups or (len(groups[-1]) >= least and time(item) - time(groups[-1][0]) > span):
            groups.append([])
        groups[-1].append(item)
    return groups


def _at(time: float, known: _Interval) -> tuple[float, float]:
    """Give the least and the greatest offset at a time, as far as it was known at another one: clocks drift."""
    room = MAX_DRIFT * abs(time - known[0])
    return known[1] - room, known[2] + room


def _is_rare(command: OverheardCommand) -> bool:
    return len(command.lines.found) <= RARE


@dataclass(eq=False)
class Path:
    """One supposition, followed through the capture.

    :param taken: the commands that have a line, by their places, and that line
    :param missing: the places of those that should have one
    :param intervals: in the order of time: when, and the least and greatest offset then
    """

    commands: Sequence[OverheardCommand]
    taken: dict[int, int] = field(default_factory=dict)
    missing: list[int] = field(default_factory=list)
    intervals: list[_Interval] = field(default_factory=list)

    @property
    def middle(self) -> float:
        """The offset in the middle of the capture."""
        _, low, high = self.intervals[len(self.intervals) // 2]
        return (low + high) / 2

    def score(self) -> float:
        """Say how well it explains the commands, those close to one another together."""
        places = sorted([*self.taken, *self.missing])
        return sum(map(self._score_of, divided(places, lambda place: self.commands[place].asked, TOGETHER)))

    def _score_of(self, places: Sequence[int]) -> float:
        """Say what commands close to one another speak for it, or against it: one event may explain all of them.

        Those that are repeated again and again count as one. What there is but a few times, each counts by itself.
        """
        rare = [place for place in places if _is_rare(self.commands[place])]
        common = [place for place in places if not _is_rare(self.commands[place])]
        gained = sum(self.commands[place].weight for place in common if place in self.taken)
        rare_gained = sum(min(self.commands[place].weight, MOST) for place in rare if place in self.taken)
        missed, rare_missed = (sum(place not in self.taken for place in each) for each in (common, rare))
        score = min(gained, MOST) - (MISS if 2 * missed > len(common) else 0.0)
        return score + min(rare_gained, 2 * MOST) - MISS * min(rare_missed, 2)

    def is_like(self, other: Path) -> bool:
        """Tell whether both take the same lines, but for a few."""
        both = self.taken.keys() & other.taken.keys()
        differ = sum(self.taken[place] != other.taken[place] for place in both)
        return len(both) * 2 >= len(self.taken) and differ <= DIFFERENT * len(both)

    def holds(self, time: float, low: float, high: float) -> bool:
        """Tell whether it goes through an interval of offsets at a time."""
        at = bisect_left(self.intervals, (time,))
        near = (_at(time, each) for each in self.intervals[max(0, at - 1) : at + 1])
        return any(least <= high and greatest >= low for least, greatest in near)


def paths_of(commands: Commands, allowed: tuple[float, float]) -> list[Path]:
    """Make suppositions, and follow each.

    :param allowed: the offsets that are looked at, the least and the greatest
    """
    found: list[Path] = []
    peaks = _peaks(commands, allowed)
    left = _follow_all(commands, found, peaks, MAX_PATHS)
    if left is not None and left[0] > LIKELY * peaks[0][0]:
        # What explains a rare command is looked at in any case; the others explain none.
        rest = _follow_all(commands, found, _rare(commands, allowed), 2 * MAX_PATHS)
        commands.beyond = _most_of_repeated(commands) if rest is None else math.inf
    return found


def _follow_all(
    commands: Commands, found: list[Path], suppositions: Iterable[_Supposition], most: int
) -> _Supposition | None:
    """Follow suppositions that no path goes through so far; give the first that is one too many."""
    for each in suppositions:
        _, first, low, high = each
        time = commands.overheard[first].asked
        lines = {line for _, _, line in commands.overheard[first].intervals(low, high)}
        if any(path.holds(time, low, high) and path.taken.get(first) in lines for path in found):
            continue
        if len(found) >= most:
            return each
        path = _follow(commands, first, low, high)
        if path.taken:
            found.append(path)
    return None


def _rare(commands: Commands, allowed: tuple[float, float]) -> Iterator[_Supposition]:
    """Give a supposition for each line of each command that has few."""
    for place, one in enumerate(commands.overheard):
        if _is_rare(one):
            for begin, end, _ in one.intervals(*allowed):
                yield one.weight, place, begin - SKEW, end + SKEW


def _most_of_repeated(commands: Commands) -> float:
    """Give what a path may score at most that explains no rare command: in any time as long as the line's recording."""
    groups = divided(filterfalse(_is_rare, commands.overheard), attrgetter("asked"), TOGETHER)
    scores = [(group[0].asked, min(sum(one.weight for one in group), MOST)) for group in groups]
    most, total, begin = 0.0, 0.0, 0
    for time, score in scores:
        total += score
        while scores[begin][0] < time - commands.duration * (1 + MAX_DRIFT) - TOGETHER:
            total -= scores[begin][1]
            begin += 1
        most = max(most, total)
    return most


def _peaks(commands: Commands, allowed: tuple[float, float]) -> list[_Supposition]:
    """Find the offsets at which intervals of commands meet, the best first."""
    left, found = MAX_INTERVALS, []
    for places in _windows(commands.overheard):
        left -= sum(len(commands.overheard[place].lines.found) for place in places)
        found += _meetings(commands, places, allowed)
        if left <= 0:
            break
    return sorted(found, key=lambda each: -each[0])


def _windows(overheard: Sequence[OverheardCommand]) -> list[list[int]]:
    """Give the places of the commands of each stretch, those that say most first."""
    groups = divided(range(len(overheard)), lambda place: overheard[place].asked, SUPPOSING_TIME)
    found = [[place for place in group if overheard[place].lines.found] for group in groups]
    return sorted(found, key=lambda places: sum(overheard[place].weight for place in places), reverse=True)


def _meetings(commands: Commands, places: Sequence[int], allowed: tuple[float, float]) -> list[_Supposition]:
    """Sweep over the offsets: where the commands of a stretch have more of their lines than on either side."""
    overheard = commands.overheard
    ends: list[tuple[float, int, int]] = []
    for place in places:
        for begin, end, _ in overheard[place].intervals(*allowed):
            ends += [(begin - SKEW, 0, place), (end + SKEW, 1, place)]
    ends.sort()
    open_: dict[int, int] = {}
    score, since, risen = 0.0, 0.0, False
    found: list[_Supposition] = []
    for offset, is_end, place in ends:
        if not is_end:
            if place not in open_:
                score, since, risen = score + overheard[place].weight, offset, True
            open_[place] = open_.get(place, 0) + 1
            continue
        if risen:
            heaviest = max(open_, key=lambda each: overheard[each].weight)
            found.append((score, heaviest, since, offset))
            risen = False
        open_[place] -= 1
        if not open_[place]:
            del open_[place]
            score -= overheard[place].weight
    return sorted(found, reverse=True)[:MAX_PATHS]


def _follow(commands: Commands, first: int, low: float, high: float) -> Path:
    """Follow a supposition from one command on, forwards, and then backwards."""
    path, used = Path(commands.overheard), set[int]()
    start = commands.overheard[first].asked
    for places in (range(first, len(commands.overheard)), range(first - 1, -1, -1)):
        state = (start, low, high)
        for place in places:
            state = _step(commands, path, used, place, state)
    path.intervals.sort()
    return path


def _step(commands: Commands, path: Path, used: set[int], place: int, state: _Interval) -> _Interval:
    """Take the line of one command, and narrow the offset by it.

    :param used: lines that are taken
    :param state: when the offset was known last, and the least and greatest it was
    """
    one = commands.overheard[place]
    low, high = _at(one.asked, state)
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
