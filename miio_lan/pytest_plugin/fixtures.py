"""The fixtures. What they need of the package is loaded by the first test that asks for one of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from miio_lan.pytest_plugin.products import AND, marked, products_of
from miio_lan.pytest_plugin.settings import SETTINGS
from miio_lan.pytest_plugin.stash import RIGS

if TYPE_CHECKING:
    from miio_lan.bench.bench import Bench, ObservedLine
    from miio_lan.bench.places.power import Power
    from miio_lan.device.miot import MiotDevice
    from miio_lan.pytest_plugin.rig import Rig
    from miio_lan.pytest_plugin.rigs import Benches, Rigs
    from miio_lan.virtual.product import VirtualProduct

UNNAMED = (
    "which product is meant is not known here: name one with @pytest.mark.miio(...), or let the test ask for the "
    "fixture in its arguments"
)
ONE_OR_SEVERAL = (
    "miio_bench and the fixtures about it are of one product, miio_benches is of several: ask that for all"
)


@pytest.fixture(scope="session")
def miio_rigs(pytestconfig: pytest.Config) -> Iterator[Rigs]:
    """What all tests of a worker share; for the fixtures below."""
    from miio_lan.pytest_plugin.rigs import Rigs

    rigs = Rigs(pytestconfig.stash[SETTINGS], shared=hasattr(pytestconfig, "workerinput"))
    pytestconfig.stash[RIGS] = rigs
    yield rigs
    rigs.close()


@pytest.fixture
def miio_product(request: pytest.FixtureRequest, miio_rigs: Rigs) -> str:
    """The name of the product under test in the bench file; without one, what the test's marker says, or nothing."""
    from miio_lan.errors import DeviceException

    entries = miio_rigs.settings.entries
    try:
        named = marked(request.node, entries)
    except pytest.Collector.CollectError as error:
        pytest.fail(str(error), pytrace=False)
    if entries is None:
        return AND.join(named)
    names = products_of(request.node) or named or tuple(entries)
    if not products_of(request.node) and len(names) > 1:
        pytest.fail(UNNAMED, pytrace=False)
    try:
        miio_rigs.hold(names, request.node.nodeid)
    except DeviceException as error:
        pytest.fail(str(error), pytrace=False)
    return AND.join(names)


@pytest.fixture
def miio_rig(request: pytest.FixtureRequest, miio_rigs: Rigs, miio_product: str) -> Rig:
    """What the product under test is worked with; for the fixtures below."""
    if miio_rigs.settings.entries is None:
        return miio_rigs.rig(None)
    if "miio_benches" in request.fixturenames:
        pytest.fail(ONE_OR_SEVERAL, pytrace=False)
    return miio_rigs.rig(miio_product)


@pytest.fixture
def miio_benches(request: pytest.FixtureRequest, miio_rigs: Rigs, miio_product: str) -> Iterator[Benches]:
    """Several products by their names: ``miio_benches["left"]`` is what ``miio_bench`` is of one.

    The marker ``miio("left", "right")`` names them, without it they are all of the bench file.
    """
    from miio_lan.pytest_plugin.rigs import NO_BENCH_FILE, Benches

    if miio_rigs.settings.entries is None and not miio_rigs.settings.virtual:
        pytest.fail(NO_BENCH_FILE, pytrace=False)
    benches = Benches(request.node, miio_rigs, tuple(each for each in miio_product.split(AND) if each))
    yield benches
    benches.close()


@pytest.fixture
def miio_bench(request: pytest.FixtureRequest, miio_rig: Rig) -> Iterator[Bench[MiotDevice]]:
    """The product under test: its device on the LAN, its line, and what became of each command.

    With a bench file, the test runs once for each product that its marker ``miio("left", ...)`` names, or for each of
    the file.
    """
    from miio_lan.pytest_plugin.rig import NO_PRODUCT
    from miio_lan.pytest_plugin.rigs import open_bench

    settings, wanted = miio_rig.settings, set(request.fixturenames)
    virtual = settings.virtual or (not settings.real and "miio_virtual" in wanted)
    if not virtual:
        if "miio_virtual" in wanted:
            pytest.skip("needs the virtual product, and this runs against a real one")
        if not settings.real:
            pytest.fail(NO_PRODUCT, pytrace=False)
    bench = open_bench(request.node, miio_rig, virtual=virtual)
    with bench.device:
        yield bench
    miio_rig.switch_on()
    miio_rig.check()


@pytest.fixture
def miio_device(miio_bench: Bench[MiotDevice], miio_rig: Rig) -> MiotDevice:
    """The device on the LAN, a :class:`miio_lan.MiotDevice`; its commands appear in ``miio_bench``."""
    if miio_rig.settings.real and miio_rig.settings.host is None:
        called = miio_rig.settings.called
        pytest.fail(f"no device to speak to: give {called('host')} and {called('token')}", pytrace=False)
    return miio_bench.device


@pytest.fixture
def miio_uart(miio_bench: Bench[MiotDevice], miio_rig: Rig) -> ObservedLine:
    """The line between module and MCU, as it is observed."""
    if miio_rig.settings.real and miio_rig.settings.uart is None:
        called = miio_rig.settings.called
        pytest.fail(f"no line to listen to: give {called('uart')} (and {called('uart_up')})", pytrace=False)
    return miio_bench.uart


@pytest.fixture
def miio_virtual(miio_bench: Bench[MiotDevice], miio_rig: Rig) -> VirtualProduct:  # noqa: ARG001 - it starts it
    """The virtual product itself, to misbehave, press a button or fail; tests of a real one skip it."""
    return miio_rig.product


@pytest.fixture
def miio_power(miio_bench: Bench[MiotDevice]) -> Power:
    """The product's power: ``off()``, ``on()`` and ``cycle()``; also ``miio_bench.power``.

    A product that a test leaves off is switched on for the next one.
    """
    from miio_lan.errors import PowerError

    try:
        return miio_bench.power
    except PowerError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture
def power(miio_power: Power) -> Power:
    """The same under a short name; a suite that has a ``power`` of its own keeps that."""
    return miio_power
