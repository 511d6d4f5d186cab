"""Mutated material of every kind: whether reading it ever raises what is not declared, hangs, or fills the memory.

What is mutated, how, and what may come of it is told by ``tests/support/fuzzing``, which the suite uses too. Here is
what runs many of them: batches, each with a reader of its own and a seed that gives the same batch again. Time is
taken of a whole batch; one that took long is played again, and then each of its mutations is timed.
"""

from __future__ import annotations

import faulthandler
import gc
import logging
import multiprocessing
import random
import resource
import sys
import time
import traceback
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.options import Options
from benchmarks.results import NotMeasured, Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TARGETS = [
    Row("fuzz", "mutations that raised what is not declared", None, "<=", 0),
    Row("fuzz", "mutations that took more than 0.5 s, and 50 us a byte", None, "<=", 0),
    Row("fuzz", "memory of a process grown from a fifth of the time to its end, MiB", None, "<=", 32),
]
USUAL, QUICK = 60.0, 3.0
"""Seconds, where none are given."""
FAULTS = Path("fuzz-faults")
"""Where what was found is kept."""
OF_EACH = 3
"""Mutations that are kept of one fault."""
SUSPECT = 0.3
"""Seconds of a batch after which its mutations are looked at."""
ALWAYS, PER_BYTE = 0.5, 50e-6
"""Seconds that any mutation may take, and those for each byte: one byte may be a line, and a record that is shown."""
COLLECT = 20
"""Rounds after which garbage is looked for; to look for it all the time costs a tenth."""
HANGS = 300.0
"""Seconds after which a batch is said to hang, and where."""
_STATM = Path("/proc/self/statm")


@dataclass
class Found:
    """What a process has met.

    :param tried: mutations by kind; ``accepted``: those that got beyond the first check; ``inner``: what was mutated
        within them, where that is more than one thing
    :param faults: places of undeclared exceptions, each with how many there were
    :param stories: a line on each of the first
    :param looked: batches that were played again because they took long
    :param memory: MiB after a fifth of the time, and at its end
    """

    tried: Counter[str] = field(default_factory=Counter)
    accepted: Counter[str] = field(default_factory=Counter)
    inner: Counter[str] = field(default_factory=Counter)
    bytes: Counter[str] = field(default_factory=Counter)
    seconds: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    stories: list[str] = field(default_factory=list)
    slow: list[str] = field(default_factory=list)
    looked: int = 0
    slowest: dict[str, float] = field(default_factory=dict)
    memory: list[float] = field(default_factory=list)
    peak: float = 0.0

    def add(self, other: Found) -> None:
        """Add what another process has met."""
        for name in ("tried", "accepted", "inner", "bytes", "seconds", "faults"):
            getattr(self, name).update(getattr(other, name))
        self.stories += other.stories
        self.slow += other.slow
        self.looked += other.looked
        for name, took in other.slowest.items():
            self.slowest[name] = max(took, self.slowest.get(name, 0.0))
        grown = [self.memory, other.memory]
        self.memory = max(
            (each for each in grown if len(each) == 2), key=lambda each: each[1] - each[0], default=[]
        )
        self.peak = max(self.peak, other.peak)


def _kinds() -> Mapping[str, Any]:
    tests = str(Path(__file__).resolve().parent.parent / "tests")
    if tests not in sys.path:
        sys.path.insert(0, tests)
    try:
        from support.fuzzing.kinds import KINDS
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


class _Formatting(logging.Handler):
    """Writes what is logged, for nobody: that may fail, too."""

    def emit(self, record: logging.LogRecord) -> None:
        record.getMessage()


