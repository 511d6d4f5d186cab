"""Which products of the bench file a test is of, and how workers share them out."""

from __future__ import annotations

import difflib
import re
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from miio_lan.pytest_plugin.settings import SETTINGS
from miio_lan.pytest_plugin.stash import RIGS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from miio_lan.pytest_plugin.settings import Settings

PRODUCT = "miio_product"
"""The fixture whose parameter says which products a test is of."""
MARKER = "miio"
NO_NAMES = 'the marker miio names products, as in @pytest.mark.miio("left", "right"),'
AND = "+"
"""Between the names of products that one test uses together."""


@pytest.hookimpl(tryfirst=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a test of each product that is named, or of each of the bench file.

    One that uses several together (``miio_benches``) is one test.
    """
    entries = metafunc.config.stash[SETTINGS].entries
    if entries is None or PRODUCT not in metafunc.fixturenames:
        return
    names = marked(metafunc.definition, entries) or tuple(entries)
    groups = [names] if "miio_benches" in metafunc.fixturenames else [(name,) for name in names]
    metafunc.parametrize(PRODUCT, groups, ids=[AND.join(each) for each in groups], indirect=True)


def marked(node: pytest.Item, known: Collection[str] | None) -> tuple[str, ...]:
    """Give the names in the marker of a test; none where it has no marker.

    :param known: the products that there are; None for any
    :raises pytest.Collector.CollectError: if one is not there, or what the marker says are no names
    """
    marker = node.get_closest_marker(MARKER)
    if marker is None:
        return ()
    if marker.kwargs or not all(isinstance(name, str) for name in marker.args):
        given = [*map(repr, marker.args), *(f"{key}={each!r}" for key, each in marker.kwargs.items())]
        raise pytest.Collector.CollectError(f"{node.nodeid}: {NO_NAMES} and not {', '.join(given)}")
    names = tuple(dict.fromkeys(marker.args))
    for name in names:
        if known is not None and name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
            raise pytest.Collector.CollectError(
                f"{node.nodeid}: the bench file has no product {name!r}: {hint}"
            )
    return names


def products_of(item: pytest.Item | None) -> tuple[str, ...]:
    """Give the products that a test was made for; none where it needs none."""
    found: Any = getattr(getattr(item, "callspec", None), "params", {}).get(PRODUCT, ())
    return tuple(found)


class Sharing:
    """Hooks for runs with a bench file: each product is used by one worker at a time."""

    def __init__(self, settings: Settings) -> None:
        self._names = list(settings.entries or {})

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        """Have all tests of a product run by one worker, unless another way to share was asked for."""
        if config.getoption("dist") != "load":
            return None
        from miio_lan.pytest_plugin.sharing import by_product

        return by_product(config, log, partial(group_of, names=self._names))

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_teardown(self, item: pytest.Item, nextitem: pytest.Item | None) -> None:
        """Give back what the next test does not need: other workers may wait for it."""
        rigs = item.config.stash.get(RIGS, None)
        if rigs is not None and hasattr(item.config, "workerinput"):
            rigs.give_back(keep=products_of(nextitem))


def group_of(nodeid: str, names: Iterable[str]) -> str:
    """Give the products of a test by its id; the id itself where it is of none.

    Only the id of a test is known where tests are shared out. What looks like one of a product and is none costs no
    more than that one worker runs it together with the tests of that product.
    """
    known = "|".join(re.escape(each) for each in sorted(names, key=len, reverse=True))
    found = re.search(rf"\[((?:{known})(?:\{AND}(?:{known}))*)(?=[\]-])", nodeid)
    return found[1] if found else nodeid
