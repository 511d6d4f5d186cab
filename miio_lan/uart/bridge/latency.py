"""How long something took, many times over, in little memory."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from itertools import accumulate

_BIN = 5e-6
_BINS = 4000  # up to 20 ms; what takes longer is counted in the last one


class Latency:
    """Counts durations in bins of 5 microseconds."""

    def __init__(self) -> None:
        self._bins = array("Q", bytes(8 * _BINS))
        #: How many there were.
        self.count = 0
        #: Their sum, in seconds.
        self.total = 0.0
        #: The longest, in seconds.
        self.worst = 0.0

    def add(self, seconds: float) -> None:
        """Count a duration."""
        self.count += 1
        self.total += seconds
        if seconds > self.worst:
            self.worst = seconds
        place = int(seconds / _BIN)
        self._bins[place if 0 <= place < _BINS else -1 if place > 0 else 0] += 1

    @property
    def mean(self) -> float:
        """Their mean in seconds, 0 where there were none."""
        return self.total / self.count if self.count else 0.0

    def percentile(self, share: float) -> float:
        """Give the seconds that this share of the durations does not exceed, 5 microseconds more or less.

        :param share: 0.5 for the median
        """
        place = bisect_left([*accumulate(self._bins)], max(share * self.count, 1))
        return min(self.worst, (place + 1) * _BIN)

    def __str__(self) -> str:
        if not self.count:
            return "nothing was forwarded"
        return (
            f"median {self.percentile(0.5) * 1000:.3f} ms, 99 % {self.percentile(0.99) * 1000:.3f} ms, "
            f"worst {self.worst * 1000:.3f} ms"
        )
