"""The fixtures. What they need of the package is loaded by the first test that asks for one of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from miio_lan.pytest_plugin import labgrid_place
from miio_lan.pytest_plugin.reports import BENCH, RIG
from miio_lan.pytest_plugin.settings import SETTINGS

if TYPE_CHECKING:
    from miio_lan.bench.bench import Bench, ObservedLine
    from miio_lan.bench.power import Power
    from miio_lan.device.miot import MiotDevice
    from miio_lan.pytest_plugin.rig import Rig
    from miio_lan.virtual.product import VirtualProduct


@pytest.fixture(scope="session")
def miio_rig(pytestconfig: pytest.Config) -> Iterator[Rig]:
    """What all tests of a worker share; for the fixtures below."""
    from miio_lan.pytest_plugin.rig import Rig

    rig = Rig(pytestconfig.stash[SETTINGS])
    yield rig
    rig.close()


@pytest.fixture
def miio_bench(request: pytest.FixtureRequest, miio_rig: Rig) -> Iterator[Bench[MiotDevice]]:
    """The product under test: its device on the LAN, its line, and what became of each command."""
    from miio_lan.errors import DeviceException
    from miio_lan.pytest_plugin.rig import NO_PRODUCT

    settings, wanted = miio_rig.settings, set(request.fixturenames)
    virtual = settings.virtual or (not settings.real and "miio_virtual" in wanted)
    if not virtual:
        if "miio_virtual" in wanted:
            pytest.skip("needs the virtual product, and this runs against a real one")
        if not settings.real:
            pytest.fail(NO_PRODUCT, pytrace=False)
    try:
        if virtual:
            miio_rig.start_product()
        bench = miio_rig.bench()
    except DeviceException as error:
        pytest.fail(f"the product cannot be opened: {error}", pytrace=False)
    request.node.stash[BENCH] = bench
    request.node.stash[RIG] = miio_rig
    with bench.device:
        yield bench
    miio_rig.switch_on()
    miio_rig.check()


@pytest.fixture
def miio_device(miio_bench: Bench[MiotDevice], miio_rig: Rig) -> MiotDevice:
    """The device on the LAN, a :class:`miio_lan.MiotDevice`; its commands appear in ``miio_bench``."""
    if miio_rig.settings.real and miio_rig.settings.host is None:
        pytest.fail("no device to speak to: give --miio-host and --miio-token", pytrace=False)
    return miio_bench.device


@pytest.fixture
def miio_uart(miio_bench: Bench[MiotDevice], miio_rig: Rig) -> ObservedLine:
    """The line between module and MCU, as it is observed."""
    if miio_rig.settings.real and miio_rig.settings.uart is None:
        where = labgrid_place.NAMES if miio_rig.settings.labgrid else "give --miio-uart (and --miio-uart-up)"
        pytest.fail(f"no line to listen to: {where}", pytrace=False)
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
