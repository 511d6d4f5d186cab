"""What Ctrl-C, a plain ``kill`` and the end of the terminal do to commands that run for long."""

from __future__ import annotations

import contextlib
import signal
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
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


def _killed_by() -> list[int]:
    """Give what ends a program beside Ctrl-C: a plain ``kill``, and the end of its terminal, as when ssh loses it.

    The latter but where whoever started the program wants it to go on (``nohup``).
    """
    hangup: int | None = getattr(signal, "SIGHUP", None)  # not on every system
    if hangup is None or signal.getsignal(hangup) is signal.SIG_IGN:
        return [signal.SIGTERM]
    return [signal.SIGTERM, hangup]


@contextlib.contextmanager
def _handled(numbers: list[int], handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    before: dict[int, Any] = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


@contextlib.contextmanager
def calling(end: Callable[[], object]) -> Iterator[None]:
    """Call a function for the length of a block when it is time to end: Ctrl-C, ``kill``, the end of the terminal."""
    with _handled([signal.SIGINT, *_killed_by()], lambda *_: end()):
        yield


@contextlib.contextmanager
def ended_by_signals() -> Iterator[Stop]:
    """Let these signals say for the length of a block that it is time to end."""
    stop = Stop()
    with calling(stop.set):
        yield stop


@contextlib.contextmanager
def killed_is_interrupted() -> Iterator[None]:
    """Let them all do for the length of a block what Ctrl-C does, so that what must be put back is put back."""

    def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a handler's signature
        # System and shell both tell that the terminal is gone: the second time nobody is impatient.
        if number != signal.SIGTERM:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    with _handled(_killed_by(), interrupt):
        yield
