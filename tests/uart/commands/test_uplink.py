from __future__ import annotations

from typing import Any

import pytest

from miio_lan.errors import LineError
from miio_lan.uart.commands import (
    Argument,
    BleConfig,
    Command,
    Echo,
    Error,
    EventOccured,
    GetDown,
    Known,
    LegacyEvent,
    Log,
    McuVersion,
    Model,
    Noise,
    PropertiesChanged,
    PropertyValue,
    Props,
    Time,
    read,
)

CONFORMING: list[tuple[bytes | str, dict[str, Any]]] = [
    ("model", {"command": "model"}),
    ("model xiaomi.prod.v2", {"command": "model", "model": "xiaomi.prod.v2"}),
    ("mcu_version 0001", {"command": "mcu_version", "version": "0001"}),
    ("ble_config set 156 0001", {"command": "ble_config", "sub": "set", "pid": 156, "version": "0001"}),
    ("ble_config dump", {"command": "ble_config", "sub": "dump"}),
    ("get_down", {"command": "get_down"}),
    ('error "memory error" -5003', {"command": "error", "message": "memory error", "code": -5003}),
    ('error "" -9999', {"command": "error", "message": "", "code": -9999}),
    (
        'properties_changed 1 1 17 1 2  "hi"',
        {"command": "properties_changed", "properties": [[1, 1, 17], [1, 2, "hi"]]},
    ),
    (
        r'properties_changed 2 1 23.600000 2 2 "0,6,0,5" 2 3 true 2 4 "true" 2 5 0 2 6 "a\u0020b \"c\""',
        {
            "command": "properties_changed",
            "properties": [
                [2, 1, 23.6],
                [2, 2, "0,6,0,5"],
                [2, 3, True],
                [2, 4, "true"],
                [2, 5, 0],
                [2, 6, 'a b "c"'],
            ],
        },
    ),
    (
        'event_occured 1 1 1 17 2  "hi"',
        {"command": "event_occured", "siid": 1, "eiid": 1, "args": [[1, 17], [2, "hi"]]},
    ),
    ("event_occured 1 1", {"command": "event_occured", "siid": 1, "eiid": 1, "args": []}),
    ("echo on", {"command": "echo", "state": "on"}),
    ("echo off", {"command": "echo", "state": "off"}),
    ("reboot", {"command": "reboot"}),
    ("restore", {"command": "restore"}),
    ("factory", {"command": "factory"}),
    ("net", {"command": "net"}),
    ("time", {"command": "time", "posix": False}),
    ("time posix", {"command": "time", "posix": True}),
    ("mac", {"command": "mac"}),
    ("version", {"command": "version"}),
    ("help", {"command": "help"}),
    ('props power "on",temp 235', {"command": "props", "props": [["power", "on"], ["temp", 235]]}),
    ("event low_water 1,2", {"command": "event", "name": "low_water", "values": [1, 2]}),
    ("log use_time 17", {"command": "log", "name": "use_time", "values": [17]}),
    (b"\n net \r\n", {"command": "net"}),
    (b"model  a.b.c \r\r\n", {"command": "model", "model": "a.b.c"}),
    (bytearray(b"net\n"), {"command": "net"}),
]


@pytest.mark.parametrize(("line", "reading"), CONFORMING)
def test_what_conforms(line: bytes | str, reading: dict[str, Any]) -> None:
    assert read(line, direction="up").as_json() == {**reading, "valid": True}


EXTRAS: list[tuple[str, list[object]]] = [
    ("arch", []),
    ("country_code", []),
    ("set_mcu_auto_ota on", ["on"]),
    ("set_log_level 3", [3]),
    ("setwifi name 012345", ["name", "012345"]),
    (r"setwifi my\u0020net 1e5", ["my net", "1e5"]),
    ('setwifi "my net" "pass"', ["my net", "pass"]),
    ('json_send {"id": 1, "method": "a b"}', [{"id": 1, "method": "a b"}]),
    ("json_ack {broken", ["{broken"]),
    ("call set_power true null", ["set_power", True, "null"]),
    ("ota_state busy", ["busy"]),
]


@pytest.mark.parametrize(("line", "args"), EXTRAS)
def test_what_is_known_beyond_the_document(line: str, args: list[object]) -> None:
    reading = read(line, direction="up").as_json()
    assert reading == {"command": line.split()[0], "args": args, "beyond_document": True, "valid": True}


