"""The line's conversation: which reply belongs to which line of the MCU, which answer to which downlink.

Goal: the serial line has neither numbers nor direction marks beyond its two wires. Still one place, this one, has to
say what answers what, and how sure that is: live displays, the bridge, pairing and every rule read it here, so that
they cannot contradict each other. "In doubt" is a good answer, a wrong one that sounds sure is not.

Plan. Lines of both directions come in, in the order in which they were said (:mod:`miio_lan.uart.order`), with their
instants; turns and downlinks come out. A *turn* is a line of the MCU with the module's reply; replies are matched by
:class:`~miio_lan.uart.replies.OpenLines`. A *downlink* is what the module handed out, with its answer. An answer
(``result`` or ``error``) belongs

1. to the downlink that waits, when it fits it: carries its ids, or needs none;
2. else to one that was given up, when it names its ids: it is late;
3. else to the one that waits, though it does not fit it;
4. else to nothing that was seen (an orphan), or it repeats the answer to the last downlink.

What the module says to an answer is heard afterwards. An answer it *refused* was no answer to what waits; the one it
*takes* is. A reply to nothing that was seen shows that a line was lost: what is under way then is in doubt.

::

    10.1  down get_properties 2 1        the MCU is slow, the module gives up after 4 s
    14.3  down get_properties 2 2
    14.4  result 2 1 0 true     -> error   names 2.1: its answer, 4.3 s late. No answer to 2.2, and refused as one.
    14.5  result 2 2 0 50       -> ok      the answer to 2.2, after 0.2 s

Where a bridge stands in between, the two ends do not hear the same: there are two conversations then, ``side`` says
whose this is. The module's explains what a LAN client got, the MCU's is what the MCU is judged by.

No I/O and no clock; nothing a line can hold raises; what is remembered is bounded where no history is kept.
"""

from __future__ import annotations

import re
from collections import deque
from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING, Literal, NamedTuple

from miio_lan.record import DIRECTIONS
from miio_lan.uart.bridge.faults import ALTERED, ANSWERED, delivered, held_back, invented
from miio_lan.uart.commands import (
    Command,
    Down,
    Error,
    EventOccured,
    GetDown,
    NetChange,
    Noise,
    PropertiesChanged,
    Result,
    read,
)
from miio_lan.uart.commands.answering import fits, has_to_name
from miio_lan.uart.line import CR, OVERLONG, UNFINISHED
from miio_lan.uart.pieces import pieces
from miio_lan.uart.replies import GET_DOWN, OpenLines
from miio_lan.uart.turns import Before, Downlink, Quiet, Turn, text_of, text_of_raw

if TYPE_CHECKING:
    from collections.abc import Iterable

    from miio_lan.record import Record
    from miio_lan.uart.commands import Direction

Side = Literal["module", "mcu"]

ANSWER_TIME = 4.0
"""Seconds a module waits for its MCU (serial document, set_properties)."""
SHORTEST_ANSWER_TIME = 0.9
"""No known module gives up sooner (observed: 1 s in the older generation)."""
REMEMBERED = 16
"""Unanswered downlinks to which a late answer may still belong."""
LATEST = 60.0
"""Seconds after which not even a late answer is expected."""
BLIND = 8.0
"""Seconds from when the watching begins in which an answer may be the late one to a line that was not seen."""
DELAY = 0.5
"""Seconds by which an answer may come after the module gave up and still be in its time, as far as stamps tell."""
IDENTITY_TIME = 5.0
"""Seconds in which what an MCU says of itself is the answer to a request for it, not the sign of a start."""
SAME_MOMENT = 0.03
"""Seconds within which the stamps of two receivers do not tell what was said first."""

IDENTITY_REQUESTS = {"MIIO_model_req": "model", "MIIO_mcu_version_req": "mcu_version"}
"""What makes an MCU say of itself who it is, and the word it says it with."""
UPDATE = "update_fw"

