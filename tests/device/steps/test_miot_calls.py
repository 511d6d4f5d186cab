from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.steps import perform

from miio_lan.device.steps import miot_calls
from miio_lan.device.steps.calls import Ask
from miio_lan.device.steps.miot_calls import done, match
from miio_lan.device.steps.reading import SliceLimit, read_properties


def wanted(count: int) -> list[dict[str, Any]]:
    return [{"did": f"name{piid}", "siid": 2, "piid": piid} for piid in range(1, count + 1)]


def values(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {item["did"]: item.get("value", item["code"]) for item in items}


@given(st.permutations(range(4)), st.sets(st.integers(0, 3)), st.booleans())
def test_results_are_matched_by_number_not_by_did_or_place(
    order: list[int], missing: set[int], double: bool
) -> None:
    asked = wanted(4)
    results = [
        {"did": "", "siid": 2, "piid": index + 1, "code": 0, "value": index}
        for index in order
        if index not in missing
    ]
    results = results * 2 if double else results
    matched = match(asked, results)
    assert [(item["did"], item["value"]) for item in matched] == [
        (asked[index]["did"], index) for index in range(4) if index not in missing
    ]


@pytest.mark.parametrize("odd", [[], [2], {}, {"a": [1]}])
@pytest.mark.parametrize("key", ["siid", "piid", "aiid", "did"])
def test_numbers_that_are_none_are_about_nothing(key: str, odd: Any) -> None:
    sound = {"did": "a", "siid": 2, "piid": 1, "code": 0, "value": 5}
    answer = [{**sound, "piid": 9, key: odd}, sound]
    assert perform(read_properties([{"siid": 2, "piid": 1}], SliceLimit()), lambda _: answer) == [sound]
    assert done([{"siid": 2, "piid": 1}], answer) == [sound]


def test_results_without_numbers_are_matched_by_place() -> None:
    matched = match(wanted(2), [{"code": 0, "value": "a"}, {"code": 0, "value": "b"}])
    assert values(matched) == {"name1": "a", "name2": "b"}
    assert match(wanted(2), [{"code": 0, "value": "a"}]) == []
    # Numbers of something else are not overruled by the place.
    assert match(wanted(1), [{"siid": 9, "piid": 9, "code": 0, "value": "a"}]) == []


def test_only_negative_codes_are_failures() -> None:
    assert [miot_calls.failed({"code": code}) for code in (0, 1, -4005)] == [False, False, True]
    assert not miot_calls.failed({})
    assert not miot_calls.failed({"code": "what"})


def test_an_action_is_answered_as_it_is() -> None:
    parameters = {"did": "call-2-1", "siid": 2, "aiid": 1, "in": []}
    for answer in ({"code": -4006}, {"code": 1}, ["ok"]):
        assert perform(miot_calls.call_action(parameters), lambda ask, answer=answer: answer) == answer


def test_many_sets_are_split_by_bytes() -> None:
    sent = [{"did": "x" * 30, "siid": 2, "piid": piid, "value": "v" * 100} for piid in range(1, 21)]
    lengths = []

    def answer(ask: Ask) -> Any:
        lengths.append(len(ask.params))
        return [{**item, "code": 0} for item in ask.params]

    assert len(perform(miot_calls.write_properties(sent), answer)) == 20
    assert len(lengths) > 1


def test_errors_say_the_number_and_its_meaning() -> None:
    error = miot_calls.refusal("set_properties", {"code": -4002})
    assert (error.code, error.method) == (-4002, "set_properties")
    assert "not writable" in str(error)
    assert miot_calls.refusal("x", {"code": "odd"}).code is None
    assert miot_calls.reason({"siid": 2, "piid": 5, "code": -123}) == "property 2.5: code -123"
    assert miot_calls.reason({"siid": 2, "aiid": 5, "code": -4006}).startswith(
        "action 2.5: code -4006, wrong"
    )
    assert miot_calls.no_answer("get_properties", 2, 7).code is None


@pytest.mark.parametrize(
    ("code", "may_have_run"), [(-4004, True), (-4005, False), (-4003, False), (-704045036, True)]
)
def test_what_the_code_of_an_item_says_of_whether_it_ran(code: int, may_have_run: bool) -> None:
    error = miot_calls.refusal("set_properties", {"siid": 2, "piid": 1, "code": code})
    assert error.may_have_run is may_have_run
    assert ("may have been executed" in str(error)) is may_have_run
    assert "may have been executed" not in str(
        miot_calls.refusal("get_properties", {"siid": 2, "piid": 1, "code": code})
    )


_ONE = [{"did": "a", "siid": 2, "piid": 1}]


@pytest.mark.parametrize("code", ["-4004", -4004.0])
@pytest.mark.parametrize("shape", [lambda c: {"code": c}, lambda c: [{"siid": 2, "piid": 1, "code": c}]])
def test_a_code_in_another_type_refuses_all_the_same(code: object, shape: Callable[[object], object]) -> None:
    (item,) = miot_calls.done(_ONE, shape(code))
    assert item == {"did": "a", "siid": 2, "piid": 1, "code": -4004}
    assert miot_calls.failed(item)


@pytest.mark.parametrize(
    ("error", "code"),
    [({"code": -5, "message": "no"}, -5), (-5, -5), ("no", None), ({"message": "no"}, None), ({}, None)],
    ids=["object", "code", "text", "words", "empty"],
)
def test_an_error_inside_of_a_result_is_a_refusal(error: object, code: object) -> None:
    for answer in ({"error": error}, [{"siid": 2, "piid": 1, "error": error}]):
        (item,) = miot_calls.done(_ONE, answer)
        assert miot_calls.failed(item)
        assert item["code"] == code


@pytest.mark.parametrize("answer", [{}, [{}], {"exe_time": 3}, {"error": None}, [None], [[]]])
def test_what_says_nothing_is_left_out(answer: object) -> None:
    assert miot_calls.done(_ONE, answer) == []


@pytest.mark.parametrize("answer", [[[0]], [["ok"]], [[{"code": 0}]]])
def test_a_yes_in_several_lists_is_one(answer: object) -> None:
    assert miot_calls.done(_ONE, answer) == [{"did": "a", "siid": 2, "piid": 1, "code": 0}]


def test_a_refusal_with_the_numbers_of_something_else_is_the_actions() -> None:
    asked = [{"siid": 2, "aiid": 1}]
    refused = {"did": "x", "siid": 2, "piid": 1, "code": -4002}
    for answer in (refused, [refused]):
        (item,) = miot_calls.done(asked, answer)
        assert item == {"siid": 2, "aiid": 1, "code": -4002}
    assert miot_calls.done(asked, [{**refused, "code": 0}]) == []


@pytest.mark.parametrize(
    ("answer", "codes"),
    [
        (["ok", "ok"], [0, 0]),
        ([0, -4005], [0, -4005]),
        (["ok", "error"], [0, None]),
        ([["ok"], {"code": "-4004"}], [0, -4004]),
        (["ok", "what"], [0]),
        (["ok", "ok", "ok"], []),
    ],
)
def test_a_word_or_a_code_for_each_is_matched_by_place(answer: object, codes: list[int | None]) -> None:
    assert [item["code"] for item in done(wanted(2), answer)] == codes


_WHOLE = [
    -4004,
    [-4003],
    {"code": -4004},
    {"code": "-4004"},
    [{"error": {"code": -4001}}],
    "error",
    ["error"],
]


@pytest.mark.parametrize("answer", [*_WHOLE, -704042013])
@pytest.mark.parametrize("count", [1, 2])
def test_a_refusal_in_place_of_what_was_read_is_one_of_all(answer: object, count: int) -> None:
    items = match(wanted(count), answer)
    assert [item["did"] for item in items] == [each["did"] for each in wanted(count)]
    assert all(map(miot_calls.failed, items))


@pytest.mark.parametrize(
    "answer", [[], None, 0, -5, [-5], [5], "ok", True, {"code": 0}, [{"code": -4004, "value": 5}]]
)
def test_what_may_be_a_value_refuses_nothing(answer: object) -> None:
    assert miot_calls.refused_as_a_whole(answer) is None


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"siid": 2, "piid": 1, "code": "-4001"}, -4001),
        ({"siid": "2", "piid": "1", "code": -4001}, -4001),
        ({"siid": 2, "piid": 1, "error": {"code": -4001, "message": "no"}}, -4001),
    ],
)
def test_a_refused_read_is_one_whatever_the_types(item: dict[str, Any], code: int) -> None:
    for answer in ([item], item):
        (found,) = match(_ONE, answer)
        assert (found["code"], found["piid"]) == (code, 1)
        assert miot_calls.failed(found)


def test_a_single_result_needs_no_list() -> None:
    assert match(_ONE, {"siid": 2, "piid": 1, "code": 0, "value": 7}) == [
        {"did": "a", "siid": 2, "piid": 1, "code": 0, "value": 7}
    ]
