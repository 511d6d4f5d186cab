"""Whose turn it is with one device, among all the objects of a process that speak to it.

A device is one, however many objects stand for it: what several of them send at the same time gets lost, or is
answered by "busy". So all sessions with one device share one :class:`CommandQueue`. A command stands in it from its
begin to its end; the first may go out, or the first few, as far as all who stand there allow it. A handshake needs no
turn.

There is no lock here, for blocking and asyncio faces share a line: it is one list, and each change of it is a single
append or remove. Who is interrupted, or ends without a word, is passed over when his time is up.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from miio_lan.lan.client.call import Call
from miio_lan.lan.client.repeating.afoot import UNDER_WAY, Afoot

#: Seconds after its deadline when a command does not stand in the way of others any more, even if nobody ended it.
PASSED_OVER = 1.0
#: Seconds to the next look of who stands in a line, should nobody tell him that his turn has come.
LOOK = 0.2


class QueuePlace(NamedTuple):
    """The place of a command in a line.

    :param session: whose command it is
    :param limit: how many commands that session would have under way at one time
    :param caller: who waits for it (a thread, a task), where that is known
    :param wake: tells that session to look whether its turn has come; from any thread, without waiting for anything
    :param gone: tells whether nobody will end it any more, before its time is up: its event loop is closed
    """

    call: Call
    session: object
    limit: int
    caller: object
    wake: Callable[[], None] | None
    gone: Callable[[], bool] | None = None

    def is_over(self, now: float) -> bool:
        """Tell whether it stands in nobody's way any more; one that was left alone does while it may be under way."""
        if self.call.done or now > self.call.deadline + PASSED_OVER:
            return True
        return self.gone is not None and self.gone() and now > self.call.last_sent + UNDER_WAY


class CommandQueue:
    """The commands to one device that are open, in the order of their begin."""

    def __init__(self) -> None:
        self._places: list[QueuePlace] = []
        #: Copies of ended sets that may still be under way, of all sessions.
        self.sets_afoot = Afoot()

    def __len__(self) -> int:
        return len(self._places)

    def join(self, place: QueuePlace) -> None:
        """Let a command stand in line."""
        self._places.append(place)

    def leave(self, call: Call) -> QueuePlace | None:
        """Take a command out, and wake those whose turn may have come; give the place it had."""
        own = self._place_of(call)
        if own is None:
            return None
        self._drop(own)
        if not self._places:
            return own
        room = own.limit
        for place in tuple(self._places):
            if room <= 0:
                break
            room -= 1
            # Its own session looks by itself.
            if not place.call.active and place.session is not own.session and place.wake is not None:
                place.wake()
        return own

    def may_go(self, call: Call, now: float) -> bool:
        """Tell whether it is a command's turn; one that stands in no line may always go."""
        places = tuple(self._places)
        if len(places) == 1:
            return places[0].call is call or self._place_of(call) is None
        own = self._place_of(call)
        if own is None:
            return True
        ahead, limit = 0, own.limit
        for place in places:
            if place is own:
                break
            if place.is_over(now):
                self._drop(place)
            elif place.session is own.session or place.caller is None or place.caller != own.caller:
                ahead, limit = ahead + 1, min(limit, place.limit)
            # Else it belongs to who waits for this one (an observer sends): it will not end before.
        return ahead < limit

    def free_at(self, call: Call, now: float) -> float:
        """Tell when a set may go out first: not while an older one of the same property may still be under way.

        Whose session it was hears of its end; others look again.
        """
        free = self.sets_afoot.free_at(call.targets, now)
        if len(self._places) > 1 and (own := self._place_of(call)) is not None:
            for place in tuple(self._places):
                if place is own:
                    break
                if self._is_older_set(place, own, now):
                    free = max(free, place.call.deadline)
        return min(free, now + LOOK)

    @staticmethod
    def _is_older_set(place: QueuePlace, own: QueuePlace, now: float) -> bool:
        """Tell whether another session has a set of the same property open, other than one that waits for this one."""
        waits = place.caller is not None and place.caller == own.caller
        older = (
            place.call.active and place.session is not own.session and not waits and not place.is_over(now)
        )
        return older and bool(place.call.targets & own.call.targets)

    def _place_of(self, call: Call) -> QueuePlace | None:
        for place in tuple(self._places):
            if place.call is call:
                return place
        return None

    def _drop(self, place: QueuePlace) -> None:
        try:  # noqa: SIM105 - a context manager costs more than all the rest here
            self._places.remove(place)
        except ValueError:
            pass  # somebody else was faster
