"""One look at a stretch of records: the stories of both wires, what belongs together in them, and how far it came."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from miio_lan.pairing.calls import LanCall, LanRequest, calls_of
from miio_lan.pairing.candidates import SKEW
from miio_lan.pairing.content import carried, error_of
from miio_lan.pairing.exchange import Exchange, Part
from miio_lan.pairing.lag import fetched_last, told_beyond
from miio_lan.pairing.matching import LONGEST_WAIT, Match, Matcher
from miio_lan.pairing.stops import Finding, is_success, of_nothing, of_tasks
from miio_lan.record import Record
from miio_lan.uart.commands import Command, Down, Error, Result, read
from miio_lan.uart.commands.answering import fits
from miio_lan.uart.conversation import Conversation
from miio_lan.uart.document import ANSWER_TIME, ERROR_CODES, TIMED_OUT_CODE
from miio_lan.uart.order import in_order
from miio_lan.uart.turns import Before, Downlink, Turn

STRAGGLING = 1.0
"""Seconds after which nothing is added to what has a reply."""
HORIZON = 2 * LONGEST_WAIT
"""Seconds after which nothing is added to an exchange any more."""


@dataclass(frozen=True)
class Checkpoint:
    """What need not be looked at again.

    :param settled: the exchanges that no longer change
    :param gone: the identities of the records up to there
    :param before: what of them may still matter
    """

    settled: list[Exchange]
    gone: set[int]
    before: Before


class Window:
    """One look at a stretch of records.

    :param line: the conversation on the UART, the module's side
    :param records: all records, those of the UART in the order in which they were said
    :param finished: whether nothing more will come
    """

    def __init__(self, line: Conversation, records: Sequence[Record], *, finished: bool) -> None:
        self._all = records
        self._uart = line
        self._line = [record for record in records if record.wire == "uart"]
        self._lan_records = [record for record in records if record.wire == "lan"]
        self._calls = calls_of(self._lan_records)
        self._tasks = [each for each in line.downlinks if each.command.wants_result]
        self._end = max((record.instant for record in records), default=0.0)
        self._finished = finished
        requests = [request for call in self._calls for request in call.requests]
        matcher = Matcher(requests, line)
        self._joints = matcher.join()
        self._taken = matcher.taken
        self._doubtful = matcher.doubtful
        self._orphans = list(line.orphans)

    @classmethod
    def over(cls, records: Iterable[Record], before: Before, *, finished: bool) -> Window:
        """Look at records in the order of time, of which the UART's are not yet in that of their conversation."""
        ordered = in_order(records)
        line = Conversation("module", before)
        for record in ordered:
            if record.wire == "uart":
                line.feed(record)
        if finished:
            line.finish()
        return cls(line, ordered, finished=finished)

    def cut_at(self, instant: float, exchanges: list[Exchange]) -> Checkpoint:
        """Make a checkpoint at an instant that no exchange spans."""
        gone = {id(record) for record in self._all if record.instant < instant}
        settled = [each for each in exchanges if each.records[-1].instant < instant]
        return Checkpoint(settled, gone, self._before(self._uart.now(), gone, instant))

    def cut(self, end: float, exchanges: list[Exchange]) -> Checkpoint | None:
        """Make a checkpoint at the last instant before ``end`` at which nothing was under way, and nothing in doubt.

        What came before that then says nothing about what comes later.
        """
        end = min([end, *(each.records[0].instant for each in exchanges if not self._is_over(each))])
        for quiet in reversed(self._uart.quiet):
            if quiet.instant >= end:
                continue
            gone = {id(record) for record in self._line[: quiet.place]}
            gone |= {id(record) for record in self._lan_records if record.instant < quiet.instant}
            inside = [sum(id(record) in gone for record in each.records) for each in exchanges]
            if all(count in (0, len(each.records)) for count, each in zip(inside, exchanges, strict=True)):
                settled = [each for count, each in zip(inside, exchanges, strict=True) if count]
                return Checkpoint(settled, gone, self._before(quiet.before, gone, quiet.instant))
        return None

    def _before(self, before: Before, gone: set[int], instant: float) -> Before:
        tasks = [task for task in self._tasks if task not in self._taken and id(task.record) in gone]
        theirs = (*before.others, *((task.instant, task.command.method) for task in tasks))
        return replace(before, others=tuple(each for each in theirs if each[0] > instant - HORIZON))

    def _is_over(self, exchange: Exchange) -> bool:
        """Tell whether nothing that comes later can belong to it or change what it is."""
        if exchange.open or exchange.ambiguous:
            return False
        if exchange.request is None:
            return all(part.acknowledgement is not None for part in exchange.parts)
        replies = sum(each.wire == "lan" and each.direction == "up" for each in exchange.records)
        return replies >= len(exchange.ids)

    def exchanges(self) -> list[Exchange]:
        """Give the commands, in the order of their beginning."""
        found = [self._of_call(call) for call in self._calls]
        found += [self._of_others(task) for task in self._tasks if task not in self._taken]
        return sorted(found, key=lambda each: each.records[0].instant)

    # --- a command on the LAN ----------------------------------------------------------------------------------

    def _of_call(self, call: LanCall) -> Exchange:
        replied = call.replied
        joined = [request for request in call.requests if request in self._joints]
        main = replied or (joined[0] if joined else call.requests[0])
        joint = self._joints.get(main)
        first = call.requests[0].sends[0]
        reply = main.reply
        parts: tuple[Part, ...] = ()
        if joint is not None:
            finding = of_tasks(joint.chain.tasks, reply, self._uart, asked=True)
            parts = tuple(_part(task, succeeded=is_success(reply)) for task in joint.chain.tasks)
            self._doubt(finding, joint)
        else:
            finding = of_nothing(reply, first, self._uart, local=main.local)
            if main in self._doubtful:
                finding.doubt("a line that fits may belong to it, or to another request")
            parts = self._late_tap(main, finding)
        if call.doubtful or any(request.doubtful for request in call.requests):
            finding.doubt("several clients sent the same at the same time")
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
            stopped_at=finding.stopped_at,
            ambiguous=finding.ambiguous,
            notes=tuple(dict.fromkeys(finding.notes)),
            open=self._is_open(
                call.last if reply is None else records[-1].instant, reply, joint, local=main.local
            ),
            stopped_part=finding.part,
        )

    @staticmethod
    def _doubt(finding: Finding, joint: Match) -> None:
        if joint.contradiction:
            finding.doubt("the reply does not carry what the MCU answered")
        elif not joint.sure:
            finding.doubt("other lines, or other requests, fit as well")
        if not joint.chain.whole:
            finding.notes.append("not all of its lines were seen")

    def _records(self, call: LanCall, parts: tuple[Part, ...]) -> tuple[Record, ...]:
        found: list[Record] = []
        for request in call.requests:
            found += [*request.sends, *request.repeated, *([request.reply] if request.reply else [])]
            for task in self._joints[request].chain.tasks if request in self._joints else ():
                found += task.records
        if not any(request in self._joints for request in call.requests):
            found += [each for part in parts for each in (part.result, part.acknowledgement) if each]
        return tuple(sorted(found, key=lambda record: record.instant))

    def _late_tap(self, request: LanRequest, finding: Finding) -> tuple[Part, ...]:
        """Find the answer to a line that was not seen itself (the tap began late, or lost it)."""
        down, reply = request.demand.as_down(), request.reply
        if reply is None or request.local:
            return ()
        for orphan in self._orphans:
            inside = request.first - SKEW <= orphan.record.instant <= reply.instant + SKEW
            command = read(orphan.record.raw, direction="up", pending=down)
            if inside and _explains(command, reply.reading or {}, down):
                self._orphans.remove(orphan)
                finding.doubt("the line the MCU answered was not seen")
                return (_part_of(None, orphan, command),)
        return ()

    def _is_open(self, last: float, reply: Record | None, joint: Match | None, *, local: bool) -> bool:
        if self._finished:
            return False
        if reply is None:
            return self._end - last < HORIZON
        # What belongs to it may be told later than the reply, by another thread or through a slower adapter.
        answers = [task.answer for task in joint.chain.tasks] if joint is not None else []
        code = error_of(reply.reading)
        answered = code is None or (code in ERROR_CODES and code != TIMED_OUT_CODE)
        waits = any(answered if each is None else each.reply is None for each in answers)
        missing = waits or (answered and not local and not answers)
        return self._end - last < STRAGGLING and (missing or self._better_may_come(reply, joint))

    def _better_may_come(self, reply: Record, joint: Match | None) -> bool:
        """Tell whether a line that is told late may explain a reply better than the one at hand."""
        last = joint.chain.tasks[-1] if joint is not None else None
        if (
            joint is None
            or last is None
            or (last.answer is None and error_of(reply.reading) == TIMED_OUT_CODE)
        ):
            return False
        if not joint.contradiction and fetched_last(last.instant, reply.instant, self._uart.polls):
            return False
        return not told_beyond(reply.instant, reversed(self._line), self._uart.heard)

    # --- a line nobody asked for on the LAN --------------------------------------------------------------------

    def _of_others(self, task: Downlink) -> Exchange:
        finding = of_tasks((task,), None, self._uart, asked=False)
        answered = task.answer is not None and task.answer.reply is not None
        waiting = task.waits and not answered and self._end - task.instant < 2 * ANSWER_TIME
        reading = task.command.as_json()
        return Exchange(
            task.command.method,
            {key: value for key, value in reading.items() if key not in _FRAME},
            parts=(_part(task),),
            records=tuple(sorted(task.records, key=lambda record: record.instant)),
            stopped_at=finding.stopped_at,
            ambiguous=finding.ambiguous,
            notes=tuple(dict.fromkeys(finding.notes)),
            open=waiting and not self._finished,
        )


