"""Timing on a noisy machine: interleaved rounds, the median of what each round found."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping

Work = Callable[[], object]


def interleaved(works: Mapping[str, Work], *, rounds: int, repeats: int) -> dict[str, list[float]]:
    """Time each work in every round, beginning with another one each time.

    :returns: seconds for one repeat, one for each round
    """
    names = list(works)
    for name in names:
        works[name]()
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            seconds[name].append(_timed(works[name], repeats))
    return seconds


def _timed(work: Work, repeats: int) -> float:
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter()
        for _ in range(repeats):
            work()
        return (time.perf_counter() - start) / repeats
    finally:
        gc.enable()


def ratio(over: list[float], under: list[float]) -> float:
    """Give the median of the rounds' ratios: what slows one round down slows both of its figures."""
    return statistics.median(one / other for one, other in zip(over, under, strict=True))


def percentile(values: list[float], share: float) -> float:
    """Give the smallest value that this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]
