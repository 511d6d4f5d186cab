from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.errors import PayloadDecodeException
from miio_lan.lan.payload import MAX_DEPTH, dump_payload, parse_payload, read_payload

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(json_values, st.sampled_from([b"", b"\0", b"\0\0\0"]))
def test_sound_json_needs_no_repair(value: object, end: bytes) -> None:
    payload = read_payload(dump_payload(value) + end)
    assert payload.value == value
    assert payload.repairs == ()


@pytest.mark.parametrize("value", [10**308, -(10**308), "9" * 400, [int("9" * 308), 2]])
def test_what_a_float_holds_needs_no_repair(value: object) -> None:
    assert read_payload(dump_payload(value)) == (value, ())


@given(json_values)
def test_pretty_printed_json_needs_no_repair(value: object) -> None:
    payload = read_payload(json.dumps(value, indent="\t").encode())
    assert (payload.value, payload.repairs) == (value, ())


@given(json_values)
def test_a_reading_with_damage_elsewhere_keeps_the_rest(value: object) -> None:
    """The repairing reader agrees with the strict one on everything that is not damaged."""
    text = b'{"damaged":,"sound":' + dump_payload(value) + b"}"
    assert parse_payload(text) == {"damaged": None, "sound": value}


@pytest.mark.parametrize(
    ("plain", "value", "repair"),
    [
        (b'{"id":5}\0junk"{', {"id": 5}, "NUL"),
        (b'{"id":5,,"a":1}', {"id": 5, "a": 1}, "empty member"),
        (b'{,"id":5}', {"id": 5}, "empty member"),
        (b'{"id":5,}', {"id": 5}, "empty member"),
        (b'{"r":[1,,3]}', {"r": [1, None, 3]}, "empty slot"),
        (b'{"r":[,,]}', {"r": [None, None, None]}, "empty slot"),
        (b'{"r":["on",]}', {"r": ["on", None]}, "empty slot"),
        (b'{"id":5,"result":}', {"id": 5, "result": None}, "'result' had no value"),
        (b'{"a":,"b":1}', {"a": None, "b": 1}, "'a' had no value"),
        (b'{"id":0017,"t":[007,-03,00.50]}', {"id": 17, "t": [7, -3, 0.5]}, "leading zeros"),
        (b'{"p":-,"q":.,"r":1}', {"p": None, "q": None, "r": 1}, "without digits"),
        (b'{"p":-.}', {"p": None}, "without digits"),
        (b'{"p":-..}', {"p": None}, "without digits"),
        (b'{"p":-0./}', {"p": None}, "broken number became null"),
        (b'{"p":-1.-5,"q":.0.}', {"p": None, "q": None}, "broken number became null"),
        (b'{"p":0./,"q":0.*,"r":1..2}', {"p": None, "q": None, "r": None}, "broken number became null"),
        (b'{"p":12.}', {"p": "12."}, "became text"),
        (
            b'{"p":+5,"q":-.5,"r":1.2.3,"s":2026-01-02}',
            {"p": "+5", "q": "-.5", "r": "1.2.3", "s": "2026-01-02"},
            "text",
        ),
        (b'{"p":1e999}', {"p": None}, "beyond all bounds"),
        (b'{"p":1' + b"0" * 309 + b"}", {"p": None}, "beyond all bounds"),
        (b'{"p":-001' + b"0" * 309 + b"}", {"p": None}, "beyond all bounds"),
        ('{"p":2½}'.encode(), {"p": "2½"}, "became text"),
        (b'{"mode":auto,"x":1}', {"mode": "auto", "x": 1}, "bare word"),
        (b"[very bright]", ["very bright"], "bare word"),
        (b'{"ssid":"a\x01\x02b","x":1}', {"ssid": "a\ufffd\ufffdb", "x": 1}, "control characters"),
        (b'{"ssid":"a\xff\xfe","x":1}', {"ssid": "a\ufffd\ufffd", "x": 1}, "not UTF-8"),
        (b'{"ssid":"a\\zb\\"c"}', {"ssid": 'a\\zb"c'}, "backslash"),
        (b'{"ssid":"a\\u12"}', {"ssid": "a\\u12"}, "backslash"),
        (b'\xef\xbb\xbf{"id":1}', {"id": 1}, "byte order mark"),
    ],
)
def test_damage_is_repaired_and_named(plain: bytes, value: object, repair: str) -> None:
    payload = read_payload(plain)
    assert payload.value == value
    assert any(repair in named for named in payload.repairs)


def test_strings_are_not_repaired() -> None:
    """What looks like damage inside a string is text."""
    text = b'{"a":"x,,y:,007 [,]","b":}'
    assert parse_payload(text) == {"a": "x,,y:,007 [,]", "b": None}
    assert parse_payload(b'{"a":"nul \0 inside","b":}') == {"a": "nul \ufffd inside", "b": None}


