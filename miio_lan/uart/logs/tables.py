"""Logs that are tables (CSV): exports of logic analysers, one row for each byte, and of programs, one for each line.

A table is known by its header. It has a column of data, and one of times or of directions, under any of the names
people give them; a unit may stand behind, as in ``Time [ms]`` or ``data (hex)``. Commas, semicolons or tabs divide.
Sources: exports of Saleae Logic 1 (``Time [s],Value,Parity Error,Framing Error``) and of Logic 2
(``name,type,start_time,duration,"data"``).
"""

from __future__ import annotations

import csv
import io
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from operator import itemgetter

from miio_lan.errors import RecordError
from miio_lan.foreign import excerpt
from miio_lan.uart.document import LINE_LIMIT, PARTIAL_LINE_TIME
from miio_lan.uart.logs.logparts import LogLine, ReadLog, Times, as_bytes, line_bytes
from miio_lan.uart.pieces import begins_another

#: The column of a logic analyser's list of all that was decoded, a byte a row.
_DECODED = "decoded protocol result"
# The first of each that is there is taken: "name" is an analyser's in one export that has a "type" too.
_DATA = (
    "data", "text", "line", "message", "payload", "content", "value", "ascii", "char", "bytes", "hex", _DECODED,
)  # fmt: skip
_TIME = ("time", "start_time", "start", "timestamp", "t", "seconds", "date", "datetime")
_SURELY_TIME = ("time", "start_time", "timestamp", "datetime")
_WHO = (
    "direction", "dir", "way", "source", "from", "sender", "channel", "port", "device", "name", "type",
    "analyzer name",
)  # fmt: skip
_SCALES = {
    **dict.fromkeys(("s", "", "sec", "secs", "second", "seconds"), 1.0),
    **dict.fromkeys(("ms", "msec", "msecs", "millisecond", "milliseconds", "millis"), 1e-3),
    **dict.fromkeys(("us", "\u03bcs", "usec", "usecs", "microsecond", "microseconds", "micros"), 1e-6),
    **dict.fromkeys(("ns", "nsec", "nsecs", "nanosecond", "nanoseconds", "nanos"), 1e-9),
}
"""Seconds of a unit, however it is spelt; the two letters that look like a mu are taken for one."""

_OPENS = re.compile(r"[\[(]")
_NUMBERED = re.compile(
    r"(?:0x[0-9a-f]{1,2}|0b[01]{1,8})(?:[ ,;]++(?:0x[0-9a-f]{1,2}|0b[01]{1,8}))*+", re.IGNORECASE
)
_QUOTED_NUMBER = re.compile(r"'([0-9]{1,3})'")
_NAMED = {"COMMA": b",", "' '": b" "}
_END = re.compile(rb"([\r\n])")
_PLAIN_HEX = re.compile(r"(?:[0-9a-fA-F]{2}[ :]?)+")


@dataclass(frozen=True, slots=True)
class _Header:
    """Where things are.

    :param width: how many columns there are
    :param clock: what reads the times
    :param by_bytes: whether it is an analyser's, with a row for each byte
    :param bare: whether quotes are ordinary characters
    """

    divider: str
    width: int
    data: int
    clock: TimeColumn
    mark: int | None
    hexadecimal: bool
    by_bytes: bool
    bare: bool


class TimeColumn:
    """Reads the times of a table, row by row.

    :param column: where they stand; None where there are none
    """

    def __init__(self, column: int | None, unit: str) -> None:
        self._column = column
        self._unit = unit
        self._times = Times()
        self._last = 0.0

    @classmethod
    def named(cls, heads: Sequence[str]) -> TimeColumn | None:
        """Find the column by its heading; None where no heading is one of times."""
        split = [_name_and_unit(head.lower()) for head in heads]
        column = _column([name for name, _ in split], _TIME)
        return None if column is None else cls(column, split[column][1])

    def take(self, cells: Sequence[str]) -> float:
        """Give the instant of a row, that of the row before where it tells none."""
        if cell := _cell(cells, self._column):
            try:
                count = float(cell.replace(",", ".").removesuffix("s"))
            except ValueError:
                self._last, _ = self._times.take(f"{cell} ;")  # a time of day
            else:
                if math.isfinite(count):
                    self._last = count * _scale(self._unit)
        return self._last