_BOOT_WORDS = frozenset({"model", "mcu_version", "ble_config"})
"""What an MCU says when it starts, and knows nothing of the time before."""
_DROPPED = frozenset({OVERLONG, UNFINISHED})
_BREAKS = frozenset({"gap", "outage"})
_ASIDE = frozenset({"echo", "xmodem"})
_WORDS = re.compile("[a-z]+")
_NO_NOTES: frozenset[str] = frozenset()
_BEFORE = bytes(range(0x21)) + b"\xff"
"""What may stand before the first character of a line, and is no part of it."""


class Seen(NamedTuple):
    """How a line is read where it stands in the conversation.

    :param echo: whether it is the MCU's own line that comes back
    :param target: the downlink an answer is read as the answer to
    :param others: what else it may answer
    """

    text: str
    command: Command
    echo: bool = False
    target: Downlink | None = None
    others: tuple[Downlink, ...] = ()


class Conversation:
    """Takes the lines of both directions in the order in which they were said.

    :param side: whose conversation it is, where a bridge stands between the two
    :param before: what of the time before the first line still matters
    """

    def __init__(self, side: Side = "module", before: Before | None = None) -> None:
        before = before or Before()
        self.side = side
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
        #: The last downlink that has to be answered.
        self.current: Downlink | None = None
        self._notice: Downlink | None = None  # the last thing handed out, where it has no answer
        self._asked_identity: dict[str, Downlink] = {}
        self._open: OpenLines[Turn] = OpenLines()
        self._burst: list[Turn] = []  # since nothing was open
        self._unanswered: deque[Downlink] = deque(maxlen=REMEMBERED)
        self._blind_until = before.blind_until
        self._last_hidden = self._said_until = -inf
        self._identity_at = -inf
        self._fed = self._count = 0
        self._now = -inf
        self._transfer = False
        self._altered = False  # what a bridge makes of the MCU's last line is still to come
        self._doubled = False  # a bridge handed the downlink out twice

    # --- asking --------------------------------------------------------------------------------------------------

    def of(self, *words: str) -> list[Turn]:
        """Give the MCU's lines that begin with one of these words."""
        return [each for each in self.said if each.command.command in words]

    @property
    def waiting(self) -> Downlink | None:
        """The downlink that waits for its answer, None when there is none."""
        return self.current if self.current is not None and self.current.waits else None

    def broken(self, start: float, end: float) -> bool:
        """Tell whether the observation was interrupted between two instants."""
        gaps = (*self.gaps, *((since, inf) for since in self.away.values()))
        return any(start <= each <= end for each in self.breaks) or any(
            start <= last and first <= end for first, last in gaps
        )

    def missing(self, start: float, end: float) -> bool:
        """Tell whether something was said between two instants that was not seen, as what was seen shows."""
        lists = (self.unseen, self.hidden, self.unexplained)
        return self.broken(start, end) or any(start <= each <= end for found in lists for each in found)

    def watched(self, start: float, end: float) -> bool:
        """Tell whether all was seen between two instants, as far as what was seen tells."""
        if len(self.heard) < len(DIRECTIONS) or self.first is None or self.first > start:
            return False
        return not self.missing(start, end)

    def now(self) -> Before:
        """Give what of all this may matter to what comes later."""
        return Before(self.first, self._blind_until, frozenset(self.heard), self.others)

    # --- taking --------------------------------------------------------------------------------------------------

    def read(self, direction: Direction, raw: bytes, now: float) -> Seen:
        """Read a line where it stands, without taking it."""
        if direction == "down":
            text = text_of_raw(raw, direction)
            asked = self._open.look(text, now)
            # ``help`` itself is among the lines of its answer; ``ok`` and ``error`` are the module's own words.
            back = (
                asked is not None
                and text == asked.text
                and asked.reply is None
                and text not in ("ok", "error")
            )
            return Seen(text, read_line(raw, direction, asked.command if asked else None), echo=back)
        command = read_line(raw, direction, None)
        text = text_of_raw(raw, direction)
        if not isinstance(command, (Result, Error)):
            return Seen(text, command)
        target, others = self._downlinks_of(raw, now)
        context = target or self._repeated()
        return Seen(
            text, read_line(raw, direction, context.command if context else None), False, target, others
        )

    def feed(self, record: Record) -> None:
        """Take a record of the UART."""
        self.take(record, None)

    def take(self, record: Record, seen: Seen | None) -> None:
        """Take a record of the UART, with what :meth:`read` gave for it where that was asked before."""
        self._begin(record)
        notes = frozenset(_WORDS.findall(record.note)) if record.note else _NO_NOTES
        if notes & _BREAKS or not record.raw:
            self._break(record, away="outage" in notes)
        if not record.raw or notes & _ASIDE:
            return
        self.heard.add(record.direction)
        if record.direction == "up":
            self._up(record, seen, dropped=bool(notes & _DROPPED) or not record.raw.endswith(CR))
        else:
            self._down(record, seen)
        if self.side == "module" and not delivered(record):
            self._withheld(record)

    def finish(self, ended: float | None = None) -> None:
        """Nothing more will come.

        :param ended: when the observation ended, monotonic seconds; with the last record by default
        """
        self._open.clear()
        if ended is not None:
            self.ended = max(self.ended, ended)

    def forget(self) -> None:
        """Drop what is over; what is under way stays."""
        for past in (
            *(
                self.said,
                self.downlinks,
                self.told,
                self.orphans,
                self.polls,
                self.idle,
                self.unseen,
                self.hidden,
            ),
            *(self.unexplained, self.breaks, self.gaps, self.quiet),
        ):
            past.clear()

    def _begin(self, record: Record) -> None:
        self._fed += 1
        if self.first is None:
            self.first = record.instant
        if self._fed == 1:
            self.began = record.instant
        if self._blind_until is None:
            self._blind_until = self.first + BLIND
        # Of two receivers one is later than the other: what follows is not earlier for that.
        self._now = self.ended = max(self._now, record.instant)
        since = self.away.pop(record.direction, None)
        if since is not None:
            self.gaps.append((since, self._now))

    def _break(self, record: Record, *, away: bool) -> None:
        if away:
            self.away[record.direction] = self._now
        self.breaks.append(self._now)
        self._blind_until = self._now + BLIND
        self._give_up(self._open.clear())
        self._notice = None
        if self.current is not None and self.current.waits:
            self.current.broken = True

    def _withheld(self, record: Record) -> None:
        """Note that the other end did not hear this, or heard something else (a fault of a bridge)."""
        task = self.current
        if task is None:
            return
        if record is task.record:
            task.notes.append(f"the MCU did not get this line: {record.note}")
        elif record.direction == "up" and text_of(record).startswith(("result ", "error ")) and task.waits:
            task.notes.append(f"the module did not get the answer of the MCU: {record.note}")
            task.extra.append(record)

    # --- from the MCU --------------------------------------------------------------------------------------------

    def _up(self, record: Record, seen: Seen | None, *, dropped: bool) -> None:
        if not (delivered(record) if self.side == "module" else not invented(record)):
            self._spoken_for(record)
            return
        self._altered = ALTERED in record.note
        if seen is None:
            seen = self.read("up", _plain(record), self._now)
        if not seen.text or (self._transfer and isinstance(seen.command, Noise)):
            return  # what a bootloader says between blocks is no line of the document
        self._give_up(self._open.expire(self._now))
        self._open.end_help()
        parts = parts_of(seen.text)
        for number, part in enumerate(parts):
            if len(parts) > 1:
                seen = self.read("up", part.encode(), self._now)
            turn = self._say(record, seen, glued=len(parts) > 1, dropped=dropped)
            if number == 0 and not dropped and _is_heard(record):
                self._give_up(self._open.add(turn))
                self._burst.append(turn)

    def _spoken_for(self, record: Record) -> None:
        """Take what a bridge said in place of the MCU: the module replies to that, too."""
        if self.side == "module":
            return
        if self._altered:
            self._altered = False  # what was made of it is replied to once
        elif text := text_of(record):
            self._open.add(Turn(record, text, read_line(record.raw, "up", None), instant=self._now))

    def _say(self, record: Record, seen: Seen, *, glued: bool, dropped: bool) -> Turn:
        turn = Turn(record, seen.text, seen.command, self._count, self._now, glued, dropped)
        self._count += 1
        if isinstance(seen.command, GetDown):
            self._polled(turn)
        elif isinstance(seen.command, (Result, Error)):
            self._answered(turn, seen)
        else:
            self._transfer = False
            if turn.word in _BOOT_WORDS:
                self._identified(turn)
        self.said.append(turn)
        return turn

    def _polled(self, turn: Turn) -> None:
        self.polls.append(turn.instant)
        if self._is_quiet():
            self.quiet.append(Quiet(turn.instant, self._fed - 1, self.now()))
        if self.current is not None and self.current.waits:
            self.current.polls.append(turn)

    def _is_quiet(self) -> bool:
        if self._open or self._said_until >= self._now or self.waiting is not None:
            return False
        self._prune()
        return not self._unanswered and not self._hides()

    def _prune(self) -> None:
        while self._unanswered and self._now - self._unanswered[0].instant > LATEST:
            self._unanswered.popleft()

    def _hides(self) -> bool:
        return self._now - self._last_hidden < LATEST

    def _identified(self, turn: Turn) -> None:
        """Take what an MCU says when it starts: it owes no answer to anything from before."""
        request = self._asked_identity.pop(turn.word, None)
        if request is not None and turn.instant - request.instant <= IDENTITY_TIME:
            turn.request = request
        if self._now - self._identity_at > IDENTITY_TIME:
            self._blind_until = -inf
            self._unanswered.clear()

    # --- answers -------------------------------------------------------------------------------------------------

    def _downlinks_of(self, raw: bytes, now: float) -> tuple[Downlink | None, tuple[Downlink, ...]]:
        """Find what an answer answers, see the plan above; and what else it might answer."""
        waiting = self.waiting
        suits = waiting is not None and _fits(raw, waiting)
        if waiting is not None and not suits and now - waiting.instant > ANSWER_TIME + DELAY:
            waiting = None  # given up long ago; it is the answer to a line that was not seen
        late = [
            each
            for each in self._unanswered
            if each is not waiting and now - each.instant <= LATEST and _fits(raw, each)
        ]
        named = [each for each in late if _names(raw, each)]
        if waiting is not None and suits:
            return waiting, tuple(named if _names(raw, waiting) else late)
        if named:
            return named[-1], tuple(named[:-1])
        if late:
            return late[-1], (*late[:-1], *([waiting] if waiting is not None else []))
        return waiting, ()

    def _repeated(self) -> Downlink | None:
        """Give the downlink whose answer may be repeated: the last one, when it has an answer."""
        return self.current if self.current is not None and self.current.answer is not None else None

    def _answered(self, turn: Turn, seen: Seen) -> None:
        task, command = seen.target, turn.command
        turn.blind = self._blind_until is not None and turn.instant < self._blind_until
        if task is None:
            self._unasked(turn)
            return
        turn.answers, turn.others = task, list(seen.others)
        turn.fits = isinstance(command, (Result, Error)) and fits(command, task.command)
        turn.late = task.closed is not None
        named = turn.fits and command.valid and has_to_name(task.command) and isinstance(command, Result)
        # Where a line was under way that nobody saw, an answer without clear ids may be to that one. An MCU that
        # has asked for work waits for what it gets before it answers anything.
        hidden = self._hides() or any(each.word == GET_DOWN for each in self._open)
        turn.sure = not turn.others and (named or not hidden) and (not turn.late or command.valid)
        for other in turn.others:
            other.doubtful = True
        if task.answer is not None:
            turn.again = True
            if not (turn.fits and command.valid):
                task.extra.append(turn.record)  # one useless answer after another
                return
            task.extra += task.answer.records
        task.answer = turn
        if turn.fits and task in self._unanswered:
            self._unanswered.remove(task)

    def _unasked(self, turn: Turn) -> None:
        """Take an answer that no downlink waits for, as far as was seen."""
        if self._notice is not None and isinstance(turn.command, Error):
            turn.answers, self._notice.answer, self._notice = self._notice, turn, None
            return
        self.orphans.append(turn)
        turn.sure = False
        last = self._repeated()
        polls_unseen = any(each.word == GET_DOWN for each in self._open) or bool(
            self.unseen and self.current is not None and self.unseen[-1] > self.current.instant
        )
        turn.blind = turn.blind or self._hides() or polls_unseen
        if last is not None and (last.closed is None or fits_command(turn.command, last)):
            turn.answers, turn.again = last, not self._doubled
            self._doubled = False

    def _taken(self, turn: Turn) -> None:
        """Learn what the module said to an answer: what it takes is the answer, whatever it refused before."""
        task = turn.answers
        if (
            task is None
            or turn is task.answer
            or not turn.accepted
            or task.answer is None
            or not task.answer.refused
        ):
            return
        self._put_aside(task, task.answer)
        task.extra = [each for each in task.extra if each is not turn.record]
        task.answer = turn

    @staticmethod
    def _put_aside(task: Downlink, refused: Turn) -> None:
        """Give an answer that was refused to the downlink it may answer instead, where there is one."""
        free = [each for each in refused.others if each.answer is None and each is not task]
        if free:
            refused.answers, refused.late = free[-1], True
            free[-1].answer = refused
        else:
            task.extra += refused.records

    # --- from the module -----------------------------------------------------------------------------------------

    def _down(self, record: Record, seen: Seen | None) -> None:
        ours = not invented(record)
        if self.side == "module" and not ours:
            return
        said_at = self._now - held_back(record) if self.side == "mcu" else self._now
        if seen is None:
            seen = self.read("down", _plain(record), said_at)
        if not seen.text or seen.echo:
            return
        if ours:
            self.told.append((record, seen.command))
        if self.side == "mcu" and not delivered(record):
            if ALTERED not in record.note:
                self._open.replied(seen.text, said_at)  # it will not be said again
            return
        self._said_until = self._now
        self._give_up(self._open.expire(said_at))
        turn, passed = self._open.replied(seen.text, said_at)
        self._give_up(passed)
        if turn is not None:
            self._reply(turn, record)
        if isinstance(seen.command, Down):
            self._handed_out(Downlink(record, seen.text, seen.command, turn, self._now))
        elif turn is None:
            self._unexplained(seen.text)
        elif seen.text == "error" and turn.word == GET_DOWN and self.waiting is None:
            self._hide()

    def _reply(self, turn: Turn, record: Record) -> None:
        if turn.reply is None:
            turn.reply = record
        if not self._open:
            self._burst.clear()
        if turn.answers is not None:
            if turn.answers.command.method == UPDATE and turn.accepted:
                self._transfer = '"ready"' in turn.text
            self._taken(turn)

    def _unexplained(self, text: str) -> None:
        """Take a reply to nothing that was seen: a line of the MCU was lost."""
        if text not in ("ok", "error"):
            return
        self.unexplained.append(self._now)
        if self.waiting is not None:
            self.waiting.missed = True
        elif text == "error":
            self._hide()

    def _hide(self) -> None:
        self.hidden.append(self._now)
        self._last_hidden = self._now

    def _give_up(self, turns: Iterable[Turn]) -> None:
        """A reply of the module was not seen: those around it may be off by one."""
        for turn in turns:
            if turn.word == GET_DOWN:
                self.unseen.append(turn.instant)
            for each in self._burst:
                if each is not turn:
                    each.reply_sure = False
        if not self._open:
            self._burst.clear()

    def _handed_out(self, downlink: Downlink) -> None:
        current, command = self.current, downlink.command
        if current is not None and current.waits and current.command == command:
            if command.method == UPDATE:
                current.extra.append(downlink.record)  # repeated until it is answered
                return
            if invented(downlink.record):
                self._doubled = True  # the MCU may well answer twice
                return
        self._transfer = self._doubled = False
        if current is not None and current.closed is None:
            self._close(current, downlink)
        if command.method == "none":
            self.idle.append(self._now)
        if command.method in ("", "none"):
            self._notice = None
            return
        self.downlinks.append(downlink)
        if command.method in IDENTITY_REQUESTS:
            self._asked_identity[IDENTITY_REQUESTS[command.method]] = downlink
            self._identity_at = self._now
        self._notice = None if command.wants_result or isinstance(command, NetChange) else downlink
        if command.wants_result:
            self.current = downlink

    def _close(self, current: Downlink, following: Downlink) -> None:
        """The module is done with a downlink, for it hands out what follows."""
        answer = current.answer
        current.closed = self._now
        # It names nothing, and stamps may be late: it may be the answer to what is handed out now.
        if answer is not None and answer.reply is None and not has_to_name(current.command):
            answer.sure = answer.sure and self._now - answer.instant >= SAME_MOMENT
        if answer is not None and answer.fits and answer.refused and not answer.late:
            in_time = (current.seconds or 0.0) < SHORTEST_ANSWER_TIME
            current.restarted = in_time and isinstance(following.command, NetChange)
        useless = answer is None or not answer.fits or answer.refused
        if useless and not current.notes and not current.restarted:
            self._unanswered.append(current)


