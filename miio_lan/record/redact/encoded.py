"""Secrets in a text that is written in another way: in Base64, as hexadecimal digits, or escaped for an address.

What decodes to a text that holds a secret is hidden as a whole. Of Base64 that is found when it begins where the text
does and has no line ends within; a piece from its middle tells nobody what it was.
"""

from __future__ import annotations

import binascii
import codecs
import re
from typing import TYPE_CHECKING

from miio_lan.record.redact.patterns import late_pattern
from miio_lan.record.redact.secret import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Callable

# The shortest that is tried: {"pw":"1"} has 14 characters. What does not begin like JSON is tried when it is longer and
# has none of the two characters that the names of many things have, too.
_BEGINS_LIKE_JSON = r"(?:e[ywj]|W[3yw])"
_SHORTEST, _SHORTEST_PLAIN = 14, 24
_BASE64 = late_pattern(
    rf"(?<![A-Za-z0-9+/_-])(?:(?={_BEGINS_LIKE_JSON})(?:[A-Za-z0-9+/_-]|\\/){{{_SHORTEST},}}+"
    rf"|(?:[A-Za-z0-9+/]|\\/){{{_SHORTEST_PLAIN},}}+)(?:=|%3[dD]|\\u003[dD]){{0,2}}"
)
_LONG = late_pattern(rf"[A-Za-z0-9+/_\\-]{{{_SHORTEST}}}")
"""What each of these has. It costs less than they do, to look for and to compile."""
_HEX = late_pattern(r"(?<![0-9a-fA-F])[0-9a-fA-F]{20,}+")
_ESCAPED = late_pattern(r"(?<![^\s\"'<>?&=#/])(?:[^\s\"'<>?&=#/%]*+%)[^\s\"'<>?&=#/]++")
_ESCAPE = late_pattern(rb"%([0-9a-fA-F]{2})")
_URL_SAFE = str.maketrans("-_", "+/", "\\")


def hide_encoded(text: str, found: list[str], clean: Callable[[str, list[str]], str]) -> str:
    """Hide what can be decoded to a text with secrets.

    :param found: takes up what was hidden, and the secrets in it
    :param clean: hides the secrets of a text, and tells them
    """

    def hidden(match: re.Match[str], decoded: str) -> str:
        inside: list[str] = []
        if not decoded or clean(decoded, inside) == decoded:
            return match[0]
        found.extend([match[0], *inside])
        return HIDDEN

    text = _HEX.sub(lambda match: hidden(match, _of_digits(match[0])), text)
    if "%" in text:
        text = _ESCAPED.sub(lambda match: hidden(match, _of_escapes(match[0])), text)
    if _LONG.search(text) is None:
        return text
    return _BASE64.sub(lambda match: hidden(match, _of_base64(match[0])), text)


def _of_base64(word: str) -> str:
    body = re.split(r"=|%|\\u", word, maxsplit=1)[0].translate(_URL_SAFE)
    if len(body) % 4 == 1:  # cut off
        body = body[:-1]
    return _text_of(binascii.a2b_base64(body + "=" * (-len(body) % 4)))


def _of_escapes(word: str) -> str:
    data = word.encode("utf-8", "surrogatepass")
    return _ESCAPE.sub(lambda found: bytes([int(found[1], 16)]), data).decode("utf-8", "replace")


def _of_digits(digits: str) -> str:
    return _text_of(bytes.fromhex(digits[: len(digits) // 2 * 2]))


def _text_of(data: bytes) -> str:
    """Give the text that some bytes are, but for a last character that was cut off; empty for what is none."""
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError:
        return ""
