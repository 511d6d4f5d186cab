"""Rules about what follows a set: its report, and that it comes after the result."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING

from miio_lan.acceptance.rules.lines import bare_words
from miio_lan.acceptance.rules.rulebook import Case, rule
from miio_lan.uart import commands as c
from miio_lan.uart.order import LATENESS
from miio_lan.uart.values import MISSING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from miio_lan.acceptance.rules.observed import Observed
    from miio_lan.uart.conversation import Conversation, Downlink, Said

REPORT_TIME = 2.0
"""Seconds after a set within which its report is expected: reports may be gathered for a second."""
Iid = tuple[int, int]


@dataclass(frozen=True, eq=False)
class _Set:
    """A set that succeeded.

    :param values: the properties it set, with the values
    :param before: what they were known to be when it was handed out
    """

    downlink: Downlink
    said: Said
    values: dict[Iid, object]
    before: dict[Iid, object]


class _Reports:
    """The reports of a session, found by time."""

    def __init__(self, line: Conversation) -> None:
        self._said = line.of("properties_changed")
        self._instants = [said.instant for said in self._said]

    def between(self, start: float, end: float) -> Iterator[tuple[Said, dict[Iid, object]]]:
        """Go through the reports of a time, with the properties and values they tell."""
        for at in range(bisect_left(self._instants, start), len(self._said)):
            said = self._said[at]
            if said.instant > end:
                return
            if isinstance(said.command, c.PropertiesChanged):
                yield said, {(siid, piid): value for siid, piid, value in said.command.changes}


def _values_set(downlink: Downlink) -> dict[Iid, object]:
    """Give the properties a set has successfully set, with the values."""
    said, command = downlink.answer, downlink.command
    if said is None or not isinstance(command, c.SetProperties):
        return {}
    if not isinstance(said.command, c.Result) or bare_words(said):
        return {}
    done = {(row.siid, row.piid) for row in said.command.results if row.code == 0}
    return {(siid, piid): value for siid, piid, value in command.properties if (siid, piid) in done}


def _sets(line: Conversation) -> Iterator[_Set]:
    """Go through the sets that succeeded, keeping account of what each property was last known to be."""
    known: dict[Iid, object] = {}
    at = 0
    for downlink in line.downlinks:
        values = _values_set(downlink)
        if downlink.answer is None or not values:
            continue
        until = downlink.asked.number if downlink.asked is not None else None
        while at < len(line.said) and _is_earlier(line.said[at], until, downlink.instant):
            known |= _told(line.said[at])
            at += 1
        before = {iid: known[iid] for iid in values if iid in known}
        yield _Set(downlink, downlink.answer, values, before)


def _is_earlier(said: Said, number: int | None, instant: float) -> bool:
    return said.instant < instant if number is None else said.number <= number


def _told(said: Said) -> dict[Iid, object]:
    """Give what a line tells about the values of properties."""
    command = said.command
    if isinstance(command, c.PropertiesChanged):
        return {(siid, piid): value for siid, piid, value in command.changes}
    if not isinstance(command, c.Result) or said.answers is None:
        return {}
    read = {(row.siid, row.piid): row.value for row in command.results if row.value is not MISSING}
    return read | _values_set(said.answers)


def _alike(one: object, other: object) -> bool:
    # True and 1 are different values on this line; 20 and 20.0 are not.
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _tells(said: Said, values: dict[Iid, object], each: _Set, iid: Iid) -> bool:
    """Whether a report is that of a set: one that seems to come before it has to name the value."""
    return iid in values and (said.instant >= each.downlink.instant or _alike(values[iid], each.values[iid]))


@rule(
    "set-reported",
    "A property that was set to another value is reported by properties_changed",
    source="serial document, set_properties; observed: test of product functions",
    kind="reports",
    severity="failure or warning",
)
def set_reported(session: Observed, case: Case) -> None:
    """A failure only where the description says that the property notifies."""
    reports = _Reports(session.line)
    late = 0.0 if session.driven else LATENESS  # one who reports first may seem to do so before he was asked
    for each in _sets(session.line):
        end = each.said.instant + REPORT_TIME
        told = list(reports.between(each.downlink.instant - late, end))
        for iid, value in each.values.items():
            if iid not in each.before or _alike(each.before[iid], value):
                continue
            prop = session.spec.property(*iid) if session.spec is not None else None
            if session.spec is not None and (prop is None or not prop.notifies):
                continue
            where = f"property {iid[0]}.{iid[1]}"
            report = next((said for said, values in told if _tells(said, values, each, iid)), None)
            if report is not None:
                case.good(f"{where} was reported", report.record)
            elif session.line.ended >= end and not session.line.broken(each.said.instant, end):
                tell = case.bad if prop is not None else case.odd
                tell(f"{where} was not reported within {REPORT_TIME:g} s", each.said.record)


@rule(
    "report-after-result",
    "What a set changed is reported after its result",
    source="serial document, set_properties (example)",
    kind="reports",
    severity="warning",
)
def report_after_result(session: Observed, case: Case) -> None:
    """Modules serve both orders; the other one is a warning."""
    reports = _Reports(session.line)
    for each in _sets(session.line):
        for said, iids in reports.between(each.downlink.instant, each.said.instant + REPORT_TIME):
            if each.values.keys().isdisjoint(iids):
                continue
            if said.number < each.said.number:
                case.odd("reported before the result", said.record)
            else:
                case.good("reported after the result", said.record)


JUDGES = (set_reported, report_after_result)
