"""Sentences of our own about something with a name, such as a file, so that the name hides nothing of them.

What stands behind the name of a secret and a colon is hidden (``token: x``), and people call their files so.
"""

from __future__ import annotations

from functools import lru_cache

from miio_lan.record.redact.names import NAME_SIGNS
from miio_lan.record.redact.texts import redact

# Shown behind any name but that of a secret.
_ANYTHING = "anything"


def told_of(name: object, problem: object) -> str:
    """Say something of what has a name: ``name: problem``, or ``token - problem``.

    :param name: as a person wrote it: a path, a place in a file, a name in quotes
    """
    return f"{name}{' -' if _hides(str(name)) else ':'} {problem}"


@lru_cache(maxsize=64)
def _hides(name: str) -> bool:
    low = name.lower()
    if not any(sign in low for sign in NAME_SIGNS):
        return False
    plain = f"{name}: {_ANYTHING}"
    return not redact(plain).endswith(_ANYTHING)
