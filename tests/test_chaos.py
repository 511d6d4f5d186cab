"""Chaos in simulated time: what callers are told is held against what the MCU did. ``python -m benchmarks chaos`` is
the long form; here a seed decides everything, and no clock of this machine is read."""

from __future__ import annotations

import importlib
import random
from pathlib import Path
from typing import Any

import pytest

from miio_lan.errors import DeviceError, OutcomeUnknown
from miio_lan.lan.client.incoming.pushes import Push
from miio_lan.lan.responder.responder import Responder

ROOT = Path(__file__).resolve().parent.parent


class Rooms:
    """The modules of the chaos, which are no part of the installed package."""

    def __getattr__(self, name: str) -> Any:
        return importlib.import_module(f"benchmarks.chaos.{name}")


@pytest.fixture
def chaos(monkeypatch: pytest.MonkeyPatch) -> Rooms:
    monkeypatch.syspath_prepend(ROOT)
    return Rooms()


# --- the promises -----------------------------------------------------------------------------------------------------


@pytest.mark.untraced
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_nothing_told_is_untrue(chaos: Rooms, seed: int) -> None:
    tally, faults = chaos.world.simulate(270, seed, each=10)
    assert tally.commands == 270
    assert not tally.stories, "\n".join(tally.stories)
    # Every kind of device was met, and nothing was spared it.
    assert len(tally.unsafe) == 9
    assert set(faults) == {"module", "ambush", "mcu", "misbehave", "damage"}
    # Seldom enough that promises are not kept by promising nothing.
    assert sum(tally.ok.values()) > sum(tally.unsafe.values()) / 3


# --- the chaos itself: it finds what it is there to find --------------------------------------------------------------


@pytest.mark.untraced
def test_a_client_that_repeats_everything_is_found_out(chaos: Rooms) -> None:
    tally, _ = chaos.world.simulate(100, 1, each=10, careless=True)
    assert tally.faults["twice"] > 2
    assert any("ran after" in story for story in tally.stories)


@pytest.mark.untraced
def test_a_seed_decides_everything(chaos: Rooms) -> None:
    first, again = (chaos.world.simulate(20, 9, each=10) for _ in range(2))
    assert first == again
    assert first != chaos.world.simulate(20, 10, each=10)


class Bench:
    """A judge, and what it judges."""

    def __init__(self, chaos: Rooms) -> None:
        self.chaos = chaos
        self.kind = chaos.kinds.Kind("normal", 0.0, "uptime")
        self.ledger = chaos.ledger.Ledger(lambda: 0.0)
        self.ledger.values = {(2, 1): [(0.0, False)], (2, 2): [(0.0, 2)], (2, 3): [(0.0, 3)]}
        self.commands: list[Any] = []

    def command(
        self, number: int, sort: str, *, began: float = 1.0, ended: float | None = 2.0, **rest: Any
    ) -> Any:
        iids = ((2, 2),) if sort in {"read", "set"} else ()
        rest = {"iids": iids, "copies": 1, **rest}
        made = self.chaos.commands.Command(number, sort, "word", [], began=began, ended=ended, **rest)
        self.commands.append(made)
        return made

    def ran(self, number: int, instant: float, send: int = 1) -> None:
        source = self.chaos.ledger.Source(number, send)
        self.ledger.runs[number].append(self.chaos.ledger.Run(instant, source))

    def set(self, number: int, instant: float, send: int = 1) -> None:
        self.ran(number, instant, send)
        self.ledger.values[2, 2].append((instant, number))

    def faults(self) -> dict[str, int]:
        return dict(self.chaos.judging.judge(self.kind, self.commands, self.ledger).faults)


@pytest.fixture
def bench(chaos: Rooms) -> Bench:
    return Bench(chaos)


def test_good_commands_have_no_faults(bench: Bench) -> None:
    bench.command(1001, "button", result=[1001])
    bench.ran(1001, 1.5)
    bench.command(1002, "set", began=3.0, ended=4.0, result=[{"code": 0}])
    bench.set(1002, 3.5)
    read = [{"siid": 2, "piid": 2, "code": 0, "value": 1002}]
    bench.ledger.replies[1003].append(read)
    bench.command(1003, "read", began=5.0, ended=6.0, result=read)
    bench.command(1004, "button", error=DeviceError(-5000))
    bench.command(1005, "button", error=OutcomeUnknown("no answer"))
    bench.ran(1005, 1.5)
    assert bench.faults() == {}


