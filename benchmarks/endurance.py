"""``python -m benchmarks endurance``: both faces at work for minutes, with devices that restart and links that lose.

What must not grow is looked at once a second; network cables are pulled and addresses changed in networks of their own.
"""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from benchmarks.device import TOKEN
from benchmarks.options import Options
from benchmarks.results import NotMeasured, Row, not_measured
from benchmarks.simulator import ROOT, Simulator

SECONDS = 180.0
QUICK_SECONDS = 15.0
#: Devices asked by threads, and by one event loop.
THREADED, AWAITED = 8, 32
#: Share of the datagrams lost, each way, by every other device.
LOSS = 0.02
#: Seconds between two restarts; each time another device.
RESTART_EVERY = 0.5
#: Share of the samples after which all is warm, and nothing may grow any more.
WARM = 0.3
#: Times that the cable is pulled and the address changed.
ROUNDS, QUICK_ROUNDS = 5, 1
PULLED = ROOT / "tests" / "support" / "pulled_cable.py"
UNSHARE = ("unshare", "--user", "--map-root-user", "--net")

FAILED = Row("endurance", "reads that failed", None, "<=", 0)
MEMORY = Row("endurance", "memory grown, MB", None, "<=", 2.0)
SOCKETS = Row("endurance", "open files grown", None, "<=", 0)
THREADS = Row("endurance", "threads grown", None, "<=", 0)
TABLES = Row("endurance", "entries in the tables of one session, most at any time", None, "<=", 256)
LEFT = Row("endurance", "calls, ids and questions left open at the end", None, "<=", 0)
CABLE = Row("endurance", "interface down and up, address changed: next reads that failed", None, "<=", 0)
TARGETS = [FAILED, MEMORY, SOCKETS, THREADS, TABLES, LEFT, CABLE]


def run(options: Options) -> list[Row]:
    """Measure."""
    found, restarts = _at_work(options.seconds or (QUICK_SECONDS if options.quick else SECONDS), options.seed)
    return [*judged(found, restarts), _cable(options.count(ROUNDS, QUICK_ROUNDS))]


def judged(found: Mapping[str, Any], restarts: int) -> list[Row]:
    """Make rows of what the process at work noted: what it held from when it was warm, and what it held at the end."""
    samples: Sequence[Mapping[str, float]] = found["samples"]
    warm = samples[int(len(samples) * WARM) :]
    if len(warm) < 3:
        raise NotMeasured(f"{len(samples)} samples are too few to tell whether anything grows")
    third = len(warm) // 3
    details = {key: f"{warm[0][key]:g} ... {warm[-1][key]:g}" for key in warm[0]}
    conditions = {name: found[name] for name in ("seconds", "reads", "errors")}
    return [
        replace(FAILED, figure=found["failed"], details={**conditions, "restarts": restarts}),
        replace(MEMORY, figure=_grown(warm, "memory", third), details={"when warm ... at the end": details}),
        *(
            replace(row, figure=_grown(warm, key, third))
            for row, key in ((SOCKETS, "files"), (THREADS, "threads"))
        ),
        replace(TABLES, figure=max(each["tables"] for each in samples)),
        replace(LEFT, figure=found["left"]),
    ]


def _grown(samples: Sequence[Mapping[str, float]], key: str, count: int) -> float:
    """Tell by how much the least of the last is above the most of the first: what comes and goes is no growth."""
    first = max(each[key] for each in samples[:count])
    return max(0.0, min(each[key] for each in samples[-count:]) - first)


def _at_work(seconds: float, seed: int) -> tuple[dict[str, Any], int]:
    rng, restarts = random.Random(seed), 0
    with Simulator() as simulator:
        hosts = [
            simulator.open(loss=LOSS * (number % 2), seed=seed + number)
            for number in range(THREADED + AWAITED)
        ]
        words = [str(seconds), TOKEN.hex(), str(THREADED), *hosts]
        command = [sys.executable, "-m", "benchmarks.enduring_client", *words]
        over = threading.Event()
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:

            def restart() -> None:
                nonlocal restarts
                while not over.wait(RESTART_EVERY):
                    simulator.restart(rng.choice(hosts))
                    restarts += 1

            thread = threading.Thread(target=restart)
            thread.start()
            try:
                output, trouble = process.communicate(timeout=seconds + 120)
            except subprocess.TimeoutExpired:
                process.kill()
                raise NotMeasured("the process at work did not end") from None
            finally:
                over.set()
                thread.join()
    if process.returncode:
        raise NotMeasured(f"the process at work failed: {trouble.strip().splitlines()[-1:]}")
    found: dict[str, Any] = json.loads(output)
    return found, restarts


def _cable(rounds: int) -> Row:
    """Pull the cable, and change the address, where a network of our own is permitted."""
    if missing := [tool for tool in ("unshare", "ip") if shutil.which(tool) is None]:
        return not_measured(CABLE, f"there is no {', '.join(missing)}")
    attempt = [*UNSHARE, "ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1"]
    tried = subprocess.run(attempt, capture_output=True, text=True, check=False)
    if tried.returncode:
        return not_measured(CABLE, f"no network of our own: not permitted ({tried.stderr.strip()})")
    command = [*UNSHARE, sys.executable, str(PULLED), str(rounds)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60 + 60 * rounds
    )
    if done.returncode:
        return not_measured(CABLE, done.stderr.strip().splitlines()[-1:])
    found: list[dict[str, dict[str, str]]] = json.loads(done.stdout)
    after = [
        (what, face, said) for each in found for what, faces in each.items() for face, said in faces.items()
    ]
    after = [each for each in after if each[0].startswith("after")]
    wrong = [each for each in after if each[2] != "ok"]
    return replace(
        CABLE, figure=len(wrong), details={"rounds": rounds, "next reads": len(after), "wrong": wrong}
    )
