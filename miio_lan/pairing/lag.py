"""Whether all that was said before a reply has been recorded: the receivers of a line report late, each in its time.

Goal: while records still come in, an exchange counts as closed only when no line that is recorded later can explain
its reply better.

Example: another client (B) reads the same property as we (A). B's lines are recorded, ours not yet, and A has its
reply::

    LAN       A asks ............................ A's reply
    line          B's down, result, ok  A's down, result, ok
    recorded  ----------------------> up to here

B's downlink fits, and its answer has the same value. It is matched with A until ours is recorded.

Plan: the lines of one direction are recorded in their order. So when a line after the reply, by more than the stamps
of two receivers may differ, is recorded in each direction, all that was said before the reply is known
(:func:`told_beyond`). Until then another downlink is possible, unless the MCU cannot have fetched one: between the
matched one and the reply it would have had to ask for work once more, sooner than it ever did (:func:`fetched_last`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise

from miio_lan.pairing.candidates import SKEW
from miio_lan.record import Record


def told_beyond(instant: float, records: Iterable[Record], directions: Collection[str]) -> bool:
    """Tell whether all that was said on a line until an instant has been recorded.

    :param instant: seconds, by the same clock as the records' instants
    :param records: those of the line, in any order
    :param directions: the directions of the line that are heard
    """
    left = set(directions)
    for record in records:
        if record.instant > instant + SKEW:
            left.discard(record.direction)
        if not left:
            break
    return not left


def fetched_last(down: float, reply: float, polls: Sequence[float]) -> bool:
    """Tell whether the MCU fetched no other downlink between one that was handed out and a reply.

    It asks for work again after the shortest interval it was seen to keep, not sooner.

    :param down: when the downlink was handed out
    :param reply: when the reply came
    :param polls: when the MCU asked for work, in order
    """
    shortest = min((later - earlier for earlier, later in pairwise(polls)), default=0.0)
    return reply - down + SKEW < shortest
