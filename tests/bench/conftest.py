"""A virtual product on the bench, whose line and LAN one recorder hears."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.patient import PATIENT

from miio_lan import MiotDevice
from miio_lan.bench.bench import Bench, Recorder
from miio_lan.virtual.module.network import Timings
from miio_lan.virtual.product import VirtualProduct


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def product(recorder: Recorder) -> Iterator[VirtualProduct]:
    with VirtualProduct(
        profile=PATIENT,
        observer=recorder.observe,
        mcu_options={"poll_interval": 0.01},
        # In the cloud the lamp would report its serial number, perhaps in one line with what a test has it report.
        module_options={"timings": Timings(cloud=None)},
    ) as product:
        yield product


@pytest.fixture
def bench(recorder: Recorder, product: VirtualProduct) -> Iterator[Bench[MiotDevice]]:
    recorder.begin()
    with MiotDevice(product.host, product.token, port=product.port, observer=recorder.observe) as device:
        yield Bench(device, recorder, product.spec, late=False)
