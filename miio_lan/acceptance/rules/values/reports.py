"""Rules about what the MCU tells by itself: changed properties, events, and the serial number."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import TypeVar

from miio_lan.acceptance.rules.calls import Iid
from miio_lan.acceptance.rules.lines import count_of, has_layout, in_threes, of_kind
from miio_lan.acceptance.rules.observed import Observed
from miio_lan.acceptance.rules.rulebook import Case, rules_of
from miio_lan.acceptance.rules.values.sets import REPORT_TIME
from miio_lan.acceptance.rules.values.values import need_spec
from miio_lan.record import Record
from miio_lan.uart import commands as c
from miio_lan.uart.document import (
    EVENTS_PER_SECOND,
    REPORT_INTERVAL,
    SERIAL_NUMBER,
    SERIAL_NUMBER_LENGTH,
)
from miio_lan.uart.turns import Turn, between

rule = rules_of("reports")
graded = rules_of("reports", severity="failure or warning")
_C = TypeVar("_C", bound=c.Command)

REPORTS_PER_SECOND = 3
"""Reports of one property within a second beyond which it is a flood rather than untidy."""
_STAMPS = 0.04
"""Seconds by which a second may seem too short: two stamps are no better than that."""
_MAY_REPEAT = "what the module said was not heard: these may be repetitions of what it did not take"
_CAUSES = (c.SetProperties, c.Action, c.NetChange)


@rule("properties_changed has siid, piid and value, in threes", source="serial document, properties_changed")
def properties_changed_form(session: Observed, case: Case) -> None:
    """At least one."""
    for said, report in of_kind(session.line.said, c.PropertiesChanged):
        count = count_of(said)
        if not has_layout(said):
            continue
        right = 0 < count == len(report.changes) * 3 and not list(report.check())
        wrong = f"{count} parameters that do not come as siid, piid and value"
        case.good_or_bad(right, f"{len(report.changes)} properties", wrong, said.record)


@rule("event_occured has siid, eiid, and piid and value in pairs", source="serial document, event_occured")
def event_form(session: Observed, case: Case) -> None:
    """Events without arguments are normal."""
    for said, event in of_kind(session.line.said, c.EventOccured):
        if not has_layout(said):
            continue
        wrong = f"{count_of(said)} parameters that do not come as siid, eiid and pairs"
        case.good_or_bad(_is_whole(said, event), f"event {event.siid}.{event.eiid}", wrong, said.record)


def _is_whole(said: Turn, event: c.EventOccured) -> bool:
    """Whether an event has both ids, and arguments in pairs."""
    whole = count_of(said) == 2 + 2 * len(event.args)
    return whole and has_layout(said) and not list(event.check())


def _once(lines: Iterable[tuple[Turn, _C]]) -> Iterator[tuple[Turn, _C]]:
    """Go through lines, one that the module did not take and that was sent again counting once."""
    before: Turn | None = None
    for said, command in lines:
        if before is None or before.text != said.text or not before.refused:
            yield said, command
        before = said


def _repeats(lines: Iterable[Turn]) -> set[int]:
    """Give the numbers of the lines that may be repetitions: they say the same as one to which no reply was heard."""
    return {
        said.number for before, said in pairwise(lines) if before.text == said.text and before.reply is None
    }


@rule("At most 3 events per second are reported", source="serial document, event_occured")
def event_rate(session: Observed, case: Case) -> None:
    """A line the module did not take, sent again, counts once."""
    sent = [said for said, _ in _once(of_kind(session.line.said, c.EventOccured))]
    repeats = _repeats(sent)
    sure = [said for said in sent if said.number not in repeats]
    for events, doubtful in ((sure, False), (sent, True)):
        for number, said in enumerate(events):
            if (said.number in repeats) is doubtful:
                first = events[number - EVENTS_PER_SECOND] if number >= EVENTS_PER_SECOND else None
                _judge_rate(session, case, said, first, doubtful=doubtful)


def _judge_rate(session: Observed, case: Case, said: Turn, first: Turn | None, *, doubtful: bool) -> None:
    """Judge an event by the one before it with as many in between as a second may have."""
    if first is not None and session.interfered(first.instant, said.instant):
        case.unseen("a bridge interfered with the line", said.record)
    elif first is None or said.instant - first.instant >= 1.0 - _STAMPS:
        case.good("not more than 3 in a second", said.record)
    elif doubtful:
        case.unseen(_MAY_REPEAT, said.record)
    else:
        case.bad(f"{EVENTS_PER_SECOND + 1} events in {said.instant - first.instant:.3f} s", said.record)


@graded(
    "A property is reported once per second",
    source="serial document, properties_changed (updated once per second, the last value counts)",
)
def report_rate(session: Observed, case: Case) -> None:
    """Modules take more, and pass on the last one: twice is a warning, four times in a second a flood.

    A set of the property, an action or a change of the network in between makes a report of its own, however soon, and
    so does a set that is carried out after others were asked for. A set of another property may have changed this one,
    too, but does not make a flood.
    """
    recent: dict[Iid, deque[float]] = {}
    told: set[tuple[int, Iid]] = set()
    sent = list(_once(of_kind(session.line.said, c.PropertiesChanged)))
    repeats = _repeats(said for said, _ in sent)
    for said, report in sent:
        for change in report.changes if has_layout(said) else ():
            iid = change[:2]
            if said.number in repeats:
                case.unseen(_MAY_REPEAT, said.record)
                continue
            was_set = _was_set(session, said, change, told)
            times = recent.setdefault(iid, deque())
            while times and said.instant - times[0] >= REPORT_INTERVAL - _STAMPS:
                times.popleft()
            times.append(said.instant)
            where, count = f"property {iid[0]}.{iid[1]}", len(times)
            if count == 1:
                case.good(f"{where} is reported once in a second", said.record)
                continue
            if session.interfered(times[0], said.instant):
                case.unseen("a bridge interfered with the line", said.record)
                continue
            own, other, unheard = _causes(session, times[-2], said.instant, iid)
            own = own or was_set
            if own or unheard:
                recent[iid] = deque([said.instant])
            if own or (other and count <= REPORTS_PER_SECOND):
                case.good(f"{where} is reported after what was asked of the product", said.record)
            elif unheard:
                case.unseen(f"{where} may be reported after what was asked unheard", said.record)
            else:
                tell = case.bad if count > REPORTS_PER_SECOND else case.odd
                tell(f"{where} is reported {count} times within a second", said.record)


def _was_set(
    session: Observed, said: Turn, change: tuple[int, int, object], told: set[tuple[int, Iid]]
) -> bool:
    """Whether a report has the value of a set that no report before it told: it may have been carried out late.

    :param told: the downlinks, by their ``id``, whose value of a property was reported; added to
    """
    for each in between(session.line.downlinks, said.instant - REPORT_TIME, said.instant):
        asked = each.command.properties if isinstance(each.command, c.SetProperties) else ()
        key = id(each), change[:2]
        if change in asked and key not in told:
            told.add(key)
            return True
    return False


def _causes(session: Observed, start: float, end: float, iid: Iid) -> tuple[bool, bool, bool]:
    """Tell whether something that may well have changed a property was handed out, whether anything was, or may have.

    The last is for what was not heard: who plays the module himself knows what he has handed out.
    """
    # One who reports first may seem to do so before he was asked.
    start, end = start - session.lateness, end + session.lateness
    near = between(session.line.downlinks, start, end)
    causes = [each.command for each in near if isinstance(each.command, _CAUSES)]
    sets = [each for each in causes if isinstance(each, c.SetProperties)]
    own = len(sets) < len(causes) or any(iid == row[:2] for each in sets for row in each.properties)
    polls = (each for each in between(session.line.said, start, end) if isinstance(each.command, c.GetDown))
    missed = any(each.reply is None for each in polls) or session.line.missing(start, end)
    return own, bool(causes), missed and not session.driven


@graded(
    "What is reported is in the product's description",
    source="product description; serial document, properties_changed and event_occured",
)
def reports_known(session: Observed, case: Case) -> None:
    """Reporting a property that the description does not let notify is a warning.

    Where a string lacks its quotes, or the parameters do not come in threes, only the first ids are judged: what
    follows may belong to the string, or be no ids.
    """
    if (spec := need_spec(session, case)) is None:
        return
    for said, report in of_kind(session.line.said, c.PropertiesChanged):
        for siid, piid, _ in report.changes if has_layout(said) and in_threes(said) else report.changes[:1]:
            if (prop := spec.property(siid, piid)) is None:
                case.bad(f"there is no property {siid}.{piid}", said.record)
            elif not prop.notifies:
                case.odd(f"property {siid}.{piid} ({prop.name}) is not one that notifies", said.record)
            else:
                case.good(f"{prop.name}", said.record)
    for said, event in of_kind(session.line.said, c.EventOccured):
        if event.siid is None or event.eiid is None:
            continue  # which event it is meant to be is not known, and its form is judged elsewhere
        if (known := spec.event(event.siid, event.eiid)) is None:
            case.bad(f"there is no event {event.siid}.{event.eiid}", said.record)
        elif has_layout(said) and not {piid for piid, _ in event.args} <= set(known.arguments):
            case.bad(f"event {event.siid}.{event.eiid} ({known.name}) has other arguments", said.record)
        else:
            case.good(f"{known.name}", said.record)


@rule(
    "An event has all the arguments its description names",
    source="product description; serial document, event_occured",
)
def event_arguments(session: Observed, case: Case) -> None:
    """What is no pair of piid and value is judged elsewhere, and so are arguments that do not belong there."""
    if (spec := need_spec(session, case)) is None:
        return
    for said, event in of_kind(session.line.said, c.EventOccured):
        known = spec.event(event.siid or 0, event.eiid or 0)
        if known is None or not _is_whole(said, event):
            continue
        given = {piid for piid, _ in event.args}
        missing = [f"{known.siid}.{piid}" for piid in known.arguments if piid not in given]
        where = f"event {known.siid}.{known.eiid} ({known.name})"
        if missing:
            case.bad(f"{where} lacks {', '.join(missing)}", said.record)
        elif known.arguments:
            case.good(f"{where} has its arguments", said.record)


@rule(
    "The serial number (1.5) is reported once the product is in the cloud",
    source="serial document, properties_changed (note on SN)",
    severity="warning",
)
def serial_number(session: Observed, case: Case) -> None:
    """Only for products that have one; some report it after a power-up alone, so its absence is a warning.

    It is missed only where that power-up was seen as well, or promised. One that is longer than the 30 characters of
    the document is a warning.
    """
    if (prop := session.property(SERIAL_NUMBER)) is None or not prop.notifies:
        case.unseen("the description has no serial number to report")
        return
    line = session.line
    changes = of_kind(line.downlinks, c.NetChange)
    clouds = [each.instant for each, change in changes if change.state == "cloud"]
    told = [
        (value, said.record)
        for said, report in of_kind(line.said, c.PropertiesChanged)
        for siid, piid, value in report.changes
        if (siid, piid) == SERIAL_NUMBER
    ]
    for value, record in told:
        _judge_serial(case, value, record)
    if told or not clouds or line.ended - clouds[0] < REPORT_TIME:
        return
    boot = session.booted
    if boot is None and not session.from_boot:
        case.unseen("no power-up was seen, and some products report the serial number then alone")
    elif "up" not in line.heard or line.missing(boot.instant if boot is not None else line.began, line.ended):
        case.unseen("not everything was heard since power-up")
    else:
        case.odd("the net became cloud, and no serial number was reported")


def _judge_serial(case: Case, value: object, record: Record) -> None:
    size = len(value) if isinstance(value, str) else 0
    long = f"the serial number has {size} characters; the document has room for {SERIAL_NUMBER_LENGTH}"
    if size > SERIAL_NUMBER_LENGTH:
        case.odd(long, record)
    else:
        case.good(f"the serial number is {value!r}", record)
