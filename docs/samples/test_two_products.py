"""Tests of several products in one run, of which miio.toml says where they are.

miio-lan bench check miio.toml
pytest --miio-bench miio.toml test_two_products.py
pytest --miio-bench miio.toml -n 2 test_two_products.py
"""

import pytest


def test_each_is_what_its_description_says(miio_bench):
    assert miio_bench.device.info().model == miio_bench.spec.model


@pytest.mark.miio("left")
def test_the_lamp_is_switched(miio_bench):
    with miio_bench.expect("set_properties", property="light:on", value=False) as exchange:
        miio_bench.device.write("light:on", False)
    exchange.check(result="result 2 1 0", stopped_at=None)


@pytest.mark.miio("left", "right")
def test_a_power_cut_of_one_is_nothing_to_the_other(miio_benches):
    left, right = miio_benches["left"], miio_benches["right"]
    with right.uart.expect_none("mcu_version"):
        left.power.cycle()
        left.uart.wait_for("mcu_version")
    assert right.device.info().model == right.spec.model
