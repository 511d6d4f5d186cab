from __future__ import annotations

from typing import Any

import pytest

from miio_lan.errors import LineError
from miio_lan.uart.commands import (
    GetDown,
    Help,
    Known,
    Mac,
    Model,
    Net,
    Noise,
    Reply,
    Time,
    has_form,
    read,
)

DUMP = '["product id":190,"version":1.3.0_0000]'

CONFORMING: list[tuple[str, str, dict[str, Any]]] = [
    ("ok", "result 1 1 0", {"answers": "result", "text": "ok"}),
    ("error", "result 1 1 0", {"answers": "result", "text": "error"}),
    ("ok", "model a.b.c", {"answers": "model", "text": "ok"}),
    ("xiaomi.dev.v1", "model", {"answers": "model", "text": "xiaomi.dev.v1", "model": "xiaomi.dev.v1"}),
    ("error", "model plug", {"answers": "model", "text": "error"}),
    ("error", "mcu_version 1", {"answers": "mcu_version", "text": "error"}),
    ("ok", "ble_config set 156 0001", {"answers": "ble_config", "text": "ok"}),
    (DUMP, "ble_config dump", {"answers": "ble_config", "text": DUMP}),
    ("error", "get_down", {"answers": "get_down", "text": "error"}),
    ("ok", "properties_changed 1 1 17", {"answers": "properties_changed", "text": "ok"}),
    ("ok", "event_occured 1 1", {"answers": "event_occured", "text": "ok"}),
    ("ok", 'error "x" -5001', {"answers": "error", "text": "ok"}),
    ("ok", "reboot", {"answers": "reboot", "text": "ok"}),
    ("offline", "net", {"answers": "net", "state": "offline"}),
    ("unprov", "net", {"answers": "net", "state": "unprov"}),
    ("error", "net", {"answers": "net", "text": "error"}),
    ("2015-06-04 16:58:07", "time", {"answers": "time", "text": "2015-06-04 16:58:07"}),
    ("2015-06-04 6:58:07", "time", {"answers": "time", "text": "2015-06-04 6:58:07"}),
    ("1434446397", "time posix", {"answers": "time", "text": "1434446397", "posix": 1434446397}),
    ("34ce00892ab7", "mac", {"answers": "mac", "text": "34ce00892ab7"}),
    ("2.0.0", "version", {"answers": "version", "text": "2.0.0"}),
    ("2", "version", {"answers": "version", "text": "2"}),
    ("model  [name]", "help", {"answers": "help", "text": "model  [name]"}),
    ("esp32", "arch", {"answers": "arch", "text": "esp32"}),
]


@pytest.mark.parametrize(("line", "pending", "reading"), CONFORMING)
def test_what_conforms(line: str, pending: str, reading: dict[str, Any]) -> None:
    expected = {"command": "reply", **reading, "valid": True}
    assert read(line, direction="down", pending=pending).as_json() == expected
    command = read(pending, direction="up")
    assert read(b"\n" + line.encode() + b" \r", direction="down", pending=command).as_json() == expected


FAULTY: list[tuple[bytes | str, str, dict[str, Any], str]] = [
    ("okay", "echo on", {"answers": "echo", "text": "okay"}, "ok or error is expected"),
    ("cloud", "result 1 1 0", {"answers": "result", "text": "cloud"}, "ok or error is expected"),
    ("ok", "get_down", {"answers": "get_down", "text": "ok"}, "answered with down or error"),
    ("lan", "net", {"answers": "net", "state": "lan"}, "not a network state"),
    ("ok", "net", {"answers": "net", "text": "ok"}, "not a network state"),
    ("plug", "model", {"answers": "model", "text": "plug", "model": "plug"}, "not company.product.version"),
    ("0", "time", {"answers": "time", "text": "0"}, "clock of the module is not set"),
    ("noon", "time", {"answers": "time", "text": "noon"}, "not a date and time"),
    ("noon", "time posix", {"answers": "time", "text": "noon"}, "not a number of seconds"),
    ("34:CE:00:89:2A:B7", "mac", {"answers": "mac", "text": "34:CE:00:89:2A:B7"}, "12 lower-case digits"),
    ("a version", "version", {"answers": "version", "text": "a version"}, "not a version"),
    ("result 1 1 0", "result 1 1 0", {"answers": "result", "text": "result 1 1 0"}, "echo is on"),
    ("net", "net", {"answers": "net", "state": "net"}, "echo is on"),
    ("# ok", "reboot", {"answers": "reboot", "text": "ok"}, "prompt of echo mode"),
    (b"ok\xff", "reboot", {"answers": "reboot", "text": "ok"}, "1 byte(s)"),
]


