"""The files a command writes: checked before anything is done, and opened when there is something to write."""

from __future__ import annotations

import logging
import os
import stat
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

from miio_lan import keeping
from miio_lan.click_common.failures import FAILED, refuse
from miio_lan.click_common.output import echo
from miio_lan.errors import DeviceException, RecordError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from types import TracebackType

    from miio_lan.record import Record
    from miio_lan.record.recording import FileRecorder

_LOGGER = logging.getLogger(__name__)

_Key = tuple[object, ...]


def check_files(outputs: Sequence[str | None], inputs: Iterable[str | Path | None] = ()) -> None:
    """See that files can be written, each of them once, and that none is what is read.

    :param outputs: paths; None where there is none
    :param inputs: paths, ``-`` for stdin, or anything else that is no file
    :raises click.UsageError: saying which cannot be written, and why
    """
    read = {_stdin() if name == "-" else _key(str(name)): str(name) for name in inputs if name}
    read.pop(None, None)
    written: dict[_Key, str] = {}  # by file: one may have several names, and one name may be given twice
    for name in outputs:
        if name is None:
            continue
        _check_writable(name)
        key = _key(name)
        if key in read:
            refuse(f"{name} cannot be written: it is what is read ({read[key]}), and would be lost.")
        if key is not None:
            if key in written:
                refuse(f"{name} cannot be written twice: give each output a file of its own.")
            written[key] = name


def _key(name: str) -> _Key | None:
    """Give what all names of one file have in common; None for what takes more than one output, such as /dev/null."""
    try:
        return _file(Path(name).stat())
    except (OSError, ValueError):  # there is none yet
        pass
    try:
        return (os.path.realpath(name),)
    except OSError:  # the folder that all names begin in is gone
        return (name,)


def _stdin() -> _Key | None:
    try:
        return _file(os.fstat(sys.stdin.fileno()))
    except (OSError, ValueError, AttributeError):  # it is closed
        return None


def _file(found: os.stat_result) -> _Key | None:
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else None


def _check_writable(name: str) -> None:
    try:
        problem = _problem(name, Path(name))
    except OSError as error:
        problem = error.strerror or str(error)
    if problem:
        refuse(f"{name or 'a file without a name'} cannot be written: {problem}.")


def _problem(name: str, path: Path) -> str:
    """Say why a file cannot be written; empty where it can.

    :raises OSError: where that is what the system says of its name
    """
    if name == "-":  # standard output has what is shown
        return "it is no file here; /dev/stdout is standard output, ./- a file of this name"
    folder = path.absolute().parent
    mode, around = _mode(path), _mode(folder)
    if not name or (mode is not None and stat.S_ISDIR(mode)):
        return "it is a folder"
    if around is None or not stat.S_ISDIR(around):
        return f"there is no folder {path.parent}"
    if not os.access(folder if mode is None else path, os.W_OK):
        return "that is not permitted"
    if mode is not None and stat.S_ISREG(mode):
        from miio_lan.record.recording import IN_USE, is_recorded_into

        return IN_USE if is_recorded_into(path) else ""
    return ""


def _mode(path: Path) -> int | None:
    """Give what kind of file this is, and its permissions; None where there is none.

    :raises OSError: where nobody can know that
    """
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None


def shown_name(name: str) -> str:
    """Give what errors call a file that is read: ``-`` is standard input."""
    return "standard input" if name == "-" else name


def no_records(name: str) -> DeviceException:
    """Make the error for a recording in which there is nothing: no usage error, for the file may be right."""
    from miio_lan.record.recording import READ_AS_RECORDING

    return DeviceException(f"{shown_name(name)} holds no records: {READ_AS_RECORDING}")


def replace_file(name: str, data: bytes) -> None:
    """Write the file of a name that the user gave, as a whole or not at all; a link keeps leading there.

    :raises OSError: if it cannot be written; the old one is as it was
    """
    if is_no_plain_file(name):  # /dev/null and the like have no place to be put in
        from miio_lan.record.pipes import open_output

        with open(name, "wb", opener=open_output) as file:
            file.write(data)
        return
    keeping.replace_file(Path(os.path.realpath(name)), data, mode=0o666)


def is_no_plain_file(name: str) -> bool:
    """Tell whether there is something that has nothing to lose: a pipe, a device."""
    return os.path.exists(name) and not os.path.isfile(name)  # noqa: PTH110, PTH113 - those of Path may raise


class Recording:
    """A recording in the making, in the place of an earlier one only when there is something to record.

    An observer. With what it cannot write it disturbs nobody: that is counted, and told in the end.

    :param name: the path; None records nothing
    """

    def __init__(self, name: str | None) -> None:
        self.name = name
        self._lock = threading.Lock()
        self._recorder: FileRecorder | None = None
        self._failed: RecordError | None = None
        self._missed = 0

    def __call__(self, record: Record) -> None:
        """Write a record; the first one begins the file."""
        if self.name is None:
            return
        with self._lock:
            recorder = self._opened()
            if recorder is None:
                self._missed += 1
        if recorder is not None:
            recorder(record)

    def begin(self) -> None:
        """Begin the file now, whether or not there will be records.

        :raises RecordError: if it cannot be written
        """
        with self._lock:
            self._opened()
        if self._failed is not None:
            raise self._failed

    def _opened(self) -> FileRecorder | None:
        if self._recorder is None and self._failed is None and self.name is not None:
            from miio_lan.record.recording import FileRecorder

            try:
                self._recorder = FileRecorder(self.name)
            except RecordError as error:
                self._failed = error
                _LOGGER.warning("there will be no recording: %s", error)
        return self._recorder

    @property
    def begun(self) -> bool:
        """Whether the file was written anew."""
        return self._recorder is not None

    @property
    def written(self) -> int:
        """How many records were written."""
        return self._recorder.written if self._recorder is not None else 0

    @property
    def lost(self) -> int:
        """How many records could not be written."""
        return self._missed + (self._recorder.lost if self._recorder is not None else 0)

    def tell(self) -> int:
        """Say what could not be written, and give the exit code for that: 0 when nothing was lost."""
        if self.lost:
            echo(f"Error: {self.lost} records could not be written to {self.name}", err=True)
        return FAILED if self.lost else 0

    def __enter__(self) -> Self:
        """Begin at once what is no plain file: nothing is lost by that, and a pipe that nobody reads is told now."""
        if self.name is not None and is_no_plain_file(self.name):
            self.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._recorder is not None:
            self._recorder.close()