def test_a_second_run_is_a_fault_where_we_sent_twice(bench: Bench) -> None:
    bench.command(1001, "button", result=[1001], copies=2)
    bench.ran(1001, 1.5, send=1)
    bench.ran(1001, 1.6, send=2)
    assert bench.faults() == {"twice": 1}


def test_a_second_run_is_the_network_s_where_we_sent_once(bench: Bench) -> None:
    bench.command(1001, "button", result=[1001])
    bench.ran(1001, 1.5, send=1)
    bench.ran(1001, 1.6, send=1)
    assert bench.faults() == {}


@pytest.mark.parametrize(
    ("sends", "refused", "found"),
    [
        ([1, 2], {1}, {}),
        ([1, 2, 2], {1}, {}),  # the network doubled both
        ([1, 1, 2], {1}, {}),
        ([1, 2], {2}, {"twice": 1}),
        ([1, 2, 3], {1}, {"twice": 1}),
        ([1, 2, 1], {2}, {"twice": 1}),
    ],
)
def test_a_second_run_is_the_network_s_where_a_copy_of_the_first_was_told_busy(
    bench: Bench, sends: list[int], refused: set[int], found: dict[str, int]
) -> None:
    bench.command(1001, "button", result=[1001], copies=len(set(sends)))
    for place, send in enumerate(sends):
        bench.ran(1001, 1.5 + place / 10, send)
    bench.ledger.refused = refused
    assert bench.faults() == found


def test_an_ok_that_never_ran_is_a_fault(bench: Bench) -> None:
    bench.command(1001, "button", result=[1001])
    assert bench.faults() == {"untrue ok": 1}


def test_a_refusal_of_what_ran_is_a_fault(bench: Bench) -> None:
    error = DeviceError(-30012)
    if getattr(error, "may_have_run", False):
        error.may_have_run = False
    bench.command(1001, "button", error=error)
    bench.ran(1001, 1.5)
    assert bench.faults() == {"untrue no": 1}


def push(number: int, *, value: object = 5, instant: float = 1.5) -> Push:
    return Push("properties_changed", [{"siid": 2, "piid": 2, "value": value}], number, instant)


def test_pushes_that_are_handed_over_as_sent_have_no_faults(bench: Bench) -> None:
    pushes = bench.ledger.pushes
    for number in (1, 2, 3):
        pushes.sent[number] = (push(number).method, push(number).params)
    pushes.heard = [push(2), push(1)]  # one was lost, and datagrams overtake each other
    pushes.ended = 1.5
    assert bench.faults() == {}


@pytest.mark.parametrize(
    ("heard", "story"),
    [
        ([push(1), push(1)], "handed over 2 times"),
        ([push(2)], "never sent"),
        ([push(1, value=6)], "sent was"),
        ([push(1, instant=1.75)], "0.150 s after the end"),
    ],
)
def test_pushes_that_are_not(bench: Bench, heard: list[Push], story: str) -> None:
    pushes = bench.ledger.pushes
    pushes.sent[1] = (push(1).method, push(1).params)
    pushes.heard, pushes.ended = heard, 1.6
    assert bench.faults() == {"pushes": 1}
    assert story in next(pushes.faults())


def test_a_device_that_is_said_to_be_unable_to_push_is_a_fault(bench: Bench) -> None:
    bench.ledger.pushes.denied = 2
    assert bench.faults() == {"pushes": 1}


def test_what_the_device_sends_of_its_own_accord_is_noted_and_sent(bench: Bench) -> None:
    responder = Responder(device_id=5, token=bytes(16))
    bench.ledger.pushes.attach(responder)
    payload = {"id": 7, "method": "properties_changed", "params": [1]}
    responder.send(payload, ("192.0.2.1", 5), 1.0)
    assert bench.ledger.pushes.sent == {7: ("properties_changed", [1])}
    assert len(responder.take_output()) == 1


def test_a_subscriber_hears_what_is_set_and_comes_back_after_a_restart(chaos: Rooms) -> None:
    kind = chaos.kinds.Kind("normal", 0.0, "uptime")
    world = chaos.world.World(kind, 1, subscribes=True, everyday=True)
    world.later(30.0, lambda: world.module.restart(world.now))
    assert not world.play(60).stories
    pushes = world.ledger.pushes
    assert len(pushes.heard) > 10
    assert len(pushes.heard) > 0.8 * len(pushes.sent)
    restarted = chaos.world.START + 2.0 + 30.0
    assert any(each.instant > restarted + chaos.pushes.LOOK_EVERY for each in pushes.heard)
    assert any(each.instant < restarted for each in pushes.heard)


