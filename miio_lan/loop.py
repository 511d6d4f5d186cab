"""One thread that waits for files, deadlines and calls from other threads, and serves them one after the other.

Ports have one each, or share one with the machines behind them: whatever runs in the same loop needs no locks between
itself. The loop sleeps in the selector until something happens; it never polls.
"""

from __future__ import annotations

import logging
import selectors
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol, Self, TypeVar

from miio_lan.errors import PortError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

_LOGGER = logging.getLogger(__name__)

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE

LONGEST_SLEEP = 3600.0
"""Seconds to sleep at once; selectors and timers fail from 24.8 days on, and at once for what is infinite."""

MOST_AT_ONCE = 0.5
"""Seconds after which a loop that finds something each time it looks is busy with that, not late."""

_T = TypeVar("_T")
_File = int | socket.socket


def wall_clock(now: float) -> float:
    """Give unix time for a monotonic instant of this run."""
    return time.time() - (time.monotonic() - now)


class Closing(ABC):
    """Something that is to be closed. A context manager that does so."""

    @abstractmethod
    def close(self) -> None:
        """Free what it holds. May be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Timed(Protocol):
    """Something that wants to be woken at a time, as every rule machine does."""

    @property
    def deadline(self) -> float | None:
        """When ``tick`` is next wanted (``time.monotonic()`` seconds), None for never."""

    def tick(self, now: float) -> object:
        """Do what is due at ``now``."""


class Loop:
    """A thread with a selector.

    :meth:`watch`, :meth:`change`, :meth:`unwatch`, :meth:`add_timed` and :meth:`remove_timed` belong to the loop's
    thread (or to whoever builds the loop, before :meth:`start`); :meth:`post`, :meth:`call` and :meth:`close` may be
    used from any thread.

    An exception from a callback does not end the loop: it is logged, and kept for :meth:`take_failure`.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        #: Whether to look for what has come meanwhile before each sleep, so that :attr:`since` is known.
        self.exact = False
        #: How often it has looked for what is ready.
        self.turn = 0
        #: Of an exact loop: when it last woke from a sleep, monotonic seconds. What it found since then was there at
        #: once, each time, and so may have come in any order, however long the loop was kept from running (for
        #: :data:`MOST_AT_ONCE` at most).
        self.since = 0.0
        # Nothing is opened before the start, so that a loop that was only made need not be closed.
        self._waiting: selectors.BaseSelector | None = None
        self._wake_in: socket.socket | None = None
        self._wake_out: socket.socket | None = None
        self._lock = threading.Lock()
        self._posted: deque[Callable[[], object]] = deque()
        self._woken = False
        self._stopping = False
        self._closed = False
        self._failure: Exception | None = None
        self._timed: list[Timed] = []
        self._watched: set[_File] = set()
        self._thread: threading.Thread | None = None

    @property
    def inside(self) -> bool:
        """Whether the caller runs in the loop's own thread."""
        return self._thread is not None and self._thread.ident == threading.get_ident()

    def start(self) -> None:
        """Begin; once only.

        :raises PortError: if it was started or closed before, or the system has no files or threads left for it
        """
        if self._thread is not None or self._closed:
            raise PortError(f"{self.name} was started before")
        try:
            with self._told_in_words():
                self._begin()
        except PortError:
            self._thread = None
            self.close()
            raise

    def _begin(self) -> None:
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)
        self._selector.register(self._wake_in, READ)
        self.since = time.monotonic()
        # A daemon, so that a program whose author forgot to close a port can still end.
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    @contextmanager
    def _told_in_words(self) -> Iterator[None]:
        """Raise as :class:`~miio_lan.errors.PortError` what the system refuses."""
        try:
            yield
        except PortError:
            raise  # it is an OSError, too
        except (OSError, RuntimeError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or error
            raise PortError(f"{self.name} cannot begin: {reason}") from error

    @property
    def _selector(self) -> selectors.BaseSelector:
        if self._waiting is None:
            with self._told_in_words():
                self._waiting = selectors.DefaultSelector()
        return self._waiting

    def watch(self, file: _File, on_event: Callable[[int], object]) -> None:
        """Call ``on_event`` with ``READ`` and/or ``WRITE`` when the file is ready; at first for reading only."""
        self._selector.register(file, READ, on_event)
        self._watched.add(file)

    def change(self, file: _File, events: int) -> None:
        """Wait for other events of a watched file."""
        key = self._selector.get_key(file)
        if key.events != events:
            self._selector.modify(file, events, key.data)

    def unwatch(self, file: _File) -> None:
        """Watch a file no longer (harmless for one that is not watched)."""
        self._watched.discard(file)
        if self._waiting is None:
            return
        with suppress(KeyError, ValueError):
            self._waiting.unregister(file)

    def add_timed(self, timed: Timed) -> None:
        """Tick ``timed`` whenever its deadline has come."""
        self._timed.append(timed)

    def remove_timed(self, timed: Timed) -> None:
        """Tick it no longer."""
        self._timed = [other for other in self._timed if other is not timed]

    def post(self, job: Callable[[], object]) -> bool:
        """Have ``job`` run in the loop's thread soon; False when the loop is closed and it never will."""
        with self._lock:
            if self._closed:
                return False
            self._posted.append(job)
            self._wake()
        return True

    def call(self, function: Callable[[], _T]) -> _T:
        """Run ``function`` in the loop's thread and give its result; what it raises is raised here.

        In the loop's own thread, before the start and after the end it simply runs.
        """
        if self.inside or self._thread is None:
            return function()
        future: Future[_T] = Future()

        def job() -> None:
            try:
                future.set_result(function())
            except BaseException as error:  # noqa: BLE001 - it belongs to the caller, whatever it is
                future.set_exception(error)

        return future.result() if self.post(job) else function()

    def note(self, error: Exception) -> None:
        """Log what a callback raised, and keep it for :meth:`take_failure`. From any thread."""
        _LOGGER.error("%s: a callback failed", self.name, exc_info=error)
        with self._lock:
            if self._failure is None:
                error.add_note(f"(raised in the thread {self.name!r})")
                self._failure = error

    def take_failure(self) -> Exception | None:
        """Give the first exception a callback has raised since the last time, or None."""
        with self._lock:
            failure, self._failure = self._failure, None
        return failure

    def close(self) -> None:
        """Stop the thread and wait for its end (unless called in it). What was posted before is still run."""
        with self._lock:
            if self._closed:
                return
            self._stopping = True
            self._wake()
        if self._thread is None:
            self._finish()
        elif not self.inside:
            self._thread.join()

    def _wake(self) -> None:
        if self._wake_out is not None and not self._woken and not self.inside:
            self._woken = True
            self._wake_out.send(b"\0")

    def _woke(self) -> None:
        with self._lock:
            if self._wake_in is not None:
                self._wake_in.recv(64)
            self._woken = False

    def _run(self) -> None:
        try:
            patience = self._patience()
            while not self._stopping:
                patience = self._turn(patience)
        except Exception as error:  # noqa: BLE001 - a machine that cannot tell its deadline; nobody else sees it
            self.note(error)
        finally:
            self._finish()

    def _turn(self, patience: float | None) -> float | None:
        """Wait once and serve what has come; return how long to wait the next time."""
        for key, events in self._look(patience) if self.exact else self._selector.select(patience):
            if key.data is None:
                self._woke()
            # An earlier callback of the same round may have taken this file away.
            elif key.fileobj in self._watched:
                self._guard(key.data, events)
        now = time.monotonic()
        first: float | None = None
        changed = False
        for timed in self._timed:
            deadline = timed.deadline
            if deadline is None:
                continue
            if deadline <= now:
                self._guard(timed.tick, now)
                changed = True
            elif first is None or deadline < first or first != first:
                first = deadline
        jobs = len(self._posted)
        for _ in range(jobs):
            self._guard(self._posted.popleft())
        if changed or jobs:  # a tick or a job may have moved any deadline
            return self._patience()
        # Nothing has, on a busy line: its deadlines need not be asked for a second time.
        return _sleep(first - now) if first is not None else None

    def _look(self, patience: float | None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait once, and keep in mind whether that took a sleep."""
        self.turn += 1
        found = self._selector.select(0.0)
        at_once = bool(found)
        if not found and patience != 0.0:
            found = self._selector.select(patience)
        now = time.monotonic()
        if not at_once or now - self.since > MOST_AT_ONCE:
            self.since = now
        return found

    def _patience(self) -> float | None:
        if self._posted or self._stopping:
            return 0.0
        deadlines = [deadline for timed in self._timed if (deadline := timed.deadline) is not None]
        now = time.monotonic()
        return min([_sleep(deadline - now) for deadline in deadlines], default=None)

    def _guard(self, function: Callable[..., object], *arguments: object) -> None:
        try:
            function(*arguments)
        except Exception as error:  # noqa: BLE001 - one broken callback must not silence the others
            self.note(error)

    def _finish(self) -> None:
        while True:
            with self._lock:
                job = self._posted.popleft() if self._posted else None
                if job is None:
                    self._closed = True
                    for each in (self._waiting, self._wake_in, self._wake_out):
                        if each is not None:
                            each.close()
                    self._wake_out = None
                    return
            self._guard(job)


def _sleep(seconds: float) -> float:
    """Give how long a selector is to wait for a time so far ahead, which may be never; what is no number is far."""
    return max(0.0, seconds) if seconds < LONGEST_SLEEP else LONGEST_SLEEP
