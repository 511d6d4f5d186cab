"""The names that secrets have. No other file of the package lists any."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from miio_lan.record.redact.patterns import late_pattern

# A name is compared in lower case, without what is neither letter nor digit: these stand at its end ("bindkey").
_LAST = (
    "tokens?|psk|pwd|keys?|ltmk|pmk|secrets?|ssecurity|psecurity|passcode|accesskeyid|credentials?|signature|"
    "authorization|cookies?"
)
# These are parts of nothing else, wherever they stand.
_ANYWHERE = "passwd|password|passphrase"
# A word of the name ends with one of these, or is one of the shorter, wherever it stands: "psk_5g", "tokenOld", "pw_2".
# What goes on with letters is another word: "tokens_left", "tokenizer", "pwm".
_ENDS_WORD = "token|psk|pwd|ltmk|pmk|secret|passcode"
_WHOLE_WORD = "pw"
_OWNERS = "wifi|wlan|ap|admin|user|root|router|net|login|mqtt"
_SECRET_NAME = late_pattern(rf".*(?:{_LAST})(?:hex|b64|base64)?[0-9]*|.*(?:{_ANYWHERE}).*|(?:{_OWNERS})?pass")
_SECRET_WORD = late_pattern(rf"(?:{_ENDS_WORD})(?![a-z])|(?<![a-z])(?:{_WHOLE_WORD})(?![a-z])")
# Everyday words in the middle of a name: a name is one of these, or has it as its last word ("x-oss-sign").
_LAST_WORDS = frozenset({"sign", "sig"})
_CAMEL = late_pattern(r"[a-z0-9](?=[A-Z])|[A-Z](?=[A-Z][a-z])")
_BETWEEN_WORDS = late_pattern(r"[^a-z0-9]")

_ESCAPED_LETTER = late_pattern(r"(?<!\\)\\++u([0-9a-fA-F]{4})")

# Buttons have keys, numbers have signs, and tests pass: a number under such a name is a secret only when it is too
# long for that.
_NUMBERED = frozenset({"key", "sign", "sig"})
_SMALL = late_pattern(r"[+-]?[0-9.]{0,5}")
# Names that are words of their own where no quotes or equals signs say that they are names.
_WORDS = frozenset({"key", "keys", "pass", "sign", "sig", "signature"})

#: Keys of an object that say what its ``value`` is the value of.
NAMING = ("name", "did", "key", "prop", "property", "type", "id")
NAMED = "value"

#: What no text with the name of a secret lacks, in lower case.
NAME_SIGNS = (
    *("token", "pass", "psk", "pw", "key", "ltmk", "pmk", "sec"),
    *("credential", "sig", "authorization", "cookie"),
)


def is_secret(name: str, value: object) -> bool:
    """Tell whether what stands under a name is to be hidden."""
    if value is None or isinstance(value, bool) or not is_secret_name(name):
        return False
    if isinstance(value, (Mapping, list, tuple)):
        return bool(value)
    is_number = isinstance(value, (int, float))
    return not (is_number and plain_name(name) in _NUMBERED and _SMALL.fullmatch(str(value)))


def is_secret_name(name: str) -> bool:
    """Tell whether secrets have such a name."""
    return _known(name) if len(name) <= 64 else _looks_secret(name)


def is_word(name: str) -> bool:
    """Tell whether a name of secrets is an everyday word as well."""
    return plain_name(name) in _WORDS


def plain_name(name: str) -> str:
    """Give a name as names are compared."""
    return _BETWEEN_WORDS.sub("", _unescaped(name).lower())


def number_or_text(text: str) -> object:
    """Give a number for the text of a short one, else the text."""
    try:
        return float(text) if _SMALL.fullmatch(text) else text
    except ValueError:
        return text


def _looks_secret(name: str) -> bool:
    return bool(_SECRET_NAME.fullmatch(plain_name(name))) or _has_secret_word(_unescaped(name))


_known = lru_cache(maxsize=2048)(_looks_secret)


def _has_secret_word(name: str) -> bool:
    words = _CAMEL.sub(lambda found: f"{found[0]} ", name).lower()
    return bool(_SECRET_WORD.search(words)) or _last_of(words) in _LAST_WORDS


def _last_of(words: str) -> str:
    return _BETWEEN_WORDS.split(words)[-1].rstrip("0123456789")


def _unescaped(name: str) -> str:
    if "\\" not in name:
        return name
    return _ESCAPED_LETTER.sub(lambda found: chr(int(found[1], 16)), name)
