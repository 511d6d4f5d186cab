"""Two recordings by two clocks: LAN records made at one place, the line's at another, brought together.

Goal: say how the clocks are related, or that it is in doubt; never a wrong relation as if it were sure.

Plan. A request goes before its ``down``, and the answer goes before the reply. So each line that a command may have
become gives an interval for the offset, as long as the round trip less the MCU's time. The offset under which the most
commands have a line is taken, if it is better by far than every other, and better than chance.

1. Stretches of some two minutes of the capture: where do the intervals of their commands meet? Each such place is a
   supposition (:mod:`miio_lan.pairing.offset.suppositions`).
2. Each is followed through the whole capture, forwards and backwards, as far as two crystals may drift apart: which
   commands have a line, and which should have one and do not (:class:`Path`)?
3. Repeated commands close to one another count as one, for one event explains them all: a cycle of polls, an outage.
4. The best path is sure if no path that takes other lines comes close. Polls of the same properties at equal intervals
   fit equally well a poll earlier and later: they leave it in doubt, unless other commands decide.

::

    capture    10.00 get 2.1   10.21 reply      70.00 set 2.2 40   70.15 reply      130.00 get 2.1 ...
    line       3.10 down get 2.1, 3.15 result   63.05 down set 2.2 40, 63.09 result
    offset     -7.06 to -6.90                   -7.06 to -6.95         both: the offset is -7.06 to -6.95
"""

from __future__ import annotations

import heapq
import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from operator import itemgetter
from statistics import fmean, linear_regression

from miio_lan.errors import ClocksInDoubt, InvalidArgument
from miio_lan.foreign import show
from miio_lan.pairing.offset.askings import Commands
from miio_lan.pairing.offset.suppositions import MAX_DRIFT, MOST, Path, divided, paths_of
from miio_lan.record import Record
from miio_lan.record.clock import check_clock
from miio_lan.record.marks import LINE_ENDS, is_mark

LEAD = 15.0
"""By how much a path has to be better than every other; about two commands of which there is only one."""
CHANCE = 7.0
"""How much better than chance: about one in a thousand."""
ALLOWED_MISSES = 0.5
"""Commands without a line for each one that has one."""
ABOUT = 2.0
"""Seconds by which an offset that somebody gave may be wrong."""
COARSE = 1.0
"""Seconds by which a sure offset may be wrong at most: pairing has to do the rest."""
STRETCH = 60.0
"""Seconds for which one offset is estimated, and more where commands are rare."""
MIN_COMMANDS = 5
"""Commands from which one offset is estimated."""
DRIFTS = 200
"""Drifts that are tried in either direction."""


@dataclass(frozen=True)
class Clocks:
    """How the clock of LAN records is related to that of a recording of the line.

    :param ahead: seconds by which the LAN clock's time of day is ahead of that of the line's recording, at the middle
    :param drift: parts per million by which the LAN clock runs faster
    :param within: seconds by which ``ahead`` may be wrong
    :param explained: how many commands have their line
    :param missing: how many should have one, and do not
    :param doubt: why the relation is not sure; empty where it is
    :param knots: LAN times, and what is to be added there to have the line's instants
    :param base: what is to be added to an instant of the line to have its time of day
    """

    ahead: float = 0.0
    drift: float = 0.0
    within: float = math.inf
    explained: int = 0
    missing: int = 0
    doubt: str = ""
    knots: tuple[tuple[float, float], ...] = ()
    base: float = 0.0

    @property
    def sure(self) -> bool:
        """Whether it can be relied on."""
        return not self.doubt

    def __str__(self) -> str:
        """Say it in a sentence."""
        if self.doubt:
            return self.doubt
        way = "ahead of" if self.ahead >= 0 else "behind"
        missing = f"; {self.missing} have none" if self.missing else ""
        return (
            f"the capture's clock is {abs(self.ahead):.3f} s {way} the recording's "
            f"(within {self.within:.3f} s, drift {round(self.drift):+d} ppm): "
            f"{self.explained} commands have their line{missing}"
        )

    def instant(self, time: float) -> float:
        """Give the instant of the line for a time of the LAN records.

        :raises ClocksInDoubt: where nothing relates the clocks
        """
        if not self.knots:
            raise ClocksInDoubt(self.doubt or "the clocks were not compared")
        at = bisect_left(self.knots, (time,))
        if at in (0, len(self.knots)):
            return time + self.knots[min(at, len(self.knots) - 1)][1]
        (before, one), (after, other) = self.knots[at - 1 : at + 1]
        return time + one + (other - one) * (time - before) / (after - before)


