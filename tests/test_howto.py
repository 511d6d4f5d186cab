"""The how-to pages of the serial line do what they show, a pseudo-terminal in the place of ``/dev/ttyUSB0``.

A command that runs until it is ended has a terminal of its own; what the page shows as typed is typed there. All other
commands run to their end, as from another shell.
"""

from __future__ import annotations

import doctest
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from miio_lan.device.spec import Spec
from miio_lan.uart.port import PtyPort
from miio_lan.virtual.host import McuHost, ModuleHost, wall_clock
from miio_lan.virtual.mcu import Mcu
from miio_lan.virtual.module import Module

DOCS = Path(__file__).parents[1] / "docs"
PORT = "/dev/ttyUSB0"
TOKEN = "00112233445566778899aabbccddeeff"
LASTING = re.compile(r"miio-lan (virtual|uart console) ")
ORDERS = ("net", "down", "restart", "set", "event", "show", "misbehave", "behave")
PROMPT = "> "
PATIENCE = 60.0
"""Seconds until an output that does not come is given up."""


class Terminal:
    """A command on a pseudo-terminal: what it shows is waited for, what is typed reaches it."""

    def __init__(self, command: str, environment: dict[str, str], directory: Path) -> None:
        self.text = ""
        self._taken: list[tuple[int, int]] = []
        self._mark = 0
        #: Whether it keeps a person busy: nothing else is done before it ends.
        self.alone = "uart console" in command
        self._end = "\x04" if self.alone else "\x03"
        self._master, slave = pty.openpty()
        # A session of its own, with this terminal to control it: its Ctrl-C is the process's.
        taking = (
            "import fcntl, os, sys, termios; "
            "fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp('bash', sys.argv[1:])"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", taking, "bash", "-c", f"exec {command}"],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            cwd=directory,
            start_new_session=True,
        )
        os.close(slave)

    def expect(self, shown: str) -> re.Match[str]:
        """Wait for a line, ``...`` for any text, that was not expected before and came after what was typed last."""
        pattern = re.compile(".*".join(re.escape(part) for part in shown.strip().split("...")))
        until = time.monotonic() + PATIENCE
        while True:
            for found in pattern.finditer(self.text, self._mark):
                if not any(begin < found.end() and found.start() < end for begin, end in self._taken):
                    self._taken.append(found.span())
                    return found
            readable, _, _ = select.select([self._master], [], [], max(0.0, until - time.monotonic()))
            assert readable, f"{shown!r} did not come:\n{self.text}"
            self._read()

    def _read(self) -> None:
        try:
            data = os.read(self._master, 65536)
        except OSError:  # the other end is closed
            data = b""
        assert data, f"it ended too early:\n{self.text}"
        self.text += data.decode().replace("\r\n", "\n")

    def type(self, line: str) -> None:
        self._mark = len(self.text)
        os.write(self._master, f"{line}\n".encode())
        # The terminal shows what is typed.
        self.expect(line)

    def close(self) -> None:
        """End it as a person would, and see that this is no failure."""
        os.write(self._master, self._end.encode())
        try:
            assert self._process.wait(PATIENCE) == 0, self.text
        finally:
            self._process.kill()
            self._process.wait()
            os.close(self._master)


class Reader:
    """Somebody who does what a page shows.

    :param line: the path that stands for the adapter
    """

    def __init__(self, page: str, line: str, directory: Path, **variables: str) -> None:
        self.text = (DOCS / page).read_text(encoding="utf-8")
        self._line = line
        self._directory = directory
        self._terminal: Terminal | None = None
        self._environment = {
            **os.environ,
            **variables,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "TERM": "dumb",
            "COLUMNS": "200",
        }
        self.done: list[str] = []

    def blocks(self, kind: str) -> list[str]:
        return re.findall(rf"^```{kind}\n(.*?)^```$", self.text, re.MULTILINE | re.DOTALL)

    def follow(self) -> None:
        try:
            for block in self.blocks("console"):
                for command, shown in commands(block):
                    self.done.append(command)
                    if self._terminal is not None and self._terminal.alone:
                        self._finish()
                    if LASTING.match(command):
                        self._start(command, shown)
                    else:
                        self._run(command, shown)
        finally:
            self._finish()

    def _finish(self) -> None:
        if self._terminal is not None:
            terminal, self._terminal = self._terminal, None
            terminal.close()

    def _start(self, command: str, shown: list[str]) -> None:
        self._finish()
        here = " --udp-port 0" if "virtual module" in command else ""
        self._terminal = terminal = Terminal(
            command.replace(PORT, self._line) + here, self._environment, self._directory
        )
        for line in shown:
            if line.startswith(PROMPT):
                terminal.type(line.removeprefix(PROMPT))
            elif line.split()[0] in ORDERS:
                terminal.type(line)
            else:
                self._learn(terminal.expect(line.replace(PORT, self._line)).group())

    def _learn(self, line: str) -> None:
        if line.strip().startswith("export "):
            self._environment |= dict(each.split("=") for each in line.split()[1:])

    def _run(self, command: str, shown: list[str]) -> None:
        ran = subprocess.run(
            ["bash", "-c", command.replace(PORT, self._line)],
            env=self._environment,
            cwd=self._directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        output = ran.stdout.replace(self._line, PORT)
        wanted = "".join(f"{line}\n" for line in shown)
        assert doctest.OutputChecker().check_output(wanted, output, doctest.ELLIPSIS), f"{command}\n{output}"


def commands(block: str) -> Iterator[tuple[str, list[str]]]:
    """The commands of a block, each with the lines below it."""
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, *shown = part.splitlines()
        yield command, shown


@pytest.fixture
def line() -> Iterator[PtyPort]:
    with PtyPort() as port:
        yield port


def test_my_mcu_without_a_module(line: PtyPort, tmp_path: Path) -> None:
    reader = Reader("mcu-without-module.md", line.path, tmp_path)
    (log,) = reader.blocks("text")
    (tmp_path / "session.log").write_text(log, encoding="utf-8")
    (tmp_path / "mcu.bin").write_bytes(bytes(1000))
    with McuHost(Mcu(Spec.shipped("lamp"), poll_interval=0.01), line):
        reader.follow()
    assert len(reader.done) == 7


def test_my_module_without_an_mcu(line: PtyPort, tmp_path: Path) -> None:
    module = Module(device_id=5, token=TOKEN, wall=wall_clock)
    with ModuleHost(module, line) as host:
        variables = {"MIIO_LAN_IP": host.host, "MIIO_LAN_PORT": str(host.port), "MIIO_LAN_TOKEN": TOKEN}
        reader = Reader("module-without-mcu.md", line.path, tmp_path, **variables)
        (description,) = reader.blocks("toml")
        (tmp_path / "product.toml").write_text(description, encoding="utf-8")
        reader.follow()
    assert len(reader.done) == 9


def test_each_misbehaviour_and_order_the_pages_name_exists() -> None:
    from miio_lan.cli.virtual_orders import MCU_ORDERS, MODULE_ORDERS

    for page, orders in (("mcu-without-module.md", MODULE_ORDERS), ("module-without-mcu.md", MCU_ORDERS)):
        text = (DOCS / page).read_text(encoding="utf-8")
        assert orders in text
        named = set(re.findall(r"^\| `([a-z]+)[ `]", text.partition("## Orders")[2], re.MULTILINE))
        assert {each for each in ORDERS if re.search(rf"\b{each}\b", orders)} <= named
