"""What nobody could hear while a block ran: nothing is said of what could have crossed a wire then.

A break leaves a time of which nothing is known. It begins with the last record that was heard before, not with the
mark: an outage is found out later than it begins, and a gap is told of after what was lost.

::

    heard     get_down   down none               [outage]            [outage over]   get_down
    unknown                       `---------------------------------'
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from miio_lan.bench.recorder import Mark
from miio_lan.record import Record
from miio_lan.record.marks import begins_outage, words_of

SPEAKERS = {"up": "the MCU", "down": "the module"}
"""Who speaks in a direction of the line."""


class _Break(NamedTuple):
    """A time in which a wire was not heard.

    :param wire: which one
    :param direction: the only one that was not heard; None where both were not
    :param since: the last record before it, None where there is none
    :param until: the first record after it, None where it goes on
    """

    wire: str
    direction: str | None
    note: str
    since: Record | None
    until: Record | None


def why_unheard(directions: Collection[str], hears: Collection[str]) -> str:
    """Say why a line of these directions cannot be heard; empty where it can.

    :param directions: the directions in which it may be said
    :param hears: those that are heard
    """
    missing = [
        who for direction, who in SPEAKERS.items() if direction in directions and direction not in hears
    ]
    if not missing:
        return ""
    hint = "; direction= tells who else would say it" if len(missing) < len(directions) else ""
    return f"{' and '.join(missing)} {'was' if len(missing) == 1 else 'were'} not heard{hint}"


def why_unknown(
    kept: Iterable[Record], directions: Collection[str], begun: Mark, ended: Mark, *, lan: bool
) -> str:
    """Say why it is not known all that crossed the wires between two moments; empty where it is.

    :param kept: the records of both wires, as they were told, from before the first moment on
    :param directions: the directions of the line that matter
    :param lan: whether the LAN matters, too
    """
    for each in _breaks(kept):
        if each.wire == "lan":
            matters = lan
        else:
            matters = bool(directions) if each.direction is None else each.direction in directions
        ends_before = each.until is not None and begun.follows(each.until)
        begins_after = each.since is not None and not ended.follows(each.since)
        if matters and not ends_before and not begins_after:
            who = "the LAN" if each.wire == "lan" else SPEAKERS.get(each.direction or "", "the line")
            return f"{who} was not heard all the time ({each.note})"
    return ""


def _breaks(records: Iterable[Record]) -> Iterator[_Break]:
    """Give the times in which a wire was not heard."""
    heard: dict[str, Record] = {}  # last, by direction of the line, or by who was at the other end
    away: dict[str, tuple[str, Record | None]] = {}
    for record in records:
        key = record.direction if record.wire == "uart" else f"lan {record.peer}"
        if "gap" in words_of(record.note):
            before = [heard.get(each) for each in (("up", "down") if record.wire == "uart" else (key,))]
            since = max((each for each in before if each), key=lambda each: each.instant, default=None)
            yield _Break(record.wire, None, record.note, since, record)
        if begins_outage(record):
            away.setdefault(key, (record.note, heard.get(key)))
            continue
        if key in away:
            note, since = away.pop(key)
            yield _Break(record.wire, record.direction, note, since, record)
        heard[key] = record
    for key, (note, since) in away.items():
        yield _Break("lan" if key.startswith("lan") else "uart", key, note, since, None)
