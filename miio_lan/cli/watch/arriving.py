"""Lines of a file that may be long in coming: waited for up to a moment, and to be asked whether any come."""

from __future__ import annotations

import codecs
import io
import math
import os
import stat
import sys
import time
from collections import deque
from typing import Self

from miio_lan.cli.signals import SIGNAL_TIME
from miio_lan.errors import RecordError
from miio_lan.ready import readable

_LARGEST_READ = 65536
"""Bytes that are read in one go."""


class ArrivingLines:
    """The lines of a pipe, a terminal, or what else standard input is, as text files give them.

    Where the system cannot wait for a file (Windows), every read takes as long as it takes.

    :param file: without a buffer; closed by :meth:`close`
    :param name: what errors call it
    """

    def __init__(self, file: io.FileIO, name: str) -> None:
        self.name = name
        #: When it ends, as if nothing more came; monotonic seconds.
        self.until = math.inf
        #: Whether it ended so.
        self.timed_out = False
        self._file = file
        self._decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder("utf-8")(), translate=True)
        self._lines: deque[str] = deque()
        self._told = 0  # how many of them are not empty
        self._part: list[str] = []  # of the line whose end has not come
        self._failed: Exception | None = None
        self._ended = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        """Wait for the next line.

        :raises OSError: if it cannot be read
        :raises UnicodeDecodeError: if it is not UTF-8
        """
        while not (self._lines or self._ended):
            self._more(math.inf)
        if self._lines:
            line = self._lines.popleft()
            self._told -= bool(line.strip())
            return line
        failed, self._failed = self._failed, None
        raise failed or StopIteration

    def silent(self, seconds: float) -> bool:
        """Wait for a line that is not empty; tell whether none came for so long, though more may come later."""
        due = time.monotonic() + seconds
        while not (self._ended or self._told):
            if not self._more(due):
                return True
        return False

    def close(self) -> None:
        """Close the file, unless it is standard input."""
        self._file.close()

    def _more(self, due: float) -> bool:
        """Take what comes; False when nothing has come by then."""
        now = time.monotonic()
        if now >= self.until or not _readable(self._file, min(due, self.until) - now):
            self.timed_out = self._ended = time.monotonic() >= self.until
            return self._ended
        try:
            data = self._file.read(_LARGEST_READ)
            if data is not None:  # somebody else took it
                self._take(self._decoder.decode(data, final=not data))
        except (OSError, UnicodeDecodeError) as error:
            self._failed, self._ended = error, True
        else:
            if data == b"":
                self._ended = True
                self._add("".join(self._part))
        return True

    def _take(self, text: str) -> None:
        *ends, part = text.split("\n")
        for end in ends:
            self._add("".join([*self._part, end, "\n"]))
            self._part = []
        if part:
            self._part.append(part)

    def _add(self, line: str) -> None:
        if line:
            self._lines.append(line)
            self._told += bool(line.strip())


def arriving_lines(file: str) -> ArrivingLines | None:
    """Give the lines of a file that may have to be waited for; None for one that is there as a whole, or is none.

    :param file: a path, ``-`` for stdin
    :raises RecordError: if it cannot be opened
    """
    try:
        if file == "-":
            opened = open(sys.stdin.fileno(), "rb", buffering=0, closefd=False)  # noqa: SIM115 - a descriptor
            return ArrivingLines(opened, "standard input")
        mode = os.stat(file).st_mode  # noqa: PTH116 - a name, as it was given
    except (OSError, ValueError, AttributeError):  # there is none, and whoever reads it says so
        return None
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return None
    try:
        return ArrivingLines(open(file, "rb", buffering=0, opener=_at_once), file)
    except OSError as error:
        raise RecordError(f"{file} cannot be read: {error.strerror or error}") from error


def _at_once(name: str, flags: int) -> int:
    """Open a pipe without waiting for its writer, where the system tells a writer to come from one that has gone."""
    return os.open(name, flags | (os.O_NONBLOCK if sys.platform == "linux" else 0))


def _readable(file: io.FileIO, seconds: float) -> bool:
    if sys.platform == "win32":
        return True
    due = time.monotonic() + seconds
    while True:
        left = due - time.monotonic()
        if readable(file, min(left, SIGNAL_TIME)):
            return True
        if left <= SIGNAL_TIME:
            return False
