"""A command a test expects, and what became of it."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from miio_lan.bench.expecting.wanted import Wanted
from miio_lan.bench.recorder import Mark
from miio_lan.bench.snapshot import beginning
from miio_lan.bench.steps.seen import SeenExchange, Steps, StepTeller
from miio_lan.bench.trace import ExpectationFailed
from miio_lan.errors import InvalidArgument
from miio_lan.given import checked_seconds
from miio_lan.pairing.exchange import STOPS, Exchange
from miio_lan.record import Record

if TYPE_CHECKING:
    from miio_lan.bench.bench import Bench

TIMEOUT = 5.0
"""Seconds an expectation waits; a module gives its MCU 4."""
AFTERWARDS = 1.0
"""Seconds the last line may come after the reply, which another thread may tell first."""


class Expectation(Steps):
    """A command that was expected, and what became of it.

    What is learnt later (an answer after its time, say) shows in the attributes.
    """

    def __init__(self, bench: Bench[Any], wanted: Wanted, timeout: float) -> None:
        self._bench = bench
        self._wanted = wanted
        self._timeout = checked_seconds("timeout", timeout, zero=True, endless=True)
        self._begun = bench.recorder.mark()
        self._ended: Mark | None = None
        self._settled_on: Exchange | None = None
        self._closed = False

    def __enter__(self) -> Self:
        self._begun = self._bench.recorder.mark()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_: TracebackType | None
    ) -> None:
        __tracebackhide__ = True
        if error is None:
            self._bench.recorder.wait(self._find_settled, self._timeout)
            self._found()
        self._ended = self._bench.recorder.mark()
        self._settled_on = self._latest()
        if error is None:
            self._bench.recorder.wait(self._find_closed, AFTERWARDS)
            self._settled_on = self._latest()
        self._closed = True

    def _find_settled(self) -> Exchange | None:
        """Give the command once it has its reply; where nobody seems to have asked on the LAN, once it is over.

        Until then the request may still be told: the thread that sent it may come to that later than the line's.
        """
        found = self._latest()
        if found is None:
            return None
        over = found.reply if found.request is not None else not self._bench.may_grow(found)
        return found if over else None

    def _find_closed(self) -> Exchange | None:
        found = self._latest()
        return found if found is not None and not self._bench.may_grow(found) else None

    def _matching(self) -> list[Exchange]:
        found = [
            each for each in self._bench.joined if self._is_inside(each) and self._wanted.is_met_by(each)
        ]
        # What somebody else made the module hand out counts where nobody on the LAN is seen to have asked.
        return [each for each in found if each.request is not None] or found

    def _is_inside(self, exchange: Exchange) -> bool:
        """Tell whether a command began in the block, whenever its records are told."""
        record = beginning(exchange)
        return not self._begun.follows(record) and (self._ended is None or self._ended.follows(record))

    def _latest(self) -> Exchange | None:
        found = self._matching()
        if self._settled_on is None:
            return [each for each in found if each.params == found[0].params][-1] if found else None
        # Once it is settled which command it is, only what is known of that one may change.
        first = beginning(self._settled_on)
        now = next((each for each in found if _has(each, first)), None)
        if now is None:
            return self._settled_on
        if self._closed and self._settled_on.request is not None and now.reply is not self._settled_on.reply:
            return self._settled_on  # what came after the call had ended did not end it
        return now  # of one whose request was not told before, the reply may be told now

    def _found(self) -> Exchange:
        __tracebackhide__ = True
        found = self._latest()
        if found is None:
            raise ExpectationFailed(self._bench.explain(f"{self._wanted} did not happen"))
        return found

    def wait(self, stopped_at: str | None, *, timeout: float = TIMEOUT) -> SeenExchange:
        """Wait until the command is known to have stopped there; what comes after the reply may change that.

        .. code-block:: python

            with bench.expect("get_properties") as exchange, pytest.raises(McuTimeout):
                device.read(2, 1)
            exchange.wait("answered late", timeout=10)

        :param stopped_at: one of :data:`~miio_lan.pairing.exchange.STOPS`, or None when all went through
        :param timeout: seconds to wait
        :return: the command as it is then
        :raises ExpectationFailed: when it does not come to that, saying what it came to
        :raises InvalidArgument: if that is no place to stop at
        """
        __tracebackhide__ = True
        if stopped_at is not None and stopped_at not in STOPS:
            raise InvalidArgument(f"no command stops at {stopped_at!r}, but at one of {', '.join(STOPS)}")
        checked_seconds("timeout", timeout, zero=True, endless=True)

        def look() -> Exchange | None:
            found = self._latest()
            if found is None or found.stopped_at != stopped_at:
                return None
            return found if stopped_at is not None or not self._bench.may_grow(found) else None

        found = self._bench.recorder.wait(look, timeout)
        if found is None:
            wanted = "did not go through" if stopped_at is None else f"was not {stopped_at!r}"
            problem = f"{self._wanted} {wanted} within {timeout:g} s, but {self._found().stopped_at or 'went through'}"
            raise ExpectationFailed(self._bench.explain(problem))
        return SeenExchange(
            self._bench.recorder.wait(self._find_closed, AFTERWARDS) or self._found(), self._bench
        )

    def __repr__(self) -> str:
        found = self._latest()
        return (
            f"<Expectation of {self._wanted}: {found.stopped_at or 'went through' if found else 'not yet'}>"
        )

    @property
    def joined(self) -> Exchange:
        """The same as :func:`~miio_lan.pairing.pairing.pair` gives it, None where nothing happened.

        :raises ExpectationFailed: while nothing like it was seen
        """
        return self._found()

    @property
    def _teller(self) -> StepTeller:
        return self._bench

    @property
    def exchange(self) -> SeenExchange:
        """The command as far as it is known now; the last attempt where the client repeated it after an error.

        :raises ExpectationFailed: while nothing like it was seen
        """
        return SeenExchange(self._found(), self._bench)

    @property
    def exchanges(self) -> tuple[SeenExchange, ...]:
        """All commands like this."""
        return tuple(SeenExchange(each, self._bench) for each in self._matching())


def _has(exchange: Exchange, first: Record) -> bool:
    """Tell whether a command is the one that began with a record: a line of its own, where its request is told late."""
    return beginning(exchange) is first or any(part.down is first for part in exchange.parts)
