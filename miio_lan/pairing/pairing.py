"""Pairs what crossed the LAN with what crossed the UART: one exchange per command, with the time of each step.

Works on records alone (of a tap, a bridge, a virtual product, a recording), without I/O and without a clock. Each
exchange tells how far the command came; where what was seen can be explained in more than one way, it says so instead
of guessing. Others on either wire (a second client, the phone app, the cloud, noise) are told apart by method, ids,
values and order. Marks of a check are passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from miio_lan.pairing import exchange as at
from miio_lan.pairing.exchange import Exchange, Part
from miio_lan.pairing.window import Window
from miio_lan.record import Record
from miio_lan.record.marks import is_mark
from miio_lan.uart.conversation import Conversation
from miio_lan.uart.turns import Before

__all__ = ["Exchange", "Pairer", "Part", "at", "joined", "pair"]

_COMPACT_AT = 4096
"""Records that are kept before what is old is settled though nothing asked for the exchanges."""


def pair(records: Iterable[Record]) -> list[Exchange]:
    """Pair the records of a whole recording, in any order; give the exchanges in the order of their beginning."""
    return Window.over(records, Before(), finished=True).exchanges()


def joined(line: Conversation, records: Sequence[Record]) -> list[Exchange]:
    """Pair what was called over the LAN with a conversation that was read already.

    :param line: the module's side of it
    :param records: all records, those of the UART in the order in which they were said
    """
    return Window(line, records, finished=True).exchanges()


class Pairer:
    """Takes records as they come and gives the exchanges so far.

    Records of the two wires may come out of order, as they do when two threads observe them; what is older than
    :data:`~miio_lan.pairing.matching.matching.HORIZON` is settled and no longer changes.
    """

    def __init__(self) -> None:
        self._window: list[Record] = []
        self._settled: list[Exchange] = []
        self._recent: list[Exchange] = []
        self._context: set[int] = set()  # records of what is settled, kept for what they say of the rest
        self._read = True  # whether all that was fed is in them
        self._finished = False
        self._compact_at = _COMPACT_AT
        self._before = Before()

    def feed(self, record: Record) -> None:
        """Take a record of either wire."""
        if is_mark(record):
            return
        self._window.append(record)
        self._read = False
        if len(self._window) >= self._compact_at:
            self._compact()

    def finish(self) -> None:
        """Nothing more will come: no exchange is open any more."""
        self._finished = True
        self._read = False

    @property
    def exchanges(self) -> list[Exchange]:
        """All exchanges so far, in the order of their beginning."""
        if not self._read:
            self._read_window(finished=self._finished)
        return [*self._settled, *self._recent]

    def _compact(self) -> None:
        """Settle what is old, though something may have been open all the time."""
        self._read_window(finished=False, compact=True)
        self._compact_at = max(_COMPACT_AT, 2 * len(self._window))

    def _read_window(self, *, finished: bool, compact: bool = False) -> None:
        """Pair what is kept; drop the records before a checkpoint, if there is one, and keep what is settled."""
        window = Window.over(self._window, self._before, finished=finished)
        found = window.exchanges()
        recent = self._recent = [each for each in found if id(each.records[0]) not in self._context]
        self._read = True
        checkpoint = window.old_checkpoint(found) if compact else window.last_checkpoint(recent)
        if checkpoint is not None:
            self._settled += [each for each in recent if id(each.records[0]) in checkpoint.settled]
            self._recent = [each for each in recent if id(each.records[0]) not in checkpoint.settled]
            self._window = [record for record in self._window if id(record) not in checkpoint.gone]
            self._context = (self._context | checkpoint.settled) - checkpoint.gone
            self._before = checkpoint.before