class Player:
    """Plays batches.

    :param name: what the files of its faults begin with
    """

    def __init__(self, found: Found, name: str) -> None:
        self.found = found
        self._name = name

    def batch(self, kind: Any, seed: str, count: int) -> None:
        """Play a batch, and look at it again where it took long."""
        found = self.found
        begun = time.process_time()
        accepted, length, inner = self._play(kind, seed, count)
        took = time.process_time() - begun
        found.tried[kind.name] += count
        found.accepted[kind.name] += accepted
        found.bytes[kind.name] += length
        found.seconds[kind.name] += took
        if kind.parts is not None:
            found.inner[kind.name] += inner
        if took > SUSPECT:
            found.looked += 1
            self._look(kind, seed, count)

    def _play(self, kind: Any, seed: str, count: int) -> tuple[int, int, int]:
        rng = random.Random(seed)
        mutate, reader = kind.mutator(), kind.reader(rng)
        declared, parts = kind.declared, kind.parts
        accepted = length = inner = 0
        for number in range(count):
            piece = mutate(rng)
            length += len(piece)
            inner += parts(piece) if parts is not None else 0
            try:
                accepted += bool(reader.read(piece))
            except declared:
                pass
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
                self._fault(kind.name, piece, error, f"{seed}, mutation {number}")
                reader = kind.reader(rng)
        try:
            reader.end()
        except Exception as error:  # noqa: BLE001 - as above
            self._fault(kind.name, seed.encode(), error, f"{seed}, the end")
        return accepted, length, inner

    def _look(self, kind: Any, seed: str, count: int) -> None:
        """Time each mutation of a batch; one that took long, twice, for a machine that is busy delays any."""
        suspects = self._timed(kind, seed, count)
        again = dict(self._timed(kind, seed, count)) if suspects else {}
        for number, (took, piece) in suspects:
            if number in again:
                took = min(took, again[number][0])
                where = _keep(f"{self._name}-slow", piece)
                self.found.slow.append(
                    f"{where}: {took:.1f} s for {len(piece)} bytes, {seed}, mutation {number}"
                )

    def _timed(self, kind: Any, seed: str, count: int) -> list[tuple[int, tuple[float, bytes]]]:
        rng = random.Random(seed)
        mutate, reader = kind.mutator(), kind.reader(rng)
        suspects = []
        for number in range(count):
            piece = mutate(rng)
            begun = time.process_time()
            try:
                reader.read(piece)
            except Exception as error:  # noqa: BLE001 - told already
                if not isinstance(error, kind.declared):
                    reader = kind.reader(rng)
            took = time.process_time() - begun
            self.found.slowest[kind.name] = max(took, self.found.slowest.get(kind.name, 0.0))
            if took > max(ALWAYS, PER_BYTE * len(piece)):
                suspects.append((number, (took, piece)))
        return suspects

    def _fault(self, name: str, piece: bytes, error: Exception, where: str) -> None:
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{name}: {type(error).__name__} at {Path(last.filename).name}:{last.lineno} in {last.name}"
        self.found.faults[place] += 1
        if self.found.faults[place] <= OF_EACH:
            story = f"{place}: {str(error)[:200]!r} ({where}, {_keep(self._name, piece)})"
            self.found.stories.append(story)
            print(f"\n{story}", file=sys.stderr)
            if self.found.faults[place] == 1:
                traceback.print_exception(error, file=sys.stderr)


def _keep(name: str, piece: bytes) -> Path:
    FAULTS.mkdir(exist_ok=True)
    path = FAULTS / f"{name}-{len(list(FAULTS.iterdir()))}.bin"
    path.write_bytes(piece)
    return path


@contextmanager
def _formatted() -> Iterator[None]:
    """Have what is logged written for nobody: readers warn of what they leave out."""
    logger, handler = logging.getLogger("miio_lan"), _Formatting()
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate


@contextmanager
def _uncollected() -> Iterator[None]:
    """Have garbage looked for only where that is asked for, and not in what is there already."""
    frozen = gc.get_freeze_count()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        if not frozen:  # what others froze cannot be told from the rest, and stays frozen
            gc.unfreeze()


def measure(seconds: float, seed: int, *, job: int = 0, most: int | None = None) -> Found:
    """Try mutations of all kinds, in their shares, for so many seconds, or until there are so many.

    :param job: tells apart what several processes try
    """
    kinds, found = _kinds(), Found()
    player = Player(found, f"{seed}-{job}")
    with _formatted():
        for kind in kinds.values():
            kind.mutation(random.Random(seed))
        with suppress(KeyboardInterrupt), _uncollected():  # what was found until then is told
            _rounds(player, seconds, f"{seed}/{job}", most)
    faulthandler.cancel_dump_traceback_later()
    found.memory += filter(None, [_resident()])
    found.peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return found


