"""The device's clock as seen from here, and what a change of it means.

Stamps are seconds of the device's own clock: since boot on most products, Unix time on some. A device drops,
silently, what carries a stamp too far from its clock (60 s in published firmware, less on some products), so
stamps are extrapolated on our monotonic clock and refreshed by everything authentic the device sends.

Only a clock that counts from boot tells of restarts. Unix time goes on through a restart, and jumps without one (NTP).
"""

from __future__ import annotations

import math

#: A reply that was under way for a while shows an older stamp; beyond this (seconds) the clock itself changed.
CLOCK_TOLERANCE = 3.0
#: Stamps from here on (seconds) are Unix time, of 2001 or later: no product has run for 31 years.
UNIX_TIME = 1_000_000_000
#: A stamp this far (seconds) from the clock is dropped by every device: twice the window of published firmware.
SURELY_STALE = 120.0
#: Stamps are whole seconds, so an instant reckoned from one may be this much (seconds) off.
STAMP_STEP = 1.0


class DeviceClock:
    """Offset between the device's stamps and our monotonic seconds."""

    def __init__(self) -> None:
        self._offset: float | None = None
        self._heard = 0.0
        self._booted: float | None = None
        # The last change that no restart explains: the device set its clock, or ours stood still (the computer slept).
        self._jumped = -math.inf

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
            self._offset, self._heard = offset, now
            return False
        if abs(offset - self._offset) > CLOCK_TOLERANCE:
            self._booted = self._boot(stamp, now)
            if self._booted is None:
                self._jumped = now
            self._offset, self._heard = offset, now
            return True
        # Delay on the way only ever makes the offset smaller, so the larger one is nearer the truth.
        if offset > self._offset:
            self._offset = offset
        self._heard = now
        return False

    @property
    def last(self) -> tuple[float, float] | None:
        """The clock when the device was heard last, and that instant (monotonic seconds); None before."""
        return None if self._offset is None else (self._offset + self._heard, self._heard)

    def stamp(self, now: float) -> int:
        """Extrapolate the device's clock to now; 0 where nothing is known."""
        if self._offset is None:
            return 0
        stamp = int(self._offset + now)
        return stamp if stamp > 0 else 0

    def overslept(self, now: float) -> None:
        """Note that our own clock stood still until now: the computer slept."""
        self._jumped = now

    def surely_dropped(self, sent: float, stamp: int) -> bool:
        """Tell whether what was sent at an instant cannot have been taken, as a later stamp proves.

        It can not where the device had restarted before and what was sent bears a stamp of the time before the
        restart, far from the clock the device had by then.

        :param sent: when it left us, monotonic seconds
        :param stamp: the stamp it bore
        """
        if self._offset is None or self._booted is None:
            return False
        return (
            self.steady_since(sent) and self._booted < sent and stamp - (sent + self._offset) > SURELY_STALE
        )

    @property
    def restarted(self) -> bool:
        """Whether the last change of the clock was a restart, as far as a stamp can show one."""
        return self._booted is not None

    @property
    def booted(self) -> float | None:
        """The latest instant at which that restart can have been, monotonic seconds; None where none was."""
        return self._booted

    def shows_restart(self, stamp: int, now: float) -> bool:
        """Tell whether a stamp that just arrived shows that the device restarted since it was heard last."""
        if self._offset is None or abs(stamp - now - self._offset) <= CLOCK_TOLERANCE:
            return False
        return self._boot(stamp, now) is not None

    def surely_running_since(self, instant: float) -> bool:
        """Tell whether the device has been up since before an instant (monotonic seconds), as its stamp proves."""
        steady = self.counts_from_boot and self.steady_since(instant)
        return steady and self._offset is not None and -self._offset < instant

    def steady_since(self, instant: float) -> bool:
        """Tell whether nothing between the clocks changed since an instant, except by a restart.

        Where our own clock stood still, neither a stamp nor ``life`` tells when, by that clock, a device started.
        """
        return self._jumped <= instant

    @property
    def counts_from_boot(self) -> bool:
        """Whether the stamps are seconds since boot; Unix time says nothing of restarts."""
        return self._offset is not None and self._offset + self._heard < UNIX_TIME

    def _boot(self, stamp: int, now: float) -> float | None:
        """Give the latest instant at which the restart can have been that this stamp shows; None if it shows none.

        A restart makes the clock fall, and lies after the last word of before. Anything else is a clock that was set.
        """
        fell = self._offset is not None and stamp < self._offset + now
        booted = now - stamp
        return booted if stamp < UNIX_TIME and fell and booted > self._heard - STAMP_STEP else None
