"""Pairs what the MCU reports with what the device tells on the LAN: one report per property of a line, or event.

Works on records alone, like :mod:`miio_lan.pairing.pairing`.

Goal: say of each ``properties_changed`` or ``event_occured`` of the MCU which push it became, and never be wrong and
sure. A module paces reports: of a property, the last value within a second is told (serial document,
``properties_changed``), so that a line may become no push of its own; events are told one by one, in their order.

Plan: pushes are looked at in the order of time; what is repeated under its id is one push. Each takes a line that says
the same of the same property or event, and was not taken before:

1. Of a property, it is the last such line before the push. The lines before that one are done with: their values were
   overtaken. Where several said the same value, or a younger line says another one, the push is in doubt.
2. Of an event, it is the first such line. Where several wait at once, all of them are sure only when each got its push.
3. A push without a line puts the others of its kind within :data:`PUSH_TIME` in doubt. A line that may have been
   missed, and one whose push is in doubt, do so with the pushes of the next :data:`USUAL_TIME`.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from operator import attrgetter

from miio_lan.pairing.calls import NOT_RECORDED, lan_traffic
from miio_lan.pairing.content import objects_in, same_value
from miio_lan.pairing.exchange import seconds_between
from miio_lan.pairing.matching.candidates import SKEW
from miio_lan.pairing.matching.misheard import REPORTS, is_nearly_one_of
from miio_lan.record import Record
from miio_lan.record.marks import without_marks
from miio_lan.uart.commands import EventOccured, PropertiesChanged
from miio_lan.uart.conversation import converse
from miio_lan.uart.order import in_order
from miio_lan.uart.replies import NOISE
from miio_lan.uart.turns import Turn, between

PUSH_TIME = 10.0
"""Seconds within which a report becomes a push: a second in the module, and repeats of datagrams that were lost."""
USUAL_TIME = 2.0
"""Seconds within which a push follows its line where no datagram is lost."""
REPEATED_WITHIN = 30.0
"""Seconds for which a device repeats a push that nobody confirmed."""

PROPERTIES, EVENT = PropertiesChanged.NAME, EventOccured.NAME

_Kind = tuple[str, int, int]
_INSTANT = attrgetter("instant")


@dataclass(frozen=True)
class Report:
    """What the MCU told by itself, of one property or event, and what became of it.

    :param method: ``properties_changed`` or ``event_occured``
    :param siid: the service
    :param iid: the piid of the property, or the eiid of the event
    :param value: the value of the property; of an event, its arguments as a list of ``[piid, value]``
    :param line: what the MCU said; None where that was not heard
    :param acknowledgement: what the module said to it
    :param push: what the device told on the LAN, when it did so first; None where it did not as far as was seen
    :param confirmation: what the client answered to that
    :param records: all that belongs to it, repeated pushes included, in the order of time
    :param ambiguous: whether the push may be another line's, or another push this line's
    :param notes: what else is to be said about it
    """

    method: str
    siid: int
    iid: int
    value: object = field(default=None, hash=False)
    line: Record | None = None
    acknowledgement: Record | None = None
    push: Record | None = None
    confirmation: Record | None = None
    records: tuple[Record, ...] = ()
    ambiguous: bool = False
    notes: tuple[str, ...] = ()

    @property
    def push_time(self) -> float | None:
        """Seconds from the line to the push."""
        return seconds_between(self.line, self.push)


def reports(records: Iterable[Record], *, from_start: bool = False) -> list[Report]:
    """Pair the reports of a recording, in any order; give them in the order of their beginning.

    :param from_start: whether the records begin when the product was switched on, so that no line came before
    """
    return _Reports(records, from_start=from_start).found()


@dataclass(eq=False)
class _Said:
    """What a line, or a push, says of one property or event, while the push of the line is looked for."""

    kind: _Kind
    value: object
    instant: float
    turn: Turn | None
    push: _Push | None = None
    overtaken: bool = False
    doubts: list[str] = field(default_factory=list)

    def waits(self, instant: float) -> bool:
        """Tell whether a push of that instant may be its own."""
        return self.push is None and not self.overtaken and self.instant <= instant + SKEW


@dataclass(eq=False)
class _Push:
    """One message on the LAN, with its repeats and what was answered to it."""

    records: list[Record]
    confirmation: Record | None = None

    @property
    def instant(self) -> float:
        return self.records[0].instant


class _Reports:
    def __init__(self, records: Iterable[Record], *, from_start: bool) -> None:
        ordered = in_order(without_marks(records))
        self._line = converse(ordered)
        self._from_start = from_start
        self._of_turn = {id(turn): _said(turn) for turn in self._line.said}
        self._said = [each for said in self._of_turn.values() for each in said]
        # What the module did not take is told to nobody.
        taken = [turn for turn in self._line.said if not (turn.refused and turn.reply_sure)]
        #: What the module may tell, in the order of time.
        self._to_tell = sorted((each for turn in taken for each in self._of_turn[id(turn)]), key=_INSTANT)
        self._by_kind: dict[_Kind, list[_Said]] = defaultdict(list)
        for each in self._to_tell:
            self._by_kind[each.kind].append(each)
        self._told = _told(record for record in ordered if record.wire == "lan")
        self._traffic = lan_traffic(ordered)
        #: What pushes tell that no line said.
        self._orphans: list[_Said] = []

    def found(self) -> list[Report]:
        for told in self._told:
            self._tell(told)
        self._doubt_events()
        self._doubt_orphans()
        self._doubt_misheard()
        self._doubt_unrecorded()
        reports = map(_report, [*self._said, *self._orphans])
        return sorted(reports, key=lambda each: each.records[0].instant)

    def _near(self, kind: _Kind, instant: float) -> list[_Said]:
        """Give the lines of a kind that a push of an instant may be about, or that are as near after it."""
        lines = self._by_kind.get(kind, [])
        first = bisect_left(lines, instant - PUSH_TIME, key=_INSTANT)
        return lines[first : bisect_right(lines, instant + PUSH_TIME, key=_INSTANT)]

    def _tell(self, told: _Said) -> None:
        waiting = [each for each in self._near(told.kind, told.instant) if each.waits(told.instant)]
        same = [each for each in waiting if same_value(each.value, told.value)]
        if not same:
            self._orphans.append(told)
        elif told.kind[0] == EVENT:
            self._take(same[0], told)
        else:
            self._tell_property(told, waiting, same)

    def _tell_property(self, told: _Said, waiting: list[_Said], same: list[_Said]) -> None:
        """Give a push of a property to the last line that says the same.

        :param waiting: the lines that it may be about, in order, and of them the ``same``
        """
        said = [each for each in same if each.instant <= told.instant] or same[:1]
        chosen = said[-1]
        self._take(chosen, told)
        place = waiting.index(chosen)
        older, younger = waiting[:place], waiting[place + 1 :]
        for each in older:
            each.overtaken = True
        if len(same) > 1:
            for each in same:
                each.doubts.append("several lines said the same before it was told")
        if chosen.instant > told.instant and any(each not in same for each in older):
            chosen.doubts.append("it was heard only after the push, and another value before")
        if any(each.instant < told.instant - SKEW for each in younger):
            chosen.doubts.append("what was told is not what the MCU said last")

    def _take(self, said: _Said, told: _Said) -> None:
        """Give a line its push, and doubt that where the push may be that of a line before."""
        said.push = told.push
        first = self._line.first
        early = first is not None and said.instant - first < USUAL_TIME and not self._from_start
        unexplained, start = self._line.unexplained, said.instant - USUAL_TIME
        missed = bisect_left(unexplained, start) < bisect_right(unexplained, told.instant)
        if early or missed or self._line.broken(start, told.instant):
            said.doubts.append("a line said before it may not have been seen")
        for each in self._near(said.kind, told.instant):
            usual = told.instant - USUAL_TIME <= each.instant <= told.instant
            if usual and each is not said and each.doubts and same_value(each.value, said.value):
                said.doubts.append("the push of a line before it is in doubt")

    def _doubt_events(self) -> None:
        """Doubt the events that waited at the same time as one of their kind that got no push."""
        for lost in (each for each in self._to_tell if each.kind[0] == EVENT and each.push is None):
            for each in self._near(lost.kind, lost.instant):
                if each.push is not None and same_value(each.value, lost.value):
                    for one in (each, lost):
                        one.doubts.append("several events are alike, and not all of them were told")

    def _doubt_orphans(self) -> None:
        """Doubt what is near a push without a line: that may be its own, and others are one place further then.

        A line right before it that was told to nobody may be what was told, heard wrongly.
        """
        for orphan in self._orphans:
            for each in self._near(orphan.kind, orphan.instant):
                if same_value(each.value, orphan.value):
                    each.doubts.append("there is a push more than lines")
                if each.push is None and -USUAL_TIME <= each.instant - orphan.instant <= SKEW:
                    each.doubts.append("another value was told, which the MCU was not heard to say")

    def _doubt_misheard(self) -> None:
        """Doubt the push of a line where another line may be the one that was told, heard wrongly."""
        unclear = [turn for turn in self._line.said if _is_unclear(turn)]
        for each in self._said:
            push = each.push
            if push is None:
                continue
            until = push.instant + SKEW
            near = between(unclear, each.instant - USUAL_TIME, until)
            if any(turn is not each.turn and self._may_be_of(turn, each.kind) for turn in near):
                each.doubts.append("a line that was not heard well may be what was told")
            others = (other for other in self._near(each.kind, push.instant) if other.push is None)
            if any(each.instant < other.instant <= until for other in others):
                each.doubts.append("what was told is not what the MCU said last")

    def _may_be_of(self, turn: Turn, kind: _Kind) -> bool:
        """Tell whether a line that was not heard well may be a report of a kind that was told otherwise."""
        told = self._of_turn[id(turn)]
        return not told or any(each.kind == kind and each.push is None for each in told)

    def _doubt_unrecorded(self) -> None:
        """Doubt what became of lines whose push, or one before that, may not have been recorded."""
        for each in self._to_tell:
            told = each.instant + PUSH_TIME if each.push is None else each.push.instant
            if self._traffic.missing(each.instant, told):
                each.doubts.append(NOT_RECORDED)


def _is_unclear(turn: Turn) -> bool:
    """Tell whether a line is a report that does not conform, or nearly one, and the module did not refuse it."""
    if turn.command.valid or (turn.refused and turn.reply_sure):
        return False
    return turn.word in (PROPERTIES, EVENT) or (turn.word == NOISE and is_nearly_one_of(REPORTS, turn.text))


def _said(turn: Turn) -> list[_Said]:
    """Give what a line says of each property, or of its event; nothing for other lines."""
    command = turn.command
    told: list[tuple[_Kind, object]] = []
    if isinstance(command, PropertiesChanged):
        told = [((PROPERTIES, siid, piid), value) for siid, piid, value in command.changes]
    elif isinstance(command, EventOccured) and command.siid is not None and command.eiid is not None:
        told = [((EVENT, command.siid, command.eiid), [list(each) for each in command.args])]
    return [_Said(kind, value, turn.record.instant, turn) for kind, value in told]


def _told(records: Iterable[Record]) -> Iterator[_Said]:
    """Give what the messages on the LAN tell of reports; what is repeated counts once."""
    latest: dict[tuple[tuple[str, str], str], _Push] = {}
    asked: dict[tuple[str, str], _Push] = {}
    for record in records:
        reading = record.reading or {}
        key = record.peer, str(reading.get("id"))
        if record.direction == "down" and "method" not in reading and "result" in reading:
            push = asked.get(key)
            if push is not None and push.confirmation is None:
                push.confirmation = record
                push.records.append(record)
        elif record.direction == "up" and reading.get("method") in (PROPERTIES, EVENT):
            content = json.dumps(reading, sort_keys=True, default=str)
            push = latest.get((key, content))
            if push is not None and record.instant - push.instant <= REPEATED_WITHIN:
                push.records.append(record)
            else:
                latest[key, content] = asked[key] = push = _Push([record])
                for kind, value in _contents(reading):
                    doubts = ["the MCU was not heard to say so"]  # unless a line takes the push
                    yield _Said(kind, value, push.instant, None, push, doubts=doubts)


def _contents(reading: Mapping[str, object]) -> Iterator[tuple[_Kind, object]]:
    method = str(reading["method"])
    iid = "piid" if method == PROPERTIES else "eiid"
    for each in objects_in(reading.get("params")):
        if "siid" in each and iid in each:
            value = each.get("value") if method == PROPERTIES else _arguments(each)
            yield (method, _int(each["siid"]), _int(each[iid])), value


def _arguments(event: Mapping[str, object]) -> list[list[object]]:
    given = event.get("arguments")
    found = [each for each in (given if isinstance(given, list) else []) if isinstance(each, Mapping)]
    return [[each.get("piid"), each.get("value")] for each in found]


def _report(said: _Said) -> Report:
    turn, push = said.turn, said.push
    notes = list(said.doubts)
    if turn is not None and turn.refused:
        notes.append("the module did not take it")
    if said.overtaken:
        notes.append("a later value was told in its place")
    records = [*(turn.records if turn is not None else ()), *(push.records if push is not None else ())]
    return Report(
        *said.kind,
        said.value,
        line=turn.record if turn is not None else None,
        acknowledgement=turn.reply if turn is not None else None,
        push=push.records[0] if push is not None else None,
        confirmation=push.confirmation if push is not None else None,
        records=tuple(sorted(records, key=_INSTANT)),
        ambiguous=bool(said.doubts),
        notes=tuple(dict.fromkeys(notes)),
    )


def _int(value: object) -> int:
    return value if isinstance(value, int) else -1
