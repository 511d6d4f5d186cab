"""Whether the times of records can be compared: what is judged or joined by them was stamped by one clock.

A clock of instants begins anew with its computer. Where a recording goes on after that, or was put together of several,
records that were hours apart have the same instants, and would be sorted into each other. No I/O and no clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from miio_lan.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from miio_lan.record.record import Record

SAME_CLOCK = 2.0
"""Seconds that a record may be older than the one before it, or a time of day be set by, but not both at once."""


def check_clock(records: Iterable[Record]) -> None:
    """See that all records of a wire were stamped by one clock.

    An observer may be late, and a time of day may be set: only where the instants go back, and the time of day does
    not do so as well, it was another clock.

    :param records: in the order of observation
    :raises RecordError: naming the first record by another clock
    """
    latest: dict[str, Record] = {}
    for number, record in enumerate(records, 1):
        last = latest.get(record.wire)
        if last is not None and record.instant < last.instant:
            back, forth = last.instant - record.instant, record.wall - last.wall
            if back > SAME_CLOCK and abs(back + forth) > SAME_CLOCK:
                raise RecordError(
                    f"record {number} was stamped by another clock than those before it: the recording goes on after a "
                    "restart of its computer, or was put together of several. Divide it, and take each part by itself"
                )
        else:
            latest[record.wire] = record
