"""The products of a worker by name: each opened when a test first needs it, and used by one worker at a time."""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from miio_lan.bench.bench import Bench
from miio_lan.bench.places.claims import claim_paths
from miio_lan.device.miot import MiotDevice
from miio_lan.errors import DeviceException
from miio_lan.keeping import Claim
from miio_lan.pytest_plugin.rig import Rig
from miio_lan.pytest_plugin.stash import OPENED

if TYPE_CHECKING:
    from miio_lan.pytest_plugin.settings import Settings

_LOGGER = logging.getLogger(__name__)

NO_BENCH_FILE = (
    "no products by name: give --miio-bench FILE, or --miio-virtual, where each name is a virtual product"
)


class Rigs:
    """One rig for each product.

    Claims keep two workers, or two runs of tests, from using a product at the same time. They are taken in one order,
    or all at once without waiting, so that nobody waits for ever.

    :param settings: what was said of the products
    :param shared: whether other workers wait for products: what the next test does not need is given back then
    """

    def __init__(self, settings: Settings, *, shared: bool) -> None:
        self.settings = settings
        self._shared = shared
        self._rigs: dict[str | None, Rig] = {}
        bench, entries = settings.bench or Path(), settings.entries or {}
        self._paths = {name: claim_paths(entry, bench) for name, entry in entries.items()}
        self._claims = {path: Claim(path) for path in sorted({*chain(*self._paths.values())})}

    def rig(self, name: str | None) -> Rig:
        """Give the rig of a product; None for the only one there is without a bench file."""
        if name not in self._rigs:
            settings = self.settings if name is None else self.settings.of_product(name)
            self._rigs[name] = Rig(settings)
        return self._rigs[name]

    def hold(self, names: Collection[str], test: str) -> None:
        """Have products for this worker alone; waits while others use them.

        :param test: what others are told of the holder
        :raises DeviceException: if that cannot be done
        """
        if self._shared:
            self.give_back(keep=names)
        products = {path: name for name in names for path in self._paths.get(name, ())}
        wanted = [(claim, products[path]) for path, claim in self._claims.items() if path in products]
        who = f"process {os.getpid()}, {test}"
        try:
            if all(claim.take(who, wait=False) for claim, _ in wanted):
                return
            # Whoever waits holds nothing that comes later in the order.
            self.give_back()
            for claim, name in wanted:
                if not claim.take(who, wait=False):
                    _LOGGER.info("waiting for product %s, which is used by %s", name, claim.holder())
                    claim.take(who, wait=True)
        except OSError as error:
            raise DeviceException(f"the bench cannot be shared: {error}") from None

    def give_back(self, keep: Collection[str] = ()) -> None:
        """Close the products that are held, and let others have them."""
        for name, paths in self._paths.items():
            held = [claim for path in paths if (claim := self._claims[path]).held]
            if held and name not in keep:
                if name in self._rigs:
                    self._rigs[name].rest()
                for claim in held:
                    claim.free()

    def close(self) -> None:
        """Close everything."""
        with ExitStack() as stack:
            stack.callback(self.give_back)
            for rig in self._rigs.values():
                stack.callback(rig.close)


def open_bench(node: pytest.Item, rig: Rig, *, virtual: bool) -> Bench[MiotDevice]:
    """Open a product for a test; its report will tell of it.

    :param virtual: whether it is a virtual one, to be started
    """
    name = rig.settings.product or ""
    try:
        if virtual:
            rig.start_product()
        bench = rig.bench()
    except DeviceException as error:
        which = f"the product {name}" if name else "the product"
        pytest.fail(f"{which} cannot be opened: {error}", pytrace=False)
    node.stash.setdefault(OPENED, []).append((name, bench, rig))
    return bench


class Benches(Mapping[str, Bench[MiotDevice]]):
    """The products of a test by name, each opened at its first use.

    :param node: the test
    :param names: the products it may use
    """

    def __init__(self, node: pytest.Item, rigs: Rigs, names: tuple[str, ...]) -> None:
        self._node = node
        self._rigs = rigs
        self._names = names
        self._opened: dict[str, Bench[MiotDevice]] = {}
        self._free = rigs.settings.entries is None and not names

    def __repr__(self) -> str:
        return f"<Benches {', '.join(self._names)}>"

    def __getitem__(self, name: str) -> Bench[MiotDevice]:
        if name not in self._opened:
            if name not in self._names and not self._free:
                raise KeyError(
                    f"this test is of {', '.join(self._names)}, not of {name}: name it in its marker miio(...)"
                )
            rig = self._rigs.rig(name)
            bench = open_bench(self._node, rig, virtual=rig.settings.virtual)
            self._opened[name] = bench
            bench.device.__enter__()
        return self._opened[name]

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def close(self) -> None:
        """End the test: switch on what is off, and tell what went wrong beside it.

        :raises Exception: what a hook of the test raised in a product's thread
        """
        with ExitStack() as stack:
            for name, bench in self._opened.items():
                rig = self._rigs.rig(name)
                stack.callback(rig.check)
                stack.callback(rig.switch_on)
                stack.push(bench.device)
