"""What became of each value that was set: whether a later read shows it.

A set that succeeded (code 0; code 1 promises nothing yet) makes an expectation. The next read of that property keeps
it or does not. Everything that may have changed the property in between ends the expectation without a word: an action,
a restart, a set whose outcome is not known, a command of another kind, a line that was missed, a LAN call whose lines
were not seen. A set of another property leaves a doubt, for modes change what belongs to them.

A report of another value is believed when the read says the same: somebody has changed the property by hand. In a check
nobody is expected to, and the report may be that of a product which does not do what it was told: that leaves a doubt,
and none where the property is what it was before the set.

::

    set 2.2 = 10 ── result 2 2 0 ──┬── read 2.2 is 10 ─────────────────── APPLIED
                                   ├── read 2.2 is 60 ── read 2.2 is 10 ── LATE
                                   ├── read 2.2 is 60 ── (nothing more) ── IGNORED
                                   ├── report 60 ── read 2.2 is 60 ─────── IGNORED in a check, else no effect is told
                                   ├── report 60 ── read 2.2 is 10 ─────── APPLIED, and the report was wrong
                                   └── action, restart ────────────────── no effect is told
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeGuard

from miio_lan.acceptance.rules.calls import Iid, JudgedCall, properties_in
from miio_lan.acceptance.rules.lines import is_garbled, is_identity, values_told
from miio_lan.acceptance.rules.observed import Observed
from miio_lan.record import Record
from miio_lan.uart import commands as c
from miio_lan.uart.bridge.faults import invented
from miio_lan.uart.conversation import Conversation
from miio_lan.uart.document import ANSWER_TIME
from miio_lan.uart.turns import LATENESS, Downlink, Turn
from miio_lan.uart.values import MISSING

APPLIED, LATE, IGNORED = "applied", "late", "ignored"

EFFECT_TIME = 10.0
"""Seconds after a set within which a read shows what came of it; later, somebody may have changed it by hand."""
_TIMES = frozenset({"", "none", "seconds", "minutes", "hours", "ms"})
"""Units of properties that may count down by themselves."""
_READS = frozenset({"get_properties", "get_prop", "miIO.info"})
"""Methods of the LAN that change nothing."""


@dataclass(eq=False)
class Effect:
    """What became of one value that was set.

    :param call: the set, and ``at`` the instant of its answer
    :param outcome: :data:`APPLIED`, :data:`LATE` or :data:`IGNORED`
    :param shown: what was read instead, :data:`~miio_lan.uart.values.MISSING` before any read
    :param record: the line or datagram that shows it
    :param sure: whether nothing else can have made it another value
    :param before: what it was before, :data:`~miio_lan.uart.values.MISSING` where that is not known
    :param told: what a report has told instead, before any read
    """

    call: JudgedCall
    iid: Iid
    value: object
    at: float
    outcome: str = ""
    shown: object = MISSING
    record: Record | None = None
    sure: bool = True
    before: object = MISSING
    told: object = MISSING

    def left_it_at(self, value: object) -> bool:
        """Whether a read has shown that the set left the property at a value, for some time at least."""
        return self.outcome in (IGNORED, LATE) and alike(self.shown, value)


def comparable(one: object, other: object) -> bool:
    """Whether two values are of one type, integers and decimals being the same; the wrong type has rules of its own."""
    return type(one) is type(other) or (_is_number(one) and _is_number(other))


def alike(one: object, other: object) -> bool:
    """Whether two values are the same: ``true`` and 1 are not, 20 and 20.0 are, and decimals have their rounding."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    whole = isinstance(one, int) and isinstance(other, int)
    if whole or not isinstance(one, int | float) or not isinstance(other, int | float):
        return one == other
    try:
        return math.isclose(one, other, rel_tol=1e-4, abs_tol=1e-6)
    except OverflowError:  # an integer beyond all floats
        return False


def effects(session: Observed) -> list[Effect]:
    """Go through a session and tell what became of each value that was set and read again, in the order of time."""
    account = _Account(session)
    heard = any(each.command.wants_result for each in session.line.downlinks)
    (_follow_line if heard else _follow_lan)(session, account)
    account.forget()
    return sorted(account.found, key=lambda effect: effect.record.instant if effect.record else effect.at)


