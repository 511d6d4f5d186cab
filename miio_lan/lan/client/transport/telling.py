"""Handing over to an observer what crossed the wire: after the session's work, outside of its lock, in order."""

from __future__ import annotations

import logging
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


class Teller:
    """What is to be told to one observer, one thing after the other, in whichever thread has the time.

    An observer may send commands itself, may be slow, and may raise: nobody else's call hears of it.
    """

    def __init__(self, tell: Tell) -> None:
        #: The thread that is at it, None for none. Written under the lock of the connection, as :meth:`next` is called.
        self.busy: int | None = None
        self._tell = tell
        self._waiting: deque[Told] = deque()

    def again(self) -> Teller:
        """Make one for the same observer that has nothing to tell yet."""
        return Teller(self._tell)

    def add(self, told: list[Told]) -> None:
        """Take what is to be told."""
        self._waiting.extend(told)

    @property
    def idle(self) -> bool:
        """Whether there is nothing to tell."""
        return not self._waiting

    def next(self, thread: int) -> Told | None:
        """Give a thread the next thing to tell; None where there is none, or another thread is at it, which goes on.

        Within the observer, which sends, the thread itself is at it: it goes on where it stands, in order.
        """
        if not self._waiting or self.busy not in {None, thread}:
            return None
        self.busy = thread
        return self._waiting.popleft()

    def tell(self, told: Told) -> None:
        """Tell it; what the observer raises is logged, and goes no further."""
        try:
            self._tell(told)
        except Exception:
            _LOGGER.exception("an observer of LAN traffic failed")


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
