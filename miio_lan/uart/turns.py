"""What the line's conversation consists of: turns of the MCU, and downlinks with their answers.

Made by :class:`~miio_lan.uart.conversation.Conversation` alone, read by everybody else.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import inf
from operator import attrgetter
from typing import NamedTuple, TypeVar

from miio_lan.record import Record
from miio_lan.uart.bridge.faults import held_back
from miio_lan.uart.commands import Command, Down, Noise, SetProperties
from miio_lan.uart.commands.answering import has_to_name, ids_to_name
from miio_lan.uart.line import clean, past_prompt
from miio_lan.uart.replies import NOISE, is_echo

LATENESS = 0.03
"""Seconds by which the stamp of one receiver may be behind that of the other (observed: USB adapters)."""
STALL = 0.5
"""Seconds by which a line may be stamped later than it was said where the computer had other things to do. That it was
so is never sure: a match that needs it is in doubt."""


def text_of(record: Record) -> str:
    """Give the printable text of a line, without its end and without the prompt of echo mode."""
    return text_of_raw(record.raw, record.direction)


# A line at rest says always the same.
@lru_cache(maxsize=2048)
def text_of_raw(raw: bytes, direction: str) -> str:
    """Give the printable text of a line's bytes."""
    return without_prompt(clean(raw)[0], direction)


def without_prompt(text: str, direction: str) -> str:
    """Give the clean text of a line without the prompt of echo mode, which stands before what a module says."""
    return past_prompt(text) if direction == "down" else text


class Seen(NamedTuple):
    """How a line is read where it stands in the conversation.

    :param echo: whether it is the MCU's own line that comes back
    :param place: which of the open lines a reply belongs to
    :param target: the downlink an answer is read as the answer to
    :param others: what else it may answer
    """

    text: str
    command: Command
    echo: bool = False
    place: int | None = None
    target: Downlink | None = None
    others: tuple[Downlink, ...] = ()


@dataclass(eq=False, slots=True)
class Turn:
    """A line of the MCU, and what the module replied to it.

    :param text: its printable text
    :param command: its reading; a ``result`` in the layout of the downlink it answers
    :param number: its place among the lines of the MCU, for lines of one read have one instant
    :param instant: monotonic seconds of the read, but never before those of a line that was said earlier
    :param glued: whether it ran into another line because a CR was missing; when one behind another began is not
        known
    :param parted: whether the module replied to it and to a line that it ran into, one by one, as far as was seen: the
        CR was missed by whoever listened, or else other lines were
    :param dropped: whether a module throws such a line away without a word (no end, too long)
    :param reply: the line with which the module replied
    :param reply_sure: whether that reply can belong to nothing else; lines around it may be missing
    :param request: for ``model`` and ``mcu_version``: the ``MIIO_..._req`` that made the MCU say so; None by itself
    """

    record: Record
    text: str
    command: Command
    number: int = 0
    instant: float = 0.0
    glued: bool = False
    dropped: bool = False
    parted: bool = False
    reply: Record | None = None
    reply_sure: bool = True
    request: Downlink | None = None

    # --- of a ``result`` or ``error`` ---
    #: The downlink it answers, as far as was seen.
    answers: Downlink | None = None
    #: Whether it names what that downlink asked for.
    fits: bool = True
    #: Whether it can answer nothing else that was seen, and nothing that was not.
    sure: bool = True
    #: Other downlinks it may answer instead.
    others: list[Downlink] = field(default_factory=list)
    #: Whether it came when the module had gone on to something else.
    late: bool = False
    #: Whether that downlink had been answered before.
    again: bool = False
    #: Whether what it answers may be something that was not seen: said before the watching began, or lost.
    blind: bool = False

    #: The command word, :data:`~miio_lan.uart.replies.NOISE` for what is no command.
    word: str = field(init=False)

    def __post_init__(self) -> None:
        self.word = NOISE if isinstance(self.command, Noise) else self.text.partition(" ")[0]

    @property
    def reply_text(self) -> str:
        """What the module replied, empty when nothing was heard."""
        return text_of(self.reply) if self.reply is not None else ""

    def comes_back_in(self, text: str) -> bool:
        """Tell whether a line of the module is this one that comes back, as it was said: others may have run into it.

        Whatever its form: a line that comes back need not be one that may reply. ``help`` is in its own answer.
        """
        if self.reply is not None:
            return False
        return is_echo(text, self.text) or (self.glued and is_echo(text, text_of(self.record)))

    @property
    def accepted(self) -> bool:
        """Whether the module said ``ok``."""
        return self.reply_text == "ok"

    @property
    def refused(self) -> bool:
        """Whether the module did not take it."""
        return self.reply is not None and not self.accepted

    @property
    def useless(self) -> bool:
        """Whether a module that has this answer cannot go on with it."""
        return self.refused or self.dropped or not self.fits

    @property
    def records(self) -> list[Record]:
        """The line, and the module's reply."""
        return [self.record, *([self.reply] if self.reply is not None else [])]


