"""The device's clock as seen from here, and what a change of it means.

Stamps are seconds of the device's own clock: since boot on most products, Unix time on some. A device drops,
silently, what carries a stamp too far from its clock (60 s in published firmware, less on some products), so
stamps are extrapolated on our monotonic clock and refreshed by everything authentic the device sends.
"""

from __future__ import annotations

#: A reply that was under way for a while shows an older stamp; beyond this (seconds) the clock itself changed.
CLOCK_TOLERANCE = 3.0


class DeviceClock:
    """Offset between the device's stamps and our monotonic seconds."""

    def __init__(self) -> None:
        self._offset: float | None = None

    @property
    def known(self) -> bool:
        """Whether a stamp was ever seen."""
        return self._offset is not None

    def observe(self, stamp: int, now: float) -> bool:
        """Take a stamp that just arrived.

        :returns: whether the clock differs from what it should have been: the device restarted, or set its clock
        """
        offset = stamp - now
        if self._offset is None:
            self._offset = offset
            return False
        if abs(offset - self._offset) > CLOCK_TOLERANCE:
            self._offset = offset
            return True
        # Delay on the way only ever makes the offset smaller, so the larger one is nearer the truth.
        self._offset = max(self._offset, offset)
        return False

    def stamp(self, now: float) -> int:
        """Extrapolate the device's clock to now; 0 where nothing is known."""
        if self._offset is None:
            return 0
        return max(0, int(self._offset + now))

    def surely_running_since(self, instant: float) -> bool:
        """Tell whether the device has been up since before ``instant`` (monotonic seconds), as its stamp proves."""
        return self._offset is not None and -self._offset < instant
