"""Lines at other computers, by pyserial's ``rfc2217://`` and ``socket://``: what a URL lacks, and how a loss shows.

A server that ends or is restarted closes its connection, and the port is in an outage at once. A computer that is
switched off, or a network that is cut, says nothing; so the system is asked to look, and the port is in an outage after
:data:`LOST_AFTER` seconds. Without that, a dead line would look like one on which nobody speaks.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

LOOK_AFTER = 5
"""Seconds of silence after which the system asks the other computer whether it is there."""
LOOK_EVERY = 2
"""Seconds between such questions."""
LOOKS = 3
"""Questions without an answer that make the connection a lost one."""
LOST_AFTER = LOOK_AFTER + LOOK_EVERY * LOOKS
"""Seconds after which a computer that has fallen silent is taken for lost."""

IGNORE_CONTROL = "ign_set_control"
"""The option of ``rfc2217://`` that does without an answer about the modem lines."""

_EXAMPLES = {"socket": "socket://192.168.1.7:4000", "rfc2217": "rfc2217://192.168.1.7:4000"}
_NO_CONTROL = "option 'control'"


def is_remote(url: str) -> bool:
    """Tell whether a port is at another computer."""
    return _scheme(url) in _EXAMPLES


def keep_looking(device: Any) -> None:
    """Have the system find out when the other computer is gone; does nothing for a port of this one.

    :param device: an open pyserial object
    """
    connection = getattr(device, "_socket", None)
    if not isinstance(connection, socket.socket):
        return
    options = (
        (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
        (socket.IPPROTO_TCP, "TCP_KEEPIDLE", LOOK_AFTER),
        (socket.IPPROTO_TCP, "TCP_KEEPALIVE", LOOK_AFTER),  # the same, as macOS names it
        (socket.IPPROTO_TCP, "TCP_KEEPINTVL", LOOK_EVERY),
        (socket.IPPROTO_TCP, "TCP_KEEPCNT", LOOKS),
        # Nobody is asked while something that was written is unconfirmed.
        (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", LOST_AFTER * 1000),
    )
    for level, name, value in options:
        with suppress(OSError, AttributeError):  # not every system has every option
            connection.setsockopt(level, getattr(socket, name), value)


def what_it_lacks(url: str, error: Exception) -> str:
    """Say what is to be changed in a URL that leads to another computer; empty where that is not known.

    :param error: what pyserial said
    """
    scheme = _scheme(url)
    if not is_remote(url):
        return ""
    if not _has_port(url):
        return f"it lacks the port, as in {_EXAMPLES[scheme]}"
    if scheme == "rfc2217" and _NO_CONTROL in str(error) and IGNORE_CONTROL not in url:
        joint = "&" if "?" in url else "?"
        return (
            f"its server does not set modem lines ({error}); a pseudo-terminal has none, then write "
            f"{url}{joint}{IGNORE_CONTROL}"
        )
    return ""


def _scheme(url: str) -> str:
    return url.partition("://")[0].lower()


def _has_port(url: str) -> bool:
    with suppress(ValueError):
        return urlsplit(url).port is not None
    return False