@dataclass(eq=False, slots=True)
class Downlink:
    """Something the module handed out, ``down none`` apart.

    :param asked: the ``get_down`` that fetched it
    :param instant: monotonic seconds of its hand-out, but never before those of a line that was said earlier
    :param answer: the ``result`` or ``error`` for it: the one the module took, where there are several
    :param closed: when the module was done with it, as its next hand-out shows
    :param broken: whether the observation was interrupted while it was under way
    :param missed: whether the module replied to something that was not seen while this was under way: its answer,
        most likely
    :param doubtful: whether an answer that was given to another may be its own
    :param restarted: whether the module restarted meanwhile: it refused the answer and told of its network at once
    :param polls: each ``get_down`` while it was under way
    :param extra: further records that belong to it: repeated hand-outs, answers that were not taken
    :param notes: what a bridge between the two did
    """

    record: Record
    text: str
    command: Down
    asked: Turn | None = None
    instant: float = 0.0
    answer: Turn | None = None
    closed: float | None = None
    broken: bool = False
    missed: bool = False
    doubtful: bool = False
    restarted: bool = False
    polls: list[Turn] = field(default_factory=list)
    extra: list[Record] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    #: What of it decides how its answer is read: of a set the ids, not the values.
    layout: Hashable = field(init=False, repr=False)
    #: Whether a ``result`` for it has to carry its ids, and these as a line writes them; any of them will do.
    has_to_be_named: bool = field(init=False, repr=False)
    ids: frozenset[bytes] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        ids = ids_to_name(self.command)
        self.layout = ids if isinstance(self.command, SetProperties) else self.command.line
        self.has_to_be_named = has_to_name(self.command)
        self.ids = _as_written(ids)

    @property
    def waits(self) -> bool:
        """Whether the module still takes an answer."""
        return self.closed is None and (self.answer is None or self.answer.refused or not self.answer.fits)

    @property
    def seconds(self) -> float | None:
        """Seconds from when the MCU got it to its answer; None without one."""
        if self.answer is None:
            return None
        return self.answer.instant - held_back(self.answer.record) - self.instant

    @property
    def lines_missing(self) -> bool:
        """Whether the MCU asked for work in between, and what the module said to that was not seen."""
        end = inf if self.answer is None else self.answer.instant
        return self.broken or any(poll.reply is None and poll.instant < end for poll in self.polls)

    @property
    def records(self) -> list[Record]:
        """All that belongs to it."""
        found = [self.record, *self.extra]
        return found + self.answer.records if self.answer is not None else found


# Products are asked for the same again and again.
@lru_cache(maxsize=256)
def _as_written(pairs: tuple[tuple[object, object], ...]) -> frozenset[bytes]:
    return frozenset([f" {one} {other}".encode() for one, other in pairs])


_Timed = TypeVar("_Timed", Turn, Downlink, Record)


def between(found: Sequence[_Timed], start: float, end: float) -> Sequence[_Timed]:
    """Give those from one instant to another, both included; they stand in the order of time."""
    instant = attrgetter("instant")
    return found[bisect_left(found, start, key=instant) : bisect_right(found, end, key=instant)]


@dataclass(frozen=True)
class Before:
    """What of the time before the first record still matters.

    :param first: when the watching began; None for with the first record
    :param blind_until: until when an answer may belong to a line from before that
    :param heard: the directions of which anything was heard
    :param others: when lines were handed out that nobody on the LAN had asked for, and their methods
    """

    first: float | None = None
    blind_until: float | None = None
    heard: frozenset[str] = frozenset()
    others: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True)
class Quiet:
    """A moment at which nothing was under way, and nothing from before might still come: the MCU asks for work.

    :param instant: when
    :param place: how many records of the line there were before
    :param before: what of that still matters
    """

    instant: float
    place: int
    before: Before
