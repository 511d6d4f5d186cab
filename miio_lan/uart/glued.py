"""Lines of the MCU that ran into each other, and whether that is the MCU's doing.

A module that hears no CR between two lines hears one, and replies once. One that replies to each has heard the CR: it
was missed by whoever listened, unless it is another line that was missed as a whole, to which the module replies. One
word too many, soon after such lines, is enough for that doubt: stamps may have turned the lines round since.

::

    MCU      result 2 1 0 trueget_down
    module                              ok          to the result, or to all of it
    module                              down none   to get_down alone: it was heard by itself, or said once more
"""

from __future__ import annotations

from collections.abc import Sequence

from miio_lan.uart.replies import LONGEST_REPLY, may_reply
from miio_lan.uart.turns import Turn


def heard_by_itself(glued: Sequence[Turn], text: str, now: float, *, said: int) -> Turn | None:
    """Find the line that the module replies to by itself; None where it replies to none of them.

    :param glued: the lines that ran into each other, the last time that some did
    :param text: the module's line, which replies to nothing else that was seen
    :param now: when that was heard, seconds
    :param said: how many lines the MCU has said, these included
    """
    turn = next((each for each in glued[1:] if each.reply is None), None)
    if turn is None or now - turn.instant > LONGEST_REPLY:
        return None
    for each in glued:
        each.parted = True
        each.glued = each.number >= turn.number  # the module heard the ends of those before
    goes_on = glued[-1].number + 1 < said  # the MCU has said something else since
    return turn if not goes_on and may_reply(text, turn.word) else None