def _rounds(player: Player, seconds: float, seed: str, most: int | None) -> None:
    found, kinds = player.found, _kinds()
    begun, number, tried = time.monotonic(), 0, 0
    while (passed := time.monotonic() - begun) < seconds and (most is None or tried < most):
        number += 1
        if number % COLLECT == 0:
            gc.collect()
        faulthandler.dump_traceback_later(HANGS)
        for kind in kinds.values():
            count = _count(kind.share, number)
            if count:
                player.batch(kind, f"{seed}/{number}/{kind.name}", count)
                tried += count
        part = passed / seconds if most is None else tried / most
        if not found.memory and part >= 0.2:  # caches are full by then
            found.memory += filter(None, [_resident()])


def _count(share: int, number: int) -> int:
    """Give how many of a kind the round of that number has: a tenth of its share, on average."""
    return share * number // 10 - share * (number - 1) // 10


def _job(seconds: float, seed: int, job: int, most: int | None, sender: Any) -> None:
    sender.send(measure(seconds, seed, job=job, most=most))
    sender.close()


def _side_by_side(seconds: float, seed: int, jobs: int, most: int | None) -> Found:
    """Do it in so many processes; each takes its part of the count."""
    context = multiprocessing.get_context("spawn")
    found, running = Found(), []
    for job in range(jobs):
        receiver, sender = context.Pipe(duplex=False)
        share = None if most is None else -(-most // jobs)
        process = context.Process(target=_job, args=(seconds, seed, job, share, sender))
        process.start()
        sender.close()
        running.append((process, receiver))
    for process, receiver in running:
        found.add(_told(process, receiver))
        process.join()
    return found


def _told(process: Any, receiver: Any) -> Found:
    """Wait for what a process has met; Ctrl-C reaches it, too, and makes it tell at once."""
    while True:
        try:
            told: Found = receiver.recv()
        except KeyboardInterrupt:
            continue
        except EOFError:
            return Found(faults=Counter({"a process died": 1}), stories=[f"a process died: {process}"])
        return told


def run(options: Options) -> list[Row]:
    """Try mutations and give the rows."""
    seconds = options.seconds if options.seconds is not None else options.count(USUAL, QUICK)
    most = options.cases
    if most is not None and options.seconds is None:
        seconds = float("inf")
    begun = time.monotonic()
    if options.jobs > 1:
        found = _side_by_side(seconds, options.seed, options.jobs, most)
    else:
        found = measure(seconds, options.seed, most=most)
    return _rows(found, options, time.monotonic() - begun)


def _rows(found: Found, options: Options, took: float) -> list[Row]:
    details = {
        "mutations": dict(found.tried),
        "in all": found.tried.total(),
        "within them": dict(found.inner),
        "read beyond the first check": dict(found.accepted),
        "bytes": dict(found.bytes),
        "seconds of a processor": {name: round(each, 1) for name, each in found.seconds.items()},
        "seconds": round(took, 1),
        "processes": options.jobs,
        "seed": options.seed,
    }
    faults, slow, memory = TARGETS
    grown = found.memory[1] - found.memory[0] if len(found.memory) == 2 else None
    slowest = {name: round(each, 3) for name, each in found.slowest.items()}
    return [
        Row(
            "fuzz",
            faults.what,
            found.faults.total(),
            "<=",
            faults.limit,
            None,
            details | {"places": dict(found.faults), "found": found.stories[:20]},
        ),
        Row(
            "fuzz",
            slow.what,
            len(found.slow),
            "<=",
            slow.limit,
            None,
            {"found": found.slow[:20], "batches timed one by one": found.looked, "slowest there, s": slowest},
        ),
        Row(
            "fuzz",
            memory.what,
            None if grown is None else max(0.0, grown),
            "<=",
            memory.limit,
            None,
            {
                "MiB then and at the end": [round(each, 1) for each in found.memory],
                "most, MiB": round(found.peak, 1),
            },
        ),
    ]
