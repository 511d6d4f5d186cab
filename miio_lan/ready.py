"""Waiting for one file or socket that is to be read or written, whatever its number is.

``select()`` takes none from a number on that programs with many files open reach. ``poll()`` takes all of them, but
some systems have none, or none for terminals. Other ways do not take every kind of file, or need a further one.
"""

from __future__ import annotations

import selectors
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import HasFileno

_TOO_HIGH = 1024
"""The number from which on ``select()`` takes no file."""


def readable(file: HasFileno, seconds: float) -> bool:
    """Wait until there is something to read, or the end of it, and tell whether there was in time."""
    return _ready(file, selectors.EVENT_READ, seconds)


def writable(file: HasFileno, seconds: float) -> bool:
    """Wait until something can be written, or there is nobody to read it; tell whether that was in time."""
    return _ready(file, selectors.EVENT_WRITE, seconds)


def _ready(file: HasFileno, event: int, seconds: float) -> bool:
    kind: type[selectors.BaseSelector] = selectors.SelectSelector
    if file.fileno() >= _TOO_HIGH:
        kind = getattr(selectors, "PollSelector", kind)
    with kind() as selector:
        selector.register(file, event)
        return bool(selector.select(max(0.0, seconds)))
