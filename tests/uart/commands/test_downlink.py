from __future__ import annotations

from typing import Any

import pytest

from miio_lan.errors import LineError
from miio_lan.uart.commands import (
    Action,
    Argument,
    Down,
    GetProperties,
    Legacy,
    NetChange,
    NoMethod,
    Notice,
    PropertyId,
    PropertyValue,
    SetProperties,
    read,
)

CONFORMING: list[tuple[str, dict[str, Any]]] = [
    ("down none", {"method": "none"}),
    ("down  get_properties 1 2 1 3 ", {"method": "get_properties", "properties": [[1, 2], [1, 3]]}),
    (
        'down set_properties 1 1 10 1 88  "str_value"',
        {"method": "set_properties", "properties": [[1, 1, 10], [1, 88, "str_value"]]},
    ),
    (
        'down set_properties 2 1 "two words" 2 2 1.5 2 3 false',
        {"method": "set_properties", "properties": [[2, 1, "two words"], [2, 2, 1.5], [2, 3, False]]},
    ),
    ("down action 1 1 1 10", {"method": "action", "siid": 1, "aiid": 1, "in": [[1, 10]]}),
    ("down action 1 1", {"method": "action", "siid": 1, "aiid": 1, "in": []}),
    ("down MIIO_net_change cloud", {"method": "MIIO_net_change", "state": "cloud"}),
    ("down MIIO_mcu_version_req", {"method": "MIIO_mcu_version_req"}),
    ("down MIIO_model_req", {"method": "MIIO_model_req"}),
    ("down update_fw", {"method": "update_fw"}),
    ("down update_fw auto", {"method": "update_fw", "args": ["auto"], "beyond_document": True}),
    ("down update_fw force", {"method": "update_fw", "args": ["force"], "beyond_document": True}),
    (
        "down MIIO_net_change updating force",
        {"method": "MIIO_net_change", "state": "updating", "how": "force", "beyond_document": True},
    ),
    ('down set_x [1,\\u00202],\\u0020"a\\u0020b"', {"method": "set_x", "params": [[1, 2], "a b"]}),
    ("down ble_event a1,2 3", {"method": "ble_event", "args": ["a1,2", "3"], "beyond_document": True}),
    ("down MIIO_net_change stop", {"method": "MIIO_net_change", "state": "stop", "beyond_document": True}),
    ('down power_on "light_on",60,0,1', {"method": "power_on", "params": ["light_on", 60, 0, 1]}),
    ('down set_scene [1, "a b"],{"k": null}', {"method": "set_scene", "params": [[1, "a b"], {"k": None}]}),
    ('down set_power "on" 1', {"method": "set_power", "params": ["on", 1]}),
    ('down mixed {"a": 1} null', {"method": "mixed", "params": [{"a": 1}, None]}),
    ("down power_off", {"method": "power_off", "params": []}),
]


@pytest.mark.parametrize(("line", "reading"), CONFORMING)
def test_what_conforms(line: str, reading: dict[str, Any]) -> None:
    assert read(line, direction="down").as_json() == {"command": "down", **reading, "valid": True}


FAULTY: list[tuple[str, dict[str, Any], str]] = [
    ("down", {"method": None}, "method is missing"),
    ("down get_properties", {"method": "get_properties", "properties": []}, "no property"),
    (
        "down get_properties 1 2 3",
        {"method": "get_properties", "properties": [[1, 2]], "unread": ["3"]},
        "siid and piid, in pairs",
    ),
    ("down set_properties", {"method": "set_properties", "properties": []}, "no property"),
    (
        "down set_properties 1 1",
        {"method": "set_properties", "properties": [], "unread": ["1", "1"]},
        "in threes",
    ),
    ("down set_properties 1 1 on", {"method": "set_properties", "properties": [[1, 1, "on"]]}, "neither"),
    ("down action", {"method": "action", "in": []}, "siid is missing"),
    ("down action 1", {"method": "action", "siid": 1, "in": []}, "aiid is missing"),
    (
        "down action 1 1 2",
        {"method": "action", "siid": 1, "aiid": 1, "in": [], "unread": ["2"]},
        "in pairs",
    ),
    ("down MIIO_net_change", {"method": "MIIO_net_change"}, "state is missing"),
    ("down MIIO_net_change lan", {"method": "MIIO_net_change", "state": "lan"}, "not a network state"),
    ("down update_fw now", {"method": "update_fw", "args": ["now"]}, "takes no parameters"),
    (
        "down MIIO_net_change cloud auto",
        {"method": "MIIO_net_change", "state": "cloud", "unread": ["auto"]},
        "no more",
    ),
    (
        'down set_power ["off"]',
        {"method": "set_power", "params": [["off"]]},
        "has the brackets of a JSON array",
    ),
    (
        "down 2 1",
        {"method": "2", "params": [1]},
        "the method is a number, 2: a word such as get_properties is missing",
    ),
    ("down none 1", {"method": "none", "args": ["1"]}, "takes no parameters"),
    ("down set_power on", {"method": "set_power", "params": ["on"]}, "neither"),
    ("down set_scene {broken 1", {"method": "set_scene", "params": ["{broken 1"]}, "not JSON"),
    ("down set<power 1", {"method": "set<power", "params": [1]}, "not made of letters"),
]


