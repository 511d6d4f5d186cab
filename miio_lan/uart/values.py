"""Tokens and values: what one token of a line stands for, and how a value is written as a token."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from enum import Enum
from functools import lru_cache
from typing import Any, NoReturn

from miio_lan.errors import LineError
from miio_lan.foreign import excerpt

Value = bool | int | float | str | None
"""What a token can stand for. None only ever comes from reading a ``null``, which the document does not have."""

# Digits are never given back: a line of 64 KB without an end would otherwise be read in quadratic time.
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*+)(?P<fraction>\.[0-9]++)?+(?P<exponent>[eE][+-]?[0-9]++)?+")
_LOOSE_NUMBER = re.compile(r"[+-]?(?:[0-9]++\.?[0-9]*+|\.[0-9]++)(?:[eE][+-]?[0-9]++)?+")
_INTEGER = re.compile(r"[+-]?[0-9]++")
QUOTED = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"')
"""A string with both of its quotes."""
_SPACE = "\\u0020"
_STRING_OR_SPACE = re.compile(rf"{QUOTED.pattern}|\\u0020", re.DOTALL)
_WORDS: dict[str, tuple[Value, str]] = {
    "true": (True, ""),
    "false": (False, ""),
    "null": (None, "null is not a value of the document"),
}
MAX_IID = 0x7FFF_FFFF
"""The largest siid, piid, aiid or eiid that the virtual ends take."""
_DEEPEST = 64
_SHORT = 16


class MissingValue(Enum):
    """The type of :data:`MISSING`."""

    MISSING = "missing"

    def __repr__(self) -> str:
        return "MISSING"


MISSING = MissingValue.MISSING
"""Stands where a line could have carried a value and did not."""


shown = excerpt
"""How a message of this room quotes a text."""


def read_value(token: str) -> tuple[Value, str]:
    """Read a token as leniently as it can be read.

    :returns: the value, and what is wrong with the token in plain words (empty when nothing is)
    """
    return _read_short(token) if len(token) <= _SHORT else _read_token(token)


def read_values(tokens: Sequence[str]) -> list[tuple[Value, str]]:
    """Read tokens as :func:`read_value` does, all in one go: a line is read this way, and lines are many."""
    return [_read_short(each) if len(each) <= _SHORT else _read_token(each) for each in tokens]


def _read_token(token: str) -> tuple[Value, str]:
    if token.startswith('"'):
        return _read_string(token)
    return _WORDS.get(token) or _read_bare(token)


# Ids and small numbers make most of every line.
_read_short = lru_cache(maxsize=1024)(_read_token)


def _read_bare(token: str) -> tuple[Value, str]:
    canonical = _NUMBER.fullmatch(token) is not None
    if canonical or _LOOSE_NUMBER.fullmatch(token):
        number = _number(token)
        if number is None:
            return token, f"{shown(token)} is a number out of range"
        return number, "" if canonical else f"{shown(token)} is not a number as JSON writes it"
    text = with_spaces(token)
    if text != token and text.strip(" ") and text.strip(" ") != text:
        return _read_token(text.strip(" "))  # spaces around a value, as JSON allows them
    return text, f"{shown(token)} is neither a number, true, false nor a quoted string"


def _number(token: str) -> int | float | None:
    try:
        if _INTEGER.fullmatch(token):
            return int(token)
        number = float(token)
    except ValueError:  # Python refuses integers of thousands of digits
        return None
    return number if math.isfinite(number) else None


def _read_string(token: str) -> tuple[Value, str]:
    match = QUOTED.match(token)
    if match is None:
        return _unescape(token[1:])[0], f"the string {shown(token)} has no closing quote"
    if match.end() != len(token):
        return token, f"{shown(token)} goes on after its closing quote"
    return _unescape(token[1:-1])


def _unescape(body: str) -> tuple[str, str]:
    try:
        return str(json.loads(f'"{body}"', strict=False)), ""
    except ValueError:
        return body, f"the string {shown(body)} has an escape that JSON does not have"


def value(token: str) -> Value:
    """Return the value a token stands for: number, boolean, or the text of a quoted string.

    :raises LineError: the token is no value (a bare word, an unfinished string, ``null``, ``007``)
    """
    result, fault = read_value(token)
    if fault:
        raise LineError(f"no value: {fault}")
    return result


def token(value: object) -> str:
    """Write a value as the document writes it: booleans as ``true``/``false``, strings in quotes.

    Characters outside printable ASCII are escaped as JSON does; spaces inside a string stay spaces.

    :raises LineError: the value is no boolean, finite number or string
    """
    if isinstance(value, (bool, int, float, str)):
        return json_text(value)
    raise LineError(f"{type(value).__name__} is not a value of a line: a boolean, a number or a string is")


def json_text(value: object) -> str:
    """Write any JSON value compactly, in printable ASCII alone.

    :raises LineError: the value has no JSON form
    """
    try:
        text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise LineError(f"{type(value).__name__} cannot be written as JSON: {error}") from None
    # json leaves DEL as it is, but a module takes it for a backspace
    return text.replace("\x7f", "\\u007f")


def with_spaces(text: str) -> str:
    """Give a text with the spaces that are escaped outside of strings (serial document, separator)."""
    if _SPACE not in text:
        return text
    return _STRING_OR_SPACE.sub(lambda found: " " if found[0] == _SPACE else found[0], text)


def read_json(text: str) -> Any:
    """Read strict JSON: no ``NaN``, no infinities, no depth that would exhaust somebody's stack later.

    :raises ValueError: the text is not JSON
    """
    depth = 0
    for bracket in re.findall(r"[\[\]{}]", text):
        depth += 1 if bracket in "[{" else -1
        if depth > _DEEPEST:
            raise ValueError("nested too deeply")
    try:
        return json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except RecursionError:  # brackets inside strings can hide the depth from the count above
        raise ValueError("nested too deeply") from None


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is out of range")
    return number
