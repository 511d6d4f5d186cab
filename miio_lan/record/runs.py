"""Records that are observed in one run, so that what costs the same for one and for many is done once.

A busy line is looked at a few times per second, each time at many lines. An observer that writes to a file need not
disturb the system for every one of them; where it stands it cannot see how many there are, so whoever looks says when
a run begins and ends. No I/O and no clock.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class _RunOfRecords:
    """What is put off to the end of a run."""

    def __init__(self) -> None:
        self.over = False
        self.jobs: dict[Callable[[], object], None] = {}


# A thread begins without the run of another, or (where it takes over its context) finds it over one day.
_current: ContextVar[_RunOfRecords | None] = ContextVar("miio_lan run", default=None)


@contextmanager
def in_one_run() -> Iterator[None]:
    """Say that the records observed within, in this thread, come in one run, which is short.

    What was put off is done at its end, whatever happens. A run within a run is a part of it.
    """
    outer = _current.get()
    if outer is not None and not outer.over:
        yield
        return
    run = _RunOfRecords()
    before = _current.set(run)
    try:
        yield
    finally:
        run.over = True
        _current.reset(before)
        for job in run.jobs:
            job()


def put_off(job: Callable[[], object]) -> bool:
    """Have a job, which must not raise, done at the end of the present run: once, however often it is put off.

    :returns: False where there is no run; the job is not done then
    """
    run = _current.get()
    if run is None or run.over:
        return False
    run.jobs[job] = None
    return True
