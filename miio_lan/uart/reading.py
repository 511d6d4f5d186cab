"""Lines of a conversation, read as answers and replies at little cost: a line at rest says the same all the time."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from miio_lan.uart.commands import Command, Error, EventOccured, PropertiesChanged, Result, read
from miio_lan.uart.commands.answering import fits, has_to_name
from miio_lan.uart.pieces import pieces
from miio_lan.uart.turns import text_of

if TYPE_CHECKING:
    from miio_lan.record import Record
    from miio_lan.uart.commands import Direction
    from miio_lan.uart.turns import Downlink

_BEFORE = bytes(range(0x21)) + b"\xff"
"""What may stand before the first character of a line, and is no part of it."""


_known: dict[tuple[bytes, str, str | None], Command] = {}
_MOST_KNOWN = 4096
_LONGEST_KNOWN = 1024

# Commands whose reply is read alike whatever they said.
_REPLIED_ALIKE = (Result, Error, PropertiesChanged, EventOccured)


def read_line(raw: bytes, direction: Direction, pending: Command | None) -> Command:
    """Read a line as the answer or reply to ``pending``; at little cost where it was read before."""
    if pending is not None and direction == "up" and not raw.lstrip(_BEFORE).startswith(b"result"):
        pending = None
    # By its line, not by itself: what JSON brings into a downlink cannot be hashed.
    key = (raw, direction, _context(pending) if pending is not None else None)
    command = _known.get(key)
    if command is None:
        command = read(raw, direction=direction, pending=pending)
        if len(raw) <= _LONGEST_KNOWN:
            if len(_known) >= _MOST_KNOWN:
                _known.clear()
            _known[key] = command
    return command


def _context(pending: Command) -> str:
    """Give what of a line decides how what follows it is read: as little as possible, for what is known is kept."""
    return (pending.command or "") if isinstance(pending, _REPLIED_ALIKE) else pending.line


@lru_cache(maxsize=2048)
def parts_of(text: str) -> list[str]:
    """Give the lines that ran into each other in a text; nearly always there is one."""
    return pieces(text)


def fits_downlink(raw: bytes, downlink: Downlink) -> bool:
    """Tell whether a line, read as the answer to a downlink, names what that asked for."""
    return fits_command(read_line(raw, "up", downlink.command), downlink)


def fits_command(command: Command, downlink: Downlink) -> bool:
    """Tell whether an answer names what a downlink asked for."""
    return isinstance(command, (Result, Error)) and fits(command, downlink.command)


def names_downlink(raw: bytes, downlink: Downlink) -> bool:
    """Tell whether an answer names what a downlink asked for by its ids."""
    return has_to_name(downlink.command) and isinstance(read_line(raw, "up", downlink.command), Result)


def plain(record: Record) -> bytes:
    """Give a line as a module hears it: it drops what is not printable ASCII, and that is no fault of the meaning."""
    raw = record.raw
    return raw if raw.isascii() and raw[:-1].decode("ascii").isprintable() else text_of(record).encode()
