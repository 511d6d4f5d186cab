"""Odd but plausible arguments, everywhere in the public face: what comes of them is a result or a declared error."""

from __future__ import annotations

import ipaddress
import pathlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.fake_device import TOKEN, FakeDevice

from miio_lan.device.blocking import Device
from miio_lan.device.info import DeviceInfo
from miio_lan.device.miot import MiotDevice, MiotValueType
from miio_lan.device.ota import UpdateProgress, UpdateState
from miio_lan.errors import DeviceException
from miio_lan.lan.responder.responder import Request

# Many per test; the socket is this process's own, so that each takes a fraction of a millisecond.
EXAMPLES = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 70_000),
    st.sampled_from(
        [10**400, -(10**400), 2**63, float("nan"), float("inf"), float("-inf"), 1e300, -0.5, 0.0]
    ),
    st.sampled_from(
        ["", "power", "\ud800", "x\0y", "ä" * 40, "1", "on", "-1", "nan", "1" * 5000, "http://h/x"]
    ),
    st.sampled_from([b"", b"power", b"\xff", bytearray(b"x"), memoryview(b"abc")]),
    st.sampled_from(
        [[], (), {}, set(), frozenset({1}), [None], [1, [2]], {"siid": 2}, {"piid": 1}, {1: 2}, {None: 1}]
    ),
    st.sampled_from(
        [[{"siid": 2, "piid": 1}], [{"siid": [1], "piid": {}}], [{"siid": "2", "piid": None}], ["a", 1]]
    ),
    st.sampled_from(
        [{"value": {1, 2}}, [object()], {"id": 1}, {"sid": object()}, [("sid", "x")], [float("nan")]]
    ),
    st.sampled_from([object(), int, len, 1j, range(3), iter(()), Ellipsis, pathlib.PurePosixPath("/x")]),
    st.sampled_from(
        [ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1"), "127.0.0.1", "::1", "fe80::1%x"]
    ),
    st.text(max_size=5),
)


def self_containing() -> list[Any]:
    found: list[Any] = []
    found.append(found)
    return found


def echo(device: FakeDevice, request: Request) -> None:
    """Answer with what was asked."""
    device.reply(request, result=request.params)


@pytest.fixture
def peer() -> Iterator[FakeDevice]:
    with FakeDevice(echo) as running:
        yield running


@pytest.fixture
def device(peer: FakeDevice) -> Iterator[Device]:
    with Device("127.0.0.1", TOKEN, port=peer.port) as made:
        yield made


@pytest.fixture
def miot(peer: FakeDevice) -> Iterator[MiotDevice]:
    names: Any = {
        "on": {"siid": 2, "piid": 1},
        "toggle": {"siid": 2, "aiid": 1},
    }
    with MiotDevice("127.0.0.1", TOKEN, port=peer.port, mapping=names) as made:
        yield made


def attempt(call: Callable[[], object]) -> None:
    """Call; anything but a result or a declared error goes through."""
    try:
        call()
    except DeviceException as error:
        assert str(error)


@EXAMPLES
@given(st.data())
def test_send(device: Device, data: st.DataObject) -> None:
    given_ = {
        name: data.draw(odd, label=name)
        for name in data.draw(
            st.sets(st.sampled_from(["extra_parameters", "repeat_safe", "timeout", "retry_count"]))
        )
    }
    command = data.draw(
        st.sampled_from(["get_prop", "toggle", "set_properties", "set_x"]) | odd, label="command"
    )
    attempt(lambda: device.send(command, data.draw(odd, label="parameters"), **given_))


METHODS: list[tuple[str, int]] = [
    ("raw_command", 2),
    ("get_properties", 1),
    ("test_properties", 1),
    ("configure_wifi", 4),
    ("update", 2),
]
MIOT_METHODS: list[tuple[str, int]] = [
    ("read", 2),
    ("write", 3),
    ("run", 3),
    ("get_properties", 1),
    ("get_property_by", 2),
    ("set_property_by", 4),
    ("call_action_by", 3),
    ("set_property", 2),
    ("call_action_from_mapping", 2),
    ("call_action", 2),
]


