"""What starting costs: the import, and the whole command ``info``. Both as users have them installed."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks import environment
from benchmarks.device import PORT, TOKEN
from benchmarks.options import Options
from benchmarks.results import NotMeasured, Row
from benchmarks.simulator import Simulator
from benchmarks.timing import (
    Ratio,
    Sample,
    Work,
    cpu_of_children,
    cpu_ratio,
    in_turn,
    one_core,
    wall_ratio,
)

IMPORT_TARGETS = [
    Row("import", "from miio_lan import Device, CPU / import miio's", None, "<=", 0.2),
]
CLI_TARGETS = [
    Row("cli", "miio-lan info, whole process, CPU / miiocli device info's", None, "<=", 0.3),
]
#: Names are loaded when they are first used: what counts is the time until a device can be made.
_IMPORTS = {"miio_lan": "from miio_lan import Device", "python-miio": "import miio"}
_TIMED = """
import time
worked = time.process_time()
start = time.perf_counter()
{}
print(time.process_time() - worked, time.perf_counter() - start)
"""
ORDER = ("miio_lan", "python-miio")


def run_import(options: Options) -> list[Row]:
    """Measure imports, each in a new interpreter, without the time the interpreter itself takes."""
    programs = {
        "miio_lan": environment.miio_lan(options.environment),
        "python-miio": environment.python_miio(options.environment),
    }
    found: dict[str, list[Sample]] = {name: [] for name in ORDER}
    rounds = options.count(21, 2)
    with one_core(), tempfile.TemporaryDirectory() as home:
        for turn in range(rounds + 1):
            for name in ORDER:
                sample = _imported(programs[name], _IMPORTS[name], home)
                if turn > 0:  # the first one reads from the disk
                    found[name].append(sample)
    return [_row(IMPORT_TARGETS[0], found, rounds)]


def _imported(programs: Path, code: str, home: str) -> Sample:
    command = [str(programs / "python"), "-W", "ignore", "-c", _TIMED.format(code)]
    # From elsewhere, as a user's script: the checkout's folder is not searched first.
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env=_surroundings(home), cwd=home
    )
    return Sample(*map(float, done.stdout.split()))


def run_cli(options: Options) -> list[Row]:
    """Measure the whole process of ``info``, against the same simulated device."""
    ours = environment.miio_lan(options.environment) / "miio-lan"
    theirs = environment.python_miio(options.environment) / "miiocli"
    rounds = options.count(21, 2)
    with one_core(), Simulator() as simulator, tempfile.TemporaryDirectory() as home:
        host = simulator.open()
        who = ["--ip", host, "--token", TOKEN.hex()]
        works = {
            "miio_lan": _whole_process([str(ours), *who, "--port", str(PORT), "info"], home),
            "python-miio": _whole_process([str(theirs), "device", *who, "info"], home),
        }
        found = in_turn(works, ORDER, rounds=rounds, repeats=1, cpu=cpu_of_children)
    return [_row(CLI_TARGETS[0], found, rounds)]


def _surroundings(home: str) -> dict[str, str]:
    """Give both the same start: neither the user's settings nor traces in the user's folders."""
    foreign = ("MIIO", "PYTHON", "COVERAGE")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(foreign)}
    return {**kept, "HOME": home}


def _whole_process(command: Sequence[str], home: str) -> Work:
    surroundings = _surroundings(home)

    def work() -> None:
        done = subprocess.run(
            command, capture_output=True, text=True, env=surroundings, cwd=home, timeout=60, check=False
        )
        if done.returncode != 0 or "bench.device.v1" not in done.stdout:
            said = (done.stderr or done.stdout).strip()
            raise NotMeasured(f"{Path(command[0]).name} ended with {done.returncode}: {said[-200:]}")

    return work


def _row(target: Row, found: Mapping[str, list[Sample]], rounds: int) -> Row:
    ours, theirs = found["miio_lan"], found["python-miio"]
    details: dict[str, object] = {
        "rounds": rounds,
        "time passed, miio_lan / python-miio": wall_ratio(ours, theirs),
        "CPU of miio_lan in milliseconds": statistics.median(each.cpu for each in ours) * 1e3,
        "CPU of python-miio in milliseconds": statistics.median(each.cpu for each in theirs) * 1e3,
    }
    return target.measured(cpu_ratio(ours, theirs), Ratio(1.0, 1.0, 1.0), details)
