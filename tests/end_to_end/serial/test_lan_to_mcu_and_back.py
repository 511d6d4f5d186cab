"""What a LAN caller says arrives at the MCU, and what the MCU says arrives at the caller: every kind of value, every
number of parameters, every refusal. Both ends are virtual; the socket and the pty between them are real.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.ends import Caller
from support.patient import PATIENT

from miio_lan.device.description.spec import Spec
from miio_lan.device.miot import MiotDevice
from miio_lan.errors import DeviceError
from miio_lan.lan.responder.responder import ResponderOptions
from miio_lan.record import Record
from miio_lan.uart.line import MAX_LINE, MAX_PARAMETERS, split
from miio_lan.virtual.mcu.mcu import Mcu
from miio_lan.virtual.product import VirtualProduct

FORMATS = [
    "bool",
    "uint8",
    "int8",
    "uint16",
    "int16",
    "uint32",
    "int32",
    "uint64",
    "int64",
    "float",
    "string",
]
ALL = ["read", "write", "notify"]
MANY = 64


def prop(iid: int, format_: str, access: list[str], **more: Any) -> dict[str, Any]:
    return {"iid": iid, "type": f"p{iid}", "format": format_, "access": access, **more}


def action(iid: int, piids: list[int]) -> dict[str, Any]:
    return {"iid": iid, "type": f"a{iid}", "in": piids, "out": piids}


#: Service 2 has one property of each format, 3 has 64 small ones and an action for each count of arguments, 4 refuses.
SPEC = Spec.from_json(
    {
        "model": "test.bench.v1",
        "services": [
            {
                "iid": 2,
                "type": "formats",
                "properties": [prop(i, name, ALL) for i, name in enumerate(FORMATS, 1)],
            },
            {
                "iid": 3,
                "type": "many",
                "properties": [prop(i, "uint8", ALL) for i in range(1, MANY + 1)],
                "actions": [action(n + 1, list(range(1, n + 1))) for n in range(32)],
            },
            {
                "iid": 4,
                "type": "refusals",
                "properties": [
                    prop(1, "uint8", ["write"]),
                    prop(2, "uint8", ["read"]),
                    prop(3, "uint8", ALL, **{"value-range": [10, 20, 5]}),
                    prop(4, "uint8", ALL, **{"value-list": [{"value": 1}, {"value": 4}]}),
                    prop(5, "uint8", ALL),
                ],
                "actions": [action(1, [3])],
            },
        ],
    }
)
PIID = {name: piid for piid, name in enumerate(FORMATS, 1)}

VALUES: list[tuple[str, Any]] = [
    ("bool", True),
    ("bool", False),
    ("uint8", 0),
    ("uint8", 255),
    ("int8", -128),
    ("int16", -1),
    ("uint16", 65535),
    ("int32", -(2**31)),
    ("uint32", 2**32 - 1),
    ("int64", -(2**63)),
    ("uint64", 2**64 - 1),
    ("float", 0.5),
    ("float", -0.1),
    ("float", 25.0),
    ("float", 25),
    ("float", 1e-7),
    ("float", -1.5e299),
    ("string", ""),
    ("string", " "),
    ("string", "two  blanks, and a comma"),
    ("string", 'say "hi"'),
    ("string", "C:\\n\\u0020 \\"),
    ("string", '\\"'),
    ("string", "tab\tCR\rLF\nNUL\0DEL\x7f"),
    ("string", "Luftreiniger für die Küche"),
    ("string", "空气净化器 👍"),
    ("string", "true"),
    ("string", "12"),
    ("string", "12345/A026Z00001"),
]


def echo(mcu: Mcu, words: Any) -> list[Any]:
    return [json.loads(word) for word in words]


class Lines:
    """Remembers what crosses the line."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def __call__(self, record: Record) -> None:
        self.records.append(record)

    def longest(self) -> tuple[int, int]:
        """Most parameters and most characters of any line."""
        texts = [record.raw.strip(b"\r").decode() for record in self.records]
        # The method of a downlink is part of the command, not a parameter.
        counts = [len(split(text)) - (2 if text.startswith("down ") else 1) for text in texts]
        return max(counts), max(map(len, texts))


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def product(lines: Lines) -> Iterator[VirtualProduct]:
    # No device takes 64 properties in one datagram; here the line is what is looked at.
    roomy = {"responder_options": ResponderOptions(max_request=8192)}
    polling = {"poll_interval": 0.001}
    with VirtualProduct(
        SPEC, profile=PATIENT, observer=lines, mcu_options=polling, module_options=roomy
    ) as product:
        product.call(lambda now: product.mcu.methods.update(echo=echo))
        yield product


