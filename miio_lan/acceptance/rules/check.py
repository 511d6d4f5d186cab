"""The rule about the check itself: what was not asked, or not heard, has not been judged."""

from __future__ import annotations

from miio_lan.acceptance.rules.observed import Observed
from miio_lan.acceptance.rules.rulebook import Case, rules_of
from miio_lan.record import Record
from miio_lan.record.marks import LINE_ENDS

rule = rules_of("checker", severity="failure or warning")

SOON = 1.0
"""Seconds before the end within which the loss of a port may well be the end itself."""
_HEARS = {"up": "the MCU", "down": "the module"}
_OUTAGE = "outage: "


@rule(
    "The test is carried through, and the line is listened to until its end",
    source="what was not seen cannot be judged",
)
def test_completed(session: Observed, case: Case) -> None:
    """What other rules already show to be the product's fault is a warning here, that says how much it has cost."""
    _listened(session, case)
    _powered_up(session, case)
    for said in session.restarts if session.driven else ():
        case.odd(
            "the MCU started again during the check: was it switched off, or reset by its watchdog?",
            said.record,
        )
    if (course := session.course) is None:
        case.unseen("nothing was asked, and the line was listened to until the end")
        return
    if course.cut:
        case.bad(f"{course.cut}: what was not asked by then was not judged")
    if course.broken_off:
        case.odd(course.broken_off)
    if course.left_out:
        last = session.line.said[-1].record if session.line.said else None
        (case.odd if course.told else case.bad)(f"{course.stopped}; left out: {course.remains}", last)
    if course.cut or course.broken_off or course.left_out or course.owed:
        for text in (*course.owed, *course.lost):
            case.odd(text)
    else:
        # What cannot be read cannot be restored: that is to be known, and no fault of the product.
        case.good("; ".join(["everything was asked", *course.lost]))


def _powered_up(session: Observed, case: Case) -> None:
    """See that the rules about power-up had something to judge, where that is to be expected."""
    if session.booted is None and session.from_boot:
        case.odd("no report of a power-up was seen: was the product switched on during the check?")
    elif session.booted is None and session.driven:
        case.odd(
            "no power-up was seen: the rules about it were not judged; switch the product off and on during the check"
        )


def _listened(session: Observed, case: Case) -> None:
    """Look for times at which a port was away."""
    away: dict[str, Record] = {}
    for record in (each for each in session.records if each.wire == "uart"):
        if record.note.startswith(_OUTAGE):
            away.setdefault(record.direction, record)
        elif record.direction in away:
            lost = away.pop(record.direction)
            case.odd(f"{_lost(lost)} for {record.instant - lost.instant:.1f} s", lost)
    course = session.course
    unfinished = course is not None and bool(course.left_out or course.cut)
    heard = bool(session.line.said or session.line.told)
    for lost in away.values():
        seconds, who = session.ended - lost.instant, _HEARS[lost.direction]
        if lost.note == LINE_ENDS:
            case.unseen(f"what {who} said in the last {seconds:.1f} s was not recorded", lost)
        elif heard and (seconds >= SOON or unfinished):
            case.bad(f"{_lost(lost)} {seconds:.1f} s before the end, and did not come back", lost)
        else:
            case.unseen(f"{_lost(lost)}, with which the observation ends", lost)


def _lost(record: Record) -> str:
    reason = record.note.removeprefix(_OUTAGE)
    return f"the port at which {_HEARS[record.direction]} is heard was lost ({reason})"
