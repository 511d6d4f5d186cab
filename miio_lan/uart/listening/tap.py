"""Passive listening to a line: one or two receive-only ports, or the ports of a program that lets itself be overheard.

A direction of the line needs a receiver of its own: one at the MCU's TX, one at the module's TX. What both say on one
wire cannot be told apart. Nothing is ever written to a tapped line.
"""

from __future__ import annotations

import logging
from typing import NamedTuple

from miio_lan.errors import PortError
from miio_lan.record import Observer
from miio_lan.uart.commands import Direction, Down, read
from miio_lan.uart.listening.backlog import Backlog
from miio_lan.uart.listening.direction import DirectionGuess
from miio_lan.uart.listening.service import LineService
from miio_lan.uart.ports.port import OnData, Outage, Port, checked_line
from miio_lan.uart.turns import LATENESS

_LOGGER = logging.getLogger(__name__)

_ANSWERS = (b"result", b"error")
#: Bytes kept while it is not known which way they go.
MAX_UNDECIDED = 65536
#: The note of the record that says that two ports, or a port and its direction, are mixed up.
SWAPPED = "the lines go the other way: are the two wires swapped?"


class _Read(NamedTuple):
    """What was read at a port.

    :param turn: of the loop
    :param since: when the loop had last slept
    """

    direction: Direction
    data: bytes
    instant: float
    turn: int
    since: float


