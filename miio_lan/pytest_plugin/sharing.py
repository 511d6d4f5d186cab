"""How pytest-xdist shares out tests: all of one group to one worker. Loaded where there are workers."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def by_product(config: pytest.Config, log: Any, group: Callable[[str], str]) -> Any:
    """Make a scheduler that keeps the tests of a group together.

    :param group: gives the group of a test by its id
    """
    base: Any = import_module("xdist.scheduler").LoadScopeScheduling  # which has no types

    class ByProduct(base):  # type: ignore[misc]
        """As its base, except that a test whose worker died is not run again: it would kill the next one, too."""

        def _split_scope(self, nodeid: str) -> str:
            return group(nodeid)

        def remove_node(self, node: Any) -> str | None:
            """Give the work of a worker that ended to the others, and say which test it died of."""
            work = self.assigned_work.pop(node)
            left = (test for unit in work.values() for test, is_over in unit.items() if not is_over)
            crashed: str | None = next(left, None)
            if crashed is None:
                return None
            for unit in work.values():
                if crashed in unit:
                    unit[crashed] = True
            self.workqueue.update({name: unit for name, unit in work.items() if not all(unit.values())})
            for other in self.assigned_work:
                self._reschedule(other)
            return crashed

    return ByProduct(config, log)
