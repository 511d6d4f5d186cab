from __future__ import annotations

import io
import json
import sys
import time

import pytest

from miio_lan.cli.uart.console import ConsoleView
from miio_lan.record import Record, write
from miio_lan.record.recording import FileRecorder
from miio_lan.uart.ports.port import MemoryPair, Outage, PtyPort
from miio_lan.virtual.host import ModuleHost, wall_clock
from miio_lan.virtual.module.module import Module

LOG = """\
↑get_down
↓down set_properties 2 1 true
↑result 2 1 0
↓ok
↑gibberish
↓error
↑get_arch_platform
↓esp32
↑net
↓local
"""


@pytest.fixture
def module_on_a_pty():
    module = Module(device_id=5, token=bytes(16), mac="34ce00892ab7", wall=wall_clock, model="xiaomi.dev.v1")
    with PtyPort() as line, ModuleHost(module, line):
        yield line.path


def test_decoding_for_people(run, tmp_path):
    log = tmp_path / "log.txt"
    log.write_text(LOG, encoding="utf-8")
    ended = run("uart", "decode", str(log))
    assert ended.code == 0
    assert [line.split(maxsplit=1)[1] for line in ended.out.splitlines()] == [
        "↑ get_down",
        "↓ down set_properties 2 1 true",
        "↑ result 2 1 0    (answers set_properties)",
        "↓ ok",
        "↑ gibberish    ('gibberish' is no command of the serial document)",
        "↓ error",
        "↑ get_arch_platform    (beyond the document)",
        "↓ esp32    (answers get_arch_platform)",
        "↑ net",
        "↓ local    (answers net)",
    ]


def test_decoding_for_programs(run, tmp_path):
    log = tmp_path / "log.txt"
    log.write_bytes(b"\xff\xffget_down\r\ndown none\r\n")
    lines = [json.loads(line) for line in run("uart", "decode", "--json", str(log)).out.splitlines()]
    assert [line["command"] for line in lines] == ["get_down", "down"]
    assert [line["direction"] for line in lines] == ["up", "down"]
    assert lines[1]["method"] == "none"
    assert lines[0]["line"] == "\\xff\\xffget_down"


def test_line_feeds_are_not_shown(run, tmp_path):
    recording = tmp_path / "line.jsonl"
    with recording.open("w", encoding="utf-8") as file:
        write(
            file, [Record("uart", "up", 1.5, 100.0, raw) for raw in (b"net\r", b"\nmac\r", b"\nti\tme\n\r")]
        )
    assert run("uart", "decode", str(recording)).out.splitlines()[1:] == [
        "       1.500 ↑ mac",
        "       1.500 ↑ ti\\tme    (1 byte(s) or character(s) outside printable ASCII, which a module drops)",
    ]
    as_json = run("uart", "decode", "--json", str(recording)).out.splitlines()
    assert [json.loads(line)["line"] for line in as_json] == ["net", "mac", "ti\tme"]


def test_decoding_a_recording(run, tmp_path):
    recording = tmp_path / "line.jsonl"
    with recording.open("w", encoding="utf-8") as file:
        write(
            file,
            [
                Record("uart", "up", 1.5, 100.0, b"model a.b.c\r"),
                Record("uart", "down", 1.6, 100.1, b"", note="outage: gone"),
                Record("lan", "down", 1.7, 100.2, b"{}"),
            ],
        )
    lines = [json.loads(line) for line in run("uart", "decode", "--json", str(recording)).out.splitlines()]
    assert [(line["instant"], line.get("command"), line.get("note")) for line in lines] == [
        (1.5, "model", None),
        (1.6, None, "outage: gone"),
    ]


def test_decoding_a_table(run, tmp_path):
    log = tmp_path / "capture.csv"
    rows = [f'"TX","data",{number / 1000:.6f},0.000082,"{char}"' for number, char in enumerate("net\r")]
    log.write_bytes("\r\n".join(['name,type,start_time,duration,"data"', *rows]).encode())
    assert run("uart", "decode", str(log)).out == "       0.000 ↑ net\n"
    log.write_text("Time [s],Channel 0\n0.0,1\n")
    ended = run("uart", "decode", str(log))
    assert (ended.code, ended.out) == (2, "")
    assert "name it data" in ended.err


