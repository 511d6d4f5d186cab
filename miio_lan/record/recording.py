"""Recordings in the making and afterwards: JSON Lines files that survive a crash of whoever writes them.

The format of a line is that of :mod:`miio_lan.record`.
"""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import re
import stat
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self, TextIO, cast

from miio_lan import record as records
from miio_lan.errors import RecordError
from miio_lan.paths import FilePath, checked_path, path_of
from miio_lan.record.pipes import PipeLines
from miio_lan.record.redact import told_of
from miio_lan.record.runs import put_off

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator
    from types import TracebackType

    from miio_lan.record import Record

_LOGGER = logging.getLogger(__name__)

_OR_OPEN = " or an open text file"
_LOOKED_AT = 65536
"""Bytes of the end of a file that are looked at in one go."""
READ_AS_RECORDING = "recordings are JSON Lines of this program; text logs are read by 'miio-lan uart decode'"
"""What is to be known by whoever takes something else for a recording."""
IN_USE = "another program, or another part of this one, records into it"
# How a line of a recording begins, also one that was cut off behind any character.
_BEGIN = re.compile(r"\{[ \t]*(?:[\"}]|\Z)")


class FileRecorder:
    """An observer that writes what it observes, each record at once and whole.

    What is observed in one run (:mod:`miio_lan.record.runs`), as a tap or bridge does on a busy line, is written at
    its end: a crash may cost these records, half a millisecond's work. Records may come from several threads. What
    cannot be written (a full disk) is counted and logged once; it does not disturb what is being observed, and leaves
    no half line behind.

    :param file: a path, written anew unless ``append`` is set, or a text file that stays open
    :param append: go on behind what is there; a last line that a crash has cut off is taken away first
    :raises RecordError: if the file cannot be written, or is neither
    """

    def __init__(self, file: FilePath | TextIO, *, append: bool = False) -> None:
        self._name = _shown_name(file) or "a file"
        self._own: _RecordingLines | PipeLines | None = None
        self._file: TextIO | _RecordingLines | PipeLines
        if path_of(file) is None and hasattr(file, "write"):
            self._file = _writable(cast("TextIO", file))
        else:
            path = checked_path("a recording", file, RecordError, also=_OR_OPEN)
            try:
                self._file = self._own = _opened(path, append=append)
            except OSError as error:
                raise RecordError(f"{path} cannot be written: {error.strerror or error}") from error
        self._lock = threading.Lock()
        self._pending: list[str] = []
        #: Records written so far.
        self.written = 0
        #: Records that could not be written.
        self.lost = 0

    def __call__(self, record: Record) -> None:
        """Write a record."""
        try:
            line = records.as_line(record)
        except RecordError as error:
            with self._lock:
                self._lose(error)
            return
        with self._lock:
            self._pending.append(line)
        if not put_off(self._write):
            self._write()

    def _write(self) -> None:
        """Write what is pending, in one piece: the system takes as long over one line as over twenty."""
        with self._lock:
            self._write_pending()

    def _write_pending(self) -> None:
        lines, self._pending = self._pending, []
        if not lines:
            return
        try:
            self._file.write("".join(lines))
            self._file.flush()
            self.written += len(lines)
        except (OSError, ValueError) as error:
            self._lose(error, len(lines))

    def _lose(self, error: Exception, count: int = 1) -> None:
        if not self.lost:
            reason = (error.strerror if isinstance(error, OSError) else None) or error
            _LOGGER.warning("the recording %s goes on without some records: %s", self._name, reason)
        self.lost += count

    def close(self) -> None:
        """Close the file, if it was opened here. May be called twice, and does not fail.

        Some disks say only now that what was written last is lost: that counts as one record.
        """
        with self._lock:
            self._write_pending()
            try:
                if self._own is not None:
                    self._own.close()
            except OSError as error:
                self._lose(error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _writable(file: TextIO) -> TextIO:
    """Give an open file if it takes text: what it refuses later would be lost.

    :raises RecordError: if it is closed, or opened for bytes or for reading
    """
    problem = ""
    if getattr(file, "closed", False) is True:
        problem = "a closed one"
    # A temporary file has the one that it stands for in itself.
    elif isinstance(getattr(file, "file", file), (io.RawIOBase, io.BufferedIOBase)):
        problem = "one opened for bytes"
    elif isinstance(file, io.IOBase) and not file.writable():
        problem = "one opened for reading"
    if problem:
        raise RecordError(f"a recording is a path{_OR_OPEN}, not {problem}")
    return file


def create_for_owner(path: Path) -> None:
    """Make an empty file that is nobody else's to read (mode 0600), from its first moment on, where there is none.

    What crossed the wires has tokens and passwords in it. A file that is there keeps its permissions, and what cannot
    be made is left to whoever opens the file.
    """
    if path.exists():
        return
    with contextlib.suppress(OSError, ValueError):
        os.close(os.open(os.path.realpath(path), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _opened(path: Path, *, append: bool) -> _RecordingLines | PipeLines:
    return PipeLines(path) if path.is_fifo() else _RecordingLines(path, append=append)


class _RecordingLines:
    """A file that takes lines, and has what it is given whole or not at all, also when the disk is full.

    Without a buffer: one would keep what was reported as lost, and write parts of it later.

    :raises OSError: if it cannot be opened
    """

    def __init__(self, path: Path, *, append: bool) -> None:
        cut = _end_of_whole_lines(path) if append else None
        create_for_owner(path)
        mode = "ab" if append else "wb"
        self._file = cast("io.FileIO", open(path, mode, buffering=0, opener=_alone))  # noqa: SIM115 - see close()
        if cut is not None:
            whole, missing = cut
            self._file.truncate(whole)
            self._file.write(missing)

    def write(self, lines: str) -> None:
        """Write some lines.

        :raises OSError: if it could not be written to its end
        """
        data = lines.encode("ascii")
        done = 0
        try:
            while done < len(data):
                done += self._file.write(data[done:]) or 0
        except OSError:
            if done:
                self._take_back(done)
            raise

    def _take_back(self, count: int) -> None:
        with contextlib.suppress(OSError):  # a pipe, for one, keeps what it got
            self._file.truncate(self._file.seek(0, io.SEEK_END) - count)
            self._file.seek(0, io.SEEK_END)

    def flush(self) -> None:
        """Nothing is kept back."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _alone(name: str, flags: int) -> int:
    """Open a file to record into as long as nobody else does: two would write over each other's lines.

    Nothing of it is lost where somebody else does. Where the system has no locks for files, it is opened in any case.

    :raises OSError: if it cannot be opened, or is being recorded into
    """
    handle = os.open(name, flags & ~os.O_TRUNC, 0o600)
    try:
        if stat.S_ISREG(os.fstat(handle).st_mode):
            _lock(handle)
            if flags & os.O_TRUNC:
                os.ftruncate(handle, 0)
    except BaseException:
        os.close(handle)
        raise
    return handle


def is_recorded_into(path: FilePath) -> bool:
    """Tell whether a recorder writes a file, one that is no pipe, just now; that nobody may is not told."""
    try:
        handle = os.open(path, os.O_WRONLY)
    except (OSError, ValueError):
        return False
    try:
        _lock(handle)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def _lock(handle: int) -> None:
    """Lock an open file until it is closed.

    :raises OSError: if somebody else has it
    """
    try:
        import fcntl
    except ImportError:  # not on every system
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise OSError(errno.EBUSY, IN_USE) from None
    except OSError:  # nor in every file system
        pass


def _end_of_whole_lines(path: Path) -> tuple[int, bytes] | None:
    """Say what becomes of a last line without its end: how many bytes are kept, and what they lack.

    :returns: None where nothing is to be done
    """
    if not path.is_file():
        return None
    with path.open("rb") as file:
        size = at = file.seek(0, io.SEEK_END)
        pieces = [b""]
        while at and b"\n" not in pieces[-1]:
            step = min(at, _LOOKED_AT)
            at = file.seek(at - step)
            pieces.append(file.read(step))
    last = b"".join(reversed(pieces))
    last = last[last.rfind(b"\n") + 1 :]
    if not last:
        return None
    if records.is_cut_off(last.decode("utf-8", "replace")):
        _LOGGER.warning("the last line of %s was cut off, and is taken away", path)
        return size - len(last), b""
    return size, b"\n"


def read_recording(file: FilePath | TextIO) -> Generator[Record, None, None]:
    """Give the records of a recording, one by one, as they are read.

    A last line without its end is what a crash leaves behind: it is passed over with a warning.

    :param file: a path, ``-`` for stdin, or a text file
    :raises RecordError: if the file cannot be read, or a line that is complete is no record, naming its number
    """
    if file == "-" and sys.stdin is None:
        raise RecordError("there is no standard input to read")
    name = "standard input" if file == "-" else _shown_name(file)
    try:
        if file == "-":
            yield from _whole(sys.stdin)
        elif path_of(file) is None and hasattr(file, "__iter__"):
            yield from _whole(cast("TextIO", file))
        else:
            path = checked_path("a recording", file, RecordError, also=_OR_OPEN)
            with path.open(encoding="utf-8") as opened:
                yield from _whole(opened)
    except OSError as error:
        raise RecordError(f"{name or file} cannot be read: {error.strerror or error}") from error
    except RecordError as error:
        raise RecordError(told_of(name, str(error)) if name else str(error)) from None
    except ValueError as error:
        # Of an open file that is closed by now, or has another encoding than it was opened for.
        raise RecordError(f"{name or file} cannot be read: {error}") from error


def _shown_name(file: FilePath | TextIO) -> str:
    """Give what errors call a file; empty for one that has no name."""
    name = path_of(file) or path_of(getattr(file, "name", None))
    return str(name) if name is not None else ""


def _whole(file: TextIO) -> Iterator[Record]:
    # What is read is only iterated over.
    return records.read(cast("TextIO", _complete(_begun(file))))


def _begun(lines: Iterable[str]) -> Iterator[str]:
    """See that the first line that is not empty may be one of a recording.

    :raises RecordError: if it is not; the others are not looked at, for what is wrong with them is damage
    """
    looked_at = False
    for number, line in enumerate(lines, 1):
        if not isinstance(line, str):
            raise RecordError(
                f"line {number} is {type(line).__name__}, not text: a file is to be opened for text"
            )
        if not looked_at and (text := line.removeprefix("\ufeff").lstrip()):
            looked_at = True
            if not _BEGIN.match(text):
                raise RecordError(f"line {number} is no line of a recording: {READ_AS_RECORDING}")
        yield line


def _complete(lines: Iterable[str]) -> Iterator[str]:
    """Leave out a last line that has no end, unless it is a whole record all the same."""
    for line in lines:
        if records.is_cut_off(line):
            _LOGGER.warning("the last line of the recording was cut off, and is left out")
            return
        yield line
