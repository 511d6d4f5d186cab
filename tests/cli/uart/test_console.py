from __future__ import annotations

import io
import json
import sys
import time

import pytest

from miio_lan.cli.uart.console import ConsoleView
from miio_lan.loop import wall_clock
from miio_lan.uart.ports.port import MemoryPair, Outage, PtyPort
from miio_lan.virtual.host import ModuleHost
from miio_lan.virtual.module.module import Module


@pytest.fixture
def module_on_a_pty():
    module = Module(device_id=5, token=bytes(16), mac="34ce00892ab7", wall=wall_clock, model="xiaomi.dev.v1")
    with PtyPort() as line, ModuleHost(module, line):
        yield line.path


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


def test_bytes_that_are_no_text_are_said_too(run, module_on_a_pty):
    ended = run("uart", "console", "--port", module_on_a_pty, "--wait", "20", "--json", stdin=b"x\xff\rnet\r")
    assert ended.code == 0
    lines = [json.loads(line) for line in ended.out.splitlines()]
    assert [line["line"] for line in lines if line["direction"] == "up"] == ["x\\xff", "net"]


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
