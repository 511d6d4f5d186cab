r"""Keeping secrets out of everything that people and logs get to see.

Hidden are tokens (32 hexadecimal digits), logins in URLs, and what stands under a name that secrets have: ``token``,
``passwd``, ``psk``, ``bind_key`` and the like. That holds for JSON as for text that only looks like it: cut off,
damaged, written as a Python literal, or inside a string of other JSON (``"{\"token\":\"...\"}"``), however deep.
Recordings are not people: they keep every byte.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from miio_lan.record.record import MAX_READING_DEPTH

if TYPE_CHECKING:
    from miio_lan.record import Record

HIDDEN = "(hidden)"
"""What stands in a secret's place."""

_TOO_DEEP = "(nested too deeply)"

# What no text with a secret lacks: most texts are let go at once.
_SIGNS = re.compile(r"token|pass|psk|pwd|key|ltmk|secret|://|\\u00|[0-9a-f]{32}", re.IGNORECASE)
_LINE_SIGNS = re.compile(rf"{_SIGNS.pattern}|wifi|config_router", re.IGNORECASE)
_SECRET_NAME = re.compile(
    r".*(?:tokens?|psk|pwd|keys?|ltmk|secret)[0-9]*|.*(?:passwd|password|passphrase).*|pass"
)
_FILLING = re.compile(r"[^a-z0-9]")
_HARMLESS = frozenset({"", "true", "false", "null", "None", "True", "False"})
# Buttons have keys, too: a number under this name is a secret only when it is too long for that.
_SMALL = re.compile(r"[+-]?[0-9.]{0,5}")

# A byte that was no text stands before a token as an escape, whose digits are not the token's.
_TOKEN = re.compile(
    r"(?:(?<![0-9a-fA-F])|(?<=\\x[0-9a-fA-F]{2})|(?<=\\u[0-9a-fA-F]{4}))[0-9a-fA-F]{32}(?![0-9a-fA-F])"
)
_USER_INFO = re.compile(r"(://)[^/\s\"@]*@")
_ASSIGNED = re.compile(r"([\w-]+)=(?!\(hidden\))([^\s\"'\\&;,#\])}]+)")

# Lines of the serial line have secrets without quotes or colons, too: what follows a network's name, or their own.
_ARGUMENT = r"(?:\"(?:[^\"\\]|\\.)*+\"?|[^\s,\"]\S*)"
_NETWORK = re.compile(rf"(?<![\w.])((?:setwifi|config_router)\s+{_ARGUMENT}\s+)(\S.*)", re.DOTALL)
_PAIR = re.compile(
    r"(?<![^\s,])(\"?([\w-]*(?:token|psk|pwd|key|ltmk|secret|passwd|password|passphrase)[0-9]*)\"?[\s,]+)"
    rf"({_ARGUMENT})",
    re.IGNORECASE,
)
_EXCERPT = re.compile(r"(?<!\w)(?:'(?:[^'\\]|\\.)*+'|\"(?:[^\"\\]|\\.)*+\")")
_UNLIKE = re.compile(r"[^!-~]|\\")
# What the reading of such a line says of it as a whole.
_ABOUT = frozenset({"command", "method", "answers", "valid"})

# How a name, or a value, is quoted: so many backslashes before the quote as JSON within JSON needs.
_GAP = r"(?:\s|\\++[nrt])*+"
_NAME = re.compile(
    r"(?<!\\)(?P<slashes>\\*+)(?:"
    r'"(?P<double>(?:[^"\\]|\\++u[0-9a-fA-F]{4})++)\\*+"|'
    r"'(?P<single>(?:[^'\\]|\\++u[0-9a-fA-F]{4})++)\\*+')" + _GAP + ":" + _GAP
)
_OPENING = re.compile(r"(\\*+)([\"'])")
_WORD = re.compile(r"-?[0-9][0-9.eE+-]*(?=[\s,}\])\"'\\]|$)|(?:true|false|null|None|True|False)\b")
_LOOSE = re.compile(r"[^,}\]\r\n]*")
_QUOTES = {quote: re.compile(rf"(?<!\\)(\\*+){quote}") for quote in "\"'"}
_BRACKETS = {quote: re.compile(rf"(?<!\\)(\\*+){quote}|[\[\]{{}}]") for quote in "\"'"}
# A quote that anything else follows is part of a damaged or doubly escaped text.
_AFTER = re.compile(r"[\s,}\])\"'\\;:&<|]|$")
_ESCAPED_QUOTE = re.compile(r"(?<!\\)(\\++)u0022")
_ESCAPED_LETTER = re.compile(r"\\+u([0-9a-fA-F]{4})")


def redact(text: str, found: list[str] | None = None) -> str:
    """Hide the secrets in a text. What was JSON is JSON afterwards.

    :param found: takes up what was hidden, as it stood there
    """
    if not _SIGNS.search(text):
        return text
    hidden = _hidden(text, found)
    if hidden == text and "\\u" not in text:
        return text
    value = _parsed(text)
    if value is None:
        return hidden
    clean = redact_value(value, found)
    if clean == value or clean == _parsed(hidden):
        return hidden
    return json.dumps(clean)  # escaped in a way that only a parser sees through


def redact_value(value: object, found: list[str] | None = None) -> Any:
    """Hide the secrets in a value that JSON can express, and cut it where it is nested more than 100 deep.

    :param found: takes up what was hidden
    """
    return _redacted(value, [] if found is None else found, MAX_READING_DEPTH)


def is_secret(name: str, value: object) -> bool:
    """Tell whether what stands under a name is to be hidden."""
    plain = _FILLING.sub("", _ESCAPED_LETTER.sub(lambda found: chr(int(found[1], 16)), name).lower())
    if not _SECRET_NAME.fullmatch(plain) or value is None or isinstance(value, bool):
        return False
    if isinstance(value, (Mapping, list, tuple)):
        return bool(value)
    return not (plain == "key" and isinstance(value, (int, float)) and _SMALL.fullmatch(str(value)))


