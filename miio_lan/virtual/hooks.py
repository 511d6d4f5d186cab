"""The users' code that a virtual machine tells of what happens: it may fail, and the machine goes on."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import ParamSpec, TypeVar

_LOGGER = logging.getLogger(__name__)

_P = ParamSpec("_P")
_T = TypeVar("_T")


def _log(error: Exception) -> None:
    _LOGGER.error("a hook failed", exc_info=error)


class Hooks:
    """Calls the hooks of one machine, in the midst of whose work they stand.

    A product does not stop half-way because somebody's note of it could not be written. Hooks that decide in the
    machine's place are not called by this: what they would have said cannot be made up.

    :ivar failed: called with what a hook raised; by default it is logged
    """

    def __init__(self) -> None:
        self.failed: Callable[[Exception], object] = _log

    def run(self, hook: Callable[_P, _T] | None, *arguments: _P.args, **more: _P.kwargs) -> _T | None:
        """Call a hook; give what it gives, None where there is none or it failed."""
        if hook is None:
            return None
        try:
            return hook(*arguments, **more)
        except Exception as error:  # noqa: BLE001 - the user's code may raise anything
            self.failed(error)
            return None
