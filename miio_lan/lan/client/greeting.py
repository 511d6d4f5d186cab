"""When to say hello: once, then spaced and backed off, never in a burst, which makes some devices miss commands."""

from __future__ import annotations

import math

from miio_lan.lan.client.pacing import FIRST_HELLO, MAX_HELLO
from miio_lan.lan.packet import HELLO

#: Hello replies count only this long (seconds) after a hello of ours.
REPLY_WINDOW = 10.0


class Greeting:
    """The hellos of one session.

    :param hello: the datagram; one with a virtual did makes push-capable devices say so
    """

    def __init__(self, hello: bytes = HELLO) -> None:
        self.hello = hello
        #: When the next hello of a handshake is due, monotonic seconds.
        self.due = math.inf
        self._wait = 0.0
        self._last: float | None = None

    def begin(self, now: float) -> None:
        """Start a handshake: the first hello is due at once."""
        self.due, self._wait = now, 0.0

    def repeat(self, now: float) -> bool:
        """Schedule the next hello of a handshake after this one, and tell whether an earlier one went unanswered."""
        unanswered = self._wait > 0
        self._wait = min(MAX_HELLO, self._wait * 2) if unanswered else FIRST_HELLO
        self.due = now + self._wait
        return unanswered

    def said(self, now: float) -> bytes:
        """Note that a hello goes out now, and give it."""
        self._last = now
        return self.hello

    def answered(self) -> None:
        """Note an answer: the next handshake begins anew."""
        self.due, self._wait = math.inf, 0.0

    @property
    def last(self) -> float | None:
        """When the last hello went out, monotonic seconds."""
        return self._last

    def expected(self, now: float) -> bool:
        """Tell whether a hello reply may come now."""
        return self._last is not None and now - self._last <= REPLY_WINDOW
