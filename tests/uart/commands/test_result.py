from __future__ import annotations

from typing import Any

import pytest

from miio_lan.errors import LineError
from miio_lan.uart.commands import MISSING, PropertyResult, Result, read

GET2 = "down get_properties 1 2 1 3"
SET2 = 'down set_properties 1 1 10 1 88 "str_value"'

CONFORMING: list[tuple[str, str, dict[str, Any]]] = [
    (
        'result 1 2 0 10 1 3 0 "str_value"',
        GET2,
        {"answers": "get_properties", "results": [[1, 2, 0, 10], [1, 3, 0, "str_value"]]},
    ),
    (
        "result 1 3 0 5 1 2 -4001",
        GET2,
        {"answers": "get_properties", "results": [[1, 3, 0, 5], [1, 2, -4001]]},
    ),
    ("result 1 2 1 1 3 0 3 ", GET2, {"answers": "get_properties", "results": [[1, 2, 1], [1, 3, 0, 3]]}),
    ("result 1 1 0 1 88 -4003", SET2, {"answers": "set_properties", "results": [[1, 1, 0], [1, 88, -4003]]}),
    (
        "result 1 1 0 3 10",
        "down action 1 1 1 10",
        {"answers": "action", "siid": 1, "aiid": 1, "code": 0, "out": [[3, 10]]},
    ),
    (
        "result 1 1 -4003",
        "down action 1 1",
        {"answers": "action", "siid": 1, "aiid": 1, "code": -4003, "out": []},
    ),
    ('result "ready"', "down update_fw", {"answers": "update_fw", "values": ["ready"], "legacy": True}),
    (
        'result 1,"a b",2.5',
        'down get_prop "x"',
        {"answers": "get_prop", "values": [1, "a b", 2.5], "legacy": True},
    ),
    ("result 1 2", 'down get_prop "x"', {"answers": "get_prop", "values": [1, 2], "legacy": True}),
    ('result "ok"', "set_power", {"answers": "set_power", "values": ["ok"], "legacy": True}),
]


@pytest.mark.parametrize(("line", "pending", "reading"), CONFORMING)
def test_what_conforms(line: str, pending: str, reading: dict[str, Any]) -> None:
    expected = {"command": "result", **reading, "valid": True}
    assert read(line, direction="up", pending=pending).as_json() == expected
    down = read(pending, direction="down")
    if down.command == "down":
        assert read(line.encode() + b"\r", direction="up", pending=down).as_json() == expected


