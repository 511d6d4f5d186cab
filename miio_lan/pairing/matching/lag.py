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

A receiver that was kept from reading stamps what it then finds too late: :func:`longest_stall` says by how much.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterable, Sequence
from itertools import pairwise
from statistics import median

from miio_lan.pairing.matching.candidates import SKEW
from miio_lan.record import Record
from miio_lan.uart.conversation import Conversation
from miio_lan.uart.turns import STALL

LONG_PAUSE = 2.5
"""Times the usual interval between two questions for work: a longer silence is none of the MCU's."""
LAST_POLLS = 50
"""Questions for work that tell the usual interval."""


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


def longest_stall(uart: Conversation, replied: float) -> float:
    """Give for how long after a reply the lines that led to it may have been read, seconds.

    That is :data:`~miio_lan.uart.turns.STALL`; but where nothing at all was read since the reply, for longer than the
    MCU ever keeps silent, the reader was kept from reading until then, however long that was, and read what it found.

    ::

        LAN       A asks        A's reply
        line      B's lines  A's down, result, ok    B's down, result, ok
        read      B's lines  ......................  A's and B's
    """
    said = bisect_right(uart.said, replied + SKEW, key=lambda turn: turn.instant)
    told = bisect_right(uart.told, replied + SKEW, key=lambda each: each[0].instant)
    later = [turn.instant for turn in uart.said[said : said + 1]]
    later += [record.instant for record, _ in uart.told[told : told + 1]]
    silence = min(later, default=replied) - replied
    end = bisect_right(uart.polls, replied)
    longest = longest_pause(uart.polls[max(0, end - LAST_POLLS) : end])
    return silence + STALL if silence > longest else STALL


def longest_pause(polls: Sequence[float]) -> float:
    """Give for how long an MCU that asked for work at these instants keeps silent at most, seconds."""
    return LONG_PAUSE * median([later - earlier for earlier, later in pairwise(polls)] or [0.0])


def fetched_last(down: float, reply: float, polls: Sequence[float]) -> bool:
    """Tell whether the MCU fetched no other downlink between one that was handed out and a reply.

    It asks for work again after the shortest interval it was seen to keep, not sooner.

    :param down: when the downlink was handed out
    :param reply: when the reply came
    :param polls: when the MCU asked for work, in order
    """
    shortest = min((later - earlier for earlier, later in pairwise(polls)), default=0.0)
    return reply - down + SKEW < shortest
