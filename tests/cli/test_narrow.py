"""Sixty columns, and no colours: all that people are shown fits on a narrow terminal, and follows ``NO_COLOR``."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import click
import pytest

from miio_lan.cli.program import program
from miio_lan.click_common.layout import columns, folded

WIDTH = 60
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
STYLE = re.compile(r"\x1b\[[\d;]*m")
ROW = re.compile(r"^  ([a-z-]+) +[A-Z]", re.MULTILINE)
LOG = """\
1.000 < mcu_version 0001
1.001 > ok
1.200 < get_down
1.201 > down get_properties 2 1 2 2 2 3 2 4 2 5 2 11 3 1 3 2 3 3 3 4 3 5
1.300 < result 2 1 0 true 2 2 0 60 2 3 0 4000 2 4 0 16711680 2 5 0 0 2 11 0 "Desk lamp" 3 1 0 312.5 3 2
1.301 > ok
1.400 < properties_changed 2 2
1.401 > error
"""


def commands(group: click.Group, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every command there is, by the words that call it, groups included."""
    found = [path]
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        found += commands(command, (*path, name)) if isinstance(command, click.Group) else [(*path, name)]
    return found


COMMANDS = commands(program)


def test_all_commands_are_looked_at() -> None:
    assert {("get",), ("virtual", "mcu"), ("uart", "bridge"), ("accept",), ("watch",), ()} <= set(COMMANDS)


def test_the_list_of_commands_is_whole_and_in_sections() -> None:
    shown = program.get_help(click.Context(program, info_name="miio-lan", terminal_width=WIDTH))
    listed = shown.partition("--help ")[2]
    assert "..." not in listed
    rows = ROW.findall(listed)
    assert rows == program.list_commands(click.Context(program))
    assert len(rows) == len(set(rows)) == 21


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_help_of_every_command_fits(words: tuple[str, ...]) -> None:
    command: click.Command = program
    context = click.Context(program, info_name="miio-lan", terminal_width=WIDTH)
    for word in words:
        assert isinstance(command, click.Group)
        found = command.get_command(context, word)
        assert found is not None
        command, context = found, click.Context(found, context, word, terminal_width=WIDTH)
    lines = command.get_help(context).splitlines()
    assert len(lines) > 3
    assert [line for line in lines if len(line) > WIDTH] == []


@pytest.mark.parametrize(
    "words",
    [
        ("nosuch",),
        ("get", "--nosuch"),
        ("get", "2.1"),
        ("get", "--spec", "lamp", "light:brightnes"),
        ("set", "--spec", "lamp", "light:mode", "nosuch"),
        ("set", "2.1", "maybe"),
        ("accept",),
        ("uart", "bridge", "--module", "pty", "--mcu", "pty", "--fault", "drop"),
        ("virtual", "mcu", "--misbehave", "nosuch"),
        ("watch", "--replay", "nosuch.jsonl", "--send", "miIO.info"),
    ],
    ids=" ".join,
)
def test_errors_fit(run, words: tuple[str, ...]) -> None:
    ended = run(*words, env={"COLUMNS": str(WIDTH), "MIIO_LAN_IP": ""})
    assert ended.code in (1, 2)
    assert "Error: " in ended.err
    assert [line for line in ended.err.splitlines() if len(line) > WIDTH] == []
    wide = run(*words, env={"MIIO_LAN_IP": ""})
    assert ended.err.split() == wide.err.split()


def on_a_terminal(tmp_path: Path, *words: str) -> str:
    """What a command shows on a terminal of 60 columns."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, WIDTH, 0, 0))
    environment = {
        **{name: value for name, value in os.environ.items() if name != "COLUMNS"},
        "TERM": "xterm-256color",
        "NO_COLOR": "1",
        "XDG_CONFIG_HOME": str(tmp_path / "a-folder-of-ones-own"),
    }
    ran = subprocess.Popen(
        [sys.executable, "-m", "miio_lan", *words],
        stdin=subprocess.DEVNULL,
        stdout=slave,
        stderr=slave,
        env=environment,
        cwd=tmp_path,
    )
    os.close(slave)
    shown = b""
    try:
        while data := os.read(master, 65536):
            shown += data
    except OSError:  # Linux: nobody has the other end any more
        pass
    finally:
        os.close(master)
        ran.wait()
    return shown.decode().replace("\r\n", "\n")


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("accept", "--help"),
        ("accept", "--rules"),
        ("accept", "line.jsonl", "--spec", "lamp"),
        ("uart", "decode", "line.log"),
        ("watch", "--replay", "line.jsonl"),
        ("watch", "--replay", "line.jsonl", "--clock", "--polls"),
        ("set", "--spec", "lamp", "light:brightness", "500"),
        ("get", "--ip", "127.0.0.1", "--port", "9", "--token", "0" * 32, "--timeout", "0.1", "2.1"),
        ("doctor", "--ip", "127.0.0.1", "--port", "9", "--token", "0" * 32, "--within", "0.3"),
        ("demo", "--answer-time", "0.3"),
        ("device", "list"),
    ],
    ids=" ".join,
)
def test_a_terminal_of_sixty_columns_is_wide_enough(tmp_path: Path, words: tuple[str, ...]) -> None:
    from miio_lan.record.recording import FileRecorder
    from miio_lan.uart.logs.textlog import read_text_log

    (tmp_path / "line.log").write_text(LOG)
    with FileRecorder(tmp_path / "line.jsonl") as recording:
        for record in read_text_log(LOG.split("\n")):
            recording(record)
    shown = on_a_terminal(tmp_path, *words)
    assert not STYLE.search(shown)
    assert "\\x1b" not in shown
    # What a live display takes back is not there any more.
    rows = [row.split("\r")[-1] for row in ESCAPE.sub("", shown).split("\n")]
    assert len(rows) > 1
    assert [row for row in rows if len(row) > WIDTH] == []


class TestColumns:
    class Screen:
        def __init__(self, *, terminal: bool) -> None:
            self.terminal = terminal

        def isatty(self) -> bool:
            return self.terminal

        def fileno(self) -> int:
            raise OSError("has none")

    @pytest.mark.parametrize(
        ("asked", "width"), [("72", 72), ("10", 40), ("0", None), ("", None), ("wide", None), ("99999", None)]
    )
    def test_what_the_environment_says(
        self, monkeypatch: pytest.MonkeyPatch, asked: str, width: int | None
    ) -> None:
        monkeypatch.setenv("COLUMNS", asked)
        assert columns(self.Screen(terminal=True)) == width
        assert columns(None) == width

    def test_rows_are_folded_between_words(self) -> None:
        text = "  one two three four\n" + "x" * 30 + " end\nshort"
        assert folded(text, 12) == "  one two\n  three four\n" + "x" * 30 + "\nend\nshort"
        assert folded("a: one two", 7, "   ") == "a: one\n   two"
        assert folded(text, None) == text
