"""When to send again: a smoothed round-trip estimate with back-off (the rule of RFC 6298, on a LAN's scale)."""

from __future__ import annotations

#: Seconds before the first resend of something never timed yet: most MCUs need a quarter of a second, some two.
INITIAL_RESEND = 2.5
#: The same for what the Wi-Fi module answers by itself, in milliseconds.
INITIAL_RESEND_MODULE = 1.0
#: Never resend sooner: an MCU behind its module often takes 60 to 250 ms.
MIN_RESEND = 0.2
#: Longest wait (seconds) between two sends of one command.
MAX_RESEND = 10.0
#: Seconds to the first repetition of an unanswered hello; doubled each time, up to ``MAX_HELLO``.
FIRST_HELLO = 0.3
MAX_HELLO = 4.0

_MODULE_METHODS = "miIO."
_GAIN = 1 / 8
_DEVIATION_GAIN = 1 / 4
#: Methods timed separately, at most; a device answers some in 5 ms and others in 5 s.
_MAX_METHODS = 256


class RoundTrip:
    """Smoothed round-trip time of one kind of request."""

    __slots__ = ("_deviation", "_smoothed")

    def __init__(self, first: float) -> None:
        self._smoothed = first
        self._deviation = first / 2

    def observe(self, seconds: float) -> None:
        """Take one measured round trip."""
        self._deviation += _DEVIATION_GAIN * (abs(seconds - self._smoothed) - self._deviation)
        self._smoothed += _GAIN * (seconds - self._smoothed)

    @property
    def resend_after(self) -> float:
        """Seconds after which an answer is overdue."""
        return self._smoothed + 4 * self._deviation


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
        if known is not None:
            wanted = known.resend_after
        else:
            wanted = INITIAL_RESEND_MODULE if method.startswith(_MODULE_METHODS) else INITIAL_RESEND
        return max(MIN_RESEND, min(wanted, timeout))
