"""The lines of all devices that this process speaks to: one for each address and port, as long as anybody needs it.

That is as long as there is an object for the device, and for the moment after it while copies of sets may still be
under way: a newer set of the next object waits for them.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Hashable
from contextlib import suppress

from miio_lan.lan.client.turns import CommandQueue

_LINES: weakref.WeakValueDictionary[Hashable, CommandQueue] = weakref.WeakValueDictionary()
_lock = threading.RLock()
_KEPT: deque[tuple[float, CommandQueue]] = deque()
"""Lines that nobody uses any more, and until when nothing of theirs is under way any more; the next is the first."""


def line_of(address: Hashable) -> CommandQueue:
    """Give the line of the device at an address.

    :param address: as sockets have it, with the port
    """
    try:
        with _lock:
            line = _LINES.get(address)
            return line if line is not None else _LINES.setdefault(address, CommandQueue())
    except BaseException:
        # Ctrl-C may come where the lock is held and nothing frees it any more; it knows its owner.
        with suppress(RuntimeError):
            while True:
                _lock.release()
        raise


def keep(line: CommandQueue, address: Hashable, now: float) -> None:
    """Keep a line whose user is gone while sets of it may still be under way.

    Called wherever the interpreter frees an object, so there is no lock here.

    :param address: where the device is
    :param now: monotonic seconds
    """
    with suppress(IndexError):  # another thread was faster
        while _KEPT and _KEPT[0][0] <= now:
            _KEPT.popleft()
    until = line.sets_afoot.free_at(None, now)
    if until > now:
        _KEPT.append((until, line))
        # The garbage collector takes it out before it says that its user goes.
        _LINES.setdefault(address, line)


def _after_fork() -> None:
    """Let the child begin with lines of its own: those who stood in the old ones are not there."""
    global _LINES, _lock
    _LINES, _lock = weakref.WeakValueDictionary(), threading.RLock()
    _KEPT.clear()


if hasattr(os, "register_at_fork"):  # not on every system
    os.register_at_fork(after_in_child=_after_fork)
