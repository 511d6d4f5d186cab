"""Rules about what the MCU tells by itself: changed properties, events, and the serial number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miio_lan.acceptance.rules.lines import bare_words
from miio_lan.acceptance.rules.rulebook import Case, rule
from miio_lan.acceptance.rules.sets import REPORT_TIME
from miio_lan.uart import commands as c
from miio_lan.uart.document import EVENTS_PER_SECOND, SERIAL_NUMBER
from miio_lan.uart.line import tokens_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from miio_lan.acceptance.rules.observed import Observed
    from miio_lan.uart.conversation import Said

_STAMPS = 0.04
"""Seconds by which a second may seem too short: two stamps are no better than that."""


def _reports(session: Observed) -> Iterator[tuple[Said, c.PropertiesChanged]]:
    for said in session.line.of("properties_changed"):
        if isinstance(said.command, c.PropertiesChanged):
            yield said, said.command


def _events(session: Observed) -> Iterator[tuple[Said, c.EventOccured]]:
    for said in session.line.of("event_occured"):
        if isinstance(said.command, c.EventOccured):
            yield said, said.command


@rule(
    "properties-changed-form",
    "properties_changed has siid, piid and value, in threes",
    source="serial document, properties_changed",
    kind="reports",
)
def properties_changed_form(session: Observed, case: Case) -> None:
    """At least one."""
    for said, report in _reports(session):
        count = len(tokens_of(said.text)) - 1
        if bare_words(said):
            continue
        if count == 0 or count % 3 or len(report.changes) * 3 != count or list(report.check()):
            case.bad(f"{count} parameters that do not come as siid, piid and value", said.record)
        else:
            case.good(f"{len(report.changes)} properties", said.record)


@rule(
    "event-form",
    "event_occured has siid, eiid, and piid and value in pairs",
    source="serial document, event_occured",
    kind="reports",
)
def event_form(session: Observed, case: Case) -> None:
    """Events without arguments are normal."""
    for said, event in _events(session):
        if bare_words(said):
            continue
        count = len(tokens_of(said.text)) - 1
        if count < 2 or count % 2 or 2 + 2 * len(event.args) != count or list(event.check()):
            case.bad(f"{count} parameters that do not come as siid, eiid and pairs", said.record)
        else:
            case.good(f"event {event.siid}.{event.eiid}", said.record)


@rule(
    "event-rate",
    "At most 3 events per second are reported",
    source="serial document, event_occured",
    kind="reports",
)
def event_rate(session: Observed, case: Case) -> None:
    """A line the module did not take, sent again, counts once."""
    sent: list[Said] = []
    for said, _ in _events(session):
        before = sent[-1] if sent else None
        if before is not None and before.text == said.text and not before.accepted:
            continue
        sent.append(said)
    for number, said in enumerate(sent):
        first = sent[number - EVENTS_PER_SECOND] if number >= EVENTS_PER_SECOND else None
        if first is not None and said.instant - first.instant < 1.0 - _STAMPS:
            case.bad(f"{EVENTS_PER_SECOND + 1} events in {said.instant - first.instant:.3f} s", said.record)
        else:
            case.good("not more than 3 in a second", said.record)


@rule(
    "reports-known",
    "What is reported is in the product's description",
    source="product description; serial document, properties_changed and event_occured",
    kind="reports",
    severity="failure or warning",
)
def reports_known(session: Observed, case: Case) -> None:
    """Reporting a property that the description does not let notify is a warning."""
    spec = session.spec
    if spec is None:
        case.unseen("no description was given")
        return
    for said, report in _reports(session):
        for siid, piid, _ in report.changes:
            prop = spec.property(siid, piid)
            if prop is None:
                case.bad(f"there is no property {siid}.{piid}", said.record)
            elif not prop.notifies:
                case.odd(f"property {siid}.{piid} ({prop.name}) is not one that notifies", said.record)
            else:
                case.good(f"{prop.name}", said.record)
    for said, event in _events(session):
        known = spec.event(event.siid or 0, event.eiid or 0)
        if known is None:
            case.bad(f"there is no event {event.siid}.{event.eiid}", said.record)
        elif not {piid for piid, _ in event.args} <= set(known.arguments):
            case.bad(f"event {event.siid}.{event.eiid} ({known.name}) has other arguments", said.record)
        else:
            case.good(f"{known.name}", said.record)


@rule(
    "serial-number",
    "The serial number (1.5) is reported once the product is in the cloud",
    source="serial document, properties_changed (note on SN)",
    kind="reports",
    severity="warning",
)
def serial_number(session: Observed, case: Case) -> None:
    """Only for products that have one; some report it after a power-up alone, so its absence is a warning."""
    prop = session.spec.property(*SERIAL_NUMBER) if session.spec is not None else None
    if prop is None or not prop.notifies:
        case.unseen("the description has no serial number to report")
        return
    clouds = [
        each.instant
        for each in session.line.downlinks
        if isinstance(each.command, c.NetChange) and each.command.state == "cloud"
    ]
    told = False
    for said, report in _reports(session):
        for siid, piid, value in report.changes:
            if (siid, piid) == SERIAL_NUMBER:
                told = True
                case.good(f"the serial number is {value!r}", said.record)
    if clouds and not told and session.line.ended - clouds[0] >= REPORT_TIME:
        case.odd("the net became cloud, and no serial number was reported")


JUDGES = (
    properties_changed_form, event_form, event_rate, reports_known, serial_number,
)  # fmt: skip
