from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.steps import perform

from miio_lan.device.steps import miot_calls
from miio_lan.device.steps.calls import Ask
from miio_lan.device.steps.miot_calls import SliceLimit, done, match, read_properties
from miio_lan.errors import DeviceError, DeviceException, DeviceTimeout, McuTimeout, PayloadDecodeException


class Product:
    """A product with properties 2.1 to 2.40, and limits of its own."""

    def __init__(
        self, *, limit: int = 99, how: str = "timeout", poison: frozenset[int] = frozenset()
    ) -> None:
        self.limit = limit
        self.how = how
        self.poison = poison
        self.lengths: list[int] = []
        self.silent = False

    def __call__(self, ask: Ask) -> Any:
        assert ask.method == "get_properties"
        self.lengths.append(len(ask.params))
        if self.silent:
            raise DeviceTimeout("silence")
        if any(item["piid"] in self.poison for item in ask.params):
            raise McuTimeout(-9999, "user ack timeout")
        if len(ask.params) <= self.limit:
            return [self._item(item) for item in ask.params]
        if self.how == "short":
            return [self._item(item) for item in ask.params[: self.limit]]
        raise {
            "timeout": McuTimeout(-9999, "user ack timeout"),
            "error": DeviceError(-5000, "Resp general error."),
            "silence": DeviceTimeout("silence"),
            "bad": PayloadDecodeException("not JSON", kind="not JSON"),
        }[self.how]

    def _item(self, item: dict[str, Any]) -> dict[str, Any]:
        return {
            "did": "1234",
            "siid": item["siid"],
            "piid": item["piid"],
            "code": 0,
            "value": item["piid"] * 10,
        }


def wanted(count: int) -> list[dict[str, Any]]:
    return [{"did": f"name{piid}", "siid": 2, "piid": piid} for piid in range(1, count + 1)]


def values(items: list[dict[str, Any]]) -> dict[str, Any]:
    return {item["did"]: item.get("value", item["code"]) for item in items}


@given(
    st.integers(1, 40), st.integers(1, 40), st.sampled_from(["timeout", "error", "silence", "bad", "short"])
)
def test_every_product_is_read_whole_and_its_limit_is_remembered(count: int, limit: int, how: str) -> None:
    product, learnt = Product(limit=limit, how=how), SliceLimit()
    items = perform(read_properties(wanted(count), learnt), product)
    assert values(items) == {f"name{piid}": piid * 10 for piid in range(1, count + 1)}
    assert [item["piid"] for item in items] == list(range(1, count + 1))
    product.lengths.clear()
    perform(read_properties(wanted(count), learnt), product)
    assert max(product.lengths) <= max(limit, 1)


def test_the_usual_length_is_tried_first_and_given_one_attempt() -> None:
    asked: list[tuple[int, int | None]] = []
    product = Product()

    def answer(ask: Ask) -> Any:
        asked.append((len(ask.params), ask.retry_count))
        return product(ask)

    perform(read_properties(wanted(40), SliceLimit()), answer)
    assert asked == [(15, 0), (15, None), (10, None)]


def test_the_caller_may_choose_the_length() -> None:
    product = Product()
    perform(read_properties(wanted(40), SliceLimit(), 30), product)
    assert product.lengths[0] > 15
    learnt = SliceLimit(learnt=4, proven=4)
    product.lengths.clear()
    perform(read_properties(wanted(12), learnt, 30), product)
    assert product.lengths == [4, 4, 4]


def test_one_bad_property_does_not_cost_the_others_nor_the_length() -> None:
    product, learnt = Product(poison=frozenset({5})), SliceLimit()
    items = perform(read_properties(wanted(12), learnt), product)
    expected = {f"name{piid}": piid * 10 for piid in range(1, 13)} | {"name5": -9999}
    assert values(items) == expected
    assert learnt.learnt is None
    perform(read_properties(wanted(12)[5:], learnt), product)
    assert product.lengths[-1] == 7


def test_a_product_whose_mcu_hangs_is_given_up_soon() -> None:
    product = Product(limit=0)
    with pytest.raises(McuTimeout):
        perform(read_properties(wanted(30), SliceLimit()), product)
    assert product.lengths == [15, 1, 1]
    product.lengths.clear()
    with pytest.raises(McuTimeout):
        perform(read_properties(wanted(30), SliceLimit(proven=15)), product)
    assert len(product.lengths) <= 6


def test_a_silent_product_is_given_up() -> None:
    product = Product()
    product.silent = True
    with pytest.raises(DeviceTimeout):
        perform(read_properties(wanted(30), SliceLimit(proven=15)), product)
    assert len(product.lengths) <= 5


def test_a_product_that_does_not_know_the_method_is_asked_twice_at_most() -> None:
    asked = []

    def answer(ask: Ask) -> Any:
        asked.append(ask)
        raise DeviceError(-5000 if len(asked) == 1 else -32601, "method not found")

    with pytest.raises(DeviceError, match="-32601"):
        perform(read_properties(wanted(30), SliceLimit()), answer)
    assert len(asked) == 2


@pytest.mark.parametrize("code", [-5001, -32602, -30020])
def test_errors_that_length_does_not_explain_are_raised(code: int) -> None:
    def answer(ask: Ask) -> Any:
        raise DeviceError(code, "no")

    with pytest.raises(DeviceError, match=str(code)):
        perform(read_properties(wanted(3), SliceLimit()), answer)


def test_properties_without_answer_are_left_out_and_not_asked_for_again_and_again() -> None:
    lengths = []

    def answer(ask: Ask) -> Any:
        lengths.append(len(ask.params))
        return [{**item, "code": 0, "value": 1} for item in ask.params if item["piid"] != 3]

    learnt = SliceLimit()
    for _ in range(3):
        items = perform(read_properties(wanted(5), learnt), answer)
        assert [item["piid"] for item in items] == [1, 2, 4, 5]
    assert lengths == [5, 1, 5, 5]
    assert learnt.learnt is None


def test_an_unreadable_property_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    def answer(ask: Ask) -> Any:
        if any(item["piid"] == 2 for item in ask.params):
            raise PayloadDecodeException("no data", kind="empty")
        return [{**item, "code": 0, "value": 1} for item in ask.params]

    items = perform(read_properties(wanted(4), SliceLimit()), answer)
    assert [item["piid"] for item in items] == [1, 3, 4]
    assert "no data" in caplog.text
    items = perform(read_properties(wanted(4)[1:], SliceLimit()), answer)
    assert [item["piid"] for item in items] == [3, 4]


def test_an_error_that_is_no_error_of_the_device_is_raised() -> None:
    def answer(ask: Ask) -> Any:
        raise DeviceException("the cable was cut")

    with pytest.raises(DeviceException, match="cable"):
        perform(read_properties(wanted(1), SliceLimit(proven=5)), answer)


@pytest.mark.parametrize("answer", ["ok", None, [], {}, ["x"]])
def test_answers_that_are_none_at_all(answer: Any) -> None:
    assert perform(read_properties(wanted(3), SliceLimit()), lambda ask: answer) == []


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
