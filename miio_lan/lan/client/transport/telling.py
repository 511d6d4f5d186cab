"""Handing over to an observer what crossed the wire: after the session's work, outside of its lock, in order."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from miio_lan.lan.client.wire import Told
from miio_lan.lan.payload import parse_payload

if TYPE_CHECKING:
    from miio_lan.record import Observer

_LOGGER = logging.getLogger(__name__)

#: What is done with each thing that crossed the wire.
Tell = Callable[[Told], None]

#: Things that wait to be told, from which on no command begins: the observer does not follow.
CROWDED = 500
#: Things that wait at most; what is under way goes on, and may bring more than commands are kept from.
MAX_UNTOLD = 4000


class Teller:
    """What is to be told to one observer, one thing after the other, in whichever thread has the time.

    An observer may send commands itself, may be slow, and may raise: nobody else's call hears of it. One that does not
    follow is waited for, and where it does not come back, the oldest things are lost; a mark stands in their place.

    All of it is called under the lock of the connection, but for :attr:`idle`, :meth:`tell` and :meth:`say`.
    """

    def __init__(self, tell: Tell) -> None:
        #: The thread that is at it, None for none.
        self.busy: int | None = None
        #: How many things are out of the way, told or lost.
        self.taken = 0
        self._tell = tell
        self._waiting: deque[Told] = deque()
        # Threads that wait for room; whoever was interrupted there is woken in vain.
        self._for_room: list[threading.Lock] = []
        # Somebody waited for room in vain, and nothing was told since.
        self._stuck = False
        # How many were lost that the observer does not know of, and when the last of them was.
        self._lost, self._lost_at = 0, 0.0
        self._said = False

    def again(self) -> Teller:
        """Make one for the same observer that has nothing to tell yet."""
        return Teller(self._tell)

    def add(self, told: list[Told]) -> None:
        """Take what is to be told."""
        self._waiting.extend(told)
        while len(self._waiting) > MAX_UNTOLD:
            self._lost_at = self._waiting.popleft().instant
            self._lost += 1
            self.taken += 1

    @property
    def idle(self) -> bool:
        """Whether there is nothing to tell."""
        return not self._waiting

    @property
    def is_left(self) -> bool:
        """Whether there is something to tell, and nobody is at it."""
        return self.busy is None and bool(self._waiting)

    @property
    def last(self) -> int:
        """What :attr:`taken` is when all that waits now is out of the way."""
        return self.taken + len(self._waiting)

    @property
    def crowded(self) -> bool:
        """Whether a command that begins should wait for room; not where that was in vain just now."""
        return len(self._waiting) >= CROWDED and not self._stuck

    def next(self, thread: int) -> Told | None:
        """Give a thread the next thing to tell; None where there is none, or another thread is at it, which goes on.

        Within the observer, which sends, the thread itself is at it: it goes on where it stands, in order.
        """
        if not self._waiting or self.busy not in {None, thread}:
            return None
        self.busy = thread
        self._stuck = False
        if self._lost:
            lost, self._lost = self._lost, 0
            return Told(
                "down", b"", self._lost_at, f"gap: {lost} before this were not told, for want of time"
            )
        self.taken += 1
        told = self._waiting.popleft()
        if len(self._waiting) < CROWDED:
            self._let_in()
        return told

    def leave(self) -> None:
        """Leave the rest to the next thread: nobody is at it any more."""
        self.busy = None
        self._let_in()

    @property
    def wanted(self) -> bool:
        """Whether a thread waits for room, and would go on telling."""
        return bool(self._for_room)

    def stand_by(self) -> threading.Lock:
        """Give what a thread acquires that waits for room: it is released when there is some, or nobody tells."""
        waiter = threading.Lock()
        waiter.acquire()
        self._for_room.append(waiter)
        return waiter

    def give_up(self) -> None:
        """Wait for room no more, until the observer has come back."""
        self._stuck = True
        self._let_in()

    def _let_in(self) -> None:
        waiting, self._for_room = self._for_room, []
        for waiter in waiting:
            waiter.release()

    def tell(self, told: Told) -> None:
        """Tell it; what the observer raises is logged, and goes no further."""
        try:
            self._tell(told)
        except Exception:
            _LOGGER.exception("an observer of LAN traffic failed")

    def say(self) -> None:
        """Say, once, that something was lost."""
        if self._lost and not self._said:
            self._said = True
            _LOGGER.warning(
                "an observer of LAN traffic does not follow: %s things wait for it, and what is older is lost",
                MAX_UNTOLD,
            )


def tracer(observer: Observer, peer: str) -> Tell:
    """Make the function that hands an observer one record per datagram."""
    from miio_lan.record import Record  # most programs observe nothing

    def tell(told: Told) -> None:
        reading = None
        if told.plain and not told.note:
            value = parse_payload(told.plain)
            reading = value if isinstance(value, dict) else None
        observer(
            Record(
                wire="lan",
                direction=told.direction,
                instant=told.instant,
                # Told later than it was: the time of day then was that much less.
                wall=time.time() - max(0.0, time.monotonic() - told.instant),
                raw=told.plain,
                reading=reading,
                note=told.note,
                peer=peer,
            )
        )

    return tell
