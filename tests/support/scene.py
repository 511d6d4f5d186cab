"""A product seen on both wires, with a book of what really happened: clients, a module, an MCU, and a clock of its own.

Plain Python without the package's own machines, so that what joins the records can be compared with the truth.
"""

from __future__ import annotations

import heapq
import itertools
import json
import math
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from miio_lan.record import Record

ANSWER_TIME = 4.0
KEPT_UNFINISHED = 1.0
"""Seconds for which a tap waits for the end of a line."""
TICK = 0.0005
"""Seconds between two lines that follow each other at once."""

GET_ON = ("get_properties", [{"siid": 2, "piid": 1}])
GET_LEVEL = ("get_properties", [{"siid": 2, "piid": 2}])
GET_BOTH = ("get_properties", [{"siid": 2, "piid": 1}, {"siid": 2, "piid": 2}])
SET_LEVEL = ("set_properties", [{"siid": 2, "piid": 2, "value": 40}])
SET_OTHER = ("set_properties", [{"siid": 2, "piid": 2, "value": 80}])
TOGGLE = ("action", {"siid": 2, "aiid": 1, "in": []})
LEGACY = ("power", ["on", 3])
MANY = ("get_properties", [{"siid": 3, "piid": piid} for piid in range(1, 41)])
COMMANDS = (GET_ON, GET_LEVEL, GET_BOTH, SET_LEVEL, SET_OTHER, TOGGLE, LEGACY)


@dataclass(eq=False)
class Told:
    """What really became of one request (or of one command nobody sees on the LAN)."""

    method: str
    params: object
    request: Record | None = None
    reply: Record | None = None
    downs: list[Record] = field(default_factory=list)
    results: list[Record] = field(default_factory=list)
    answer_of: dict[int, Record] = field(default_factory=dict)
    stop: str | None = "not fetched"
    call: int = 0


@dataclass(eq=False)
class Job:
    told: Told
    number: int
    peer: str
    behaviour: str
    reply_lost: bool
    parts: deque[str] = field(default_factory=deque)
    rows: list[dict[str, object]] = field(default_factory=list)
    out: object = None