def read_table(texts: Sequence[str]) -> ReadLog | None:
    """Read a table; None if the log is none.

    :param texts: the lines of the file
    :raises RecordError: for a table without a column of data, or a damaged one
    """
    first = next((number for number, text in enumerate(texts) if text.strip()), 0)
    header = _header(texts[first]) if texts else None
    if header is None:
        return None
    # With their ends, which a cell in quotes may contain; a CR alone ends a line, too.
    lines = "".join([text.rstrip("\r\n") + "\n" for text in texts[first + 1 :]])
    reader = csv.reader(
        io.StringIO(lines, newline=None),
        delimiter=header.divider,
        quoting=csv.QUOTE_NONE if header.bare else csv.QUOTE_MINIMAL,
    )
    try:
        return _read_rows(reader, header)
    except csv.Error as error:
        raise RecordError(f"line {first + 1 + reader.line_num}: {error}") from None


def read_cells(head: Sequence[str], body: Iterable[list[str]]) -> ReadLog | None:
    """Read a table that is divided into cells already; None if it is no log, but about something else.

    :raises RecordError: for times of an unknown unit
    """
    header = None
    with suppress(RecordError):  # no column of data
        header = _columns(head, ",")
    return None if header is None else _read_rows(body, header)


def _read_rows(body: Iterable[list[str]], header: _Header) -> ReadLog:
    skipped, rows = 0, []
    for cells in body:
        if len(cells) > header.data:
            rows.append((_text(cells, header), header.clock.take(cells), _cell(cells, header.mark).lower()))
        else:  # too short for a text
            skipped += any(cell.strip() for cell in cells)
    rows = [row for row in rows if row[0]]
    raws = _cells([text for text, _, _ in rows], header)
    if not header.by_bytes:
        raws = list(_with_spaces(raws, rows))
    pieces = [LogLine(raw, instant, mark) for raw, (_, instant, mark) in zip(raws, rows, strict=True)]
    return ReadLog(joined(pieces, bytewise=header.by_bytes), skipped)


def _header(text: str) -> _Header | None:
    for divider in ",;\t":
        cells = text.strip().split(divider)
        if len(cells) > 1 and (header := _columns(cells, divider)) is not None:
            return header
    return None


def _name_and_unit(cell: str) -> tuple[str, str]:
    """Take ``Time [ms]`` apart; where there is no unit, it is empty."""
    if not cell.endswith((")", "]")):
        return cell, ""
    inner = cell[:-1]
    opens = _OPENS.search(inner, 1 + max(inner.rfind(")"), inner.rfind("]")))
    return (inner[: opens.start()].rstrip(), inner[opens.end() :].strip()) if opens else (cell, "")


def _columns(cells: Sequence[str], divider: str) -> _Header | None:
    split = [_name_and_unit(cell.strip().strip('"').lower()) for cell in cells]
    names = [name for name, _ in split]
    data, time, mark = (_column(names, known) for known in (_DATA, _TIME, _WHO))
    if data is None and time is not None and names[time] in _SURELY_TIME:
        raise RecordError(
            f"a table with the columns {', '.join(names)} has none that says what crossed the line: name it data, and "
            "the others time and direction (or export the decoded bytes of a logic analyser, not its samples)"
        )
    if data is None or (time is None and mark is None):
        return None
    clock = TimeColumn(time, split[time][1] if time is not None else "")
    hexadecimal = names[data] == "hex" or split[data][1].startswith("hex")
    bare = not {"parity error", _DECODED}.isdisjoint(names)
    by_bytes = bare or {"start_time", "duration"} <= set(names)
    return _Header(divider, len(names), data, clock, mark, hexadecimal, by_bytes, bare)


def _column(names: list[str], known: Sequence[str]) -> int | None:
    return next((names.index(name) for name in known if name in names), None)


def _cell(cells: Sequence[str], column: int | None) -> str:
    return cells[column].strip(' "') if column is not None and column < len(cells) else ""


def _text(cells: Sequence[str], header: _Header) -> str:
    if header.data == header.width - 1:  # a text with dividers in it, and no quotes around
        return header.divider.join(cells[header.data :])
    if header.bare and not cells[header.data] and len(cells) > header.width:
        return header.divider
    return cells[header.data]


def _scale(unit: str) -> float:
    """Give the seconds of a unit; a guess would be wrong by a factor of a thousand, without a word."""
    scale = _SCALES.get(unicodedata.normalize("NFKC", unit).rstrip("."))
    if scale is None:
        raise RecordError(f"the unit {excerpt(unit)} of the times is not known: write s, ms, us or ns")
    return scale