def compare(lan: Iterable[Record], line: Iterable[Record], *, about: float | None = None) -> Clocks:
    """Estimate how two clocks are related, from commands that both recordings have.

    :param lan: records of the LAN, of one device
    :param line: the recording of that device's line; records of the LAN in it are passed over
    :param about: seconds by which the LAN clock is ahead, to about :data:`ABOUT`; looks at no other offsets
    :raises InvalidArgument: if that is no number
    """
    if about is not None and (
        isinstance(about, bool) or not isinstance(about, (int, float)) or not abs(about) < 1e300
    ):
        raise InvalidArgument(f"about is a number of seconds, not {show(about)}")
    heard = [record for record in line if record.wire == "uart" and not is_mark(record)]
    if not heard:
        return Clocks(doubt="the recording has no line of the UART")
    base = heard[0].wall - heard[0].instant
    commands = Commands(lan, heard)
    if not commands.overheard:
        return Clocks(doubt="the capture has no command whose reply shows that the MCU was asked")
    if not commands.tried:
        return Clocks(doubt="no command of the capture has a line in the recording that it may have become")
    allowed = (-math.inf, math.inf) if about is None else (-about - base - ABOUT, -about - base + ABOUT)
    paths = sorted(paths_of(commands, allowed), key=Path.score, reverse=True)
    if not paths:
        return Clocks(doubt=f"no command has a line at an offset of about {about} s")
    best = paths[0]
    knots, drift, within = _knots(best)
    doubt = _doubt(best, paths[1:], commands, about=about)
    if not doubt and within > COARSE:
        doubt = f"the offset is known only to within {within:.1f} s: send commands that are answered faster"
    clocks = Clocks(0.0, -drift * 1e6, within, len(best.taken), len(best.missing), doubt, knots, base)
    middle = (knots[0][0] + knots[-1][0]) / 2
    return replace(clocks, ahead=middle - clocks.instant(middle) - base)


def join(
    lan: Iterable[Record], line: Iterable[Record], *, about: float | None = None
) -> tuple[list[Record], Clocks]:
    """Bring LAN records into the time of a recording of the line, and give both, ready to be paired or judged.

    Records of the LAN that the recording has itself are left out: the capture has them, too. Where the capture has
    requests behind the last line of the recording, the line counts as not heard from there on
    (:data:`~miio_lan.record.marks.LINE_ENDS`): an MCU that fell silent, and a recording that was ended, look the same.

    :param about: see :func:`compare`
    :raises ClocksInDoubt: if the clocks cannot be compared surely
    :raises RecordError: if the recording was stamped by several clocks
    """
    lan, line = sorted(lan, key=lambda record: record.instant), list(line)
    check_clock(line)
    clocks = compare(lan, line, about=about)
    if not clocks.sure:
        raise ClocksInDoubt(f"the capture and the recording cannot be joined: {clocks.doubt}")
    kept = [record for record in line if record.wire == "uart" or is_mark(record)]
    times = accumulate((clocks.instant(record.instant) for record in lan), max)  # their order is sure
    placed = [replace(each, instant=at, wall=at + clocks.base) for each, at in zip(lan, times, strict=True)]
    ends = _end_of_line(kept, placed)
    return list(heapq.merge(placed, [*kept, *ends], key=lambda record: record.instant)), clocks


def _end_of_line(line: Sequence[Record], lan: Sequence[Record]) -> Iterator[Record]:
    """Give what says that the line was recorded no further; nothing where no request was sent after it."""
    heard = {record.direction: record for record in line if record.wire == "uart" and not is_mark(record)}
    end = max(line, key=lambda record: record.instant)
    if any(record.direction == "down" and record.instant > end.instant for record in lan):
        for last in heard.values():
            yield replace(last, instant=end.instant, wall=end.wall, raw=b"", reading=None, note=LINE_ENDS)


# --- sure, or in doubt ---------------------------------------------------------------------------------------------


def _doubt(best: Path, others: Sequence[Path], commands: Commands, *, about: float | None) -> str:
    """Say why the best path is not sure; nothing where it is."""
    score = best.score()
    hint = "" if about is not None else "; if you know about how far apart the clocks are, say so (--offset)"
    if len(best.missing) > ALLOWED_MISSES * len(best.taken):
        return (
            f"at the best offset, {len(best.taken)} commands have a line, and {len(best.missing)} have none. "
            "Are both of the same product, and of the same time?"
        )
    if score - MOST < math.log(commands.tried) + CHANCE:
        return f"{len(best.taken)} commands in common may be chance: record longer, or send more that differ"
    rival = next((each for each in others if not each.is_like(best)), None)
    if rival is not None and score - rival.score() < LEAD:
        apart = abs(rival.middle - best.middle)
        return (
            f"two offsets, {apart:.3f} s apart, explain about as much: commands that repeat at equal intervals "
            f"do not tell them apart{hint}"
        )
    if score - commands.beyond < LEAD:
        return f"too many offsets explain some of the commands{hint}"
    return ""