@pytest.fixture
def caller(product: VirtualProduct) -> Iterator[Caller]:
    with Caller(product.host, product.port, product.token) as caller:
        yield caller


def same(one: object, other: object) -> bool:
    """Equal, and of the same type: 25 and 25.0 are two things on both wires, as are 1 and true."""
    return type(one) is type(other) and one == other


def there_and_back(product: VirtualProduct, caller: Caller, name: str, value: Any) -> None:
    ids = {"siid": 2, "piid": PIID[name]}
    [answer] = caller.result("set_properties", [ids | {"value": value}])
    assert answer == ids | {"code": 0}
    held = product.call(lambda now: product.mcu.values[2, PIID[name]])
    assert same(held, value)
    [answer] = caller.result("get_properties", [ids])
    assert answer == ids | {"code": 0, "value": value}
    assert same(answer["value"], value)


class TestValues:
    @pytest.mark.parametrize(("name", "value"), VALUES, ids=repr)
    def test_arrive_as_they_are(self, product: VirtualProduct, caller: Caller, name: str, value: Any) -> None:
        there_and_back(product, caller, name, value)

    def test_any_value_arrives_as_it_is(self, product: VirtualProduct, caller: Caller) -> None:
        numbers = st.floats(allow_nan=False, allow_infinity=False).filter(lambda f: abs(f) <= 1e300)
        texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)

        @given(
            st.one_of(
                st.tuples(st.just("bool"), st.booleans()),
                st.tuples(st.just("int64"), st.integers(-(2**63), 2**63 - 1)),
                st.tuples(st.just("float"), numbers),
                st.tuples(st.just("string"), texts),
            )
        )
        def check(pair: tuple[str, Any]) -> None:
            there_and_back(product, caller, *pair)

        check()

    def test_an_action_carries_every_kind_in_and_out(self, product: VirtualProduct) -> None:
        with Caller(product.host, product.port, product.token) as caller:
            values = [
                value for _, value in VALUES if isinstance(value, (bool, int, float)) or len(value) < 12
            ]
            assert all(map(same, caller.result("echo", values), values))

    def test_the_did_comes_back_whatever_it_is(self, caller: Caller) -> None:
        for did in ("", "2-1", "lamp 7", "灯", 5, None, True):
            item = {"did": did, "siid": 2, "piid": 1}
            [answer] = caller.result("get_properties", [item])
            assert answer == item | {"code": 0, "value": False}

    def test_a_text_longer_than_a_line_is_refused_and_the_next_command_works(self, caller: Caller) -> None:
        ids = {"siid": 2, "piid": PIID["string"]}
        assert caller.error("set_properties", [ids | {"value": "x" * 512}]) == -32605
        assert caller.result("get_properties", [ids]) == [ids | {"code": 0, "value": ""}]

    def test_a_text_that_only_fits_one_way_costs_nothing_but_itself(
        self, product: VirtualProduct, caller: Caller
    ) -> None:
        product.call(lambda now: product.mcu.put(2, PIID["string"], "x" * 600))
        ids = [{"siid": 2, "piid": PIID["string"]}, {"siid": 2, "piid": 1}]
        assert caller.result("get_properties", ids[:1]) == [ids[0] | {"code": -4004}]
        assert caller.result("get_properties", ids[1:]) == [ids[1] | {"code": 0, "value": False}]


