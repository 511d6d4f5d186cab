"""What happened on the LAN: which requests belong to one command, and which reply to which request."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from miio_lan.pairing.content import Demand
from miio_lan.record import Record

LONGEST_RESEND = 11.0
"""Seconds: a client that repeats a command waits no longer than this in between."""


@dataclass(eq=False)
class LanRequest:
    """A command under one id; a client may have sent it several times."""

    id: int
    peer: str
    demand: Demand
    sends: list[Record]
    reply: Record | None = None
    repeated: list[Record] = field(default_factory=list)
    doubtful: bool = False

    @property
    def first(self) -> float:
        """When it was sent first."""
        return self.sends[0].instant

    @property
    def last(self) -> float:
        """When it was sent last."""
        return self.sends[-1].instant

    @property
    def local(self) -> bool:
        """Whether the module answers it without its MCU."""
        return self.demand.method.startswith("miIO.")

    @property
    def succeeded(self) -> bool:
        """Whether it was answered with a result."""
        return self.reply is not None and "result" in (self.reply.reading or {})


@dataclass(eq=False)
class LanCall:
    """One command of one client: the requests that carried it.

    :param doubtful: whether several clients sent the same at the same time, so that a reply may be another's
    :param earlier: the unanswered command of the same client that this may repeat, though no sign of that was seen
    """

    requests: list[LanRequest]
    doubtful: bool = False
    earlier: LanCall | None = None

    @property
    def replied(self) -> LanRequest | None:
        """The request whose reply ended it: the first reply that came, be it to the first request or to a repeat."""
        answered = [(each.reply.instant, each) for each in self.requests if each.reply is not None]
        return min(answered, key=lambda each: each[0])[1] if answered else None

    @property
    def last(self) -> float:
        """When it was sent last."""
        return self.requests[-1].last

    def may_go_on(self, now: float) -> bool:
        """Tell whether it may be sent again: nothing has answered it, and its client has not given up."""
        return now - self.last <= LONGEST_RESEND and all(each.reply is None for each in self.requests)


def calls_of(records: Iterable[Record]) -> list[LanCall]:
    """Group what was sent and answered over the LAN into commands, in the order of their beginning.

    This is the only place that says which requests belong to one command: pairing and rules read it here.

    :param records: in the order of time; those of other wires are passed over
    """
    grouping = _Grouping()
    for record in records:
        if record.wire == "lan":
            grouping.feed(record)
    return grouping.calls


class _Grouping:
    """Reads the datagrams of all clients in the order of time."""

    def __init__(self) -> None:
        self.calls: list[LanCall] = []
        self._by_id: dict[tuple[str, int], tuple[LanCall, LanRequest]] = {}
        self._by_content: dict[tuple[str, str], list[LanCall]] = {}
        self._hello_sent: float | None = None
        self._hello_went_along = False
        self._hello_heard: float | None = None
        self._greeted_alone: float | None = None
        self._unreadable: float | None = None

    def feed(self, record: Record) -> None:
        """Take a record of the LAN."""
        reading = record.reading or {}
        if record.note == "hello":
            self._hello(record)
        elif record.direction == "down" and isinstance(reading.get("method"), str):
            self._request(record, str(reading["method"]), reading)
        elif record.direction == "up" and ("result" in reading or "error" in reading):
            self._reply(record, reading)
        elif record.direction == "up" and record.note:
            self._unreadable = record.instant

    def _hello(self, record: Record) -> None:
        if record.direction == "up":
            self._hello_heard = record.instant
            return
        if self._hello_sent is not None and not self._hello_went_along:
            self._greeted_alone = self._hello_sent
        self._hello_sent, self._hello_went_along = record.instant, False

    def _request(self, record: Record, method: str, reading: Mapping[str, object]) -> None:
        number = reading.get("id")
        if not isinstance(number, int):
            return
        demand = Demand.of(method, reading.get("params"))
        self._unreadable_seen(record.instant)
        known = self._by_id.get((record.peer, number))
        if known is not None and known[1].reply is None and known[0].may_go_on(record.instant):
            call, request = known
            if request.demand == demand:
                request.sends.append(record)
                self._mark_hello(record.instant)
                return
            request.doubtful = True  # two clients use one id: the reply may be either's
        fresh = LanRequest(
            number, record.peer, demand, [record], doubtful=known is not None and known[1].doubtful
        )
        content = (record.peer, _canonical(method, reading.get("params")))
        same = [each for each in self._by_content.get(content, ()) if each.may_go_on(record.instant)]
        repeated = self._repeated(same, record, number)
        self._mark_hello(record.instant)
        call = repeated or LanCall([], earlier=same[-1] if same else None)
        if repeated is None:
            self.calls.append(call)
            self._by_content[content] = [*same, call]
        call.requests.append(fresh)
        self._by_id[record.peer, number] = (call, fresh)

    def _unreadable_seen(self, now: float) -> None:
        if self._unreadable is not None and now - self._unreadable > LONGEST_RESEND:
            self._unreadable = None

    def _mark_hello(self, instant: float) -> None:
        if self._hello_sent == instant:
            self._hello_went_along = True

    def _repeated(self, same: list[LanCall], record: Record, number: int) -> LanCall | None:
        """Find the call a request under a new id repeats, among those unanswered that want the same.

        The client's habits show it: what is sent again goes out together with a hello, or at once when the reply to
        such a hello shows that the device restarted. Without that sign it is a command of its own, of somebody who
        wants the same.
        """
        if not same:
            return None
        now = record.instant
        along = self._hello_sent == now or (self._hello_heard == now and self._hello_went_along)
        # Clients count up.
        call = min(same, key=lambda each: ((number - each.requests[-1].id) % 2**31, -each.last))
        unreadable = self._unreadable is not None and self._unreadable > call.last
        if not along and not unreadable:
            return None
        # Somebody else greeted in between: it may be the first request of theirs.
        greeted = self._greeted_alone is not None and self._greeted_alone > call.last
        if unreadable or greeted or len(same) > 1:
            for each in same:
                each.doubtful = True
        return call

    def _reply(self, record: Record, reading: Mapping[str, object]) -> None:
        number = reading.get("id")
        known = self._by_id.get((record.peer, number)) if isinstance(number, int) else None
        if known is None:
            return
        request = known[1]
        if request.reply is None:
            request.reply = record
        else:
            request.repeated.append(record)


def _canonical(method: str, params: object) -> str:
    return method + json.dumps(params, sort_keys=True, default=str)
