"""A few mutations of each kind; ``python -m benchmarks fuzz`` tries as many as there is time."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.fuzzing import KINDS

FEW = {"recordings": 15, "descriptions": 40}


@pytest.mark.untraced
@pytest.mark.parametrize("name", KINDS)
def test_nothing_but_declared_errors_comes_of_a_mutation(name):
    kind = KINDS[name]

    @settings(max_examples=FEW.get(name, 150))
    @given(st.integers(0, 2**64 - 1))
    def try_mutations(seed):
        kind.try_one(kind.mutation(random.Random(seed)))

    try_mutations()


@pytest.mark.untraced
@pytest.mark.parametrize("name", KINDS)
def test_what_is_mutated_is_sound(name):
    assert KINDS[name].seeds()
    for seed in KINDS[name].seeds():
        if name != "datagrams" or len(seed) > 32:
            assert KINDS[name].try_one(seed), seed


@pytest.mark.untraced
@pytest.mark.parametrize("name", KINDS)
def test_mutations_reach_beyond_the_first_check(name):
    rng = random.Random(1)
    accepted = sum(
        KINDS[name].try_one(KINDS[name].mutation(rng)) for _ in range(10 if name == "recordings" else 40)
    )
    assert accepted > 0
