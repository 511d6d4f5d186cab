"""The parts all logs are made of, whatever their shape: times, and texts that stand for bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date

from miio_lan.uart.commands import Direction
from miio_lan.uart.order import OBSERVED_WITHIN
from miio_lan.uart.values import QUOTED

ENDS: dict[str, Direction] = {"mcu": "up", "module": "down", "wifi": "down", "chip": "down"}
"""Words for an end of the line, each with the direction of what it says."""

# No expression here gives back what it has taken: lines of logs are as long as somebody made them.
_QUOTED = re.compile(r"'((?:[^'\\]++|\\.)*+)'", re.DOTALL)
_FIRST_QUOTED = re.compile(rf"[^']*+{_QUOTED.pattern}", re.DOTALL)
# Inside of a parameter's own quotes, a single one ends nothing.
_QUOTED_LINE = re.compile(r"""[^']*+'((?:[^'"\\]++|\\.|"(?:[^"\\]++|\\.)*+")*+)'""", re.DOTALL)

_COLOUR = re.compile(r"\x1b\[[0-9;]*+[A-Za-z]")

_DAY = 86400.0
_DATE = r"(?:(\d{4}[-/.]\d\d[-/.]\d\d|\d\d?[-/.]\d\d?[-/.]\d{4})(?:T|,?+[ ]++))?+"
_ZONE = r"(?:Z|[+-]\d\d:?\d\d)?"
_CLOCK = re.compile(
    rf"\s*+[\[(]?+\s*+{_DATE}(\d\d):(\d\d):(\d\d)(?:[.,:](\d{{1,9}}))?+\s*+{_ZONE}[\])]?+[:,]?+\s*+"
)
# What a line ends with, where a log shows it.
_ESCAPED_END = re.compile(r"(?:\\(?:[rn0]|x0[0adAD])|<(?:CR|LF|NUL)>)*+\s*+")
_SECONDS = re.compile(r"\s*+[\[(]\s*+(\d++(?:\.\d++)?+)\s*+s?+\s*+[\])][:,]?+\s*+|\s*+(\d++\.\d++)\s++")
_HEX = re.compile(r"[0-9a-fA-F]{2}(?:[ :][0-9a-fA-F]{2}){3,}+\s*+")
# Shorter ones are texts, a code and a number for instance, unless they end as lines do.
_SHORT_HEX = re.compile(r"(?:[0-9a-fA-F]{2}[ :]){1,3}+0[DdAa]")
# Inside of a JSON string, pairs with a backslash are JSON's, but for the one that JSON does not have.
_IN_STRING = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|.)", re.DOTALL)
_ELSEWHERE = re.compile(rb"\\(?:x[0-9a-fA-F]{2}|[rn0])")
# \u4e2d is JSON's too.
_C_ESCAPE = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|(?!u[0-9A-Fa-f]{4})(.))", re.DOTALL)
_C_ESCAPES = dict(zip(b"abefnrtv0", b"\a\b\x1b\f\n\r\t\v\0", strict=True))
_PAIR = re.compile(r"\\(.)", re.DOTALL)
_PAIRS_OF_REPR = frozenset("\\'nrtx")
_OTHER_SURROGATE = re.compile("[\ud800-\udc7f\udd00-\udfff]")


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of the wire as a log has it.

    :param raw: its bytes, as far as the log shows what ended it
    :param instant: seconds, of its first byte
    :param mark: what the log writes before lines of this direction, in lower case; empty where it writes nothing
    :param direction: where the log says it itself
    """

    raw: bytes
    instant: float
    mark: str = ""
    direction: Direction | None = None


@dataclass(slots=True)
class ReadLog:
    """What a format, or a table, makes of a log.

    :param skipped: how many of the log's lines did not cross the wire
    :param rest: texts to be read as lines of no format, among lines of tables
    """

    lines: list[LogLine] = field(default_factory=list)
    skipped: int = 0
    rest: list[str | LogLine] = field(default_factory=list)


class Times:
    """Reads the times in front of the lines of one log; past midnight they go on.

    Where a log clearly goes back, because it goes on after a restart or its clock was set, it goes on from there:
    nobody knows how long that took, and what lies between later lines stays right.
    """

    def __init__(self) -> None:
        self._base = 0.0
        self._last = 0.0
        self._days = 0
        self._date = ""

    def take(self, line: str) -> tuple[float, str]:
        """Give the instant of a line, that of the line before where it tells none, and the line without it."""
        stamp = _stamp(line)
        if stamp is None:
            return self._last, line
        seconds, day, rest = stamp
        instant = self._base + seconds + (0.0 if day is None else self._days_at(seconds, day) * _DAY)
        if instant < self._last - OBSERVED_WITHIN:
            self._base += self._last - instant
        else:
            self._last = max(self._last, instant)
        return self._last, rest

    def _days_at(self, seconds: float, day: str) -> int:
        """Give the days since the log began; where the line bears no date, the time of day tells of midnight."""
        if day:
            self._days += _days_between(self._date or day, day)
            self._date = day
            return self._days
        ahead = self._base + self._days * _DAY + seconds - self._last
        if self._days and ahead > _DAY - OBSERVED_WITHIN:
            return self._days - 1  # a late line from before midnight
        if ahead < -_DAY / 2:
            self._days += 1
        return self._days


def _days_between(before: str, after: str) -> int:
    """Give the days from one date to another; 0 where one is none.

    Which of day and month stands first depends on the computer: as it is read, the fewest days have passed.
    """
    numbers = [[int(each) for each in re.split("[-/.]", text)] for text in (before, after)]
    days = []
    for month, day in ((1, 0), (0, 1)):  # where they stand, unless the year stands first
        with suppress(ValueError):  # no such date
            earlier, later = (
                date(*each) if each[2] < 100 else date(each[2], each[month], each[day]) for each in numbers
            )
            days.append((later - earlier).days)
    return min(days, key=lambda each: (each < 0, abs(each)), default=0)


def _stamp(line: str) -> tuple[float, str | None, str] | None:
    """Give the time that a line begins with, its date, and what is behind both; None where it begins with none.

    A time of day is in seconds since midnight, and its date is as the log writes it, empty where it does not. Any other
    time is in seconds and has no date.
    """
    clock = _CLOCK.match(line)
    # Nothing behind it: the time is what the line says, a module's answer.
    if clock and not _ESCAPED_END.fullmatch(line, clock.end()):
        day, hours, minutes, seconds, fraction = clock.groups()
        instant = int(hours) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{fraction or 0}")
        return instant, day or "", line[clock.end() :]
    if (counted := _SECONDS.match(line)) and counted.end() < len(line):
        return float(counted.group(1) or counted.group(2)), None, line[counted.end() :]
    return None


def without_colours(text: str) -> str:
    """Take off the end of a line of a log, and the colours that terminals were told."""
    return _COLOUR.sub("", text.rstrip("\r\n"))


def line_bytes(text: str) -> bytes:
    """Give the bytes of a whole line, without the quotes that programs put around one; those of a parameter stay."""
    text = text.strip()
    if text.startswith(("b'", 'b"')) and text.endswith(text[1]) and len(text) > 2:
        inner, written = text[2:-1], True
    elif whole := _QUOTED.fullmatch(text):
        inner, written = whole[1], _written_by_repr(whole[1])
    else:
        return as_bytes(text)
    return unescaped(inner) if written and not _is_hex(inner) else as_bytes(inner)


def _written_by_repr(text: str) -> bool:
    """Tell whether a program escaped what stands in its quotes, or wrote it as it was."""
    if not set(_PAIR.findall(text)) <= _PAIRS_OF_REPR:
        return False
    said = unescaped(text).decode("latin-1")
    return not any(in_string and ("\n" in part or "\r" in part) for part, in_string in parts_of(said))


def quoted_in(text: str) -> str | None:
    """Give the first text in single quotes, as programs write them into a sentence; None where there is none."""
    # Where the first quote is not closed, no later one is.
    found = _QUOTED_LINE.match(text) or _FIRST_QUOTED.match(text)
    return found.group(1) if found else None


def parts_of(text: str) -> Iterator[tuple[str, bool]]:
    """Give the parts of a text, each with whether it is a JSON string with both of its quotes."""
    done = 0
    # Where one is not closed, no later one is: so nothing is read twice.
    while (begin := text.find('"', done)) >= 0 and (string := QUOTED.match(text, begin)):
        yield text[done:begin], False
        yield string.group(), True
        done = string.end()
    yield text[done:], False


def as_bytes(text: str) -> bytes:
    r"""Give the bytes a text stands for: it is a hex dump, or has escapes like ``\r``, ``\n``, ``\0`` and ``\x41``.

    Inside of a JSON string, ``\n`` is JSON's, and stays.
    """
    if _is_hex(text):
        return bytes.fromhex(re.sub(r"[\s:]", "", text))
    if "\\" not in text:
        return _encoded(text)
    return b"".join(
        _IN_STRING.sub(_kept, _encoded(part)) if in_string else _ELSEWHERE.sub(_meant, _encoded(part))
        for part, in_string in parts_of(text)
    )


def _kept(found: re.Match[bytes]) -> bytes:
    return bytes.fromhex(found[1].decode()) if found[1] else found[0]


def _meant(found: re.Match[bytes]) -> bytes:
    return found[0].decode("unicode_escape").encode("latin-1")


def unescaped(text: str) -> bytes:
    r"""Give the bytes of a text with the escapes of C: ``\r``, ``\"``, ``\xFF``."""

    def byte(found: re.Match[bytes]) -> bytes:
        return bytes([int(found[1], 16) if found[1] else _C_ESCAPES.get(found[2][0], found[2][0])])

    return _C_ESCAPE.sub(byte, _encoded(text))


def _is_hex(text: str) -> bool:
    return bool(_HEX.fullmatch(text) or _SHORT_HEX.fullmatch(text.rstrip()))


def _encoded(text: str) -> bytes:
    # Bytes that were no text come as lone surrogates from whoever read the file.
    return text.encode("utf-8", "surrogatepass" if _OTHER_SURROGATE.search(text) else "surrogateescape")
