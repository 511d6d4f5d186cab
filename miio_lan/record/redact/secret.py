"""Texts that are not shown by accident. Apart from the rest: every device has one, most programs need no more."""

from __future__ import annotations

from typing import Any

HIDDEN = "(hidden)"
"""What stands in a secret's place."""


def as_secret(value: Any) -> Any:
    """Give a text, or bytes, as one that is not shown, anything else as it is."""
    if isinstance(value, str):
        return Secret(value)
    return _SecretBytes(value) if isinstance(value, (bytes, bytearray)) else value


class Secret(str):
    """A text that is not shown by who shows an object as it is: in a traceback, a list, a log of variables.

    In all else, it is the text. ``str(secret)`` is the bare text again.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return HIDDEN


class _SecretBytes(bytes):
    """The same for bytes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return HIDDEN
