"""What names a file: whoever takes a path takes a text or any object that stands for one, and says so of others."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

from miio_lan.foreign import show

FilePath = str | os.PathLike[str]
"""A path: a text, or an object that stands for one (``pathlib.Path``, for example)."""

_E = TypeVar("_E", bound=Exception)


def path_of(file: object) -> Path | None:
    """Give a path as an object of ``pathlib``; None for what is no path: an open file, or no file at all.

    A number is none, though Python opens (and closes) the file that has it: it may be the program's own output.
    """
    named = os.fspath(file) if isinstance(file, (str, os.PathLike)) else None
    return Path(named) if isinstance(named, str) else None


def checked_path(what: str, file: object, error: type[_E], *, also: str = "") -> Path:
    """Give a path as an object of ``pathlib``.

    :param what: the file, as the subject of a sentence
    :param error: what is raised for anything else
    :param also: what the caller takes beside a path
    """
    path = path_of(file)
    if path is None:
        raise error(f"{what} is a path{also}, not {type(file).__name__}")
    if "\0" in str(path):
        raise error(f"{what} cannot be at {show(str(path))}: a path has no NUL character")
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        raise error(f"{what} cannot be at {show(str(path))}: no name of a file has such characters") from None
    return path
