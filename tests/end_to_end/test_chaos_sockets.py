"""The chaos with sockets: its proxy does to datagrams what it is told, its players and its judge see what happens."""

from __future__ import annotations

import importlib
import itertools
import random
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from miio_lan.lan.client import session

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 100.0  # only ever waited for in full when a test fails


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    monkeypatch.syspath_prepend(ROOT)
    return lambda name: importlib.import_module(f"benchmarks.chaos.{name}")


def udp() -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind(("127.0.0.1", 0))
    made.settimeout(PATIENCE)
    return made


class Way:
    """A client, a product, and the proxy between them; each datagram of the client is known by its number."""

    def __init__(self, room: Callable[[str], Any], weather: Any) -> None:
        self.weather = weather
        self.calm = room("kinds").Weather("calm")
        self.client, self.product = udp(), udp()
        self.seen = threading.Semaphore(0)
        self._numbers = itertools.count(1)
        self.route = room("proxy").Route(self.product.getsockname(), b"", 1, self._number)
        self.route.weather = weather

    def _number(self, datagram: bytes) -> int:
        self.seen.release()
        return next(self._numbers)

    def send(self, datagram: bytes) -> None:
        self.client.sendto(datagram, ("127.0.0.1", self.route.port))

    def arrived(self) -> bytes:
        datagram, self.back = self.product.recvfrom(100)
        return datagram


@pytest.fixture
def way(room: Callable[[str], Any]) -> Iterator[Callable[..., Way]]:
    made: list[Way] = []
    with room("proxy").Proxy() as proxy:

        def make(**weather: float) -> Way:
            made.append(Way(room, room("kinds").Weather("test", **weather)))
            proxy.add(made[-1].route)
            return made[-1]

        yield make
    for each in made:
        each.client.close()
        each.product.close()
        assert each.route.front.fileno() == each.route.back.fileno() == -1
    assert not any(thread.name == "chaos proxy" for thread in threading.enumerate())


def test_datagrams_go_both_ways_and_are_known_by_their_marks(way: Callable[..., Way]) -> None:
    calm = way()
    calm.send(b"one")
    assert calm.arrived() == b"one"
    calm.product.sendto(b"answer", calm.back)
    assert calm.client.recv(100) == b"answer"
    calm.send(b"two")
    assert calm.arrived() == b"two"
    assert [calm.route.mark_of(each) for each in (b"one", b"two", b"two")] == [1, 2, None]


def test_routes_do_not_meet(way: Callable[..., Way]) -> None:
    one, other = way(), way()
    one.send(b"one")
    other.send(b"other")
    assert (other.arrived(), one.arrived()) == (b"other", b"one")
    other.product.sendto(b"answer", other.back)
    assert other.client.recv(100) == b"answer"


def test_what_is_lost_does_not_arrive(way: Callable[..., Way]) -> None:
    off = way(loss=1.0)
    off.send(b"lost")
    off.send(b"lost, too")
    # When the second is looked at, the fate of the first is decided; one more stays under the old weather.
    assert off.seen.acquire(timeout=PATIENCE)
    assert off.seen.acquire(timeout=PATIENCE)
    off.route.weather = off.calm
    off.send(b"heard")
    arrived = off.arrived()
    assert arrived != b"lost"
    assert arrived == b"heard" or off.arrived() == b"heard"


def test_copies_have_the_mark_of_what_they_are_copies_of(way: Callable[..., Way]) -> None:
    doubled = way(double=1.0)
    doubled.send(b"twice")
    assert [doubled.arrived(), doubled.arrived()] == [b"twice", b"twice"]
    assert [doubled.route.mark_of(b"twice") for _ in range(3)] == [1, 1, None]


def test_what_is_damaged_is_known_by_what_arrived(way: Callable[..., Way]) -> None:
    noisy = way(damage=1.0)
    noisy.send(b"a whole datagram")
    arrived = noisy.arrived()
    assert arrived != b"a whole datagram"
    assert noisy.route.mark_of(b"a whole datagram") is None
    noisy.send(b"another")
    assert noisy.route.mark_of(noisy.arrived()) == 2