@pytest.mark.parametrize(("line", "reading", "problem"), FAULTY)
def test_what_does_not_conform_is_read_as_far_as_it_goes(
    line: str, reading: dict[str, Any], problem: str
) -> None:
    found = read(line, direction="down").as_json()
    assert problem in str(found.pop("problem"))
    assert found == {"command": "down", **reading, "valid": False}


def test_parameters_are_counted_after_the_method() -> None:
    assert read("down get_properties" + " 1 2" * 32, direction="down").valid
    assert "66 parameters" in read("down get_properties" + " 1 2" * 33, direction="down").problem
    assert "65 parameters" in read("down old " + ",".join("1" * 65), direction="down").problem


@pytest.mark.parametrize(
    ("down", "line"),
    [
        (Notice("none"), b"down none\r"),
        (Notice("ble_event", ("a1,2", "3")), b"down ble_event a1,2 3\r"),
        (NetChange("cloud"), b"down MIIO_net_change cloud\r"),
        (GetProperties((PropertyId(1, 2), PropertyId(1, 3))), b"down get_properties 1 2 1 3\r"),
        (
            SetProperties((PropertyValue(1, 1, 10), PropertyValue(1, 88, "str_value"))),
            b'down set_properties 1 1 10 1 88 "str_value"\r',
        ),
        (Action(1, 1), b"down action 1 1\r"),
        (Action(1, 1, (Argument(1, True),)), b"down action 1 1 1 true\r"),
        (Legacy("power_on", ("light_on", 60, 0, 1)), b'down power_on "light_on",60,0,1\r'),
        (Legacy("set_scene", ({"a b": [1, "c d"]}, None)), b'down set_scene {"a b":[1,"c d"]},null\r'),
        (Legacy("power_off"), b"down power_off\r"),
    ],
)
def test_writing(down: Down, line: bytes) -> None:
    assert down.encode() == line
    assert read(line, direction="down") == down


@pytest.mark.parametrize(
    ("down", "complaint"),
    [
        (NoMethod(), "method is missing"),
        (Notice("power_off"), "not a notice"),
        (Notice("none", ("1",)), "takes no parameters"),
        (NetChange("lan"), "not a network state"),
        (NetChange(None), "state is missing"),
        (GetProperties(()), "no property"),
        (GetProperties((PropertyId(1, -2),)), "the piid '-2'"),
        (GetProperties((PropertyId(1, 2),) * 33), "66 parameters"),
        (SetProperties(()), "no property"),
        (SetProperties((PropertyValue(-1, 1, 1),)), "the siid '-1'"),
        (SetProperties((PropertyValue(1, 1, None),)), "NoneType is not a value"),
        (Action(1, None), "aiid is missing"),
        (Action(1, 1, (Argument(-1, 1),)), "the piid '-1'"),
        (Legacy("get_properties"), "layout of its own"),
        (Legacy("none"), "layout of its own"),
        (Legacy("two words"), "not made of letters"),
        (Legacy("x", (1,) * 65), "65 parameters"),
        (Legacy("x", ("a" * 510,)), "fewer than 512"),
        (Legacy("x", (object(),)), "cannot be written as JSON"),
    ],
)
def test_what_the_document_does_not_allow_is_not_written(down: Down, complaint: str) -> None:
    with pytest.raises(LineError, match=complaint):
        down.encode()


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("down none", False),
        ("down", False),
        ("down MIIO_net_change cloud", False),
        ("down MIIO_mcu_version_req", False),
        ("down MIIO_model_req", False),
        ("down update_fw", True),
        ("down get_properties 1 1", True),
        ("down set_properties 1 1 1", True),
        ("down action 1 1", True),
        ("down unknown_command", True),
    ],
)
def test_which_downlinks_want_a_result(line: str, wanted: bool) -> None:
    down = read(line, direction="down")
    assert isinstance(down, Down)
    assert down.wants_result is wanted
