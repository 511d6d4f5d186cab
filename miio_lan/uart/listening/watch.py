"""Both directions of a line, turned into records with their readings.

The line has no direction marks and no numbers: what answers what follows from the order alone (one line of the module
for each line of the MCU, with exceptions). This keeps account of it, so that a ``result`` is read in the layout of the
downlink it answers, and a reply as the answer to its question. No I/O and no clock.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

from miio_lan.record import Record
from miio_lan.uart.commands import (
    Command,
    Down,
    Error,
    EventOccured,
    GetDown,
    Help,
    Noise,
    PropertiesChanged,
    Reply,
    Result,
    read,
)
from miio_lan.uart.line import OVERLONG, UNFINISHED, Line, LineReader

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from miio_lan.record import Observer
    from miio_lan.uart.commands import Direction

ANSWER_TIME = 2.0
"""Seconds after which a line of the MCU counts as unanswered; modules answer within milliseconds."""
PROMPT = 0.1
"""Seconds after which a line that was said again is not waited on; five times that, when others came after it."""
MAX_OPEN = 32
"""Lines of the MCU that may wait for their answer."""

# Most lines of a real line are the same few, polls above all: they are read once.
_MOST_KNOWN = 256
_LONGEST_KNOWN = 128

# Commands whose reply is read alike whatever they said.
_ANSWERED_ALIKE = (Result, Error, PropertiesChanged, EventOccured)

# What a module throws away without a word.
_DROPPED = frozenset({OVERLONG, UNFINISHED})


class _Asked(NamedTuple):
    command: Command
    text: str
    instant: float
    downlink: Down | None  # what it answered


class LineWatch:
    """Makes a :class:`~miio_lan.record.Record` of every line and hands it to an observer.

    :param observer: called with each record, in the order of the bytes
    :param wall: unix time for a monotonic instant
    :param peer: what the records say about where the line is
    """

    def __init__(self, observer: Observer, *, wall: Callable[[float], float], peer: str = "") -> None:
        self._observer = observer
        self._wall = wall
        self._peer = peer
        self._up = LineReader(keep_empty=True)
        self._down = LineReader(keep_empty=True)
        self._asked: deque[_Asked] = deque(maxlen=MAX_OPEN)
        self._downlink: Down | None = None
        self._known: dict[tuple[str, bytes, str | None], tuple[Command, dict[str, object]]] = {}

    @property
    def downlink(self) -> Down | None:
        """The downlink that waits for its ``result``, None when there is none."""
        return self._downlink

    def up(self, data: bytes, now: float) -> None:
        """Take bytes of the MCU that were read at ``now``."""
        self._lines_up(self._up.feed(data, now))

    def down(self, data: bytes, now: float) -> None:
        """Take bytes of the module that were read at ``now``."""
        self._lines_down(self._down.feed(data, now))

    def mark(self, note: str, direction: Direction, now: float) -> None:
        """Note something about the line itself, such as an outage: what was half read, or open, is given up."""
        self.flush()
        self._asked.clear()
        self._downlink = None
        self._observer(Record("uart", direction, now, self._wall(now), b"", note=note, peer=self._peer))

    def flush(self, direction: Direction | None = None) -> None:
        """Give up what is half read, in one direction or both; nothing more will come."""
        if direction != "down":
            self._lines_up(self._up.flush())
        if direction != "up":
            self._lines_down(self._down.flush())

    @property
    def deadline(self) -> float | None:
        """When :meth:`tick` is next wanted, monotonic seconds; None while no line is begun."""
        deadlines = [each for each in (self._up.deadline, self._down.deadline) if each is not None]
        return min(deadlines, default=None)

    def tick(self, now: float) -> None:
        """Give up unfinished lines."""
        self._lines_up(self._up.tick(now))
        self._lines_down(self._down.tick(now))

    def _lines_up(self, lines: Iterable[Line]) -> None:
        for line in lines:
            command, reading = self._read(line, "up", self._downlink)
            self._tell(line, "up", command, reading)
            self._forget(line.instant)
            if not line.text or (line.problems and not _DROPPED.isdisjoint(line.problems)):
                continue
            answered = self._downlink if isinstance(command, (Result, Error)) else None
            if answered is not None:
                self._downlink = None
            self._asked.append(_Asked(command, line.text, line.instant, answered))

    def _forget(self, now: float) -> None:
        """Drop what will not be answered any more, and a ``help`` whose many lines are over."""
        asked = self._asked
        while asked and (asked[0].instant < now - ANSWER_TIME or isinstance(asked[0].command, Help)):
            asked.popleft()

    def _lines_down(self, lines: Iterable[Line]) -> None:
        for line in lines:
            asked = self._question(line.text, line.instant)
            pending = asked.command if asked is not None else None
            command, reading = self._read(line, "down", pending)
            echo = asked is not None and line.text.removeprefix("# ") == asked.text
            self._tell(line, "down", command, reading, "echo" if echo else "")
            if echo or not line.text:
                continue
            if asked is not None and not isinstance(pending, Help):
                self._asked.popleft()
            if isinstance(command, Down) and command.wants_result:
                self._downlink = command
            elif isinstance(command, Reply) and command.refused and asked is not None:
                # The module did not take this for the answer: the request is still open.
                self._downlink = self._downlink or asked.downlink

    def _question(self, text: str, now: float) -> _Asked | None:
        """Give the line of the MCU that ``text`` answers; what it shows to have been passed over is dropped."""
        asked = self._asked
        word = text.removeprefix("# ").partition(" ")[0]
        if word == "down":
            while asked and not isinstance(asked[0].command, GetDown):
                asked.popleft()
        elif word == "ok" and asked and isinstance(asked[0].command, GetDown):
            others = sum(not isinstance(each.command, GetDown) for each in asked)
            while others and isinstance(asked[0].command, GetDown):
                asked.popleft()
        while len(asked) > 1 and _given_up(asked[0], asked[1], word, now):
            asked.popleft()
        return asked[0] if asked else None

    def _read(
        self, line: Line, direction: Direction, pending: Command | None
    ) -> tuple[Command, dict[str, object]]:
        """Read a line, as the answer to another; one that is known already, at little cost."""
        key = (direction, line.raw, _context(line.text, direction, pending))
        found = self._known.get(key)
        if found is None:
            command = read(line.raw, direction=direction, pending=pending)
            found = (command, command.as_json())
            if len(line.raw) <= _LONGEST_KNOWN:
                if len(self._known) >= _MOST_KNOWN:
                    self._known.clear()
                self._known[key] = found
        command, reading = found
        return command, dict(reading)  # an observer may keep or change it

    def _tell(
        self, line: Line, direction: Direction, command: Command, reading: dict[str, object], note: str = ""
    ) -> None:
        if not note and isinstance(command, Noise):
            note = "noise"
        if line.problems:
            note = ", ".join(filter(None, (note, *(each for each in line.problems if each in _DROPPED))))
        instant = line.instant
        self._observer(
            Record("uart", direction, instant, self._wall(instant), line.raw, reading, note, self._peer)
        )


def _context(text: str, direction: Direction, pending: Command | None) -> str | None:
    """Give what, beside the line itself, decides how it is read: as little as possible, for what is known is kept."""
    if pending is None or (direction == "up" and not text.startswith("result")):
        return None
    if isinstance(pending, _ANSWERED_ALIKE) and text != pending.line:
        return pending.command
    return pending.line


def _given_up(first: _Asked, second: _Asked, word: str, now: float) -> bool:
    """Whether a reply that both could have is the later one's: who is not answered promptly is not answered at all."""
    polls = isinstance(second.command, GetDown)
    if word != "error" and polls is not (word == "down"):
        return False
    return now - first.instant > (PROMPT if first.text == second.text else 5 * PROMPT)
