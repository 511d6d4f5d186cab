"""Both directions of a line, turned into records with their readings.

What answers what is the conversation's business (:mod:`~miio_lan.uart.conversation`): a ``result`` is read in the
layout of the downlink it answers, a reply as the one to its question. No I/O and no clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from miio_lan.record import Observer, Record
from miio_lan.uart.commands import Direction, Down, Noise
from miio_lan.uart.conversation import Conversation
from miio_lan.uart.line import THROWN_AWAY, Line, LineReader

# Turns after which finished ones are dropped: a line may be listened to for weeks.
_FORGET_AFTER = 16


class LineWatch:
    """Makes a :class:`~miio_lan.record.Record` of every line and hands it to an observer.

    :param observer: called with each record, in the order of the bytes
    :param wall: unix time for a monotonic instant
    :param peer: what the records say about where the line is
    """

    def __init__(self, observer: Observer, *, wall: Callable[[float], float], peer: str = "") -> None:
        self._observer = observer
        self._wall = wall
        self._peer = peer
        up, down = LineReader(keep_empty=True), LineReader(keep_empty=True)
        self._readers: dict[Direction, LineReader] = {"up": up, "down": down}
        self._conversation = Conversation(live=True)

    @property
    def downlink(self) -> Down | None:
        """The downlink that waits for its ``result``, None when there is none."""
        waiting = self._conversation.waiting
        return waiting.command if waiting is not None else None

    @property
    def polled(self) -> bool:
        """Whether the MCU has asked for work and was not replied to yet."""
        return self._conversation.polled

    def feed(self, direction: Direction, data: bytes, now: float) -> None:
        """Take bytes of one direction that were read at ``now``."""
        self._tell(direction, self._readers[direction].feed(data, now))

    def mark(self, note: str, direction: Direction, now: float) -> None:
        """Note something about the line itself, such as an outage: what was half read, or open, is given up."""
        self.flush()
        record = Record("uart", direction, now, self._wall(now), b"", note=note, peer=self._peer)
        self._conversation.feed(record)
        self._observer(record)

    def flush(self, direction: Direction | None = None) -> None:
        """Give up what is half read, in one direction or both; nothing more will come."""
        for each in self._readers if direction is None else [direction]:
            self._tell(each, self._readers[each].flush())

    @property
    def deadline(self) -> float | None:
        """When :meth:`tick` is next wanted, monotonic seconds; None while no line is begun."""
        return min([at for each in self._readers.values() if (at := each.deadline) is not None], default=None)

    def tick(self, now: float) -> None:
        """Give up unfinished lines."""
        for direction, reader in self._readers.items():
            self._tell(direction, reader.tick(now))

    def _tell(self, direction: Direction, lines: Iterable[Line]) -> None:
        conversation = self._conversation
        for raw, text, instant, problems in lines:
            seen = conversation.read(direction, raw, instant, text=None if problems else text)
            is_noise = isinstance(seen.command, Noise)
            is_empty = is_noise and seen.command.valid  # of ends of lines alone: nobody's fault
            note = "echo" if seen.echo else "noise" if is_noise and not is_empty else ""
            if problems and not is_empty:
                dropped = [each for each in problems if each in THROWN_AWAY]
                note = ", ".join([note, *dropped] if note else dropped)
            reading = dict(seen.command.kept_json)  # an observer may keep or change it
            record = Record("uart", direction, instant, self._wall(instant), raw, reading, note, self._peer)
            conversation.feed(record, seen)
            if len(conversation.said) >= _FORGET_AFTER:
                conversation.forget()
            self._observer(record)
