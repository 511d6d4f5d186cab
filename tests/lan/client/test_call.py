"""The text of a command: written once, the same in every copy but for its id."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.link import TOKEN, Link

from miio_lan.errors import DeviceException, DeviceTimeout, RequestTooLong
from miio_lan.lan.client.call import Call
from miio_lan.lan.client.ids import MAX_ID
from miio_lan.lan.packet import HELLO, MAX_REQUEST, decode, sealed_size

#: Any text that Python can hold, lone surrogates too.
texts = st.text(st.characters(exclude_categories=()), max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
ids = st.integers(1, MAX_ID)


def made(method: str = "get_x") -> Call:
    return Call(method, 0.0, 5.0, 20.0, 3, safe=True)


def in_full(number: int, method: str, params: object, extra: dict[str, Any]) -> bytes:
    """What a request is: written as a whole, in the order in which devices have always got it."""
    request = {"id": number, "method": method, "params": params, **extra}
    text = json.dumps(request, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    try:
        return text.encode()
    except UnicodeEncodeError:
        return json.dumps(request, separators=(",", ":"), allow_nan=False).encode()


@given(
    texts,
    values,
    st.dictionaries(texts.map(lambda text: f"x{text}"), values, max_size=2),
    st.lists(ids, min_size=1),
)
def test_every_copy_is_what_would_be_written_as_a_whole(
    method: str, params: object, extra: dict[str, Any], numbers: list[int]
) -> None:
    call = made(method)
    first, *later = numbers
    call.write(first, params, extra)
    assert call.payload == in_full(first, method, params, extra)
    for number in later:
        call.carry(number)
        assert (call.id, call.payload) == (number, in_full(number, method, params, extra))


@pytest.mark.parametrize("first", [1, 99_999, MAX_ID])
def test_what_was_let_go_out_fits_under_every_id(first: int) -> None:
    sizes = set()
    for length in range(880, 960):
        call = made()
        try:
            call.write(first, ["x" * length], None)
        except RequestTooLong:
            break
        call.carry(MAX_ID)
        sizes.add(sealed_size(len(call.payload)))
    assert max(sizes) == MAX_REQUEST - MAX_REQUEST % 16
    assert length < 959


# --- the caller's objects change meanwhile ----------------------------------------------------------------------------


def sent(link: Link, method: str) -> list[dict[str, Any]]:
    found: list[Any] = [decode(datagram, TOKEN).payload for _, datagram in link.sent if datagram != HELLO]
    return [each for each in found if each["method"] == method]


def test_all_copies_of_a_command_have_the_values_of_its_beginning() -> None:
    link = Link()
    link.call("get_prop")
    link.deaf = True
    params: list[Any] = [{"siid": 2, "piid": 1, "value": 1}]
    extra = {"sid": "one"}
    call = link.start("set_properties", params, extra=extra)
    params[0]["value"], extra["sid"] = 2, "two"
    params.append({"siid": 2, "piid": 2, "value": 3})
    link.run()
    copies = sent(link, "set_properties")
    assert len(copies) > 2
    for copy in copies:
        assert (copy["params"], copy["sid"]) == ([{"siid": 2, "piid": 1, "value": 1}], "one")
    with pytest.raises(DeviceTimeout):
        call.outcome()


@pytest.mark.parametrize(
    "spoil", [lambda params: params.append({1, 2}), lambda params: params.append(params)]
)
def test_what_becomes_of_the_parameters_meanwhile_hurts_no_call(spoil: Any) -> None:
    link = Link(max_in_flight=2)
    link.call("get_prop")
    link.deaf = True
    params = [1]
    calls = [link.start("get_x", params), link.start("get_y", ["mine"])]
    spoil(params)
    link.run()
    for call in calls:
        assert call.sends > 2
        with pytest.raises(DeviceTimeout):
            call.outcome()


def test_an_error_is_answered_with_the_same_words_under_another_id() -> None:
    link = Link()
    answers = iter([{"error": (-30012, "Busy.")}, {"result": ["ok"]}])
    link.replies["toggle"] = lambda _: next(answers)
    params = ["left"]
    call = link.start("toggle", params)
    params[0] = "right"
    link.run()
    assert call.outcome() == ["ok"]
    first, second = sent(link, "toggle")
    assert first["id"] != second["id"]
    assert first["params"] == second["params"] == ["left"]


def test_what_has_no_json_form_is_refused_when_the_call_is_made() -> None:
    link = Link()
    with pytest.raises(DeviceException, match="the parameters of get_x have no JSON form"):
        link.session.command("get_x", [{1}], link.now, timeout=5, retry_count=0)
    assert not link.session.busy