class Tap(LineService[_Read]):
    """Records what crosses a line. A context manager that starts and closes.

    Every record bears the instant of its read; a downlink that was read after its answer, for a busy machine kept the
    tap from reading, that of the answer. Of a busy line the observer hears up to 50 ms after it, of one that is nearly
    saturated up to 0.2 s.

    :param observer: gets a record of every line of both directions, in the tap's thread; in the order of the reads
    :param up: a port that hears the MCU (its TX); it belongs to the tap from now on
    :param down: a port that hears the module (its TX)
    :param either: instead of these, a port that hears one of the two, which is told by its lines: until it is, for two
        lines or so, nothing is recorded
    :param peer: what the records say about where the line is
    :raises PortError: if there is no port, or both ``either`` and another
    """

    WHAT = "tap"

    def __init__(
        self,
        observer: Observer,
        *,
        up: Port | None = None,
        down: Port | None = None,
        either: Port | None = None,
        peer: str = "",
    ) -> None:
        if either is not None and (up is not None or down is not None):
            raise PortError(
                "a tap has a port for each direction, or a single one whose direction is found out"
            )
        given: dict[Direction, Port | None] = {"up": up, "down": down}
        super().__init__(observer, peer, {way: port for way, port in given.items() if port is not None})
        self._backlog = Backlog(self._look_at, ready=self._is_ready)
        self._hears_both = self._loop.exact = len(self._sources) > 1
        self._either = either
        if either is not None:
            checked_line("what a tap listens to", either)
            self.ports = (either,)
        # Of the port that hears either, and of those whose direction was given: they may be swapped.
        self._guess = DirectionGuess()
        self._guesses = {direction: DirectionGuess() for direction in self._sources}
        self._undecided: list[tuple[bytes, float]] = []
        self._room = MAX_UNDECIDED
        #: Whether the lines contradict the direction they were said to have.
        self.swapped = False

    @property
    def direction(self) -> Direction | None:
        """What a port of unknown direction hears; None until that is known."""
        return next(iter(self._sources)) if len(self._sources) == 1 else None

    def along(self, direction: Direction, on_data: OnData) -> OnData:
        """Wrap what is called with the bytes of somebody else's port, so that the tap hears them too.

        For a line within this program, such as a :class:`~miio_lan.uart.ports.port.MemoryPair`: the tap needs no port
        then, and no start. Both directions must be read in one loop, or the caller keeps them apart.
        """

        def both(data: bytes, instant: float) -> object:
            done = on_data(data, instant)
            self._heard.feed(direction, data, instant)
            return done

        return both

    # What follows runs in the loop's thread.

    def _listen(self) -> None:
        super()._listen()
        if self._either is not None:
            self._either.start(self._on_unknown, on_outage=self._on_unknown_outage, loop=self._loop)

    # Goal: a downlink stands before its answer, however long a busy machine kept the tap from reading. Plan: what is
    # found without a sleep of the loop in between may have been said in any order; so an answer that nobody has asked
    # for, where the MCU has asked for work, waits for one more turn of the loop, and what the module handed out by then
    # is its question. That was said before the answer, and so at the latest when that was read:
    #
    #     at the MCU's port     get_down                 result 2 1 0 5
    #     at the module's port            down get_properties 2 1
    #     the tap         wakes by get_down, and is kept from running ... reads the MCU's | reads the module's, at once
    #                     `--------------------------- turn 7 --------------------------' `---------- turn 8 ---------'
    #                                                                     the instant of both
    #
    # Nothing else is said to have been earlier than it was read: it may be the answer to a command of this moment.

    def _is_ready(self, item: _Read) -> bool:
        """Tell whether the backlog has all that is needed to look at this."""
        if item.turn < self._loop.turn or not self._may_answer(item):
            return True
        return self._heard.downlink is not None and item.data.count(b"\r") < 2

    def _may_answer(self, item: _Read) -> bool:
        """Tell whether there is an answer in this, and another port that has its question."""
        return self._hears_both and item.direction == "up" and any(word in item.data for word in _ANSWERS)

    def _look_at(self, item: _Read) -> None:
        direction, data, instant, *_ = item
        if not self._may_answer(item):
            self._heard.feed(direction, data, instant)
            return
        for line in data.splitlines(keepends=True) if data.isascii() else [data]:
            if line.startswith(_ANSWERS) and self._heard.downlink is None and self._heard.polled:
                self._heard.feed("down", self._pull_downlink(item), instant)
            self._heard.feed("up", line, instant)

    def _pull_downlink(self, answer: _Read) -> bytes:
        """Take from the backlog what the module said before an answer that was read sooner; empty when nothing."""
        for place, read_later in enumerate(self._backlog):
            data = read_later.data
            if read_later.since != answer.since and read_later.instant > answer.instant + LATENESS:
                break
            if read_later.direction == "down" and data:
                end = _end_of_downlink(data)
                self._backlog[place] = read_later._replace(data=data[end:])
                return data[:end]
        return b""

    def _on_data(self, direction: Direction, data: bytes, instant: float) -> None:
        # The other port may have something of the same moment.
        item = _Read(direction, data, instant, self._loop.turn, self._loop.since)
        self._backlog.add(item, instant, size=len(data), at_once=not self._hears_both)
        if (guess := self._guesses.get(direction)) is None:
            return
        guess.feed(data, instant)
        if guess.done:
            del self._guesses[direction]
            if guess.direction not in (None, direction):
                self.swapped = True
                _LOGGER.warning("%s: %s", self._sources[direction].name, SWAPPED)
                self._backlog.flush()
                self._heard.mark(SWAPPED, direction, instant)

    def _on_unknown(self, data: bytes, instant: float) -> None:
        if (direction := self.direction) is not None:
            self._on_data(direction, data, instant)
            return
        self._guess.feed(data, instant)
        self._undecided.append((data, instant))
        self._room -= len(data)
        if self._guess.done or self._room < 0:
            self._decide()

    def _decide(self) -> None:
        """Take the port of unknown direction for what it seems to be."""
        if self._either is None:
            return
        direction: Direction = self._guess.best or "up"
        self._sources[direction] = self._either
        self._either = None
        for data, instant in self._undecided:
            self._heard.feed(direction, data, instant)
        self._undecided.clear()

    def _on_unknown_outage(self, outage: Outage) -> None:
        self._decide()
        (direction,) = self._sources
        self._on_outage(direction, outage)


def _end_of_downlink(data: bytes) -> int:
    """Give where the first line that wants a ``result`` ends, 0 where there is none."""
    end = 0
    for line in data.splitlines(keepends=True) if data.isascii() else ():
        end += len(line)
        if line.endswith((b"\r", b"\n")):
            command = read(line, direction="down")
            if isinstance(command, Down) and command.wants_result:
                return end
    return 0