# --- the network ------------------------------------------------------------------------------------------------------


def test_weather_loses_doubles_and_delays(chaos: Rooms) -> None:
    rng = random.Random(1)
    weather = chaos.kinds.Weather("test", loss=0.3, double=0.5, delay=0.4)
    fates = [weather.fate(b"abc", rng, direction="down") for _ in range(1000)]
    assert 230 < fates.count([]) < 370
    assert 280 < sum(len(each) == 2 for each in fates) < 420
    delays = [delay for each in fates for delay, copy in each]
    assert all(copy == b"abc" for each in fates for _, copy in each)
    assert 0.0 < min(delays) < 0.05
    assert 0.35 < max(delays) < 0.402


def test_damage_changes_one_bit_or_cuts_the_end(chaos: Rooms) -> None:
    rng = random.Random(1)
    weather = chaos.kinds.Weather("test", damage=1.0)
    datagram = bytes(range(64))
    cut = 0
    for _ in range(300):
        ((_, copy),) = weather.fate(datagram, rng, direction="up")
        if len(copy) < 64:
            cut += 1
            assert datagram.startswith(copy)
        else:
            assert sum((one ^ other).bit_count() for one, other in zip(datagram, copy, strict=True)) == 1
    assert 60 < cut < 130


def test_only_the_product_s_datagrams_come_again(chaos: Rooms) -> None:
    rng = random.Random(1)
    weather = chaos.kinds.Weather("test", haunt=1.0)
    assert len(weather.fate(b"abc", rng, direction="down")) == 1
    copies = [weather.fate(b"abc", rng, direction="up") for _ in range(100)]
    assert all(len(each) == 2 for each in copies)
    assert max(each[1][0] for each in copies) > 20.0


@pytest.mark.parametrize("value", [2, 1002, 77])
def test_a_value_the_mcu_did_not_have_then_is_a_fault(bench: Bench, value: int) -> None:
    bench.set(1001, 2.0)
    bench.set(1002, 9.0)
    read = [{"siid": 2, "piid": 2, "code": 0, "value": value}]
    bench.ledger.replies[1003].append(read)
    bench.command(1001, "set", began=1.5, ended=2.5, result=[{"code": 0}])
    bench.command(1002, "set", began=8.5, ended=9.5, result=[{"code": 0}])
    bench.command(1003, "read", began=5.0, ended=6.0, result=read)
    assert bench.faults() == {"wrong": 1}


@pytest.mark.parametrize("sort", ["read", "echo"])
def test_an_answer_to_another_command_is_a_fault(bench: Bench, sort: str) -> None:
    bench.command(1003, sort, result=[])
    assert bench.faults() == {"wrong": 1}


@pytest.mark.parametrize(("copies", "found"), [(2, {"stale": 1}), (1, {})])
def test_an_older_set_after_a_newer_one_is_a_fault_where_we_sent_twice(
    bench: Bench, copies: int, found: dict[str, int]
) -> None:
    bench.command(1001, "set", result=[{"code": 0}], copies=copies)
    bench.command(1002, "set", began=3.0, ended=4.0, result=[{"code": 0}])
    bench.set(1001, 1.5)
    bench.set(1002, 3.5)
    bench.set(1001, 3.6, send=2)
    assert bench.faults() == found


def test_sets_side_by_side_have_no_order(bench: Bench) -> None:
    bench.command(1001, "set", ended=4.0, result=[{"code": 0}], copies=2)
    bench.command(1002, "set", ended=4.0, result=[{"code": 0}])
    bench.set(1002, 1.5)
    bench.set(1001, 1.6)
    assert bench.faults() == {}


@pytest.mark.parametrize(("ended", "found"), [(21.5, {}), (21.6, {"late": 1}), (None, {"late": 1})])
def test_a_call_beyond_its_deadline_is_a_fault(
    bench: Bench, ended: float | None, found: dict[str, int]
) -> None:
    bench.command(1001, "info", ended=ended, timeout=5.0, retry_count=3, error=OutcomeUnknown("no answer"))
    assert bench.faults() == found
