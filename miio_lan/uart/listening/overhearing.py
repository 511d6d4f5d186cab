"""What a listener makes of the bytes of a line that is not his: records, with marks where something is odd.

Beyond :class:`~miio_lan.uart.listening.watch.LineWatch`, which reads the lines, this tells parts of a firmware
transfer from lines, a line cut off because the listener came late, and lines that lost bytes. No I/O and no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from miio_lan.record import Observer, Record
from miio_lan.uart.commands import Direction, read
from miio_lan.uart.commands.answering import takes_firmware
from miio_lan.uart.document import UPDATE_FW, UPDATE_READY
from miio_lan.uart.firmware.transfer import Piece, TransferPhase, TransferReader
from miio_lan.uart.line import LineReader, clean
from miio_lan.uart.listening.watch import LineWatch
from miio_lan.uart.pieces import lost_bytes

LATE_START = "late start"
"""The first line of a direction, when it is no command: its beginning was said before anybody listened."""
LOST_BYTES = "lost bytes"
"""No command, but nearly one, or two in one: some bytes did not arrive."""
XMODEM = "xmodem"
"""A part of a firmware transfer."""

_READY = UPDATE_READY.encode()
# What an MCU says while its firmware is replaced; any other command shows that this is over.
_DURING_UPDATE = frozenset({None, "get_down", "result", "error"})


class Overhearing(LineWatch):
    """Makes a record of everything that crosses a line, not of its lines alone, and hands it to an observer.

    :param observer: called with each record, in the order of the bytes
    :param wall: unix time for a monotonic instant
    :param peer: what the records say about where the line is
    :param late: whether both directions may begin in the middle of a line
    """

    def __init__(
        self, observer: Observer, *, wall: Callable[[float], float], peer: str = "", late: bool = True
    ) -> None:
        super().__init__(self._line, wall=wall, peer=peer)
        self._told = observer
        self._phase = TransferPhase()
        up, down = TransferReader("up"), TransferReader("down")
        self._transfers: dict[Direction, TransferReader] = {"up": up, "down": down}
        self._fresh: set[str] = {"up", "down"} if late else set()
        self._note = ""

    def feed(self, direction: Direction, data: bytes, now: float, *, note: str = "") -> None:
        """Take bytes of one direction that were read at ``now``; ``note`` is added to the records they make."""
        if not data:
            return
        self._note = note
        transfer, expected = self._transfers[direction], self._phase.expected(now)
        if transfer.is_text(data, expected=expected):
            super().feed(direction, data, now)
        else:
            self._take(direction, transfer.feed(data, now, expected=expected))
        self._note = ""

    def aside(self, direction: Direction, line: bytes, now: float, *, note: str) -> None:
        """Record a line that never reached the other end, and so is answered by nothing."""
        pending = self.downlink if direction == "up" else None
        reading = read(line, direction=direction, pending=pending).as_json()
        self._record(direction, now, line, reading, note)

    def mark(self, note: str, direction: Direction, now: float) -> None:
        """Note something about the line itself, such as an outage: what was half read, or open, is given up."""
        self.flush()
        self._fresh.add(direction)  # whatever comes next may begin in the middle of a line
        super().mark(note, direction, now)

    def flush(self, direction: Direction | None = None) -> None:
        """Give up what is half read, in one direction or both; nothing more will come."""
        for each in self._transfers if direction is None else [direction]:
            self._take(each, self._transfers[each].flush())
        super().flush(direction)

    @property
    def deadline(self) -> float | None:
        """When :meth:`tick` is next wanted, monotonic seconds; None for never."""
        timed: list[LineReader | TransferReader] = [*self._readers.values(), *self._transfers.values()]
        return min([at for each in timed if (at := each.deadline) is not None], default=None)

    def tick(self, now: float) -> None:
        """Give up what is unfinished for too long."""
        for direction, transfer in self._transfers.items():
            self._take(direction, transfer.tick(now))
        super().tick(now)

    def _take(self, direction: Direction, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            if piece.reading is None:
                super().feed(direction, piece.raw, piece.instant)
                continue
            super().flush(direction)  # a line that a block begins in will not be finished
            self._phase.seen(piece.instant)
            self._fresh.discard(direction)
            if direction == "up":
                self._transfers["down"].asked(piece.reading["transfer"])
            self._record(direction, piece.instant, piece.raw, piece.reading, _joined(XMODEM, self._note))

    def _record(
        self, direction: Direction, now: float, raw: bytes, reading: Mapping[str, object], note: str
    ) -> None:
        self._told(Record("uart", direction, now, self._wall(now), raw, reading, note, self._peer))

    def _line(self, record: Record) -> None:
        reading = record.reading or {}
        self._follow(record, reading)
        # A line that conforms is no fragment of another; but it may be the first.
        plain = reading.get("valid") and record.direction not in self._fresh
        oddity = "" if plain or not record.raw else self._oddity(record, reading)
        if oddity or self._note:
            record = replace(record, note=_joined(record.note, oddity, self._note))
        self._told(record)

    def _follow(self, record: Record, reading: Mapping[str, object]) -> None:
        """Keep account of whether a firmware transfer is due."""
        command, valid = reading.get("command"), reading.get("valid")
        if reading.get("method") == UPDATE_FW:
            self._phase.announced(record.instant)
            self._transfers["down"].reset()
        elif _READY in record.raw and takes_firmware(read(record.raw, direction="up")):
            self._phase.announced(record.instant)  # by the MCU, where the module is not heard
        elif record.direction == "up" and valid and command not in _DURING_UPDATE:
            self._phase.over()

    def _oddity(self, record: Record, reading: Mapping[str, object]) -> str:
        first = record.direction in self._fresh
        self._fresh.discard(record.direction)
        text = "" if reading.get("valid") or "echo" in record.note else clean(record.raw)[0]
        if not text:
            return ""
        foreign = reading.get("command") in (None, "reply")
        if first and foreign:
            return LATE_START
        return LOST_BYTES if lost_bytes(text, record.direction, foreign=foreign) else ""


def _joined(*notes: str) -> str:
    return ", ".join(note for note in notes if note)
