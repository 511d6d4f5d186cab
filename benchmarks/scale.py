"""Many devices at once: what polling all of them costs, beside the floor and python-miio."""

from __future__ import annotations

import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from benchmarks.cheap_device import METHOD, PARAMETERS
from benchmarks.clients import python_miio
from benchmarks.device import PORT, TOKEN
from benchmarks.floor import FloorClient
from benchmarks.many_devices import many_devices
from benchmarks.options import Options
from benchmarks.results import NotMeasured, Row
from benchmarks.simulator import ROOT
from benchmarks.timing import Work, cpu_ratio, in_turn, one_core, wall_ratio
from miio_lan import AsyncDevice

#: Threads of python-miio, which has no other way to many devices.
THREADS = 128
DELAY = 0.02

CPU_FLOOR = Row("scale", "1,000 devices polled, CPU / floor's", None, "<=", 2.0)
WALL_FLOOR = Row("scale", "1,000 devices polled, wall / floor's", None, "<=", 2.0)
WALL = Row("scale", "1,000 devices polled, wall / python-miio's", None, "<=", 0.25)
CPU = Row("scale", "1,000 devices polled, CPU / python-miio's", None, "<=", 0.2)
TRIPS = Row("scale", "1,000 devices that take 20 ms, round trips", None, "<=", 3.0)
MEMORY = Row("scale", "1,000 devices polled, memory of the process in MB", None, "<=", 45.0)
MANY = Row("scale", "10,000 devices polled, share that answered", None, ">=", 1.0)
TARGETS = [CPU_FLOOR, WALL_FLOOR, WALL, CPU, TRIPS, MEMORY, MANY]
ORDER = ("floor", "miio_lan", "floor", "python-miio")


def run(options: Options) -> list[Row]:
    """Measure."""
    count, many = options.count(1000, 50), options.count(10_000, 300)
    rounds = options.count(5, 2)
    return [
        *_beside_others(count, rounds),
        _with_delay(count, rounds),
        _memory(count),
        _many(many),
    ]


def _beside_others(count: int, rounds: int) -> list[Row]:
    with one_core(), many_devices(count) as hosts, _works(hosts, ORDER) as works:
        found = in_turn(works, ORDER, rounds=rounds, repeats=1)
    floor, ours, theirs = (found[name] for name in ("floor", "miio_lan", "python-miio"))
    conditions: dict[str, object] = {
        "devices": count,
        "rounds": rounds,
        "threads of python-miio": THREADS,
        "floor's CPU in seconds": statistics.median(each.cpu for each in floor),
        "floor's wall in seconds": statistics.median(each.wall for each in floor),
    }
    return [
        CPU_FLOOR.measured(cpu_ratio(ours, floor), cpu_ratio(theirs, floor), conditions),
        WALL_FLOOR.measured(wall_ratio(ours, floor), wall_ratio(theirs, floor)),
        WALL.measured(wall_ratio(ours, theirs), None),
        CPU.measured(cpu_ratio(ours, theirs), None),
    ]


def _with_delay(count: int, rounds: int) -> Row:
    """Poll devices that take their time; they have a core of their own, where there is one."""
    order = ("miio_lan", "python-miio")
    with many_devices(count, DELAY) as hosts, _works(hosts, order) as works:
        found = in_turn(works, order, rounds=rounds, repeats=1)
    trips = {name: [each.wall / DELAY for each in samples] for name, samples in found.items()}
    medians = {name: statistics.median(each) for name, each in trips.items()}
    cpu = statistics.median(each.cpu for each in found["miio_lan"]) / DELAY
    details = {"lowest": min(trips["miio_lan"]), "of which the processor was at work": cpu}
    return replace(TRIPS, figure=medians["miio_lan"], python_miio=medians["python-miio"], details=details)


def _memory(count: int) -> Row:
    found = _alone(count)
    return replace(MEMORY, figure=found["memory"], details=found)


def _many(count: int) -> Row:
    found = _alone(count)
    return replace(MANY, figure=found["answered"] / count, details={"devices": count, **found})


def _alone(count: int) -> dict[str, Any]:
    """Poll devices in a process that does nothing else."""
    with many_devices(count) as hosts:
        words = [hosts[0].split(".")[1], str(count), TOKEN.hex()]
        command = [sys.executable, "-m", "benchmarks.many_client", *words]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotMeasured(f"the polling process failed: {done.stderr.strip().splitlines()[-1:]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@contextlib.contextmanager
def _works(hosts: Sequence[str], names: Sequence[str]) -> Iterator[dict[str, Work]]:
    with contextlib.ExitStack() as stack:
        makers = {"floor": _floor, "miio_lan": _ours, "python-miio": _theirs}
        yield {name: stack.enter_context(makers[name](hosts)) for name in dict.fromkeys(names)}


@contextlib.contextmanager
def _floor(hosts: Sequence[str]) -> Iterator[Work]:
    clients = [FloorClient(host, PORT, TOKEN) for host in hosts]
    try:
        yield lambda: [client.send(METHOD, PARAMETERS) for client in clients]
    finally:
        for client in clients:
            client.close()


@contextlib.contextmanager
def _ours(hosts: Sequence[str]) -> Iterator[Work]:
    devices = [AsyncDevice(host, TOKEN.hex()) for host in hosts]

    async def poll() -> None:
        await asyncio.gather(*(device.send(METHOD, PARAMETERS) for device in devices))

    async def close() -> None:
        for device in devices:
            await device.close()

    with asyncio.Runner() as runner:
        try:
            yield lambda: runner.run(poll())
        finally:
            runner.run(close())


@contextlib.contextmanager
def _theirs(hosts: Sequence[str]) -> Iterator[Work]:
    devices = [python_miio().Device(host, TOKEN.hex()) for host in hosts]

    def ask(device: Any) -> bool:
        # Now and then it trips over its own parsing when several threads do that; what it costs until then counts.
        with contextlib.suppress(Exception):
            device.send(METHOD, PARAMETERS)
            return True
        return False

    with warnings.catch_warnings(), ThreadPoolExecutor(THREADS) as pool:
        warnings.simplefilter("ignore", ResourceWarning)  # it leaves the closing of its sockets to others
        yield lambda: list(pool.map(ask, devices))