class TestCounts:
    """1 to 64 of everything; no line ever exceeds 64 parameters and 511 characters."""

    def test_properties(self, product: VirtualProduct, caller: Caller, lines: Lines) -> None:
        for count in range(1, MANY + 1):
            values = [(count * 7 + piid) % 256 for piid in range(1, count + 1)]
            ids = [{"siid": 3, "piid": piid} for piid in range(1, count + 1)]
            wanted = [item | {"value": value} for item, value in zip(ids, values, strict=True)]
            assert caller.result("set_properties", wanted) == [item | {"code": 0} for item in ids]
            assert caller.result("get_properties", ids) == [item | {"code": 0} for item in wanted]
        product.close()
        parameters, characters = lines.longest()
        assert parameters == MAX_PARAMETERS
        assert characters <= MAX_LINE

    def test_values_of_a_legacy_method(self, product: VirtualProduct, caller: Caller, lines: Lines) -> None:
        for count in range(1, MANY + 1):
            values = [count, *range(1, count)]
            assert caller.result("echo", values) == values
        assert caller.error("echo", list(range(MANY + 1))) == -32605
        assert caller.result("echo", [1]) == [1]
        product.close()
        assert lines.longest()[0] == MAX_PARAMETERS

    def test_arguments_of_an_action(self, product: VirtualProduct, caller: Caller, lines: Lines) -> None:
        for count in range(32):
            arguments = [{"piid": piid, "value": (count + piid) % 256} for piid in range(1, count + 1)]
            product.call(lambda now: product.mcu.actions.update({(3, count + 1): lambda mcu, given: given}))  # noqa: B023
            answer = caller.result("action", {"siid": 3, "aiid": count + 1, "in": arguments})
            # An answer has three parameters before its pairs, a downlink two: 31 pairs go in and do not come out.
            whole = {"siid": 3, "aiid": count + 1, "code": 0, "out": arguments}
            assert answer == (whole if count < 31 else {"siid": 3, "aiid": count + 1, "code": -4004})
        product.close()
        assert lines.longest()[0] == MAX_PARAMETERS


