"""Rules about what follows a set: that it takes effect, its report, and that this comes after the result."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, takewhile

from miio_lan.acceptance.rules.calls import Iid, JudgedCall
from miio_lan.acceptance.rules.lines import is_garbled, values_told, written
from miio_lan.acceptance.rules.observed import Observed
from miio_lan.acceptance.rules.rulebook import Case, rules_of
from miio_lan.acceptance.rules.values.effects import APPLIED, LATE, alike, comparable, effects, happenings
from miio_lan.uart.turns import Downlink, Turn, between
from miio_lan.uart.values import MISSING

report_rule = rules_of("reports", severity="failure or warning")
value_rule = rules_of("values", severity="failure or warning")

REPORT_TIME = 2.0
"""Seconds after a set within which its report is expected: reports may be gathered for a second."""


@dataclass(frozen=True, eq=False)
class _Set:
    """A set that succeeded.

    :param values: the properties it set, with the values
    :param before: those that it changed, as far as is known, with what everybody was told before that they were
    """

    downlink: Downlink
    said: Turn
    values: dict[Iid, object]
    before: dict[Iid, object]


def _done(call: JudgedCall) -> dict[Iid, object]:
    """Give the properties that a set has surely set, with the values."""
    return {iid: value for iid, value in call.may_have_set.items() if call.code_of(iid) == 0}


class _Known:
    """What each property was last told to be: by a report, a read, or a set whose report is not due any more.

    A set that is taken back before its report was due leaves nothing to report, and neither does a set to the value
    that the property has already: the report of an earlier set is that one's.
    """

    def __init__(self, session: Observed) -> None:
        self._session = session
        self._told: dict[Iid, object] = {}
        #: Sets whose report may still come, with the instant of each.
        self._fresh: dict[Iid, tuple[object, float]] = {}

    def go_on(self, now: float) -> None:
        """Let time pass."""
        for iid, (value, at) in list(self._fresh.items()):
            if now - at >= REPORT_TIME:
                self._learn(iid, value)

    def take(self, said: Turn, call: JudgedCall | None) -> None:
        """Take a line of the MCU, and the call that it answers."""
        for iid, value in values_told(said).items():
            self._learn(iid, value)
        if call is not None and said.late:  # a value of some time since the hand-out
            self.forget(iid for iid, _ in call.properties)
        elif call is not None:
            for iid, answer in call.answers.items():
                as_set = iid in self._fresh and alike(self._fresh[iid][0], answer.value)
                if answer.value is not MISSING and not as_set:  # a set that is not seen has had no effect
                    self._learn(iid, answer.value)
            self._fresh |= {iid: (wanted, said.instant) for iid, wanted in _done(call).items()}

    def forget(self, iids: Iterable[Iid]) -> None:
        """Take a set of which nobody knows whether it was carried out."""
        for iid in iids:
            self._told.pop(iid, None)
            self._fresh.pop(iid, None)

    def changed_by(self, values: dict[Iid, object]) -> dict[Iid, object]:
        """Give those of some properties that a set to these values changes, with what they were last told to be."""
        changed: dict[Iid, object] = {}
        for iid, value in values.items():
            told = self._told.get(iid, MISSING)
            actual, _ = self._fresh.get(iid, (told, 0.0))
            if comparable(told, value) and not alike(told, value) and not alike(actual, value):
                changed[iid] = told
        return changed

    def _learn(self, iid: Iid, value: object) -> None:
        """Take what a property was told to be; where its description forbids that, it is something else in truth."""
        self.forget([iid])
        if (prop := self._session.property(iid)) is None or not prop.problem(value):
            self._told[iid] = value


def _sets(session: Observed) -> Iterator[_Set]:
    """Go through the sets that succeeded, keeping account of what each property was last told to be.

    Where something was missed, or the LAN may have changed something unseen, nothing is known any more.
    """
    known = _Known(session)
    for unknown, now, downlink, call, said in happenings(session):
        if unknown:
            known = _Known(session)
        known.go_on(now)
        if said is not None:
            known.take(said, call)
        elif downlink is not None and call is not None:
            done = _done(call)
            if downlink.answer is not None and done:
                yield _Set(downlink, downlink.answer, done, known.changed_by(done))
            known.forget(call.may_have_set.keys() - done.keys())


def _tells(said: Turn, each: _Set, iid: Iid) -> bool:
    """Whether a report is that of a set: one that seems to come before it has to name the value.

    What tells the value from before the set tells nothing of it.
    """
    value = values_told(said).get(iid, MISSING)
    if value is MISSING or alike(value, each.before[iid]):
        return False
    return said.instant >= each.downlink.instant or alike(value, each.values[iid])


def _tells_as_before(said: Turn, each: _Set, iid: Iid) -> bool:
    """Whether a report behind the hand-out of a set tells the property to be what it was before."""
    value = values_told(said).get(iid, MISSING)
    return said.instant >= each.downlink.instant and alike(value, each.before[iid])


@value_rule(
    "A property that was set has the new value afterwards",
    source="serial document, set_properties and status code (0: success; 1: not completed yet)",
)
def set_takes_effect(session: Observed, case: Case) -> None:
    """Judged by the next read; a warning where it came only with a later one, or something else may have changed it."""
    for effect in effects(session):
        where = f"property {effect.iid[0]}.{effect.iid[1]} was set to {written(effect.value)}"
        shown = written(effect.shown)
        if effect.outcome == APPLIED:
            case.good(f"{where}, and is", effect.record)
        elif effect.outcome == LATE:
            case.odd(f"{where}, was still {shown} after that, and changed later", effect.record)
        else:
            tell = case.bad if effect.sure else case.odd
            tell(f"{where} (code 0) and is {shown}", effect.record)


@report_rule(
    "A property that was set to another value is reported by properties_changed",
    source="serial document, set_properties; observed: test of product functions",
)
def set_reported(session: Observed, case: Case) -> None:
    """A failure only where the description says that the property notifies; what did not change is not reported."""
    reports = session.line.of("properties_changed")
    shown = {(id(each.call.request), each.iid): each for each in effects(session)}
    sets = list(_sets(session))
    for number, each in enumerate(sets, 1):
        # One who reports first may seem to do so before he was asked.
        start, end = each.downlink.instant - session.lateness, each.said.instant + REPORT_TIME
        told = between(reports, start, end)
        for iid, before in each.before.items():
            prop = session.property(iid)
            if session.spec is not None and (prop is None or not (prop.notifies and prop.writable)):
                continue  # what cannot be set has not changed for that, whatever the code
            where = f"property {iid[0]}.{iid[1]}"
            report = next((said.record for said in told if _tells(said, each, iid)), None)
            stale = next((said.record for said in told if _tells_as_before(said, each, iid)), None)
            effect = shown.get((id(each.downlink.record), iid))
            tell = case.bad if prop is not None else case.odd
            if report is not None:
                case.good(f"{where} was reported", report)
            elif any(map(is_garbled, told)):
                case.unseen(f"{where} may be in a report that cannot be read")
            elif effect is not None and effect.left_it_at(before):
                case.unseen(f"{where} did not change, though it was set: there was nothing to report")
            elif _set_again(islice(sets, number, None), iid, end):
                case.unseen(f"{where} was set again before its report was due")
            elif session.line.ended < end or session.line.missing(start, end):
                continue  # it may still come, or was missed
            elif stale is None:
                tell(f"{where} was not reported within {REPORT_TIME:g} s", each.said.record)
            elif effect is not None and effect.outcome == APPLIED and alike(effect.told, before):
                now, then = written(each.values[iid]), written(before)
                tell(f"{where} was set to {now}, which it is, but reported as {then}, as before", stale)
            else:
                case.unseen(f"{where} is told to be what it was before: it may have been set back", stale)


def _set_again(later: Iterable[_Set], iid: Iid, end: float) -> bool:
    return any(iid in each.values for each in takewhile(lambda each: each.downlink.instant <= end, later))


@report_rule(
    "What a set changed is reported after its result",
    source="serial document, set_properties (example)",
    severity="warning",
)
def report_after_result(session: Observed, case: Case) -> None:
    """Modules serve both orders; the other one is a warning.

    What tells another value before the result is no report of that set, nor is what was the report of an earlier one.
    """
    reports = session.line.of("properties_changed")
    taken: set[int] = set()
    for each in _sets(session):
        for said in between(reports, each.downlink.instant, each.said.instant + REPORT_TIME):
            told = values_told(said)
            own = [alike(value, told[iid]) for iid, value in each.values.items() if iid in told]
            if own and said.number > each.said.number:
                case.good("reported after the result", said.record)
            elif any(own) and said.number not in taken:
                case.odd("reported before the result", said.record)
            if any(own) and said.number not in taken:
                taken.add(said.number)
                break
