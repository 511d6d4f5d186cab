"""A command after 75 s of idleness, on a device that drops stamps 60 s off."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from benchmarks.clients import client
from benchmarks.device import PORT, TOKEN
from benchmarks.options import Options
from benchmarks.results import Row
from benchmarks.simulator import Simulator
from miio_lan.lan.client.blocking import Connection
from miio_lan.lan.client.session import Session

IDLE = 75.0
TIMEOUT = 5.0
RETRIES = 3
#: Of a time-out: 0.1 s, the soonest at which miio_lan ever sends again. Below it, nothing was waited for.
LIMIT = 0.02
TARGETS = [Row("idle", "command after 75 s idle, extra time in time-outs of 5 s", None, "<=", LIMIT)]

Send = Callable[[], object]


class MovableClock:
    """The monotonic clock, which can be moved ahead."""

    def __init__(self) -> None:
        self.skipped = 0.0

    def __call__(self) -> float:
        """Tell the time."""
        return time.monotonic() + self.skipped


def _took(send: Send) -> float:
    start = time.perf_counter()
    send()
    return time.perf_counter() - start


def _usual(send: Send) -> float:
    return statistics.median(_took(send) for _ in range(5))


def run(options: Options) -> list[Row]:
    """Measure, once with everybody's clocks waiting, else with clocks that jump."""
    found = _waited() if options.really_wait else _simulated(options.count(3, 1))
    details: dict[str, object] = {
        "idleness": "waited for" if options.really_wait else "clocks of the device and of miio_lan moved",
        "trials": len(found["miio_lan"]),
    }
    target = TARGETS[0]
    ours, theirs = max(found["miio_lan"]), max(found["python-miio"])
    return [Row(target.part, target.what, ours, target.relation, target.limit, theirs, details)]


def _simulated(trials: int) -> dict[str, list[float]]:
    """Let the clocks of the device and of miio_lan jump.

    python-miio has no clock to move: the stamp it sends comes from the device's last one alone.
    """
    found: dict[str, list[float]] = {"miio_lan": [], "python-miio": []}
    for _ in range(trials):
        with Simulator() as simulator:
            host = simulator.open()
            clock = MovableClock()
            with (
                Connection(host, Session(TOKEN), port=PORT, clock=clock) as connection,
                client("python-miio", host) as theirs,
            ):
                sends: dict[str, Send] = {
                    "miio_lan": lambda connection=connection: connection.call(  # type: ignore[misc]
                        "get_prop", ["power"], timeout=TIMEOUT, retry_count=RETRIES
                    ),
                    "python-miio": lambda theirs=theirs: theirs.send("get_prop", ["power"]),  # type: ignore[misc]
                }
                usual = {name: _usual(send) for name, send in sends.items()}
                simulator.skip(host, IDLE)
                clock.skipped += IDLE
                for name, send in sends.items():
                    found[name].append((_took(send) - usual[name]) / TIMEOUT)
    return found


def _waited() -> dict[str, list[float]]:
    with Simulator() as simulator:
        host = simulator.open()
        with client("miio_lan", host) as ours, client("python-miio", host) as theirs:
            clients = {"miio_lan": ours, "python-miio": theirs}
            usual = {
                name: _usual(lambda one=one: one.send("get_prop", ["power"]))  # type: ignore[misc]
                for name, one in clients.items()
            }
            time.sleep(IDLE)
            return {
                name: [(_took(lambda one=one: one.send("get_prop", ["power"])) - usual[name]) / TIMEOUT]  # type: ignore[misc]
                for name, one in clients.items()
            }
