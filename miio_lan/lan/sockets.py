"""Sockets as the system gives them, and the words for where it gives none."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from miio_lan.errors import DeviceException


def made_socket(family: int, kind: int, protocol: int = 0) -> socket.socket:
    """Make a socket.

    :raises DeviceException: if the system gives none: too many files are open, or it has no IPv6
    """
    with told_in_words(family):
        return socket.socket(family, kind, protocol)


@contextmanager
def told_in_words(family: int = socket.AF_INET) -> Iterator[None]:
    """Have what the system says where it gives no socket, or nothing to wait on it with, raised as an error of ours.

    :raises DeviceException: in its place
    """
    try:
        yield
    except DeviceException:
        raise  # some of them are an OSError, too
    except OSError as error:
        reason = error.strerror or error
        if error.errno in {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}:
            text = f"there can be no more sockets: {reason}"
        elif error.errno == errno.EAFNOSUPPORT and family == socket.AF_INET6:
            text = f"this computer does not speak IPv6: {reason}"
        else:
            text = f"there can be no socket: {reason}"
        raise DeviceException(text) from None
