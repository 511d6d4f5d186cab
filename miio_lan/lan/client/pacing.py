"""When to send again: a smoothed round-trip estimate with back-off (the rule of RFC 6298, on a LAN's scale).

That rule alone cuts it fine: of a device that always takes 150 ms the deviation shrinks to nothing, and every jitter
would cause a needless resend. So the slowest of the last hundred answers or so, and a quarter more, is waited for, too.
A device whose MCU fetches commands every 200 ms is covered by it, and one that takes 5 ms is not made to wait.
"""

from __future__ import annotations

#: Seconds before the first resend of something never timed yet: most MCUs need a quarter of a second, some two.
INITIAL_RESEND = 2.5
#: The same for what the Wi-Fi module answers by itself, in milliseconds.
INITIAL_RESEND_MODULE = 1.0
#: Never resend sooner what was never timed: an MCU behind its module often takes 60 to 250 ms.
MIN_RESEND_UNTIMED = 0.2
#: Never resend sooner.
MIN_RESEND = 0.1
#: Longest wait (seconds) between two sends of one command.
MAX_RESEND = 10.0
#: Seconds to the first repetition of an unanswered hello; doubled each time, up to ``MAX_HELLO``.
FIRST_HELLO = 0.3
MAX_HELLO = 4.0

_MODULE_METHODS = "miIO."
_GAIN = 1 / 8
_DEVIATION_GAIN = 1 / 4
#: How fast the slowest answer is forgotten, and how much longer than it the next one may take.
_SLOWEST_GAIN = 1 / 64
_SLOWEST_MARGIN = 1.25
#: Methods timed separately, at most; a device answers some in 5 ms and others in 5 s.
_MAX_METHODS = 256


class RoundTrip:
    """Smoothed round-trip time of one kind of request.

    :param first: seconds that one took
    """

    __slots__ = ("_deviation", "_slowest", "_smoothed", "resend_after")

    def __init__(self, first: float) -> None:
        self._smoothed = self._slowest = first
        self._deviation = first / 2
        #: Seconds after which an answer is overdue.
        self.resend_after = max(MIN_RESEND, first * 3)

    def observe(self, seconds: float) -> None:
        """Take one measured round trip."""
        smoothed, deviation, slowest = self._smoothed, self._deviation, self._slowest
        off = seconds - smoothed
        deviation += _DEVIATION_GAIN * (abs(off) - deviation)
        smoothed += _GAIN * off
        slowest += _SLOWEST_GAIN * (smoothed - slowest)
        if seconds > slowest:
            slowest = seconds
        self._smoothed, self._deviation, self._slowest = smoothed, deviation, slowest
        usual, slow = smoothed + 4 * deviation, slowest * _SLOWEST_MARGIN
        wanted = usual if usual > slow else slow
        self.resend_after = wanted if wanted > MIN_RESEND else MIN_RESEND


class RoundTrips:
    """Round-trip estimates of one device, per method."""

    def __init__(self) -> None:
        self._by_method: dict[str, RoundTrip] = {}

    def observe(self, method: str, seconds: float) -> None:
        """Take the time one unambiguous request of this method took."""
        known = self._by_method.get(method)
        if known is not None:
            known.observe(seconds)
        elif len(self._by_method) < _MAX_METHODS:
            self._by_method[method] = RoundTrip(seconds)

    def resend_after(self, method: str, timeout: float) -> float:
        """Seconds to wait before the first resend: never beyond an attempt, and never below the minimum."""
        known = self._by_method.get(method)
        if known is None:
            wanted = INITIAL_RESEND_MODULE if method.startswith(_MODULE_METHODS) else INITIAL_RESEND
            return max(MIN_RESEND_UNTIMED, min(wanted, timeout))
        wanted = known.resend_after
        return wanted if wanted <= timeout else max(MIN_RESEND, timeout)
