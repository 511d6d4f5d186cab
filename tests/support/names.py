"""A name server that answers when a test says so."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from miio_lan.lan.client.transport import resolving_aio

PATIENCE = 100.0  # only ever waited for in full when a test fails


class Names:
    """A name server of our own."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        #: Name -> its address; empty where the name server knows none.
        self.known: dict[str, str] = {}
        self.gate = threading.Event()
        self.gate.set()
        #: Names that do not wait for the gate.
        self.at_once: set[str] = set()
        self.asked = self.answered = 0
        self.begun = threading.Semaphore(0)
        self._original = socket.getaddrinfo
        patch.setattr(socket, "getaddrinfo", self._look)

    def _look(self, host: Any, port: int, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in self.known:
            return self._original(host, port, **options)
        if options.get("flags", 0) & socket.AI_NUMERICHOST:
            raise socket.gaierror("not an address")
        self.asked += 1
        self.begun.release()
        if name not in self.at_once:
            self.gate.wait(PATIENCE)
            self.answered += 1
        if not self.known[name]:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return self._original(self.known[name], port, **options)


def join_look_ups() -> None:
    """Wait until no look-up is under way any more."""
    for thread in threading.enumerate():
        if thread.name.startswith("look-up"):
            thread.join(PATIENCE)


@contextmanager
def name_server(patch: pytest.MonkeyPatch) -> Iterator[Names]:
    """Have names asked of a name server of our own, whose threads are ended then."""
    found = Names(patch)
    try:
        yield found
    finally:
        found.gate.set()
        join_look_ups()
        resolving_aio._UNDER_WAY.clear()  # what nobody took, for the tests that come
