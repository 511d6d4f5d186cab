"""What crosses the UART in pairs: a line handed out and its answer, a line of the MCU and what is said to it."""

from __future__ import annotations

from dataclasses import dataclass, field

from miio_lan.record import Record
from miio_lan.uart.commands import Down, Error, Result
from miio_lan.uart.order import text_of


@dataclass(eq=False)
class Answer:
    """A ``result`` or ``error``.

    :param fits: whether it names what was asked for
    :param sure: whether it can belong to nothing else that was seen
    :param dropped: the module throws such a line away without a word
    :param after_all: it came when the module had gone on to something else
    :param blind: it may belong to a line from before the watching began, or from while it was interrupted
    :param second: another one came before it
    :param acknowledgement: what the module said to it
    """

    record: Record
    command: Result | Error
    fits: bool = True
    sure: bool = True
    dropped: bool = False
    after_all: bool = False
    blind: bool = False
    second: bool = False
    acknowledgement: Record | None = None
    acknowledged_surely: bool = True

    @property
    def refused(self) -> bool:
        """Whether the module did not take it."""
        return self.acknowledgement is not None and text_of(self.acknowledgement) != "ok"

    @property
    def records(self) -> list[Record]:
        """The answer and its acknowledgement."""
        return [self.record, *([self.acknowledgement] if self.acknowledgement is not None else [])]


@dataclass(eq=False)
class Task:
    """A ``down`` that wants an answer.

    :param closed: when the module was done with it, as its next hand-out shows
    :param broken: whether the line was interrupted while it was under way
    :param extra: further records that belong to it: repeated hand-outs, answers the module did not take or not get
    :param notes: what a bridge between the two did
    :param doubtful: whether an answer that was given to another may be its own
    :param missed: whether the module answered something that was not seen while this was under way
    """

    down: Record
    command: Down
    answer: Answer | None = None
    closed: float | None = None
    broken: bool = False
    polls: list[Asked] = field(default_factory=list)
    extra: list[Record] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    doubtful: bool = False
    missed: bool = False

    @property
    def waits(self) -> bool:
        """Whether the module still takes an answer."""
        return self.closed is None and (self.answer is None or self.answer.refused or not self.answer.fits)

    @property
    def lines_missing(self) -> bool:
        """Whether the MCU asked for work in between, and what the module said to that was not seen."""
        return self.broken or any(
            poll.reply is None
            for poll in self.polls
            if self.answer is None or poll.record.instant < self.answer.record.instant
        )

    @property
    def records(self) -> list[Record]:
        """All that belongs to it."""
        found = [self.down, *self.extra]
        return found + self.answer.records if self.answer is not None else found


@dataclass(eq=False)
class Asked:
    """A line of the MCU that the module answers."""

    record: Record
    word: str
    answer: Answer | None = None
    reply: Record | None = None


@dataclass(frozen=True)
class Before:
    """What of the time before the first record that is given still matters.

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
