"""After a fork: whatever belongs to one process is told to split off in the child.

Parent and child would otherwise take each other's answers from one socket, count on from one id, and wait for locks
whose owner is not there. Nothing that is done here may touch what the system shares between both, above all what an
event loop watches its sockets by. The randomness of ids begins anew in :mod:`miio_lan.lan.client.ids`, the lines of
devices in :mod:`miio_lan.lan.client.transport.lines`.
"""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class OfOneProcess(Protocol):
    """Something that parent and child must not share."""

    def split_off(self) -> None:
        """Become that of another process (after a fork): what is open stays with the first one. Nothing is raised."""


_ALL: weakref.WeakSet[OfOneProcess] = weakref.WeakSet()


def split_after_fork(each: OfOneProcess) -> None:
    """Have something split off in each child, as long as anybody needs it."""
    _ALL.add(each)


def after_fork() -> None:
    """Have all split off: this process is the child."""
    for each in list(_ALL):
        each.split_off()


if hasattr(os, "register_at_fork"):  # not on every system
    os.register_at_fork(after_in_child=after_fork)
