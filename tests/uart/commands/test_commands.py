from __future__ import annotations

import json
import pickle
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from miio_lan.errors import LineError
from miio_lan.uart.commands import (
    EXTRAS,
    NET_STATES,
    STATUS_CODES,
    Action,
    Argument,
    BleConfig,
    Command,
    Down,
    Echo,
    Error,
    EventOccured,
    Factory,
    GetDown,
    GetProperties,
    Help,
    Known,
    Legacy,
    LegacyEvent,
    Log,
    Mac,
    McuVersion,
    Model,
    Net,
    NetChange,
    Noise,
    Notice,
    PropertiesChanged,
    PropertyId,
    PropertyResult,
    PropertyValue,
    Props,
    Reboot,
    Reply,
    Restore,
    Result,
    SetProperties,
    Time,
    Version,
    read,
)

# Every pair of lines the serial document prints. The ok that some examples leave out after a result is put back.
DOCUMENT = """
↑model
↓xiaomi.dev.v1
↑model xiaomi.prod.v2
↓ok
↑model
↓xiaomi.prod.v2
↑model company.product_name_that_is_too_long.v2
↓error
↑model plug
↓error
↑mcu_version 0001
↓ok
↑mcu_version A001
↓error
↑mcu_version 1
↓error
↑ ble_config set 156 0001
↓ ok
↑ ble_config dump
↓ ["product id":190,"version":1.3.0_0000]
↑get_down
↓down none
↑get_down
↓down set_properties 1 1 10
↑result 1 1 0
↓ok
↑get_down
↓down action 1 1
↑get_down
↓error
↑get_down
↓down error_cmd
↑error "memory error" -5003
↓ok
↑error "stuck" -5001
↓ok
↑properties_changed 1 1 17 1 2  "hi"
↓ok
↑properties_changed 1 1
↓error
↑get_down
↓down MIIO_net_change cloud
↑properties_changed 1 5 “12345/A026Z00001”
↓ok
↑event_occured 1 1 1 17 2  "hi"
↓ok
↑event_occured 1
↓error
↑reboot
↓ok
↑restore
↓ok
↑factory
↓ok
↑net
↓offline
↑net
↓local
↑net
↓cloud
↑time
↓2015-06-04 16:58:07
↑time posix
↓1434446397
↑mac
↓34ce00892ab7
↑version
↓2.0.0
↑ get_down
↓ down set_properties 1 1 10 1 88  "str_value"
↑ result 1 1 0 1 88 -4003
↓ok
↑properties_changed 1 1 10
↓ok
↑ get_down
↓ down get_properties 1 2 1 3
↑ result 1 2 0 10 1 3 0 "str_value"
↓ok
↑ get_down
↓ down action 1 1 1 10
↑ result 1 1 0 3 10
↓ok
↑get_down
↓down update_fw
↑result "ready"
↓ok
"""


def test_every_example_of_the_document() -> None:
    """A module refuses exactly the examples that do not conform, and answers all others."""
    refused: list[str] = []
    down: Down | None = None
    lines = DOCUMENT.split("\n")[1:-1]
    for up, back in zip(lines[::2], lines[1::2], strict=True):
        assert (up[0], back[0]) == ("↑", "↓")
        command = read(up[1:], direction="up", pending=down)
        answer = read(back[1:], direction="down", pending=command)
        assert not isinstance(command, Noise)
        assert answer.valid, answer.problem
        if isinstance(answer, Reply) and answer.refused:
            refused.append(up[1:].strip())
        elif "“" not in up:
            assert command.valid, command.problem
        down = answer if isinstance(answer, Down) else down
    assert refused == [
        "model company.product_name_that_is_too_long.v2",
        "model plug",
        "mcu_version A001",
        "mcu_version 1",
        "get_down",
        "properties_changed 1 1",
        "event_occured 1",
    ]


