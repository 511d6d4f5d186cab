"""What a tap and a bridge have in common: a thread that serves their ports, and makes records of what is read there."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import partial
from typing import ClassVar, Generic, Self, TypeVar

from miio_lan.errors import InvalidArgument, PortError
from miio_lan.foreign import show
from miio_lan.loop import Closing, Loop, wall_clock
from miio_lan.record import Observer
from miio_lan.uart.commands import Direction
from miio_lan.uart.listening.backlog import Backlog
from miio_lan.uart.listening.overhearing import Overhearing
from miio_lan.uart.ports.port import Outage, Port, checked_line

_T = TypeVar("_T")


class LineService(Closing, Generic[_T]):
    """Ports and the thread that serves them. A context manager that starts and closes.

    What is read is kept as items of the type ``_T`` until there is time to look at it.

    :param observer: gets a record of every line in both directions, in the service's thread
    :param peer: what the records say about where the line is
    :param sources: the port that each direction is heard at
    """

    WHAT: ClassVar[str]

    def __init__(self, observer: Observer, peer: str, sources: Mapping[Direction, Port]) -> None:
        if not callable(observer):
            raise InvalidArgument(f"an observer is a function that takes a record, not {show(observer)}")
        for port in sources.values():
            checked_line(f"what a {self.WHAT} listens to", port)
        self._heard = Overhearing(observer, wall=wall_clock, peer=peer)
        self._backlog: Backlog[_T] = Backlog(self._look_at)
        self._loop = Loop(f"miio {self.WHAT}")
        self._sources = dict(sources)
        #: The ports, which belong to the service.
        self.ports = tuple(sources.values())
        self._state = "new"

    def start(self) -> None:
        """Begin.

        :raises PortError: if it was started or closed before, has no port, or a port cannot be read
        """
        if self._state != "new":
            done = "was started before" if self._state == "running" else "is closed"
            raise PortError(f"the {self.WHAT} {done}")
        if not self.ports:
            raise PortError(f"a {self.WHAT} needs a port that hears the MCU, the module, or one of them")
        self._state = "running"
        self._loop.add_timed(self)
        try:
            self._loop.start()
            # In one go, so that nothing is read before all are ready.
            self._loop.call(self._listen)
        except PortError:
            self.close()
            raise

    def close(self) -> None:
        """Stop, and free ports and thread. What is half read is recorded as unfinished. May be called twice."""
        if self._state == "closed":
            return
        self._state = "closed"
        self._loop.call(self._finish)
        for port in self.ports:
            port.close()
        self._loop.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    # What follows runs in the loop's thread.

    @property
    def deadline(self) -> float | None:
        """When what was heard is looked at, or a half-read line given up; for the loop."""
        return self._backlog.deadline or self._heard.deadline

    def tick(self, now: float) -> None:
        """Look at what was heard, and give up what is half read for too long; for the loop."""
        self._backlog.tick(now)
        if self._backlog.deadline is None:
            self._heard.tick(now)

    def _listen(self) -> None:
        """Start the ports."""
        for direction, port in self._sources.items():
            on_outage = partial(self._on_outage, direction)
            port.start(partial(self._on_data, direction), on_outage=on_outage, loop=self._loop)

    @abstractmethod
    def _on_data(self, direction: Direction, data: bytes, instant: float) -> None:
        """Take what was read at the port of a direction."""

    @abstractmethod
    def _look_at(self, item: _T) -> None:
        """Make records of what was read."""

    @abstractmethod
    def _decide(self) -> None:
        """Decide about what is still held, for nothing more will come."""

    def _on_outage(self, direction: Direction, outage: Outage) -> None:
        self._backlog.flush()
        note = f"outage: {outage.reason}" if outage.ended is None else "outage over"
        self._heard.mark(note, direction, outage.began if outage.ended is None else outage.ended)

    def _finish(self) -> None:
        self._decide()
        self._backlog.flush()
        self._heard.flush()
        self._loop.remove_timed(self)
        for port in self.ports:
            port.stop()
