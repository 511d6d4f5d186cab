"""Whatever comes in on either side: no exception, no growth, and the next line and datagram are served."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.lan import packet
from miio_lan.virtual.module.line.console import MAX_LINE_BYTES, MAX_UNREAD

PEERS = [("127.0.0.1", 1), ("127.0.0.1", 2)]
PROFILES = ["document", "older", "newer"]

words = st.sampled_from(
    [
        *(
            "model",
            "mcu_version",
            "ble_config",
            "get_down",
            "result",
            "error",
            "properties_changed",
            "event_occured",
        ),
        *(
            "echo",
            "net",
            "time",
            "mac",
            "version",
            "help",
            "props",
            "event",
            "log",
            "reboot",
            "restore",
            "factory",
        ),
        *(
            "on",
            "off",
            "set",
            "dump",
            "posix",
            "0",
            "1",
            "2",
            "-4004",
            "-5001",
            "0001",
            "true",
            '"a b"',
            '"',
            "x.y.z",
        ),
        *("1e999", "9" * 30, "\\u0020", "{", "[1", ",", "null", '"\\ud800"'),
    ]
)
lines = st.lists(words, max_size=8).map(lambda parts: " ".join(parts).encode() + b"\r")
ids = st.integers(-1, 3) | st.none()
values = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
items = st.fixed_dictionaries(
    {}, optional={"did": values, "siid": ids, "piid": ids, "aiid": ids, "value": values}
)
params = (
    values
    | items
    | st.lists(items | values, max_size=40)
    | st.fixed_dictionaries({"siid": ids, "aiid": ids, "in": st.lists(items | values, max_size=40)})
)
methods = st.sampled_from(
    [
        *(
            "get_properties",
            "set_properties",
            "action",
            "get_prop",
            "miIO.info",
            "miIO.config_router",
            "miIO.ota",
        ),
        *(
            "miIO.get_ota_state",
            "miIO.get_ota_progress",
            "miIO.sub",
            "miIO.unsub",
            "miIO.reboot",
            "miIO.restore",
        ),
        *("miIO.wifi_assoc_state", "none", "update_fw"),
    ]
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("bytes"), st.binary(max_size=60)),
        st.tuples(st.just("bytes"), lines),
        st.tuples(st.just("call"), st.tuples(methods | st.text(max_size=5), params)),
        st.tuples(st.just("wait"), st.floats(0, 5)),
        st.tuples(st.just("net"), st.sampled_from(["cloud", "offline", "uap", "local"])),
    ),
    max_size=25,
)


@given(st.sampled_from(PROFILES), steps)
def test_any_course_of_events(bench, profile, course):
    chip = bench(profile=profile)
    asked, answered = set(), []
    for kind, what in course:
        if kind == "bytes":
            chip.bytes(what)
        elif kind == "call":
            if (
                len(
                    packet.encode(
                        {"method": what[0], "params": what[1]}, token=bytes(16), device_id=1, stamp=0
                    )
                )
                < 900
            ):
                asked.add(chip.send(what[0], what[1], peer=PEERS[len(asked) % 2]))
        elif kind == "wait":
            chip.wait(what)
        else:
            chip.module.set_net(what, chip.now)
        answered += [reply["id"] for reply in chip.replies() if "method" not in reply]
        assert len(chip.module.queue) <= 8
    assert len(answered) == len(set(answered))
    assert set(answered) <= asked
    recovers(chip)


harmless = lines.filter(lambda line: not line.startswith((b"reboot", b"restore", b"factory")))
peaceful = st.lists(
    st.one_of(
        st.tuples(st.just("bytes"), st.binary(max_size=60)),
        st.tuples(st.just("bytes"), harmless),
        st.tuples(
            st.just("bytes"), st.sampled_from([b"get_down\r", b"result 1 1 0 1\r", b'error "x" -5001\r'])
        ),
        st.tuples(
            st.just("call"), st.sampled_from(["get_properties", "set_properties", "action", "m", "miIO.info"])
        ),
        st.tuples(st.just("wait"), st.floats(0, 5)),
    ),
    max_size=40,
)


@given(st.sampled_from(["document", "older"]), peaceful)
def test_every_call_is_answered_exactly_once(bench, profile, course):
    chip = bench(profile=profile)
    asked, answered = [], []
    for kind, what in course:
        if kind == "bytes":
            chip.bytes(what)
        elif kind == "call":
            item = {"siid": 1, "piid": 1, "aiid": 1, "value": 1}
            asked.append(chip.send(what, item if what == "action" else [item], peer=PEERS[len(asked) % 2]))
        else:
            chip.wait(what)
        answered += [reply["id"] for reply in chip.replies()]
    chip.wait(600)
    answered += [reply["id"] for reply in chip.replies()]
    assert sorted(answered) == asked
    assert len(chip.module.queue) == 0


def recovers(chip):
    """After whatever happened: a CR, a moment, and all is well."""
    chip.bytes(b"\r")
    chip.uart("echo off")
    chip.wait(130)
    chip.module.set_net("cloud", chip.now)
    chip.replies()
    assert chip.uart("net") in {"cloud\r", "updating\r"}
    while chip.uart("get_down") not in {"down none\r", "error\r"}:
        pass
    chip.wait(130)
    chip.drain()
    number = chip.send("get_properties", [{"siid": 1, "piid": 1}])
    assert chip.uart("get_down") == "down get_properties 1 1\r"
    assert chip.uart("result 1 1 0 7") == "ok\r"
    assert {"siid": 1, "piid": 1, "code": 0, "value": 7} in next(
        reply["result"] for reply in chip.replies() if reply["id"] == number and "result" in reply
    )


@given(st.lists(st.binary(max_size=100), max_size=20))
def test_any_datagrams(bench, datagrams):
    chip = bench()
    for data in datagrams:
        chip.module.receive_lan(data, PEERS[0], chip.now)
    assert chip.call("miIO.info")["life"] == 1


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("noise", [b"x" * 10_000, b"\xff" * 10_000, b'"' * 10_000, b"1 " * 5000])
def test_endless_lines_are_bounded(bench, profile, noise):
    chip = bench(profile=profile)
    for _ in range(20):
        assert chip.bytes(noise) == b""
    assert len(chip.module.console._reader._buffer) <= MAX_LINE_BYTES
    chip.bytes(b"\r")
    assert chip.uart("net") == "cloud\r"


def test_output_nobody_reads_is_bounded(bench):
    chip = bench()
    for _ in range(200):
        chip.module.receive_uart(b"help\r" * 20, chip.now)
    assert len(chip.module.take_uart()) == MAX_UNREAD


@given(st.binary(max_size=60), st.data())
def test_pieces_make_no_difference(bench, data, draw):
    whole, pieces = bench(), bench()
    data = data.replace(b"z", b"net\r") + b"\rmac\r"
    cut = draw.draw(st.integers(0, len(data)))
    assert whole.bytes(data) == pieces.bytes(data[:cut]) + pieces.bytes(data[cut:])
