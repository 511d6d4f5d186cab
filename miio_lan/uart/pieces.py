"""Lines that ran into each other because a CR was missing, taken apart again."""

from __future__ import annotations

import re

from miio_lan.uart.line import tokens_of
from miio_lan.uart.values import QUOTED, read_value

_WORDS = (
    "get_down", "properties_changed", "event_occured", "result", "mcu_version", "ble_config", "model", "error",
)  # fmt: skip
#: A word with something before it, as a token that ends with it has: nearly no line has one.
_BEHIND = re.compile(rf"[^ ](?:{'|'.join(_WORDS)})(?![^ ])")


def pieces(text: str) -> list[str]:
    """Divide clean text where a command word follows a value without any space: ``result 2 1 0get_down``."""
    tokens = tokens_of(text) if _BEHIND.search(text) else []
    if len(tokens) < 2:
        return [text]
    parts: list[list[str]] = [[]]
    for token in tokens:
        word = _word_behind(token) if parts[-1] else ""
        if word:
            parts[-1].append(token[: -len(word)])
            parts.append([word])
        else:
            parts[-1].append(token)
    return [text] if len(parts) == 1 else [" ".join(part) for part in parts]


def _word_behind(token: str) -> str:
    """Give the command word that ends a token and has a value before it; empty where there is none."""
    word = next((each for each in _WORDS if token.endswith(each)), "")
    value = token.removesuffix(word)
    plain = '"' not in value or QUOTED.fullmatch(value)
    return word if value and plain and not read_value(value)[1] else ""