@dataclass
class _Account:
    """What each property is expected to be."""

    session: Observed
    found: list[Effect] = field(default_factory=list)
    _held: dict[Iid, Effect] = field(default_factory=dict)
    #: What each property was last read, told or set to be.
    _last: dict[Iid, object] = field(default_factory=dict)

    def take_set(self, call: JudgedCall, at: float) -> None:
        """Take a set that has come to its end, answered or not."""
        asked = [iid for iid, _ in call.properties]
        changed = call.may_have_set
        if changed:
            for iid, held in self._held.items():
                held.sure = held.sure and (iid in asked or held.record is not None)
        for iid, value in changed.items():
            self.forget(iid)
            if call.code_of(iid) == 0 and asked.count(iid) == 1:
                self._held[iid] = Effect(call, iid, value, at, before=self._last.get(iid, MISSING))
                self._last[iid] = value
            else:
                self._last.pop(iid, None)

    def take_read(self, call: JudgedCall, at: float) -> None:
        """Compare what was read with what was set."""
        for iid, answer in call.answers.items():
            held = self._held.get(iid)
            if answer.code != 0 or answer.value is MISSING or (held is not None and at < held.at):
                continue
            self._last[iid] = answer.value
            if held is None or not comparable(held.value, answer.value):
                self.forget(iid)
            elif alike(held.value, answer.value):
                self._settle(held, call.record)
            elif held.record is None:
                held.outcome, held.shown, held.record = IGNORED, answer.value, call.record
                counts = self._counts_down(held, at)
                if held.told is not MISSING and (self.session.course is None or counts):
                    held.record = None  # it was changed since, or runs off, as the product has told
                    self.forget(iid)
                held.sure = held.sure and at - held.at <= EFFECT_TIME and not counts
                held.sure = held.sure and (held.told is MISSING or alike(answer.value, held.before))

    def take_report(self, values: Mapping[Iid, object], record: Record) -> None:
        """Take what the product told by itself."""
        for iid, value in values.items():
            held = self._held.get(iid)
            self._last[iid] = value
            if held is not None and not alike(held.value, value):
                if held.record is not None or not comparable(held.value, value):
                    self.forget(iid)
                held.told = value
            elif held is not None and held.record is not None:
                self._settle(held, record)

    def forget(self, iid: Iid | None = None) -> None:
        """Expect nothing of a property any more, or of any; what was seen until now is told."""
        if iid is None:
            self._last.clear()
        for each in [iid] if iid is not None else list(self._held):
            if (held := self._held.pop(each, None)) is not None and held.record is not None:
                self.found.append(held)

    def _settle(self, held: Effect, record: Record) -> None:
        held.outcome = APPLIED if held.record is None else LATE
        held.record = held.record or record
        self.forget(held.iid)

    def _counts_down(self, held: Effect, at: float) -> bool:
        """Whether it may be a time that runs off, one a second at most."""
        prop = self.session.property(held.iid)
        one, other = held.value, held.shown
        if (prop is not None and prop.unit not in _TIMES) or not _is_number(one) or not _is_number(other):
            return False
        try:
            return 0 < one - other <= at - held.at + 1.0
        except OverflowError:  # as above
            return False


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


# --- the line ------------------------------------------------------------------------------------------------------


def _follow_line(session: Observed, account: _Account) -> None:
    for unknown, now, downlink, call, said in happenings(session):
        if unknown:
            account.forget()
        if downlink is None:
            if said is not None:
                account.take_report(values_told(said), said.record)
        elif call is not None and call.method == "get_properties" and said is not None:
            account.take_read(call, downlink.instant)
        elif call is not None and call.method == "set_properties" and downlink.answer is said:
            account.take_set(call, now)  # without an answer it may have been carried out all the same


Happening = tuple[bool, float, Downlink | None, JudgedCall | None, Turn | None]


