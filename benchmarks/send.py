"""Commands one after another: what one costs, and how many there are per second."""

from __future__ import annotations

import statistics
from contextlib import ExitStack
from functools import partial

from benchmarks.cheap_device import METHOD, PARAMETERS, cheap_device
from benchmarks.clients import NAMES, client
from benchmarks.options import Options
from benchmarks.results import Row
from benchmarks.timing import cpu_ratio, in_turn, one_core, wall_ratio

TARGETS = [
    Row("send", "sequential send of 8 properties, CPU / floor's", None, "<=", 1.25),
    Row("send", "sequential send of 8 properties, rate / floor's", None, ">=", 0.85),
]
#: The floor before and after us: what drifts meanwhile is in its mean.
ORDER = ("floor", "miio_lan", "floor", "python-miio")


def run(options: Options) -> list[Row]:
    """Measure."""
    rounds, repeats = options.count(31, 2), options.count(200, 10)
    with one_core(), cheap_device() as host, ExitStack() as stack:
        works = {
            name: partial(stack.enter_context(client(name, host)).send, METHOD, PARAMETERS) for name in NAMES
        }
        found = in_turn(works, ORDER, rounds=rounds, repeats=repeats)
    floor, ours, theirs = (found[name] for name in ("floor", "miio_lan", "python-miio"))
    # Rates are the other way round than times.
    figures = [
        (cpu_ratio(ours, floor), cpu_ratio(theirs, floor)),
        (wall_ratio(floor, ours), wall_ratio(floor, theirs)),
    ]
    conditions: dict[str, object] = {
        "rounds": rounds,
        "repeats": repeats,
        "floor's CPU in microseconds": statistics.median(each.cpu for each in floor) * 1e6,
        "floor's commands per second": 1 / statistics.median(each.wall for each in floor),
    }
    return [
        target.measured(figure, other, conditions if target is TARGETS[0] else {})
        for target, (figure, other) in zip(TARGETS, figures, strict=True)
    ]
