"""Lines of the MCU that were not heard: the module's reply to them was, and proves that there was one."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING

from miio_lan.uart import commands as c

if TYPE_CHECKING:
    from miio_lan.uart.conversation import Conversation


class Missed:
    """When something of a conversation was missed."""

    def __init__(self, line: Conversation) -> None:
        self._line = line
        known = {id(said.reply) for said in line.said if said.reply is not None}
        self._instants = sorted(
            record.instant
            for record, command in line.told
            if isinstance(command, c.Reply) and id(record) not in known
        )

    def between(self, start: float, end: float) -> bool:
        """Whether what the MCU said between two instants is not known to the full."""
        if self._line.broken(start, end):
            return True
        return bisect_left(self._instants, start) < bisect_right(self._instants, end)
