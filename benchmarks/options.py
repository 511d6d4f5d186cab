"""What the caller of the benchmarks may choose."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """How thorough a run is.

    :param quick: smaller counts
    :param really_wait: wait the 75 s of idleness instead of moving clocks
    :param environment: where the environments of the parts import and cli are kept
    :param seed: decides which datagrams are lost, how material is mutated, and all of the chaos
    :param commands: how many the chaos sends, None for the usual number
    :param cases: how many mutations ``fuzz`` tries, None for as many as there is time
    :param jobs: processes of ``fuzz``
    :param seconds: how long ``fuzz`` goes on, and the chaos with sockets at most; None for the usual time
    """

    quick: bool = False
    really_wait: bool = False
    environment: Path = Path()
    seed: int = 1
    commands: int | None = None
    seconds: float | None = None
    cases: int | None = None
    jobs: int = 1

    def count(self, usual: int, quick: int) -> int:
        """Choose a count."""
        return quick if self.quick else usual
