from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from miio_lan.lan.client.blocking import Connection
from miio_lan.lan.client.transport.shared_socket import SharedSocket

LONGEST = 0.0005
"""Seconds: the shortest wait there is."""


class Sock:
    """A socket that nothing comes to, and that keeps in mind how long it was to wait."""

    def __init__(self, known: float | None) -> None:
        self.known = known
        self.waited: float | None = None

    def gettimeout(self) -> float | None:
        return self.known

    def settimeout(self, seconds: float) -> None:
        self.known = seconds

    def recv(self, size: int) -> bytes:
        self.waited = self.known
        raise TimeoutError


def read(sock: Any, wait: float) -> tuple[bytes | None, str]:
    return SharedSocket._read(object.__new__(Connection), sock, wait)


@pytest.mark.parametrize("known", [None, 0.0, LONGEST, 0.3, 5.0])
@pytest.mark.parametrize("wait", [0.0, 0.0001, LONGEST, 0.4, 5.0])
def test_no_socket_waits_for_ever_or_not_at_all(known: float | None, wait: float) -> None:
    """A new one has no bound, and one that was emptied is not blocking; a machine that stalls has no time left."""
    sock = Sock(known)
    assert read(sock, wait) == (None, "")
    assert sock.waited is not None
    assert 0.0 < sock.waited <= max(wait, LONGEST)


def test_a_new_socket_without_time_left_comes_back() -> None:
    found: list[tuple[bytes | None, str]] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=lambda: found.append(read(sock, 0.0)), daemon=True)
        thread.start()
        thread.join(100.0)
    assert found == [(None, "")]
