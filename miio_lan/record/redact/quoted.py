"""Secrets under quoted names, in text that is JSON or only looks like it; and where values end in such text."""

from __future__ import annotations

from miio_lan.record.redact.names import (
    NAMED,
    NAMING,
    is_secret,
    is_secret_name,
    number_or_text,
)
from miio_lan.record.redact.patterns import late_pattern
from miio_lan.record.redact.secret import HIDDEN

#: What is shown although it stands under the name of a secret.
HARMLESS = frozenset({"", "true", "false", "null", "None", "True", "False"})

# How a name, or a value, is quoted: so many backslashes before the quote as JSON within JSON needs.
_GAP = r"(?:\s|\\++[nrt])*+"
_NAME = late_pattern(
    r"(?<!\\)(?P<slashes>\\*+)(?:"
    r'"(?P<double>(?:[^"\\]|\\++u[0-9a-fA-F]{4})++)\\*+"|'
    r"'(?P<single>(?:[^'\\]|\\++u[0-9a-fA-F]{4})++)\\*+')" + _GAP + ":" + _GAP
)
_OPENING = late_pattern(r"(\\*+)([\"'])")
_WORD = late_pattern(r"-?[0-9][0-9.eE+-]*+(?=[\s,}\])\"'\\]|$)|(?:true|false|null|None|True|False)\b")
_LOOSE = late_pattern(r"[^,}\]\r\n]*+")
_QUOTES = {quote: late_pattern(rf"(?<!\\)(\\*+){quote}") for quote in "\"'"}
_BRACKETS = {quote: late_pattern(rf"(?<!\\)(\\*+){quote}|[\[\]{{}}]") for quote in "\"'"}
# A quote that anything else follows is part of a damaged or doubly escaped text.
_AFTER = late_pattern(r"[\s,}\])\"'\\;:&<|]|$")
# Objects that say a name beside its value are short.
_NEAR = 300
_NAME_SAID = late_pattern(r"\\*+[\"']([^\"'\\]{1,64})[\"'\\]")
_BRACES = late_pattern(r"[{}]")
_ESCAPED_QUOTE = late_pattern(r"(?<!\\)(\\++)u0022")


def hide_named(text: str, found: list[str]) -> str:
    """Hide what stands under the quoted name of a secret.

    :param found: takes up what was hidden
    """
    if "u0022" not in text:
        return _named(text, found)
    quoted = _ESCAPED_QUOTE.sub(lambda escape: "\\" * _slashes(len(escape[1])) + '"', text)
    named = _named(quoted, found)
    return text if named == quoted else named


def _slashes(count: int) -> int:
    r"""Tell how many backslashes a plain quote has where a ``\u0022`` had so many."""
    return count if count % 2 else 2 * _slashes(count // 2) + 1


def _named(text: str, found: list[str]) -> str:
    parts: list[str] = []
    done = at = 0
    naming: tuple[int, str] = (0, "")
    while match := _NAME.search(text, at):
        name = match["double"] or match["single"]
        at = match.end("slashes") + 1
        if match.start() < done:
            continue
        if name in NAMING and (said := _NAME_SAID.match(text, match.end())) and is_secret_name(said[1]):
            naming = said.end(), said[1]
        elif name == NAMED and naming[1] and _is_within(text, naming[0], match.start()):
            name = naming[1]
        if not is_secret(name, HIDDEN):
            continue
        quote = text[match.end("slashes")]
        end = value_end(text, match.end(), len(match["slashes"]), quote)
        inside = text[match.end() : end]
        if (
            inside.strip() in HARMLESS
            or inside in ("[]", "{}")
            or not is_secret(name, number_or_text(inside))
        ):
            continue
        opening = _OPENING.match(inside)
        bounds = (opening[0] if opening else match["slashes"] + quote,) * 2
        parts += [text[done : match.end()], bounds[0], HIDDEN, bounds[1]]
        found.append(inside.strip("\\\"'"))
        done = at = end
    return "".join([*parts, text[done:]])


def _is_within(text: str, start: int, end: int) -> bool:
    """Tell whether no object begins or ends between two places, which are not far from each other."""
    return end - start <= _NEAR and not _BRACES.search(text, start, end)


def value_end(text: str, start: int, slashes: int, quote: str) -> int:
    """Tell where the value ends that begins at ``start``, behind a name that was quoted so."""
    opening = _OPENING.match(text, start)
    if opening:
        return string_end(text, opening.end(), len(opening[1]), opening[2])
    if text[start : start + 1] in ("{", "["):
        return _container_end(text, start, slashes, quote)
    word = _WORD.match(text, start)
    if word is None:
        word = _LOOSE.match(text, start)
    return start if word is None else word.end()


def string_end(text: str, start: int, slashes: int, quote: str) -> int:
    """Tell where a string ends that begins at ``start``, behind a quote with so many backslashes before it."""
    shift, level = _level(slashes)
    for match in _QUOTES[quote].finditer(text, start):
        depth = _depth(len(match[1]) >> shift)
        if depth < level:
            return match.start()  # the string around it ends here
        if (
            depth == level
            and _AFTER.match(text, match.end())
            and (level or not text.startswith(quote, match.end()))
        ):
            return match.end()
    return len(text)


def _container_end(text: str, start: int, slashes: int, quote: str) -> int:
    shift, level = _level(slashes)
    brackets, inside = 0, False
    for match in _BRACKETS[quote].finditer(text, start):
        if match[1] is not None:
            depth = _depth(len(match[1]) >> shift)
            if depth < level:
                return match.start()
            inside ^= depth == level
        elif not inside:
            brackets += 1 if match[0] in "[{" else -1
            if not brackets:
                return match.end()
    return len(text)


def _level(slashes: int) -> tuple[int, int]:
    """Tell how often the backslashes were doubled once more (by ``repr``), and how deep the string is in others."""
    shift = 0
    while slashes and not slashes % 2:
        slashes, shift = slashes // 2, shift + 1
    return shift, _depth(slashes)


def _depth(slashes: int) -> int:
    """Tell in how many strings a quote stands that has so many backslashes before it, or rather their last ones."""
    depth = 0
    while slashes % 2:
        slashes, depth = slashes // 2, depth + 1
    return depth
