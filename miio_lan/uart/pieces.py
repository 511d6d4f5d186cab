"""Lines that ran into each other because a CR was missing, taken apart again."""

from __future__ import annotations

import re

from miio_lan.uart.line import tokens_of
from miio_lan.uart.values import read_value

_WORDS = (
    "get_down", "properties_changed", "event_occured", "result", "mcu_version", "ble_config", "model", "error",
)  # fmt: skip
_GLUED = re.compile(rf'(?P<value>"[^"\\]*+(?:\\.[^"\\]*+)*+"|[^"]+?)(?P<word>{"|".join(_WORDS)})')


def pieces(text: str) -> list[str]:
    """Divide clean text where a command word follows a value without any space: ``result 2 1 0get_down``."""
    tokens = tokens_of(text)
    if len(tokens) < 2:
        return [text]
    parts: list[list[str]] = [[]]
    for token in tokens:
        glued = _GLUED.fullmatch(token) if parts[-1] else None
        if glued is not None and not read_value(glued["value"])[1]:
            parts[-1].append(glued["value"])
            parts.append([glued["word"]])
        else:
            parts[-1].append(token)
    return [text] if len(parts) == 1 else [" ".join(part) for part in parts]
