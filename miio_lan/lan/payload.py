"""JSON as devices send it: strict reading first, then repairs of the kinds of damage seen in the field.

Repairs happen outside strings only (apart from bytes that could not stand in any string), they keep the positions
of list items, and each is named in the result. What no device was ever seen to send (``NaN``, ``True``, single
quotes) is refused rather than guessed.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import NoReturn

from miio_lan.errors import PayloadDecodeException
from miio_lan.redact import redact

#: Deeper than anything a device sends, and far from Python's own recursion limit.
MAX_DEPTH = 64

#: How much of a broken text an error shows.
_EXCERPT = 60


@dataclass(frozen=True, slots=True)
class Payload:
    """A JSON value and what had to be repaired to read it (nothing, for most devices)."""

    value: object
    repairs: tuple[str, ...] = ()


class _Unreadable(Exception):
    """Why a text is beyond repair."""


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is beyond any number a device can mean")
    return number


_STRICT = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)
_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
_ENCODE_ASCII = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


def dump_payload(value: object) -> bytes:
    """Write a value as the compact UTF-8 JSON that devices read.

    :raises TypeError: for what JSON has no form for
    :raises ValueError: for NaN and infinities, and for values that contain themselves
    """
    try:
        return _ENCODE(value).encode()
    except UnicodeEncodeError:
        # A lone surrogate has no UTF-8 form, but JSON can spell it.
        return _ENCODE_ASCII(value).encode()


def parse_payload(plain: bytes) -> object:
    """Read a decrypted payload leniently; see :func:`read_payload`."""
    return read_payload(plain).value


def read_payload(plain: bytes) -> Payload:
    """Read a decrypted payload: strictly where possible, repaired where that is safe.

    :param plain: the plaintext, with or without trailing NULs
    :raises PayloadDecodeException: kind ``"empty"`` or ``"not JSON"``, with the plaintext in ``raw``
    """
    # Older firmware ends the text with a NUL: framing, not damage.
    body = plain.rstrip(b"\0")
    try:
        return Payload(_STRICT.decode(body.decode()))
    except (ValueError, RecursionError):
        pass
    if not body.strip():
        raise PayloadDecodeException("a packet without content: no data", kind="empty", raw=plain)
    reader = _Repairer(body)
    try:
        return Payload(reader.document(), tuple(dict.fromkeys(reader.repairs)))
    except _Unreadable as reason:
        excerpt = redact(body.decode(errors="backslashreplace"))[:_EXCERPT]
        more = "..." if len(body) > _EXCERPT else ""
        raise PayloadDecodeException(
            f"not JSON: {reason} in {excerpt!r}{more}", kind="not JSON", raw=plain
        ) from None


_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_ZEROS = re.compile(r"(-?)0+(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)", re.ASCII)
_WORD = re.compile(r'[^,\[\]{}:"\'\0]+')
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(r'\\(?!["\\/bfnrt]|u[0-9a-fA-F]{4})')
_RAW_CONTROL = re.compile(r"[\x00-\x1f]")
_BLANKS = re.compile(r"[ \t\r\n]*")
#: Words of other notations: a program, not a device, wrote these.
_FOREIGN = frozenset({"NaN", "Infinity", "-Infinity", "+Infinity", "True", "False", "None", "undefined"})
_CONSTANTS: dict[str, object] = {"true": True, "false": False, "null": None}


class _Repairer:
    """A recursive reader of damaged JSON; none of its expressions can backtrack far."""

    def __init__(self, body: bytes) -> None:
        self.repairs: list[str] = []
        self._at = 0
        self._depth = 0
        try:
            self._text = body.decode()
        except UnicodeDecodeError:
            self._text = body.decode(errors="replace")
            self.repairs.append("bytes that are not UTF-8 were replaced")

    def document(self) -> object:
        if self._text.startswith("\ufeff"):
            self._at = 1
            self.repairs.append("a byte order mark was skipped")
        value = self._value()
        rest = self._peek()
        if rest == "\0":
            self.repairs.append("what followed a NUL was cut off")
        elif rest:
            raise _Unreadable(f"unexpected {rest!r} after the end at character {self._at}")
        return value

    def _peek(self) -> str:
        blanks = _BLANKS.match(self._text, self._at)
        assert blanks is not None  # noqa: S101 - the expression matches the empty text
        self._at = blanks.end()
        return self._text[self._at : self._at + 1]

    def _value(self) -> object:
        first = self._peek()
        if first == '"':
            return self._string()
        if first in {"{", "["}:
            self._depth += 1
            if self._depth > MAX_DEPTH:
                raise _Unreadable(f"more than {MAX_DEPTH} levels")
            value = self._object() if first == "{" else self._list()
            self._depth -= 1
            return value
        return self._word()

    def _object(self) -> dict[str, object]:
        self._at += 1
        members: dict[str, object] = {}
        while True:
            first = self._peek()
            if first == "}":
                self._at += 1
                return members
            if first == ",":
                self._at += 1
                self.repairs.append("an empty member was dropped")
                continue
            self._member(members)
            if self._peek() == ",":
                self._at += 1
                if self._peek() == "}":
                    self.repairs.append("an empty member was dropped")
            elif self._peek() != "}":
                self._unexpected("',' or '}'")

    def _member(self, members: dict[str, object]) -> None:
        if self._peek() != '"':
            self._unexpected("a key")
        key = self._string()
        if self._peek() != ":":
            self._unexpected("':'")
        self._at += 1
        if self._peek() in {",", "}"}:
            self.repairs.append(f"{key!r} had no value: null")
            members[key] = None
        else:
            members[key] = self._value()

    def _list(self) -> list[object]:
        self._at += 1
        items: list[object] = []
        if self._peek() == "]":
            self._at += 1
            return items
        while True:
            if self._peek() in {",", "]"}:
                # Every slot counts, also an empty one: answers are matched to questions by position.
                self.repairs.append("an empty slot of a list became null")
                items.append(None)
            else:
                items.append(self._value())
            first = self._peek()
            if first not in {",", "]"}:
                self._unexpected("',' or ']'")
            self._at += 1
            if first == "]":
                return items

    def _string(self) -> str:
        found = _STRING.match(self._text, self._at)
        if found is None:
            raise _Unreadable(f"the string at character {self._at} has no end (the text was cut off)")
        self._at = found.end()
        inner = found.group(1)
        mended = _RAW_CONTROL.sub("\ufffd", inner)
        if mended != inner:
            self.repairs.append("control characters in a string were replaced")
        if _ESCAPE.search(mended):
            mended = re.sub(r'\\(["\\/bfnrt]|u[0-9a-fA-F]{4})|\\', _double_lone_backslash, mended)
            self.repairs.append("a backslash that escapes nothing was kept as it is")
        text = json.loads(f'"{mended}"')
        assert isinstance(text, str)  # noqa: S101 - a quoted text cannot be anything else
        return text

    def _word(self) -> object:
        found = _WORD.match(self._text, self._at)
        if found is None or self._text[found.end() : found.end() + 1] == "'":
            self._unexpected("a value")
        word = found.group().strip()
        if self._depth == 0 and word not in _CONSTANTS and not _NUMBER.fullmatch(word):
            self._unexpected("an object or a list")
        if _RAW_CONTROL.search(word):
            self._unexpected("a value")  # not a slip of a formatter: garbled blocks look like this
        self._at = found.end()
        if word in _CONSTANTS:
            return _CONSTANTS[word]
        if word in _FOREIGN:
            raise _Unreadable(f"{word} at character {found.start()}")
        return self._number(word)

    def _number(self, word: str) -> object:
        try:
            if _NUMBER.fullmatch(word):
                return json.loads(word, parse_float=_finite)
            zeros = _ZEROS.fullmatch(word)
            if zeros:
                self.repairs.append("leading zeros of a number were dropped")
                return json.loads(zeros.group(1) + zeros.group(2), parse_float=_finite)
        except ValueError:
            self.repairs.append("a number beyond all bounds became null")
            return None
        if not any(character.isalnum() for character in word):
            self.repairs.append("a number without digits became null")
            return None
        self.repairs.append("a bare word or broken number became text")
        return word

    def _unexpected(self, wanted: str) -> NoReturn:
        found = self._peek()
        if found in {"", "\0"}:
            raise _Unreadable(f"the text ends where {wanted} should stand (it was cut off)")
        raise _Unreadable(f"{found!r} where {wanted} should stand, at character {self._at}")


def _double_lone_backslash(found: re.Match[str]) -> str:
    return found.group() if found.group(1) else r"\\"