@pytest.mark.parametrize(("line", "pending", "reading", "problem"), FAULTY)
def test_what_does_not_conform_is_read_as_far_as_it_goes(
    line: bytes | str, pending: str, reading: dict[str, Any], problem: str
) -> None:
    found = read(line, direction="down", pending=pending).as_json()
    assert problem in str(found.pop("problem"))
    assert found == {"command": "reply", **reading, "valid": False}


@pytest.mark.parametrize(
    "text",
    [
        "ok",
        "error",
        "cloud",
        "xiaomi.dev.v1",
        "2015-06-04 16:58:07",
        "1434446397",
        "34ce00892ab7",
        "2.0.0",
        DUMP,
    ],
)
def test_without_a_pending_command_a_reply_answers_nobody(text: str) -> None:
    assert has_form(text)
    expected = {"command": "reply", "answers": None, "text": text, "valid": True}
    assert read(text, direction="down").as_json() == expected
    assert read(text, direction="down", pending="no_such_command").as_json() == expected


@pytest.mark.parametrize("text", ["**** boot ****", "ets Jan  8 2013,rst cause:1", "get_down", b"\xff\r"])
def test_other_text_without_a_pending_command_is_noise(text: bytes | str) -> None:
    noise = read(text, direction="down")
    assert isinstance(noise, Noise)
    reading = noise.as_json()
    assert reading.pop("problem")
    assert reading == {"command": None, "valid": False}


def test_a_down_is_no_reply_whatever_is_pending() -> None:
    assert read("down none", direction="down", pending="net").as_json() == {
        "command": "down",
        "method": "none",
        "valid": True,
    }
    assert read("# down none", direction="down").problem == "the prompt of echo mode stands before the line"


def test_the_words_of_an_older_module_for_unknown_commands() -> None:
    reply = read("command 'foo' not found", direction="down")
    assert isinstance(reply, Reply)
    assert reply.refused
    assert reply.valid
    assert not reply.ok
    assert reply.as_json() == {
        "command": "reply",
        "answers": None,
        "text": "command 'foo' not found",
        "unknown": "foo",
        "beyond_document": True,
        "valid": True,
    }
    assert read("command 'foo' not found", direction="down", pending="net").valid


def test_the_list_of_commands_has_help_in_it() -> None:
    assert read("help", direction="down", pending="help").valid
    assert "comes back" in read("net", direction="down", pending="net").problem


def test_help_has_lines_inside() -> None:
    reply = read(b"help  \r\n  model [name]\r\n echo on/off\r", direction="down", pending=b"help\r")
    assert isinstance(reply, Reply)
    assert reply.text == "help\r\nmodel [name]\r\necho on/off"
    assert reply.valid
    assert reply.encode() == b"help\r\nmodel [name]\r\necho on/off\r"
    assert "another line" in read(b"ok\r\nok\r", direction="down", pending="net").problem


def test_typed_access() -> None:
    assert Reply("ok", Net()).ok
    assert Reply("error", Net()).refused
    assert Reply("cloud", Net()).state == "cloud"
    assert Reply("cloud", Mac()).state is None
    assert Reply("a.b.c", Model()).model == "a.b.c"
    assert Reply("error", Model()).model is None
    assert Reply("ok", Model("a.b.c")).model is None
    assert Reply("12", Time(posix=True)).posix == 12
    assert Reply("12", Time()).posix is None
    assert Reply("ok").answers is None


@pytest.mark.parametrize(
    ("reply", "line"),
    [
        (Reply("ok"), b"ok\r"),
        (Reply("error", GetDown()), b"error\r"),
        (Reply("cloud", Net()), b"cloud\r"),
        (Reply("2015-06-04 16:58:07", Time()), b"2015-06-04 16:58:07\r"),
        (Reply(DUMP, Known("arch")), DUMP.encode() + b"\r"),
        (Reply("one\r\ntwo", Help()), b"one\r\ntwo\r"),
    ],
)
def test_writing(reply: Reply, line: bytes) -> None:
    assert reply.encode() == line
    assert read(line, direction="down", pending=reply.pending) == reply
    assert reply.tokens() == line.decode().split()


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [
        (Reply("lan", Net()), "not a network state"),
        (Reply("fine", Model("a.b.c")), "ok or error is expected"),
        (Reply("", Help()), "answer is empty"),
        (Reply("é", Help()), "printable ASCII"),
        (Reply("down none", Help()), "would not be read back"),
        (Reply(" x", Help()), "would not be read back"),
        (Reply("x" * 512, Help()), "fewer than 512"),
        (Reply("what", None), "not a reply of the document"),
    ],
)
def test_what_the_document_does_not_allow_is_not_written(reply: Reply, complaint: str) -> None:
    with pytest.raises(LineError, match=complaint):
        reply.encode()