class TestRefusals:
    """Each status code of the document, at the LAN, and the command after it."""

    CASES = [
        ("get_properties", {"siid": 4, "piid": 1}, -4001),
        ("set_properties", {"siid": 4, "piid": 2, "value": 1}, -4002),
        ("get_properties", {"siid": 4, "piid": 9}, -4003),
        ("get_properties", {"siid": 9, "piid": 1}, -4003),
        ("set_properties", {"siid": 4, "piid": 9, "value": 1}, -4003),
        ("action", {"siid": 4, "aiid": 9, "in": []}, -4003),
        ("set_properties", {"siid": 4, "piid": 3, "value": 25}, -4005),
        ("set_properties", {"siid": 4, "piid": 3, "value": 12}, -4005),
        ("set_properties", {"siid": 4, "piid": 4, "value": 2}, -4005),
        ("set_properties", {"siid": 4, "piid": 5, "value": "1"}, -4005),
        ("set_properties", {"siid": 4, "piid": 5, "value": True}, -4005),
        ("set_properties", {"siid": 4, "piid": 5, "value": 1.0}, -4005),
        ("set_properties", {"siid": 4, "piid": 5, "value": 256}, -4005),
        ("action", {"siid": 4, "aiid": 1, "in": []}, -4006),
        ("action", {"siid": 4, "aiid": 1, "in": [{"piid": 3, "value": 11}]}, -4006),
        ("action", {"siid": 4, "aiid": 1, "in": [{"piid": 5, "value": 10}]}, -4006),
    ]

    @pytest.mark.parametrize(("method", "item", "code"), CASES)
    def test_by_the_description(self, caller: Caller, method: str, item: dict[str, Any], code: int) -> None:
        ids = {key: number for key, number in item.items() if key in ("siid", "piid", "aiid")}
        answer = caller.result(method, item if method == "action" else [item])
        assert answer == (ids | {"code": code} if method == "action" else [ids | {"code": code}])
        assert caller.result("get_properties", [{"siid": 4, "piid": 2}])[0]["code"] == 0

    @pytest.mark.parametrize("code", range(-4007, -4000))
    def test_whatever_the_product_says(self, product: VirtualProduct, caller: Caller, code: int) -> None:
        product.call(lambda now: product.mcu.table.faults.update({(4, 5): code}))
        product.call(lambda now: product.mcu.actions.update({(4, 1): lambda mcu, given: code}))
        ids = {"siid": 4, "piid": 5}
        assert caller.result("get_properties", [ids]) == [ids | {"code": code}]
        assert caller.result("set_properties", [ids | {"value": 1}]) == [ids | {"code": code}]
        argument = {"piid": 3, "value": 10}
        called = {"siid": 4, "aiid": 1}
        assert caller.result("action", called | {"in": [argument]}) == called | {"code": code}
        product.call(lambda now: product.mcu.table.faults.clear())
        assert caller.result("get_properties", [ids]) == [ids | {"code": 0, "value": 0}]

    @pytest.mark.parametrize("code", range(-4007, -4000))
    def test_a_device_raises_them(self, product: VirtualProduct, code: int) -> None:
        product.call(lambda now: product.mcu.table.faults.update({(4, 5): code}))
        with MiotDevice(product.host, product.token, port=product.port) as device:
            with pytest.raises(DeviceError) as caught:
                device.read(4, 5)
            assert caught.value.code == code
            with pytest.raises(DeviceError) as caught:
                device.write(4, 5, 1)
            assert caught.value.code == code
            assert device.read(4, 2) == 0

    def test_good_and_bad_in_one_request(self, caller: Caller) -> None:
        items = [{"siid": 4, "piid": piid} for piid in (1, 2, 9, 5)]
        assert [item["code"] for item in caller.result("get_properties", items)] == [-4001, 0, -4003, 0]
        values = [item | {"value": 7} for item in items]
        assert [item["code"] for item in caller.result("set_properties", values)] == [0, -4002, -4003, 0]

    def test_unknown_methods_are_the_products_own_error(self, caller: Caller) -> None:
        assert caller.ask("turn_into_a_toad", [1])["error"] == {"code": -5000, "message": "method not found"}
        assert caller.result("echo", [1]) == [1]

    @pytest.mark.parametrize(
        ("method", "params"),
        [
            ("get_properties", []),
            ("get_properties", {"siid": 2, "piid": 1}),
            ("get_properties", [{"siid": 2}]),
            ("set_properties", [{"siid": 2, "piid": 1}]),
            ("set_properties", [{"siid": 2, "piid": 1, "value": None}]),
            ("set_properties", [{"siid": 2, "piid": 1, "value": [1]}]),
            ("action", [1]),
            ("action", {"siid": 3, "aiid": 1, "in": 5}),
            ("get_properties", [{"siid": -1, "piid": 1}]),
            ("get_properties", [{"siid": "2", "piid": 1}]),
        ],
    )
    def test_malformed_requests_never_reach_the_line(
        self, caller: Caller, lines: Lines, method: str, params: Any
    ) -> None:
        assert caller.error(method, params) == -32602
        assert caller.result("echo", [1]) == [1]
        downs = [record.raw for record in lines.records if record.raw.startswith(b"down ")]
        assert not [raw for raw in downs if method.encode() in raw]


def test_floats_that_are_none_are_refused(caller: Caller) -> None:
    ids = {"siid": 2, "piid": PIID["float"]}
    [answer] = caller.result("set_properties", [ids | {"value": 1.7e308}])
    assert answer["code"] == -4005
    assert math.isclose(caller.result("get_properties", [ids])[0]["value"], 0.0)
