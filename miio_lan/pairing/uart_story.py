"""What happened on the UART: which line was handed out, what answered it, and what the module said to that.

The line has no numbers and no direction marks beyond its two wires. What answers what follows from the order, from the
ids in an answer, and from what the module says; where lines are missing, that is noticed as far as it can be.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import deque
from functools import lru_cache

from miio_lan.pairing.content import fits, is_telling
from miio_lan.pairing.tasks import Answer, Asked, Before, Quiet, Task
from miio_lan.record import Record
from miio_lan.uart.bridge.faults import delivered, invented
from miio_lan.uart.commands import Command, Down, Error, Noise, Result, read
from miio_lan.uart.line import OVERLONG, UNFINISHED
from miio_lan.uart.order import LATENESS, text_of

ANSWER_TIME = 4.0
"""Seconds a module waits for its MCU (serial document)."""
SHORTEST_ANSWER_TIME = 0.9
"""No known module gives up sooner (observed: 1 s in the older generation)."""
REMEMBERED = 16
"""Unanswered lines to which a late answer may still belong."""
LATEST = 60.0
"""Seconds after which not even a late answer is expected."""
BLIND = 8.0
"""Seconds from when the watching begins in which an answer may be the late one to a line that was not seen."""
DELAY = 0.5
"""Seconds by which an answer may come after the module gave up and still be in its time, as far as stamps tell."""
PATIENCE = 0.5
"""Seconds after which a line of the MCU counts as unanswered by the module; it takes milliseconds."""

BOTH = frozenset({"up", "down"})
"""The directions of a line."""
ASKED = 5.0
"""Seconds in which what an MCU says of itself is the answer to a question, not the sign of a start."""

_DROPPED = frozenset({OVERLONG, UNFINISHED})
_BREAKS = frozenset({"gap", "outage"})
_SERVER = frozenset({"get_down", "result", "error", "properties_changed", "event_occured"})
_NOT_FOUND = "command '"
_WORDS = re.compile("[a-z]+")
_NOISE = "?"
_BOOT = frozenset({"model", "mcu_version", "ble_config"})
"""What an MCU says when it starts, and knows nothing of the time before."""
_IDENTITY = frozenset({"MIIO_model_req", "MIIO_mcu_version_req"})
"""What makes it say so at any other time."""
_NOT_OK = frozenset({"get_down", _NOISE})


class UartStory:
    """Reads the lines of both directions in the order of time.

    Where a bridge with faults stands in between, it tells the story of the module: it answers the client.
    """

    def __init__(self, before: Before | None = None) -> None:
        before = before or Before()
        self.tasks: list[Task] = []
        #: Answers to nothing that was seen.
        self.orphans: list[Answer] = []
        #: When ``down none`` was handed out, and when the MCU asked for work and no answer was seen.
        self.idle: list[float] = []
        self.unseen: list[float] = []
        self.polls: list[float] = []
        self.breaks: list[float] = []
        #: When the module put the MCU off although nothing was under way as far as was seen.
        self.hidden: list[float] = []
        #: When the MCU asked for work while nothing was under way, and nothing from before might still come.
        self.quiet: list[Quiet] = []
        self._fed = 0
        self.first = before.first
        #: The directions of which anything was heard.
        self.heard = set(before.heard)
        #: When lines were handed out before, that nobody on the LAN had asked for, and their methods.
        self.others = before.others
        self._blind_until = before.blind_until
        self._said_until = float("-inf")
        self._identity_asked: float | None = None
        self._asked: deque[Asked] = deque()
        self._burst: list[Asked] = []
        self._unanswered: deque[Task] = deque(maxlen=REMEMBERED)

    @property
    def current(self) -> Task | None:
        """The last line handed out."""
        return self.tasks[-1] if self.tasks else None

    def feed(self, record: Record) -> None:
        """Take a record of the UART."""
        self._fed += 1
        if self.first is None:
            self.first = record.instant
        if self._blind_until is None:
            self._blind_until = self.first + BLIND
        notes = set(_WORDS.findall(record.note))
        if notes & _BREAKS:
            self._break(record)
        if not record.raw or "echo" in notes:
            return
        self.heard.add(record.direction)
        # Where a bridge stands between them, this is the story of the module: it is the one that answers the client.
        if record.direction == "up" and delivered(record):
            self._up(record, dropped=bool(notes & _DROPPED))
        elif record.direction == "down" and not invented(record):
            self._down(record)
        if not delivered(record):
            self._withheld(record)

    def finish(self) -> None:
        """Nothing more will come."""
        self._asked.clear()

    def now(self) -> Before:
        """Give what of all this may matter to what comes later."""
        return Before(self.first, self._blind_until, frozenset(self.heard), self.others)

    def _break(self, record: Record) -> None:
        self.breaks.append(record.instant)
        self._blind_until = record.instant + BLIND
        while self._asked:
            self._give_up(self._asked[0])
        if self.current is not None and self.current.waits:
            self.current.broken = True

    def _withheld(self, record: Record) -> None:
        """Note that the other end did not hear this, or heard something else (a fault of a bridge)."""
        task = self.current
        if task is None:
            return
        if record is task.down:
            task.notes.append(f"the MCU did not get this line: {record.note}")
        elif record.direction == "up" and text_of(record).startswith(("result ", "error ")) and task.waits:
            task.notes.append(f"the module did not get the answer of the MCU: {record.note}")
            task.extra.append(record)

    def watched(self, start: float, end: float) -> bool:
        """Tell whether all was seen between two instants, as far as what was seen tells."""
        if self.heard != BOTH or self.first is None or self.first > start:
            return False
        return not any(count_in(each, start, end) for each in (self.breaks, self.unseen, self.hidden))

    # --- from the MCU ------------------------------------------------------------------------------------------

    def _up(self, record: Record, *, dropped: bool) -> None:
        text = text_of(record)
        word = text.partition(" ")[0]
        self._forget(record.instant)
        asked = Asked(record, word)
        if word == "get_down":
            self.polls.append(record.instant)
            if self._is_quiet(record.instant):
                self.quiet.append(Quiet(record.instant, self._fed - 1, self.now()))
            if self.current is not None and self.current.waits:
                self.current.polls.append(asked)
        elif word in _BOOT:
            self._identified(record.instant)
        elif word in ("result", "error"):
            asked.answer = self._answered(record, dropped=dropped)
        elif isinstance(_said_up(record.raw, None), Noise):
            asked.word = _NOISE
        if text and not dropped:
            self._asked.append(asked)
            self._burst.append(asked)

    def _is_quiet(self, now: float) -> bool:
        if self._asked or self._said_until >= now or (self.current is not None and self.current.waits):
            return False
        self._prune(now)
        return not self._unanswered and not self._hides(now)

    def _prune(self, now: float) -> None:
        while self._unanswered and now - self._unanswered[0].down.instant > LATEST:
            self._unanswered.popleft()

    def _identified(self, now: float) -> None:
        """Take what an MCU says when it starts: it owes no answer to anything from before."""
        if self._identity_asked is None or now - self._identity_asked > ASKED:
            self._blind_until = 0.0
            self._unanswered.clear()

    def _answered(self, record: Record, *, dropped: bool) -> Answer:
        task, others = self._tasks_of(record)
        answer = _answer_to(record, task)
        answer.dropped = dropped
        answer.after_all = task is not None and task.closed is not None
        answer.blind = self._blind_until is not None and record.instant < self._blind_until
        if task is None:
            self.orphans.append(answer)
            return answer
        named = _names(record, task) and answer.fits and answer.command.valid
        # Where a line was under way that nobody saw, an answer without clear ids may be to that one. An MCU that
        # has asked for work waits for what it gets before it answers anything.
        hidden = self._hides(record.instant) or any(each.word == "get_down" for each in self._asked)
        answer.sure = not others and (named or not hidden) and (not answer.after_all or answer.command.valid)
        for other in others:
            other.doubtful = True
        if task.answer is not None and not (answer.fits and answer.command.valid):
            task.extra.append(record)  # one useless answer after another
            return answer
        if task.answer is not None:
            answer.second = True
            task.extra += task.answer.records
        task.answer = answer
        if answer.fits and task in self._unanswered:
            self._unanswered.remove(task)
        return answer

    def _hides(self, now: float) -> bool:
        return bool(self.hidden) and now - self.hidden[-1] < LATEST

    def _tasks_of(self, record: Record) -> tuple[Task | None, list[Task]]:
        """Find what an answer answers: what waits, or what was given up; and what else it might answer.

        The ids in an answer tell. Where it has none, it is what the module takes it for, with a doubt.
        """
        self._prune(record.instant)
        current = self.current
        waiting = current if current is not None and current.waits else None
        fits = waiting is not None and _fits(record, waiting)
        if waiting is not None and not fits and record.instant - waiting.down.instant > ANSWER_TIME + DELAY:
            waiting = None  # given up long ago; it is the answer to a line that was not seen
        late = [each for each in self._unanswered if each is not waiting and _fits(record, each)]
        named = [each for each in late if _names(record, each)]
        if waiting is not None and fits:
            return waiting, (named if _names(record, waiting) else late)
        if named:
            return named[-1], named[:-1]
        if late:
            return late[-1], [*late[:-1], *([waiting] if waiting is not None else [])]
        return waiting, []

    # --- from the module ---------------------------------------------------------------------------------------

    def _down(self, record: Record) -> None:
        self._said_until = record.instant
        text = text_of(record).removeprefix("# ")
        self._forget(record.instant)
        if text.partition(" ")[0] == "down":
            self._handed_out(record)
        elif text:
            self._replied(record, text)

    def _handed_out(self, record: Record) -> None:
        while self._asked and self._asked[0].word != "get_down":
            self._give_up(self._asked[0])
        if self._asked:
            self._take(record)
        command = _said_down(record.raw)
        if not isinstance(command, Down):
            return
        if command.method in _IDENTITY:
            self._identity_asked = record.instant
        current = self.current
        if command.method == "update_fw" and current and current.waits and current.command == command:
            current.extra.append(record)  # repeated until it is answered
            return
        if current is not None and current.closed is None:
            current.closed = record.instant
            self._doubt_order(current, record)
            if not current.notes and (
                current.answer is None or not current.answer.fits or current.answer.refused
            ):
                self._unanswered.append(current)
        if command.method == "none":
            self.idle.append(record.instant)
        elif command.wants_result:
            self.tasks.append(Task(record, command))

    @staticmethod
    def _doubt_order(before: Task, record: Record) -> None:
        """Ask whether the last answer may be to what is handed out now: it names nothing, and stamps may be late."""
        answer = before.answer
        if answer is None or answer.acknowledgement is not None or is_telling(before.command):
            return
        if record.instant - answer.record.instant < LATENESS:
            answer.sure = False

    def _replied(self, record: Record, text: str) -> None:
        asked = self._asked
        put_off = text == "error" and (not asked or asked[0].word == "get_down")
        if put_off and (self.current is None or not self.current.waits):
            self.hidden.append(record.instant)
        waiting = [each for each in asked if text == "error" or each.word != "get_down"]
        if text in ("ok", "error") and not waiting and self.current is not None and self.current.waits:
            self.current.missed = True
        if text == "ok":
            # Not the answer to these, when something else waits for one.
            while asked and asked[0].word in _NOT_OK and any(each.word not in _NOT_OK for each in asked):
                self._give_up(asked[0])
            if asked and asked[0].word != "get_down":
                self._take(record)
        elif asked and (text == "error" or text.startswith(_NOT_FOUND) or asked[0].word not in _SERVER):
            self._take(record)

    def _take(self, record: Record) -> None:
        asked = self._asked.popleft()
        asked.reply = record
        if asked.answer is not None:
            asked.answer.acknowledgement = record
        if not self._asked:
            self._burst.clear()

    def _give_up(self, asked: Asked) -> None:
        """An answer of the module was not seen: those around it may be off by one."""
        self._asked.remove(asked)
        if asked.word == "get_down":
            self.unseen.append(asked.record.instant)
        for each in self._burst:
            if each.answer is not None and each is not asked:
                each.answer.acknowledged_surely = False
        if not self._asked:
            self._burst.clear()

    def _forget(self, now: float) -> None:
        while self._asked and now - self._asked[0].record.instant > PATIENCE:
            self._give_up(self._asked[0])


def count_in(instants: list[float], start: float, end: float) -> int:
    """Count the instants from ``start`` until before ``end``."""
    return bisect_left(instants, end) - bisect_left(instants, start)


# The same lines are read over and over: a line at rest says always the same, and a test looks many times.
@lru_cache(maxsize=2048)
def _said_up(raw: bytes, pending: Down | None) -> Command:
    return read(raw, direction="up", pending=pending)


@lru_cache(maxsize=2048)
def _said_down(raw: bytes) -> Command:
    return read(raw, direction="down")


def _read(record: Record, pending: Down | None) -> Command:
    return _said_up(record.raw, pending)


def _fits(record: Record, task: Task) -> bool:
    command = _read(record, task.command)
    return isinstance(command, (Result, Error)) and fits(command, task.command)


def _names(record: Record, task: Task) -> bool:
    """Tell whether an answer names what this line asked for, by its ids."""
    return is_telling(task.command) and isinstance(_read(record, task.command), Result)


def _answer_to(record: Record, task: Task | None) -> Answer:
    command = _read(record, task.command if task is not None else None)
    if not isinstance(command, (Result, Error)):  # the word is there, so it is one of the two
        command = Result.for_values(())
    return Answer(record, command, fits=task is not None and fits(command, task.command))
