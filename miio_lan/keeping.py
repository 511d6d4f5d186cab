"""What is kept for a user from one run to the next: where it lies, and how it is written as a whole or not at all."""

from __future__ import annotations

import contextlib
import math
import os
import secrets
import stat
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = "miio-lan"
MOST_TOKEN_BYTES = 4096
"""Bytes of a file with one token that are read: a longer one holds something else."""


def config_folder() -> Path:
    """Return the folder of what a user has set up: the platform's configuration folder, our part of it.

    ``$XDG_CONFIG_HOME`` or ``~/.config`` on Linux, ``~/Library/Application Support`` on macOS, ``%APPDATA%`` on
    Windows.
    """
    return _folder("XDG_CONFIG_HOME", ".config", "Application Support", "APPDATA")


def cache_folder() -> Path:
    """Return the folder of what can be had anew: the platform's cache folder, our part of it.

    ``$XDG_CACHE_HOME`` or ``~/.cache`` on Linux, ``~/Library/Caches`` on macOS, ``%LOCALAPPDATA%`` on Windows.
    """
    return _folder("XDG_CACHE_HOME", ".cache", "Caches", "LOCALAPPDATA")


def _folder(xdg: str, linux: str, mac: str, windows: str) -> Path:
    if sys.platform == "darwin":
        return _home() / "Library" / mac / _NAME
    if sys.platform == "win32":
        return Path(os.environ.get(windows) or _home()) / _NAME
    return Path(os.environ.get(xdg) or _home() / linux) / _NAME


def _home() -> Path:
    """Return the user's folder; the root where nobody knows of one, as for a service under a bare number.

    So says the system's own login, too. Nothing is found there, and whoever has to write is told that it cannot be.
    """
    try:
        return Path.home()
    except RuntimeError:
        return Path(os.sep)


def missing_file(path: Path) -> str:
    """Say why there is no file of a name that somebody gave; empty where there is one."""
    try:
        return "" if stat.S_ISREG(path.stat().st_mode) else f"{path} is no file"
    except (FileNotFoundError, NotADirectoryError):
        return f"there is no file {path}"
    except OSError as error:
        return f"{path} cannot be read: {error.strerror or error}"


def open_to_others(about: os.stat_result) -> str:
    """Say that others than its owner may read or change a file with a secret, and what helps.

    :return: the rest of a sentence that begins with the file's name; empty where it is the owner's alone, where it is
        no plain file (a pipe has no readers but its own), and on Windows, whose modes say nothing of it
    """
    if (
        sys.platform == "win32"
        or not stat.S_ISREG(about.st_mode)
        or not about.st_mode & (stat.S_IRWXG | stat.S_IRWXO)
    ):
        return ""
    return f"is open to others (mode {stat.S_IMODE(about.st_mode):03o}): chmod 600 keeps it private"


def replace_file(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Write a file beside the old one and put it in its place: a reader finds the old one or the new one, whole.

    :param mode: who may do what with it, less what the user's umask takes away; by default it is its owner's alone
    :raises OSError: if that cannot be done; the old one is as before then
    """
    new = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with open(handle, "wb") as file:  # noqa: PTH123 - a descriptor
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            new.unlink()
        raise


# Where the system has no locks for files, this program's own threads keep out of each other's way at least.
_THREADS = threading.Lock()
_NEXT_TRY = 0.01
"""Seconds between two looks whether a lock is free that is not waited for without an end: no system says so."""


@contextlib.contextmanager
def locked(folder: Path, seconds: float = math.inf) -> Iterator[None]:
    """Keep others that ask for it from changing a folder meanwhile: threads, and programs where the system can do that.

    :param seconds: how long to wait for others
    :raises BlockingIOError: if somebody else has it for longer
    :raises OSError: if the folder cannot be opened
    """
    try:
        import fcntl  # noqa: F401
    except ImportError:  # not on every system
        if not _THREADS.acquire(timeout=min(seconds, threading.TIMEOUT_MAX)):
            raise BlockingIOError(f"{folder} is in use") from None
        try:
            yield
        finally:
            _THREADS.release()
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        end = time.monotonic() + seconds
        while not _lock(handle, wait=end == math.inf):
            if time.monotonic() >= end:
                raise BlockingIOError(f"{folder} is in use")
            time.sleep(_NEXT_TRY)
        yield
    finally:
        os.close(handle)


class Claim:
    """A claim to something that one program uses at a time: a lock on a file, freed also when the program dies.

    The file says who holds it. Where the system has no locks for files, every claim is granted.

    :param path: the file; made where it is not there
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._handle: int | None = None

    @property
    def held(self) -> bool:
        """Whether it is ours."""
        return self._handle is not None

    def take(self, who: str, *, wait: bool) -> bool:
        """Claim it.

        :param who: what others are told of the holder
        :param wait: wait until it is free
        :return: whether it is ours now
        :raises OSError: if the file cannot be made, or locked
        """
        if self._handle is not None:
            return True
        self._path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if not _lock(handle, wait=wait):
                os.close(handle)
                return False
            os.ftruncate(handle, 0)
            os.write(handle, who.encode("utf-8", "replace"))
        except BaseException:
            with contextlib.suppress(OSError):
                os.close(handle)
            raise
        self._handle = handle
        return True

    def holder(self) -> str:
        """Say who holds it, or held it last; empty where that is not known."""
        try:
            return self._path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    def free(self) -> None:
        """Give it back."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _lock(handle: int, *, wait: bool) -> bool:
    """Lock an open file; tell whether it is locked now.

    :raises OSError: if that cannot be done for another reason than that somebody holds it
    """
    if sys.platform == "win32":
        import msvcrt

        while True:
            try:
                msvcrt.locking(handle, msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
            except OSError:  # what is waited for has taken longer than this system likes to wait
                if not wait:
                    return False
            else:
                return True
    try:
        import fcntl
    except ImportError:  # not on every system
        return True
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
