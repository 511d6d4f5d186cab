"""A recorded line as a conversation: which reply answers which line, which ``result`` answers which downlink.

The serial line has neither numbers nor direction marks; order alone tells. Lines are read anew from their raw bytes,
so that a recording may be judged whatever its recorder understood of it. No I/O and no clock; nothing a line can hold
raises.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

from miio_lan.uart import commands as c
from miio_lan.uart.bridge.faults import ALTERED, ANSWERED, delivered, held_back, invented
from miio_lan.uart.line import CR, MAX_LINE, clean
from miio_lan.uart.pieces import pieces

if TYPE_CHECKING:
    from collections.abc import Iterable

    from miio_lan.record import Record

ANSWER_TIME = 2.0
"""Seconds after which a line of the MCU counts as unanswered; modules answer within milliseconds."""
PROMPT = 0.1
"""Seconds after which a line that was said again is not waited on; five times that, when others came after it."""
MAX_OPEN = 32
#: Notes of records that are no lines of either side.
_ASIDE = ("echo", "xmodem")


@dataclass(eq=False, slots=True)
class Said:
    """A line of the MCU.

    :param text: its printable text
    :param glued: whether it ran into another line because a CR was missing
    :param reply: the line with which the module answered it
    :param answers: the downlink it answers, for ``result`` and ``error``
    :param again: whether that downlink had been answered before
    :param number: its place among the lines of the MCU, for lines of one read have one instant
    :param instant: monotonic seconds of the read, but never before those of a line that was said earlier
    """

    record: Record
    text: str
    command: c.Command
    glued: bool = False
    reply: Record | None = None
    answers: Downlink | None = None
    again: bool = False
    number: int = 0
    instant: float = 0.0

    @property
    def reply_text(self) -> str:
        """What the module answered, empty when nothing."""
        return clean(self.reply.raw)[0].removeprefix("# ") if self.reply is not None else ""

    @property
    def accepted(self) -> bool:
        """Whether the module said ``ok``."""
        return self.reply_text == "ok"


@dataclass(eq=False, slots=True)
class Downlink:
    """Something the module handed out, ``down none`` apart.

    :param asked: the ``get_down`` that fetched it
    :param answer: the first ``result`` or ``error`` for it
    :param closed: when something else was handed out in its place, or the line was lost
    :param instant: monotonic seconds of its hand-out, but never before those of a line that was said earlier
    """

    record: Record
    text: str
    command: c.Down
    asked: Said | None = None
    answer: Said | None = None
    closed: float | None = None
    instant: float = 0.0

    @property
    def seconds(self) -> float | None:
        """From when the MCU got it to its answer."""
        if self.answer is None:
            return None
        return self.answer.instant - held_back(self.answer.record) - self.instant


@dataclass(slots=True)
class Conversation:
    """Both directions of a line, in the order of observation.

    :param said: the lines of the MCU, lines of nothing but an LF apart
    :param downlinks: what was handed out, ``down none`` apart
    :param told: every non-empty line of the module
    :param breaks: instants at which the observation was interrupted
    :param away: since when a direction is not heard, because its port was lost
    :param gaps: from when to when one was not heard before
    :param began: instant of the first record, and ``ended`` of the last one
    """

    said: list[Said] = field(default_factory=list)
    downlinks: list[Downlink] = field(default_factory=list)
    told: list[tuple[Record, c.Command]] = field(default_factory=list)
    breaks: list[float] = field(default_factory=list)
    away: dict[str, float] = field(default_factory=dict)
    gaps: list[tuple[float, float]] = field(default_factory=list)
    began: float = 0.0
    ended: float = 0.0

    def of(self, *words: str) -> list[Said]:
        """Give the MCU's lines that begin with one of these words."""
        return [each for each in self.said if each.command.command in words]

    def broken(self, start: float, end: float) -> bool:
        """Whether the observation was interrupted between two instants."""
        gaps = (*self.gaps, *((since, inf) for since in self.away.values()))
        return any(start <= each <= end for each in self.breaks) or any(
            start <= last and first <= end for first, last in gaps
        )


def listen(records: Iterable[Record], *, ended: float | None = None) -> Conversation:
    """Read the serial records of a session; all others are passed over.

    :param ended: when the observation ended, monotonic seconds; with the last record by default
    """
    listener = _Listener()
    for record in records:
        if record.wire == "uart":
            listener.take(record)
    if ended is not None:
        listener.conversation.ended = max(listener.conversation.ended, ended)
    return listener.conversation


