"""Whether the MCU has started, as what it says of itself tells: it owes no answer to anything from before then.

Goal: what was handed out before a start is never answered, so that no later answer can be to it. But model and version
are said at other times, too: when the module asks for them, and by some MCUs again and again while they are refused,
in the middle of their work. Taken for a start, such a line would hand a late answer to the wrong command.

Plan: a line that tells the model or the version is the sign of a start if the module takes it, if nothing that may
have asked for it was handed out right before, and if it is not said once more because it was not taken. Said
once more with nothing in between, it is what it was the first time: an MCU that starts before its module does so. A
question for the model is no sign, nor is ``ble_config``, which is said long after a start (observed).

::

    model a.b.c         -> error        not taken, so far no sign
    model a.b.c         -> ok           said again with nothing in between: the sign of a start
    mcu_version 0001    -> error        not taken
    get_down            -> down none
    mcu_version 0001    -> ok           said again in the middle of its work: no sign

Used by the conversation alone. No I/O and no clock.
"""

from __future__ import annotations

from math import inf

from miio_lan.uart.commands import Model
from miio_lan.uart.document import IDENTITY_REQUESTS
from miio_lan.uart.turns import Downlink, Turn

IDENTITY_TIME = 5.0
"""Seconds in which what an MCU says of itself is the answer to a request for it, not the sign of a start."""
IDENTITY_WORDS = frozenset(IDENTITY_REQUESTS.values())
"""What an MCU says when it starts, and knows nothing of the time before."""


class Starts:
    """Follows what an MCU says of itself, and what asked for that."""

    def __init__(self) -> None:
        #: The line that is the sign of a start if the module takes it.
        self.sign: Turn | None = None
        self._requests: dict[str, Downlink] = {}  # by the word that answers them
        self._requested = -inf
        self._last: dict[str, Turn] = {}  # by its word

    def request(self, downlink: Downlink) -> None:
        """Take what was handed out: it may ask who the MCU is."""
        if (word := IDENTITY_REQUESTS.get(downlink.command.method)) is not None:
            self._requests[word] = downlink
            self._requested = downlink.instant

    def tell(self, turn: Turn, *, unseen: float) -> None:
        """Take what the MCU says of itself, and find the request for it.

        :param unseen: when the MCU last asked for work and what it got was not seen, monotonic seconds
        """
        if isinstance(turn.command, Model) and turn.command.name is None:
            return  # it asks, and does not tell
        request = self._requests.pop(turn.word, None)
        if request is not None and turn.instant - request.instant <= IDENTITY_TIME:
            turn.request = request
        unasked = turn.instant - max(self._requested, unseen) > IDENTITY_TIME
        self.sign = turn if unasked and self._is_said_first(turn) else None
        self._last[turn.word] = turn

    def _is_said_first(self, turn: Turn) -> bool:
        """Tell whether it is not said once more because it was not taken, or is so with nothing in between."""
        last = self._last.get(turn.word)
        if last is None or last.text != turn.text or last.accepted:
            return True
        return last is self.sign and last.number + 1 == turn.number