FAULTY: list[tuple[bytes | str, dict[str, Any], str]] = [
    ("model plug", {"command": "model", "model": "plug"}, "not company.product.version"),
    ("model a..c", {"command": "model", "model": "a..c"}, "not company.product.version"),
    ("model a.b.c.d", {"command": "model", "model": "a.b.c.d"}, "not company.product.version"),
    ('model "a.b.c"', {"command": "model", "model": "a.b.c"}, "in quotes"),
    ("model a.b.c d", {"command": "model", "model": "a.b.c", "unread": ["d"]}, "no more parameters"),
    (
        "model company.product_name_that_is_too_long.v2",
        {"command": "model", "model": "company.product_name_that_is_too_long.v2"},
        "40 characters, at most 23",
    ),
    ("mcu_version", {"command": "mcu_version"}, "version is missing"),
    ("mcu_version A001", {"command": "mcu_version", "version": "A001"}, "4-digit"),
    ("mcu_version 1", {"command": "mcu_version", "version": "1"}, "4-digit"),
    ("mcu_version 00011", {"command": "mcu_version", "version": "00011"}, "4-digit"),
    ("ble_config", {"command": "ble_config"}, "set or dump"),
    ("ble_config get", {"command": "ble_config", "sub": "get"}, "set or dump"),
    ("ble_config set", {"command": "ble_config", "sub": "set"}, "pid is missing"),
    ("ble_config set 156", {"command": "ble_config", "sub": "set", "pid": 156}, "version is missing"),
    (
        "ble_config set 65536 0001",
        {"command": "ble_config", "sub": "set", "pid": 65536, "version": "0001"},
        "not between 0 and 65535",
    ),
    ("get_down now", {"command": "get_down", "unread": ["now"]}, "get_down takes no more parameters"),
    ("time 8", {"command": "time", "posix": False, "unread": ["8"]}, "no more parameters"),
    ("echo", {"command": "echo"}, "on or off"),
    ("echo maybe", {"command": "echo", "state": "maybe"}, "on or off"),
    ("error", {"command": "error"}, "message is missing"),
    ('error "x"', {"command": "error", "message": "x"}, "code is missing"),
    ('error "x" -4999', {"command": "error", "message": "x", "code": -4999}, "not between -9999 and -5000"),
    ('error "x" -10000', {"command": "error", "message": "x", "code": -10000}, "not between -9999 and -5000"),
    ("error -5000", {"command": "error", "code": -5000}, "message is missing"),
    (
        'error -5000 "x"',
        {"command": "error", "message": "x", "code": -5000},
        "code stands before the message",
    ),
    ('error "x",-5000', {"command": "error", "message": "x", "code": -5000}, "a comma stands"),
    (
        "error memory error -5000",
        {"command": "error", "message": "memory error", "code": -5000},
        "not in quotes",
    ),
    ("properties_changed", {"command": "properties_changed", "properties": []}, "no property"),
    (
        "properties_changed 1 1",
        {"command": "properties_changed", "properties": [], "unread": ["1", "1"]},
        "siid, piid and value, in threes",
    ),
    (
        "properties_changed 1 1 5 2",
        {"command": "properties_changed", "properties": [[1, 1, 5]], "unread": ["2"]},
        "siid, piid and value, in threes",
    ),
    (
        "properties_changed 1 one 5",
        {"command": "properties_changed", "properties": [], "unread": ["1", "one", "5"]},
        "'1' is left over",
    ),
    (
        "properties_changed -1 1 5",
        {"command": "properties_changed", "properties": [], "unread": ["-1", "1", "5"]},
        "'-1' is left over",
    ),
    (
        "properties_changed 01 1 5",
        {"command": "properties_changed", "properties": [[1, 1, 5]]},
        "'01' is not a number as JSON writes it",
    ),
    ("properties_changed 2 1 on", {"command": "properties_changed", "properties": [[2, 1, "on"]]}, "neither"),
    ("properties_changed 2 1 null", {"command": "properties_changed", "properties": [[2, 1, None]]}, "null"),
    (
        'properties_changed 2 1 "open',
        {"command": "properties_changed", "properties": [[2, 1, "open"]]},
        "no closing quote",
    ),
    (
        "properties_changed 1 5 “12345/A026Z00001”",
        {"command": "properties_changed", "properties": [[1, 5, "12345/A026Z00001"]]},
        "typographic quotes",
    ),
    (
        "properties_changed 1 5 “12345/A026Z00001”".encode(),
        {"command": "properties_changed", "properties": [[1, 5, "12345/A026Z00001"]]},
        "typographic quotes",
    ),
    (
        b'properties_changed 1 5 "\xff\xff\xff\xff"\r',
        {"command": "properties_changed", "properties": [[1, 5, ""]]},
        "4 byte(s)",
    ),
    (
        'properties_changed 1 5 "客厅"',
        {"command": "properties_changed", "properties": [[1, 5, "客厅"]]},
        "outside printable ASCII",
    ),
    (
        "properties_changed 2 1 0 true",
        {"command": "properties_changed", "properties": [[2, 1, True]]},
        "a status code stands between",
    ),
    (
        "properties_changed 2 1 5 properties_changed 2 2 6",
        {"command": "properties_changed", "properties": [[2, 1, 5], [2, 2, 6]]},
        "repeated inside the line",
    ),
    (
        "properties_changed properties_changed 2 1 5",
        {"command": "properties_changed", "properties": [[2, 1, 5]]},
        "repeated inside the line",
    ),
    (
        "properties_changed 2 1 0 5 properties_changed 2 1 0",
        {"command": "properties_changed", "properties": [[2, 1, 5]], "unread": ["2", "1", "0"]},
        "is left over",
    ),
    (
        b"properties_changed\x002 1 5\r",
        {"command": "properties_changed", "properties": [[2, 1, 5]]},
        "a NUL byte where the first space belongs",
    ),
    ("event_occured", {"command": "event_occured", "args": []}, "siid is missing"),
    ("event_occured 1", {"command": "event_occured", "siid": 1, "args": []}, "eiid is missing"),
    (
        "event_occured 1 x",
        {"command": "event_occured", "siid": 1, "args": [], "unread": ["x"]},
        "eiid is missing",
    ),
    (
        "event_occured 1 1 4",
        {"command": "event_occured", "siid": 1, "eiid": 1, "args": [], "unread": ["4"]},
        "in pairs",
    ),
    (
        "event_occured 1 1 1 17 x 2",
        {"command": "event_occured", "siid": 1, "eiid": 1, "args": [[1, 17]], "unread": ["x", "2"]},
        "'x' stands where a piid belongs",
    ),
    ("event_occured -1 1", {"command": "event_occured", "siid": -1, "eiid": 1, "args": []}, "the siid '-1'"),
    ("props", {"command": "props", "props": []}, "no property"),
    ("props power", {"command": "props", "props": []}, "'power' has no value"),
    ("props power on", {"command": "props", "props": [["power", "on"]]}, "neither"),
    ('props "power",1', {"command": "props", "props": [["power", 1]]}, "in quotes"),
    ("props a-b 1", {"command": "props", "props": [["a-b", 1]]}, "1 to 31 letters"),
    ("event", {"command": "event", "values": []}, "name is missing"),
    ('log "a",b', {"command": "log", "name": "a", "values": ["b"]}, "in quotes"),
    (b"\xff\xffnet\r", {"command": "net"}, "2 byte(s)"),
    ("net\rmac", {"command": "net"}, "another line follows"),
]