def leaves(value: object, depth: int = MAX_READING_DEPTH) -> list[str]:
    """Give all texts and numbers in a value, as texts."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in leaves(item, depth - 1)] if depth else []
    return [] if value is None or isinstance(value, bool) else [str(value)]


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
            reading = _of_line(reading, pressed(raw.decode("latin-1")))
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
    plain = brackets < MAX_READING_DEPTH and not _SIGNS.search(text)
    return plain and not _LINE_SIGNS.search(record.raw.decode("latin-1"))


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
    return {word.strip("\"'") for text in texts for word in (text, *text.split())} - {"", HIDDEN}


def _redacted_line(line: str, found: list[str]) -> str:
    text = redact(line, found)

    def network(match: re.Match[str]) -> str:
        found.append(match[2])
        return match[1] + HIDDEN + ("\r" if match[2].endswith("\r") else "")

    def pair(match: re.Match[str]) -> str:
        # A key that is none of a cipher is the name of many an event.
        if match[2].lower() == "key" or match[3].strip() in _HARMLESS or not is_secret(match[2], match[3]):
            return match[0]
        found.append(match[3].strip('"'))
        return match[1] + HIDDEN

    if "wifi" in text or "config_router" in text:
        text = _NETWORK.sub(network, text)
    return _PAIR.sub(pair, text) if _SIGNS.search(text) else text


def _unescaped(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"', strict=False))
    except ValueError:
        return text


def _of_line(value: object, public: str) -> Any:
    """Hide in a reading what is not in the text of its line that may be seen."""
    if isinstance(value, Mapping):
        return {
            key: item
            if key in _ABOUT
            else redact_excerpts(str(item), public)
            if key == "problem"
            else _of_line(item, public)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_of_line(item, public) for item in value]
    if value is None or isinstance(value, bool) or pressed(str(value)) in public:
        return value
    return HIDDEN


def _redacted(value: object, found: list[str], depth: int) -> object:
    if isinstance(value, str):
        return redact(value, found)
    if isinstance(value, (Mapping, list, tuple)):
        if depth == 0:
            return _TOO_DEEP
        if not isinstance(value, Mapping):
            return [_redacted(item, found, depth - 1) for item in value]
        return {redact(str(key), found): _member(str(key), item, found, depth) for key, item in value.items()}
    if isinstance(value, int) and 10**31 <= value < 10**32:  # the digits of a token may all be decimal
        found.append(str(value))
        return HIDDEN
    return value


def _member(name: str, value: object, found: list[str], depth: int) -> object:
    if is_secret(name, value):
        found += leaves(value)
        return HIDDEN
    return _redacted(value, found, depth - 1)


def _parsed(text: str) -> object:
    """Read a text as JSON; None for what is none."""
    if text.lstrip()[:1] not in ("{", "[", '"'):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _hidden(text: str, found: list[str] | None) -> str:
    """Hide what can be recognised without understanding the text as a whole."""
    found = [] if found is None else found
    if "u0022" in text:
        quoted = _ESCAPED_QUOTE.sub(lambda escape: "\\" * _slashes(len(escape[1])) + '"', text)
        named = _named(quoted, found)
        named = text if named == quoted else named
    else:
        named = _named(text, found)

    def assigned(match: re.Match[str]) -> str:
        if not is_secret(match[1], _number(match[2])):
            return match[0]
        found.append(match[2])
        return f"{match[1]}={HIDDEN}"

    def token(match: re.Match[str]) -> str:
        found.append(match[0])
        return HIDDEN

    return _TOKEN.sub(token, _ASSIGNED.sub(assigned, _USER_INFO.sub(rf"\1{HIDDEN}@", named)))


def _slashes(count: int) -> int:
    r"""Tell how many backslashes a plain quote has where a ``\u0022`` had so many."""
    return count if count % 2 else 2 * _slashes(count // 2) + 1


def _named(text: str, found: list[str]) -> str:
    """Hide what stands under the name of a secret."""
    parts: list[str] = []
    done = at = 0
    while match := _NAME.search(text, at):
        name = match["double"] or match["single"]
        at = match.end("slashes") + 1
        if match.start() < done or not is_secret(name, HIDDEN):
            continue
        quote = text[match.end("slashes")]
        end = _value_end(text, match.end(), len(match["slashes"]), quote)
        inside = text[match.end() : end]
        if inside.strip() in _HARMLESS or inside in ("[]", "{}") or not is_secret(name, _number(inside)):
            continue
        opening = _OPENING.match(inside)
        bounds = (opening[0] if opening else match["slashes"] + quote,) * 2
        parts += [text[done : match.end()], bounds[0], HIDDEN, bounds[1]]
        found.append(inside.strip("\\\"'"))
        done = at = end
    return "".join([*parts, text[done:]])


def _number(text: str) -> object:
    """Give a number for the text of one, else the text."""
    try:
        return float(text) if _SMALL.fullmatch(text) else text
    except ValueError:
        return text


def _value_end(text: str, start: int, slashes: int, quote: str) -> int:
    """Tell where the value ends that begins at ``start``, behind a name that was quoted so."""
    opening = _OPENING.match(text, start)
    if opening:
        return _string_end(text, opening.end(), len(opening[1]), opening[2])
    if text[start : start + 1] in ("{", "["):
        return _container_end(text, start, slashes, quote)
    word = _WORD.match(text, start)
    if word is None:
        word = _LOOSE.match(text, start)
    return start if word is None else word.end()


def _string_end(text: str, start: int, slashes: int, quote: str) -> int:
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
