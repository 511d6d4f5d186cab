"""A recording written by hand: what crossed both wires, step by step."""

from __future__ import annotations

import json
from typing import Any, Self

from miio_lan.record import Record

STEP = 0.01
"""Seconds from one record to the next, unless said otherwise."""


class Tape:
    """Records in the order they are written down."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.now = 0.0

    def wait(self, seconds: float) -> Self:
        self.now += seconds
        return self

    def _put(
        self, wire: str, direction: str, raw: bytes, reading: Any = None, note: str = "", peer: str = ""
    ) -> Self:
        self.records.append(Record(wire, direction, self.now, self.now, raw, reading, note, peer))
        self.now += STEP
        return self

    def _lan(self, direction: str, body: dict[str, object], peer: str) -> Self:
        return self._put("lan", direction, json.dumps(body).encode(), body, peer=peer)

    def ask(self, number: int, method: str, params: object = None, *, peer: str = "") -> Self:
        """A request on the LAN."""
        return self._lan("down", {"id": number, "method": method, "params": params}, peer)

    def reply(self, number: int, result: object = None, *, error: int | None = None, peer: str = "") -> Self:
        """Its answer on the LAN."""
        # In the module's words where it speaks of an MCU that did not answer: others would be the MCU's own.
        words = "user ack timeout" if error == -9999 else "no"
        body = {"result": result} if error is None else {"error": {"code": error, "message": words}}
        return self._lan("up", {"id": number, **body}, peer)

    def hello(self, direction: str = "down", *, along: bool = False) -> Self:
        """A greeting; ``along`` with what comes next, at the same instant."""
        self._put("lan", direction, b"", note="hello")
        if along:
            self.now -= STEP
        return self

    def up(self, *lines: str | bytes, note: str = "") -> Self:
        """Lines of the MCU."""
        for line in lines:
            self._put("uart", "up", _raw(line), note=note)
        return self

    def down(self, *lines: str | bytes, note: str = "") -> Self:
        """Lines of the module."""
        for line in lines:
            self._put("uart", "down", _raw(line), note=note)
        return self

    def lan_gap(self, *, peer: str = "") -> Self:
        """What an observer of the LAN is told that did not follow."""
        note = "gap: 7 before this were not told, for want of time"
        return self._put("lan", "down", b"", note=note, peer=peer)

    def mark(self, note: str) -> Self:
        return self._put("uart", "up", b"", note=note)

    def fetch(self, text: str) -> Self:
        """The MCU asks for work and gets some."""
        return self.up("get_down").down(f"down {text}")

    def answer(self, text: str, said: str = "ok") -> Self:
        """The MCU answers, and the module says something to that."""
        return self.up(text).down(said)


def _raw(line: str | bytes) -> bytes:
    return line if isinstance(line, bytes) else line.encode() + b"\r"