@pytest.mark.parametrize(("line", "reading", "problem"), FAULTY)
def test_what_does_not_conform_is_read_as_far_as_it_goes(
    line: bytes | str, reading: dict[str, Any], problem: str
) -> None:
    found = read(line, direction="up").as_json()
    assert problem in str(found.pop("problem"))
    assert found == {**reading, "valid": False}


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"\xff\xfe\x00\r", "no printable text"),
        ("bad_command 1", "'bad_command' is no command"),
        ("Get_Down", "lower case"),
        ("RESULT 1", "lower case"),
        ("down none", "what a module says"),
        ("ok", "what a module says"),
        ("**** boot ****", "'****' is no command"),
        (b"get_do\x80\x81w\r", "'get_dow' is no command"),
        (b"foo\x001 1", "'foo1' is no command"),
    ],
)
def test_what_is_no_command_is_noise(line: bytes | str, problem: str) -> None:
    noise = read(line, direction="up")
    assert isinstance(noise, Noise)
    reading = noise.as_json()
    assert problem in str(reading.pop("problem"))
    assert reading == {"command": None, "valid": False}


@pytest.mark.parametrize("line", ["", b"\r", b"\n", b"\r\n", b"  \r"])
@pytest.mark.parametrize("direction", ["up", "down"])
def test_a_line_of_nothing_is_no_fault(line: bytes | str, direction: Any) -> None:
    found = read(line, direction=direction)
    assert isinstance(found, Noise)
    assert found.as_json() == {"command": None, "valid": True}
    with pytest.raises(LineError, match="an empty line"):
        found.encode()


