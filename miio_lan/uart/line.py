"""Bytes to lines, lines to tokens, and back.

A line is a command word and parameters divided by spaces, ended by CR. Reading is lenient: LF around the CR, bytes
outside printable ASCII, overlong and unfinished lines are survived and named. Writing is strict: what the serial
document does not allow is refused before anything is sent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from miio_lan.errors import LineError
from miio_lan.uart.document import CR, LINE_LIMIT, MAX_LINE, MAX_PARAMETERS, PARTIAL_LINE_TIME
from miio_lan.uart.values import MISSING, QUOTED, Value, shown, token, value

__all__ = [
    "CR",
    "LF_BEFORE",
    "MAX_LINE",
    "MAX_PARAMETERS",
    "MISSING",
    "NON_ASCII",
    "OVERLONG",
    "THROWN_AWAY",
    "UNFINISHED",
    "Line",
    "LineReader",
    "Value",
    "clean",
    "join",
    "kept_text",
    "past_prompt",
    "seal",
    "split",
    "split_legacy",
    "token",
    "value",
]

OVERLONG = "overlong"
UNFINISHED = "unfinished"
NON_ASCII = "non-ASCII bytes dropped"
LF_BEFORE = "LF before"
THROWN_AWAY = frozenset({OVERLONG, UNFINISHED})
"""Problems of lines that a module throws away without a word."""

KEPT = 4096
"""Bytes of one line that a :class:`LineReader` keeps by default; what exceeds it is dropped up to the next CR."""

GRAPHIC = re.compile(rb"[!-~]")
"""A byte that begins a line: what comes before, an end of a line or junk at power-up, is no part of its text."""

_TYPOGRAPHIC = dict.fromkeys(map(ord, "\u201c\u201d\u201e\u201f\u2033\uff02"), '"')
_TOKENS = re.compile(rf'{QUOTED.pattern}[^ ]*|".*|[^ ]+')
_LEGACY_TOKENS = re.compile(rf'{QUOTED.pattern}[^ ,]*|".*|[^ ,]+', re.DOTALL)
_NESTED = re.compile(r"[\[\]{}]")
_DROPPED = bytes(each for each in range(256) if not 0x20 <= each < 0x7F)
_PROMPTS = re.compile(r"(?:# *)+(?=[^ ])")


def clean(
    line: bytes | bytearray | memoryview | str, *, keep_text: bool = True
) -> tuple[str, tuple[str, ...]]:
    """Return the printable text of one line without its terminator, and what had to be repaired.

    Line ends and leading or trailing spaces are nobody's fault. Backspaces take back the character before them, every
    other byte outside 0x20..0x7E is dropped as a module drops it. With ``keep_text`` a reader is told what the sender
    meant: typographic quotes become ASCII quotes, and well-formed UTF-8 text inside quotes stays.
    """
    text = line if isinstance(line, str) else bytes(line).decode("utf-8", "surrogateescape")
    text, cr, _ = text.strip("\r\n").partition("\r")
    faults = ["another line follows in the same text"] if cr else []
    if not (text.isascii() and text.isprintable()):
        straight = text.translate(_TYPOGRAPHIC) if keep_text else text
        if straight != text:
            faults.append("typographic quotes where ASCII quotes belong")
        text, dropped = _drop(straight, keep_text)
        faults += dropped
    return text.strip(" "), tuple(faults)


def _drop(text: str, keep_text: bool) -> tuple[str, list[str]]:
    kept: list[str] = []
    quoted = escaped = False
    foreign = backspaces = 0
    for character in text:
        if character in "\x08\x7f":
            backspaces += 1
            del kept[-1:]
        elif " " <= character <= "~":
            if character == '"' and not escaped:
                quoted = not quoted
            escaped = character == "\\" and not escaped
            kept.append(character)
        else:
            foreign += 1
            if keep_text and quoted and character.isprintable():
                kept.append(character)
    faults: list[str] = []
    if foreign:
        faults.append(f"{foreign} byte(s) or character(s) outside printable ASCII, which a module drops")
    if backspaces:
        faults.append(f"{backspaces} backspace(s)")
    return "".join(kept), faults


def kept_text(line: bytes) -> str:
    """Give the printable text of one line as a module holds it: what :func:`clean` gives, at much less cost."""
    if b"\x08" in line or b"\x7f" in line or CR in line[:-1]:
        return clean(line, keep_text=False)[0]
    return line.translate(None, _DROPPED).decode("ascii").strip(" ")


def past_prompt(text: str) -> str:
    """Give what a module says behind the prompt of echo mode, of clean text; what has nothing behind it stays."""
    found = _PROMPTS.match(text) if text.startswith("#") else None
    return text[found.end() :] if found else text


def split(line: bytes | str) -> list[str]:
    """Split a line into its tokens, quotes and escapes kept. Never raises.

    Runs of spaces divide; a token that begins with ``"`` runs to the next unescaped ``"``, spaces included, and on to
    the next space. Commas never divide: ``"0,6,0,5"`` and ``1,2`` are one token each. An unfinished string is the last
    token.
    """
    return tokens_of(clean(line)[0])


def tokens_of(text: str) -> list[str]:
    """Split clean text into tokens; see :func:`split`."""
    if "  " in text or text[:1] == " " or text[-1:] == " ":
        return _TOKENS.findall(text)
    # What follows, at a third of its cost, where one space divides: up to the first quote nothing else can.
    quote = text.find('"')
    if quote < 0:
        return text.split(" ") if text else []
    begins = text.rfind(" ", 0, quote) + 1
    found = text[: begins - 1].split(" ") if begins else []
    found += _TOKENS.findall(text, begins)
    return found


def split_legacy(line: bytes | str) -> list[str]:
    """Split a line of the older commands, where commas divide like spaces and ``{...}``, ``[...]`` stay together."""
    return legacy_tokens_of(clean(line)[0])


def legacy_tokens_of(text: str, dividers: str = " ,") -> list[str]:
    """Split clean text on any of ``dividers`` outside quotes, braces and brackets."""
    if dividers == " ," and _NESTED.search(text) is None:
        return _LEGACY_TOKENS.findall(text)  # what follows, at a tenth of its cost, where nothing is nested
    tokens: list[list[str]] = [[]]
    depth = 0
    quoted = escaped = False
    for character in text:
        if quoted:
            quoted = character != '"' or escaped
            escaped = character == "\\" and not escaped
        elif character in dividers and depth == 0:
            tokens.append([])
            continue
        elif character == '"':
            quoted = depth > 0 or not tokens[-1]
        elif character in "{[":
            depth += 1
        elif character in "}]":
            depth = max(0, depth - 1)
        tokens[-1].append(character)
    return ["".join(token) for token in tokens if token]


def join(tokens: Sequence[str], *, head: int = 1) -> bytes:
    """Write tokens as one line with its CR.

    :param head: how many tokens make the command (2 for ``down METHOD``); what follows are parameters
    :raises LineError: no token, a token that would not be read back as itself, more than 64 parameters, or 512
        characters or more (serial document, serial command rules)
    """
    if not tokens:
        raise LineError("a line needs at least a command word")
    for each in tokens:
        if tokens_of(each) != [each]:
            raise LineError(
                f"{shown(each)} is not one token; put a string into quotes, a space as \\u0020 elsewhere"
            )
        if each.startswith('"') and tokens_of(each + " x") != [each, "x"]:
            raise LineError(f"the string {shown(each)} has no closing quote")
    check_count(len(tokens) - head)
    return seal(" ".join(tokens))


def check_count(parameters: int) -> None:
    """Refuse more parameters than a line may have.

    :raises LineError: more than 64
    """
    if parameters > MAX_PARAMETERS:
        raise LineError(f"{parameters} parameters: a line has at most {MAX_PARAMETERS}")


def seal(text: str) -> bytes:
    """Return the bytes of a line, CR included.

    :raises LineError: 512 characters or more, or a character outside printable ASCII
    """
    if not text or not text.isascii() or not text.isprintable():
        raise LineError(
            f"{shown(text)} is not a line: it takes printable ASCII characters only, and at least one"
        )
    if len(text) > MAX_LINE:
        raise LineError(f"{len(text)} characters: a line has fewer than {LINE_LIMIT}")
    return text.encode("ascii") + CR


class Line(NamedTuple):
    """One line as it came in.

    :param raw: the bytes, terminator included where there was one (and an LF left over from a CRLF before)
    :param text: the printable text, as a module would hold it in its buffer
    :param instant: monotonic seconds of the read that brought the first byte of the text
    :param problems: any of :data:`OVERLONG`, :data:`UNFINISHED`, :data:`NON_ASCII`, :data:`LF_BEFORE`
    """

    raw: bytes
    text: str
    instant: float
    problems: tuple[str, ...] = ()


class LineReader:
    """Turns bytes, in whatever pieces they come, into lines. Keeps at most one line of ``limit`` bytes.

    :param limit: bytes kept of a line; the rest up to the next CR is dropped and the line is :data:`OVERLONG`
    :param idle: seconds of silence after which an unfinished line is given up; None never does (echo mode)
    :param keep_empty: hand out lines without any text too (a recorder wants them, the two ends ignore them)
    """

    def __init__(
        self, *, limit: int = KEPT, idle: float | None = PARTIAL_LINE_TIME, keep_empty: bool = False
    ) -> None:
        self.idle = idle
        self._limit = limit
        self._keep_empty = keep_empty
        self._longest_plain = min(limit, MAX_LINE)
        self._buffer = b""
        self._has_text = self._overflow = False
        self._began = self._last = 0.0

    @property
    def deadline(self) -> float | None:
        """When :meth:`tick` is next wanted, in monotonic seconds; None while no line is begun."""
        return self._last + self.idle if self.idle is not None and self._has_text else None

    def feed(self, data: bytes, now: float) -> list[Line]:
        """Take bytes that were read at ``now``; return the lines they complete."""
        lines = self.tick(now) if self._has_text else []
        start = 0
        while end := data.find(CR, start) + 1:
            raw = self._buffer + data[start:end]
            text = raw[:-1].decode("latin-1")
            if text.isascii() and text.isprintable() and len(raw) <= self._longest_plain:
                # So it is nearly always: looking closer would find nothing.
                text = text.strip(" ")
                if text or self._keep_empty:
                    lines.append(Line(raw, text, self._began if self._has_text else now))
                self._buffer, self._has_text = b"", False
            else:
                self._append(data[start:end], now)
                lines += self._finish()
            start = end
        if start < len(data):
            self._append(data[start:], now)
        return lines

    def tick(self, now: float) -> list[Line]:
        """Give up an unfinished line after the silence a module allows."""
        deadline = self.deadline
        return self.flush() if deadline is not None and now >= deadline else []

    def flush(self) -> list[Line]:
        """Give up what has no end yet, whatever the time (the port was closed, the other side was reset)."""
        return self._finish(UNFINISHED) if self._buffer else []

    def _append(self, data: bytes, now: float) -> None:
        if not self._has_text:
            # an LF that belongs to the line before, or power-up junk, does not date this line
            self._began = now
            self._has_text = 0x20 < data[0] < 0x7F or GRAPHIC.search(data) is not None
        self._last = now
        self._buffer += data
        if len(self._buffer) > self._limit:
            self._overflow = True
            self._buffer = self._buffer[: self._limit]

    def _finish(self, *problems: str) -> list[Line]:
        raw, self._buffer = self._buffer, b""
        body = raw.strip(b"\r\n")
        text, faults = clean(body, keep_text=False)
        if raw.startswith(b"\n"):
            problems += (LF_BEFORE,)
        if faults:
            problems += (NON_ASCII,)
        if self._overflow or len(body) > MAX_LINE:
            problems += (OVERLONG,)
        self._has_text = self._overflow = False
        return [Line(raw, text, self._began, problems)] if text or self._keep_empty else []
