"""The lines of all devices that this process speaks to: one for each address and port, as long as anybody needs it."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Hashable
from contextlib import suppress

from miio_lan.lan.client.turns import CommandQueue

_LINES: weakref.WeakValueDictionary[Hashable, CommandQueue] = weakref.WeakValueDictionary()
_lock = threading.RLock()


def line_of(address: Hashable) -> CommandQueue:
    """Give the line of the device at an address.

    :param address: as sockets have it, with the port
    """
    try:
        with _lock:
            line = _LINES.get(address)
            if line is None:
                line = _LINES[address] = CommandQueue()
            return line
    except BaseException:
        # Ctrl-C may come where the lock is held and nothing frees it any more; it knows its owner.
        with suppress(RuntimeError):
            while True:
                _lock.release()
        raise


def _after_fork() -> None:
    """Let the child begin with lines of its own: those who stood in the old ones are not there."""
    global _LINES, _lock
    _LINES, _lock = weakref.WeakValueDictionary(), threading.RLock()


if hasattr(os, "register_at_fork"):  # not on every system
    os.register_at_fork(after_in_child=_after_fork)