def test_what_ble_fastpair_says_is_read() -> None:
    found = read("ble_fastpair set a4c138000000 7 190 1", direction="up").as_json()
    assert found == {
        "command": "ble_fastpair",
        "sub": "set",
        "args": ["a4c138000000", 7, 190, 1],
        "beyond_document": True,
        "valid": True,
    }


def test_noise_keeps_its_text_and_first_word() -> None:
    noise = read("power_off now", direction="up")
    assert isinstance(noise, Noise)
    assert (noise.text, noise.word) == ("power_off now", "power_off")
    with pytest.raises(LineError, match="noise cannot be sent"):
        noise.encode()


def test_limits_are_told() -> None:
    long = read("properties_changed 1 1 " + "1" * 500, direction="up")
    assert "523 characters, fewer than 512" in long.problem
    many = read("properties_changed" + " 1 1 1" * 22, direction="up")
    assert "66 parameters, at most 64" in many.problem
    assert isinstance(many, PropertiesChanged)
    assert many.changes == ((1, 1, 1),) * 22


def test_a_long_list_of_problems_is_cut_short() -> None:
    problem = read(
        "properties_changed " + " ".join(f"1 {piid} word{piid}" for piid in range(20)), direction="up"
    ).problem
    assert problem.endswith("and 12 more")


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (Model(), b"model\r"),
        (Model("xiaomi.prod.v2"), b"model xiaomi.prod.v2\r"),
        (McuVersion("0001"), b"mcu_version 0001\r"),
        (BleConfig("set", 156, "0001"), b"ble_config set 156 0001\r"),
        (BleConfig("dump"), b"ble_config dump\r"),
        (GetDown(), b"get_down\r"),
        (Error("memory error", -5003), b'error "memory error" -5003\r'),
        (PropertiesChanged(((1, 1, 17), (1, 2, "hi"))), b'properties_changed 1 1 17 1 2 "hi"\r'),  # type: ignore[arg-type]
        (PropertiesChanged((PropertyValue(1, 1, False),)), b"properties_changed 1 1 false\r"),
        (EventOccured(1, 1, (Argument(1, 17), Argument(2, "hi"))), b'event_occured 1 1 1 17 2 "hi"\r'),
        (EventOccured(1, 1), b"event_occured 1 1\r"),
        (Echo("on"), b"echo on\r"),
        (Time(), b"time\r"),
        (Time(posix=True), b"time posix\r"),
        (Props((("temp", 235), ("power", "on"))), b'props temp 235 power "on"\r'),
        (LegacyEvent("button", (1,)), b"event button 1\r"),
        (Log("use", ("a b",)), b'log use "a b"\r'),
        (Known("setwifi", ("name", "pass")), b"setwifi name pass\r"),
        (Known("json_send", ('{"a": 1}',)), b'json_send {"a": 1}\r'),
    ],
)
def test_writing(command: Command, line: bytes) -> None:
    assert command.encode() == line
    assert " ".join(command.tokens()).encode() + b"\r" == line
    assert command.valid


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        (Model("plug"), "model cannot be sent: the model 'plug'"),
        (McuVersion("1"), "4-digit"),
        (McuVersion(None), "version is missing"),
        (BleConfig("set", None, "0001"), "pid is missing"),
        (BleConfig("load"), "set or dump"),
        (Echo(None), "on or off"),
        (Error("x", -4000), "not between"),
        (Error("x", None), "code is missing"),
        (PropertiesChanged(()), "no property"),
        (PropertiesChanged((PropertyValue(1, 1, None),)), "NoneType is not a value"),
        (PropertiesChanged((PropertyValue(1, -1, 1),)), "the piid '-1'"),
        (PropertiesChanged((PropertyValue(True, 1, 1),)), "the siid 'True'"),
        (PropertiesChanged((PropertyValue(1, 1, 1),) * 22), "66 parameters"),
        (PropertiesChanged((PropertyValue(1, 1, "x" * 500),)), "fewer than 512"),
        (EventOccured(1, None), "eiid is missing"),
        (EventOccured(1, 1, (Argument(-1, 1),)), "the piid '-1'"),
        (Props((("a b", 1),)), "1 to 31 letters"),
        (LegacyEvent(None), "name is missing"),
        (Known("frobnicate"), "not a command beyond the document"),
        (Known("setwifi", ("my net", "x")), "not be read back"),
        (Known("setwifi", ("é",)), "printable ASCII"),
        (Known("setwifi", ("x",) * 65), "65 parameters"),
    ],
)
def test_what_the_document_does_not_allow_is_not_written(command: Command, complaint: str) -> None:
    with pytest.raises(LineError, match=complaint):
        command.encode()
