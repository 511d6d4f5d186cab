"""Keeping secrets out of texts that people and logs get to see."""

from __future__ import annotations

import re

_KEYS = r"token|passwd|password|psk|key"
_VALUE = re.compile(rf'("(?:{_KEYS})"\s*:\s*)"(?:[^"\\]|\\.)*"', re.IGNORECASE)
_TOKEN = re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{32}(?![0-9a-fA-F])")


def redact(text: str) -> str:
    """Hide tokens (32 hexadecimal digits) and the values of keys that hold secrets in a piece of JSON."""
    return _TOKEN.sub("(hidden)", _VALUE.sub(r'\1"(hidden)"', text))
