"""Brings the lines of both directions into the order in which they were said.

Two receivers stamp what they read some milliseconds late, each in its own time (USB adapters collect bytes for up to
16 ms). So an answer may seem to come before its question. Within a direction the order is certain; between them, what
can answer what decides where the stamps are close.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Iterable
from functools import lru_cache

from miio_lan.record import Record
from miio_lan.uart.bridge.faults import delivered, invented

LATENESS = 0.03
"""Seconds by which the stamp of one receiver may be behind that of the other."""

PATIENCE = 0.1
"""Seconds after which a line is no longer waited on; modules answer within milliseconds."""

# Reports that are also answers to a request of the module.
_REQUESTS = {"model": "down MIIO_model_req", "mcu_version": "down MIIO_mcu_version_req"}
_ANSWERS = frozenset({"result", "error", *_REQUESTS})
_SERVER = frozenset({"get_down", "result", "error", "properties_changed", "event_occured"})


def text_of(record: Record) -> str:
    """Give the printable text of a line, without its end."""
    return _printable(record.raw)


@lru_cache(maxsize=1024)
def _printable(raw: bytes) -> str:
    # A line at rest says the same all the time.
    return "".join(chr(byte) for byte in raw if 0x20 <= byte < 0x7F).strip(" ")


def merged(records: Iterable[Record]) -> list[Record]:
    """Order the records of a line, each direction being in the order of time."""
    merger = _Merger()
    for record in records:
        (merger.up if record.direction == "up" else merger.down).append(record)
    return merger.run()


def in_order(records: Iterable[Record]) -> list[Record]:
    """Order the records of both wires: the lines as they were said, and the datagrams among them by their time."""
    kept = sorted(records, key=_instant)
    lines = merged(record for record in kept if record.wire == "uart")
    return list(heapq.merge(lines, (record for record in kept if record.wire != "uart"), key=_instant))


def _instant(record: Record) -> float:
    return record.instant


class _Merger:
    def __init__(self) -> None:
        self.up: deque[Record] = deque()
        self.down: deque[Record] = deque()
        self._asked: deque[tuple[float, str]] = deque(maxlen=32)

    def run(self) -> list[Record]:
        ordered = []
        while self.up and self.down:
            record = self.up.popleft() if self._up_first() else self.down.popleft()
            self._note(record)
            ordered.append(record)
        return [*ordered, *self.up, *self.down]

    def _up_first(self) -> bool:
        up, down = self.up[0], self.down[0]
        if abs(up.instant - down.instant) > LATENESS:
            return up.instant <= down.instant
        if not delivered(up) or invented(down):
            return up.instant <= down.instant  # said to, or by, a bridge alone, which has one clock
        while self._asked and self._asked[0][0] < min(up.instant, down.instant) - PATIENCE:
            self._asked.popleft()
        said, asked = _text(down), _text(up).partition(" ")[0]
        explained = any(_answers(said, word) for _, word in self._asked)
        if up.instant > down.instant:
            return not explained and _answers(said, asked)
        return not self._hands_out_before(asked, up.instant + LATENESS)

    def _hands_out_before(self, answer: str, end: float) -> bool:
        """Tell whether the MCU has asked for work and gets some: it waits for that before it answers anything."""
        if answer not in _ANSWERS or all(word != "get_down" for _, word in self._asked):
            return False
        near = itertools.takewhile(lambda record: record.instant <= end, self.down)
        return any(_wants(_text(record), answer) for record in near)

    def _note(self, record: Record) -> None:
        text = _text(record)
        if record.direction == "up":
            if text and delivered(record):
                self._asked.append((record.instant, text.partition(" ")[0]))
            return
        words = [word for _, word in self._asked]
        place = next((place for place, word in enumerate(words) if _answers(text, word)), None)
        if place is not None and not invented(record):
            for _ in range(place + 1):
                self._asked.popleft()


def _answers(said: str, asked: str) -> bool:
    """Tell whether a module may say this to that."""
    if said.startswith("down "):
        return asked == "get_down"
    if said == "ok":
        return asked != "get_down"
    return said == "error" or (bool(said) and asked not in _SERVER)


def _wants(said: str, answer: str) -> bool:
    """Tell whether what is handed out is answered by such a line."""
    if answer in _REQUESTS:
        return said == _REQUESTS[answer]
    return said.startswith("down ") and not said.startswith(("down none", "down MIIO_", "down ble_"))


def _text(record: Record) -> str:
    return text_of(record).removeprefix("# ")
