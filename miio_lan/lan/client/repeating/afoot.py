"""Copies of commands that ended without an answer to each of them: they may still arrive, and answers still come.

Copies under several ids are answered one by one. Of several under one id nobody can tell which one an answer is to.

An absolute set does no harm twice, but it does late: a copy that was delayed would undo a newer set of the same
property. So a newer one waits until older copies have been answered, or must have got lost; also those that another
object for the same device has sent.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import NamedTuple

#: Seconds after which a datagram that was sent has arrived or is lost; a LAN needs milliseconds, bad Wi-Fi a second.
UNDER_WAY = 2.0
#: Copies remembered at most.
_MAX_COPIES = 1000

Targets = frozenset[tuple[object, ...]]


def targets(method: str | None, params: object) -> Targets:
    """Tell what a command sets: pairs of siid and piid, or the one thing an older setter is for; empty for others."""
    if method == "set_properties":
        items = params if isinstance(params, Sequence) and not isinstance(params, (str, bytes)) else []
        return frozenset(
            (str(item.get("siid")), str(item.get("piid"))) for item in items if isinstance(item, Mapping)
        )
    if method is not None and method.startswith("set_"):
        return frozenset({(method,)})
    return frozenset()


class _Copy(NamedTuple):
    until: float
    targets: Targets
    again: bool


class Afoot:
    """What of the ended calls of one session may still be under way; or, of those that set, of all for one device.

    There is no lock here, for threads share the latter: each change is a single one of a dictionary.
    """

    def __init__(self) -> None:
        self._copies: dict[Hashable, _Copy] = {}

    def left(self, number: Hashable, sent: float, sets: Targets, *, again: bool = False) -> None:
        """Note a copy whose call ended without an answer to it.

        :param number: its id, or whose it is and its id
        :param sent: when it was last sent, monotonic seconds
        :param again: whether it was sent several times under that id, answered or not
        """
        # A device that is silent for days leaves many: those at the front are the oldest, nearly.
        for first, copy in self._copies.copy().items():
            if len(self._copies) < _MAX_COPIES and copy.until > sent:
                break
            self._copies.pop(first, None)
        self._copies[number] = _Copy(sent + UNDER_WAY, sets, again)

    def move(self, owner: object, other: Afoot) -> None:
        """Give the copies of one session, whose keys begin with it, to another device's."""
        for key, copy in self._copies.copy().items():
            if isinstance(key, tuple) and key[0] is owner:
                other._copies[key] = copy
                self._copies.pop(key, None)

    def answered(self, number: Hashable) -> bool:
        """Note an answer, and tell whether it was the one to such a copy, which then is under way no more."""
        copy = self._copies.get(number)
        if copy is None or copy.again:
            return False
        self._copies.pop(number, None)
        return True

    def anything(self, now: float) -> bool:
        """Tell whether anything may still be under way."""
        return self.free_at(None, now) > now

    def count(self, now: float) -> int:
        """Tell under how many ids something may still be under way."""
        return sum(copy.until > now for copy in self._copies.copy().values()) if self._copies else 0

    def free_at(self, sets: Targets | None, now: float) -> float:
        """Tell when nothing that sets one of these can be under way any more (None: nothing at all)."""
        free = now
        for number, copy in self._copies.copy().items():
            if copy.until <= now:
                self._copies.pop(number, None)
            elif copy.until > free and (sets is None or copy.targets & sets):
                free = copy.until
        return free
