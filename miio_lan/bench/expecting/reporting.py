"""A report or an event that a test expects: what the MCU said, and what the device told on the LAN."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from miio_lan.bench.expecting.values import is_wanted
from miio_lan.bench.expecting.wanted import checked_id
from miio_lan.bench.recorder import is_between
from miio_lan.bench.steps.missing import Missing
from miio_lan.bench.trace import ExpectationFailed
from miio_lan.errors import DeviceException, InvalidArgument
from miio_lan.given import checked_seconds
from miio_lan.pairing.content import error_of
from miio_lan.pairing.reports import EVENT, PROPERTIES, PUSH_TIME, Report, reports
from miio_lan.record import Record
from miio_lan.record.redact import redact_value

if TYPE_CHECKING:
    from miio_lan.bench.bench import Bench

ATTENDED = 0.05
"""Seconds for which the device's socket is attended at a time, while a report is waited for."""

_T = TypeVar("_T")


class WantedReport:
    """What a report has to be like; what is None may be anything.

    :param siid: the service
    :param piid: the property
    :param eiid: the event
    :param value: the value of the property; of an event, its arguments by piid
    :raises InvalidArgument: when both a property and an event are named, or by no numbers
    """

    def __init__(self, siid: int | None, piid: int | None, eiid: int | None, value: object) -> None:
        if piid is not None and eiid is not None:
            raise InvalidArgument("a report is of a property (piid) or of an event (eiid), not of both")
        for name, number in (("siid", siid), ("piid", piid), ("eiid", eiid)):
            checked_id(name, number)
        self._siid = siid
        self._iid = {PROPERTIES: piid, EVENT: eiid}
        self._value = value
        methods = {PROPERTIES: eiid is None, EVENT: piid is None}
        self._methods = [method for method, possible in methods.items() if possible]

    def is_met_by(self, report: Report) -> bool:
        """Tell whether a report is like this."""
        if report.method not in self._methods or self._siid not in (None, report.siid):
            return False
        if self._iid[report.method] not in (None, report.iid):
            return False
        value = self._value
        if isinstance(value, Mapping):
            value = [[piid, each] for piid, each in value.items()]
        return value is None or is_wanted(value, report.value)

    def __str__(self) -> str:
        kinds = {PROPERTIES: "a report", EVENT: "an event"}
        what = kinds[self._methods[0]] if len(self._methods) == 1 else "a report or event"
        named: dict[str, object] = {
            "siid": self._siid,
            "piid": self._iid[PROPERTIES],
            "eiid": self._iid[EVENT],
        }
        if self._value is not None:
            named["value"] = redact_value(self._value)
        given = ", ".join(f"{key} {each!r}" for key, each in named.items() if each is not None)
        return f"{what} with {given}" if given else what


