"""``python -m benchmarks chaos``: the forms of the chaos, as rows of the report."""

from __future__ import annotations

import sys
from collections import Counter

from benchmarks.chaos.judging import FAULTS, Tally
from benchmarks.chaos.live import play
from benchmarks.chaos.world import simulate
from benchmarks.options import Options
from benchmarks.results import Row

#: Commands of each form, and seconds the one with sockets may take.
COMMANDS = 10_000
SECONDS = 120.0
QUICK_COMMANDS = 500
QUICK_SECONDS = 20.0
#: Lanes side by side with sockets: three of each kind of device.
LANES = 81
#: Stories of faults that are printed.
STORIES = 40
#: In simulated time, the same without chaos but with 5 % loss each way, and with real sockets.
FORMS = ("simulated", "everyday", "sockets")

TARGETS = [Row("chaos", f"{form}: {what}", None, "<=", 0) for form in FORMS for what in FAULTS.values()]


def run(options: Options) -> list[Row]:
    """Play all forms."""
    count = options.commands or options.count(COMMANDS, QUICK_COMMANDS)
    seconds = options.seconds or (QUICK_SECONDS if options.quick else SECONDS)
    rows = _rows("simulated", *simulate(count, options.seed))
    everyday, _ = simulate(count, options.seed, everyday=True)
    rows += _rows("everyday", everyday, Counter())
    return rows + _rows("sockets", *play(count, seconds, options.seed, LANES))


def _rows(form: str, tally: Tally, faults: Counter[str]) -> list[Row]:
    for story in tally.stories[:STORIES]:
        print(f"{form}: {story}", file=sys.stderr)
    rows = []
    for name, what in FAULTS.items():
        details = _details(tally, faults) if not rows else {}
        rows.append(Row("chaos", f"{form}: {what}", tally.faults[name], "<=", 0, None, details))
    return rows


def _details(tally: Tally, faults: Counter[str]) -> dict[str, object]:
    shares = {
        f"{kind}: outcome unknown": f"{tally.unknown[kind]} of {count} ({tally.unknown[kind] / count:.1%})"
        for kind, count in sorted(tally.unsafe.items())
    }
    happened = {f"faults of the device: {name}": count for name, count in sorted(faults.items())}
    return {"commands": tally.commands, **dict(sorted(tally.others.items())), **happened, **shares}
