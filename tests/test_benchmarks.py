"""The benchmarks run and say what they should; how fast anything is, no test asserts."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
FIELDS = {"part", "what", "figure", "relation", "limit", "python_miio", "details", "passed"}


def benchmarks(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Import a module of the benchmarks, which are no part of the installed package."""
    monkeypatch.syspath_prepend(ROOT)
    return lambda name: importlib.import_module(f"benchmarks.{name}")


def test_the_fast_parts_measure_all_three_on_one_device() -> None:
    done = benchmarks("--quick", "--json", "codec", "send")
    document = json.loads(done.stdout)
    rows = document["rows"]
    assert [row["part"] for row in rows] == ["codec", "send", "send"]
    for row in rows:
        assert set(row) == FIELDS
        assert row["figure"] > 0, row["details"]
        assert row["python_miio"] > 0
        assert row["passed"] == (
            row["figure"] <= row["limit"] if row["relation"] == "<=" else row["figure"] >= row["limit"]
        )
    assert document["passed"] == all(row["passed"] for row in rows)
    assert done.returncode == (0 if document["passed"] else 1)
    assert document["conditions"]["python-miio"] == "0.5.12"


def test_an_unknown_part_is_wrong_use() -> None:
    done = benchmarks("coedc")
    assert done.returncode == 2
    assert "no such part: coedc" in done.stderr


