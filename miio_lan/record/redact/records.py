"""Records, the lines and readings in them, and sentences about them, as people may see them.

Lines of the serial line have secrets without quotes or colons, too: what follows a network's name, or their own.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from miio_lan.record.limits import MAX_READING_DEPTH
from miio_lan.record.redact.names import is_secret_name, is_word
from miio_lan.record.redact.patterns import late_pattern
from miio_lan.record.redact.quoted import HARMLESS
from miio_lan.record.redact.secret import HIDDEN
from miio_lan.record.redact.texts import may_tell, redact, redact_value

if TYPE_CHECKING:
    from miio_lan.record import Record

_ARGUMENT = r"(?:\"(?:[^\"\\]|\\.)*+\"?+|[^\s,\"]\S*+)"
_NETWORK = late_pattern(rf"(?<![\w.])((?:setwifi|config_router)\s++{_ARGUMENT}\s++)(\S.*)", re.DOTALL)
_NETWORK_SIGNS = ("wifi", "config_router")
_NAME = late_pattern(r"(?<![^\s,])\"?+([\w-]++)\"?+[\s,]++")
_VALUE = late_pattern(_ARGUMENT)

# A quote behind a backslash begins nothing: repr writes none there.
_EXCERPT = late_pattern(r"(?<![\w\\])(?:'(?:[^'\\]|\\.)*+'|\"(?:[^\"\\]|\\.)*+\")", re.DOTALL)
_UNLIKE = late_pattern(r"[^!-~]|\\")
# What the reading of such a line says of it as a whole.
_ABOUT = frozenset({"command", "method", "answers", "valid"})

# How many characters are looked through for the pieces of a line.
_LEAST_EFFORT, _EFFORT_PER_CHARACTER = 1_000_000, 100


def redact_record(record: Record, found: list[str] | None = None) -> Record:
    """Give a record as people may see it; the very same when it holds no secret.

    :param found: takes up what was hidden
    """
    if _is_harmless(record):
        return record
    if record.wire == "uart":
        raw = _redacted_line(record.raw.decode("latin-1"), [] if found is None else found).encode("latin-1")
        reading = None if record.reading is None else redact_value(record.reading)
        if raw != record.raw:
            # It is made of pieces of the line, which do not show any more what they belong to.
            reading = _of_line(reading, _Public(raw.decode("latin-1")))
    else:
        text = record.raw.decode("utf-8", "surrogateescape")
        raw = redact(text, found).encode("utf-8", "surrogateescape")
        reading = None if record.reading is None else redact_value(record.reading, found)
    note, peer = redact(record.note), redact(record.peer)
    if (raw, reading, note, peer) == (record.raw, record.reading, record.note, record.peer):
        return record
    return replace(record, raw=raw, reading=reading, note=note, peer=peer)


def _is_harmless(record: Record) -> bool:
    """Tell of nearly every record, at a fraction of the cost, that there is nothing to be hidden."""
    try:
        text = f"{record.reading!r} {record.note} {record.peer}"
    except (RecursionError, ValueError):  # nested too deeply, or a number of too many digits
        return False
    brackets = text.count("[") + text.count("{") + text.count("(")
    if brackets >= MAX_READING_DEPTH or may_tell(text):
        return False
    line = record.raw.decode("latin-1")
    return not may_tell(line) and not any(sign in line for sign in _NETWORK_SIGNS)


class _Public:
    """What of a line may be seen. Looking for pieces in it is bounded: a line may consist of thousands.

    :param line: the line
    """

    def __init__(self, line: str) -> None:
        self.text = pressed(line)
        self._words = {pressed(word) for word in line.split()}
        self._effort = _LEAST_EFFORT + _EFFORT_PER_CHARACTER * len(self.text)

    def holds(self, piece: str) -> bool:
        """Tell whether a piece is in it; when that was asked too often, only words are still found."""
        wanted = pressed(piece)
        if wanted in self._words:
            return True
        if self._effort <= 0:
            return False
        self._effort -= len(self.text)
        return wanted in self.text


def redact_excerpts(text: str, public: str) -> str:
    """Hide what a sentence quotes, unless it stands in a text that may be seen.

    :param public: that text, :func:`pressed`
    """

    def excerpt(match: re.Match[str]) -> str:
        try:
            said = str(ast.literal_eval(match[0]))
        except (ValueError, SyntaxError):
            said = match[0][1:-1]
        return match[0] if pressed(said.removesuffix("...")) in public else f"'{HIDDEN}'"

    return _EXCERPT.sub(excerpt, text)


def pressed(text: str) -> str:
    """Leave out of a text what is written differently where it is quoted."""
    return _UNLIKE.sub("", text)


def words_of(secrets: Iterable[str]) -> set[str]:
    """Give the words of secrets, as they are written and as they are meant."""
    texts = {secret for each in secrets for secret in (each, _unescaped(each))}
    return {word.strip("\"' \r\n") for text in texts for word in (text, *text.split())} - {"", HIDDEN}


def _redacted_line(line: str, found: list[str]) -> str:
    text = redact(line, found)

    def network(match: re.Match[str]) -> str:
        found.append(match[2])
        return match[1] + HIDDEN + ("\r" if match[2].endswith("\r") else "")

    if any(sign in text for sign in _NETWORK_SIGNS):
        text = _NETWORK.sub(network, text)
    return _hide_arguments(text, found) if may_tell(text) else text


def _hide_arguments(text: str, found: list[str]) -> str:
    """Hide what follows the name of a secret as the next argument."""
    parts: list[str] = []
    done = at = 0
    while match := _NAME.search(text, at):
        at = match.end()
        # A key that is none of a cipher is the name of many an event.
        if is_word(match[1]) or not is_secret_name(match[1]):
            continue
        value = _VALUE.match(text, at)
        if value is None or value[0].strip() in HARMLESS or value[0].startswith(HIDDEN):
            continue
        parts += [text[done:at], HIDDEN]
        found.append(value[0].strip('"'))
        done = at = value.end()
    return "".join([*parts, text[done:]]) if parts else text


def _unescaped(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"', strict=False))
    except ValueError:
        return text


def _of_line(value: object, public: _Public) -> Any:
    """Hide in a reading what is not in the text of its line that may be seen."""
    if isinstance(value, Mapping):
        return {
            key: item
            if key in _ABOUT
            else redact_excerpts(str(item), public.text)
            if key == "problem"
            else _of_line(item, public)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_of_line(item, public) for item in value]
    if value is None or isinstance(value, bool) or public.holds(str(value)):
        return value
    return HIDDEN
