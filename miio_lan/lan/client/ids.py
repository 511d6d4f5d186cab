"""Message ids: 31 bits, never 0, random start, small random steps.

Devices ignore, silently, ids they saw lately, whoever used them; counters that start at 1 therefore collide with the
phone app and with earlier runs, and id 0 is never answered by some products. Source: observed.
"""

from __future__ import annotations

import random

MAX_ID = 0x7FFF_FFFF
_MAX_STEP = 16


class IdSource:
    """Gives each request its id.

    :param start_id: the id to count on from; 0 for a random start
    """

    def __init__(self, start_id: int, rng: random.Random) -> None:
        self._rng = rng
        self.last = start_id & MAX_ID
        #: How many ids were given.
        self.given = 0
        self._step = 1
        self._fresh = self.last == 0

    def next(self) -> int:
        """Give an id no request of this source had for a long while."""
        self.given += 1
        if self._fresh:
            self._fresh = False
            self.last = self._rng.randrange(1, MAX_ID + 1)
            return self.last
        self.last += self._step
        self._step = 1 + int(self._rng.random() * _MAX_STEP)  # a sixth of what randint costs
        if self.last > MAX_ID:
            self.last = self.last - MAX_ID
        return self.last
