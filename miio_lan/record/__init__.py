"""What crossed a wire: records, recordings, lanes for people, and what of it nobody is to see."""

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
