"""The life of what drives rule machines: a thread of its own or one it is given, started, called into and closed."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Self, TypeVar

from miio_lan.errors import DeviceException
from miio_lan.loop import Loop

if TYPE_CHECKING:
    from types import TracebackType

_T = TypeVar("_T")


class Host(ABC):
    """Something that runs in a thread of its own, or in one it is given. A context manager that starts and closes.

    What goes wrong in the thread is raised by the next :meth:`call` or by :meth:`close`.
    """

    WHAT: ClassVar[str]

    def __init__(self, loop: Loop | None) -> None:
        self._own_loop = loop is None
        self._loop = loop or Loop(f"miio {self.WHAT}")
        self._state = "new"
        self._now = 0.0

    @property
    def running(self) -> bool:
        """Whether it was started and not closed."""
        return self._state == "running"

    def start(self) -> None:
        """Begin; harmless when it is running.

        :raises DeviceException: if it was closed before, or cannot have the socket or port it needs
        """
        if self._state == "closed":
            raise DeviceException(f"the {self.WHAT} was closed; make a new one")
        if self._state == "running":
            return
        self._state = "running"
        try:
            self._prepare()
            if self._own_loop:
                self._loop.start()
            self._loop.call(self._begin)
        except BaseException:
            self._shut()
            raise

    def call(self, function: Callable[[float], _T]) -> _T:
        """Run ``function(now)`` in the driving thread, where alone the rule machines may be touched.

        What it makes them want to send is sent. Its result is returned, what it raises is raised here.

        :raises DeviceException: if the host is not running
        """
        if not self.running:
            raise DeviceException(f"the {self.WHAT} is not running")
        self._surface()
        return self._loop.call(lambda: self._visit(function))

    def close(self) -> None:
        """Stop, and free socket, port and thread. May be called twice.

        :raises Exception: what went wrong in the driving thread and has not been told yet
        """
        self._shut()
        self._surface()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shut()
        if error is None:
            self._surface()
        elif (failure := self._loop.take_failure()) is not None:
            error.add_note(f"Before that, the {self.WHAT} failed: {failure!r}")

    @abstractmethod
    def _prepare(self) -> None:
        """Open what must be open before the thread begins."""

    @abstractmethod
    def _begin(self) -> None:
        """Start the machines. In the loop."""

    @abstractmethod
    def flush(self) -> None:
        """Send what the machines have to send. In the loop."""

    @abstractmethod
    def _end(self) -> None:
        """Listen to nothing any more. In the loop."""

    @abstractmethod
    def _free(self) -> None:
        """Close what was opened."""

    def _visit(self, function: Callable[[float], _T]) -> _T:
        try:
            return function(self._later(time.monotonic()))
        finally:
            self.flush()

    def _later(self, instant: float) -> float:
        """Give an instant that is not before any other the machines have seen."""
        self._now = max(self._now, instant)
        return self._now

    def _shut(self) -> None:
        if self._state == "running":
            self._state = "closed"
            self._loop.call(self._end)
            self._free()
        self._state = "closed"
        if self._own_loop:
            self._loop.close()

    def _surface(self) -> None:
        if self._own_loop and (failure := self._loop.take_failure()) is not None:
            raise failure