def _explains(command: Command, reading: Mapping[str, object], down: Down | None) -> bool:
    """Tell whether an answer whose line was not seen is what a reply was made of."""
    if isinstance(command, Error):
        return command.code is not None and command.code == error_of(reading)
    if down is None or "result" not in reading:
        return False
    return isinstance(command, Result) and fits(command, down) and carried(command, reading["result"])


_FRAME = frozenset({"command", "method", "valid", "problem", "unread"})


def _part(task: Downlink, *, succeeded: bool = False) -> Part:
    if succeeded and task.answer is not None and not task.answer.fits:
        return _part_of(task, None, None)  # the answer to another line, this one's was not seen
    return _part_of(task, task.answer, task.answer.command if task.answer is not None else None)


def _part_of(task: Downlink | None, answer: Turn | None, command: object) -> Part:
    readings: dict[str, dict[str, object]] = {}
    if task is not None and isinstance(task.command, Down):
        readings["down"] = task.command.as_json()
    if answer is None:
        return Part(task.record if task is not None else None, readings=readings)
    said = answer.command if not isinstance(command, (Result, Error)) else command
    readings["result"] = said.as_json()
    if answer.reply is not None:
        acknowledgement = read(answer.reply.raw, direction="down", pending=said)
        readings["acknowledgement"] = acknowledgement.as_json()
    return Part(task.record if task is not None else None, answer.record, answer.reply, readings=readings)
