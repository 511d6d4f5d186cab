"""A command as a test sees it: each step a record, or what says why there is none."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import NoReturn, Protocol, TypeVar

from miio_lan.bench.steps.checks import NOT_ASKED, Wish, check_steps
from miio_lan.bench.steps.missing import Missing
from miio_lan.bench.steps.why import why_no_step
from miio_lan.bench.trace import ExpectationFailed
from miio_lan.pairing.exchange import Exchange, Part
from miio_lan.record import Record

_T = TypeVar("_T")


class StepTeller(Protocol):
    """What knows both wires: a bench."""

    @property
    def hears(self) -> Collection[str]:
        """The directions of the line that are heard."""

    def tell(self, problem: str, exchange: Exchange | None = None) -> str:
        """Say what is wrong, and show both wires."""


class Readings(dict[str, Mapping[str, object]]):
    """The readings of the steps by name; one of a step that did not happen fails with the trace of both wires."""

    def __init__(self, known: Mapping[str, Mapping[str, object]], steps: Steps) -> None:
        super().__init__(known)
        self._steps = steps

    def __missing__(self, name: str) -> NoReturn:
        __tracebackhide__ = True
        missing = self._steps.missing(name)
        if missing is None:
            raise KeyError(name)
        missing.fail("asked for its reading")


class Steps(ABC):
    """The attributes of a command, as far as known. A step that did not happen is falsy, and says why.

    Steps are :class:`~miio_lan.record.Record`, which equal their text whatever ends the line. Of a step that did not
    happen, anything but asking whether it did fails with the trace of both wires.
    """

    @property
    @abstractmethod
    def joined(self) -> Exchange:
        """The command as :func:`~miio_lan.pairing.pairing.pair` gives it, None where nothing happened."""

    @property
    @abstractmethod
    def _teller(self) -> StepTeller: ...

    @property
    def method(self) -> str:
        """The method."""
        return self.joined.method

    @property
    def params(self) -> object:
        """The parameters."""
        return self.joined.params

    @property
    def ids(self) -> tuple[int, ...]:
        """The LAN message ids it was sent under, in order."""
        return self.joined.ids

    @property
    def request(self) -> Record | Missing:
        """The LAN request, when it was sent first."""
        exchange = self.joined
        return self._or_missing("request", exchange.request, exchange)

    @property
    def down(self) -> Record | Missing:
        """The line handed out to the MCU."""
        exchange = self.joined
        return self._or_missing("down", exchange.down, exchange)

    @property
    def result(self) -> Record | Missing:
        """The MCU's answer, ``result`` or ``error``."""
        exchange = self.joined
        return self._or_missing("result", exchange.result, exchange)

    @property
    def acknowledgement(self) -> Record | Missing:
        """What the module said to the answer."""
        exchange = self.joined
        return self._or_missing("acknowledgement", exchange.acknowledgement, exchange)

    @property
    def reply(self) -> Record | Missing:
        """The LAN reply."""
        exchange = self.joined
        return self._or_missing("reply", exchange.reply, exchange)

    @property
    def parts(self) -> tuple[SeenPart, ...]:
        """The lines it became, where they were several."""
        exchange = self.joined
        return tuple(SeenPart(exchange, place, self._teller) for place in range(len(exchange.parts)))

    @property
    def records(self) -> tuple[Record, ...]:
        """All that belongs to it."""
        return self.joined.records

    @property
    def readings(self) -> Readings:
        """The neutral readings by step: request, down, result, acknowledgement, reply."""
        return Readings(self.joined.readings, self)

    @property
    def fetch_time(self) -> float | Missing:
        """Seconds from the request to the ``down``."""
        exchange = self.joined
        return self._or_missing("fetch_time", exchange.fetch_time, exchange)

    @property
    def mcu_time(self) -> float | Missing:
        """Seconds from the ``down`` to the answer."""
        exchange = self.joined
        return self._or_missing("mcu_time", exchange.mcu_time, exchange)

    @property
    def total_time(self) -> float | Missing:
        """Seconds from the request to the reply."""
        exchange = self.joined
        return self._or_missing("total_time", exchange.total_time, exchange)

    @property
    def stopped_at(self) -> str | None:
        """Where it stopped; None when all went through."""
        return self.joined.stopped_at

    @property
    def ambiguous(self) -> bool:
        """Whether what was seen can be explained in more than one way."""
        return self.joined.ambiguous

    @property
    def notes(self) -> tuple[str, ...]:
        """What else is to be said about it."""
        return self.joined.notes

    @property
    def open(self) -> bool:
        """Whether something may still come."""
        return self.joined.open

    @property
    def complete(self) -> bool:
        """Whether all went through."""
        return self.joined.complete

    def check(
        self,
        *,
        down: Wish = None,
        result: Wish = None,
        acknowledgement: Wish = None,
        reply: Wish = None,
        within: float | None = None,
        stopped_at: str | None = NOT_ASKED,
        ambiguous: bool | None = None,
    ) -> None:
        """Check what is named, and say at once all that is otherwise, with both wires.

        .. code-block:: python

            exchange.check(down="down get_properties 2 1", result="result 2 1 0 true", within=1.0)

        :param down: the line to the MCU: the text, whatever ends the line, or a compiled pattern to be found in it
        :param result: the answer of the MCU, likewise
        :param acknowledgement: what the module said to that, likewise
        :param reply: the text of the LAN reply, likewise
        :param within: seconds that all of it may take, from the request to the reply; of a command that nobody on the
            LAN is seen to have sent, from its line to the answer
        :param stopped_at: where it stopped, None when all went through
        :param ambiguous: whether it may be ambiguous
        :raises ExpectationFailed: saying all that is otherwise
        :raises InvalidArgument: when nothing is named, or something that no command can be
        """
        __tracebackhide__ = True
        wishes = {"down": down, "result": result, "acknowledgement": acknowledgement, "reply": reply}
        exchange = self.joined
        problems = check_steps(
            SeenExchange(exchange, self._teller),
            wishes,
            within=within,
            stopped_at=stopped_at,
            ambiguous=ambiguous,
        )
        if problems:
            listed = "".join(f"\n  {each}" for each in problems)
            raise ExpectationFailed(
                self._teller.tell(f"{exchange.method} is not as wanted:{listed}", exchange)
            )

    def missing(self, name: str) -> Missing | None:
        """Give what stands for a step, or a time, that did not happen; None for what is no step."""
        exchange = self.joined
        why = why_no_step(name, exchange, self._teller.hears)
        return None if why is None else self._missing(name, why, exchange)

    def _missing(self, name: str, why: str, exchange: Exchange) -> Missing:
        what = name.replace("mcu", "MCU").replace("_", " ")
        return Missing(what, why, lambda problem: self._teller.tell(problem, exchange))

    def _or_missing(self, name: str, found: _T | None, exchange: Exchange) -> _T | Missing:
        if found is not None:
            return found
        why = why_no_step(name, exchange, self._teller.hears) or "it was not seen"
        return self._missing(name, why, exchange)


