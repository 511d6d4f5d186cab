"""Timing on a noisy machine: processor time first, everybody in turn, round by round beside each other."""

from __future__ import annotations

import gc
import os
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

Work = Callable[[], object]
Clock = Callable[[], float]


class Sample(NamedTuple):
    """What one piece of work took: seconds of the processor, and seconds that passed."""

    cpu: float
    wall: float


class Ratio(NamedTuple):
    """The ratio of two works: the median of the rounds, the lowest and the highest."""

    median: float
    lowest: float
    highest: float

    def __str__(self) -> str:
        return f"{self.median:.3g} ({self.lowest:.3g} to {self.highest:.3g})"


def cpu_of_children() -> float:
    """Give the processor time of the processes that were waited for, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def one_core() -> Iterator[None]:
    """Keep this process, and those started within, on one core, where the system can do that.

    On two, a client and its device wake each other across cores, which costs whatever the machine is doing just then.
    """
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def in_turn(
    works: Mapping[str, Work],
    order: Sequence[str],
    *,
    rounds: int,
    repeats: int,
    cpu: Clock = time.process_time,
) -> dict[str, list[Sample]]:
    """Do the works in the order given, round after round.

    :param order: names; whoever has several turns in a round gets their mean
    :param cpu: the clock of processor time
    :returns: for each work what one repeat took, one for each round
    """
    for name in dict.fromkeys(order):
        works[name]()
    samples: dict[str, list[Sample]] = {name: [] for name in order}
    for _ in range(rounds):
        turns: dict[str, list[Sample]] = {name: [] for name in order}
        for name in order:
            turns[name].append(_timed(works[name], repeats, cpu))
        for name, found in turns.items():
            samples[name].append(Sample(*(statistics.mean(each) for each in zip(*found, strict=True))))
    return samples


def _timed(work: Work, repeats: int, cpu: Clock) -> Sample:
    gc.collect()
    gc.disable()
    try:
        worked, start = cpu(), time.perf_counter()
        for _ in range(repeats):
            work()
        took = time.perf_counter() - start
        return Sample((cpu() - worked) / repeats, took / repeats)
    finally:
        gc.enable()


def cpu_ratio(over: Sequence[Sample], under: Sequence[Sample]) -> Ratio:
    """Compare processor time, round by round: what slows one round down slows both of its figures."""
    return ratio([each.cpu for each in over], [each.cpu for each in under])


def wall_ratio(over: Sequence[Sample], under: Sequence[Sample]) -> Ratio:
    """Compare the time that passed, round by round."""
    return ratio([each.wall for each in over], [each.wall for each in under])


def ratio(over: Sequence[float], under: Sequence[float]) -> Ratio:
    """Give the ratios of the rounds."""
    ratios = [one / other for one, other in zip(over, under, strict=True)]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios))


def percentile(values: list[float], share: float) -> float:
    """Give the smallest value that this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]