IDS = st.integers(0, 70_000)
WORDS = st.from_regex(r"[A-Za-z0-9_]{1,12}", fullmatch=True)
VALUES = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**64),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
)
JSON = st.recursive(
    st.one_of(st.none(), VALUES),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
ARGUMENTS = st.lists(st.builds(Argument, IDS, VALUES), max_size=4).map(tuple)
CODES = st.sampled_from(sorted(STATUS_CODES))
PART = st.from_regex(r"[A-Za-z0-9_]{1,7}", fullmatch=True)
MODELS = st.tuples(PART, PART, PART).map(".".join)
VERSIONS = st.from_regex(r"[0-9]{4}", fullmatch=True)
PAIRS = st.lists(st.tuples(IDS, IDS), min_size=1, max_size=5, unique=True)

UPS: st.SearchStrategy[Command] = st.one_of(
    st.builds(Model, st.one_of(st.none(), MODELS)),
    st.builds(McuVersion, VERSIONS),
    st.builds(BleConfig, st.just("set"), st.integers(0, 65535), VERSIONS),
    st.just(BleConfig("dump")),
    st.sampled_from([GetDown(), Reboot(), Restore(), Factory(), Net(), Mac(), Version(), Help()]),
    st.builds(Time, st.booleans()),
    st.builds(Echo, st.sampled_from(["on", "off"])),
    st.builds(Error, st.text(max_size=30), st.integers(-9999, -5000)),
    st.lists(st.builds(PropertyValue, IDS, IDS, VALUES), min_size=1, max_size=5).map(
        lambda changes: PropertiesChanged(tuple(changes))
    ),
    st.builds(EventOccured, IDS, IDS, ARGUMENTS),
    st.lists(st.tuples(WORDS, VALUES), min_size=1, max_size=5).map(lambda props: Props(tuple(props))),
    st.builds(LegacyEvent, WORDS, st.lists(VALUES, max_size=4).map(tuple)),
    st.builds(Log, WORDS, st.lists(VALUES, max_size=4).map(tuple)),
    st.builds(Known, st.sampled_from(sorted(EXTRAS)), st.lists(WORDS, max_size=4).map(tuple)),
)
METHODS = WORDS.map(lambda word: f"x{word}")
DOWNS: st.SearchStrategy[Down] = st.one_of(
    st.builds(Notice, st.sampled_from(["none", "MIIO_mcu_version_req", "MIIO_model_req", "update_fw"])),
    st.builds(NetChange, st.sampled_from(sorted(NET_STATES))),
    PAIRS.map(lambda pairs: GetProperties(tuple(PropertyId(*pair) for pair in pairs))),
    st.lists(st.builds(PropertyValue, IDS, IDS, VALUES), min_size=1, max_size=5).map(
        lambda rows: SetProperties(tuple(rows))
    ),
    st.builds(Action, IDS, IDS, ARGUMENTS),
    st.builds(Legacy, METHODS, st.lists(JSON, max_size=4).map(tuple)),
)


def same(found: Command, written: Command) -> None:
    """Equal, and also where Python takes 1, 1.0 and True for the same."""
    assert found == written
    assert found.valid, found.problem
    assert json.dumps(found.as_json()) == json.dumps(written.as_json())


def written(command: Command) -> bytes:
    try:
        return command.encode()
    except LineError as error:
        assume("characters" not in str(error))
        raise


@given(UPS)
def test_write_then_read_is_the_identity_uplink(command: Command) -> None:
    same(read(written(command), direction="up"), command)


@given(DOWNS)
def test_write_then_read_is_the_identity_downlink(down: Down) -> None:
    # A line has what is inside of the array: one array within is taken for the brackets of that.
    params = down.params if isinstance(down, Legacy) else ()
    assume(not (len(params) == 1 and isinstance(params[0], list)))
    same(read(written(down), direction="down"), down)


@pytest.mark.untraced
@given(st.data(), PAIRS)
def test_write_then_read_is_the_identity_results_of_gets(
    data: st.DataObject, pairs: list[tuple[int, int]]
) -> None:
    rows = [
        PropertyResult(*ids, code, *([data.draw(VALUES)] if code == 0 else []))
        for ids in pairs
        for code in [data.draw(CODES)]
    ]
    pending = GetProperties(tuple(PropertyId(*ids) for ids in pairs))
    result = Result.for_get(rows)
    same(read(written(result), direction="up", pending=pending), result)


@given(st.data(), PAIRS)
def test_write_then_read_is_the_identity_results_of_sets(
    data: st.DataObject, pairs: list[tuple[int, int]]
) -> None:
    pending = SetProperties(tuple(PropertyValue(*ids, data.draw(VALUES)) for ids in pairs))
    result = Result.for_set([(*ids, data.draw(CODES)) for ids in pairs])
    same(read(result.encode(), direction="up", pending=pending), result)


@given(IDS, IDS, CODES, ARGUMENTS)
def test_write_then_read_is_the_identity_results_of_actions(
    siid: int, aiid: int, code: int, out: tuple[Argument, ...]
) -> None:
    result = Result.for_action(siid, aiid, code, out)
    same(read(written(result), direction="up", pending=Action(siid, aiid)), result)


@given(METHODS, st.lists(JSON, min_size=1, max_size=5))
def test_write_then_read_is_the_identity_results_of_methods(method: str, values: list[object]) -> None:
    result = Result.for_values(values, method)
    same(read(written(result), direction="up", pending=Legacy(method)), result)


@given(UPS, st.sampled_from(["ok", "error"]))
def test_write_then_read_is_the_identity_replies(command: Command, text: str) -> None:
    reply = Reply(text, command)
    try:
        line = reply.encode()
    except LineError:
        assert text == "ok"
        assert read("ok", direction="down", pending=command).problem
    else:
        same(read(line, direction="down", pending=command), reply)


TOKENS = [
    *(
        "0",
        "1",
        "2",
        "-1",
        "-4001",
        "01",
        "1.5",
        "true",
        "null",
        "on",
        "down",
        "result",
        "error",
        "model",
        "get_down",
    ),
    *(
        "props",
        "call",
        "json_send",
        "properties_changed",
        "event_occured",
        "get_properties",
        "set_properties",
        "ok",
    ),
    *("action", "ble_config", "set", "update_fw", '"a b"', '"', "“x”", "a,b", '{"a":', "[1,2]", "# "),
    *("\x00", "\x08", "\r", "\xff"),
]
GARBAGE = st.one_of(
    st.binary(max_size=80), st.text(max_size=80), st.lists(st.sampled_from(TOKENS), max_size=12).map(" ".join)
)


@given(GARBAGE, st.sampled_from(["up", "down"]), st.one_of(st.none(), GARBAGE, UPS, DOWNS))
def test_reading_never_raises(line: bytes | str, direction: Any, pending: Any) -> None:
    command = read(line, direction=direction, pending=pending)
    reading = command.as_json()
    assert json.loads(json.dumps(reading)) == reading
    assert command.valid is reading["valid"]
    assert bool(reading.get("problem")) is not reading["valid"]
    assert reading["command"] == command.command
    repr(command)


HEADS = st.sampled_from(
    [
        ("up", "properties_changed 1 1"),
        ("up", "event_occured 1 1"),
        ("up", "props temp"),
        ("up", "event pressed"),
        ("up", "set_log_level"),
        ("up", "json_send"),
        ("down", "down get_properties 1 1"),
        ("down", "down set_properties 1 1"),
        ("down", "down action 1 1"),
        ("down", "down old"),
        ("down", "down ble_event"),
    ]
)
LEGAL = st.sampled_from(["0", "1", "2.50", "true", '"a b"', '"true"', r'"\u0020\""', "1e3", "-7", "[1]"])


@settings(suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(HEADS, st.lists(LEGAL, max_size=4))
def test_what_is_read_as_valid_is_written_again_with_the_same_meaning(
    head: tuple[Any, str], tail: list[str]
) -> None:
    direction, start = head
    command = read(" ".join((start, *tail)), direction=direction)
    assume(command.valid)
    assert read(command.encode(), direction=direction).as_json() == command.as_json()


@pytest.mark.parametrize(
    ("line", "direction", "pending", "answers"),
    [
        ("result 1 1 0", "up", "down set_properties 1 1 5", "set_properties"),
        ("result 1 1 0", "up", b"down set_properties 1 1 5\r", "set_properties"),
        ("result 1 1 0", "up", "set_properties 1 1 5", "set_properties"),
        ("result 1 1 0", "up", SetProperties((PropertyValue(1, 1, 5),)), "set_properties"),
        ("result 1 1 0", "up", GetDown(), None),
        ("result 1 1 0", "up", "get_down", None),
        ("result 1 1 0", "up", "down", None),
        ("result 1 1 0", "up", "ok", None),
        ("result 1 1 0", "up", b"\xff\xff", None),
        ("ok", "down", "echo on", "echo"),
        ("ok", "down", b"\necho on\r", "echo"),
        ("ok", "down", Echo("on"), "echo"),
        ("ok", "down", "down none", None),
        ("ok", "down", Notice("none"), None),
        ("ok", "down", Reply("ok"), None),
        ("ok", "down", b"\xff", None),
    ],
)
def test_the_pending_command_may_come_in_any_form(
    line: str, direction: Any, pending: Any, answers: str | None
) -> None:
    command = cast("Result | Reply", read(line, direction=direction, pending=pending))
    assert command.answers == answers


def test_a_wrong_direction_is_the_callers_mistake() -> None:
    with pytest.raises(ValueError, match='direction is "up" or "down"'):
        read("net", direction="sideways")  # type: ignore[arg-type]


def test_commands_remember_their_line_and_can_be_copied_about() -> None:
    command = read(b"\nproperties_changed 1  1 5 \r\n", direction="up")
    assert command.line == "properties_changed 1  1 5"
    assert pickle.loads(pickle.dumps(command)) == command
    assert command == PropertiesChanged((PropertyValue(1, 1, 5),))
    assert hash(command) == hash(PropertiesChanged((PropertyValue(1, 1, 5),)))
