"""Mutated material of every kind: whether reading it ever raises what is not declared, hangs, or fills the memory.

What is mutated, how, and what may come of it is told by ``tests/support/fuzzing.py``, which the suite uses too.
"""

from __future__ import annotations

import gc
import logging
import random
import sys
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.options import Options
from benchmarks.results import NotMeasured, Row

if TYPE_CHECKING:
    from collections.abc import Mapping

TARGETS = [
    Row("fuzz", "mutations that raised what is not declared", None, "<=", 0),
    Row("fuzz", "mutations that took more than 1 s, and 50 us a byte", None, "<=", 0),
    Row("fuzz", "memory grown from a fifth of the time to its end, MiB", None, "<=", 32),
]
USUAL, QUICK = 60.0, 3.0
"""Seconds, where none are given."""
FAULTS = Path("fuzz-faults")
"""Where what was found is kept."""
ALWAYS, PER_BYTE = 1.0, 50e-6
_CHUNK = 0.05
_STATM = Path("/proc/self/statm")


@dataclass
class Found:
    """What a run has met."""

    tried: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    slowest: dict[str, float] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)
    before: float | None = None
    after: float | None = None


def _kinds() -> Mapping[str, Any]:
    tests = str(Path(__file__).resolve().parent.parent / "tests")
    if tests not in sys.path:
        sys.path.insert(0, tests)
    try:
        from support.fuzzing import KINDS
    except ImportError as error:
        raise NotMeasured(f"the tests are not here: {error}") from None
    found: Mapping[str, Any] = KINDS
    return found


def _resident() -> float | None:
    """MiB of memory this process has, where the system tells."""
    gc.collect()
    try:
        return int(_STATM.read_text().split()[1]) * 4096 / 2**20
    except OSError:
        return None


def _keep(name: str, material: bytes, why: str) -> str:
    FAULTS.mkdir(exist_ok=True)
    path = FAULTS / f"{name.replace(' ', '-')}-{len(list(FAULTS.iterdir()))}.bin"
    path.write_bytes(material)
    print(f"\n{path}: {why}", file=sys.stderr)
    return f"{path}: {why.strip().splitlines()[-1]}"


def _try(kind: Any, rng: random.Random, found: Found) -> None:
    material = kind.mutation(rng)
    begun = time.process_time()
    try:
        found.accepted[kind.name] += kind.try_one(material)
    except Exception:  # noqa: BLE001 - whatever it is, it is what is looked for
        found.faults.append(_keep(kind.name, material, traceback.format_exc()))
    took = time.process_time() - begun
    found.tried[kind.name] += 1
    found.slowest[kind.name] = max(found.slowest.get(kind.name, 0.0), took)
    if took > max(ALWAYS, PER_BYTE * len(material)):
        found.slow.append(_keep(kind.name, material, f"{took:.1f} s for {len(material)} bytes"))


def measure(seconds: float, seed: int) -> Found:
    """Try mutations of all kinds, each for the same time, for so many seconds."""
    kinds, rng, found = _kinds(), random.Random(seed), Found()
    begun = time.monotonic()
    while (passed := time.monotonic() - begun) < seconds:
        for kind in kinds.values():
            until = time.monotonic() + _CHUNK
            while time.monotonic() < until:
                _try(kind, rng, found)
        if found.before is None and passed > seconds / 5:  # caches are full by then
            found.before = _resident()
    found.after = _resident()
    return found


def run(options: Options) -> list[Row]:
    """Try mutations and give the rows."""
    logging.getLogger("miio_lan").addHandler(logging.NullHandler())  # it warns of what it leaves out
    logging.getLogger("miio_lan").propagate = False
    seconds = options.seconds if options.seconds is not None else options.count(USUAL, QUICK)
    found = measure(seconds, options.seed)
    details = {
        "mutations": dict(found.tried),
        "in all": sum(found.tried.values()),
        "accepted": dict(found.accepted),
        "slowest, s": {name: round(took, 3) for name, took in found.slowest.items()},
        "seed": options.seed,
    }
    faults, slow, memory = TARGETS
    grown = None if found.before is None or found.after is None else max(0.0, found.after - found.before)
    return [
        Row(
            "fuzz",
            faults.what,
            len(found.faults),
            "<=",
            faults.limit,
            None,
            details | {"found": found.faults[:20]},
        ),
        Row("fuzz", slow.what, len(found.slow), "<=", slow.limit, None, {"found": found.slow[:20]}),
        Row("fuzz", memory.what, grown, "<=", memory.limit, None, {"MiB at the end": found.after}),
    ]
