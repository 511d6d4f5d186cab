"""What is kept for a user from one run to the next: where it lies, and how it is written as a whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_NAME = "miio-lan"


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
        return Path.home() / "Library" / mac / _NAME
    if sys.platform == "win32":
        return Path(os.environ.get(windows) or Path.home()) / _NAME
    return Path(os.environ.get(xdg) or Path.home() / linux) / _NAME


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


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep others that ask for it from changing a folder meanwhile: threads, and programs where the system can do that.

    :raises OSError: if the folder cannot be opened
    """
    try:
        import fcntl
    except ImportError:  # not on every system
        with _THREADS:
            yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
