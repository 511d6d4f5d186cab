"""What listening to a serial line, and standing in the middle of one, costs: ``tap`` and ``bridge``."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.options import Options
from benchmarks.results import NotMeasured, Row
from benchmarks.serial_traffic import BYTES_PER_SECOND, QUIET
from miio_lan.errors import PortError
from miio_lan.record import Observer, Record
from miio_lan.record.recording import FileRecorder
from miio_lan.uart.bridge.bridge import Bridge
from miio_lan.uart.listening.tap import Tap
from miio_lan.uart.ports.port import Port, open_port

ROOT = Path(__file__).resolve().parent.parent
CHARACTER = 1 / BYTES_PER_SECOND
PATIENCE = 10.0
SHARE, RATE = 0.05, 3.0
DELAY = 12.0  # characters of the line: one millisecond
SHARE_WHAT = "both directions of a saturated line, {}, share of one core"
RATE_WHAT = "rate sustained, {}, in saturated lines"
DELAY_WHAT = "added to each read, 99 %, in characters of the line"
TAP_TARGETS = [
    Row("tap", SHARE_WHAT.format("observed"), None, "<=", SHARE),
    Row("tap", SHARE_WHAT.format("recorded to a file"), None, "<=", SHARE),
    Row("tap", RATE_WHAT.format("recorded to a file"), None, ">=", RATE),
]
BRIDGE_TARGETS = [
    Row("bridge", SHARE_WHAT.format("forwarded and observed"), None, "<=", SHARE),
    Row("bridge", SHARE_WHAT.format("forwarded and recorded to a file"), None, "<=", SHARE),
    Row("bridge", RATE_WHAT.format("forwarded and recorded to a file"), None, ">=", RATE),
    Row("bridge", DELAY_WHAT, None, "<=", DELAY),
]

Middle = Tap | Bridge
Make = Callable[[Observer, Port, Port], Middle]


def _tap(observer: Observer, mcu: Port, module: Port) -> Middle:
    return Tap(observer, up=mcu, down=module)


def _bridge(observer: Observer, mcu: Port, module: Port) -> Middle:
    return Bridge(module, mcu, observer=observer)


@dataclass
class Run:
    """What one run found.

    :param share: processor seconds per second
    :param rate: bytes per second and line capacity, both directions
    """

    share: float
    rate: float
    lines: int
    middle: Middle


@contextmanager
def _traffic(seconds: float, speed: float) -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-m", "benchmarks.serial_traffic", str(seconds), str(speed)]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _measure(make: Make, *, recorded: bool, seconds: float, speed: float) -> Run:
    """Have a busy line listened to, and count this process's time until all was looked at."""
    seen = 0
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        recorder = stack.enter_context(FileRecorder(Path(folder) / "line.jsonl")) if recorded else None

        def observe(record: Record) -> None:
            nonlocal seen
            seen += record.raw.endswith(b"\r")
            if recorder is not None:
                recorder(record)

        traffic = stack.enter_context(_traffic(seconds, speed))
        assert traffic.stdin is not None
        assert traffic.stdout is not None
        try:
            mcu, module = (open_port(path) for path in json.loads(traffic.stdout.readline()))
        except PortError as error:
            raise NotMeasured(str(error)) from error
        middle = stack.enter_context(make(observe, mcu, module))
        began, worked = time.monotonic(), time.process_time()
        traffic.stdin.write("go\n")
        traffic.stdin.flush()
        found = json.loads(traffic.stdout.readline())
        while seen < found["lines"] and time.monotonic() < began + seconds + PATIENCE:
            time.sleep(0.001)
        worked, took = time.process_time() - worked, time.monotonic() - began
        middle.close()
    _check(middle, found, seen)
    return Run(
        worked / found["seconds"], found["said"] / (took - QUIET) / (2 * BYTES_PER_SECOND), seen, middle
    )


def _check(middle: Middle, found: dict[str, int], seen: int) -> None:
    """A figure counts only if nothing was lost."""
    if seen != found["lines"]:
        raise NotMeasured(f"{seen} of {found['lines']} lines were recorded")
    if isinstance(middle, Bridge) and found["heard"] != found["said"]:
        raise NotMeasured(f"{found['heard']} of {found['said']} bytes came through")


def _rows(make: Make, targets: list[Row], options: Options) -> tuple[list[Row], list[Run]]:
    rounds, seconds = options.count(5, 2), options.count(5, 1)
    observed, recorded, flooded = [], [], []
    for _ in range(rounds):
        observed.append(_measure(make, recorded=False, seconds=seconds, speed=1.0))
        recorded.append(_measure(make, recorded=True, seconds=seconds, speed=1.0))
        flooded.append(_measure(make, recorded=True, seconds=seconds, speed=0.0))
    figures = [
        # Nothing that a round is compared with suffers what it suffers: others on the machine empty the caches of a
        # process that sleeps most of the time. They only ever add, so the least is nearest to what the work costs.
        min(run.share for run in observed),
        min(run.share for run in recorded),
        statistics.median(run.rate for run in flooded),
    ]
    details: dict[str, object] = {
        "rounds": rounds,
        "seconds each": seconds,
        "median share observed": statistics.median(run.share for run in observed),
        "median share recorded": statistics.median(run.share for run in recorded),
        "lines per second": statistics.median(run.lines for run in observed) / seconds,
        "microseconds per line when flooded": statistics.median(
            run.share * seconds / run.lines for run in flooded
        )
        * 1e6,
    }
    rows = [
        Row(
            target.part,
            target.what,
            figure,
            target.relation,
            target.limit,
            None,
            details if not place else {},
        )
        for place, (target, figure) in enumerate(zip(targets, figures, strict=False))
    ]
    return rows, recorded


def run_tap(options: Options) -> list[Row]:
    """Measure the tap."""
    return _rows(_tap, TAP_TARGETS, options)[0]


def run_bridge(options: Options) -> list[Row]:
    """Measure the bridge."""
    rows, recorded = _rows(_bridge, BRIDGE_TARGETS, options)
    latencies = [
        latency
        for run in recorded
        if isinstance(run.middle, Bridge)
        for latency in run.middle.latency.values()
    ]
    medians, slowest = (
        statistics.median(latency.percentile(share) for latency in latencies) for share in (0.5, 0.99)
    )
    worst = max(latency.worst for latency in latencies)
    target = BRIDGE_TARGETS[-1]
    details: dict[str, object] = {
        "median in ms": medians * 1000,
        "99 % in ms": slowest * 1000,
        "worst in ms": worst * 1000,
    }
    return [
        *rows,
        Row(target.part, target.what, slowest / CHARACTER, target.relation, target.limit, None, details),
    ]
