"""Keeping secrets out of everything that people and logs get to see.

Hidden are tokens, however their digits are written, logins in URLs, and what stands under a name that secrets have
(:mod:`miio_lan.record.redact.names` has the table, the only one). That holds for JSON as for text that only looks like
it: cut off, damaged, written as a Python literal, without quotes, inside a string of other JSON
(``"{\\"token\\":\\"...\\"}"``), or in Base64, however deep. Recordings are not people: they keep every byte.

All of it takes time in proportion to the length of the text, whatever the text is.

Each name is loaded when it is first used: most programs show nothing that would have to be looked through.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from miio_lan.record.redact.names import is_secret
    from miio_lan.record.redact.naming import told_of
    from miio_lan.record.redact.records import pressed, redact_excerpts, redact_record, words_of
    from miio_lan.record.redact.secret import HIDDEN, Secret, as_secret
    from miio_lan.record.redact.texts import leaves, redact, redact_known, redact_typed, redact_value

__all__ = [
    "HIDDEN",
    "Secret",
    "as_secret",
    "is_secret",
    "leaves",
    "pressed",
    "redact",
    "redact_excerpts",
    "redact_known",
    "redact_record",
    "redact_typed",
    "redact_value",
    "told_of",
    "words_of",
]

_HOMES = {
    "told_of": "naming",
    "is_secret": "names",
    **dict.fromkeys(("HIDDEN", "Secret", "as_secret"), "secret"),
    **dict.fromkeys(("leaves", "redact", "redact_known", "redact_typed", "redact_value"), "texts"),
    **dict.fromkeys(("pressed", "redact_excerpts", "redact_record", "words_of"), "records"),
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
