"""A few mutations of each kind; ``python -m benchmarks fuzz`` tries as many as there is time."""

from __future__ import annotations

import random
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fuzzing.files import changed_lines
from support.fuzzing.kinds import KINDS
from support.fuzzing.mutating import MOST

FEW = {"recordings": 15, "descriptions": 40, "requests": 40}
IN_A_ROW = {"recordings": 2}
READ_AT_ONCE = {"answers", "descriptions", "TOML descriptions", "recordings", "lines overheard"}
"""Kinds whose seeds need nothing else to be read; the others belong to something, or are refused for good reasons."""


@pytest.mark.untraced
@pytest.mark.parametrize("name", KINDS)
def test_nothing_but_declared_errors_comes_of_mutations(name: str) -> None:
    kind = KINDS[name]

    @settings(max_examples=FEW.get(name, 100))
    @given(st.integers(0, 2**64 - 1))
    def try_mutations(seed: int) -> None:
        rng = random.Random(seed)
        reader = kind.reader(rng)
        for _ in range(IN_A_ROW.get(name, 5)):
            with suppress(*kind.declared):
                reader.read(kind.mutation(rng))
        reader.end()

    try_mutations()


@pytest.mark.untraced
@pytest.mark.parametrize("name", KINDS)
def test_what_is_mutated_is_sound(name: str) -> None:
    kind = KINDS[name]
    assert kind.seeds()
    reader = kind.reader(random.Random(1))
    read = [bool(reader.read(seed)) for seed in kind.seeds()]
    reader.end()
    assert any(read)
    assert name not in READ_AT_ONCE or all(read)


@pytest.mark.untraced
@pytest.mark.parametrize("name", KINDS)
def test_mutations_reach_beyond_the_first_check(name: str) -> None:
    kind, rng = KINDS[name], random.Random(1)
    reader, accepted = kind.reader(rng), 0
    for _ in range(10 if name == "recordings" else 120):
        with suppress(*kind.declared):
            accepted += bool(reader.read(kind.mutation(rng)))
    assert accepted > 1


@pytest.mark.parametrize("name", KINDS)
def test_a_seed_decides_what_is_mutated_and_how(name: str) -> None:
    kind = KINDS[name]
    first, again, other = ([kind.mutation(rng) for _ in range(5)] for rng in map(random.Random, (1, 1, 2)))
    assert first == again
    assert first != other


@pytest.mark.parametrize("name", KINDS)
def test_mutations_differ_from_what_they_come_from(name: str) -> None:
    kind, rng = KINDS[name], random.Random(1)
    made = [kind.mutation(rng) for _ in range(200)]
    seeds = set(kind.seeds())
    assert sum(each in seeds for each in made) <= 20
    assert len(set(made)) > 100
    assert max(map(len, made)) <= 4 * MOST


def test_the_lines_that_were_changed_within_a_recording_are_counted() -> None:
    seed = KINDS["recordings"].seeds()[0]
    assert changed_lines(seed) == 0
    lines = seed.splitlines(keepends=True)
    assert changed_lines(b"".join([lines[1], lines[0], *lines[2:]])) == 0
    assert changed_lines(b"".join([lines[0].replace(b"uart", b"lan"), b"{}\n", *lines[1:]])) == 2


def test_shares_are_of_ten_thousand() -> None:
    assert abs(sum(kind.share for kind in KINDS.values()) - 10_000) < 250
