"""Which line of the MCU a line of the module replies to.

Goal: the line has no numbers. One line of the MCU brings one line of the module, in the same order, but for lines
that were lost, thrown away, or never answered: none of these may shift what comes after.

Plan: a queue of the lines that wait. A reply belongs to the first of them, unless it shows that the first was passed
over: ``down ...`` replies to ``get_down`` alone, ``ok`` never to it, a word such as ``cloud`` to a local command
alone; and where the first has waited longer than any module takes while a later one just came, it is the later one's.

::

    MCU      model a.b.c      get_down
    module                                down none     -> replies to get_down; model was passed over

Used by the conversation, by the bridge's faults, and by the order of two receivers. No I/O and no clock.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol, TypeVar

from miio_lan.uart.commands.reply import has_form

LONGEST_REPLY = 2.0
"""Seconds after which a line of the MCU counts as unanswered (observed: modules answer within milliseconds)."""
PROMPT_REPLY = 0.1
"""Seconds within which a module replies at any rate; a line that was said again is not waited on for longer."""
SLOW_REPLY = 0.5
"""Seconds for which a line is waited on when others came after it; a later reply may be to a line that was missed."""
MAX_OPEN = 32
"""Lines of the MCU that may wait for their reply."""

POLL_WORD = "get_down"
JSON_POLL_WORD = "json_get_down"
"""With this, an MCU asks newer modules for work in JSON (observed); what it gets is not understood."""
HELP_WORD = "help"
NOISE = "?"
"""Stands for the first word of what is no command."""
SERVER_WORDS = frozenset({POLL_WORD, "result", "error", "properties_changed", "event_occured"})
"""Commands to the server: the replies are ``ok``, ``error`` and ``down``, never a value."""
_NEVER_OK = frozenset({POLL_WORD, NOISE})
_NOT_FOUND = "command '"


class OpenLine(Protocol):
    """A line of the MCU that waits for its reply.

    ``word`` is its first word (:data:`NOISE` for what is no command), ``instant`` when it was heard, in seconds.
    """

    text: str
    word: str
    instant: float


LineT = TypeVar("LineT", bound=OpenLine)


class OpenLines(deque[LineT]):
    """The lines of the MCU that wait for their reply, oldest first."""

    def add(self, line: LineT) -> list[LineT]:
        """Take a line that will be replied to; return those that are given up for it."""
        self.append(line)
        return [self.popleft()] if len(self) > MAX_OPEN else []

    def expire(self, now: float) -> list[LineT]:
        """Give up what has waited too long; return it. A new line of the MCU ends the many lines of ``help``."""
        given_up = []
        while self and self[0].instant < now - LONGEST_REPLY:
            given_up.append(self.popleft())
        return given_up

    def end_help(self) -> None:
        """Forget a ``help`` at the head, whose reply has as many lines as it likes: the MCU went on."""
        while self and self[0].word == HELP_WORD:
            self.popleft()

    def take(self, place: int | None) -> tuple[LineT | None, list[LineT]]:
        """Take out the line at a place that :meth:`place_of` gave, and those before it, which were passed over."""
        if place is None:
            return None, []
        passed = [self.popleft() for _ in range(place)] if place else []
        if not self:
            return None, passed
        return (self[0] if self[0].word == HELP_WORD else self.popleft()), passed

    def at(self, place: int | None) -> LineT | None:
        """Give the line at a place, and leave everything as it is."""
        return self[place] if place is not None and place < len(self) else None

    def place_of(self, text: str, now: float) -> int | None:
        """Give how many lines a module's line shows to be passed over; None when it replies to none of them.

        :param text: the module's line, without its end and without a prompt
        :param now: when it was said, seconds
        """
        if not self or not text:
            return None
        if len(self) == 1 and may_reply(text, self[0].word):
            return 0  # so it is nearly always
        kind, place = kind_of(text), 0
        others_wait = kind == "ok" and any(line.word not in _NEVER_OK for line in self)
        never = _NEVER_OK if others_wait else frozenset()
        while place < len(self) and (self[place].word in never or not may_reply(text, self[place].word)):
            place += 1
        if place == len(self):
            # Nothing else hands work out: whoever waited for something else is not replied to any more.
            return place if kind == "down" else None
        if place and kind == "value" and not has_form(text):
            return None  # it is noise, and passes nothing over
        while place + 1 < len(self) and _is_given_up(self[place], self[place + 1], text, now):
            place += 1
        return place


def kind_of(text: str) -> str:
    """Give what a module's line is: ``"down"``, ``"ok"``, ``"error"``, or ``"value"`` for all else."""
    if text in ("ok", "error"):
        return text
    if text.startswith("down ") or text == "down":
        return "down"
    return "error" if text.startswith(_NOT_FOUND) else "value"


def is_echo(text: str, line: str) -> bool:
    """Tell whether a module's line is the MCU's own that comes back; ``ok`` and ``error`` are the module's words."""
    return text == line and text not in ("ok", "error")


def may_reply(text: str, word: str) -> bool:
    """Tell whether a module may say this to a line that begins with that word.

    :param word: the first word of the line, :data:`NOISE` for what is no command
    """
    kind = kind_of(text)
    if kind == "down":
        return word == POLL_WORD
    if kind == "ok":
        return word != POLL_WORD
    return kind == "error" or (bool(text) and word not in SERVER_WORDS)


def _is_given_up(first: OpenLine, second: OpenLine, text: str, now: float) -> bool:
    """Tell whether a reply that both could have is the later one's: what is not replied to promptly never is."""
    patience = PROMPT_REPLY if first.text == second.text else SLOW_REPLY
    return may_reply(text, second.word) and now - first.instant > patience
