"""What the library warns of reaches people: in one line on stderr, without traceback, and without secrets."""

from __future__ import annotations

import json
import logging

import click
import pytest

from miio_lan.cli.options import command
from miio_lan.cli.program import program
from miio_lan.click_common.logs import Warnings
from miio_lan.record import Record

CUT = "Warning: the last line of the recording was cut off, and is left out\n"
LOGGER = logging.getLogger("miio_lan.some.room")


@pytest.fixture
def cut(tmp_path) -> str:
    """A recording whose writer crashed."""
    line = json.dumps(Record("uart", "up", 1.0, 1.0, b"get_down\r").as_json())
    reply = json.dumps(Record("uart", "down", 1.1, 1.1, b"down none\r").as_json())
    path = tmp_path / "cut.jsonl"
    path.write_text(f"{line}\n{reply}\n{line[:50]}")
    return str(path)


@pytest.mark.parametrize(
    "arguments", [["accept"], ["watch", "--polls", "--replay"], ["uart", "decode"], ["--json", "accept"]]
)
def test_a_recording_that_was_cut_off(run, cut, arguments) -> None:
    ended = run(*arguments, cut)
    assert (ended.code, ended.err) == (0, CUT)
    assert ended.out
    if "--json" in arguments:
        assert ended.json["records"] == 2


def test_who_reads_the_log_is_not_told_twice(run, cut) -> None:
    ended = run("-v", "accept", cut)
    assert ended.err.count("was cut off") == 1
    assert "Warning" not in ended.err


def test_what_a_device_refuses_is_no_warning_beside(ask) -> None:
    assert "Warning" not in ask("get", "2.1", "2.99").err
    assert "Warning" not in ask("set", "1.1", "7").err


def test_a_warning_is_one_line_without_secrets(run, monkeypatch) -> None:
    @command("warn")
    def warn(settings: object) -> None:
        try:
            raise ValueError("bad\nluck")
        except ValueError:
            LOGGER.exception("token %s\x1b\n again", "0123456789abcdef" * 2)
        LOGGER.info("not shown")
        logging.getLogger("miio_lan.quiet").warning("not shown either")

    warn.unsaid = (*warn.unsaid, "miio_lan.quiet")
    monkeypatch.setattr(program, "get_command", lambda ctx, name: warn)
    ended = run("warn")
    assert ended.err == "Warning: token (hidden)\\x1b again (ValueError: bad luck)\n"
    assert isinstance(warn, click.Command)
    assert not any(isinstance(each, Warnings) for each in logging.getLogger("miio_lan").handlers)


def test_a_console_tells_of_its_port_itself() -> None:
    from miio_lan.cli.uart.console import console

    assert "miio_lan.uart.ports.port" in console.unsaid
    assert "miio_lan.device.miot" in console.unsaid
