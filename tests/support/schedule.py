"""Simulated time without an event loop, and a socket of the blocking face that leads to simulated devices."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from support.clockwork import Network

from miio_lan.device.telling import blocking as telling_blocking
from miio_lan.lan.client import blocking
from miio_lan.lan.client.transport import shared_socket

ADDRESS = ("127.0.0.1", 1)
#: What may become of a datagram: the delays after which copies of it arrive.
FATES = {
    "well": [0.002],
    "lost": [],
    "twice": [0.002, 0.004],
    "late": [0.3],
    "later": [3.0],
    "both": [0.002, 2.5],
}


#: By so much the way up takes longer, and each datagram than the one before, in seconds: no two arrive at one instant,
#: where a loop's timers take either first.
SLOWER_UP, SLOWER = 1.01, 1e-6


def fated(
    network: Network, fates: list[str], *, rounds: int = 2, kinds: dict[str, list[float]] = FATES
) -> None:
    """Let each datagram have its fate, counted for each direction; what comes after some rounds arrives well."""
    numbers = {"down": itertools.count(), "up": itertools.count(len(fates) // 2)}

    def fate(direction: str, address: object) -> list[float]:
        number = next(numbers[direction])
        kind = fates[number % len(fates)] if fates and number < rounds * len(fates) else "well"
        way = SLOWER_UP if direction == "up" else 1.0
        return [delay * way + number * SLOWER for delay in kinds[kind]]

    network.fate = fate


class Schedule:
    """Simulated time without an event loop."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._order = itertools.count()
        self._events: list[tuple[float, int, Callable[..., Any], tuple[Any, ...]]] = []

    def time(self) -> float:
        return self.now

    def call_later(self, delay: float, what: Callable[..., Any], *args: Any) -> None:
        heapq.heappush(self._events, (self.now + delay, next(self._order), what, args))

    def pass_until(self, end: float, enough: Callable[[], bool] = lambda: False) -> None:
        while not enough() and self._events and self._events[0][0] <= end:
            self.now, _, what, args = heapq.heappop(self._events)
            what(*args)
        if not enough():
            self.now = max(self.now, end)

    def sleep(self, seconds: float) -> None:
        self.pass_until(self.now + seconds)


class FakeSocket:
    """What the blocking face takes for its socket."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._arrived: list[bytes] = []
        self._timeout: float | None = None
        self.boxes = {ADDRESS: self}
        network.endpoints[:] = [self]  # type: ignore[list-item]

    def receive(self, datagram: bytes, now: float) -> None:
        self._arrived.append(datagram)

    def send(self, datagram: bytes) -> None:
        self._network.sent.append((self._network.loop.now, ADDRESS, datagram))
        self._network.carry("down", ADDRESS, datagram)

    def recv(self, size: int) -> bytes:
        schedule: Any = self._network.loop
        schedule.pass_until(schedule.now + (self._timeout or 0.0), lambda: bool(self._arrived))
        if not self._arrived:
            raise TimeoutError if self._timeout else BlockingIOError
        return self._arrived.pop(0)

    def settimeout(self, seconds: float) -> None:
        # The shortest time-out there is stands for less, too; in simulated time, that would be overshot.
        self._timeout = 1e-7 if seconds == 0.0005 else seconds

    def gettimeout(self) -> float | None:
        return self._timeout

    def shutdown(self, how: int) -> None:
        pass

    def close(self) -> None:
        self.boxes.clear()


@contextmanager
def scheduled_network() -> Iterator[Network]:
    """A network in simulated time, for the blocking face; its time passes while a thread reads the socket."""
    schedule = Schedule()
    network = Network(schedule)  # type: ignore[arg-type]

    def open_socket(self: Any, _: object) -> None:
        self._socket, self._doubtful = FakeSocket(network), False

    time = SimpleNamespace(monotonic=schedule.time, time=schedule.time, sleep=schedule.sleep)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared_socket, "_BIT_LESS", 1.0)
        patch.setattr(blocking.Connection, "_open", open_socket)
        patch.setattr(telling_blocking, "time", time)
        # Whoever calls back goes on at once after an error: his rest is no time that is simulated.
        patch.setattr(telling_blocking, "_REST", 0.0)
        yield network
