"""Lines that whoever listened tore, not the MCU: nothing is held against them.

Goal: a tap begins and ends in the middle of lines, is unplugged, and loses bytes; an MCU loses its power. What is left
of a line then breaks many rules at once, and none of that is the MCU's doing. But a banner, a misspelt command and a
missing CR are, and look much alike. Plan: a line counts as torn where both are true, that it does not conform, and
that there was an occasion:

::

    own                 the first line that was heard, and the end of some line of the document
    get_d|  outage      no end, and right after it the observation was interrupted, or ended, or the MCU started
    net\\nnet\\n          ended with LF, which ends no line: that is the MCU's, but not what the whole looks like
    get_dwn -> down     nearly a command, and the module took it for one (or was not heard, and it is rare)

Sources: serial document, end character and command format; observed: taps and adapters.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from itertools import zip_longest
from math import inf

from miio_lan.acceptance.rules.lines import is_identity
from miio_lan.uart import commands as c
from miio_lan.uart.conversation import Conversation
from miio_lan.uart.pieces import lost_bytes, may_be_tail
from miio_lan.uart.turns import Turn

SOON_OVER = 1.0
"""Seconds after a line without its end in which what interrupts the observation may be what cut it off."""
SELDOM = 2
"""Times that the same misspelt line may come by lost bytes: what is said so more often is meant."""
_ENDS = (b"\r", b"\n")
"""What ends a line, rightly or not: an MCU that ends its lines with LF was heard to the end."""
LF_ALONE = "several lines were heard as one, for LF ends none"
"""What happened to lines that have an LF between them, and no CR."""


def torn_lines(line: Conversation, *, driven: bool, from_boot: bool) -> dict[int, str]:
    """Give the lines of the MCU that are torn, by the ``id`` of the record, each with what happened to it.

    :param driven: whether the checker played the module: what it says proves nothing then
    :param from_boot: whether the MCU was promised to be switched on while it was listened to
    """
    found: dict[int, str] = {}
    often = Counter(said.text for said in line.said)
    heard = -inf if from_boot else None  # the last line before this one; None when none can have been
    for said, following in zip_longest(line.said, line.said[1:]):
        if _begins_late(line, said, heard):
            found[id(said.record)] = "its beginning was not heard"
        elif _is_divided_by_lf(said.record.raw):
            found[id(said.record)] = LF_ALONE
        elif _is_cut_off(line, said, following):
            found[id(said.record)] = "its end was not heard"
        elif not driven and often[said.text] <= SELDOM and _lacks_bytes(line, said, following):
            found[id(said.record)] = "some bytes of it were not heard"
        heard = said.instant
    return found


def _begins_late(line: Conversation, said: Turn, heard: float | None) -> bool:
    """Whether nothing of the MCU was heard right before a line that may be the end of another one."""
    late = heard is None or line.broken(heard, said.instant)
    return late and not said.command.valid and may_be_tail(said.text)


def _is_divided_by_lf(raw: bytes) -> bool:
    """Whether lines are in one because each ended with LF alone: none of them says what that looks like."""
    return b"\r" not in raw and b"\n" in raw.strip(b"\n")


def _is_cut_off(line: Conversation, said: Turn, following: Turn | None) -> bool:
    """Whether a line has no end, and something else than the MCU may have taken it."""
    if said.record.raw.endswith(_ENDS):
        return False
    over = said.instant + SOON_OVER
    started = following is not None and is_identity(following.command)
    return line.ended < over or line.broken(said.instant, over) or started


def _lacks_bytes(line: Conversation, said: Turn, following: Turn | None) -> bool:
    """Whether a line is nearly a command, and the module took it for one, as far as it was heard."""
    if not isinstance(said.command, c.Noise) or not lost_bytes(said.text, "up", foreign=True):
        return False
    if "down" not in line.heard or said.accepted:
        return True
    until = following.instant if following is not None else inf
    at = bisect_left(line.told, said.instant, key=lambda each: each[0].instant)
    replies = (command for record, command in line.told[at : at + 1] if record.instant <= until)
    return any(isinstance(command, c.Down) for command in replies)
