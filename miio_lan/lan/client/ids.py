"""Message ids: 31 bits, never 0, random start, small random steps.

Devices ignore, silently, ids they saw lately, whoever used them; counters that start at 1 therefore collide with the
phone app and with earlier runs, and id 0 is never answered by some products. Source: observed.
"""

from __future__ import annotations

import os
import random

MAX_ID = 0x7FFF_FFFF
#: Steps are 1 to 16. Drawn by bits, one costs a sixth of what ``randint`` takes.
_STEP_BITS = 4
#: An id that lies this far behind the last one belongs to no request that anybody still waits for.
_LATELY = 1 << 20

#: For all sessions that are given none: a generator takes more memory than the rest of a session.
SHARED = random.Random()
if hasattr(os, "register_at_fork"):  # not on every system
    os.register_at_fork(after_in_child=SHARED.seed)


class IdSource:
    """Gives each request its id.

    :param start_id: the id to count on from; 0 for a random start
    """

    def __init__(self, start_id: int, rng: random.Random) -> None:
        self._rng = rng
        self.last = start_id & MAX_ID
        #: How many ids went out to the device; whoever sends one under which nothing went out before counts it.
        self.gone = 0
        self._step = 1
        self._fresh = self.last == 0

    def next(self) -> int:
        """Give an id no request of this source had for a long while."""
        if self._fresh:
            self._fresh = False
            self.last = self._rng.randrange(1, MAX_ID + 1)
            return self.last
        number = self.last + self._step
        self._step = self._rng.getrandbits(_STEP_BITS) + 1
        self.last = number = number if number <= MAX_ID else number - MAX_ID
        return number

    def may_have_given(self, number: int | None) -> bool:
        """Tell whether an id may be one that was given of late."""
        return number is not None and 0 < number <= MAX_ID and (self.last - number) % MAX_ID < _LATELY