FAULTY: list[tuple[str, str, dict[str, Any], str]] = [
    ("result 1 2 0 10", GET2, {"results": [[1, 2, 0, 10]]}, "property 1.3 is not answered"),
    (
        "result 1 2 0 1 3 0 5",
        GET2,
        {"results": [[1, 2, 0], [1, 3, 0, 5]]},
        "1.2 has no value although its code is 0",
    ),
    ("result 1 2 0", "get_properties 1 2", {"results": [[1, 2, 0]]}, "has no value although its code is 0"),
    (
        "result 1 2 10 1 3 5",
        GET2,
        {"results": [[1, 2, None, 10], [1, 3, None, 5]]},
        "a status code is missing",
    ),
    ("result 1 2 true", "get_properties 1 2", {"results": [[1, 2, None, True]]}, "a status code is missing"),
    ("result 1 2 1 3 0 5", GET2, {"results": [[1, 2, 1], [3, 0, 5]]}, "1.3 is not answered"),
    (
        "result 1 2 -4001 5 1 3 0 6",
        GET2,
        {"results": [[1, 2, -4001, 5], [1, 3, 0, 6]]},
        "1.2 has a value although its code is not 0",
    ),
    ("result 1 2 -7 1 3 0 6", GET2, {"results": [[1, 2, -7], [1, 3, 0, 6]]}, "'-7' is not a status code"),
    ("result 9 9 0 1", "get_properties 1 2", {"results": [[9, 9, 0, 1]]}, "9.9 was not asked for"),
    ("result 1 2 0 on", "get_properties 1 2", {"results": [[1, 2, 0, "on"]]}, "neither a number"),
    ("result", "get_properties 1 2", {"results": []}, "no property is answered"),
    (
        "result 1 2 0 3 x",
        "get_properties 1 2",
        {"results": [[1, 2, 0, 3]], "unread": ["x"]},
        "'x' and what follows cannot be read",
    ),
    (
        'result 1 2 "a" 3 4',
        "get_properties 1 2",
        {"results": [], "unread": ["1", "2", '"a"', "3", "4"]},
        "cannot be read",
    ),
    ("result 1 2", "get_properties 1 2", {"results": [[1, 2, None]]}, "a status code is missing"),
    (
        "result 1 2 0 3 4 0",
        "get_properties",
        {"results": [[1, 2, 0, 3]], "unread": ["4", "0"]},
        "cannot be read",
    ),
    ("result 1 1 0 1 88", SET2, {"results": [[1, 1, 0], [1, 88, None]]}, "a status code is missing"),
    ("result 1 1 1 88", SET2, {"results": [[1, 1, None], [1, 88, None]]}, "a status code is missing"),
    ("result 1 1 0 5 1 88 0 6", SET2, {"results": [[1, 1, 0, 5], [1, 88, 0, 6]]}, "1.1 has a value"),
    ("result", "action 1 1", {"out": []}, "siid is missing"),
    ("result 1", "action 1 1", {"siid": 1, "out": []}, "aiid is missing"),
    ("result 1 1", "action 1 1", {"siid": 1, "aiid": 1, "out": []}, "a status code is missing"),
    ("result 1 1 3 10", "action 1 1", {"siid": 1, "aiid": 1, "out": [[3, 10]]}, "a status code is missing"),
    (
        "result 1 1 -4004 3",
        "action 1 1",
        {"siid": 1, "aiid": 1, "code": -4004, "out": [], "unread": ["3"]},
        "in pairs",
    ),
    (
        "result 1 2 0",
        "action 1 1",
        {"siid": 1, "aiid": 2, "code": 0, "out": []},
        "1.2 was not asked for, 1.1 was",
    ),
    ("result ready", "update_fw", {"values": ["ready"], "legacy": True}, "neither a number"),
    ('result "soon"', "update_fw", {"values": ["soon"], "legacy": True}, '"ready" or "busy"'),
    ("result", "get_prop 1", {"values": [], "legacy": True}, "without any value"),
]


@pytest.mark.parametrize(("line", "pending", "reading", "problem"), FAULTY)
def test_what_does_not_conform_is_read_as_far_as_it_goes(
    line: str, pending: str, reading: dict[str, Any], problem: str
) -> None:
    found = read(line, direction="up", pending=pending).as_json()
    assert problem in str(found.pop("problem"))
    method = pending.removeprefix("down ").split()[0]
    assert found == {"command": "result", "answers": method, **reading, "valid": False}


READINGS: list[tuple[str, list[dict[str, Any]]]] = [
    (
        "result 1 1 0",
        [
            {"answers": "set_properties", "results": [[1, 1, 0]]},
            {"answers": "action", "siid": 1, "aiid": 1, "code": 0, "out": []},
            {"answers": None, "values": [1, 1, 0], "legacy": True},
        ],
    ),
    (
        "result 1 1 -4003",
        [
            {"answers": "get_properties", "results": [[1, 1, -4003]]},
            {"answers": "set_properties", "results": [[1, 1, -4003]]},
            {"answers": "action", "siid": 1, "aiid": 1, "code": -4003, "out": []},
            {"answers": None, "values": [1, 1, -4003], "legacy": True},
        ],
    ),
    (
        "result 2 1 0 true",
        [
            {"answers": "get_properties", "results": [[2, 1, 0, True]]},
            {"answers": None, "values": [2, 1, 0, True], "legacy": True},
        ],
    ),
    (
        'result "ready"',
        [
            {"answers": "update_fw", "values": ["ready"], "legacy": True},
            {"answers": None, "values": ["ready"], "legacy": True},
        ],
    ),
    ('result 1,"a b"', [{"answers": None, "values": [1, "a b"], "legacy": True}]),
]


@pytest.mark.parametrize(("line", "readings"), READINGS)
def test_without_a_pending_downlink_all_readings_are_given(line: str, readings: list[dict[str, Any]]) -> None:
    found = read(line, direction="up").as_json()
    assert found == {"command": "result", "answers": None, "readings": readings, "valid": True}


