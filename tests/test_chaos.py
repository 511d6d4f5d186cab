"""Chaos in simulated time: what callers are told is held against what the MCU did. ``python -m benchmarks chaos`` is
the long form; here a seed decides everything, and no clock of this machine is read."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from miio_lan.errors import DeviceError, OutcomeUnknown

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
