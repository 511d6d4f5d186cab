"""The two far ends of a virtual module or product: a bare LAN client, and bare hands on a serial line. And a log."""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, Self

from miio_lan.lan.packet import HELLO, Packet, decode, encode
from miio_lan.record import Record

PATIENCE = 100.0
"""Seconds after which something that must happen has not; only ever waited for in full when a test fails."""


class Caller:
    """A bare LAN client: no repeats, no patience with what it did not ask for."""

    def __init__(self, host: str, port: int, token: str, *, start_id: int = 0) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE)
        self.socket.connect((host, port))
        self.token = bytes.fromhex(token)
        self.id = start_id
        self.device: Packet | None = None

    def hello(self) -> Packet:
        """Greet, and give the answer."""
        self.socket.send(HELLO)
        self.device = decode(self.socket.recv(65536), None)
        return self.device

    def send(self, method: str, params: object = ()) -> int:
        """Send a request with a fresh stamp, and give its id."""
        device = self.device = self.device or self.hello()
        self.id += 1
        request = {"id": self.id, "method": method, "params": params}
        self.socket.send(encode(request, token=self.token, device_id=device.device_id, stamp=device.stamp))
        return self.id

    def payload(self) -> Any:
        """Wait for the next answer."""
        return decode(self.socket.recv(65536), self.token).payload

    def ask(self, method: str, params: object = ()) -> Any:
        """Send a request and wait for its answer, which must be the next one."""
        number = self.send(method, params)
        answer = self.payload()
        assert answer["id"] == number
        return answer

    def result(self, method: str, params: object = ()) -> Any:
        """Give the result of a request that succeeds."""
        answer = self.ask(method, params)
        assert "result" in answer, answer
        return answer["result"]

    def error(self, method: str, params: object = ()) -> int:
        """Give the code of a request that fails."""
        answer = self.ask(method, params)
        assert "error" in answer, answer
        code: int = answer["error"]["code"]
        return code

    def nothing_came(self) -> bool:
        """Tell whether no answer lies unread. Ask something else first, so that there was time for one."""
        return not select.select([self.socket], [], [], 0)[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


class Hands:
    """Somebody at a pty with nothing but reads and writes."""

    def __init__(self, path: str) -> None:
        self.file = os.open(path, os.O_RDWR | os.O_NOCTTY)
        self._unread = b""

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        os.write(self.file, data)

    def read_until(self, end: bytes) -> bytes:
        """Give everything up to and including ``end``, byte for byte."""
        due = time.monotonic() + PATIENCE
        while end not in self._unread:
            ready, _, _ = select.select([self.file], [], [], max(0.0, due - time.monotonic()))
            assert ready, f"{self._unread!r} came, and no {end!r}"
            self._unread += os.read(self.file, 65536)
        taken, self._unread = self._unread.split(end, 1)
        return taken + end

    def line(self) -> bytes:
        """Give the next line with its CR."""
        return self.read_until(b"\r")

    def ask(self, line: bytes) -> bytes:
        """Say a line without its CR, and give the reply with its CR."""
        self.write(line + b"\r")
        return self.line()

    def fetch(self) -> bytes:
        """Poll as an MCU does, until there is something other than ``down none``."""
        due = time.monotonic() + PATIENCE
        while (reply := self.ask(b"get_down")) == b"down none\r":
            assert time.monotonic() < due, "nothing was handed out"
        return reply

    def silent(self) -> bool:
        """Tell whether nothing lies unread. Ask something else first, so that there was time for it."""
        return not self._unread and not select.select([self.file], [], [], 0)[0]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self.file)


class Log:
    """An observer to wait on."""

    def __init__(self) -> None:
        self.queue: SimpleQueue[Record] = SimpleQueue()

    def __call__(self, record: Record) -> None:
        self.queue.put(record)

    def until(self, wanted: Callable[[Record], bool]) -> Record:
        """Give the next record that is wanted; those before it are gone."""
        while True:
            record = self.queue.get(timeout=PATIENCE)
            if wanted(record):
                return record

    def until_line(self, start: bytes) -> Record:
        """Give the next line that begins so."""
        return self.until(lambda record: record.raw.startswith(start))

    def until_note(self, start: str) -> Record:
        """Give the next record whose note begins so."""
        return self.until(lambda record: record.note.startswith(start))