def converse(records: Iterable[Record], *, side: Side = "module", ended: float | None = None) -> Conversation:
    """Read the serial records of an observation, in the order in which they were said; all others are passed over.

    :param ended: when the observation ended, monotonic seconds; with the last record by default
    """
    conversation = Conversation(side)
    for record in records:
        if record.wire == "uart":
            conversation.feed(record)
    conversation.finish(ended)
    return conversation


def _plain(record: Record) -> bytes:
    """Give a line as a module hears it: it drops what is not printable ASCII, and that is no fault of the meaning."""
    raw = record.raw
    return raw if raw.isascii() and raw[:-1].decode("ascii").isprintable() else text_of(record).encode()


def _is_heard(record: Record) -> bool:
    """Tell whether the module replies to it, or to what a bridge made of it."""
    return delivered(record) or ALTERED in record.note or ANSWERED in record.note


# --- reading: the same lines are read over and over, for a line at rest says always the same -------------------------


_known: dict[tuple[bytes, str, str | None], Command] = {}
_MOST_KNOWN = 4096
_LONGEST_KNOWN = 1024

# Commands whose reply is read alike whatever they said.
_REPLIED_ALIKE = (Result, Error, PropertiesChanged, EventOccured)


def read_line(raw: bytes, direction: Direction, pending: Command | None) -> Command:
    """Read a line as the answer or reply to ``pending``; at little cost where it was read before."""
    if direction == "up" and not raw.lstrip(_BEFORE).startswith(b"result"):
        pending = None
    # By its line, not by itself: what JSON brings into a downlink cannot be hashed.
    key = (raw, direction, _context(pending) if pending is not None else None)
    command = _known.get(key)
    if command is None:
        command = read(raw, direction=direction, pending=pending)
        if len(raw) <= _LONGEST_KNOWN:
            if len(_known) >= _MOST_KNOWN:
                _known.clear()
            _known[key] = command
    return command


def _context(pending: Command) -> str:
    """Give what of a line decides how what follows it is read: as little as possible, for what is known is kept."""
    return (pending.command or "") if isinstance(pending, _REPLIED_ALIKE) else pending.line


@lru_cache(maxsize=2048)
def parts_of(text: str) -> list[str]:
    """Give the lines that ran into each other in a text; nearly always there is one."""
    return pieces(text)


def _fits(raw: bytes, downlink: Downlink) -> bool:
    return fits_command(read_line(raw, "up", downlink.command), downlink)


def fits_command(command: Command, downlink: Downlink) -> bool:
    """Tell whether an answer names what a downlink asked for."""
    return isinstance(command, (Result, Error)) and fits(command, downlink.command)


def _names(raw: bytes, downlink: Downlink) -> bool:
    """Tell whether an answer names what a downlink asked for by its ids."""
    return has_to_name(downlink.command) and isinstance(read_line(raw, "up", downlink.command), Result)


Said = Turn
__all__ = ["Before", "Conversation", "Downlink", "Said", "Turn", "converse"]
