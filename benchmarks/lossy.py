"""A network that loses datagrams, 5 or 10 % each way: how long reads take, and whether anything runs twice."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from benchmarks.clients import client, failures
from benchmarks.device import UNSAFE
from benchmarks.options import Options
from benchmarks.results import Row
from benchmarks.simulator import Simulator
from benchmarks.timing import percentile

LOSS, HEAVY_LOSS = 0.05, 0.1
CLIENTS = ("miio_lan", "python-miio")
LOSS_TARGETS = [
    Row("loss", "5 % loss: mean read, time / python-miio's", None, "<=", 0.1),
    Row("loss", "5 % loss: p99 read, time / python-miio's", None, "<=", 0.2),
    Row("loss", "5 % loss: mean read, ms", None, "<=", 18),
    Row("loss", "5 % loss: p99 read, ms", None, "<=", 400),
    Row("loss", "5 % loss: reads that failed", None, "<=", 0),
    Row("loss", "10 % loss: mean read, ms", None, "<=", 45),
    Row("loss", "10 % loss: p99 read, ms", None, "<=", 900),
    Row("loss", "10 % loss: reads that failed", None, "<=", 0),
]
ONCE_TARGETS = [Row("once", "5 % loss: unsafe commands carried out twice", None, "<=", 0)]


@dataclass
class Outcome:
    """What one client met: seconds per command, and the commands that failed."""

    seconds: list[float] = field(default_factory=list)
    failed: int = 0


def _lanes(count: int, work: Callable[[int], Outcome]) -> list[Outcome]:
    """Run lanes side by side: nearly all their time is waiting, so they do not disturb one another."""
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(work, range(count)))


def _drive(name: str, host: str, method: str, params: list[list[object]]) -> Outcome:
    outcome = Outcome()
    expected = failures()
    with client(name, host) as one:
        for each in params:
            start = time.perf_counter()
            try:
                one.send(method, each)
            except expected:
                outcome.failed += 1
            outcome.seconds.append(time.perf_counter() - start)
    return outcome


def run_loss(options: Options) -> list[Row]:
    """Read 200 times; several such lanes side by side, each with losses of its own, the same for both clients.

    With the heavier loss, python-miio would read for a quarter of an hour: it is left out.
    """
    lanes, reads = options.count(4, 2), options.count(200, 10)
    ours, theirs = (_read(name, LOSS, lanes, reads, options.seed) for name in CLIENTS)
    heavy = _read("miio_lan", HEAVY_LOSS, lanes, reads, options.seed)
    return [
        *_ratios(ours, theirs, lanes, reads),
        *_milliseconds(LOSS_TARGETS[2:5], ours, theirs),
        *_milliseconds(LOSS_TARGETS[5:], heavy, None),
    ]


def _read(name: str, loss: float, lanes: int, reads: int, seed: int) -> Outcome:
    with Simulator() as simulator:
        hosts = [simulator.open(loss=loss, seed=seed + lane) for lane in range(lanes)]
        params: list[list[object]] = [["power"]] * reads
        every = _lanes(lanes, lambda lane: _drive(name, hosts[lane], "get_prop", params))
    return Outcome([second for one in every for second in one.seconds], sum(one.failed for one in every))


def _ratios(ours: Outcome, theirs: Outcome, lanes: int, reads: int) -> list[Row]:
    mean = statistics.mean(ours.seconds) / statistics.mean(theirs.seconds)
    p99 = percentile(ours.seconds, 0.99) / percentile(theirs.seconds, 0.99)
    details: list[dict[str, object]] = [
        {"lanes": lanes, "reads per lane": reads},
        {"slowest of miio_lan, s": max(ours.seconds), "slowest of python-miio, s": max(theirs.seconds)},
    ]
    return [
        replace(target, figure=figure, python_miio=1.0, details=more)
        for target, figure, more in zip(LOSS_TARGETS[:2], (mean, p99), details, strict=True)
    ]


def _milliseconds(targets: list[Row], ours: Outcome, theirs: Outcome | None) -> list[Row]:
    """Give mean, 99th percentile and failures: nearly all of this time is waited, so the machine hardly matters."""

    def figures(of: Outcome) -> tuple[float, float, int]:
        return statistics.mean(of.seconds) * 1e3, percentile(of.seconds, 0.99) * 1e3, of.failed

    others = (None, None, None) if theirs is None else figures(theirs)
    return [
        replace(target, figure=figure, python_miio=other)
        for target, figure, other in zip(targets, figures(ours), others, strict=True)
    ]


def run_once(options: Options) -> list[Row]:
    """Press a button 200 times on a device that drops repeated ids; the device counts what it carried out."""
    lanes = options.count(10, 2)
    presses = options.count(200, 10) // lanes
    twice: dict[str, int] = {}
    details: dict[str, object] = {"commands": lanes * presses, "lanes": lanes}
    for name in CLIENTS:
        with Simulator() as simulator:
            hosts = [
                simulator.open(loss=LOSS, seed=options.seed + lane, memory="silent") for lane in range(lanes)
            ]
            params: list[list[object]] = [[press] for press in range(presses)]
            every = _lanes(lanes, lambda lane: _drive(name, hosts[lane], UNSAFE, params))  # noqa: B023
            counts = [simulator.counts(host) for host in hosts]
        twice[name] = sum(one["twice"] for one in counts)
        carried_out = sum(one["carried out"] for one in counts)
        failed = sum(one.failed for one in every)
        details[f"{name}: carried out"] = f"{carried_out}, ended with an error {failed}"
    target = ONCE_TARGETS[0]
    return [
        Row(
            target.part,
            target.what,
            twice["miio_lan"],
            target.relation,
            target.limit,
            twice["python-miio"],
            details,
        )
    ]
