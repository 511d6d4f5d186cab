"""What crossed a wire: records, recordings, lanes for people, and what of it nobody is to see.

Each name is loaded when it is first used: whoever only keeps a token hidden needs no records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from miio_lan.record.record import (
        DIRECTIONS,
        WIRES,
        Observer,
        Record,
        as_line,
        is_cut_off,
        read,
        write,
    )

__all__ = ["DIRECTIONS", "WIRES", "Observer", "Record", "as_line", "is_cut_off", "read", "write"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from miio_lan.record import record

    globals().update({each: getattr(record, each) for each in __all__})
    return globals()[name]