@EXAMPLES
@given(st.sampled_from(METHODS), st.lists(odd, min_size=4, max_size=4))
def test_methods_of_a_device(device: Device, method: tuple[str, int], arguments: list[Any]) -> None:
    attempt(lambda: getattr(device, method[0])(*arguments[: method[1]]))


@EXAMPLES
@given(st.sampled_from(MIOT_METHODS), st.lists(odd, min_size=4, max_size=4), st.booleans())
def test_methods_of_a_miot_device(
    miot: MiotDevice, method: tuple[str, int], arguments: list[Any], numbered: bool
) -> None:
    if numbered and method[1] > 1:
        arguments = (
            [2, 1, *arguments[2:]] if "propert" not in method[0] or "by" in method[0] else ["on", *arguments]
        )
    attempt(lambda: getattr(miot, method[0])(*arguments[: method[1]]))


@EXAMPLES
@given(st.lists(odd, max_size=3) | odd, odd | st.sampled_from(["get_prop", "get_properties"]), odd)
def test_reading_many(miot: MiotDevice, properties: Any, getter: Any, most: Any) -> None:
    attempt(lambda: miot.get_properties(properties, property_getter=getter, max_properties=most))
    attempt(lambda: Device.get_properties(miot, properties, property_getter=getter, max_properties=most))
    attempt(lambda: miot.get_properties_for_mapping(max_properties=most))


@EXAMPLES
@given(odd, odd)
def test_numbers_of_the_class(device: Device, timeout: Any, retry_count: Any) -> None:
    """Subclasses and users set these two as they like."""
    made = Device("127.0.0.1", TOKEN, port=device._connection.port)
    made.timeout, made.retry_count = timeout, retry_count
    with made:
        attempt(lambda: made.send("get_prop", []))
        attempt(made.info)
        attempt(lambda: made.get_properties(["power"]))
        attempt(made.send_handshake)


OF_A_DEVICE = (
    *("ip", "token", "start_id", "debug", "lazy_discover", "timeout"),
    *("model", "port", "source_ip", "max_in_flight", "observer"),
)


@EXAMPLES
@given(
    st.sampled_from([Device, MiotDevice]),
    st.dictionaries(
        st.sampled_from(OF_A_DEVICE),
        odd,
        max_size=3,
    ),
)
def test_making_a_device(peer: FakeDevice, kind: type[Device], given_: dict[str, Any]) -> None:
    arguments: dict[str, Any] = {
        "ip": "127.0.0.1",
        "token": TOKEN,
        "port": peer.port,
        "timeout": 0.05,
    } | given_

    def make_and_use() -> None:
        with kind(**arguments) as made:
            repr(made)
            made.send("get_prop", [], retry_count=0)

    # To other places, silence is an answer too.
    if arguments["ip"] == "127.0.0.1" and arguments["port"] == peer.port:
        attempt(make_and_use)
    else:
        attempt(lambda: kind(**arguments).close())


@EXAMPLES
@given(st.sampled_from(MiotValueType), odd)
def test_converting(kind: MiotValueType, value: Any) -> None:
    attempt(lambda: kind.convert(value))


@EXAMPLES
@given(odd)
def test_waiting_for_pushes(device: Device, seconds: Any) -> None:
    attempt(lambda: device.next_push(seconds))


@EXAMPLES
@given(odd)
def test_what_a_device_may_have_told(told: Any) -> None:
    """These two take what a device sent: anything is data."""
    assert isinstance(UpdateState(told), UpdateState)
    assert 0 <= UpdateProgress().observe(told) <= 100
    if isinstance(told, dict):
        assert repr(DeviceInfo(told))
        assert DeviceInfo(told).model is None


def test_what_contains_itself(device: Device, miot: MiotDevice) -> None:
    attempt(lambda: device.send("get_prop", self_containing()))
    attempt(lambda: miot.write(2, 1, self_containing()))
    attempt(lambda: miot.run(2, 1, self_containing()))