class ReportExpectation:
    """A report that was expected, and what became of it.

    As with commands, a step that did not happen is falsy, and says why.
    """

    def __init__(self, bench: Bench[Any], wanted: WantedReport, timeout: float) -> None:
        self._bench = bench
        self._wanted = wanted
        self._timeout = checked_seconds("timeout", timeout, zero=True, endless=True)
        self._begun = bench.recorder.mark()
        self._settled_on: Report | None = None

    def __enter__(self) -> Self:
        self._begun = self._bench.recorder.mark()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        __tracebackhide__ = True
        if error is None:
            self._bench.await_told(self._complete, self._timeout)
            self._settled_on = self._found()

    def _matching(self) -> list[Report]:
        kept = self._bench.recorder.look()[0]
        since = min((each.instant for each in kept if not self._begun.follows(each)), default=0.0) - PUSH_TIME
        known = [record for record in kept if record.instant >= since]
        found = reports(known, from_start=self._bench.from_start)
        now = self._bench.recorder.mark()
        return [
            each
            for each in found
            if self._wanted.is_met_by(each) and is_between(self._begun, each.line or each.records[0], now)
        ]

    def _latest(self) -> Report | None:
        found = self._matching()
        if self._settled_on is not None:
            # Its line may be told after its push, and stands before it then.
            first = self._settled_on.records[0]
            return next(
                (each for each in found if any(first is own for own in each.records)), self._settled_on
            )
        # What nobody was heard to say may be of before the block; what was overtaken says less than what overtook it.
        told = [each for each in found if each.line and each.push] or [each for each in found if each.line]
        return next(iter(told or found), None)

    def _complete(self) -> Report | None:
        found = self._latest()
        if found is None or ("up" in self._bench.hears and found.line is None):
            return None
        if "down" in self._bench.hears and found.line is not None and found.acknowledgement is None:
            return None
        return found if found.push is not None or not self._subscribed() else None

    def _subscribed(self) -> bool:
        """Tell whether the device of this test has subscribed, as far as the LAN shows."""
        asked = [
            each for each in self._bench.joined if each.method in ("miIO.sub", "miIO.unsub") and each.reply
        ]
        reply = asked[-1].reply if asked else None
        return reply is not None and asked[-1].method == "miIO.sub" and error_of(reply.reading) is None

    def _found(self) -> Report:
        __tracebackhide__ = True
        found = self._latest()
        if found is None:
            problem = f"{self._wanted} was not seen within {self._timeout:g} s"
            raise ExpectationFailed(self._bench.tell(problem))
        return found

    @property
    def report(self) -> Report:
        """The report as :func:`~miio_lan.pairing.reports.reports` gives it, None where nothing happened.

        :raises ExpectationFailed: while nothing like it was seen
        """
        return self._found()

    @property
    def method(self) -> str:
        """``properties_changed`` or ``event_occured``."""
        return self._found().method

    @property
    def value(self) -> object:
        """The value of the property; of an event, its arguments as a list of ``[piid, value]``."""
        return self._found().value

    @property
    def line(self) -> Record | Missing:
        """What the MCU said."""
        report = self._found()
        unheard = "the MCU was not heard" if "up" not in self._bench.hears else "the MCU did not say so"
        return self._or_missing("line", report.line, unheard)

    @property
    def acknowledgement(self) -> Record | Missing:
        """What the module said to that."""
        report = self._found()
        why = "the module said nothing to it" if "down" in self._bench.hears else "the module was not heard"
        return self._or_missing("acknowledgement", report.acknowledgement, why)

    @property
    def push(self) -> Record | Missing:
        """What the device told on the LAN."""
        report = self._found()
        return self._or_missing("push", report.push, self._no_push(report))

    @property
    def confirmation(self) -> Record | Missing:
        """What the client answered to that."""
        report = self._found()
        why = "nothing was answered to it" if report.push is not None else self._no_push(report)
        return self._or_missing("confirmation", report.confirmation, why)

    @property
    def push_time(self) -> float | Missing:
        """Seconds from the line to the push."""
        report = self._found()
        why = "no line was heard" if report.line is None else self._no_push(report)
        return self._or_missing("push time", report.push_time, why)

    @property
    def records(self) -> tuple[Record, ...]:
        """All that belongs to it."""
        return self._found().records

    @property
    def ambiguous(self) -> bool:
        """Whether the push may be another line's, or another push this line's."""
        return self._found().ambiguous

    @property
    def notes(self) -> tuple[str, ...]:
        """What else is to be said about it."""
        return self._found().notes

    def __repr__(self) -> str:
        found = self._latest()
        what = "not yet" if found is None else f"told on the LAN: {'yes' if found.push else 'no'}"
        return f"<Expectation of {self._wanted}: {what}>"

    def _no_push(self, report: Report) -> str:
        if report.notes:
            return "; ".join(report.notes)
        if not self._subscribed():
            return "nobody asked to be told, call subscribe() of the device before"
        return f"none came within {self._timeout:g} s"

    def _or_missing(self, name: str, found: _T | None, why: str) -> _T | Missing:
        return found if found is not None else Missing(name, why, self._bench.tell)


def attend(device: Any, seconds: float) -> bool:
    """Attend the socket of a device for some time, so that what it tells is seen; False where nobody has to."""
    waits = getattr(device, "attend_pushes", None)
    try:
        return waits is not None and bool(waits(seconds))
    except DeviceException:  # it was closed
        return False
