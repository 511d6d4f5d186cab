"""``python -m benchmarks``: measure, print, and end with 1 where a target is missed."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks import codec, drop_in, endurance, fuzz, hammer, idle, lossy, scale, send, serial_line, start
from benchmarks.chaos import run as chaos
from benchmarks.options import Options
from benchmarks.results import NotMeasured, Row, not_measured, table

Part = tuple[Callable[[Options], list[Row]], list[Row], bool]

#: Name -> what measures it, its targets, whether it takes long.
PARTS: dict[str, Part] = {
    "codec": (codec.run, codec.TARGETS, False),
    "send": (send.run, send.TARGETS, False),
    "scale": (scale.run, scale.TARGETS, True),
    "import": (start.run_import, start.IMPORT_TARGETS, True),
    "cli": (start.run_cli, start.CLI_TARGETS, True),
    "idle": (idle.run, idle.TARGETS, False),
    "loss": (lossy.run_loss, lossy.LOSS_TARGETS, True),
    "once": (lossy.run_once, lossy.ONCE_TARGETS, True),
    "drop-in": (drop_in.run, drop_in.TARGETS, True),
    "chaos": (chaos.run, chaos.TARGETS, True),
    "endurance": (endurance.run, endurance.TARGETS, True),
    "tap": (serial_line.run_tap, serial_line.TAP_TARGETS, False),
    "bridge": (serial_line.run_bridge, serial_line.BRIDGE_TARGETS, False),
    "hammer": (hammer.run, hammer.TARGETS, True),
    "fuzz": (fuzz.run, fuzz.TARGETS, True),
}


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"which: {' '.join(PARTS)}; all by default")
    parser.add_argument(
        "--quick", action="store_true", help="smaller counts; without PART, leave out what takes long"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    parser.add_argument(
        "--really-wait", action="store_true", help="idle: wait 75 s instead of moving clocks ahead"
    )
    parser.add_argument(
        "--seed",
        type=int,
        default=1,
        help="decides which datagrams are lost, what is mutated, and all of chaos, 1 by default",
    )
    parser.add_argument(
        "--commands", type=_positive, metavar="N", help="chaos: how many commands, 10000 by default"
    )
    parser.add_argument(
        "--seconds",
        type=_positive,
        metavar="S",
        help="fuzz: how long, 60 by default, or as --cases asks; chaos: end with sockets after so long, 120; "
        "endurance: how long, 180",
    )
    parser.add_argument("--cases", type=_positive, metavar="N", help="fuzz: how many mutations to try")
    parser.add_argument(
        "--jobs", type=_positive, default=1, metavar="N", help="fuzz: processes, 1 by default"
    )
    parser.add_argument(
        "--environment",
        type=Path,
        metavar="FOLDER",
        default=_cache(),
        help="where the environments of import and cli are kept, %(default)s by default",
    )
    found = parser.parse_args(words)
    unknown = [name for name in found.parts if name not in PARTS]
    if unknown:
        parser.error(f"no such part: {', '.join(unknown)} (there are {', '.join(PARTS)})")
    return found


def _positive(word: str) -> int:
    number = int(word)
    if number < 1:
        raise ValueError(word)
    return number


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "miio-lan-benchmarks"


def _measure(name: str, options: Options) -> list[Row]:
    run, targets, _ = PARTS[name]
    began = time.perf_counter()
    print(f"{name} ...", end="", flush=True, file=sys.stderr)
    try:
        rows = run(options)
    except NotMeasured as reason:
        rows = [not_measured(target, reason) for target in targets]
    print(f" {time.perf_counter() - began:.0f} s", file=sys.stderr)
    return rows


def _conditions() -> dict[str, object]:
    versions = {}
    for name in ("miio-lan", "python-miio", "cryptography", "construct", "click"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return {"python": platform.python_version(), "system": platform.system(), **versions}


def main(words: Sequence[str] | None = None) -> int:
    """Run what was asked for and give the exit code: 0 where every target is reached, else 1."""
    found = _arguments(words)
    options = Options(
        quick=found.quick,
        really_wait=found.really_wait,
        environment=found.environment.resolve(),
        seed=found.seed,
        commands=found.commands,
        seconds=found.seconds,
        cases=found.cases,
        jobs=found.jobs,
    )
    names = found.parts or [name for name, (_, _, slow) in PARTS.items() if not (found.quick and slow)]
    rows = [row for name in names for row in _measure(name, options)]
    passed = all(row.passed for row in rows)
    if found.json:
        document = {
            "conditions": _conditions(),
            "quick": options.quick,
            "passed": passed,
            "rows": [row.as_json() for row in rows],
        }
        print(json.dumps(document, indent=2))
    else:
        print(", ".join(f"{key} {value}" for key, value in _conditions().items()))
        print(table(rows))
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