def test_what_cannot_be_decoded(run, tmp_path):
    ended = run("uart", "decode", str(tmp_path / "none.txt"))
    assert (ended.code, ended.out) == (2, "")
    assert "No such file" in ended.err
    broken = tmp_path / "broken.jsonl"
    broken.write_text('{"wire": "uart"}\n', encoding="utf-8")
    assert run("uart", "decode", str(broken)).code == 2


def test_a_console_from_a_pipe(run, module_on_a_pty):
    ended = run(
        "uart", "console", "--port", module_on_a_pty, "--wait", "20", stdin="model\n\nmac\nnonsense\n"
    )
    assert ended.code == 0
    shown = [line.split(maxsplit=1)[1] for line in ended.out.splitlines()]
    assert shown == [
        "↑ model",
        "↓ xiaomi.dev.v1    (answers model)",
        "↑ mac",
        "↓ 34ce00892ab7    (answers mac)",
        "↑ nonsense    ('nonsense' is no command of the serial document)",
        "↓ error",
    ]


def test_a_console_for_programs(run, module_on_a_pty):
    ended = run("uart", "console", "--port", module_on_a_pty, "--wait", "20", "--json", stdin="net\n")
    lines = [json.loads(line) for line in ended.out.splitlines()]
    assert [line["command"] for line in lines] == ["net", "reply"]


def test_a_console_without_a_port(run):
    assert run("uart", "console").code == 2
    ended = run("uart", "console", "--port", "/dev/nothing-here")
    assert (ended.code, ended.out) == (1, "")


@pytest.fixture
def talk():
    """A conversation at a terminal, and the far end of its line."""
    lines = MemoryPair()
    conversation = ConsoleView(lines.near, upwards=True, as_lines=False, prompt=True)
    yield conversation, lines
    lines.close()


def test_replies_appear_above_the_prompt(talk, capsys):
    conversation, _ = talk
    conversation._take(b"ok\r", 5.0)
    assert capsys.readouterr().out == "\r\x1b[K       5.000 ↓ ok\n> "


@pytest.mark.parametrize(("echo", "remark"), [(b"", None), (b"help\r", "echo; answers help")])
def test_help_in_the_list_of_commands_is_no_echo(talk, capsys, echo, remark):
    conversation, lines = talk
    lines.far.start(lambda data, instant: None)
    conversation.start()
    conversation.say("help")
    conversation._take(echo + b"net\r\n", time.monotonic())
    conversation._take(b"help\r", time.monotonic())
    shown = [line.partition("↓ ")[2] for line in capsys.readouterr().out.splitlines() if "↓" in line]
    assert shown[-2:] == ["net    (answers help)", "help    (answers help)"]
    assert shown[:-2] == ([f"help    ({remark})"] if remark else [])


def test_help_in_the_list_of_commands_is_no_echo_in_a_recording_either(run, tmp_path):
    path = tmp_path / "help.jsonl"
    with FileRecorder(path) as recorder:
        for at, direction, raw in ((1.0, "up", b"help\r"), (1.1, "down", b"net\r"), (1.2, "down", b"help\r")):
            recorder(Record("uart", direction, at, at, raw))
    shown = run("uart", "decode", str(path)).out
    assert [row.split(maxsplit=2)[2] for row in shown.splitlines()] == [
        "help",
        "net    (answers help)",
        "help    (answers help)",
    ]


def test_what_the_document_does_not_allow_is_said(talk, capsys):
    conversation, lines = talk
    heard = []
    lines.far.start(lambda data, instant: heard.append(data))
    conversation.start()
    conversation.say("mcu_version 1")
    assert "(sent, but the version '1' is not a 4-digit number)" in capsys.readouterr().out
    conversation.say("get_down")
    assert capsys.readouterr().out == ""


def test_outages_are_told(talk, capsys):
    conversation, _ = talk
    conversation._outage(Outage("usb", "unplugged", 1.0, None, 0))
    conversation._outage(Outage("usb", "unplugged", 1.0, 2.0, 0))
    told = capsys.readouterr().err
    assert "is gone: unplugged" in told
    assert "is back" in told


def test_a_keyboard_ends_with_ctrl_d(run, module_on_a_pty, monkeypatch):
    typed = iter(["", "mac"])

    class Keyboard(io.StringIO):
        def isatty(self):
            return True

    def type_(prompt):
        try:
            return next(typed)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr("builtins.input", type_)
    monkeypatch.setattr(sys, "stdin", Keyboard())
    from miio_lan.cli.uart.console import _typed

    assert list(_typed()) == ["mac"]