def test_delays_let_datagrams_overtake_each_other(way: Callable[..., Way]) -> None:
    slow = way(delay=0.5)
    slow.route.rng = SimpleNamespace(random=iter([0.5, 0.5, 0.9, 0.5, 0.5, 0.5, 0.0, 0.5]).__next__)
    slow.send(b"first")
    slow.send(b"second")
    assert [slow.arrived(), slow.arrived()] == [b"second", b"first"]


# --- the players ------------------------------------------------------------------------------------------------------


def test_a_budget_ends_by_its_count_and_by_its_time(
    room: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    live, now = room("live"), [10.0]
    monkeypatch.setattr(live, "time", SimpleNamespace(monotonic=lambda: now[0]))
    budget = live.Budget(3, until=20.0)
    assert [budget.take() for _ in range(4)] == [True, True, True, False]
    budget = live.Budget(3, until=20.0)
    now[0] = 19.9
    assert budget.take()
    now[0] = 20.0
    assert not budget.take()


@pytest.fixture
def live(room: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The players, with devices that answer at once, and calls that wait for a short while only."""
    module, commands = room("live"), room("commands")
    fast = room("kinds").Kind("normal", 0.0, "uptime")
    monkeypatch.setattr(module, "AFTERMATH", 0.5)
    monkeypatch.setattr(module, "kinds", lambda rng: itertools.cycle([fast]))
    monkeypatch.setattr(commands, "PATIENCE", ((0.4, 2),))
    return module


def weather(live: Any, room: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, **kind: float) -> None:
    monkeypatch.setattr(live, "WEATHERS", (room("kinds").Weather("test", **kind),))
    monkeypatch.setattr(live, "SHARES", (1,))


def test_all_is_well_on_a_calm_day(
    live: Any, room: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    weather(live, room, monkeypatch)
    monkeypatch.setattr(live, "FAULTS_EVERY", 1e6)
    monkeypatch.setattr(room("commands"), "PATIENCE", ((PATIENCE, 3),))
    tally, faults = live.play(80, PATIENCE, 1, lanes=4)
    assert (tally.commands, tally.stories, sum(faults.values())) == (80, [], 0)
    assert sum(tally.unknown.values()) == 0
    assert sum(tally.ok.values()) == sum(tally.unsafe.values()) > 10
    assert tally.others["reads"] > 10
    assert tally.others["reads that failed"] == 0
    # One of the four listens, and hears what the others set, and what is told until its device is closed.
    assert tally.others["pushes handed over"] > 0
    assert tally.others["pushes handed over"] <= tally.others["pushes sent"]


def test_nothing_untrue_in_bad_weather_while_the_device_does_what_it_should_not(
    live: Any, room: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    weather(live, room, monkeypatch, loss=0.2, double=0.1, damage=0.05, delay=0.05)
    monkeypatch.setattr(live, "FAULTS_EVERY", 0.5)
    tally, faults = live.play(96, 40.0, 2, lanes=8)
    # How long calls take is no matter of a test: a machine that stalls is late.
    untrue = [story for story in tally.stories if not story.startswith("late:")]
    assert not untrue, "\n".join(untrue)
    # Nor is how much of it there was time for.
    assert sum(faults.values()) > 0
    assert sum(tally.unknown.values()) > 0 or tally.commands < 96


def test_a_client_that_repeats_everything_is_found_out(
    live: Any, room: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    weather(live, room, monkeypatch, loss=0.4)
    monkeypatch.setattr(live, "FAULTS_EVERY", 1e6)
    monkeypatch.setattr(session, "is_repeat_safe", lambda method: True)
    tally, _ = live.play(64, 40.0, 3, lanes=8)
    assert tally.faults["twice"] > 0
    assert any("ran after" in story for story in tally.stories)


def test_each_caller_uses_what_carries_the_number(live: Any, room: Callable[[str], Any]) -> None:
    lane = object.__new__(live.Lane)
    lane.callers = 1
    used: list[str] = []
    lane.device = SimpleNamespace(
        write=lambda *_: used.append("write"),
        run=lambda *_: used.append("run"),
        send=lambda *_, **__: used.append("send"),
    )
    draw = room("commands").Commands(random.Random(1))
    for command in (draw.draw() for _ in range(200)):
        used.clear()
        lane._call(command)
        one = command.sort == "set" and len(command.iids) == 1
        assert used == ["write" if one else "run" if command.sort == "press" else "send"]
    lane.callers = 2
    used.clear()
    lane._call(draw.draw())
    assert used == ["send"]