class Scene:
    """Runs a script of commands; afterwards :attr:`records` is what an observer of both wires saw."""

    def __init__(
        self,
        *,
        poll: float = 0.2,
        polls_while_busy: bool = False,
        answer_time: float = ANSWER_TIME,
        steady: bool = False,
    ) -> None:
        """``steady``: values never change, so that answers do not tell one command from another."""
        self.now = 0.0
        self.records: list[Record] = []
        self.told: list[Told] = []
        self.level = 10
        self._poll = poll
        self._polls_while_busy = polls_while_busy
        self._answer_time = answer_time
        self._steady = steady
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count(1)
        self._queue: deque[Job] = deque()
        self._out: tuple[Job, str, Record] | None = None
        self._thinking = 0
        self._calls = itertools.count(1)
        self._pending_lines = 0
        self.at(0.05, self._do_poll)

    def at(self, when: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._count), what))

    def run(self, until: float) -> None:
        while self._events and self._events[0][0] <= until:
            when, _, what = heapq.heappop(self._events)
            self.now = max(self.now + 1e-6, when)
            what()

    def restamp(self, lateness: tuple[float, float]) -> None:
        """Stamp the lines as two USB adapters do that hand bytes over every so many seconds, each in its own time."""

        def late(record: Record) -> Record:
            every = lateness[record.direction == "up"]
            if record.wire == "lan" or not every:
                return record
            return replace(record, instant=math.ceil(record.instant / every) * every)

        self._put_on_record(late)

    def stall(self, stalls: Iterable[tuple[float, float]]) -> None:
        """Stamp the lines as one reader does that the computer lets wait: each as a beginning, and for how long."""

        def late(record: Record) -> Record:
            ends = [at + long for at, long in stalls if at <= record.instant < at + long]
            return replace(record, instant=max(ends)) if ends and record.wire == "uart" else record

        stalls = tuple(stalls)
        self._put_on_record(late)

    def answer_late(self, lateness: Callable[[], float]) -> None:
        """Stamp what the device says on the LAN as one does whom the computer lets wait: each by so many seconds."""

        def late(record: Record) -> Record:
            if record.wire == "uart" or record.direction == "down":
                return record
            return replace(record, instant=record.instant + lateness())

        self._put_on_record(late)

    def mishear(self, line: Record, heard: bytes) -> None:
        """Have the tap hear something else in place of a line."""
        wrong = replace(line, raw=heard)
        self._put_on_record(lambda record: wrong if record is line else record)

    def miss_end(self, line: Record) -> None:
        """Have the tap miss the CR of a line of the MCU: the next one runs into it, if it comes soon."""
        lines = [record for record in self.records if record.wire == "uart" and record.direction == "up"]
        following = lines[lines.index(line) + 1]
        if following.instant - line.instant > KEPT_UNFINISHED:
            return
        whole = replace(line, raw=line.raw[:-1] + following.raw)
        self._put_on_record(lambda record: whole if record in (line, following) else record)
        first = next(place for place, record in enumerate(self.records) if record is whole)
        rest = [record for record in self.records[first + 1 :] if record is not whole]
        self.records = [*self.records[: first + 1], *rest]

    def _put_on_record(self, late: Callable[[Record], Record]) -> None:
        """Put other records in place of those there are, in the book too."""
        now = {id(record): late(record) for record in self.records}
        self.records = [now[id(record)] for record in self.records]
        for told in self.told:
            told.answer_of = {id(now[key]): now[id(value)] for key, value in told.answer_of.items()}
            told.downs = [now[id(each)] for each in told.downs]
            told.results = [now[id(each)] for each in told.results]
            told.request = now[id(told.request)] if told.request is not None else None
            told.reply = now[id(told.reply)] if told.reply is not None else None

    # --- the script --------------------------------------------------------------------------------------------

    def ask(
        self,
        when: float,
        command: tuple[str, object],
        *,
        number: int,
        behaviour: str = "good",
        request_lost: bool = False,
        reply_lost: bool = False,
        peer: str = "192.0.2.1",
        resends: int = 0,
        resend_after: float = 1.0,
    ) -> None:
        """Have a client send a command; ``resends`` more times while it has no reply, under new ids."""
        call = next(self._calls)
        losses = [request_lost] + [False] * resends

        def send(attempt: int) -> None:
            if any(told.call == call and told.reply is not None for told in self.told):
                return
            if attempt:
                self._lan("down", None, peer, note="hello", at=self.now)
            told = Told(*command, call=call)
            self.told.append(told)
            body = {"id": number + attempt, "method": command[0], "params": command[1]}
            told.request = self._lan("down", body, peer, at=self.now)
            if not losses[attempt]:
                job = Job(told, number + attempt, peer, behaviour, reply_lost and attempt == 0)
                self.at(self.now + 0.002, lambda: self._arrive(job))
            if attempt < resends:
                self.at(self.now + resend_after, lambda: send(attempt + 1))

        self.at(when, lambda: send(0))

    def order(self, when: float, command: tuple[str, object], behaviour: str = "good") -> None:
        """Have the phone app or the cloud cause a command."""

        def come() -> None:
            told = Told(*command)
            self.told.append(told)
            self._arrive(Job(told, 0, "", behaviour, reply_lost=True))

        self.at(when, come)

    def insist(self, start: float, end: float, text: str, said: str) -> None:
        """Have the MCU say a line again and again, whatever the module says to it."""
        for place in range(int((end - start) / 0.3)):

            def cross() -> None:
                self._uart("up", text)
                self._uart("down", said)

            self.at(start + 0.3 * place, cross)

    def line(self, when: float, text: str, direction: str = "up", note: str = "") -> None:
        """Have an unrelated line (or noise) cross."""

        def cross() -> None:
            self._uart(direction, text, note=note)
            if direction == "up" and not note:
                self._uart("down", "ok")

        self.at(when, cross)

    # --- the module --------------------------------------------------------------------------------------------

    def _arrive(self, job: Job) -> None:
        method, params = job.told.method, job.told.params
        if method.startswith("miIO."):
            job.out = {"model": "x.y.z"}
            job.told.stop = None
            self._reply(job, result=job.out)
            return
        for text in lines_of(method, params):
            job.parts.append(text)
        self._queue.append(job)

    def _do_poll(self) -> None:
        if self._thinking and not self._polls_while_busy:
            self.at(self.now + self._poll, self._do_poll)
            return
        self._uart("up", "get_down")
        if self._out is not None:
            self._uart("down", "error")
        elif not self._queue:
            self._uart("down", "down none")
        else:
            self._hand_out()
        self.at(self.now + self._poll, self._do_poll)

    def _hand_out(self) -> None:
        job = self._queue[0]
        text = job.parts.popleft()
        record = self._uart("down", f"down {text}")
        job.told.downs.append(record)
        job.told.stop = "not answered"
        self._out = mine = (job, text, record)
        self.at(self.now + self._answer_time, lambda: self._time_out(mine))
        if job.behaviour == "silent":
            return
        self._thinking += 1
        delay = {"late": self._answer_time + 0.3, "slow": 0.625 * self._answer_time}.get(job.behaviour, 0.01)
        self.at(self.now + delay, lambda: self._answer(mine))

    def _answer(self, mine: tuple[Job, str, Record]) -> None:
        self._thinking -= 1
        job, text, down = mine
        line, rows = self._answer_line(job, text)
        record = self._uart("up", line)
        job.told.results.append(record)
        job.told.answer_of[id(down)] = record
        if self._out is not mine:
            self._uart("down", "error")
            job.told.stop = "answered late"
            return
        if job.behaviour == "wrong":
            self._uart("down", "error")
            job.told.stop = "answered wrongly"
            return
        self._uart("down", "ok")
        self._out = None
        if job.behaviour == "error":
            job.told.stop = "refused"
            self._leave(job)
            self._reply(job, error={"code": -5001, "message": "no"})
            return
        job.rows += rows
        if job.parts:
            return
        self._leave(job)
        job.told.stop = "refused" if job.behaviour == "refuse" and job.rows else None
        if job.behaviour == "denied" and job.rows and job.peer and not job.reply_lost:
            job.told.stop = "answered wrongly"
            denied = [{key: each[key] for key in each if key != "value"} for each in job.rows]
            job.rows = [each | {"code": -4004} for each in denied]
        if job.reply_lost and job.peer and job.told.stop is None:
            job.told.stop = "reply lost"
        self._reply(job, result=self._result(job))

    def _answer_line(self, job: Job, text: str) -> tuple[str, list[dict[str, object]]]:
        words = text.split()
        if job.behaviour == "error":
            return 'error "no" -5001', []
        if job.behaviour == "wrong":
            return "result 9 9", []
        code = -4003 if job.behaviour == "refuse" else 0
        if words[0] == "get_properties":
            ids = [(int(s), int(p)) for s, p in zip(words[1::2], words[2::2], strict=True)]
            self._change()
            rows = [
                {"siid": s, "piid": p, "code": code} | ({"value": self.level + p} if not code else {})
                for s, p in ids
            ]
        elif words[0] == "set_properties":
            rows = [
                {"siid": int(s), "piid": int(p), "code": code}
                for s, p in zip(words[1::3], words[2::3], strict=True)
            ]
        elif words[0] == "action":
            rows = [{"siid": int(words[1]), "aiid": int(words[2]), "code": code}]
        else:
            self._change()
            job.out = [self.level]
            return f"result {self.level}", []
        return "result " + " ".join(str(value) for row in rows for value in row.values()), rows

    def _change(self) -> None:
        if not self._steady:
            self.level = self.level % 90 + 1

    def _result(self, job: Job) -> object:
        if job.told.method == "action":
            return {**job.rows[0], **({"out": []} if job.rows[0]["code"] == 0 else {})}
        return job.rows if job.rows else job.out

    def _time_out(self, mine: tuple[Job, str, Record]) -> None:
        if self._out is not mine:
            return
        job = mine[0]
        self._out = None
        self._leave(job)
        self._reply(job, error={"code": -9999, "message": "user ack timeout"})

    def _leave(self, job: Job) -> None:
        self._queue.remove(job)

    def _reply(self, job: Job, **body: object) -> None:
        if job.reply_lost or not job.peer:
            return
        job.told.reply = self._lan("up", {"id": job.number, **body}, job.peer)

    # --- the wires ---------------------------------------------------------------------------------------------

    def _uart(self, direction: str, text: str, note: str = "") -> Record:
        self.now += TICK
        record = Record("uart", direction, self.now, self.now, text.encode() + b"\r", note=note)
        self.records.append(record)
        return record

    def _lan(
        self, direction: str, body: object, peer: str, note: str = "", at: float | None = None
    ) -> Record:
        if at is None:
            self.now += TICK
        raw = json.dumps(body).encode() if body is not None else b""
        reading = body if isinstance(body, dict) else None
        record = Record("lan", direction, self.now if at is None else at, self.now, raw, reading, note, peer)
        self.records.append(record)
        return record


def lines_of(method: str, params: object) -> list[str]:
    """What a module makes of a request: reads of at most 16 properties, and everything else in one line."""
    if method == "get_properties":
        assert isinstance(params, list)
        ids = [f"{item['siid']} {item['piid']}" for item in params]
        return [" ".join([method, *ids[start : start + 16]]) for start in range(0, len(ids), 16)]
    if method == "set_properties":
        assert isinstance(params, list)
        return [" ".join([method, *(f"{each['siid']} {each['piid']} {each['value']}" for each in params)])]
    if method == "action":
        assert isinstance(params, dict)
        return [f"action {params['siid']} {params['aiid']}"]
    assert isinstance(params, list)
    return [f"{method} {','.join(map(json.dumps, params))}"]
