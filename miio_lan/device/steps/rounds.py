"""When each of many devices is asked again: at a steady pace, and ever more rarely while it is silent."""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterable

#: The longest pause (seconds) before a silent device is asked again, or one pace where that is longer.
MAX_PAUSE = 600.0
#: Pauses are doubled so often at most; beyond that they are too long for any use.
_MAX_DOUBLINGS = 30
#: By this share the pauses of silent devices differ, so that they do not come back all at one time.
JITTER = 0.2


class Rounds:
    """The questions to many devices, by their names.

    :param every: seconds from one question to a device to the next one
    :param now: when the first round begins, monotonic seconds
    """

    def __init__(self, names: Iterable[str], every: float, now: float, rng: random.Random) -> None:
        self._every = every
        self._rng = rng
        self._silent: dict[str, int] = {}
        self._asked: dict[str, float] = {}
        self._due = [(now, place, name) for place, name in enumerate(names)]
        self._places = {name: place for _, place, name in self._due}

    @property
    def deadline(self) -> float | None:
        """When the next device is to be asked, monotonic seconds; None while all that there are are being asked."""
        return self._due[0][0] if self._due else None

    def ready(self, now: float) -> list[str]:
        """Give the devices to ask now."""
        found = []
        while self._due and self._due[0][0] <= now:
            due, _, name = heapq.heappop(self._due)
            self._asked[name] = due
            found.append(name)
        return found

    def ended(self, name: str, now: float, *, silent: bool) -> None:
        """Note how a question ended, and plan the next one: a pace after this one was due, or after a pause.

        :param silent: whether the device did not answer
        """
        due = self._asked.pop(name) + self._every
        if silent:
            doublings = self._silent[name] = min(self._silent.get(name, 0) + 1, _MAX_DOUBLINGS)
            pause = min(self._every * 2**doublings, max(MAX_PAUSE, self._every))
            due = now + pause * (1 + JITTER * (2 * self._rng.random() - 1))
        else:
            self._silent.pop(name, None)
            if due < now:  # it took longer than a pace: what was missed is not made up for
                due = now
        heapq.heappush(self._due, (due, self._places[name], name))
