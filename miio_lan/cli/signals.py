"""What Ctrl-C and a plain ``kill`` do to commands that run for long."""

from __future__ import annotations

import contextlib
import signal
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


SIGNAL_TIME = 0.5
"""Seconds after which a wait begins anew: Python does not see a signal that came just before the system began to wait.
"""


class Stop:
    """Says that it is time to end: a signal handler sets it, wherever it interrupted the main thread.

    A ``threading.Event`` would not do: whoever is interrupted within its ``wait()`` may hold the lock ``set()`` needs.
    """

    def __init__(self) -> None:
        self._told: SimpleQueue[None] = SimpleQueue()

    def set(self) -> None:
        """Say it. May be called from a signal handler, as often as one likes."""
        self._told.put(None)

    def is_set(self) -> bool:
        """Whether it was said."""
        return not self._told.empty()

    def wait(self, seconds: float) -> bool:
        """Wait until it is said, at most so long; whether it was."""
        try:
            self._told.get(timeout=seconds)
        except Empty:
            return False
        self._told.put(None)
        return True


@contextlib.contextmanager
def ended_by_signals() -> Iterator[Stop]:
    """Let Ctrl-C and a plain ``kill`` say for the length of a block that it is time to end."""
    stop = Stop()

    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a handler's signature
        stop.set()

    before: dict[int, Any] = {
        number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def killed_is_interrupted() -> Iterator[None]:
    """Let a plain ``kill`` do for the length of a block what Ctrl-C does, so that what must be put back is put back."""

    def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a handler's signature
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
