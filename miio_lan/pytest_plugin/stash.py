"""Where the hooks and fixtures of the plugin leave what others of them need."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from miio_lan.bench.bench import Bench
    from miio_lan.pytest_plugin.rig import Rig
    from miio_lan.pytest_plugin.rigs import Rigs

OPENED: pytest.StashKey[list[tuple[str, Bench[Any], Rig]]] = pytest.StashKey()
"""With a test: the products it has opened, by name (empty where there is one without a name)."""
RIGS: pytest.StashKey[Rigs] = pytest.StashKey()
"""With the configuration: the products of this worker."""