class SeenExchange(Steps):
    """A command as far as it is known at one moment."""

    def __init__(self, exchange: Exchange, teller: StepTeller) -> None:
        self._exchange = exchange
        self._told_by = teller

    @property
    def joined(self) -> Exchange:
        """The command as :func:`~miio_lan.pairing.pairing.pair` gives it, None where nothing happened."""
        return self._exchange

    @property
    def _teller(self) -> StepTeller:
        return self._told_by

    def __eq__(self, other: object) -> bool:
        if isinstance(other, SeenExchange):
            return self._exchange == other._exchange
        return self._exchange == other if isinstance(other, Exchange) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._exchange)

    def __repr__(self) -> str:
        return f"<{self.method}: {self.stopped_at or 'went through'}>"

    def as_json(self) -> dict[str, object]:
        """Give it as plain JSON values, without the records but for their readings."""
        return self._exchange.as_json()


class SeenPart:
    """One ``down`` of a command and what became of it."""

    def __init__(self, exchange: Exchange, place: int, teller: StepTeller) -> None:
        self.part: Part = exchange.parts[place]
        stopped_at = exchange.stopped_at if place == exchange.stopped_part else None
        alone = replace(exchange, parts=(self.part,), stopped_part=0, stopped_at=stopped_at)
        self._alone = SeenExchange(alone, teller)

    @property
    def down(self) -> Record | Missing:
        """The line that was handed out."""
        return self._alone.down

    @property
    def result(self) -> Record | Missing:
        """The ``result`` or ``error`` of the MCU."""
        return self._alone.result

    @property
    def acknowledgement(self) -> Record | Missing:
        """What the module said to that."""
        return self._alone.acknowledgement

    @property
    def readings(self) -> Mapping[str, Mapping[str, object]]:
        """Their neutral readings, the result in the layout of this ``down``."""
        return self.part.readings

    @property
    def mcu_time(self) -> float | Missing:
        """Seconds from the hand-out to the answer."""
        return self._alone.mcu_time

    def __eq__(self, other: object) -> bool:
        if isinstance(other, SeenPart):
            return self.part == other.part
        return self.part == other if isinstance(other, Part) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.part)
