"""Both faces, the blocking one and the one of an event loop, over the same bad link: the same outcomes."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.clockwork import TOKEN, Network, SimulatedDevice, run, simulated_network

from miio_lan.errors import DeviceError, DeviceException
from miio_lan.lan.client import aio, blocking
from miio_lan.lan.client.session import Session
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


class Asked(NamedTuple):
    method: str
    retry_count: int
    timeout: float


class Outcome(NamedTuple):
    """How a call ended, and when."""

    result: object
    error: type[Exception] | None
    may_have_run: bool
    instant: float


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

    def pass_until(self, end: float, enough: Callable[[], bool]) -> None:
        while not enough() and self._events and self._events[0][0] <= end:
            self.now, _, what, args = heapq.heappop(self._events)
            what(*args)
        if not enough():
            self.now = max(self.now, end)


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
        # The shortest time-out there is stands for none at all; in simulated time it would be overshot.
        self._timeout = 1e-9 if seconds == 0.0005 else seconds

    def gettimeout(self) -> float | None:
        return self._timeout

    def shutdown(self, how: int) -> None:
        pass

    def close(self) -> None:
        self.boxes.clear()


def prepare(network: Network, fates: list[str], busy: int) -> SimulatedDevice:
    """Let each datagram have its fate, counted for each direction; what is beyond the list arrives well."""
    numbers = {"down": itertools.count(), "up": itertools.count(len(fates) // 2)}

    def fate(direction: str, address: object) -> list[float]:
        number = next(numbers[direction])
        return FATES[fates[number % len(fates)]] if fates and number < 2 * len(fates) else FATES["well"]

    network.fate = fate
    device = network.device(1, work=0.05)
    refusals = iter(range(busy))

    def toggle(request: Any) -> dict[str, Any]:
        return {"error": (-30012, "busy")} if next(refusals, None) is not None else {"result": ["ok"]}

    device.replies["toggle"] = toggle
    return device


def outcome(now: float, result: object, error: DeviceException | None) -> Outcome:
    text = str(error) if isinstance(error, DeviceError) else result
    return Outcome(text, type(error) if error else None, bool(error and error.may_have_run), round(now, 3))


def session(seed: int) -> Session:
    return Session(TOKEN, peer="it", rng=random.Random(seed))


def by_blocking(asked: list[Asked], fates: list[str], busy: int, seed: int) -> tuple[list[Outcome], Any]:
    schedule = Schedule()
    network = Network(schedule)  # type: ignore[arg-type]
    device = prepare(network, fates, busy)
    found = []

    def open_socket(self: Any, _: object) -> None:
        self._socket, self._doubtful = FakeSocket(network), False

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared_socket, "_BIT_LESS", 1.0)
        patch.setattr(blocking.Connection, "_open", open_socket)
        connection = blocking.Connection("127.0.0.1", session(seed), port=1, clock=schedule.time)
        for each in asked:
            result, error = None, None
            try:
                result = connection.call(each.method, [], timeout=each.timeout, retry_count=each.retry_count)
            except DeviceException as caught:
                error = caught
            found.append(outcome(schedule.now, result, error))
        connection.close()
    return found, device.executed


def by_aio(asked: list[Asked], fates: list[str], busy: int, seed: int) -> tuple[list[Outcome], Any]:
    found = []
    with simulated_network() as network:
        device = prepare(network, fates, busy)
        connection = aio.Connection("127.0.0.1", session(seed), port=1, clock=network.loop.time)

        async def work() -> None:
            for each in asked:
                result, error = None, None
                try:
                    result = await connection.call(
                        each.method, [], timeout=each.timeout, retry_count=each.retry_count
                    )
                except DeviceException as caught:
                    error = caught
                found.append(outcome(network.loop.now, result, error))
            connection.close()

        run(network, work())
        return found, device.executed


ASKED = st.builds(
    Asked,
    st.sampled_from(["get_x", "toggle", "set_properties"]),
    st.integers(0, 3),
    st.sampled_from([0.5, 2.0]),
)


@given(
    st.lists(ASKED, min_size=1, max_size=5),
    st.lists(st.sampled_from(sorted(FATES)), max_size=16),
    st.integers(0, 3),
    st.integers(0, 9),
)
@example([Asked("toggle", 3, 2.0)] * 2, ["well", "well", "later"], 0, 1)
@example([Asked("get_x", 3, 2.0), Asked("toggle", 3, 2.0)], ["lost"] * 9, 0, 2)
@example([Asked("toggle", 3, 2.0)], [], 2, 3)
def test_the_same_schedule_has_the_same_outcomes(
    asked: list[Asked], fates: list[str], busy: int, seed: int
) -> None:
    assert by_aio(asked, fates, busy, seed) == by_blocking(asked, fates, busy, seed)


@given(st.lists(st.sampled_from(sorted(FATES)), min_size=1, max_size=16), st.integers(0, 9))
def test_a_toggle_runs_once_at_most_by_either_face(fates: list[str], seed: int) -> None:
    asked = [Asked("toggle", 3, 2.0)]
    for face in (by_aio, by_blocking):
        found, executed = face(asked, fates, 0, seed)
        ran = [method for method, _ in executed].count("toggle")
        assert ran <= 1
        if found[0].error is None:
            assert ran == 1
        if ran:
            assert found[0].error is None or found[0].may_have_run