def happenings(session: Observed) -> Iterator[Happening]:
    """Go through hand-outs, answers (with both) and other lines of the MCU in their order, each with its instant.

    The first of the five tells whether properties may have changed unseen, since what was before or by this very one;
    a downlink that wants an answer comes with its call.
    """
    line = session.line
    doubts, doubtful_until = deque(sorted(_times_in_doubt(session))), -math.inf
    calls = {id(call.downlink): call for call in session.calls if call.downlink is not None}
    before = line.began
    for now, downlink, said in _turns(line):
        while doubts and doubts[0][0] <= now:
            doubtful_until = max(doubtful_until, doubts.popleft()[1])
        unknown = line.missing(before, now) or doubtful_until >= before or _unsettles(downlink, said)
        yield unknown, now, downlink, calls.get(id(downlink)), said
        before = now


def _unsettles(downlink: Downlink | None, said: Turn | None) -> bool:
    """Whether any property may change by this: an action, an update, a method of the product, a start of the MCU.

    Some MCUs do not report what they change so. An answer to something that was not heard counts, too, and a report
    that cannot be read.
    """
    if downlink is None:
        return said is not None and (
            is_identity(said.command) or isinstance(said.command, (c.Result, c.Error)) or is_garbled(said)
        )
    method = downlink.command.method
    if said is None:
        return method in ("action", "update_fw")
    return method not in ("get_properties", "set_properties") and not isinstance(said.command, c.Error)


def _times_in_doubt(session: Observed) -> Iterator[tuple[float, float]]:
    """Give the times in which the LAN may have changed something, and the line does not show it.

    That is a call that is no read, whose lines were not seen or may be those of another. The product may carry it out
    at any instant until it has replied; where it did not, or gave up, until the module has no time for it any more.
    """
    if all(call.method in _READS for call in session.lan):
        return  # exchanges are not found for nothing
    for exchange in session.exchanges:
        request, parts = exchange.request, exchange.parts
        seen = parts and not exchange.ambiguous and all(part.down is not None for part in parts)
        if request is None or exchange.method in _READS or seen:
            continue
        end = max(record.instant for record in (request, *exchange.records))
        if exchange.reply is None or (exchange.reply.reading or {}).get("error") is not None:
            end += 2 * ANSWER_TIME
        yield request.instant - LATENESS, end + LATENESS


def _turns(line: Conversation) -> Iterator[tuple[float, Downlink | None, Turn | None]]:
    waiting = list(line.downlinks)
    answers = {id(downlink.answer): downlink for downlink in waiting if downlink.answer is not None}
    for said in line.said:
        while waiting and _is_before(waiting[0], said):
            downlink = waiting.pop(0)
            yield downlink.instant, downlink, None
        yield said.instant, answers.get(id(said)), said
    for downlink in waiting:
        yield downlink.instant, downlink, None


def _is_before(downlink: Downlink, said: Turn) -> bool:
    if downlink.answer is not None and downlink.answer.number <= said.number:
        return True
    asked = downlink.asked
    # A bridge's poll is none of the MCU's lines, and has no number.
    if asked is None or invented(asked.record):
        return downlink.instant <= said.instant
    return asked.number < said.number


# --- the LAN -------------------------------------------------------------------------------------------------------


def _follow_lan(session: Observed, account: _Account) -> None:
    events: list[tuple[float, JudgedCall | Record | None]] = [
        (call.began if call.method == "get_properties" else call.done, call) for call in session.lan
    ]
    pushes = (each for each in session.records if each.wire == "lan" and each.direction == "up")
    events += [(each.instant, each) for each in pushes if (each.reading or {}).get("method")]
    # What was not recorded, or nobody was seen to ask for, may have set anything.
    events += [(until, None) for _, until in session.traffic.gaps]
    events += [(each.instant, None) for each in session.traffic.orphans]
    for at, event in sorted(events, key=lambda each: each[0]):
        if isinstance(event, Record):
            pushed = properties_in((event.reading or {}).get("params"))
            account.take_report({iid: item.get("value", MISSING) for iid, item in pushed}, event)
        elif event is None or session.disturbed(event) or session.traffic.missing(event.began, event.done):
            account.forget()
        elif event.method == "get_properties":
            account.take_read(event, at)
        elif event.method == "set_properties":
            account.take_set(event, at)
        elif event.method == "action" or not (event.method.startswith("miIO.") or event.error):
            account.forget()