def test_a_figure_that_could_not_be_taken_is_no_pass(room: Any, capsys: pytest.CaptureFixture[str]) -> None:
    program, results = room("__main__"), room("results")

    def impossible(options: object) -> list[Any]:
        raise results.NotMeasured("no compiler for it")

    targets = program.PARTS["codec"][1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(program.PARTS, "codec", (impossible, targets, False))
        assert program.main(["codec"]) == 1
    printed = capsys.readouterr().out
    assert "NOT MEASURED" in printed
    assert "no compiler for it" in printed


@pytest.mark.parametrize(
    ("relation", "figure", "passed"),
    [("<=", 2.0, True), ("<=", 2.1, False), (">=", 2.0, True), (">=", 1.9, False), ("<=", None, False)],
)
def test_verdicts(room: Any, relation: str, figure: float | None, passed: bool) -> None:
    results = room("results")
    row = results.Row("part", "what", figure, relation, 2.0)
    assert row.passed is passed
    assert ("pass" in results.table([row])) is passed


def test_the_share_of_values_a_percentile_covers(room: Any) -> None:
    percentile = room("timing").percentile
    values = [float(value) for value in range(200, 0, -1)]
    assert percentile(values, 0.99) == 198
    assert percentile(values, 1.0) == 200
    assert percentile([7.0], 0.5) == 7


def test_ratios_are_taken_round_by_round(room: Any) -> None:
    # The second round was ten times slower for both.
    assert room("timing").ratio([2.0, 20.0, 2.2], [1.0, 10.0, 1.0]) == (2.0, 2.0, 2.2)


def test_who_has_two_turns_in_a_round_gets_their_mean(room: Any) -> None:
    told = []
    clock = iter([0.0, 1.0, 10.0, 12.0, 20.0, 23.0])
    works = {"floor": lambda: told.append("floor"), "ours": lambda: told.append("ours")}
    found = room("timing").in_turn(
        works, ("floor", "ours", "floor"), rounds=1, repeats=2, cpu=lambda: next(clock)
    )
    assert told == ["floor", "ours", *["floor"] * 2, *["ours"] * 2, *["floor"] * 2]  # the first two warm up
    assert [sample.cpu for sample in found["floor"]] == [(1 / 2 + 3 / 2) / 2]
    assert [sample.cpu for sample in found["ours"]] == [2 / 2]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system pins no processes")
def test_one_core_is_kept_to_and_left(room: Any) -> None:
    allowed = os.sched_getaffinity(0)
    with room("timing").one_core():
        assert len(os.sched_getaffinity(0)) == 1
        assert os.sched_getaffinity(0) <= allowed
    assert os.sched_getaffinity(0) == allowed


@pytest.mark.parametrize("name", ["floor", "miio_lan"])  # python-miio leaves its sockets to the collector
def test_the_cheap_device_answers(room: Any, name: str) -> None:
    clients, cheap = room("clients"), room("cheap_device")
    with cheap.cheap_device() as host, clients.client(name, host) as one:
        for _ in range(2):
            answer = one.send(cheap.METHOD, cheap.PARAMETERS)
            assert [(item["did"], item["value"]) for item in answer] == [
                (str(n), 10 * n) for n in range(1, 9)
            ]


def test_the_device_counts_what_it_carries_out_twice(room: Any) -> None:
    device, clients, simulator = room("device"), room("clients"), room("simulator")
    with simulator.Simulator() as devices:
        host = devices.open()
        with clients.client("floor", host) as one:
            for press in (1, 2, 2, 3):
                assert one.send(device.UNSAFE, [press]) == ["ok"]
        counts = devices.counts(host)
    assert counts == {"carried out": 3, "twice": 1, "dropped": {}}


def test_a_port_that_somebody_else_has_for_a_while_is_waited_for(
    room: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any socket of the computer may be given it, at all addresses at once."""
    device, simulator = room("device"), room("simulator")
    pauses: list[float] = []
    monkeypatch.setattr(device.time, "sleep", pauses.append)
    devices = simulator.Simulator()
    monkeypatch.setattr(devices, "_ask", lambda **_: {} if len(pauses) == 3 else {"error": "in use"})
    assert devices.open().startswith("127.")
    assert pauses == [0.2, 0.4, pytest.approx(0.6)]
    monkeypatch.setattr(devices, "_ask", lambda **_: {"error": "in use"})
    with pytest.raises(room("results").NotMeasured, match="in use"):
        devices.open()
    assert sum(pauses[3:]) == pytest.approx(42)


def test_a_device_whose_clock_jumped_drops_old_stamps(room: Any) -> None:
    clients, device, simulator = room("clients"), room("device"), room("simulator")
    floor = room("floor")
    with simulator.Simulator() as devices:
        host = devices.open()
        with clients.client("floor", host) as one:
            assert one.send("get_prop", ["power"]) == ["on"]
            devices.skip(host, 75)
            request = {"id": 9, "method": "get_prop", "params": []}
            stale = floor.Codec(device.TOKEN).encode(
                request, device.DEVICE_ID, int(one._ahead + time.monotonic())
            )
            one._socket.send(stale)
            # The device answers in order: a hello's answer says that the command before it was looked at.
            one._socket.send(floor.HELLO)
            assert len(one._socket.recv(4096)) == 32
        assert devices.counts(host)["dropped"] == {"stale stamp": 1}


def test_losses_are_the_same_for_the_same_seed(room: Any) -> None:
    device = room("device")

    def losses(seed: int) -> list[bool]:
        one = device.Device(None, loss=0.05, seed=seed, memory="normal")
        return [one._is_lost() for _ in range(2000)]

    assert losses(1) == losses(1)
    assert losses(1) != losses(2)
    assert 50 < sum(losses(1)) < 150


def test_many_devices_are_polled_by_a_process_of_its_own(room: Any) -> None:
    scale = room("scale")
    found = scale._alone(5)
    assert found["answered"] == 5
    assert found["memory"] > 5
    assert found["cpu"] > 0


def test_the_rows_of_scale_are_measured(room: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    scale, options = room("scale"), room("options")
    monkeypatch.setattr(options.Options, "count", lambda self, usual, quick: 1 if usual == 5 else 3)
    rows = scale.run(options.Options())
    assert [row.what for row in rows] == [target.what for target in scale.TARGETS]
    assert all(row.figure is not None and row.figure > 0 for row in rows)
    assert rows[-1].figure == 1
