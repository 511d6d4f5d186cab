from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.device.steps.slices import cut
from miio_lan.errors import DeviceException, InvalidArgument
from miio_lan.lan.packet import MAX_REQUEST, encode


@given(
    st.lists(st.text(min_size=1, max_size=80), max_size=60),
    st.none() | st.integers(1, 20),
    st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=2),
)
def test_every_part_fits_and_nothing_is_lost(
    items: list[str], limit: int | None, extra: dict[str, str]
) -> None:
    parts = list(cut(items, "get_prop", limit=limit, extra=extra))
    assert [item for part in parts for item in part] == items
    for part in parts:
        assert part
        assert limit is None or len(part) <= limit
        request = {"id": 2**31 - 1, "method": "get_prop", "params": part, **extra}
        assert len(part) == 1 or len(encode(request, token=bytes(16), device_id=1, stamp=1)) <= MAX_REQUEST


def test_parts_are_as_long_as_possible() -> None:
    items: list[dict[str, Any]] = [{"did": "x", "siid": 2, "piid": piid} for piid in range(1, 60)]
    first, *_ = cut(items, "get_properties", limit=None)
    request = {"id": 2**31 - 1, "method": "get_properties", "params": [*first, items[len(first)]]}
    assert len(encode(request, token=bytes(16), device_id=1, stamp=1)) > MAX_REQUEST


def test_what_cannot_be_cut() -> None:
    with pytest.raises(InvalidArgument, match="at least 1, not 0"):
        list(cut(["a"], "get_prop", limit=0))
    with pytest.raises(DeviceException, match="no JSON form"):
        list(cut([{1, 2}], "get_prop", limit=None))
