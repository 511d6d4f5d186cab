"""A UDP port at which nobody listens."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

DISCARD = 9


@contextmanager
def closed_port(
    host: str = "127.0.0.1", port: int = 0, family: socket.AddressFamily = socket.AF_INET
) -> Iterator[Any]:
    """Give the address of a port that refuses whatever is sent to it, and that nobody else is given meanwhile.

    A port that was merely freed may be the next one that the system gives to somebody, in another process or thread of
    the tests. This one is taken, but hears a single peer, which is none.

    :param port: one that was just freed; 0 for any
    """
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind((host, port))
        sock.connect((host, DISCARD))
        yield sock.getsockname()
