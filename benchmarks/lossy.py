"""A network that loses 5 % of the datagrams each way: how long reads take, and whether anything runs twice."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from benchmarks.clients import client, failures
from benchmarks.device import UNSAFE
from benchmarks.options import Options
from benchmarks.results import Row
from benchmarks.simulator import Simulator
from benchmarks.timing import percentile

LOSS = 0.05
CLIENTS = ("miio_lan", "python-miio")
LOSS_TARGETS = [
    Row("loss", "5 % loss: mean read, time / python-miio's", None, "<=", 0.1),
    Row("loss", "5 % loss: p99 read, time / python-miio's", None, "<=", 0.2),
    Row("loss", "5 % loss: reads that failed", None, "<=", 0),
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
    """Read 200 times; several such lanes side by side, each with losses of its own, the same for both clients."""
    lanes, reads = options.count(4, 2), options.count(200, 10)
    found: dict[str, Outcome] = {}
    for name in CLIENTS:
        with Simulator() as simulator:
            hosts = [simulator.open(loss=LOSS, seed=options.seed + lane) for lane in range(lanes)]
            params: list[list[object]] = [["power"]] * reads
            every = _lanes(lanes, lambda lane: _drive(name, hosts[lane], "get_prop", params))  # noqa: B023
        found[name] = Outcome(
            [second for one in every for second in one.seconds], sum(one.failed for one in every)
        )
    return _loss_rows(found, lanes, reads)


def _loss_rows(found: dict[str, Outcome], lanes: int, reads: int) -> list[Row]:
    ours, theirs = found["miio_lan"], found["python-miio"]
    mean = statistics.mean(ours.seconds), statistics.mean(theirs.seconds)
    p99 = percentile(ours.seconds, 0.99), percentile(theirs.seconds, 0.99)
    figures: list[tuple[float, float | None, dict[str, object]]] = [
        (mean[0] / mean[1], 1.0, {"lanes": lanes, "reads per lane": reads, "python-miio's mean, s": mean[1]}),
        (p99[0] / p99[1], 1.0, {"python-miio's p99, s": p99[1], "slowest of miio_lan, s": max(ours.seconds)}),
        (ours.failed, theirs.failed, {}),
    ]
    return [
        Row(target.part, target.what, figure, target.relation, target.limit, other, details)
        for target, (figure, other, details) in zip(LOSS_TARGETS, figures, strict=True)
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
