"""What counts as the same on both wires."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.pairing.content import Demand, all_good, consistent, error_of, same_value
from miio_lan.uart.commands import Action, GetProperties, PropertyId, Result, SetProperties


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (23.6, 23.6000001, True),
        (25, 25.0, True),
        (25, 26.0, False),
        ("25", 25.0, False),
        (10**400, 1.0, False),
        (float("inf"), float("inf"), True),
        ("a b", "a\\u0020b", True),
        ("a", "b", False),
        ([1, {"a": 2.0}], (1, {"a": 2}), True),
        ([1], [1, 2], False),
        ({"a": 1}, {"b": 1}, False),
        (None, None, True),
        (None, 0, False),
    ],
)
def test_values(one: object, other: object, same: bool) -> None:
    assert same_value(one, other) is same
    assert same_value(other, one) is same


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_a_value_is_itself(value: object) -> None:
    assert same_value(value, value)


ROW = {"siid": 2, "piid": 1}


@pytest.mark.parametrize(
    ("answer", "result", "can"),
    [
        (Result.for_get([(2, 1, 0, 5)]), [{**ROW, "code": 0, "value": 5}], True),
        (Result.for_get([(2, 1, 0, 5)]), [{**ROW, "code": 0, "value": 6}], False),
        (Result.for_get([(2, 1, -4003)]), [{**ROW, "code": 0, "value": 6}], False),
        (Result.for_get([(2, 1, -4003)]), [{**ROW, "code": -4003}], True),
        (Result.for_get([(2, 1, 0, 5)]), [{**ROW, "code": -4004}], True),
        (Result.for_get([(2, 1, 0, 5)]), [{"siid": [], "piid": 1, "code": 0}], True),
        (Result.for_get([(2, 1, 0, 5)]), "ok", True),
        (Result.for_action(5, 1, 0, [(3, 10)]), {"code": 0, "out": [{"piid": 3, "value": 10}]}, True),
        (Result.for_action(5, 1, 0, [(3, 10)]), {"code": 0, "out": [10]}, True),
        (Result.for_action(5, 1, 0, [(3, 10)]), {"code": 0, "out": [11]}, False),
        (Result.for_action(5, 1, 0, [(3, 10)]), {"code": 0, "out": []}, False),
        (Result.for_action(5, 1, -4006), {"code": 0}, False),
        (Result.for_action(5, 1, 0), ["ok"], True),
        (Result.for_values(["ok"]), ["ok"], True),
        (Result.for_values(["ok"]), ["no"], False),
        (Result.for_values(["ok"]), {"of": "the module"}, True),
    ],
)
def test_what_a_reply_can_be_made_of(answer: Result, result: object, can: bool) -> None:
    assert consistent(answer, result) is can


def test_the_line_of_a_request() -> None:
    ids = (PropertyId(2, 1), PropertyId(2, 2))
    items = [{"siid": 2, "piid": 1, "value": "x"}, {"siid": 2, "piid": 2, "value": 1}]
    assert Demand.of("get_properties", items).as_down() == GetProperties(ids)
    line = Demand.of("set_properties", items).as_down()
    assert isinstance(line, SetProperties)
    assert [each[:2] for each in line.properties] == list(ids)
    assert Demand.of("action", {"siid": 5, "aiid": 1, "in": [1]}).as_down() == Action(5, 1)


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("get_properties", [{"siid": [], "piid": 1}]),
        ("get_properties", [1]),
        ("get_properties", "all"),
        ("get_properties", []),
        ("action", {"siid": "5", "aiid": 1}),
        ("action", [5, 1]),
        ("power", ["on"]),
    ],
)
def test_requests_without_a_line_of_known_layout(method: str, params: object) -> None:
    assert Demand.of(method, params).as_down() is None


@pytest.mark.parametrize(
    "params", [{"siid": 5, "aiid": 1, "in": 7}, {"siid": 5, "aiid": 1, "in": [1]}, [5, 1], None]
)
def test_actions_that_are_not_this_line(params: object) -> None:
    assert Demand.of("action", params).covers(Action(5, 1), 0) == 0


def test_codes() -> None:
    assert error_of(None) is None
    assert error_of({"result": 0}) is None
    assert error_of({"error": {"code": -9999}}) == -9999
    assert error_of({"error": "busy"}) == 0
    assert all_good({"code": 0})
    assert all_good(["ok"])
    assert not all_good([{"code": 0}, {"code": -4004}])


@pytest.mark.parametrize("params", [(), [], {}, None, "x", [[]], [{}], {"siid": 1}, [1], [["on"]]])
@pytest.mark.parametrize("method", ["get_properties", "set_properties", "action", "set_power"])
def test_whatever_a_request_holds_it_becomes_a_line_or_none(method: str, params: object) -> None:
    demand = Demand.of(method, params)
    assert demand.as_down() is None
    assert demand.covers(GetProperties((PropertyId(2, 1),)), 0) == 0