class _Listener:
    def __init__(self) -> None:
        self.conversation = Conversation()
        self._asked: deque[Said] = deque(maxlen=MAX_OPEN)
        self._open: Downlink | None = None
        self._last: Downlink | None = None
        self._begun = False
        self._transfer = False
        self._altered = False
        self._doubled = False
        self._now = 0.0

    def take(self, record: Record) -> None:
        conversation = self.conversation
        if not self._begun:
            self._begun = True
            conversation.began = self._now = record.instant
        # Of two receivers one is later than the other: what follows is not earlier for that.
        conversation.ended = self._now = max(self._now, record.instant)
        since = conversation.away.pop(record.direction, None)
        if since is not None:
            conversation.gaps.append((since, self._now))
        if not record.raw:
            if record.note.startswith("outage:"):
                conversation.away[record.direction] = self._now
            self._break(self._now)
        elif any(word in record.note for word in _ASIDE):
            return
        elif record.direction == "down":
            self._down(record)
        elif invented(record):
            self._spoken_for(record)
        else:
            self._up(record)

    def _break(self, now: float) -> None:
        self.conversation.breaks.append(now)
        self._asked.clear()
        self._close(now)
        self._last = None

    def _close(self, now: float) -> None:
        if self._open is not None:
            self._open.closed = now
            self._open = None

    def _up(self, record: Record) -> None:
        text = clean(record.raw)[0]
        if not text:
            return
        self._altered = ALTERED in record.note
        parts = pieces(text)
        if self._transfer and isinstance(c.read(parts[0], direction="up"), c.Noise):
            return  # what a bootloader says between blocks is no line of the document
        while self._asked and self._stale(self._asked[0]):
            self._asked.popleft()
        for number, part in enumerate(parts):
            said = self._say(record, part, glued=len(parts) > 1)
            if number == 0 and _is_answered(record):
                self._asked.append(said)

    def _stale(self, asked: Said) -> bool:
        return asked.instant < self._now - ANSWER_TIME or isinstance(asked.command, c.Help)

    def _say(self, record: Record, text: str, *, glued: bool) -> Said:
        downlink = self._open or (self._last if self._doubled else None)
        command = c.read(text, direction="up", pending=downlink.command if downlink else None)
        number = len(self.conversation.said)
        said = Said(record, text, command, glued, number=number, instant=self._now)
        if isinstance(command, (c.Result, c.Error)):
            self._answer(said, self._open)
        elif not isinstance(command, c.GetDown):
            self._transfer = False
        self.conversation.said.append(said)
        return said

    def _answer(self, said: Said, downlink: Downlink | None) -> None:
        if downlink is not None:
            said.answers, downlink.answer = downlink, said
            self._open, self._last = None, downlink
        elif self._last is not None:
            said.answers, said.again = self._last, not self._doubled
            self._doubled = False

    def _down(self, record: Record) -> None:
        text = clean(record.raw)[0].removeprefix("# ").strip(" ")
        if not text:
            return
        asked = self._question(text, self._now - held_back(record))
        command = c.read(text, direction="down", pending=asked.command if asked else None)
        if not invented(record):
            self.conversation.told.append((record, command))
        if not delivered(record):
            self._withheld(record)
            return
        if asked is not None and not isinstance(asked.command, c.Help):
            self._asked.popleft()
            asked.reply = record
            self._note_transfer(asked)
        if isinstance(command, c.Down) and command.method not in ("", "none"):
            self._hand_out(Downlink(record, text, command, asked, instant=self._now))

    def _withheld(self, record: Record) -> None:
        """Take what the MCU never heard (a fault of a bridge): its question will not be answered any more."""
        if self._asked and ALTERED not in record.note:
            self._asked.popleft()

    def _spoken_for(self, record: Record) -> None:
        """Take what a bridge said in place of the MCU: the module answers that, too."""
        if self._altered:
            self._altered = False  # what was made of it is answered once
        elif text := clean(record.raw)[0]:
            self._asked.append(Said(record, text, c.read(text, direction="up"), instant=self._now))

    def _note_transfer(self, asked: Said) -> None:
        downlink = asked.answers
        if downlink is not None and downlink.command.method == "update_fw" and asked.accepted:
            self._transfer = '"ready"' in asked.text

    def _hand_out(self, downlink: Downlink) -> None:
        if self._open is not None and self._open.text == downlink.text and downlink.text == "down update_fw":
            return  # modules repeat it until it is answered
        if self._open is not None and self._open.text == downlink.text and invented(downlink.record):
            self._doubled = True  # the MCU may well answer twice
            return
        self._transfer = False
        self.conversation.downlinks.append(downlink)
        if downlink.command.wants_result:
            self._close(downlink.instant)
            self._open, self._last = downlink, None

    def _question(self, text: str, now: float) -> Said | None:
        """Give the line that ``text`` answers; what it shows to have been passed over is dropped."""
        asked = self._asked
        word = text.partition(" ")[0]
        if word == "down":
            while asked and not isinstance(asked[0].command, c.GetDown):
                asked.popleft()
        elif text == "ok" and any(not isinstance(each.command, c.GetDown) for each in asked):
            while isinstance(asked[0].command, c.GetDown):
                asked.popleft()
        while len(asked) > 1 and _given_up(asked[0], asked[1], word, now):
            asked.popleft()
        return asked[0] if asked else None


def _given_up(first: Said, second: Said, word: str, now: float) -> bool:
    """Whether a reply that both could have is the later one's: who is not answered promptly is not answered at all."""
    polls = isinstance(second.command, c.GetDown)
    if word != "error" and polls is not (word == "down"):
        return False
    return now - first.instant > (PROMPT if first.text == second.text else 5 * PROMPT)


def _is_answered(record: Record) -> bool:
    """Whether something comes back for it: what has no end, or is too long for a module, it throws away."""
    if not (delivered(record) or ALTERED in record.note or ANSWERED in record.note):
        return False
    return record.raw.endswith(CR) or len(record.raw) > MAX_LINE
