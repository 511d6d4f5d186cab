"""Whether the computer slept, where its monotonic clock does not show it.

On Linux and macOS that clock stands still in sleep, while a device's goes on: a stamp reckoned with it is then too old
by as long as the computer slept, and the device drops it. Each of the two has another clock, which goes on. On Windows
the monotonic clock goes on itself. Source: clock_gettime(2) of Linux and of macOS; Python's documentation of ``time``.
"""

from __future__ import annotations

import sys
import time

#: Seconds below which it is no sleep: the two clocks are not read at the same instant.
_SHORTEST_SLEEP = 1.0


def _other_clock() -> int | None:
    if sys.platform == "linux":
        return time.CLOCK_BOOTTIME
    if sys.platform == "darwin":
        return time.CLOCK_MONOTONIC  # Python's own monotonic clock there is another
    return None


_OTHER = _other_clock()


def asleep() -> float:
    """Give the seconds that the computer slept so far, as far as the monotonic clock left them out."""
    return 0.0 if _OTHER is None else time.clock_gettime(_OTHER) - time.monotonic()


class Sleep:
    """Notices that the computer slept."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known = asleep()

    def over(self) -> bool:
        """Tell, once, whether the computer slept since this was asked last, or made."""
        found = asleep()
        if abs(found - self._known) < _SHORTEST_SLEEP:
            return False
        self._known = found
        return True
