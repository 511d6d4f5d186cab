from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.steps import perform

from miio_lan.device.steps import calls
from miio_lan.device.steps.calls import Ask, PropertyTest
from miio_lan.errors import (
    DeviceError,
    DeviceInfoUnavailableException,
    DeviceTimeout,
    InvalidArgument,
    PayloadDecodeException,
)


def failing(error: Exception) -> Callable[[Ask], Any]:
    def answer(_: Ask) -> Any:
        raise error

    return answer


@pytest.mark.parametrize("answer", [{"model": "a.b.c"}, [{"model": "a.b.c"}]])
def test_info_is_an_object_perhaps_in_a_list(answer: Any) -> None:
    assert perform(calls.fetch_info(), lambda ask: answer).model == "a.b.c"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (None, "null"),
        ("ok", "a text"),
        ([], "a list"),
        ([1, 2], "a list"),
        (5, "a number"),
        (True, "true or false"),
    ],
)
def test_info_that_tells_nothing(answer: Any, kind: str) -> None:
    with pytest.raises(DeviceInfoUnavailableException, match=f"with {kind} instead.* give its model by hand"):
        perform(calls.fetch_info(), lambda ask: answer)


@pytest.mark.parametrize("error", [DeviceError(-32601), PayloadDecodeException("no data", kind="empty")])
def test_info_that_is_refused(error: Exception) -> None:
    with pytest.raises(DeviceInfoUnavailableException) as caught:
        perform(calls.fetch_info(), failing(error))
    assert caught.value.__cause__ is error


def test_info_from_nobody_stays_a_timeout() -> None:
    with pytest.raises(DeviceTimeout):
        perform(calls.fetch_info(), failing(DeviceTimeout("nobody")))


def test_slices_are_put_together_in_order() -> None:
    asked: list[Any] = []

    def answer(ask: Ask) -> Any:
        asked.append((ask.method, ask.params))
        return [name.upper() for name in ask.params]

    assert perform(calls.read_slices(list("abcde"), "get_prop", 2), answer) == list("ABCDE")
    assert asked == [("get_prop", ["a", "b"]), ("get_prop", ["c", "d"]), ("get_prop", ["e"])]


def test_a_device_that_ignores_the_names_is_believed() -> None:
    assert perform(calls.read_slices(["a", "b"], "get_prop", None), lambda ask: [1, 2, 3]) == [1, 2, 3]
    assert perform(calls.read_slices(["a", "b"], "get_prop", None), lambda ask: "unknown") == ["unknown"]


@pytest.mark.parametrize("answer", [["ok"], ["OK"], "ok", "OK", [0], 0, {"code": 0}, [["ok"]], [{"code": 0}]])
def test_spellings_of_yes(answer: object) -> None:
    assert calls.accepted(answer)


@pytest.mark.parametrize(
    "answer", [["error"], "no", 1, [-1], {"code": -1}, {}, [], None, False, ["ok", "ok"]]
)
def test_what_is_not_a_yes(answer: object) -> None:
    assert not calls.accepted(answer)


def test_wifi_parameters() -> None:
    assert calls.wifi_parameters("net", "secret", 5, {"tz": "Europe/Berlin"}) == {
        "ssid": "net",
        "passwd": "secret",
        "uid": 5,
        "tz": "Europe/Berlin",
    }
    assert calls.wifi_parameters("é" * 16, "", 0, None)["uid"] == 0


@pytest.mark.parametrize(
    ("ssid", "password"), [("", "x"), ("x" * 33, "x"), ("é" * 17, "x"), ("net", "x" * 65)]
)
def test_wifi_names_no_network_has(ssid: str, password: str) -> None:
    with pytest.raises(InvalidArgument, match="Wi-Fi") as caught:
        calls.wifi_parameters(ssid, password, 0, None)
    assert password not in str(caught.value).replace("Wi-Fi", "") or len(password) < 2


class Legacy:
    """A product that knows some properties, and answers at most ``limit`` in one request."""

    def __init__(self, limit: int, how: str) -> None:
        self.limit = limit
        self.how = how
        self.asked = 0

    def __call__(self, ask: Ask) -> Any:
        self.asked += 1
        names = list(ask.params)
        if names == ["refused"]:
            raise DeviceError(-5001, "command error")
        if len(names) > self.limit:
            if self.how == "short":
                return names[: self.limit]
            raise DeviceError(-9999, "user ack timeout")
        return ["" if name == "unknown" else f"value of {name}" for name in names]


@given(st.integers(1, 20), st.integers(1, 25), st.sampled_from(["short", "error"]))
def test_the_limit_of_a_product_is_found(count: int, limit: int, how: str) -> None:
    device = Legacy(limit, how)
    names = [f"p{number}" for number in range(count)]
    found = perform(calls.try_properties([*names, "unknown", "refused"]), device)
    assert isinstance(found, PropertyTest)
    assert found.max_properties == min(count, limit)
    assert found.supported[:count] == names
    assert found.values["unknown"] == ""
    assert isinstance(found.values["refused"], DeviceError)
    assert device.asked <= count + 2 + 6
    assert found.refusal is None


@pytest.mark.parametrize("nothing", [[], None, "", [""], [None]])
def test_nothing_is_no_value(nothing: Any) -> None:
    """Many products say so that they do not know a property."""

    def odd(ask: Ask) -> Any:
        return [44 for name in ask.params if name != "unknown"] or nothing

    found = perform(calls.try_properties(["a", "unknown", "b"]), odd)
    assert found.supported == ["a", "b"]
    assert found.max_properties == 2


def test_a_product_that_knows_nothing() -> None:
    found = perform(calls.try_properties(["refused"]), Legacy(1, "error"))
    assert (found.supported, found.max_properties) == ([], 0)
    assert found.refusal is found.values["refused"]
    with pytest.raises(InvalidArgument, match="at least one property"):
        perform(calls.try_properties([]), Legacy(1, "error"))
