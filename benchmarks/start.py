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
from benchmarks.timing import Work, interleaved, ratio

IMPORT_TARGETS = [Row("import", "import miio_lan, time / import miio's", None, "<=", 0.25)]
CLI_TARGETS = [Row("cli", "miio-lan info, time / miiocli device info's", None, "<=", 0.4)]
_IMPORT = """
import time
start = time.perf_counter()
import {0}
imported = time.perf_counter() - start
{0}.Device
print(imported, time.perf_counter() - start)
"""


def run_import(options: Options) -> list[Row]:
    """Measure imports, each in a new interpreter, without the time the interpreter itself takes.

    What a package puts off until ``Device`` is asked for is told beside the figure.
    """
    modules = {
        "miio_lan": (environment.miio_lan(options.environment), "miio_lan"),
        "python-miio": (environment.python_miio(options.environment), "miio"),
    }
    plain: dict[str, list[float]] = {name: [] for name in modules}
    full: dict[str, list[float]] = {name: [] for name in modules}
    with tempfile.TemporaryDirectory() as home:
        for turn in range(options.count(21, 2) + 1):
            for name, (programs, module) in modules.items():
                imported, usable = _imported(programs, module, home)
                if turn > 0:  # the first one reads from the disk
                    plain[name].append(imported)
                    full[name].append(usable)
    return [_row(IMPORT_TARGETS[0], plain, {"with Device": ratio(full["miio_lan"], full["python-miio"])})]


def _imported(programs: Path, module: str, home: str) -> tuple[float, float]:
    command = [str(programs / "python"), "-W", "ignore", "-c", _IMPORT.format(module)]
    # From elsewhere, as a user's script: the checkout's folder is not searched first.
    done = subprocess.run(
        command, check=True, capture_output=True, text=True, env=_surroundings(home), cwd=home
    )
    imported, usable = done.stdout.split()
    return float(imported), float(usable)


def run_cli(options: Options) -> list[Row]:
    """Measure the whole process of ``info``, against the same simulated device."""
    ours = environment.miio_lan(options.environment) / "miio-lan"
    theirs = environment.python_miio(options.environment) / "miiocli"
    with Simulator() as simulator, tempfile.TemporaryDirectory() as home:
        host = simulator.open()
        who = ["--ip", host, "--token", TOKEN.hex()]
        works = {
            "miio_lan": _whole_process([str(ours), *who, "--port", str(PORT), "info"], home),
            "python-miio": _whole_process([str(theirs), "device", *who, "info"], home),
        }
        seconds = interleaved(works, rounds=options.count(21, 2), repeats=1)
    return [_row(CLI_TARGETS[0], seconds, {})]


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


def _row(target: Row, seconds: Mapping[str, list[float]], more: Mapping[str, object]) -> Row:
    figure = ratio(seconds["miio_lan"], seconds["python-miio"])
    median = statistics.median(seconds["python-miio"])
    details: dict[str, object] = {
        **more,
        "rounds": len(seconds["miio_lan"]),
        "python-miio's in milliseconds": median * 1e3,
    }
    return Row(target.part, target.what, figure, target.relation, target.limit, 1.0, details)
