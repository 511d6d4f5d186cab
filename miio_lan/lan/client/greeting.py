"""When to say hello: once, then spaced and backed off, never in a burst, which makes some devices miss commands."""

from __future__ import annotations

import math

from miio_lan.lan.client.pacing import FIRST_HELLO, MAX_HELLO
from miio_lan.lan.packet import HELLO

#: Hello replies count only this long (seconds) after a hello of ours.
REPLY_WINDOW = 10.0
#: Unanswered hellos with a virtual did before a plain one, while it is not known whether the device answers such: the
#: first time, and from then on.
POSED_FIRST, POSED = 4, 2


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
        #: Whether some hellos are plain ones, for a device that answers no others.
        self.in_doubt = False
        #: Whether one was since :meth:`pose`.
        self.was_plain = False
        self._posed = 0

    def pose(self, hello: bytes) -> None:
        """Greet by a hello with a virtual did from now on; whether the device answers such is in doubt at first."""
        self.hello = hello
        self.in_doubt, self.was_plain, self._posed = True, False, 0

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
        if self.in_doubt:
            if self._posed >= (POSED if self.was_plain else POSED_FIRST):
                self.was_plain, self._posed = True, 0
                return HELLO
            self._posed += 1
        return self.hello

    def answered(self) -> None:
        """Note an answer: the next handshake begins anew."""
        self.due, self._wait, self._posed = math.inf, 0.0, 0

    @property
    def last(self) -> float | None:
        """When the last hello went out, monotonic seconds."""
        return self._last

    def expected(self, now: float) -> bool:
        """Tell whether a hello reply may come now."""
        return self._last is not None and now - self._last <= REPLY_WINDOW
