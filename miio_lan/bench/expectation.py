"""A command a test expects, and what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

from miio_lan.bench.recorder import Mark
from miio_lan.bench.snapshot import beginning
from miio_lan.bench.trace import ExpectationFailed
from miio_lan.errors import InvalidArgument
from miio_lan.pairing.content import same_value
from miio_lan.pairing.exchange import STOPS, Exchange
from miio_lan.record.redact import redact_value

if TYPE_CHECKING:
    from miio_lan.bench.bench import Bench

TIMEOUT = 5.0
"""Seconds an expectation waits; a module gives its MCU 4."""
AFTERWARDS = 1.0
"""Seconds the last line may come after the reply, which another thread may tell first."""


_T_co = TypeVar("_T_co", covariant=True)


class _Known(Generic[_T_co]):
    """An attribute of the command that an expectation found, as far as it is known when it is asked for."""

    def __init__(self, of: Callable[[Exchange], _T_co]) -> None:
        self._of = of

    @overload
    def __get__(self, expectation: None, owner: type[Expectation]) -> Self: ...
    @overload
    def __get__(self, expectation: Expectation, owner: type[Expectation]) -> _T_co: ...
    def __get__(self, expectation: Expectation | None, owner: type[Expectation]) -> Self | _T_co:
        return self if expectation is None else self._of(expectation.exchange)


class Expectation:
    """A command that was expected, and what became of it: the attributes of an :class:`Exchange`, as far as known.

    What is learnt later (an answer after its time, say) shows in the attributes.
    """

    def __init__(self, bench: Bench[Any], wanted: Wanted, timeout: float) -> None:
        self._bench = bench
        self._wanted = wanted
        self._timeout = timeout
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
        found = self._latest()
        return found if found is not None and (found.reply or found.request is None) else None

    def _find_closed(self) -> Exchange | None:
        found = self._latest()
        return found if found is not None and not self._bench.may_grow(found) else None

    def _matching(self) -> list[Exchange]:
        found = [
            each for each in self._bench.exchanges if self._is_inside(each) and self._wanted.is_met_by(each)
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
        now = next((each for each in found if beginning(each) is first), None)
        if now is None or (self._closed and now.reply is not self._settled_on.reply):
            return self._settled_on  # what came after the call had ended did not end it
        return now

    def _found(self) -> Exchange:
        __tracebackhide__ = True
        found = self._latest()
        if found is None:
            raise ExpectationFailed(self._bench.explain(f"{self._wanted} did not happen"))
        return found

    def wait(self, stopped_at: str | None, *, timeout: float = TIMEOUT) -> Exchange:
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
        return self._bench.recorder.wait(self._find_closed, AFTERWARDS) or self._found()

    def __repr__(self) -> str:
        found = self._latest()
        return (
            f"<Expectation of {self._wanted}: {found.stopped_at or 'went through' if found else 'not yet'}>"
        )

    @property
    def exchange(self) -> Exchange:
        """The command; the last attempt where the client repeated it after an error.

        :raises ExpectationFailed: while nothing like it was seen
        """
        return self._found()

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """All commands like this."""
        return tuple(self._matching())

    # As in :class:`Exchange`, and as far as known:

    method = _Known(lambda exchange: exchange.method)
    """The method."""
    params = _Known(lambda exchange: exchange.params)
    """The parameters."""
    ids = _Known(lambda exchange: exchange.ids)
    """The LAN message ids."""
    request = _Known(lambda exchange: exchange.request)
    """The LAN request."""
    down = _Known(lambda exchange: exchange.down)
    """The line handed out to the MCU."""
    result = _Known(lambda exchange: exchange.result)
    """The MCU's answer, ``result`` or ``error``."""
    acknowledgement = _Known(lambda exchange: exchange.acknowledgement)
    """What the module said to the answer."""
    reply = _Known(lambda exchange: exchange.reply)
    """The LAN reply."""
    parts = _Known(lambda exchange: exchange.parts)
    """The lines it became, where they were several."""
    records = _Known(lambda exchange: exchange.records)
    """All that belongs to it."""
    readings = _Known(lambda exchange: exchange.readings)
    """The neutral readings by step: request, down, result, acknowledgement, reply."""
    fetch_time = _Known(lambda exchange: exchange.fetch_time)
    """Seconds from the request to the ``down``."""
    mcu_time = _Known(lambda exchange: exchange.mcu_time)
    """Seconds from the ``down`` to the answer."""
    total_time = _Known(lambda exchange: exchange.total_time)
    """Seconds from the request to the reply."""
    stopped_at = _Known(lambda exchange: exchange.stopped_at)
    """Where it stopped; None when all went through."""
    ambiguous = _Known(lambda exchange: exchange.ambiguous)
    """Whether what was seen can be explained in more than one way."""
    notes = _Known(lambda exchange: exchange.notes)
    """What else is to be said about it."""


class Wanted:
    """What a command has to be like.

    :param method: the method, None for any
    :param ids: siid, piid, aiid, value: what one of its properties, or its action, must have
    :param params: the parameters as a whole
    """

    def __init__(self, method: str | None, ids: Mapping[str, object], params: object = None) -> None:
        self._method = method
        self._ids = dict(ids)
        self._params = params

    def is_met_by(self, exchange: Exchange) -> bool:
        """Tell whether a command is like this."""
        if self._method not in (None, exchange.method):
            return False
        if self._params is not None and not same_value(self._params, exchange.params):
            return False
        return not self._ids or any(
            all(key in item and same_value(item[key], value) for key, value in self._ids.items())
            for item in _items(exchange)
        )

    def __str__(self) -> str:
        ids = ", ".join(f"{key} {redact_value(value)!r}" for key, value in self._ids.items())
        whole = f" {redact_value(self._params)!r}" if self._params is not None else ""
        return (self._method or "a command") + (f" with {ids}" if ids else "") + whole


def _items(exchange: Exchange) -> list[Mapping[str, object]]:
    """Give the properties of a command, or its action, as objects with siid, piid, aiid, value."""
    params = exchange.params
    if isinstance(params, Mapping) and isinstance(params.get("properties"), list):
        keys = ("siid", "piid", "value")  # of a line, where no request was seen
        return [dict(zip(keys, each, strict=False)) for each in params["properties"]]
    found = params if isinstance(params, list) else [params]
    return [each for each in found if isinstance(each, Mapping)]
