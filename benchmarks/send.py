"""Commands one after another: how many per second."""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from functools import partial

from benchmarks.clients import NAMES, client
from benchmarks.options import Options
from benchmarks.results import Row
from benchmarks.simulator import Simulator
from benchmarks.timing import interleaved, ratio

TARGETS = [Row("send", "sequential send, rate / floor's", None, ">=", 0.7)]


def run(options: Options) -> list[Row]:
    """Measure."""
    repeats = options.count(200, 10)
    with Simulator() as simulator, ExitStack() as stack:
        host = simulator.open()
        works = {
            name: partial(stack.enter_context(client(name, host)).send, "get_prop", ["power"])
            for name in NAMES
        }
        seconds = interleaved(works, rounds=options.count(31, 3), repeats=repeats)
    target = TARGETS[0]
    return [
        Row(
            target.part,
            target.what,
            # Rates are the other way round than times.
            ratio(seconds["floor"], seconds["miio_lan"]),
            target.relation,
            target.limit,
            ratio(seconds["floor"], seconds["python-miio"]),
            {
                "rounds": len(seconds["floor"]),
                "repeats": repeats,
                "floor's commands per second": 1 / statistics.median(seconds["floor"]),
            },
        )
    ]
