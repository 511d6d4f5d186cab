"""Named pipes as files to write: their readers may come late and be slow, but nobody waits for them without an end."""

from __future__ import annotations

import errno
import os
import stat
import time
from pathlib import Path

from miio_lan.ready import writable

READER_TIME = 2.0
"""Seconds in which the reader of a pipe has to come; both are often started together."""
PIPE_TIME = 10.0
"""Seconds in which the reader of a full pipe has to take something."""
_LOOK_AGAIN = 0.02


def open_output(name: str, flags: int) -> int:
    """Open a file that is written to, as an ``opener`` of :func:`open`; a pipe that nobody reads is an error.

    The system would wait for a reader without an end, and go on with that after a signal.

    :param name: the path
    :param flags: of :func:`os.open`
    :raises OSError: if it cannot be opened
    """
    due = time.monotonic() + READER_TIME
    while True:
        try:
            handle = os.open(name, flags | getattr(os, "O_NONBLOCK", 0), 0o666)
        except OSError as error:
            if error.errno != errno.ENXIO or not stat.S_ISFIFO(os.stat(name).st_mode):  # noqa: PTH116 - it is a name
                raise
            if time.monotonic() >= due:
                raise OSError(errno.ENXIO, "nobody reads from this pipe", name) from None
            time.sleep(_LOOK_AGAIN)
        else:
            if hasattr(os, "O_NONBLOCK"):
                os.set_blocking(handle, True)
            return handle


class PipeLines:
    """A named pipe that takes lines. What was begun is finished before anything else: its reader gets whole lines.

    :raises OSError: if it cannot be opened, as when nobody reads from it
    """

    def __init__(self, path: Path) -> None:
        self._file = open(path, "wb", buffering=0, opener=open_output)  # noqa: SIM115 - closed by close()
        os.set_blocking(self._file.fileno(), False)
        self._rest = b""
        self._stalled = False

    def write(self, lines: str) -> None:
        """Write some lines. A reader that took nothing for 10 s is not waited for again before it takes something.

        :raises OSError: if nothing of them was written, nor will be
        """
        self._put(self._rest)
        data = lines.encode("ascii")
        if not self._rest:
            self._put(data)
            if len(self._rest) < len(data):
                return
            self._rest = b""
        raise _stalled()

    def flush(self) -> None:
        """Nothing is kept back but what the reader does not take."""

    def close(self) -> None:
        """Close it. May be called twice.

        :raises OSError: if its reader has not taken what was begun
        """
        if self._file.closed:
            return
        try:
            self._put(self._rest)
        finally:
            self._file.close()
        if self._rest:
            raise _stalled()

    def _put(self, data: bytes) -> None:
        left = memoryview(data)
        try:
            while left:
                taken = self._file.write(left) or 0
                left = left[taken:]
                if taken:
                    self._stalled = False
                elif not writable(self._file, 0.0 if self._stalled else PIPE_TIME):
                    self._stalled = True
                    return
        finally:
            self._rest = bytes(left)


def _stalled() -> OSError:
    return OSError(errno.ETIMEDOUT, "the reader of this pipe takes nothing")
