"""Joins what crossed the LAN and what crossed the UART into exchanges: one per command, with the time of each step.

Works on records alone (of a tap, a bridge, a virtual product, a recording), without I/O and without a clock. Each
exchange tells how far the command came; where what was seen can be explained in more than one way, it says so instead
of guessing. Others on either wire (a second client, the phone app, the cloud, noise) are told apart by method, ids,
values and order.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping

from miio_lan.acceptance import exchange as at
from miio_lan.acceptance.content import MCU_CODES, TIMED_OUT, carried, error_of, fits
from miio_lan.acceptance.exchange import Exchange, Part
from miio_lan.acceptance.joining import LONGEST_WAIT, SKEW, Joiner, Joint
from miio_lan.acceptance.lan_story import Call, LanStory, Request
from miio_lan.acceptance.merging import merged
from miio_lan.acceptance.stops import Finding, is_success, of_nothing, of_tasks
from miio_lan.acceptance.tasks import Answer, Before, Task
from miio_lan.acceptance.uart_story import ANSWER_TIME, UartStory
from miio_lan.record import Record
from miio_lan.uart.commands import Command, Down, Error, Result, read

__all__ = ["Exchange", "Pairer", "Part", "at", "pair"]

HORIZON = 2 * LONGEST_WAIT
"""Seconds after which nothing is added to an exchange any more."""
STRAGGLING = 1.0
"""Seconds after which nothing is added to what has a reply."""
_COMPACT_AT = 4096


def pair(records: Iterable[Record]) -> list[Exchange]:
    """Join the records of a whole recording, in any order, into exchanges in the order of their beginning."""
    pairer = Pairer()
    for record in records:
        pairer.feed(record)
    pairer.finish()
    return pairer.exchanges


class Pairer:
    """Takes records as they come and gives the exchanges so far.

    Records of the two wires may come out of order, as they do when two threads observe them; what is older than
    :data:`HORIZON` is settled and no longer changes.
    """

    def __init__(self) -> None:
        self._window: list[tuple[float, int, Record]] = []
        self._count = 0
        self._settled: list[Exchange] = []
        self._recent: list[Exchange] | None = []
        self._finished = False
        self._compact_at = _COMPACT_AT
        self._before = Before()

    def feed(self, record: Record) -> None:
        """Take a record of either wire."""
        self._count += 1
        insort(self._window, (record.instant, self._count, record))
        self._recent = None
        if len(self._window) >= self._compact_at:
            self._compact()

    def finish(self) -> None:
        """Nothing more will come: what is open will stay so."""
        self._finished = True
        self._recent = None

    @property
    def exchanges(self) -> list[Exchange]:
        """All exchanges so far, in the order of their beginning."""
        if self._recent is None:
            reading = self._read(finished=self._finished)
            self._recent = reading.exchanges()
            cut = reading.quiet_before(self._newest - STRAGGLING, self._recent)
            if cut is not None:
                self._cut(reading, self._recent, cut)
        return [*self._settled, *self._recent]

    @property
    def _newest(self) -> float:
        return self._window[-1][0] if self._window else 0.0

    def _read(self, *, finished: bool) -> _Reading:
        return _Reading([record for _, _, record in self._window], self._before, finished=finished)

    def _compact(self) -> None:
        """Settle what is old, up to an instant that no exchange spans."""
        reading = self._read(finished=False)
        recent = reading.exchanges()
        cut = self._newest - HORIZON
        for each in sorted(recent, key=lambda each: each.records[-1].instant, reverse=True):
            if each.records[-1].instant >= cut:
                cut = min(cut, each.records[0].instant)
        self._cut(reading, recent, cut)
        self._compact_at = max(_COMPACT_AT, 2 * len(self._window))

    def _cut(self, reading: _Reading, recent: list[Exchange], cut: float) -> None:
        self._settled += [each for each in recent if each.records[-1].instant < cut]
        self._recent = [each for each in recent if each.records[-1].instant >= cut]
        self._before = reading.before(cut)
        self._window = self._window[bisect_left(self._window, (cut,)) :]


class _Reading:
    """One look at a stretch of records."""

    def __init__(self, records: list[Record], before: Before, *, finished: bool) -> None:
        self._uart = UartStory(before)
        self._lan = LanStory()
        for record in merged(record for record in records if record.wire == "uart"):
            self._uart.feed(record)
        for record in records:
            if record.wire == "lan":
                self._lan.feed(record)
        self._end = records[-1].instant if records else 0.0
        self._finished = finished
        if finished:
            self._uart.finish()
        requests = [request for call in self._lan.calls for request in call.requests]
        joiner = Joiner(requests, self._uart)
        self._joints = joiner.join()
        self._taken = joiner.taken
        self._doubtful = joiner.doubtful
        self._orphans = list(self._uart.orphans)

    def before(self, cut: float) -> Before:
        """Give what of the time before an instant may matter later."""
        others = [task for task in self._uart.tasks if task not in self._taken and task.down.instant < cut]
        return self._uart.before(others)

    def quiet_before(self, end: float, exchanges: list[Exchange]) -> float | None:
        """Give the last instant before ``end`` at which nothing was under way on either wire, and nothing in doubt.

        What came before it then says nothing about what comes later.
        """
        under_way = min(
            (each.records[0].instant for each in exchanges if not self._is_over(each)), default=end
        )
        quiet = self._uart.quiet
        for cut in reversed(quiet[: bisect_left(quiet, min(end, under_way))]):
            if not any(each.records[0].instant < cut <= each.records[-1].instant for each in exchanges):
                return cut
        return None

    def _is_over(self, exchange: Exchange) -> bool:
        """Tell whether nothing that comes later can belong to it or change what it is."""
        if exchange.open or exchange.ambiguous:
            return False
        if exchange.request is None:
            return all(part.acknowledgement is not None for part in exchange.parts)
        replies = sum(each.wire == "lan" and each.direction == "up" for each in exchange.records)
        return replies >= len(exchange.ids)

    def exchanges(self) -> list[Exchange]:
        found = [self._of_call(call) for call in self._lan.calls]
        found += [self._of_others(task) for task in self._uart.tasks if task not in self._taken]
        return sorted(found, key=lambda each: each.records[0].instant)

    # --- a command on the LAN ----------------------------------------------------------------------------------

    def _of_call(self, call: Call) -> Exchange:
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
    def _doubt(finding: Finding, joint: Joint) -> None:
        if joint.contradiction:
            finding.doubt("the reply does not carry what the MCU answered")
        elif not joint.sure:
            finding.doubt("other lines, or other requests, fit as well")
        if not joint.chain.whole:
            finding.notes.append("not all of its lines were seen")

    def _records(self, call: Call, parts: tuple[Part, ...]) -> tuple[Record, ...]:
        found: list[Record] = []
        for request in call.requests:
            found += [*request.sends, *request.repeated, *([request.reply] if request.reply else [])]
            for task in self._joints[request].chain.tasks if request in self._joints else ():
                found += task.records
        if not any(request in self._joints for request in call.requests):
            found += [each for part in parts for each in (part.result, part.acknowledgement) if each]
        return tuple(sorted(found, key=lambda record: record.instant))

    def _late_tap(self, request: Request, finding: Finding) -> tuple[Part, ...]:
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

    def _is_open(self, last: float, reply: Record | None, joint: Joint | None, *, local: bool) -> bool:
        if self._finished:
            return False
        if reply is None:
            return self._end - last < HORIZON
        # What belongs to it may be told later than the reply, by another thread or through a slower adapter.
        answers = [task.answer for task in joint.chain.tasks] if joint is not None else []
        code = error_of(reply.reading)
        answered = code is None or (code in MCU_CODES and code != TIMED_OUT)
        waits = any(answered if each is None else each.acknowledgement is None for each in answers)
        return (waits or (answered and not local and not answers)) and self._end - last < STRAGGLING

    # --- a line nobody asked for on the LAN --------------------------------------------------------------------

    def _of_others(self, task: Task) -> Exchange:
        finding = of_tasks((task,), None, self._uart, asked=False)
        answered = task.answer is not None and task.answer.acknowledgement is not None
        waiting = task.waits and not answered and self._end - task.down.instant < 2 * ANSWER_TIME
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


def _part(task: Task, *, succeeded: bool = False) -> Part:
    if succeeded and task.answer is not None and not task.answer.fits:
        return _part_of(task, None, None)  # the answer to another line, this one's was not seen
    return _part_of(task, task.answer, task.answer.command if task.answer is not None else None)


def _part_of(task: Task | None, answer: Answer | None, command: object) -> Part:
    readings: dict[str, dict[str, object]] = {}
    if task is not None and isinstance(task.command, Down):
        readings["down"] = task.command.as_json()
    if answer is None:
        return Part(task.down if task is not None else None, readings=readings)
    said = answer.command if not isinstance(command, (Result, Error)) else command
    readings["result"] = said.as_json()
    if answer.acknowledgement is not None:
        acknowledgement = read(answer.acknowledgement.raw, direction="down", pending=said)
        readings["acknowledgement"] = acknowledgement.as_json()
    return Part(
        task.down if task is not None else None, answer.record, answer.acknowledgement, readings=readings
    )
