"""Reading damaged JSON: repairs of the kinds of damage seen in the field, each of them named.

Repairs happen outside strings only (apart from bytes that could not stand in any string), and they keep the positions
of list items. What no device was ever seen to send (``NaN``, ``True``, single quotes) is refused rather than guessed.
A module of its own, because most programs never meet a damaged reply and need not load this.
"""

from __future__ import annotations

import json
import re
from typing import NoReturn

from miio_lan.lan.payload import MAX_DEPTH, finite


class Unreadable(Exception):
    """Why a text is beyond repair."""


def bounded(text: str) -> int:
    """Read a whole number; one that no float holds breaks whoever reckons with it.

    :raises ValueError: for what is beyond any number a device can mean
    """
    finite(text)
    return int(text)


_NUMBER = re.compile(r"-?(?:0|[1-9]\d*+)(?:\.\d++)?(?:[eE][+-]?\d++)?", re.ASCII)
# Possessive, as all that repeats here: nothing is tried twice, so that a text of any kind is read in linear time.
_ZEROS = re.compile(r"(-?)0++(\d*+(?:\.\d++)?(?:[eE][+-]?\d++)?)", re.ASCII)
# Signs, dots and digits that make no number in any notation: what a faulty formatter wrote ("-..", "-0./").
_BROKEN_NUMBER = re.compile(
    r"(?![-+]?(?:\d++(?:\.\d++)?|\.\d++)\Z)(?=[-+.]|\d++\.[^\d])[-+./*()\d ]++", re.ASCII
)
_WORD = re.compile(r'[^,\[\]{}:"\'\0]+')
_STRING = re.compile(r'"((?:[^"\\]++|\\.)*+)"', re.DOTALL)
_ESCAPE = re.compile(r'\\(?!["\\/bfnrt]|u[0-9a-fA-F]{4})')
_RAW_CONTROL = re.compile(r"[\x00-\x1f]")
_BLANKS = re.compile(r"[ \t\r\n]*")
#: Words of other notations: a program, not a device, wrote these.
_FOREIGN = frozenset({"NaN", "Infinity", "-Infinity", "+Infinity", "True", "False", "None", "undefined"})
_CONSTANTS: dict[str, object] = {"true": True, "false": False, "null": None}


class Repairer:
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
        """Read the whole text.

        :raises Unreadable: if it cannot be trusted
        """
        if self._text.startswith("\ufeff"):
            self._at = 1
            self.repairs.append("a byte order mark was skipped")
        value = self._value()
        rest = self._peek()
        if rest == "\0":
            self.repairs.append("what followed a NUL was cut off")
        elif rest:
            raise Unreadable(f"unexpected {rest!r} after the end at character {self._at}")
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
                raise Unreadable(f"more than {MAX_DEPTH} levels")
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
            raise Unreadable(f"the string at character {self._at} has no end (the text was cut off)")
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
            raise Unreadable(f"{word} at character {found.start()}")
        return self._number(word)

    def _number(self, word: str) -> object:
        try:
            if _NUMBER.fullmatch(word):
                return json.loads(word, parse_float=finite, parse_int=bounded)
            zeros = _ZEROS.fullmatch(word)
            if zeros:
                self.repairs.append("leading zeros of a number were dropped")
                # A zero that nothing but a fraction follows, or nothing at all, is the number's own.
                own = "" if zeros.group(2)[:1].isdigit() else "0"
                return json.loads(
                    zeros.group(1) + own + zeros.group(2), parse_float=finite, parse_int=bounded
                )
        except ValueError:
            self.repairs.append("a number beyond all bounds became null")
            return None
        if not any(character.isalnum() for character in word):
            self.repairs.append("a number without digits became null")
            return None
        if _BROKEN_NUMBER.fullmatch(word):
            self.repairs.append("a broken number became null")
            return None
        self.repairs.append("a bare word or broken number became text")
        return word

    def _unexpected(self, wanted: str) -> NoReturn:
        found = self._peek()
        if found in {"", "\0"}:
            raise Unreadable(f"the text ends where {wanted} should stand (it was cut off)")
        raise Unreadable(f"{found!r} where {wanted} should stand, at character {self._at}")


def _double_lone_backslash(found: re.Match[str]) -> str:
    return found.group() if found.group(1) else r"\\"
