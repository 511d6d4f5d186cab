"""Keeping secrets out of texts that people and logs get to see."""

from __future__ import annotations

import re

_KEYS = r"token|passwd|password|psk|key"
_VALUE = re.compile(rf'("(?:{_KEYS})"\s*:\s*)"(?:[^"\\]|\\.)*"', re.IGNORECASE)
_TOKEN = re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{32}(?![0-9a-fA-F])")


_USER_INFO = re.compile(r"(://)[^/\s\"@]*@")


def redact(text: str) -> str:
    """Hide tokens (32 hexadecimal digits), values of keys that hold secrets in a piece of JSON, and logins in URLs."""
    return _TOKEN.sub("(hidden)", _USER_INFO.sub(r"\1(hidden)@", _VALUE.sub(r'\1"(hidden)"', text)))
