"""Lines of a conversation, read as answers and replies at little cost: a line at rest says the same all the time."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Hashable, Iterable
from functools import lru_cache

from miio_lan.record import Record
from miio_lan.uart.commands import Command, Direction, Error, Noise, Result, read
from miio_lan.uart.commands.answering import fits
from miio_lan.uart.commands.reply import COMES_BACK
from miio_lan.uart.pieces import pieces
from miio_lan.uart.replies import SERVER_WORDS
from miio_lan.uart.turns import Downlink, text_of

_PRINTABLE = bytes(range(0x20, 0x7F))
_BEFORE = bytes(range(0x21)) + b"\xff"
"""What may stand before the first character of a line, and is no part of it."""
_NAMED = re.compile(rb"result( (?:0|[1-9][0-9]*) (?:0|[1-9][0-9]*)) -?(?:0|[1-9][0-9]*) [^ \r\n]")
"""An answer that begins with two ids and a code, and goes on: these ids are named, in whatever layout it is read."""

_known: OrderedDict[tuple[bytes, str, Hashable], Command] = OrderedDict()  # of all threads
_MOST_KNOWN = 500
_LONGEST_KNOWN = 1024

# These replies to a command to the server are read alike, whatever it said.
_READ_ALIKE = frozenset({b"ok\r", b"error\r"})


def read_line(raw: bytes, direction: Direction, pending: Command | None) -> Command:
    """Read a line, one of the module as the reply to ``pending``; at little cost where it was read before."""
    return _read(raw, direction, pending, _context(raw, pending) if pending is not None else None)


def as_echo(command: Command) -> Command:
    """Say of a line of the module that is no reply, but the MCU's own, why it is there."""
    return command.amended(reason=COMES_BACK) if isinstance(command, Noise) else command


def _read(raw: bytes, direction: Direction, pending: Command | None, context: Hashable) -> Command:
    # By the line of what is pending, not by itself: what JSON brings into a downlink cannot be hashed.
    key = (raw, direction, context)
    command = _known.get(key)
    if command is None:
        command = read(raw, direction=direction, pending=pending)
        if len(raw) <= _LONGEST_KNOWN:
            if len(_known) >= _MOST_KNOWN:
                # One for one: where all went at once, the garbage collector would look at what piles up again.
                _known.popitem(last=False)
            _known[key] = command
    return command


def _context(raw: bytes, pending: Command) -> Hashable:
    """Give what of a line decides how its reply is read: as little as possible, for what is known is kept."""
    alike = raw in _READ_ALIKE and pending.command in SERVER_WORDS
    return pending.command if alike else pending.line


# Gives the lines that ran into each other in a text; nearly always there is one.
parts_of = lru_cache(maxsize=2048)(pieces)


def read_answer(raw: bytes, downlink: Downlink) -> Command:
    """Read a line as the answer to a downlink."""
    if not _is_result(raw):
        return _read(raw, "up", None, None)
    return _read(raw, "up", downlink.command, downlink.layout)


def _is_result(raw: bytes) -> bool:
    return raw.startswith(b"result") or raw.lstrip(_BEFORE).startswith(b"result")


def _is_tidy(raw: bytes) -> bool:
    """Tell whether a ``result`` has its ids in it as bytes: single spaces, no escapes, no noise."""
    if not raw.startswith(b"result ") or b"  " in raw or b"\\" in raw:
        return False
    return not raw.rstrip(b"\r\n").translate(None, _PRINTABLE)


def fits_downlink(raw: bytes, downlink: Downlink) -> bool:
    """Tell whether a line, read as the answer to a downlink, names what that asked for; nearly always at a glance."""
    if not downlink.has_to_be_named:
        return True
    if (named := _NAMED.match(raw)) is not None and named[1] in downlink.ids:
        return True
    if _is_tidy(raw) and not any(each in raw for each in downlink.ids):
        return False
    return fits_command(read_answer(raw, downlink), downlink)


def fitting(raw: bytes, downlinks: Iterable[Downlink]) -> list[Downlink]:
    """Give the downlinks that a line fits as their answer; of those that are answered alike one is looked at."""
    known: dict[Hashable, bool] = {}
    found = []
    for each in downlinks:
        if each.layout not in known:
            known[each.layout] = fits_downlink(raw, each)
        if known[each.layout]:
            found.append(each)
    return found


def fits_command(command: Command, downlink: Downlink) -> bool:
    """Tell whether an answer names what a downlink asked for."""
    return isinstance(command, (Result, Error)) and fits(command, downlink.command)


def naming(raw: bytes, downlinks: Iterable[Downlink]) -> list[Downlink]:
    """Give, of the downlinks that an answer fits, those that it names by their ids."""
    return [each for each in downlinks if each.has_to_be_named] if _is_result(raw) else []


def plain(record: Record) -> bytes:
    """Give a line as a module hears it: it drops what is not printable ASCII, and that is no fault of the meaning."""
    raw = record.raw
    return raw if raw.isascii() and raw[:-1].decode("ascii").isprintable() else text_of(record).encode()
