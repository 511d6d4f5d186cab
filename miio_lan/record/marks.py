"""Marks: records of a recording that say who made what is in it, and how far that came.

A check that asks a product for everything disturbs it on purpose. What it has recorded can only be judged by whoever
knows that, so the recording says it itself: one mark before the first record, one after the last. A mark is no line,
no datagram and no break of either wire; whoever reads a wire passes over it (:func:`is_mark`). No I/O and no clock.

::

    {"wire": "uart", "direction": "down", "instant": 812.0, "wall": 1700000000.0, "raw": "",
     "reading": {"check": "begin", "mode": "module", "from_boot": false, "model": "demo.light.lamp"},
     "note": "check: module played by the checker"}
    {"wire": "uart", "direction": "down", "instant": 871.5, "wall": 1700000059.5, "raw": "",
     "reading": {"check": "end", "mode": "module", "progress": {"stopped": "", ...}}, "note": "check: at its end"}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from miio_lan.errors import RecordError
from miio_lan.record.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

_KEY = "check"
_BEGIN, _END = "begin", "end"
#: Mode -> the wire that was asked, and the note for people.
_MODES = {
    "module": ("uart", "check: module played by the checker"),
    "lan": ("lan", "check: product asked over the LAN by the checker"),
}
_AT_ITS_END = "check: at its end"

BREAKS = frozenset({"gap", "outage"})
"""Words of a note: something that crossed a wire was not observed."""

LINE_ENDS = "outage: the recording of the line ends"
"""The note of what stands, in each direction, behind the last line of a recording that a capture of the network goes on
after. No mark but an outage, as that of a port which does not come back: nobody knows what was said from then on."""

_WORDS = re.compile("[a-z]+")


@dataclass(frozen=True, slots=True)
class MarkedCheck:
    """What the marks of a recording say.

    :param mode: ``"module"`` (the checker played the module) or ``"lan"`` (it asked over the LAN)
    :param from_boot: whether the product was promised to be switched on during the check
    :param model: the model of the description the check went by, empty without one
    :param ended: when the check ended, monotonic seconds; None where the recording does not hold its end
    :param progress: how far it got, as plain JSON values; None where the recording does not hold its end
    """

    mode: str
    from_boot: bool = False
    model: str = ""
    ended: float | None = None
    progress: Mapping[str, object] | None = None


def begin_mark(mode: str, instant: float, wall: float, *, from_boot: bool = False, model: str = "") -> Record:
    """Make the mark that stands before what a check has recorded; the parameters are those of :class:`MarkedCheck`."""
    wire, note = _MODES[mode]
    reading = {_KEY: _BEGIN, "mode": mode, "from_boot": from_boot, "model": model}
    return Record(wire, "down", instant, wall, b"", reading, note)


def end_mark(mode: str, instant: float, wall: float, progress: Mapping[str, object]) -> Record:
    """Make the mark that stands after what a check has recorded.

    :param instant: when the check ended, monotonic seconds
    :param progress: how far it got, as plain JSON values
    """
    reading = {_KEY: _END, "mode": mode, "progress": progress}
    return Record(_MODES[mode][0], "down", instant, wall, b"", reading, _AT_ITS_END)


def words_of(note: str) -> frozenset[str]:
    """Give the words of a note, such as those in :data:`BREAKS`."""
    return frozenset(_WORDS.findall(note))


def begins_outage(record: Record) -> bool:
    """Tell whether a record is the mark of an outage: nothing is heard until its end, or the next record."""
    words = words_of(record.note)
    return not record.raw and "outage" in words and "over" not in words


def is_mark(record: Record) -> bool:
    """Tell whether a record is a mark, of either kind."""
    return not record.raw and record.reading is not None and record.reading.get(_KEY) in (_BEGIN, _END)


def without_marks(records: Iterable[Record]) -> list[Record]:
    """Give what crossed the wires."""
    return [record for record in records if not is_mark(record)]


def marked_check(records: Iterable[Record]) -> MarkedCheck | None:
    """Read the marks of a recording; None where there are none.

    :raises RecordError: if a mark makes no sense, or there are those of more than one check
    """
    found: dict[str, Record] = {}
    for record in records:
        if is_mark(record):
            kind = str((record.reading or {})[_KEY])
            if kind in found:
                raise RecordError(
                    "the recording holds more than one check: divide it, and judge each by itself"
                )
            found[kind] = record
    if not found:
        return None
    begin, end = ((found[kind].reading or {}) if kind in found else {} for kind in (_BEGIN, _END))
    modes = {reading["mode"] for reading in (begin, end) if _text(reading, "mode")}
    if len(modes) != 1 or not modes <= _MODES.keys():
        raise RecordError(
            f"a check's mode is one of {', '.join(_MODES)}; here it is {sorted(map(str, modes))}"
        )
    progress = end.get("progress")
    if end and not isinstance(progress, Mapping):
        raise RecordError("the mark at the end of a check has no progress")
    return MarkedCheck(
        mode=str(modes.pop()),
        from_boot=begin.get("from_boot") is True,
        model=_text(begin, "model"),
        ended=found[_END].instant if end else None,
        progress=progress if isinstance(progress, Mapping) else None,
    )


def _text(reading: Mapping[str, object], key: str) -> str:
    value = reading.get(key, "")
    if not isinstance(value, str):
        raise RecordError(f"the {key} of a check is a text, not {type(value).__name__}")
    return value
