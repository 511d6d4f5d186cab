"""Hiding the secrets in a text or in a value, of whatever kind they are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from miio_lan.record.limits import MAX_READING_DEPTH
from miio_lan.record.redact.encoded import hide_encoded
from miio_lan.record.redact.names import NAME_SIGNS, NAMED, NAMING, is_secret, is_secret_name
from miio_lan.record.redact.patterns import late_pattern
from miio_lan.record.redact.quoted import hide_named
from miio_lan.record.redact.secret import HIDDEN
from miio_lan.record.redact.unquoted import hide_assigned, hide_elements, hide_forms

_TOO_DEEP = "(nested too deeply)"

# What no text with a secret lacks: most texts are let go at once. Looked for one by one, which is faster than at once.
_SIGNS = (*NAME_SIGNS, "://", "wifi:", "\\u00", "bearer", "basic", "%", "0x", "==")
_DIGITS = late_pattern(r"[0-9A-Fa-f]{16}")
_LONG_WORD = late_pattern(r"[0-9A-Z+/:-][0-9A-Za-z+/_:-]{9}")
# How much of a nesting a text within a text is worth: each takes some calls of functions.
_TEXT_DEPTH = 4

_TYPED = late_pattern(r"[0-9A-Za-z]{20,}+|[0-9A-Za-z:-]{40,}+")
_DIGIT = late_pattern(r"[0-9a-fA-F:-]")
_MOST_DIGITS = 0.75
# The bounds of numbers, and numbers out of them: of a million tokens, less than one has no letter at all. Digits of
# about the length of a token may be meant as one.
_NUMBER = late_pattern(r"[0-9]{1,24}")
_LEAST_KNOWN = 4


def redact(text: str, found: list[str] | None = None) -> str:
    """Hide the secrets in a text. What was JSON is JSON afterwards.

    :param found: takes up what was hidden, as it stood there
    """
    return _clean(text, [] if found is None else found, MAX_READING_DEPTH)


def redact_value(value: object, found: list[str] | None = None) -> Any:
    """Hide the secrets in a value that JSON can express, and cut it where it is nested more than 100 deep.

    :param found: takes up what was hidden
    """
    return _redacted(value, [] if found is None else found, MAX_READING_DEPTH)


def redact_typed(text: str, typed: Iterable[str] = ()) -> str:
    """Hide in a sentence about what a person typed also what was meant to be a token.

    :param typed: what was typed in the place of secrets
    """

    def token(match: re.Match[str]) -> str:
        word = match[0]
        if _NUMBER.fullmatch(word):
            return word
        return HIDDEN if len(_DIGIT.findall(word)) >= len(word) * _MOST_DIGITS else word

    return _TYPED.sub(token, redact(redact_known(text, typed)))


def redact_known(text: str, secrets: Iterable[str]) -> str:
    """Hide what is known to be secret, but not the shortest words: these stand in any text."""
    for secret in sorted({each.strip() for each in secrets}, key=len, reverse=True):
        if len(secret) >= _LEAST_KNOWN:
            text = text.replace(secret, HIDDEN)
    return text


def leaves(value: object, depth: int = MAX_READING_DEPTH) -> list[str]:
    """Give all texts and numbers in a value, as texts."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in leaves(item, depth - 1)] if depth else []
    return [] if value is None or isinstance(value, bool) else [str(value)]


def may_tell(text: str) -> bool:
    """Tell whether a text has anything of a secret; of nearly all texts that it has not, at a small cost."""
    low = text.lower()
    for sign in _SIGNS:
        if sign in low:
            return True
    return bool(_DIGITS.search(text) or _LONG_WORD.search(text))


def _clean(text: str, found: list[str], depth: int) -> str:
    if not may_tell(text):
        return text
    seen: list[str] = []
    hidden = _hidden(text, seen, depth)
    value = _parsed(text) if depth > 0 and (hidden != text or "\\u" in text or '"value"' in text) else None
    if value is None:
        found += seen
        return hidden
    inside: list[str] = []
    clean = _redacted(value, inside, depth - 1)
    if clean == value:
        return text  # what looked like a secret was none
    found += inside
    # If not, it is escaped in a way that only a parser sees through.
    return hidden if clean == _parsed(hidden) else json.dumps(clean)


def _hidden(text: str, found: list[str], depth: int) -> str:
    """Hide what can be recognised without understanding the text as a whole."""
    text = hide_forms(hide_assigned(hide_named(text, found), found), found)
    if "</" in text or "<\\/" in text:
        text = hide_elements(text, found)
    if depth <= 0:
        return text
    return hide_encoded(text, found, lambda inner, more: _clean(inner, more, depth - _TEXT_DEPTH))


def _redacted(value: object, found: list[str], depth: int) -> object:
    if isinstance(value, str):
        return _clean(value, found, depth - _TEXT_DEPTH)
    if isinstance(value, (Mapping, list, tuple)):
        if depth <= 0:
            return _TOO_DEEP
        if not isinstance(value, Mapping):
            return [_redacted(item, found, depth - 1) for item in value]
        named = _name_of(value) if NAMED in value else ""
        return {
            _clean(str(key), found, depth - _TEXT_DEPTH): _member(
                named if named and key == NAMED else str(key), item, found, depth
            )
            for key, item in value.items()
        }
    if isinstance(value, int) and 10**31 <= value < 10**32:  # the digits of a token may all be decimal
        found.append(str(value))
        return HIDDEN
    return value


def _name_of(item: Mapping[object, object]) -> str:
    """Give the name of a secret that an object says of its ``value``; empty when it says none."""
    names = (item.get(key) for key in NAMING)
    return next((name for name in names if isinstance(name, str) and is_secret_name(name)), "")


def _member(name: str, value: object, found: list[str], depth: int) -> object:
    if is_secret(name, value):
        found += leaves(value)
        return HIDDEN
    return _redacted(value, found, depth - 1)


class _Doubled(ValueError):
    """A name stands twice in an object: reading it would lose one of the values."""


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    read = dict(pairs)
    if len(read) != len(pairs):
        raise _Doubled
    return read


def _parsed(text: str) -> object:
    """Read a text as JSON; None for what is none."""
    if text.lstrip()[:1] not in ("{", "[", '"'):
        return None
    try:
        return json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        return None
