"""Names of the package, as docstrings and pages refer to them, lead somewhere."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

import miio_lan

ROOT = Path(miio_lan.__file__).parent
PAGES = Path(__file__).parents[1] / "docs"
REFERENCE = re.compile(r":\w+:`~?(miio_lan\.[\w.]+)|\{py:\w+\}`~?(miio_lan\.[\w.]+)")


def references() -> dict[str, str]:
    """Give each name that is referred to, with a file that does so."""
    files = [*ROOT.rglob("*.py"), *PAGES.glob("*.md")]
    return {
        "".join(found): path.name for path in files for found in REFERENCE.findall(path.read_text("utf-8"))
    }


def leads_somewhere(name: str) -> bool:
    """Tell whether there is such a module, or such a thing in one."""
    parts = name.split(".")
    for size in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:size]))
        except ImportError:
            continue
        for part in parts[size:]:
            if part in getattr(found, "__dataclass_fields__", ()):
                return True
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def test_what_is_referred_to_exists() -> None:
    # labgrid is an extra: without it, its driver and resource cannot be loaded.
    named = {name: file for name, file in references().items() if not name.startswith("miio_lan.labgrid")}
    assert {name: file for name, file in named.items() if not leads_somewhere(name)} == {}
    assert len(named) > 100


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("miio_lan.record.Record", True),
        ("miio_lan.record.Record.raw", True),
        ("miio_lan.device.steps.read_properties", False),
        ("miio_lan.nowhere", False),
    ],
)
def test_a_name_that_leads_nowhere_is_seen(name: str, there: bool) -> None:
    assert leads_somewhere(name) is there
