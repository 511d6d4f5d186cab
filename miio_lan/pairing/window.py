"""A stretch of records: what each wire tells, the exchanges they make together, and what of it is settled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import inf
from operator import attrgetter

from miio_lan.pairing.calls import LONGEST_RESEND, NOT_RECORDED, LanCall, LanRequest, is_gap, lan_traffic
from miio_lan.pairing.content import error_of, timed_out
from miio_lan.pairing.exchange import Exchange, Part
from miio_lan.pairing.matching.candidates import SKEW, Candidate, may_have_led_to, unseen_answers
from miio_lan.pairing.matching.lag import fetched_last, told_beyond
from miio_lan.pairing.matching.matching import HORIZON, LONGEST_WAIT, Matcher
from miio_lan.pairing.matching.misheard import is_nearly_known
from miio_lan.pairing.stops import StopFinding, is_success, of_downlinks, of_unseen
from miio_lan.record import Record
from miio_lan.record.marks import without_marks
from miio_lan.uart.commands import Command, read
from miio_lan.uart.conversation import Conversation
from miio_lan.uart.document import ANSWER_TIME, ERROR_CODES
from miio_lan.uart.ledger import LATEST
from miio_lan.uart.order import in_order
from miio_lan.uart.turns import STALL, Before, Downlink, Turn

_INSTANT = attrgetter("instant")
STRAGGLING = 1.0
"""Seconds after which nothing is added to what has a reply."""


@dataclass(frozen=True)
class Checkpoint:
    """An instant before which nothing changes any more.

    :param settled: the identities of the records before it; no exchange has one of these and another one
    :param gone: those of them that need not be read again
    :param before: what of these still matters to what comes later
    """

    settled: set[int]
    gone: set[int]
    before: Before


class Window:
    """A stretch of records, read as a whole.

    :param line: the conversation on the UART, the module's side
    :param records: all records, those of the UART in the order in which they were said
    :param finished: whether nothing more will come
    """

    def __init__(self, line: Conversation, records: Sequence[Record], *, finished: bool) -> None:
        self._uart = line
        self._line = [record for record in records if record.wire == "uart"]
        self._lan = [record for record in records if record.wire == "lan"]
        self._traffic = lan_traffic(self._lan)
        self._end = max((record.instant for record in records), default=0.0)
        #: Until when all is known that belongs to it.
        self._known_until = inf if finished else self._end
        self._matcher = Matcher(self._traffic, line)
        self._matches = self._matcher.match()
        self._repeated = {id(call.earlier) for call in self._traffic.calls}
        #: Downlinks that no request on the LAN explains.
        self._unasked = self._matcher.unasked
        self._orphans = list(line.orphans)

    @classmethod
    def over(cls, records: Iterable[Record], before: Before, *, finished: bool) -> Window:
        """Read records that are in any order; marks of a check are passed over."""
        ordered = in_order(without_marks(records))
        line = Conversation("module", before)
        for record in ordered:
            if record.wire == "uart":
                line.feed(record)
        if finished:
            line.finish()
        return cls(line, ordered, finished=finished)

    # --- checkpoints -------------------------------------------------------------------------------------------

    def old_checkpoint(self, exchanges: list[Exchange]) -> Checkpoint:
        """Make a checkpoint :data:`HORIZON` ago, or at the last instant before that which no exchange spans.

        What comes after it may be in doubt for what was handed out up to :data:`~miio_lan.uart.ledger.LATEST` before,
        and whether that was answered, for what was handed out as long before that: both are settled, and read again.
        """
        instant = _unspanned(self._end - HORIZON, exchanges)
        needed = _unspanned(instant - 2 * LATEST, exchanges)
        settled, gone = (
            {id(record) for record in (*self._line, *self._lan) if record.instant < end}
            for end in (instant, needed)
        )
        return self._checkpoint(settled, gone, self._uart.now(), needed)

    def last_checkpoint(self, exchanges: list[Exchange]) -> Checkpoint | None:
        """Make a checkpoint at the last instant at which nothing was open, and nothing in doubt.

        What came before that says nothing about what comes later. None where there is no such instant, or it is not
        :data:`STRAGGLING` ago.
        """
        begun = [each.records[0].instant for each in exchanges if not self._is_settled(each)]
        end = min([self._end - STRAGGLING, *begun])
        found = [{id(record) for record in each.records} for each in exchanges]
        for quiet in reversed(self._uart.quiet):
            if quiet.instant >= end:
                continue
            gone = {id(record) for record in self._line[: quiet.place]}
            gone |= {id(record) for record in self._lan if record.instant < quiet.instant}
            checkpoint = self._checkpoint(gone, gone, quiet.before, quiet.instant)
            if all(each <= checkpoint.gone or each.isdisjoint(checkpoint.gone) for each in found):
                return checkpoint
        return None

    def _checkpoint(self, settled: set[int], gone: set[int], before: Before, instant: float) -> Checkpoint:
        """Make a checkpoint at an instant, and keep the marks of gaps that put in doubt what begins then."""
        gone = gone - {id(each) for each in self._lan if is_gap(each) and each.instant > instant - HORIZON}
        unasked = [(each.instant, each.command.method) for each in self._unasked if id(each.record) in gone]
        others = (each for each in (*before.others, *unasked) if each[0] > instant - HORIZON)
        return Checkpoint(settled, gone, replace(before, others=tuple(others)))

    @staticmethod
    def _is_settled(exchange: Exchange) -> bool:
        """Tell whether nothing that comes later can belong to it or change what it is."""
        if exchange.open or exchange.ambiguous:
            return False
        if exchange.request is None:
            return all(part.acknowledgement is not None for part in exchange.parts)
        replies = sum(each.wire == "lan" and each.direction == "up" for each in exchange.records)
        return replies >= len(exchange.ids)

    # --- exchanges ---------------------------------------------------------------------------------------------

    def exchanges(self) -> list[Exchange]:
        """Give the commands, in the order of their beginning."""
        found = [self._of_call(call) for call in self._traffic.calls]
        found += [self._of_unasked(downlink) for downlink in self._unasked]
        return sorted(found, key=lambda each: each.records[0].instant)

    def _of_call(self, call: LanCall) -> Exchange:
        """Give the exchange of a command on the LAN: by the request that was replied to, else by one with a match."""
        matched = next((each for each in call.requests if each in self._matches), call.requests[0])
        main = call.replied or matched
        match, first, reply = self._matches.get(main), call.requests[0].sends[0], main.reply
        finding, parts = self._finding(main, first.instant, match)
        if call.doubtful or any(request.doubtful for request in call.requests):
            finding.doubt("several clients sent the same at the same time")
        if self._lacks_records(call):
            finding.doubt(NOT_RECORDED)
        if id(call) in self._repeated and reply is None:
            finding.doubt("its client may have sent it again under another id, as a command of its own")
        sent = sum(len(request.sends) for request in call.requests)
        if sent > 1:
            finding.notes.append(f"it was sent {sent} times")
        records = self._records(call, parts)
        return Exchange(
            main.demand.method,
            main.demand.params,
            request=first,
            reply=reply,
            ids=tuple(request.id for request in call.requests),
            parts=parts,
            records=records,
            open=self._is_open(call.last if reply is None else records[-1].instant, main, match),
            **finding.of_exchange(),
        )

    def _lacks_records(self, call: LanCall) -> bool:
        """Tell whether a reply to it may not have been recorded, or something that was sent for it."""
        first = call.requests[0]
        if any(each.reply is None for each in call.requests):
            return self._traffic.missing(first.first - LONGEST_WAIT, call.last + LONGEST_WAIT)
        return not first.local and self._traffic.missing(first.first - LONGEST_RESEND, call.last)

    def _finding(
        self, request: LanRequest, since: float, match: Candidate | None
    ) -> tuple[StopFinding, tuple[Part, ...]]:
        """Say where the command of a request stopped, and give its parts.

        :param since: when the command was sent first, by an earlier request perhaps
        """
        if match is None:
            finding = of_unseen(request, since, self._uart)
            if request in self._matcher.doubtful:
                finding.doubt("a line that fits may belong to it, or to another request")
            return finding, self._answer_without_downlink(request, finding)
        finding = of_downlinks(match.downlinks, request, self._uart, STALL if match.stalled else SKEW)
        if match.stalled:
            finding.doubt(
                "the lines were read after the reply that they explain: late, or they are not its own"
            )
        elif match.contradicted:
            finding.doubt("the reply does not carry what the MCU answered")
        elif not match.sure:
            finding.doubt("other lines, or other requests, fit as well")
        if not match.whole:
            finding.notes.append("not all of its lines were seen")
        # Of one that succeeded, an answer that does not fit may be that to another downlink.
        any_counts = not is_success(request.reply)
        answers = [each.answer for each in match.downlinks]
        seen = [each if each and (any_counts or each.fits) else None for each in answers]
        return finding, tuple(map(_part, match.downlinks, seen))

    def _records(self, call: LanCall, parts: tuple[Part, ...]) -> tuple[Record, ...]:
        datagrams = ((*each.sends, *each.repeated, each.reply) for each in call.requests)
        found = [record for each in datagrams for record in each if record is not None]
        matches = [self._matches[request] for request in call.requests if request in self._matches]
        found += [record for match in matches for each in match.downlinks for record in each.records]
        if not matches:
            found += [each for part in parts for each in (part.result, part.acknowledgement) if each]
        return tuple(sorted(found, key=_INSTANT))

    def _answer_without_downlink(self, request: LanRequest, finding: StopFinding) -> tuple[Part, ...]:
        """Find the answer to a downlink that was not seen itself (the tap began late, or lost it)."""
        for orphan, command in unseen_answers(request, self._orphans):
            self._orphans.remove(orphan)
            finding.doubt("the line the MCU answered was not seen")
            return (_part(None, orphan, command),)
        return ()

    def _of_unasked(self, downlink: Downlink) -> Exchange:
        """Give the exchange of a downlink that no request on the LAN explains."""
        finding = of_downlinks([downlink], None, self._uart)
        if is_nearly_known(downlink.command):
            finding.doubt("its method is nearly one of the document: it may have been misheard")
        if downlink in self._matcher.claimed:
            finding.doubt("it may be that of a request on the LAN")
        elif may_have_led_to(downlink, self._traffic.orphans):
            finding.doubt("a request on the LAN that was not seen may have asked for it")
        elif self._traffic.missing(downlink.instant - HORIZON, downlink.instant + SKEW):
            finding.doubt(f"{NOT_RECORDED}: somebody there may have asked for it")
        answered = downlink.answer is not None and downlink.answer.reply is not None
        # Its answer may come, or what the module says to that.
        waiting = downlink.closed is None and not answered
        return Exchange(
            downlink.command.method,
            downlink.command.contents(),
            parts=(_part(downlink, downlink.answer),),
            records=tuple(sorted(downlink.records, key=_INSTANT)),
            open=waiting and self._known_until - downlink.instant < 2 * ANSWER_TIME,
            **finding.of_exchange(),
        )

    # --- what may still come -----------------------------------------------------------------------------------

    def _is_open(self, last: float, request: LanRequest, match: Candidate | None) -> bool:
        """Tell whether something may still come that belongs to a command.

        :param last: when it was sent last, or when the last of it was recorded, where it has a reply
        """
        reply, since = request.reply, self._known_until - last
        # What belongs to it may be recorded later than the reply, by another thread or through a slower adapter.
        if reply is None or since >= STRAGGLING:
            return reply is None and since < HORIZON
        code = error_of(reply.reading)
        answered = code is None or (code in ERROR_CODES and not timed_out(reply.reading))
        if match is None:
            return answered and not request.local
        answers = [each.answer for each in match.downlinks]
        waits = any(answered if each is None else each.reply is None for each in answers)
        return waits or self._better_match_may_come(reply, match)

    def _better_match_may_come(self, reply: Record, match: Candidate) -> bool:
        """Tell whether a downlink that is recorded later may explain a reply better than the one at hand."""
        last, doubted = match.downlinks[-1], match.contradicted or match.stalled
        gave_up = last.answer is None and timed_out(reply.reading)
        if gave_up or (not doubted and fetched_last(last.instant, reply.instant, self._uart.polls)):
            return False
        return not told_beyond(reply.instant, reversed(self._line), self._uart.heard)


def _unspanned(instant: float, exchanges: Iterable[Exchange]) -> float:
    """Give the last instant up to another one that no exchange spans."""
    for each in sorted(exchanges, key=lambda each: each.records[-1].instant, reverse=True):
        if each.records[-1].instant >= instant:
            instant = min(instant, each.records[0].instant)
    return instant


def _part(downlink: Downlink | None, answer: Turn | None, command: Command | None = None) -> Part:
    """Make a part of a downlink and its answer, as far as they were seen.

    :param command: the answer in the layout of a downlink that was not seen; else as it was read
    """
    down = downlink.record if downlink is not None else None
    readings = {"down": downlink.command.as_json()} if downlink is not None else {}
    if answer is None:
        return Part(down, readings=readings)
    command = command or answer.command
    readings["result"] = command.as_json()
    if answer.reply is not None:
        readings["acknowledgement"] = read(answer.reply.raw, direction="down", pending=command).as_json()
    return Part(down, answer.record, answer.reply, readings=readings)