def test_each_repair_is_named_once() -> None:
    assert len(read_payload(b"[,,,,007,008]").repairs) == 2


@pytest.mark.parametrize("plain", [b"", b"\0", b"\0\0\0", b"  ", b" \0"])
def test_a_reply_without_content_has_no_data(plain: bytes) -> None:
    with pytest.raises(PayloadDecodeException, match="no data") as caught:
        parse_payload(plain)
    assert caught.value.kind == "empty"


@pytest.mark.parametrize(
    ("plain", "why"),
    [
        (b'{"id":1,"result":["o', "cut off"),
        (b'{"id":1,"resu', "cut off"),
        (b'{"id":1', "cut off"),
        (b"{", "cut off"),
        (b"[1", "cut off"),
        (b'{"id":1\0}', "cut off"),
        (b'{"a":NaN}', "NaN"),
        (b'{"a":-Infinity}', "Infinity"),
        (b'{"a":True}', "True"),
        (b'{"a":None}', "None"),
        (b"{'a':1}", "'"),
        (b"[it's]", "'"),
        (b'{"a" 1}', "':'"),
        (b'{"a":1 "b":2}', "',' or '}'"),
        (b"[1 [2]]", "',' or ']'"),
        (b'{"id":1}{"id":2}', "after the end"),
        (b"{1:2}", "a key"),
        (b"\x8f\x01\x02\x9c garbled", "not JSON"),
        (b"[" * 5000, "levels"),
        (b"]", "a value"),
    ],
)
def test_what_cannot_be_trusted_is_refused(plain: bytes, why: str) -> None:
    with pytest.raises(PayloadDecodeException, match="not JSON") as caught:
        parse_payload(plain)
    assert why in str(caught.value) or why == "not JSON"
    assert caught.value.kind == "not JSON"
    assert caught.value.raw == plain


def test_deep_but_possible_nesting_is_read() -> None:
    deep = b"[" * (MAX_DEPTH - 1) + b"," + b"]" * (MAX_DEPTH - 1)
    assert read_payload(deep).repairs == ("an empty slot of a list became null",)


def test_an_error_never_shows_a_token() -> None:
    with pytest.raises(PayloadDecodeException) as caught:
        parse_payload(b'{"token":"00112233445566778899aabbccddeeff","x')
    assert "00112233" not in str(caught.value)


@given(st.binary(max_size=300))
def test_any_bytes_raise_only_what_is_declared(plain: bytes) -> None:
    try:
        parse_payload(plain)
    except PayloadDecodeException as error:
        assert error.kind in {"empty", "not JSON"}


@given(st.text(alphabet="{}[]\",:\\ \0\n-+.0123456789eEtrufalsn'x\ud7ff", max_size=60))
def test_any_text_of_json_characters_raises_only_what_is_declared(text: str) -> None:
    try:
        value = parse_payload(text.encode())
    except PayloadDecodeException:
        return
    json.dumps(value, allow_nan=False)


@pytest.mark.parametrize("levels", [65, 500, 990, 30_000])
@pytest.mark.parametrize(("opens", "closes"), [("[", "]"), ('{"a":', "}"), ("[0,", "]"), ('[{"a":[', "]}]")])
def test_deep_nesting_is_a_declared_error(opens: str, closes: str, levels: int) -> None:
    text = '{"id":1,"result":' + opens * levels + "1" + closes * levels + "}"
    with pytest.raises(PayloadDecodeException, match="levels") as caught:
        read_payload(text.encode())
    assert caught.value.kind == "not JSON"


def test_many_brackets_side_by_side_are_not_deep() -> None:
    value = {"id": 1, "result": [[[{}]] for _ in range(1000)]}
    assert read_payload(dump_payload(value)).value == value
    deep: object = 1
    for _ in range(64):
        deep = [deep]
    assert read_payload(dump_payload(deep)).value == deep


@given(json_values)
def test_texts_are_what_the_library_writes(value: object) -> None:
    assert json.loads(dump_payload(value)) == value
    written = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    assert dump_payload(value) == written.encode()


def test_what_contains_itself_is_said_to() -> None:
    endless: list[object] = [1]
    endless.append({"more": endless})
    with pytest.raises(ValueError, match="Circular"):
        dump_payload(endless)
    deep: object = 1
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(RecursionError):
        dump_payload(deep)


@pytest.mark.parametrize("text", ['{"a":1} x', '{"a":1}{', '{"a":1},'])
def test_what_follows_a_sound_text_is_not_overlooked(text: str) -> None:
    with pytest.raises(PayloadDecodeException, match="after the end"):
        read_payload(text.encode())
