"""Texts of others, made fit to be shown: of a device, a line, a recording, a description, a file's name.

Such a text may hold anything. Characters that steer a terminal, break a line, turn the direction of what follows or
are there without being seen are written as escapes, here and nowhere else; whatever shows a foreign text, on a terminal
or in a ``repr``, passes it through :func:`printable` or :func:`excerpt`. No I/O and no clock.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# Categories Cc, Cf, Cs, Zl and Zp of Unicode 17, and letters without a glyph; tests/test_foreign.py compares. Other
# characters that this Python does not know are the terminal's matter.
_UNSEEN = (
    "\x00-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001345f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_GLANCE = 40
_SHOWN = 80


def printable(text: str, *, rows: bool = False) -> str:
    r"""Give a text in which nothing steers the reader's terminal; what would is an escape, such as ``\x1b``.

    :param rows: let line ends and tabs stay, for a text of several lines that is laid out already
    """
    glanced_at = text.replace("\n", "").replace("\t", "") if rows else text
    if glanced_at.isascii() and glanced_at.isprintable():
        return text
    return _steering(rows=rows).sub(_escape, text)


def printable_json(text: str) -> str:
    r"""Give JSON text that means the same, with ``\u001b`` and the like for what would steer the reader's terminal."""
    glanced_at = text.replace("\n", "").replace("\t", "")
    if glanced_at.isascii() and glanced_at.isprintable():
        return text
    return _steering(rows=True).sub(_escape_in_json, text)


def excerpt(text: str) -> str:
    """Give a text as a message may quote it: in quotes and pure ASCII, on one line, not longer than a glance."""
    return ascii(text if len(text) <= _GLANCE else text[: _GLANCE - 3] + "...")


def show(value: object, clean: Callable[[str], str] | None = None) -> str:
    """Write any value into an error: short, and whatever its own ``repr`` does; integers may be too long for it.

    :param clean: what the text passes through before most of it is left out
    """
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - somebody else's object; the error that is being made is the one to be told
        text = "an integer of thousands of digits" if isinstance(value, int) else f"a {type(value).__name__}"
    if clean is not None:
        text = clean(text[: _SHOWN * _SHOWN])
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


def kind_of(value: object) -> str:
    """Say in JSON's words what a value is, that came as JSON or TOML: "a list", "null"."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


@cache
def _steering(*, rows: bool) -> re.Pattern[str]:
    """Give the pattern of what is escaped: made when it is first needed, for most programs meet none of that."""
    return re.compile(f"(?![\n\t])[{_UNSEEN}]" if rows else f"[{_UNSEEN}]")


def _escape(found: re.Match[str]) -> str:
    return found.group().encode("unicode_escape").decode("ascii")


def _escape_in_json(found: re.Match[str]) -> str:
    units = found.group().encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