def _cells(texts: Sequence[str], header: _Header) -> list[bytes]:
    """Give the bytes of each row."""
    if header.hexadecimal and all(_PLAIN_HEX.fullmatch(text.strip()) for text in texts):
        return [bytes.fromhex(text.strip().replace(":", " ")) for text in texts]
    if not header.by_bytes:
        return [_numbered(text) or line_bytes(_bare(text)) for text in texts]
    numbers = all(text.isdecimal() and int(text) < 256 for text in texts)
    decimal = numbers and any(len(text) > 1 for text in texts)
    return [bytes([int(text)]) if decimal else _byte(text) for text in texts]


def _with_spaces(raws: Sequence[bytes], rows: Sequence[tuple[str, float, str]]) -> Iterator[bytes]:
    """Give back the space that a piece of a line begins or ends with; a row that is a line has none.

    :param raws: the bytes of each row, without spaces around
    :param rows: the text of each, its instant and its mark; where all texts begin with a space, or end with one, the
        table is written so, and what is said in pieces has ends of lines
    """
    in_pieces = {mark for raw, (_, _, mark) in zip(raws, rows, strict=True) if _END.search(raw)}
    before = b"" if all(text.startswith(" ") for text, _, _ in rows) else b" "
    behind = b"" if all(text.endswith(" ") for text, _, _ in rows) else b" "
    for raw, (text, _, mark) in zip(raws, rows, strict=True):
        said = as_bytes(text) if mark in in_pieces else raw
        # Anything else is a dump in hexadecimal, quotes, or more spaces than a line has.
        yield said if said in (before + raw, raw + behind, before + raw + behind) else raw


def _bare(text: str) -> str:
    """Take off the quotes of a cell with a space before them: they are none to the csv module."""
    text = text.strip()
    whole = len(text) > 1 and text.startswith('"') and text.endswith('"')
    return text[1:-1].replace('""', '"') if whole else text


def _numbered(text: str) -> bytes:
    """Give the bytes of ``0x67 0x65``; none for anything else."""
    if not _NUMBERED.fullmatch(text.strip()):
        return b""
    return bytes(int(number, 0) for number in re.split(r"[ ,;]+", text.strip()))


def _byte(text: str) -> bytes:
    """Give the byte a cell of an analyser's export stands for."""
    if (quoted := _QUOTED_NUMBER.fullmatch(text)) and int(quoted[1]) < 256:
        return bytes([int(quoted[1])])
    return _NAMED.get(text) or _numbered(text) or as_bytes(text)


def joined(rows: Sequence[LogLine], *, bytewise: bool = False) -> list[LogLine]:
    """Join what belongs to one line, for each speaker apart; lines come in the order in which they were whole.

    :param bytewise: whether a row is a byte; else ends of lines divide where the log has any
    """
    found: list[tuple[int, LogLine]] = []  # each with the row that it ends in
    open_lines: dict[str, list[tuple[bytes, int]]] = {}  # what there is of each, and in which row
    # Where ends of lines are logged, they divide; elsewhere each row is a line.
    streams = {row.mark for row in rows if bytewise or _END.search(row.raw)}

    def finish(mark: str) -> None:
        begun = open_lines.pop(mark, [])
        raw = b"".join(piece for piece, _ in begun)
        if raw.strip():
            found.append((begun[-1][1], LogLine(raw, rows[begun[0][1]].instant, mark)))

    for number, row in enumerate(rows):
        if begun := open_lines.get(row.mark):
            given_up = row.instant - rows[begun[-1][1]].instant > PARTIAL_LINE_TIME  # by a module too
            # What has more pieces than a line has characters is none.
            in_doubt = not bytewise and len(begun) < LINE_LIMIT
            if given_up or (in_doubt and begins_another(b"".join(piece for piece, _ in begun), row.raw)):
                finish(row.mark)
        for piece in _END.split(row.raw):
            if piece in (b"\r", b"\n"):
                finish(row.mark)
            elif piece:
                open_lines.setdefault(row.mark, []).append((piece, number))
        if row.mark not in streams:
            finish(row.mark)
    for mark in list(open_lines):
        finish(mark)
    return [line for _, line in sorted(found, key=itemgetter(0))]
