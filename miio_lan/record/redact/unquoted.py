"""Secrets that need no quotes to be known: by their form, and by a name before ``=`` or ``:``."""

from __future__ import annotations

import re

from miio_lan.record.redact.names import is_secret, is_word, number_or_text
from miio_lan.record.redact.patterns import late_pattern
from miio_lan.record.redact.quoted import HARMLESS, string_end
from miio_lan.record.redact.secret import HIDDEN

# A byte that was no text stands before a token as an escape, whose digits are not the token's.
_DIGITS_BEGIN = r"(?:(?<![0-9a-fA-F])|(?<=\\x[0-9a-fA-F]{2})|(?<=\\u[0-9a-fA-F]{4}))"
_DIGITS = rf"{_DIGITS_BEGIN}[0-9a-fA-F]{{32}}(?![0-9a-fA-F])"
_BYTES = r"(?<![0-9a-fA-F:-])[0-9a-fA-F]{2}(?:[:-][0-9a-fA-F]{2}){15}(?![0-9a-fA-F]|[:-][0-9a-fA-F]{2}(?![0-9a-fA-F]))"
_ARRAY = r"(?<!\w)0[xX][0-9a-fA-F]{2}(?:[ \t,]{1,3}0[xX][0-9a-fA-F]{2}){15}(?![ \t,]{1,3}0[xX]|\w)"
# 16 bytes: 22 characters, the last of which has two bits to say.
_BASE64 = r"(?<![A-Za-z0-9+/_-])(?:[A-Za-z0-9+_-]|\\?/){21}[AQgw](?:=|%3[dD]|\\u003[dD]){2}(?!=)"
_SIGNED_CLAIMS = r"(?<![\w-])ey[\w-]{8,}+\.ey[\w-]{2,}+\.[\w-]*+"
_BEARER = r"(?<=\bBearer )[\w.~+/=-]{6,}+|(?<=\bBasic )[A-Za-z0-9+/]{6,}+={0,2}"
# What a QR code for a network says.
_NETWORK_CODE = r"(?<=WIFI:)[A-Z]:\S*+"
_TOKEN = late_pattern(f"{_DIGITS}|{_BYTES}|{_ARRAY}|{_BASE64}|{_SIGNED_CLAIMS}|{_BEARER}|{_NETWORK_CODE}")
_PRIVATE_KEY = late_pattern(r"(-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----)(?:(?!-----END).)*+", re.DOTALL)
# The end of a line, also as JSON writes it, within JSON.
_LINE_END = r"(?:\\{1,16}r(?:\\{1,16}n)?|\\{1,16}n|\r\n?|\n)[ \t]{0,8}"
_BROKEN = late_pattern(
    rf"{_DIGITS_BEGIN}(?P<first>[0-9a-fA-F]{{1,31}})(?![0-9a-fA-F]){_LINE_END}(?P<second>[0-9a-fA-F]{{1,31}})"
    r"(?![0-9a-fA-F])"
)
_TOKEN_DIGITS = 32

_USER_INFO = late_pattern(r"(://)([^/\s\"@]*+)@")

# In addresses, what follows an escape is a name as well.
_NAME = late_pattern(
    r"(?:(?<![\w-])(?!(?<=%)[0-9a-fA-F]{2})|(?<=%[0-9a-fA-F]{2}))(?P<name>[\w-]++)"
    r"(?P<sign>[ \t]{0,8}=[ \t]{0,8}|%3[dD]|[ \t]{0,8}:[ \t]{0,8})"
)
_ELEMENT = late_pattern(
    r"(?P<tag><(?P<name>[A-Za-z_][\w:.-]*+)(?:\s[^<>]{0,200}+)?>)(?P<content>[^<>]++)(?=<\\?/)"
)
_ASSIGNED = late_pattern(r"[^\s\"'\\&;,#\])}]++")
# Behind a colon, a value may have blanks.
_SAID = late_pattern(r"(?:[^\s,;}\])\"'\\]|[ \t](?=\S)|(?<=\w)[\"'](?=\w)|\\(?![nrtu\"'\\]))++")
_OPENING = late_pattern(r"(\\*+)([\"'])(?![\s,}\])]|$)")
# Of a word that is a name only sometimes, a long value is needed.
_LONG_WORD = late_pattern(r"\S{8}")


def hide_forms(text: str, found: list[str]) -> str:
    """Hide tokens and keys by their form, and logins in URLs.

    :param found: takes up what was hidden
    """

    def token(match: re.Match[str]) -> str:
        found.append(match[0])
        return HIDDEN

    def broken(match: re.Match[str]) -> str:
        if len(match["first"]) + len(match["second"]) != _TOKEN_DIGITS:
            return match[0]
        found.append(match["first"] + match["second"])
        return HIDDEN + text_between(match) + HIDDEN

    def text_between(match: re.Match[str]) -> str:
        return match.string[match.end("first") : match.start("second")]

    def login(match: re.Match[str]) -> str:
        found.append(match[2])
        return f"{match[1]}{HIDDEN}@"

    text = _USER_INFO.sub(login, text)
    if "PRIVATE KEY" in text:
        text = _PRIVATE_KEY.sub(rf"\1{HIDDEN}", text)
    text = _TOKEN.sub(token, text)
    return _BROKEN.sub(broken, text) if any(sign in text for sign in "\r\n\\") else text


def hide_elements(text: str, found: list[str]) -> str:
    """Hide the content of XML elements that have the name of a secret.

    :param found: takes up what was hidden
    """

    def element(match: re.Match[str]) -> str:
        if not is_secret(match["name"], match["content"]) or match["content"] in (HIDDEN, *HARMLESS):
            return match[0]
        found.append(match["content"])
        return match["tag"] + HIDDEN

    return _ELEMENT.sub(element, text)


def hide_assigned(text: str, found: list[str]) -> str:
    """Hide what stands behind the unquoted name of a secret: ``token=x``, ``password: x``.

    :param found: takes up what was hidden
    """
    parts: list[str] = []
    done = 0
    for match in _NAME.finditer(text):
        if match.start() < done or not is_secret(match["name"], HIDDEN):
            continue
        said = ":" in match["sign"]
        if said and match["name"].startswith("-"):  # an option, in a sentence about it
            continue
        start, end, quotes = (_said if said else _assigned)(text, match.end())
        value = text[start:end]
        if text.startswith(HIDDEN, start) or _is_shown(match["name"], value, said=said):
            continue
        parts += [text[done:start], quotes, HIDDEN, quotes]
        found.append(value.strip("\\\"'"))
        done = end
    return "".join([*parts, text[done:]]) if parts else text


def _is_shown(name: str, value: str, *, said: bool) -> bool:
    if value.strip() in HARMLESS or not is_secret(name, number_or_text(value)):
        return True
    return said and is_word(name) and not _LONG_WORD.search(value)


def _assigned(text: str, start: int) -> tuple[int, int, str]:
    return _quoted(text, start) or _bare(_ASSIGNED, text, start)


def _said(text: str, start: int) -> tuple[int, int, str]:
    if text.startswith("//", start):  # a scheme, with an address behind it
        return start, start, ""
    return _quoted(text, start) or _bare(_SAID, text, start)


def _quoted(text: str, start: int) -> tuple[int, int, str] | None:
    opening = _OPENING.match(text, start)
    if opening is None:
        return None
    end = string_end(text, opening.end(), len(opening[1]), opening[2])
    return start, end, opening[0]


def _bare(pattern: re.Pattern[str], text: str, start: int) -> tuple[int, int, str]:
    match = pattern.match(text, start)
    return (start, match.end(), "") if match else (start, start, "")
