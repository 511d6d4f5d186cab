r"""Formats of text logs that are more than a line each: each is known by its own sign, and read by one function.

A format that finds its sign reads the whole log: what it does not know did not cross the wire, and is counted as left
out, never shown as somebody's words. Sources: what the programs write (ESPHome's ``uart_debug``, sigrok-cli, socat,
PuTTY), logs in bug reports (a module's own log, replacement modules), and screens people copy (SSCOM, Docklight).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from miio_lan.uart.commands import Direction
from miio_lan.uart.logs.logparts import (
    ENDS,
    LogLine,
    ReadLog,
    Times,
    as_bytes,
    line_bytes,
    quoted_in,
    unescaped,
    without_colours,
)
from miio_lan.uart.logs.tables import TimeColumn, joined, read_cells

_CODES = {"CR": b"\r", "LF": b"\n", "NUL": b"\0", "TAB": b"\t", "ESC": b"\x1b", "SP": b" "}


def read_format(texts: Sequence[str]) -> ReadLog | None:
    """Read a log in the first of the known formats whose sign it bears; None where it bears none."""
    return next(filter(None, (reader(texts) for reader in _READERS)), None)


def _by_lines(sign: re.Pattern[str], take: Callable[[str], bytes | None], **marks: Direction) -> _Reader:
    """Make the reader of a format in which each line that crossed the wire bears the sign.

    :param sign: its groups are the mark and the text of a line
    :param take: gives the bytes of a text; None for one that cannot be read, and is left out
    :param marks: what the marks mean, where the format says that
    """

    def read(texts: Sequence[str]) -> ReadLog | None:
        lines = [without_colours(text) for text in texts]
        if not any(sign.search(line) for line in lines):
            return None
        times, pieces, skipped = Times(), [], 0
        for line in lines:
            instant, _ = times.take(line)
            if (match := sign.search(line)) and (raw := take(match[2])) is not None:
                pieces.append(LogLine(raw, instant, marks.get(match[1], match[1].lower())))
            else:
                skipped += bool(line.strip(_UNSHOWN))
        return ReadLog(joined(pieces), skipped)

    return read


_Reader = Callable[[Sequence[str]], ReadLog | None]

# --- ESPHome: <<< "get_down\r", <<< 67:65:74, <<< 103,101,116 -------------------------------------------------------

_ESPHOME = re.compile(r"\[uart_debug:\d++\]: (<<<|>>>) (.*)$")
_HEX_DIGITS = re.compile(r"[0-9A-Fa-f]{2}(?:[:, ][0-9A-Fa-f]{2})*+")
_DECIMALS = re.compile(r"[0-9]{1,3}(?:[:, ][0-9]{1,3})*+")
_BINARY = re.compile(r"0b[01]{8} \(0x([0-9A-Fa-f]{2})\)[:, ]?")
_SIZE = re.compile(r" \(\d++(?: bytes)?\)$")


def _esphome(texts: Sequence[str]) -> ReadLog | None:
    found = (_ESPHOME.search(without_colours(text)) for text in texts)
    rows = [_SIZE.sub("", match[2].strip()) for match in found if match]
    return _by_lines(_ESPHOME, partial(_of_esphome, decimal=_are_decimal(rows)))(texts)


def _are_decimal(rows: Sequence[str]) -> bool:
    """Tell whether the numbers of a log are decimal: one row of two digits each does not show it."""
    numbers = [row for row in rows if _HEX_DIGITS.fullmatch(row) or _DECIMALS.fullmatch(row)]
    if not all(map(_DECIMALS.fullmatch, numbers)):
        return False
    # The comma is what log_int is told to write, the colon what log_hex is.
    return not all(map(_HEX_DIGITS.fullmatch, numbers)) or any("," in row for row in numbers)


def _of_esphome(text: str, *, decimal: bool) -> bytes | None:
    """Read what ``log_string``, ``log_hex``, ``log_int`` and ``log_binary`` of ESPHome write."""
    text = text.strip()
    if text[:1] == text[-1:] == '"' and len(text) > 1:
        return unescaped(text[1:-1])
    text = _SIZE.sub("", text)
    if not decimal and _HEX_DIGITS.fullmatch(text):
        return bytes.fromhex(re.sub("[:, ]", "", text))
    if _DECIMALS.fullmatch(text):
        numbers = [int(each) for each in re.split("[:, ]", text)]
        return bytes(numbers) if max(numbers) < 256 else None
    if text and not _BINARY.sub("", text).strip():
        return bytes(int(digits, 16) for digits in _BINARY.findall(text))
    return None


# --- A module's own log: tou: recv=get_down -------------------------------------------------------------------------

_MODULE = re.compile(r"\btou: (recv|send)=(.*)$")

# --- SSCOM: [14:33:43.123]发→◇get_down, with □ for what cannot be shown ----------------------------------------------

_SSCOM = re.compile(r"^\s*+\[\d\d:\d\d:\d\d\.\d++\]((?:发|OUT)→◇|(?:收|IN)←◆)(.*)$")
_UNSHOWN = "□ \t"

# --- Docklight: [TX] - get_down<CR> ---------------------------------------------------------------------------------

_DOCKLIGHT = re.compile(r"\[([TR]X)\] - (.*)$")
_CONTROL = re.compile(r"<([A-Z0-9]{2,3})>")


def _of_docklight(text: str) -> bytes:
    parts = enumerate(_CONTROL.split(text))
    return b"".join(as_bytes(part) if at % 2 == 0 else _CODES.get(part, b"") for at, part in parts)


# --- Components that play a module: Received MCU message 'get_down', Sending reply 'ok' to MCU ----------------------

_words = partial(re.compile, flags=re.IGNORECASE)
_SENTENCES: dict[Direction, re.Pattern[str]] = {
    "up": _words(r"(?>.*?received\b).*\bmessage\b|.*from (?:the )?mcu"),
    "down": _words(r"(?>.*?sending\b).*\breply\b|.*to (?:the )?mcu"),
}
"""What such a sentence says around the line: a word and, somewhere behind it, another; or some words."""
_NOT_SAID = _words(r"\b(?:queu(?:e|ed|ing|eing)|unknown|unhandled|publish(?:ed|ing)?|reported)\b")
"""What it says of a line that did not cross the wire just then."""


def _component(texts: Sequence[str]) -> ReadLog | None:
    found, times = ReadLog(), Times()
    for text in texts:
        instant, line = times.take(without_colours(text))
        quoted = quoted_in(line)
        if quoted is not None and (way := _told_by(line.replace(f"'{quoted}'", "", 1))):
            found.lines.append(LogLine(as_bytes(quoted), instant, "", way))
        else:
            found.skipped += bool(line.strip())
    return found if found.lines else None


def _told_by(sentence: str) -> Direction | None:
    """Tell which direction a sentence around a quoted line speaks of, None where it is no such sentence."""
    if _NOT_SAID.search(sentence):
        return None
    return next((way for way, words in _SENTENCES.items() if words.match(sentence)), None)


# --- sigrok-cli: uart-1: g, a byte a row ----------------------------------------------------------------------------

# Options of it put numbers of samples in front, a class behind, and quotes around the byte.
_SIGROK = re.compile(
    r"^(?:\d++-\d++ )?+(uart-\d++):(?: ((?:[rt]x)[\w-]*+):)?+"
    r' ?("?)(?:\[([0-9A-Fa-f]{2})\]|([0-9A-Fa-f]{2})|(.?))\3$',
    re.IGNORECASE,
)


def _sigrok(texts: Sequence[str]) -> ReadLog | None:
    matches = [_SIGROK.match(text.rstrip("\r\n")) for text in texts]
    # Where a log has several decoders, there is one for each wire.
    several = len({match[1].lower() for match in matches if match}) > 1
    pieces = []
    for match in filter(None, matches):
        number = match[4] or match[5]
        byte = bytes([int(number, 16)]) if number else (match[6] or " ").encode("utf-8", "surrogateescape")
        mark = (match[2] or "").lower()
        # Rows have no times: those of one line are told by its end alone.
        pieces.append(LogLine(byte, 0.0, f"{match[1].lower()} {mark}".strip() if several else mark))
    skipped = sum(bool(text.strip()) for text, match in zip(texts, matches, strict=True) if not match)
    return ReadLog(joined(pieces, bytewise=True), skipped) if pieces else None


# --- socat -v and -x: rows behind a header with a length ------------------------------------------------------------

_SOCAT = re.compile(
    r"([<>]) \d{4}/\d\d/\d\d (\d\d:\d\d:\d\d\.\d++) ++length=(\d++) from=\d++ to=\d++[ \r]*+(?:\n|$)"
)
_HEX_ROW = re.compile(r"((?: [0-9a-f]{2})++)(?:  .*)?")


def _socat(texts: Sequence[str]) -> ReadLog | None:
    """A header stands right behind what went before, where that did not end a line."""
    before, *parts = _SOCAT.split("\n".join(text.rstrip("\r\n") for text in texts))
    if not parts:
        return None
    times, pieces = Times(), []
    for mark, clock, length, text in zip(*(parts[field::4] for field in range(4)), strict=True):
        instant, _ = times.take(f"{clock} -")
        pieces.append(LogLine(_of_socat(text, int(length)), instant, mark))
    return ReadLog(joined(pieces), sum(bool(row.strip()) for row in before.split("\n")))


def _of_socat(text: str, length: int) -> bytes:
    rows = [row for row in text.split("\n") if row not in ("", "--")]
    in_hex = [_HEX_ROW.fullmatch(row) for row in rows]
    if rows and all(in_hex):
        return bytes.fromhex("".join(row[1] for row in in_hex if row))[:length]
    # Ends of lines are escaped, and shown as well.
    return unescaped("".join(rows))[:length]


# --- PuTTY: a header, then what came --------------------------------------------------------------------------------

_PUTTY = re.compile(r"^=~[=~]++ PuTTY log .*=~[=~]\s*+$")


def _putty(texts: Sequence[str]) -> ReadLog | None:
    rest: list[str | LogLine] = [text for text in texts if not _PUTTY.match(text)]
    return None if len(rest) == len(texts) else ReadLog(rest=rest)


# --- Markdown: tables whose columns are the two directions, that have a column for it, or of commands and replies -----

_CELLS = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r"\s*+:?+-++:?+\s*+")
_SPEAKERS = (
    *("tx", "txd", "sent", "send", "out", "rx", "rxd", "received", "recv", "receive", "in"),
    *("up", "uplink", "down", "downlink", *ENDS),
)
_HEAD = re.compile(
    rf"(?:(?P<from>(?:(?:said|sent) )?(?:from|by) (?:the )?)|(?P<to>(?:(?:said|sent) )?to (?:the )?))?"
    rf"(?P<who>{'|'.join(sorted(_SPEAKERS, key=len, reverse=True))})(?P<more>\s*+(?:->|=>|→|[(/,:]|(?:to|from|by) ).*)?"
)
_ASKED = frozenset({"command", "cmd", "request", "query", "question"})
_REPLIED = frozenset({"reply", "response", "resp", "answer"})
_OTHERS = {"up": "module", "down": "mcu"}


def _speaker_of(head: str) -> str | None:
    """Give the mark of a column by its heading: ``txd``, ``TX (module)``, ``MCU -> module``, ``to MCU``; or None."""
    if (match := _HEAD.fullmatch(head)) is None:
        return None
    way = ENDS.get(match["who"])
    if way is None:
        # "sent by MCU", "to module": words of a direction say nothing about an end that is named behind them.
        return None if match["from"] or match["to"] else match["who"]
    return _OTHERS[way] if match["to"] else match["who"]


def _cells_of(text: str) -> list[str] | None:
    row = text.strip()
    if not row.startswith("|"):
        return None
    # One bar at each end is the table's; a second one has an empty cell in front of it.
    row = row[1:-1] if row.endswith("|") and not row.endswith("\\|") else row[1:]
    return [cell.strip().strip("`").replace("\\|", "|") for cell in _CELLS.split(row)]


def _markdown(texts: Sequence[str]) -> ReadLog | None:
    """Read tables by their headings; all else stays where it is, to be read as lines of no format."""
    rows = [*map(_cells_of, texts), None]  # the end of a log ends a table, too
    rules = [cells is not None and all(map(_RULE.fullmatch, cells)) for cells in rows]
    if not any(rules):
        return None
    found, at = ReadLog(), 0
    while at < len(texts):
        head, end = rows[at], at + 1
        if head is not None and rules[end]:
            end = rows.index(None, at)
            _table(head, [cells for cells in rows[at + 2 : end] if cells is not None], found)
        elif not texts[at].lstrip().startswith(("#", "```")):
            found.rest.append(texts[at])
        at = end
    return found


def _table(head: list[str], body: list[list[str]], found: ReadLog) -> None:
    """Add what a table holds, and how many of its rows did not cross the wire."""
    marks = [_speaker_of(cell.lower()) for cell in head]
    if any(marks):
        found.rest += _of_two_columns(marks, body, TimeColumn.named(head))
    elif read := read_cells(head, body):
        found.rest += read.lines
        found.skipped += read.skipped
    elif len(head) > 1 and not _REPLIED & {cell.lower() for cell in head}:
        found.skipped += len(body)  # it explains commands, and is no log
    else:
        taken = [at for at, cell in enumerate(head) if len(head) == 1 or cell.lower() in _ASKED | _REPLIED]
        found.rest += [cells[at] for cells in body for at in taken if at < len(cells) and cells[at]]


def _of_two_columns(
    marks: Sequence[str | None], body: Sequence[Sequence[str]], clock: TimeColumn | None
) -> Iterator[str | LogLine]:
    for cells in body:
        instant = clock.take(cells) if clock else None
        for mark, cell in zip(marks, cells, strict=False):
            if mark and cell:
                text = f"{mark}: {cell}"  # as a line of no format, it bears the time of what stands before the table
                yield text if instant is None else LogLine(line_bytes(cell), instant, mark)


_READERS: tuple[_Reader, ...] = (
    _socat,
    _sigrok,
    _putty,
    _esphome,
    _by_lines(_MODULE, as_bytes, recv="up", send="down"),
    _by_lines(_SSCOM, lambda text: as_bytes(text.strip(_UNSHOWN))),
    _by_lines(_DOCKLIGHT, _of_docklight),
    _component,
    _markdown,
)
