"""Recordings in the making and afterwards: JSON Lines files that survive a crash of whoever writes them.

The format of a line is that of :mod:`miio_lan.record`.
"""

from __future__ import annotations

import logging
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self, TextIO, cast

from miio_lan import record as records
from miio_lan.errors import RecordError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from miio_lan.record import Record

_LOGGER = logging.getLogger(__name__)


class Recorder:
    """An observer that writes what it observes, each record at once and whole.

    Records may come from several threads. What cannot be written (a full disk) is counted and logged once; it does not
    disturb what is being observed.

    :param file: a path, written anew unless ``append`` is set, or a text file that stays open
    :raises RecordError: if the file cannot be written
    """

    def __init__(self, file: str | Path | TextIO, *, append: bool = False) -> None:
        self._own = isinstance(file, (str, Path))
        try:
            self._file = _opened(file, append) if isinstance(file, (str, Path)) else file
        except OSError as error:
            raise RecordError(f"{file} cannot be written: {error.strerror or error}") from error
        self._lock = threading.Lock()
        #: Records written so far.
        self.written = 0
        #: Records that could not be written.
        self.lost = 0

    def __call__(self, record: Record) -> None:
        """Write a record."""
        with self._lock:
            try:
                records.write(self._file, [record])
                if not self._own:  # one of our own is flushed by the end of each line
                    self._file.flush()
                self.written += 1
            except (OSError, ValueError) as error:
                self.lost += 1
                if self.lost == 1:
                    _LOGGER.warning("the recording goes on without some records: %s", error)

    def close(self) -> None:
        """Close the file, if it was opened here. May be called twice."""
        if self._own:
            with self._lock:
                self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _opened(path: str | Path, append: bool) -> TextIO:
    return Path(path).open("a" if append else "w", buffering=1, encoding="ascii", newline="\n")


def read_recording(file: str | Path | TextIO) -> Iterator[Record]:
    """Give the records of a recording, one by one, as they are read.

    A last line without its end is what a crash leaves behind: it is passed over with a warning.

    :param file: a path, ``-`` for stdin, or a text file
    :raises RecordError: if the file cannot be read, or a line that is complete is no record, naming its number
    """
    if file == "-":
        yield from _whole(sys.stdin)
    elif isinstance(file, (str, Path)):
        try:
            with Path(file).open(encoding="utf-8") as opened:
                yield from _whole(opened)
        except OSError as error:
            raise RecordError(f"{file} cannot be read: {error.strerror or error}") from error
    else:
        yield from _whole(file)


def _whole(file: TextIO) -> Iterator[Record]:
    # What is read is only iterated over.
    return records.read(cast("TextIO", _complete(file)))


def _complete(lines: Iterable[str]) -> Iterator[str]:
    """Leave out a last line that has no end, unless it is a whole record all the same."""
    for line in lines:
        if not line.endswith("\n") and not line.rstrip().endswith("}"):
            _LOGGER.warning("the last line of the recording was cut off, and is left out")
            return
        yield line
