"""Watching the wires until Ctrl-C: records from other threads or from a recording, shown and recorded."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import math
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol

import click

from miio_lan.cli import completion
from miio_lan.cli.device.show import Show, filter_of
from miio_lan.cli.files import Recording, check_files, no_records
from miio_lan.cli.signals import SIGNAL_TIME, calling
from miio_lan.cli.watch.replaying import Copy
from miio_lan.click_common.numbers import SECONDS
from miio_lan.click_common.output import echo

if TYPE_CHECKING:
    from miio_lan.cli.device.show import Filter
    from miio_lan.cli.options import CliSettings
    from miio_lan.cli.watch.replaying import Replay
    from miio_lan.record import Observer, Record
    from miio_lan.record.lanes import View
    from miio_lan.uart.order import Ordering

#: Records that may wait to be shown, when the terminal is slow or stopped. The recording has all of them.
MAX_UNSHOWN = 20_000
#: Seconds a record is kept back, so that what was read earlier by another thread, or is a long line, comes first.
HOLD_BACK_TIME = 0.05


class Source(Protocol):
    """Where records come from."""

    def records(self, *, seconds: float | None, count: int | None) -> Iterator[Record | str]:
        """Give records, and what else is to be said, as they come, for some time or up to some count."""

    def interrupt(self) -> None:
        """End at once. May be called from a signal handler, which what it raises is to leave."""


class Feed:
    """Records from other threads, handed to the main thread.

    They come in the order of time, if they were not too late for that. Where a line is heard by two receivers
    (:meth:`order_lines`), its lines come in the order in which they were said.
    """

    def __init__(self) -> None:
        self._queue: SimpleQueue[Record | str | None] = SimpleQueue()
        self._interrupted = False
        self._early: list[tuple[float, int, Record]] = []  # a heap
        self._count = itertools.count()
        self._ordering: Ordering | None = None
        self._ready: deque[Record] = deque()
        #: Records that were not shown because the terminal was too slow.
        self.missed = 0

    def order_lines(self) -> None:
        """Say that two receivers hear the line, each late in its own time. Call it before anything is observed.

        A record is held back up to 30 ms longer for that, and only where the other receiver may bring an earlier line.
        """
        from miio_lan.uart.order import Ordering

        self._ordering = Ordering()

    def observe(self, record: Record) -> None:
        """Take a record; never waits."""
        if self._queue.qsize() >= MAX_UNSHOWN:
            self.missed += 1
        else:
            self._queue.put(record)

    def say(self, text: str) -> None:
        """Have something said to who watches."""
        self._queue.put(text)

    def interrupt(self) -> None:
        """See :class:`Source`."""
        self._interrupted = True
        self._queue.put(None)

    def records(self, *, seconds: float | None = None, count: int | None = None) -> Iterator[Record | str]:
        """See :class:`Source`."""
        end = math.inf if seconds is None else time.monotonic() + seconds
        given = 0
        rest: int | None = None
        while count is None or given < count:
            if self._ready:
                given += 1
                yield self._ready.popleft()
                continue
            if rest is None and time.monotonic() >= end:
                rest = self._queue.qsize()  # a flood may go on
            due = self._due()
            item = self._next(min(end, due)) if rest != 0 else None
            rest = None if rest is None else max(rest - 1, 0)
            if isinstance(item, str):
                yield item
            elif item is not None:
                heapq.heappush(self._early, (item.instant, next(self._count), item))
            elif not self._interrupted and rest is None and due < min(end, math.inf):
                self._settle(time.monotonic() - HOLD_BACK_TIME)
            elif not self._finish():
                return

    def _due(self) -> float:
        """Give when a record may be given that was not ready so far."""
        held = self._ordering.deadline if self._ordering is not None else None
        first = self._early[0][0] if self._early else math.inf
        return min(first, math.inf if held is None else held) + HOLD_BACK_TIME

    def _settle(self, now: float) -> None:
        """Make ready what was observed up to an instant before which nothing more comes."""
        while self._early and self._early[0][0] <= now:
            record = heapq.heappop(self._early)[2]
            self._ready.extend([record] if self._ordering is None else self._ordering.feed(record))
        if self._ordering is not None:
            self._ready.extend(self._ordering.tick(now))

    def _finish(self) -> bool:
        """Make ready all there is, and tell whether there is any."""
        self._settle(math.inf)
        return bool(self._ready)

    def _next(self, due: float) -> Record | str | None:
        """Wait for the next item; None when there is none by then, or somebody ended that."""
        while not self._interrupted:
            left = due - time.monotonic()
            try:
                return self._queue.get(timeout=min(max(0.0, left), SIGNAL_TIME))
            except Empty:
                if left <= SIGNAL_TIME:
                    break
        return None


@contextlib.contextmanager
def reader_may_leave() -> Iterator[None]:
    """End a block quietly when whoever reads stdout (``head``) has seen enough."""
    try:
        yield
    except BrokenPipeError:
        # Or Python itself would complain when it flushes stdout at its end.
        with open(os.devnull, "w") as nowhere, contextlib.suppress(OSError):  # noqa: PTH123 - no path but a device
            os.dup2(nowhere.fileno(), sys.stdout.fileno())


def to_all(*observers: Observer | None) -> Observer:
    """Make one observer of several."""
    present = [observer for observer in observers if observer is not None]

    def observe(record: Record) -> None:
        for observer in present:
            observer(record)

    return observe


def run(
    settings: CliSettings,
    options: dict[str, Any],
    view: View,
    start: Callable[[contextlib.ExitStack, Observer, Feed], object],
    inputs: Iterable[str | None] = (),
) -> None:
    """Show and record what ``start`` begins to observe, until the end; then close all.

    :param options: those of :func:`showing`
    :param start: is given the stack of what is to be closed, the observer, and the feed
    :param inputs: files that are read meanwhile
    :raises RecordError: if the recording cannot be written
    """
    feed = Feed()
    wanted = filter_of(options)  # what is wrong with it is said before anything is opened
    check_files([options["output"]], inputs)
    with contextlib.ExitStack() as stack:
        recording = _recording(stack, options["output"])
        stack.enter_context(calling(feed.interrupt))
        start(stack, to_all(recording, feed.observe), feed)
        recording.begin()
        _show(options, _made(settings, options, view, wanted), feed)
    if feed.missed:
        echo(f"{feed.missed} records came too fast to be shown", err=True)
    _end(recording)


def replay(settings: CliSettings, options: dict[str, Any], view: View, source: Replay) -> None:
    """Show a recording, and copy all of it, shown or not, in the order of the recording, until the end.

    :raises RecordError: if a line of it is no record, or the copy cannot be written
    :raises DeviceException: if it ended without any
    """
    with contextlib.closing(source), contextlib.ExitStack() as stack:
        wanted = filter_of(options)
        check_files([options["output"]], [source.file, options.get("pcap")])
        recording = _recording(stack, options["output"])
        copy = stack.enter_context(contextlib.closing(Copy(recording)))
        stack.enter_context(calling(source.interrupt))
        if not source.begin(options["seconds"]):
            return  # nothing came, for which nothing is to be lost
        if source.empty:
            raise no_records(source.file)
        recording.begin()
        show = _made(settings, options, view, wanted)
        _show(options, show, source, lambda each: copy.take(source.place(each), each))
    _end(recording)


def _made(settings: CliSettings, options: dict[str, Any], view: View, wanted: Filter) -> Show:
    return Show(view, wanted, json=settings.json, wall=options["wall"], secrets=settings.show_secrets)


def _recording(stack: contextlib.ExitStack, name: str | None) -> Recording:
    recording = stack.enter_context(Recording(name))

    def tell() -> None:
        if recording.begun:
            echo(f"{recording.written} records in {name}", err=True)

    stack.callback(tell)
    return recording


def _end(recording: Recording) -> None:
    if code := recording.tell():
        click.get_current_context().exit(code)


def _show(
    options: dict[str, Any], show: Show, source: Source, copy: Callable[[Record], object] = lambda _: None
) -> None:
    with reader_may_leave(), show:
        for item in source.records(seconds=options["seconds"], count=options["count"]):
            if isinstance(item, str):
                show.say(item)
            else:
                copy(item)
                show.show(item)


# --- options ---------------------------------------------------------------------------------------------------------

OUTPUT = click.option(
    "-o",
    "--output",
    metavar="FILE",
    shell_complete=completion.files,
    help="Record everything there, shown or not, as JSON Lines.",
)
DURATION = click.option("--seconds", type=SECONDS, metavar="S", help="End after S seconds.")
COUNT = click.option("--count", type=click.IntRange(min=1), metavar="N", help="End after N lines.")
WALL = click.option("--clock", "wall", is_flag=True, help="Times of day instead of seconds.")
POLLS = click.option("--polls", is_flag=True, help="Show get_down and down none too.")
ONLY = click.option("--only", metavar="REGEX", help="Show only what this is found in.")
HIDE = click.option("--hide", metavar="REGEX", help="Do not show what this is found in.")


def showing(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of every command that shows records as they come."""
    for option in (HIDE, ONLY, POLLS, WALL, COUNT, DURATION, OUTPUT):
        function = option(function)
    return function
