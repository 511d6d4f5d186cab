"""A bound for work that must not grow out of proportion: seconds of the processor, not of the clock."""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """End what takes longer, by an error. Other processes, and waiting, do not count.

    Meant for bounds that right code stays below by a factor of ten and more.
    """

    def stop(number: int, frame: object) -> None:
        raise AssertionError(f"this took more than {seconds:g} s of the processor's time")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