def test_a_result_that_nobody_wants() -> None:
    found = read("result 1 1 0", direction="up", pending="down MIIO_net_change cloud").as_json()
    assert found["answers"] is None
    assert len(found["readings"]) == 3  # type: ignore[arg-type]
    assert found["problem"] == "down MIIO_net_change is not answered with a result"
    bare = read("result ", direction="up", pending="down none").as_json()
    assert (bare["answers"], bare["values"], bare["valid"]) == (None, [], False)


def test_values_are_counted_in_legacy_lists_too() -> None:
    result = read("result " + ",".join("1" * 65), direction="up", pending="old")
    assert "65 parameters" in result.problem


def test_typed_access() -> None:
    result = read("result 1 2 0 10 1 3 -4001", direction="up", pending=GET2)
    assert isinstance(result, Result)
    first, second = result.results
    assert (first.siid, first.piid, first.code, first.value) == (1, 2, 0, 10)
    assert second.value is MISSING
    assert result.values == (1, 2, 0, 10, 1, 3, -4001)


def test_a_long_answer_is_divided_by_what_was_asked() -> None:
    ids = [(2, piid) for piid in range(1, 20)]
    line = "result " + " ".join(f"{siid} {piid} 0" for siid, piid in ids)
    result = read(line, direction="up", pending="get_properties " + " ".join(f"{s} {p}" for s, p in ids))
    assert isinstance(result, Result)
    assert result.results == tuple(PropertyResult(siid, piid, 0) for siid, piid in ids)


def test_what_cannot_be_divided_is_given_up_soon() -> None:
    pending = "get_properties " + "1 1 " * 40
    assert not read("result " + "1 1 0 " * 41 + "x", direction="up", pending=pending).valid


@pytest.mark.parametrize(
    ("result", "pending", "line"),
    [
        (Result.for_get([(1, 2, 0, 10), (1, 3, -4001)]), GET2, b"result 1 2 0 10 1 3 -4001\r"),
        (Result.for_set([(1, 1, 0), (1, 88, -4003)]), SET2, b"result 1 1 0 1 88 -4003\r"),
        (Result.for_action(1, 1, 0, [(3, "a b")]), "action 1 1", b'result 1 1 0 3 "a b"\r'),
        (Result.for_action(1, 1, -4004), "action 1 1", b"result 1 1 -4004\r"),
        (Result.for_values(["ready"], "update_fw"), "update_fw", b'result "ready"\r'),
        (Result.for_values([1, "a,b", True], "old"), "old", b'result 1 "a,b" true\r'),
        (Result.for_values([{"a b": [None]}, 2], "old"), "old", b'result {"a b":[null]},2\r'),
    ],
)
def test_writing(result: Result, pending: str, line: bytes) -> None:
    assert result.encode() == line
    assert read(line, direction="up", pending=pending) == result


@pytest.mark.parametrize(
    ("result", "complaint"),
    [
        (Result.for_get([]), "no property is answered"),
        (Result.for_get([(1, 1, 0)]), "no value although its code is 0"),
        (Result.for_get([(1, 1, -4001, 5)]), "has a value although"),
        (Result.for_get([(1, 1, 5)]), "'5' is not a status code"),
        (Result.for_get([(1, 1, 0, None)]), "NoneType is not a value"),
        (Result.for_get([(1, piid, 0, 1) for piid in range(17)]), "68 parameters"),
        (Result.for_set([PropertyResult(1, 1, 0, 5)]), "has a value"),
        (Result.for_set([PropertyResult(1, 1, None)]), "status code is missing"),
        (Result.for_action(-1, 1), "the siid '-1'"),
        (Result.for_action(1, 1, 7), "'7' is not a status code"),
        (Result.for_action(1, 1, 0, [(-1, 1)]), "the piid '-1'"),
        (Result.for_values([]), "without any value"),
        (Result.for_values(["soon"], "update_fw"), "ready"),
        (Result.for_values(["x" * 510]), "fewer than 512"),
    ],
)
def test_what_the_document_does_not_allow_is_not_written(result: Result, complaint: str) -> None:
    with pytest.raises(LineError, match=complaint):
        result.encode()
