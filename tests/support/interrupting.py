"""An interruption at a line that a test picks, as Ctrl-C could come there."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any


def interrupted(tracer: Callable[..., Any], act: Callable[[], object]) -> None:
    """Act under a trace function that may raise KeyboardInterrupt.

    Python (3.11 and 3.12) forgets to end an ``except`` block when a trace function raises at the line that leaves it:
    what the block handled stays "being handled" in that thread for good, and becomes the context of any error that is
    raised there later, in tests that have nothing to do with it. A generator has a stack of such exceptions of its own,
    which goes with it.
    """

    def apart() -> Iterator[object]:
        yield act()

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        next(apart())
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
