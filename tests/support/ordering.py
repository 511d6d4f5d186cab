"""The order of the lines of two receivers, of a recording that holds nothing but lines."""

from __future__ import annotations

from collections.abc import Iterable

from miio_lan.record import Record
from miio_lan.uart.order import Ordering


def merged(records: Iterable[Record]) -> list[Record]:
    """Order the records of a line.

    :param records: those of each direction in the order of time; how the two directions are mixed does not matter
    """
    ordering = Ordering()
    for record in records:
        ordering.take(record)
    return ordering.flush()
