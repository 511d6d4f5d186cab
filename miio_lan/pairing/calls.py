"""What happened on the LAN: which requests belong to one command, and which reply to which request.

Goal: one command of a client is one :class:`LanCall`, however often it was sent. Clients that get no reply send again,
under the same id or under a new one. Two clients that want the same must stay two, though a tap of the LAN may see
both under one peer.

Plan: every datagram is looked at once, in the order of time.

1. A request under an id that is still unanswered is one more send of the same request. If it wants something else, two
   clients use one id, and the reply may be either's.
2. A request under a new id is a resend of an unanswered call that wants the same when it follows a client's habits: it
   goes out at once with a hello, or with the answer to such a hello, or a reply could not be read meanwhile. Of several
   such calls, it is that of the nearest lower id, for clients count up. Otherwise it is a call of its own, which
   remembers the one it may repeat all the same (``earlier``).
3. A resend is in doubt where several calls wanted the same, where a hello by itself in between shows that another
   client may have come, or where only a reply that could not be read speaks for it.
4. A reply belongs to the last request of its peer and id.

::

    10.0  hello + get 2.1, id 1     call A
    11.0  get 2.1, id 7             no hello goes along: call B, of somebody else
    12.0  hello + get 2.1, id 2     a resend, of A (1), for 2 follows 1; A and B are both in doubt
    12.1  reply to id 2             ends A
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import inf
from operator import itemgetter
from typing import NamedTuple

from miio_lan.pairing.content import Demand
from miio_lan.record import Record
from miio_lan.record.marks import BREAKS, is_mark, words_of

LONGEST_RESEND = 11.0
"""Seconds: a client that repeats a command waits no longer than this in between."""
NOT_RECORDED = "some of what crossed the LAN was not recorded"
"""What is said of whatever may have been otherwise, had an observer followed (:attr:`LanTraffic.gaps`)."""


@dataclass(eq=False)
class LanRequest:
    """A command under one id; a client may have sent it several times.

    :param demand: what it asks of the product
    :param sends: the datagrams that carried it, in order
    :param reply: the first reply to it, and ``repeated`` all others
    :param doubtful: whether two clients used this id, so that the reply may be either's
    """

    id: int
    demand: Demand
    sends: list[Record]
    reply: Record | None = None
    repeated: list[Record] = field(default_factory=list)
    doubtful: bool = False

    @property
    def first(self) -> float:
        """When it was sent first, monotonic seconds."""
        return self.sends[0].instant

    @property
    def last(self) -> float:
        """When it was sent last, monotonic seconds."""
        return self.sends[-1].instant

    @property
    def local(self) -> bool:
        """Whether the module answers it without its MCU."""
        return self.demand.method.startswith("miIO.")

    @property
    def has_result(self) -> bool:
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
        """When it was sent last, monotonic seconds."""
        return self.requests[-1].last

    def may_be_resent(self, now: float) -> bool:
        """Tell whether it may be sent again: nothing has answered it, and its client has not given up."""
        return now - self.last <= LONGEST_RESEND and all(each.reply is None for each in self.requests)


class LanTraffic(NamedTuple):
    """What crossed the LAN.

    :param calls: the commands, in the order of their beginning
    :param orphans: the replies to requests that were not seen: somebody else's, or lost ones
    :param gaps: from when to when something was not recorded, monotonic seconds, in order: an observer did not follow
    :param unreadable: the replies that could not be read, so that nobody can tell what they answer
    """

    calls: list[LanCall]
    orphans: list[Record]
    gaps: list[tuple[float, float]]
    unreadable: list[Record]

    def missing(self, start: float, end: float) -> bool:
        """Tell whether something between two instants was not recorded."""
        place = bisect_left(self.gaps, start, key=itemgetter(1))
        return place < len(self.gaps) and self.gaps[place][0] <= end


def lan_traffic(records: Iterable[Record]) -> LanTraffic:
    """Group what was sent and answered over the LAN into commands.

    This is the only place that says which requests belong to one command: pairing and rules read it here.

    :param records: in the order of time; those of other wires, and marks of a check, are passed over
    """
    grouping = _Grouping()
    for record in records:
        if record.wire == "lan" and not is_mark(record):
            grouping.feed(record)
    return grouping.traffic


def is_gap(record: Record) -> bool:
    """Tell whether a record of the LAN is the mark of something that was not recorded."""
    return not record.raw and bool(words_of(record.note) & BREAKS)


class _Grouping:
    """Reads the datagrams of all clients in the order of time; see the module for its plan."""

    def __init__(self) -> None:
        self.traffic = LanTraffic([], [], [], [])
        self._last_of: dict[str, float] = {}  # per peer, when anything of it was recorded last
        self._by_id: dict[tuple[str, int], tuple[LanCall, LanRequest]] = {}
        self._by_content: dict[tuple[str, str], list[LanCall]] = {}
        self._hello_sent = self._hello_answered = -inf
        self._hello_with_request = False  # whether a request was sent at the instant of that hello
        self._hello_alone = -inf  # the last hello without a request, but for the latest hello
        self._unreadable = -inf  # when a reply came that could not be read

    def feed(self, record: Record) -> None:
        """Take a record of the LAN."""
        reading = record.reading or {}
        if is_gap(record):
            self._gap(record)
        self._last_of[record.peer] = record.instant
        if record.note == "hello":
            self._hello(record)
        elif record.direction == "down" and isinstance(reading.get("method"), str):
            self._request(record, str(reading["method"]), reading)
        elif record.direction == "up" and ("result" in reading or "error" in reading):
            self._reply(record, reading)
        elif record.direction == "up" and record.note:
            self._unreadable = record.instant
            if record.raw:
                self.traffic.unreadable.append(record)

    def _gap(self, record: Record) -> None:
        """Note that something was lost before this mark, and after the last record of the same device."""
        since, gaps = self._last_of.get(record.peer, -inf), self.traffic.gaps
        while gaps and since <= gaps[-1][1]:  # they overlap
            since = min(since, gaps.pop()[0])
        gaps.append((since, record.instant))

    def _hello(self, record: Record) -> None:
        if record.direction == "up":
            self._hello_answered = record.instant
            return
        if not self._hello_with_request:
            self._hello_alone = self._hello_sent
        self._hello_sent, self._hello_with_request = record.instant, False

    def _request(self, record: Record, method: str, reading: Mapping[str, object]) -> None:
        number, now = reading.get("id"), record.instant
        if not isinstance(number, int):
            return
        demand = Demand.of(method, reading.get("params"))
        # At once with a hello, or with the answer to a hello that went out with a request.
        with_hello = self._hello_sent == now or (self._hello_answered == now and self._hello_with_request)
        self._hello_with_request |= self._hello_sent == now
        call, known = self._by_id.get((record.peer, number), (None, None))
        if call is not None and known is not None and call.may_be_resent(now):
            if known.demand == demand:
                known.sends.append(record)
                return
            known.doubtful = True
        doubtful = known is not None and known.doubtful
        request = LanRequest(number, demand, [record], doubtful=doubtful)
        content = (record.peer, method + json.dumps(reading.get("params"), sort_keys=True, default=str))
        same = [each for each in self._by_content.get(content, ()) if each.may_be_resent(now)]
        call = self._resent(same, number, with_hello=with_hello)
        if call is None:
            call = LanCall([], earlier=same[-1] if same else None)
            self.traffic.calls.append(call)
            self._by_content[content] = [*same, call]
        call.requests.append(request)
        self._by_id[record.peer, number] = (call, request)

    def _resent(self, same: list[LanCall], number: int, *, with_hello: bool) -> LanCall | None:
        """Find the call that a request under a new id repeats, None where it is one of its own.

        :param same: the unanswered calls that want the same, in order
        :param number: the id of the request
        """
        if not same:
            return None
        # Clients count up, by one or more.
        call = min(same, key=lambda each: ((number - each.requests[-1].id) % 2**31, -each.last))
        unreadable = self._unreadable > call.last
        if not with_hello and not unreadable:
            return None
        another_came = self._hello_alone > call.last
        if unreadable or another_came or len(same) > 1:
            for each in same:
                each.doubtful = True
        return call

    def _reply(self, record: Record, reading: Mapping[str, object]) -> None:
        number = reading.get("id")
        known = self._by_id.get((record.peer, number)) if isinstance(number, int) else None
        request = known[1] if known is not None else None
        if request is None:
            self.traffic.orphans.append(record)
        elif request.reply is None:
            request.reply = record
        else:
            request.repeated.append(record)
