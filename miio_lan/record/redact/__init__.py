"""Keeping secrets out of everything that people and logs get to see.

Hidden are tokens, however their digits are written, logins in URLs, and what stands under a name that secrets have
(:mod:`miio_lan.record.redact.names` has the table, the only one). That holds for JSON as for text that only looks like
it: cut off, damaged, written as a Python literal, without quotes, inside a string of other JSON
(``"{\\"token\\":\\"...\\"}"``), or in Base64, however deep. Recordings are not people: they keep every byte.

All of it takes time in proportion to the length of the text, whatever the text is.
"""

from miio_lan.record.redact.names import HIDDEN, Secret, as_secret, is_secret
from miio_lan.record.redact.records import pressed, redact_excerpts, redact_record, words_of
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
    "words_of",
]
