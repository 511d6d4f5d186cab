"""Whether the times of records can be compared: what is judged or joined was stamped by one clock, and is there once.

A clock of instants begins anew with its computer. Where a recording goes on after that, or was put together of several,
records that were hours apart have the same instants, and would be sorted into each other. No I/O and no clock.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from miio_lan.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from miio_lan.record.record import Record

SAME_CLOCK = 2.0
"""Seconds that a record may be older than the one before it, or a time of day be set by, but not both at once."""


def check_clock(records: Sequence[Record]) -> None:
    """See that all records of a wire were stamped by one clock, and that each is there once.

    An observer may be late, and a time of day may be set: only where the instants go back, and the time of day does
    not do so as well, it was another clock.

    :param records: in the order of observation
    :raises RecordError: naming the first record by another clock, or the first that was there before
    """
    latest: dict[str, Record] = {}
    late = False
    for number, record in enumerate(records, 1):
        last = latest.get(record.wire)
        if last is not None and record.instant < last.instant:
            back, forth = last.instant - record.instant, record.wall - last.wall
            if back > SAME_CLOCK and abs(back + forth) > SAME_CLOCK:
                raise RecordError(
                    f"record {number} was stamped by another clock than those before it: the recording goes on after a "
                    "restart of its computer, or was put together of several. Divide it, and take each part by itself"
                )
            late = late or back > SAME_CLOCK
        else:
            latest[record.wire] = record
    if late:
        _check_once(records)


def _check_once(records: Sequence[Record]) -> None:
    """See that no record comes again behind younger ones.

    The same bytes at the same instant may well be two lines of one read: those come one behind the other.

    :raises RecordError: naming the first that was there before
    """
    there: dict[tuple[str, str, float, bytes], int] = {}
    youngest: dict[
        str, tuple[float, int]
    ] = {}  # of each wire: the latest instant, and the last record near it
    for number, record in enumerate(records, 1):
        copy = there.setdefault((record.wire, record.direction, record.instant, record.raw), number)
        instant, place = youngest.get(record.wire, (record.instant, 0))
        if instant - record.instant <= SAME_CLOCK:
            youngest[record.wire] = max(instant, record.instant), number
        elif record.raw and copy <= place:
            raise RecordError(
                f"record {number} is record {copy} once more: the recording has the same twice, as if it was put "
                "behind itself. Take each of its records once"
            )
