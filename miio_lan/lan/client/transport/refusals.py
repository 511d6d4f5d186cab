"""What a socket that is connected to nobody is told of datagrams that could not be delivered.

A connected socket is told by an error of the next call. One that serves many devices needs to know which of them is
meant: Linux keeps that in a queue beside the socket. Elsewhere nothing is told, and silence has to do.
"""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from typing import Any

# Of Linux; the module socket does not name them in every version of Python.
_IP_RECVERR = 11
_IPV6_RECVERR = 25
#: struct sock_extended_err begins with the error's number, of 32 bits.
_NUMBER_SIZE = 4
#: Bytes of room for what the system adds to a message: what went wrong, and who said so (some 80 with IPv6).
_ANCILLARY = 256
#: Read at one time, at most.
_MAX_READ = 256


def ask_for_refusals(sock: socket.socket) -> None:
    """Have the system keep what it is told; nothing happens where it cannot."""
    if sys.platform == "linux":
        with suppress(OSError):
            if sock.family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
            else:
                sock.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)


def read_refusals(sock: socket.socket) -> list[tuple[Any, OSError]]:
    """Give what was told since: to which address a datagram was sent, and what became of it."""
    found: list[tuple[Any, OSError]] = []
    if sys.platform != "linux":
        return found
    with suppress(OSError):  # BlockingIOError: nothing more
        while len(found) < _MAX_READ:
            _, ancillary, _, address = sock.recvmsg(0, _ANCILLARY, socket.MSG_ERRQUEUE)
            for level, kind, data in ancillary:
                if (level, kind) in {
                    (socket.IPPROTO_IP, _IP_RECVERR),
                    (socket.IPPROTO_IPV6, _IPV6_RECVERR),
                }:
                    number = int.from_bytes(data[:_NUMBER_SIZE], sys.byteorder)
                    found.append((address, OSError(number, os.strerror(number))))
    return found
