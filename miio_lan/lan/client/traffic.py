"""Whose turn it is when one machine talks to many devices: in order for each, fair among all, not all at once.

What answers at once arrives at once, and a socket holds some hundred datagrams. So there are two limits on what may be
under way: first hellos to devices that have to be greeted, and commands to others. Who gets no answer takes a place for
a moment only: of a thousand silent devices no other device hears anything.

::

    add(lane, call)     a call waits in its lane, behind those to the same device
    released(now)       the calls whose turn it is; lanes take turns, call by call
    heard, ended        places become free
    deadline            when released() has to be looked at again, though nothing happened
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

from miio_lan.errors import DeviceTimeout
from miio_lan.lan.client.call import Call
from miio_lan.lan.client.session import Session

#: Commands under way at one time: their replies, 1.5 KB of memory each, fit the buffer we ask for, and wait in it for
#: some 40 ms at most, less than it takes to send a read again.
MAX_COMMANDS = 384
#: Devices greeted at one time. The default buffer of a Linux socket held 256 replies.
MAX_GREETINGS = 200
#: Seconds after which what was not answered takes no place any more.
COMMAND_HOLDS = 1.0
GREETING_HOLDS = 0.25
#: By this share the seconds differ, so that what began at one time does not go on at one time for ever.
_JITTER = 0.2


class Slots:
    """A limited number of places, each held until it is given back, or for some seconds.

    :param limit: how many there are
    :param holds: seconds, about
    """

    def __init__(self, limit: int, holds: float, rng: random.Random) -> None:
        self.limit = limit
        self._holds = holds
        self._rng = rng
        self._held: dict[Hashable, float] = {}
        # Entries stay until they are the first and over, or given back.
        self._order: list[tuple[float, int, Hashable]] = []
        self._count = itertools.count()

    def free(self, now: float) -> bool:
        """Tell whether there is a place."""
        self._tidy(now)
        return len(self._held) < self.limit

    def take(self, holder: Hashable, now: float) -> None:
        """Give a place to somebody."""
        until = now + self._holds * (1 + _JITTER * (2 * self._rng.random() - 1))
        self._held[holder] = until
        heapq.heappush(self._order, (until, next(self._count), holder))

    def give_back(self, holder: Hashable) -> None:
        """Take a place back; nothing happens where it is not held any more."""
        self._held.pop(holder, None)

    def holds(self, holder: Hashable, now: float) -> bool:
        """Tell whether somebody has a place."""
        self._tidy(now)
        return holder in self._held

    @property
    def next_free(self) -> float | None:
        """When to look again whether a place is free, though nobody gave one back; None where all are."""
        return self._order[0][0] if self._order else None

    def _tidy(self, now: float) -> None:
        while self._order:
            until, _, holder = self._order[0]
            if self._held.get(holder) == until:
                if until > now:
                    return
                del self._held[holder]
            heapq.heappop(self._order)


class Lane:
    """The calls to one device.

    :param session: the rules for it; calls are begun with it when their turn has come
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        #: Calls that are not begun, in order.
        self.waiting: list[Call] = []
        #: Commands that are begun and have not ended.
        self.under_way = 0
        #: Whether it took a place among those that are greeted.
        self.greeted = False
        #: Whether it stands in a line.
        self.in_line = False

    @property
    def ready(self) -> bool:
        """Whether its next call may begin, as far as this device is concerned."""
        if not self.waiting:
            return False
        return self.waiting[0].method is None or self.under_way < self.session.max_in_flight

    @property
    def deadline(self) -> float | None:
        """When :meth:`overdue` has to be looked at, monotonic seconds."""
        return min((call.deadline for call in self.waiting), default=None)


AnyLane = TypeVar("AnyLane", bound=Lane)


