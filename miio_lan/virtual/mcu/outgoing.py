"""What the virtual MCU has to send, and in which order: answers first, then boot reports, reports, events, polls.

One line is sent at a time; the next one waits for the reply or its time-out, as the serial document asks.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from miio_lan.uart.document import EVENTS_PER_SECOND
from miio_lan.virtual.mcu.misbehave import OutgoingLine, fitting

if TYPE_CHECKING:
    from collections.abc import Iterable

    from miio_lan.virtual.mcu.table import Iid, PropertyTable

MAX_ANSWERS = 8
"""Answers kept; a module has one downlink outstanding, so more can only come from one gone mad."""
MAX_UNSENT_EVENTS = 16
"""Events kept until their second comes; a further one is refused."""
REPORT_TRIES = 2
"""How often a report or event is sent again when the module does not reply to it at all."""
GET_DOWN = OutgoingLine("get_down")
NOW = 0.0
"""An instant that has always passed already."""


@dataclass(frozen=True)
class PendingAnswer:
    """An answer to a downlink.

    :param due: not before this instant
    :param changed: properties to report once the module has taken the answer
    :param after_reports: wait until the reports are out (a misbehaviour)
    """

    uplink: OutgoingLine
    due: float
    changed: tuple[Iid, ...] = ()
    after_reports: bool = False


class Outgoing:
    """The queues of one MCU.

    :ivar boot: reports without which it does not begin to poll; repeated until the module says ok
    :ivar asked: reports the module has asked for since; repeated likewise, between polls
    """

    def __init__(self, table: PropertyTable, poll_interval: float, retry_interval: float) -> None:
        self.boot: deque[OutgoingLine] = deque()
        self.asked: deque[OutgoingLine] = deque()
        self.answers: deque[PendingAnswer] = deque()
        self.poll_interval = poll_interval
        self.polls = True
        self._last_poll = float("-inf")
        self._table = table
        self._retry_interval = retry_interval
        self._retry_at = 0.0
        self._again: deque[OutgoingLine] = deque()
        self._dirty: dict[Iid, None] = {}
        self._events: deque[OutgoingLine] = deque()
        self._event_times: deque[float] = deque(maxlen=EVENTS_PER_SECOND)

    def answer(self, answer: PendingAnswer) -> bool:
        """Queue an answer; False when there are too many already."""
        if len(self.answers) >= MAX_ANSWERS:
            return False
        self.answers.append(answer)
        return True

    def report(self, iids: Iterable[Iid]) -> None:
        """Note properties to be reported; their value is taken when the line is written."""
        self._dirty.update(dict.fromkeys(iids))

    def event(self, uplink: OutgoingLine) -> bool:
        """Queue an event; False when the queue is full."""
        if len(self._events) >= MAX_UNSENT_EVENTS:
            return False
        self._events.append(replace(uplink, tries=REPORT_TRIES))
        return True

    def ask(self, uplink: OutgoingLine) -> None:
        """Note a report that the module asked for, once however often it asks."""
        if uplink not in self.asked and uplink not in self.boot:
            self.asked.append(uplink)

    def next(self, now: float) -> OutgoingLine | PendingAnswer | None:
        """Take what is to be sent now."""
        if self.answers and self._answer_at() <= now:
            return self.answers.popleft()
        if self.boot:
            return self.boot[0] if now >= self._retry_at else None
        if self._again:
            return self._again.popleft()
        if self.asked and now >= self._retry_at:
            return self.asked[0]
        if self._dirty:
            return self._next_report()
        if self._events and now >= self._event_at():
            self._event_times.append(now)
            return self._events.popleft()
        if self._may_poll() and now >= self._poll_at():
            self._last_poll = now
            return GET_DOWN
        return None

    def deadline(self) -> float | None:
        """When :meth:`next` will have something, None when only the other side can change that."""
        times = [self._answer_at()] if self.answers else []
        if self.boot:
            return min([*times, self._retry_at])
        if self._again or self._dirty:
            return NOW
        if self.asked:
            times.append(self._retry_at)
        if self._events:
            times.append(self._event_at())
        if self._may_poll():
            times.append(self._poll_at())
        return min(times, default=None)

    def settled(self, uplink: OutgoingLine, *, accepted: bool | None, now: float, once: bool = False) -> None:
        """Take the outcome of a line: accepted, refused, or (None) without any reply.

        :param once: boot reports are not repeated (a misbehaviour)
        """
        for queue in (self.boot, self.asked):
            if uplink in queue:
                if accepted or once:
                    queue.remove(uplink)
                else:
                    self._retry_at = now + self._retry_interval
                return
        if accepted is None and uplink.tries:
            self._again.append(replace(uplink, tries=uplink.tries - 1))

    def _next_report(self) -> OutgoingLine | None:
        while self._dirty:
            groups = [(*iid, self._table.values[iid]) for iid in self._dirty]
            uplink, _ = fitting(OutgoingLine("properties_changed", tries=REPORT_TRIES), groups)
            # A text that fits no line at all cannot be reported; it must not hold up the rest.
            done = len(uplink.groups) or 1
            self._dirty = dict.fromkeys(list(self._dirty)[done:])
            if uplink.groups:
                return uplink
        return None

    def _may_poll(self) -> bool:
        return self.polls and not self.answers

    def _poll_at(self) -> float:
        return max(NOW, self._last_poll + self.poll_interval)

    def _answer_at(self) -> float:
        head = self.answers[0]
        return float("inf") if head.after_reports and (self._dirty or self._again) else head.due

    def _event_at(self) -> float:
        full = len(self._event_times) == EVENTS_PER_SECOND
        return self._event_times[0] + 1.0 if full else NOW
