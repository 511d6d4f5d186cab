"""What runs the mutations in large numbers: it finds what it is there to find, and counts what it did."""

from __future__ import annotations

import gc
import importlib
import logging
import random
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def fuzz(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The module, which is no part of the installed package, at work in a folder of its own."""
    monkeypatch.syspath_prepend(ROOT)
    monkeypatch.chdir(tmp_path)
    return importlib.import_module("benchmarks.fuzz")


class Reader:
    """Refuses what begins with a low byte, breaks at a high one, and in the end where it was told to."""

    def __init__(self, breaks: int, *, ends: bool = True) -> None:
        self._breaks, self._ends = breaks, ends

    def read(self, piece: bytes) -> bool:
        if piece[0] >= self._breaks:
            raise IndexError(f"at {piece[0]}")
        if piece[0] < 100:
            raise ValueError("refused")
        return True

    def end(self) -> None:
        if not self._ends:
            raise KeyError("in the end")


def kind(breaks: int = 256, *, ends: bool = True, parts: Any = None) -> Any:
    return SimpleNamespace(
        name="bytes",
        mutator=lambda: lambda rng: bytes([rng.randrange(256)]) * 3,
        reader=lambda rng: Reader(breaks, ends=ends),
        declared=(ValueError,),
        parts=parts,
    )


def play(fuzz: Any, what: Any, count: int = 200) -> Any:
    player = fuzz.Player(fuzz.Found(), "name")
    player.batch(what, "seed", count)
    return player.found


def drawn(count: int = 200) -> list[int]:
    rng = random.Random("seed")
    return [rng.randrange(256) for _ in range(count)]


def test_a_batch_is_counted(fuzz: Any) -> None:
    found = play(fuzz, kind(parts=len))
    assert found.tried == {"bytes": 200}
    assert found.bytes == found.inner == {"bytes": 600}
    assert found.accepted == {"bytes": sum(each >= 100 for each in drawn())}
    assert not found.faults
    assert not found.slow


def test_what_is_not_declared_is_found_and_kept(fuzz: Any, capsys: pytest.CaptureFixture[str]) -> None:
    found = play(fuzz, kind(200))
    broken = [each for each in drawn() if each >= 200]
    assert list(found.faults.values()) == [len(broken)]
    assert len(found.stories) == fuzz.OF_EACH == 3  # of one place, no more than that
    assert all("IndexError at test_fuzz_benchmark.py" in each for each in found.stories)
    kept = [path.read_bytes()[0] for path in sorted(fuzz.FAULTS.iterdir())]
    assert kept == broken[:3]
    assert "in the end" not in capsys.readouterr().err


def test_the_end_of_a_batch_is_looked_at_too(fuzz: Any) -> None:
    found = play(fuzz, kind(ends=False))
    assert list(found.faults.values()) == [1]
    assert "the end" in found.stories[0]


def test_a_batch_that_took_long_is_timed_piece_by_piece(fuzz: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    spent, slow = [0.0], drawn()[7]
    monkeypatch.setattr(fuzz, "time", SimpleNamespace(process_time=lambda: spent[0]))

    class Slow(Reader):
        def read(self, piece: bytes) -> bool:
            spent[0] += 0.75 if piece[0] == slow else 0.0001
            return super().read(piece)

    what = kind()
    what.reader = lambda rng: Slow(256)
    found = play(fuzz, what)
    assert len(found.slow) == drawn().count(slow)
    assert "0.8 s for 3 bytes" in found.slow[0] or "0.7 s for 3 bytes" in found.slow[0]
    assert found.looked == 1
    assert found.slowest["bytes"] == pytest.approx(0.75)


def test_the_share_of_a_kind_is_kept_over_the_rounds(fuzz: Any) -> None:
    assert [fuzz._count(15, number) for number in range(1, 5)] == [1, 2, 1, 2]
    assert sum(fuzz._count(15, number) for number in range(1, 1001)) == 1500
    assert fuzz._count(5300, 7) == 530


def test_what_processes_found_is_added_up(fuzz: Any) -> None:
    one = fuzz.Found(Counter(a=1), Counter(a=1), memory=[40.0, 42.0], peak=50.0, slowest={"a": 0.1})
    one.add(fuzz.Found(Counter(a=2, b=5), faults=Counter(x=1), stories=["s"], memory=[41.0, 48.0], peak=49.0))
    assert one.tried == {"a": 3, "b": 5}
    assert (one.accepted, one.faults, one.stories) == ({"a": 1}, {"x": 1}, ["s"])
    assert (one.memory, one.peak) == ([41.0, 48.0], 50.0)  # of the process that grew most


def test_a_short_run_reaches_every_kind(fuzz: Any) -> None:
    found = fuzz.measure(60.0, 5, most=1000)
    kinds = fuzz._kinds()
    assert set(found.tried) == set(kinds)
    assert found.tried.total() >= 1000
    assert not found.faults, found.stories
    assert found.inner["recordings"] >= 1
    assert found.accepted.total() < found.tried.total()


def test_the_process_is_as_it_was_afterwards(fuzz: Any) -> None:
    logger, frozen = logging.getLogger("miio_lan"), gc.get_freeze_count()
    before = list(logger.handlers), logger.propagate
    fuzz.measure(60.0, 5, most=100)
    assert (list(logger.handlers), logger.propagate) == before
    assert gc.isenabled()
    # Here all tests are frozen: each search for garbage would go through them, for tenths of a second.
    assert (gc.get_freeze_count() > 0) == (frozen > 0)


def test_processes_try_different_things(fuzz: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[str] = []
    monkeypatch.setattr(fuzz.Player, "batch", lambda self, kind, seed, count: seeds.append(seed))
    for job in (0, 1):
        fuzz.measure(60.0, 5, job=job, most=100)
    assert len(set(seeds)) == len(seeds) == 2 * len(fuzz._kinds())
