"""Whose cancellation it is that a task meets: its own, or that of something it waits for."""

from __future__ import annotations

import asyncio


def cancellations() -> int:
    """Give how often the running task was told to end, as far as that was not taken back."""
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


def is_own_end(error: BaseException, before: int) -> bool:
    """Tell whether an error ends the task itself, or the loop, and is not only that of what it waited for.

    Somebody else may have cancelled what a task waits for: that is an outcome, and the task goes on.

    :param before: :func:`cancellations` when the waiting began; some libraries never take their own back
    """
    if isinstance(error, asyncio.CancelledError):
        return cancellations() > before
    return isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit)
