"""Texts that would steer the reader's terminal, and what tells that they do not."""

from __future__ import annotations

import unicodedata

TITLE, CLEAR, COLOUR = "\x1b]0;owned\x07", "\x1b[2J", "\x9b31m"
"""A new title for the window, an empty screen, and a colour by way of C1."""
HOSTILE = f"a{TITLE}{CLEAR}{COLOUR}\x85\x08\x7f\u202eb\u2066c\u200b\ufeff\u2028\U000e0041d"
"""Controls of both kinds, turned and invisible text; without the line ends that some files cannot hold."""

_STEERING = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def steering(text: str) -> list[str]:
    """What of a shown text steers a terminal; line ends and tabs of its layout do not."""
    return sorted({each for each in text if each not in "\n\t" and unicodedata.category(each) in _STEERING})