# --- the offset, in the course of time -----------------------------------------------------------------------------


@dataclass
class _Stretch:
    """The offset in some time of the capture.

    :param time: its middle
    :param low: the least offset that nearly all commands allow, ``high`` the greatest: it is surely between these
    :param likely: the offsets that most commands allow, the least and the greatest
    """

    time: float
    low: float
    high: float
    likely: tuple[float, float]

    def narrow(self, other: _Stretch) -> None:
        """Leave out what is too far from the offset at another time."""
        room = MAX_DRIFT * abs(self.time - other.time)
        low, high = max(self.low, other.low - room), min(self.high, other.high + room)
        if low <= high:
            self.low, self.high = low, high

    def nearest(self, offset: float) -> float:
        """Give the offset that is nearest to another one: a likely one, and one that it may be."""
        likely = min(max(offset, self.likely[0]), self.likely[1])
        return min(max(likely, self.low), self.high)


def _knots(path: Path) -> tuple[tuple[tuple[float, float], ...], float, float]:
    """Estimate the offset in the course of time.

    :returns: times and offsets; the drift, seconds per second; by how much an offset may be wrong, seconds
    """
    # First whatever they drift, then by how much they seem to.
    _, _, drift = _fit(_stretches(path, 0.0, MAX_DRIFT))
    stretches = _stretches(path, drift, 0.0)
    for order in (stretches, stretches[::-1]):
        for before, stretch in pairwise(order):
            stretch.narrow(before)
    middle, level, drift = _fit(stretches)
    knots = [(each.time, each.nearest(level + drift * (each.time - middle))) for each in stretches]
    within = max(
        max(each.high - offset, offset - each.low) for (_, offset), each in zip(knots, stretches, strict=True)
    )
    return tuple(knots), drift, within


def _stretches(path: Path, drift: float, room: float) -> list[_Stretch]:
    """Put the intervals of some time together.

    :param drift: seconds per second by which the offset grows
    :param room: by how much that may be wrong
    """
    groups = divided(path.intervals, itemgetter(0), STRETCH, MIN_COMMANDS)
    if len(groups) > 1 and len(groups[-1]) < MIN_COMMANDS:
        last = groups.pop()
        groups[-1] += last
    return [_common(group, drift, room) for group in groups]


def _common(group: Sequence[tuple[float, float, float]], drift: float, room: float) -> _Stretch:
    """Find the offsets that the intervals allow: of each ten, one may be that of another command's line."""
    middle = fmean(time for time, _, _ in group)
    ends: list[tuple[float, int]] = []
    for time, low, high in group:
        low, high = (each + drift * (middle - time) for each in sorted((low, high)))
        wide = room * abs(time - middle)
        ends += [(low - wide, 0), (high + wide, 1)]
    ends.sort()
    counts = list(accumulate(-1 if is_end else 1 for _, is_end in ends))
    most = max(counts)
    low, high = _where(ends, counts, max(1, most - max(1, len(group) // 10)))
    return _Stretch(middle, low, high, _where(ends, counts, most))


def _where(ends: Sequence[tuple[float, int]], counts: Sequence[int], least: int) -> tuple[float, float]:
    """Give the first and the last offset that at least so many intervals allow."""
    places = [place for place, count in enumerate(counts) if count >= least]
    return ends[places[0]][0], ends[places[-1] + 1][0]


def _fit(stretches: Sequence[_Stretch]) -> tuple[float, float, float]:
    """Fit a straight line: the time at which it is taken, the offset there, the drift.

    Of the drifts under which one line goes through all likely offsets, the middle one is taken; none, where that is
    among them: in a short time, nearly all are.
    """
    middle = fmean(each.time for each in stretches)
    drifts = [MAX_DRIFT * step / DRIFTS for step in range(-DRIFTS, DRIFTS + 1)]
    levels = {drift: _level(stretches, middle, drift) for drift in drifts}
    fitting = [drift for drift, (low, high) in levels.items() if low <= high]
    if fitting:
        drift = 0.0 if fitting[0] <= 0 <= fitting[-1] else (fitting[0] + fitting[-1]) / 2
        return middle, sum(_level(stretches, middle, drift)) / 2, drift
    offsets = [fmean(each.likely) for each in stretches]
    drift, _ = linear_regression([each.time for each in stretches], offsets)
    return middle, fmean(offsets), min(max(drift, -MAX_DRIFT), MAX_DRIFT)


def _level(stretches: Sequence[_Stretch], middle: float, drift: float) -> tuple[float, float]:
    """Give the least and the greatest offset in the middle that all likely offsets allow under some drift."""
    low = max(each.likely[0] - drift * (each.time - middle) for each in stretches)
    return low, min(each.likely[1] - drift * (each.time - middle) for each in stretches)
