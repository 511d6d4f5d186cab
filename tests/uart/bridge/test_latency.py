from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.uart.bridge.latency import Latency


def test_nothing_yet() -> None:
    latency = Latency()
    assert (latency.mean, latency.worst, latency.percentile(0.5)) == (0.0, 0.0, 0.0)
    assert str(latency) == "nothing was forwarded"


def test_figures() -> None:
    latency = Latency()
    for number in range(1, 101):
        latency.add(number * 1e-4)
    assert latency.count == 100
    assert latency.mean == pytest.approx(0.00505)
    assert latency.worst == pytest.approx(0.01)
    assert latency.percentile(0.5) == pytest.approx(0.005, abs=1e-5)
    assert str(latency).startswith("median 5.00")


@given(st.lists(st.floats(-0.1, 1.0), min_size=1), st.floats(0.0, 1.0))
def test_percentiles_lie_between_the_bounds(seconds, share) -> None:
    latency = Latency()
    for each in seconds:
        latency.add(each)
    assert latency.percentile(share) <= max(0.0, latency.worst)
    assert latency.worst == max(0.0, *seconds, 0.0)