class Traffic(Generic[AnyLane]):
    """All that is under way from one machine, or waits for that.

    :param max_commands: commands under way at one time
    :param max_greetings: devices greeted at one time
    """

    def __init__(
        self, rng: random.Random, *, max_commands: int = MAX_COMMANDS, max_greetings: int = MAX_GREETINGS
    ) -> None:
        self._commands = Slots(max_commands, COMMAND_HOLDS, rng)
        self._greetings = Slots(max_greetings, GREETING_HOLDS, rng)
        self._known: deque[AnyLane] = deque()
        self._to_greet: deque[AnyLane] = deque()

    def add(self, lane: AnyLane, call: Call, now: float) -> None:
        """Let a call wait for its turn; a handshake comes before the commands to its device."""
        if call.method is None:
            lane.waiting.insert(0, call)
        else:
            lane.waiting.append(call)
        self._line_up(lane, now)

    def admit(self, lane: AnyLane, call: Call, now: float) -> bool:
        """Tell whether a command may begin at once, without waiting in a line; then it is under way."""
        if self._known or lane.waiting or call.method is None or lane.session.must_greet(now):
            return False
        if lane.under_way >= lane.session.max_in_flight or not self._commands.free(now):
            return False
        lane.under_way += 1
        self._commands.take(call, now)
        return True

    @property
    def idle(self) -> bool:
        """Whether nobody waits for a turn."""
        return not (self._known or self._to_greet)

    def released(self, now: float) -> list[tuple[AnyLane, Call]]:
        """Give the calls to begin now."""
        found = []
        while self._known and self._commands.free(now):
            lane = self._known.popleft()
            if lane.ready and self._greets(lane, now):
                self._to_greet.append(lane)
            elif call := self._next_of(lane):
                self._commands.take(call, now)
                found.append((lane, call))
                self._line_up(lane, now)
        while self._to_greet and (self._greetings.free(now) or self._greetings.holds(self._to_greet[0], now)):
            lane = self._to_greet.popleft()
            if call := self._next_of(lane):
                lane.greeted = True
                self._greetings.take(lane, now)
                found.append((lane, call))
                self._line_up(lane, now)
        return found

    def heard(self, lane: AnyLane) -> None:
        """Note that something came from a device."""
        if lane.greeted:
            lane.greeted = False
            self._greetings.give_back(lane)

    def ended(self, lane: AnyLane, call: Call, now: float) -> None:
        """Note that a call ended that had been begun."""
        if call.method is not None:
            lane.under_way -= 1
            self._commands.give_back(call)
        self._line_up(lane, now)

    def withdraw(self, lane: AnyLane, call: Call) -> bool:
        """Take a call back that has not begun; tell whether it was there."""
        if call not in lane.waiting:
            return False
        lane.waiting.remove(call)
        return True

    def overdue(self, lane: AnyLane, now: float) -> list[Call]:
        """End the calls to a device whose time is over before their turn came, and give them."""
        over = [call for call in lane.waiting if now >= call.deadline]
        for call in over:
            lane.waiting.remove(call)
            why = "earlier ones to this device" if lane.under_way else "too many to other devices"
            call.error = DeviceTimeout(
                f"{lane.session.peer} was not asked {call.method or 'by a hello'} within "
                f"{now - call.started:.1f} s, because {why} had not ended",
                method=call.method,
                sent=0,
                elapsed=now - call.started,
                asked=False,
            )
            call.done = True
        return over

    @property
    def deadline(self) -> float | None:
        """When a place will be free for somebody who waits, monotonic seconds; None where nobody waits."""
        due = None
        if self._known:
            due = self._commands.next_free
        if self._to_greet and (free := self._greetings.next_free) is not None:
            due = free if due is None else min(due, free)
        return due

    def _greets(self, lane: AnyLane, now: float) -> bool:
        return lane.waiting[0].method is None or lane.session.must_greet(now)

    def _line_up(self, lane: AnyLane, now: float) -> None:
        if lane.ready and not lane.in_line:
            lane.in_line = True
            (self._to_greet if self._greets(lane, now) else self._known).append(lane)

    def _next_of(self, lane: AnyLane) -> Call | None:
        """Take the next call of a lane that stood first in its line; None where it has none any more."""
        lane.in_line = False
        if not lane.ready:
            return None
        call = lane.waiting.pop(0)
        lane.under_way += call.method is not None
        return call
