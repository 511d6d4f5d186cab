"""The how-to pages of the serial line do what they show, a pseudo-terminal in the place of ``/dev/ttyUSB0``.

A command that runs until it is ended has a terminal of its own; what the page shows as typed is typed there. All other
commands run to their end, as from another shell. A block that begins without a command goes on with the one that runs.
"""

from __future__ import annotations

import doctest
import itertools
import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from support.image_server import ImageServer, whole
from support.spec_server import MODEL, published, serving

from miio_lan.acceptance.judging import judgement_of
from miio_lan.acceptance.verdict import Outcome
from miio_lan.bench.places.file import KEYS, read_bench
from miio_lan.device.description.spec import Spec
from miio_lan.device.doctor.findings import STEPS
from miio_lan.device.fleet.named import parse_devices, read_devices
from miio_lan.lan.discovery.ways import local_interfaces
from miio_lan.loop import Loop, wall_clock
from miio_lan.record import Record, read, write
from miio_lan.uart import line as lines
from miio_lan.uart.bridge import faults
from miio_lan.uart.bridge.bridge import Bridge
from miio_lan.uart.bridge.faults import Fault
from miio_lan.uart.listening import overhearing, tap
from miio_lan.uart.ports.port import MemoryPair, PtyPort
from miio_lan.virtual.host import McuHost, ModuleHost
from miio_lan.virtual.mcu.mcu import Mcu
from miio_lan.virtual.module.module import Module

DOCS = Path(__file__).parents[1] / "docs"
PORT = "/dev/ttyUSB0"
SECOND_PORT = "/dev/ttyUSB1"
WEB = "192.168.1.10:8000"
TOKEN = "00112233445566778899aabbccddeeff"
LASTING = re.compile(r"miio-lan (virtual|uart (console|record|bridge)) ")
JUDGING = re.compile(r"miio-lan accept (\S+\.jsonl) ")
ORDERS = ("net", "down", "restart", "set", "event", "show", "misbehave", "behave", "reset")
PROMPT = "> "
CTRL_C = "^C"
ON_THE_WAY = 0.03
"""Seconds that a line takes from one end of :func:`overheard` to the other."""
PATIENCE = 100.0
"""Seconds until an output that does not come is given up."""


class Terminal:
    """A command on a pseudo-terminal: what it shows is waited for, what is typed reaches it."""

    def __init__(self, command: str, environment: dict[str, str], directory: Path) -> None:
        self.text = ""
        self._taken: list[tuple[int, int]] = []
        self._mark = 0
        self._ended = False
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

    def end(self) -> None:
        """End it as a person would."""
        if not self._ended:
            self._ended = True
            self._mark = len(self.text)
            os.write(self._master, self._end.encode())

    def close(self) -> None:
        """End it, and see that this is no failure."""
        self.end()
        try:
            assert self._process.wait(PATIENCE) == 0, self.text
        finally:
            self._process.kill()
            self._process.wait()
            os.close(self._master)


def has_late_polls_alone(recording: Path) -> bool:
    """Tell whether the one fault of a recording is that single polls came late: a busy machine, which no page shows."""
    with recording.open() as file:
        verdicts = judgement_of(read(file), spec=Spec.shipped("lamp")).verdicts
    odd = {verdict.rule.name for verdict in verdicts if verdict.outcome in (Outcome.FAIL, Outcome.WARNING)}
    return odd == {"poll-interval"}


def was_read_late(recording: Path) -> bool:
    """Tell whether the line took its time, and its listener did not: a busy machine, which no page shows.

    Each line of :func:`overheard` takes :data:`ON_THE_WAY`, and an end speaks once it has heard the other one.
    """
    with recording.open() as file:
        lines = [record for record in read(file) if record.raw]
    return any(
        two.instant - one.instant < ON_THE_WAY / 2
        for one, two in itertools.pairwise(lines)
        if one.direction != two.direction
    )


class Reader:
    """Somebody who does what a page shows.

    :param text: the page, or a part of it
    :param ports: the paths that stand for the adapters, by the names the page has for them
    """

    def __init__(self, text: str, ports: Mapping[str, str], directory: Path, **variables: str) -> None:
        self.text = text
        self._ports = ports
        self._directory = directory
        self._terminal: Terminal | None = None
        self._environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith("PYTEST")},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTEST_ADDOPTS": "-p no:randomly -p no:cacheprovider",
            "TERM": "dumb",
            "COLUMNS": "200",
            **variables,
        }
        self.done: list[str] = []

    def blocks(self, kind: str) -> list[str]:
        return re.findall(rf"^```{kind}\n(.*?)^```$", self.text, re.MULTILINE | re.DOTALL)

    def write_files(self) -> list[str]:
        """Write the files the page shows, and give their names."""
        files = re.findall(r"^<!-- file: (\S+) -->\n```\w+\n(.*?)^```$", self.text, re.MULTILINE | re.DOTALL)
        for name, text in files:
            (self._directory / name).write_text(self._here(text), encoding="utf-8")
        return [name for name, _ in files]

    def know(self, name: str, url: str) -> None:
        """Let a server stand where the page names another one."""
        self._ports[name] = url.split("/")[2]

    def follow(self) -> None:
        try:
            for block in self.blocks("console"):
                begin, *rest = re.split(r"^\$ ", block, flags=re.MULTILINE)
                self._converse(begin.splitlines())
                for command, *shown in map(str.splitlines, rest):
                    self._do(command, shown)
        finally:
            self._finish()

    def _do(self, command: str, shown: Sequence[str]) -> None:
        self.done.append(command)
        if self._terminal is not None and self._terminal.alone:
            self._finish()
        if LASTING.match(command):
            self._start(command)
            self._converse(shown)
        else:
            self._run(command, shown)

    def _finish(self) -> None:
        if self._terminal is not None:
            terminal, self._terminal = self._terminal, None
            terminal.close()

    def _start(self, command: str) -> None:
        self._finish()
        here = " --udp-port 0" if "virtual module" in command else ""
        self._terminal = Terminal(self._here(command) + here, self._environment, self._directory)

    def _converse(self, shown: Sequence[str]) -> None:
        """See what the running command shows, and type what is typed."""
        for line in shown:
            assert self._terminal is not None, f"nothing runs that could show {line!r}"
            if line.startswith(PROMPT):
                self._terminal.type(line.removeprefix(PROMPT))
            elif line == CTRL_C:
                self._terminal.end()
            elif line.split()[0] in ORDERS:
                self._terminal.type(line)
            else:
                self._learn(self._terminal.expect(self._here(line)).group())

    def _learn(self, line: str) -> None:
        if line.strip().startswith("export "):
            self._environment |= dict(each.split("=") for each in line.split()[1:])

    def _run(self, command: str, shown: Sequence[str]) -> None:
        ran = subprocess.run(
            ["bash", "-c", self._here(command)],
            env=self._environment,
            cwd=self._directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        output = self._there(ran.stdout)
        wanted = "".join(f"{line}\n" for line in shown)
        # Where the terminal is narrow, long lines are folded, and a page does not say where.
        ways = (doctest.ELLIPSIS, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
        alike = any(doctest.OutputChecker().check_output(wanted, output, flags) for flags in ways)
        recorded = JUDGING.match(command)
        late = recorded is not None and has_late_polls_alone(self._directory / recorded[1])
        assert alike or late, f"{command}\n{output}"

    def _here(self, text: str) -> str:
        for name, path in self._ports.items():
            text = text.replace(name, path)
        return text

    def _there(self, text: str) -> str:
        for name, path in sorted(self._ports.items(), key=lambda each: len(each[1]), reverse=True):
            text = text.replace(path, name)
        return text


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


@pytest.fixture
def line() -> Iterator[PtyPort]:
    with PtyPort() as port:
        yield port


def test_my_mcu_without_a_module(line: PtyPort, tmp_path: Path) -> None:
    reader = Reader(page("mcu-without-module.md"), {PORT: line.path}, tmp_path)
    (log,) = reader.blocks("text")
    (tmp_path / "session.log").write_text(log, encoding="utf-8")
    (tmp_path / "mcu.bin").write_bytes(bytes(1000))
    with (
        McuHost(Mcu(Spec.shipped("lamp"), poll_interval=0.01), line),
        ImageServer(whole(bytes(1000))) as server,
    ):
        reader.know(WEB, server.url)
        reader.follow()
    assert len(reader.done) == 9


def test_my_module_without_an_mcu(line: PtyPort, tmp_path: Path) -> None:
    module = Module(device_id=5, token=TOKEN, wall=wall_clock)
    with ModuleHost(module, line) as host:
        variables = address(host)
        reader = Reader(page("module-without-mcu.md"), {PORT: line.path}, tmp_path, **variables)
        (description,) = reader.blocks("toml")
        (tmp_path / "product.toml").write_text(description, encoding="utf-8")
        image = b"miio-lan firmware mcu 0042\n" + bytes(5000)
        with ImageServer(whole(image)) as server:
            reader.know(WEB, server.url)
            reader.follow()
    assert len(reader.done) == 14


BETWEEN = "between-module-and-mcu.md"
CUT = "## Wiring to stand in the middle"


def address(host: ModuleHost) -> dict[str, str]:
    return {"MIIO_LAN_IP": host.host, "MIIO_LAN_PORT": str(host.port), "MIIO_LAN_TOKEN": TOKEN}


@contextmanager
def overheard() -> Iterator[tuple[ModuleHost, dict[str, str]]]:
    """A module and an MCU that are joined, and the two receivers at their line, which takes its time."""
    with ExitStack() as stack:
        ends = [stack.enter_context(MemoryPair()) for _ in range(2)]
        # One thread writes to both: what was said first is heard first, whatever else the computer does.
        writer = Loop("receivers")
        stack.callback(writer.close)
        up, down = (stack.enter_context(PtyPort()) for _ in range(2))
        for port in (up, down):
            port.start(lambda data, instant: None, loop=writer)
        writer.start()
        module = ModuleHost(
            Module(device_id=5, token=TOKEN, wall=wall_clock),
            ends[0].far,
            heard=lambda data, instant: up.write(data),
        )
        mcu = McuHost(Mcu(Spec.shipped("lamp")), ends[1].far, heard=lambda data, instant: down.write(data))
        host = stack.enter_context(module)
        stack.enter_context(mcu)
        stack.enter_context(Bridge(ends[0].near, ends[1].near, faults=[f"delay {ON_THE_WAY}s *"]))
        yield host, {PORT: up.path, SECOND_PORT: down.path}


@contextmanager
def cut_apart() -> Iterator[tuple[ModuleHost, dict[str, str]]]:
    """A module and an MCU that are not joined, and the two ports at which they are."""
    with PtyPort() as left, PtyPort() as right:
        module = Module(device_id=5, token=TOKEN, wall=wall_clock)
        with ModuleHost(module, left) as host, McuHost(Mcu(Spec.shipped("lamp"), poll_interval=0.1), right):
            yield host, {PORT: left.path, SECOND_PORT: right.path}


def listen(directory: Path) -> Path:
    """Do what the page says about listening; give the recording that it makes."""
    directory.mkdir()
    with overheard() as (host, ports):
        reader = Reader(page(BETWEEN).partition(CUT)[0], ports, directory, COLUMNS="80", **address(host))
        assert reader.write_files() == ["listen.py"]
        reader.follow()
    assert len(reader.done) == 9
    return directory / "session.jsonl"


def test_listening_between_module_and_mcu(tmp_path: Path) -> None:
    for count in range(3):
        try:
            recording = listen(tmp_path / str(count))
        except AssertionError:
            if count == 2 or not was_read_late(tmp_path / str(count) / "session.jsonl"):
                raise
        else:
            break
    with recording.open() as file:
        assert b"get_down\r" in {record.raw for record in read(file)}


@pytest.mark.parametrize(("at", "late"), [((0.0, 0.031, 0.032), False), ((0.0, 0.01, 0.06), True)])
def test_a_line_that_was_read_late_is_known(
    at: tuple[float, float, float], late: bool, tmp_path: Path
) -> None:
    recording = tmp_path / "session.jsonl"
    with recording.open("w") as file:
        write(
            file,
            [
                Record("uart", "up", at[0], at[0], b"result 2 2 0\r"),
                Record("uart", "down", at[1], at[1], b"ok\r"),
                Record("uart", "down", at[2], at[2], b"ok\r"),
            ],
        )
    assert was_read_late(recording) is late


def test_interfering_between_module_and_mcu(tmp_path: Path) -> None:
    with cut_apart() as (host, ports):
        reader = Reader(page(BETWEEN).partition(CUT)[2], ports, tmp_path, COLUMNS="80", **address(host))
        assert reader.write_files() == ["look.py", "conftest.py", "test_faults.py"]
        reader.follow()
    assert len(reader.done) == 8


def test_updating(tmp_path: Path) -> None:
    reader = Reader(page("update.md"), {}, tmp_path)
    assert reader.write_files() == ["install.py"]
    reader.follow()
    assert len(reader.done) == 7


def test_finding_and_naming(tmp_path: Path) -> None:
    names = tmp_path / "names" / "devices.json"
    loopback = next(each.name for each in local_interfaces() if each.is_loopback)
    text = page("discover.md")
    reader = Reader(text, {" lo ": f" {loopback} "}, tmp_path, MIIO_LAN_DEVICES=str(names))
    assert reader.write_files() == ["find.py", "tokens.json"]
    reader.follow()
    assert len(reader.done) == 13
    assert [(each.name, each.ip) for each in read_devices(names).values()] == [("lamp", "192.168.1.9")]
    shown = text.partition("written by hand")[2]
    (example,) = re.findall(
        r"^```json\n(.*?)^```$", shown.partition("## Import")[0], re.MULTILINE | re.DOTALL
    )
    assert parse_devices(example, "page")["lamp"].did == 13646404


def test_a_device_does_not_answer(tmp_path: Path) -> None:
    loopback = next(each.name for each in local_interfaces() if each.is_loopback)
    reader = Reader(page("doctor.md"), {" lo ": f" {loopback} "}, tmp_path)
    reader.follow()
    assert len(reader.done) == 5


def test_the_page_of_the_doctor_names_every_step() -> None:
    named = re.findall(r"^\| `([a-z]+)` \|", page("doctor.md"), re.MULTILINE)
    assert tuple(named) == STEPS


def test_the_bench_file(tmp_path: Path) -> None:
    text = page("bench.md").partition("\n## The bench file\n")[2].partition("\n## ")[0]
    reader = Reader(text, {}, tmp_path, PYTEST_ADDOPTS="-p no:randomly", MIIO_LAN_CACHE=str(tmp_path))
    assert reader.write_files() == ["miio.toml", "test_bench.py"]
    reader.follow()
    assert len(reader.done) == 3
    sample = read_bench(DOCS / "samples" / "miio.toml")
    assert sample == read_bench(tmp_path / "miio.toml")


def test_the_page_of_the_bench_names_every_key() -> None:
    text = page("bench.md").partition("\n## The bench file\n")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([a-z_]+)(?: = true)?`", text))
    assert named >= KEYS


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, loopback has one address")
def test_setting_up(tmp_path: Path) -> None:
    names = tmp_path / "names" / "devices.json"
    reader = Reader(page("provisioning.md"), {}, tmp_path, MIIO_LAN_DEVICES=str(names))
    assert reader.write_files() == ["set_up.py"]
    reader.follow()
    assert len(reader.done) == 11
    assert read_devices(names)["lamp"].did == 13646404


def test_being_told_of_changes(tmp_path: Path) -> None:
    reader = Reader(page("subscriptions.md"), {}, tmp_path)
    assert reader.write_files() == ["told.py", "heard.py"]
    reader.follow()
    assert len(reader.done) == 3


def test_each_fault_and_note_the_page_names_exists() -> None:
    text = page(BETWEEN)
    named = set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))
    rules = [each for each in named if each.split()[0] in faults.FAULT_KINDS]
    assert {Fault.parse(rule).kind for rule in rules} == set(faults.FAULT_KINDS)
    assert all(str(Fault.parse(rule)) == rule.replace("300ms", "0.3s") for rule in rules)
    assert {
        *(overhearing.LATE_START, overhearing.LOST_BYTES, overhearing.XMODEM),
        *(lines.UNFINISHED, lines.OVERLONG),
        *(faults.DROPPED, faults.ALTERED, faults.ANSWERED, faults.SENT, faults.NOT_FORWARDED),
        faults.HELD_BACK.format(5),
        f"{tap.SWAPPED.partition(':')[0]}: ...",
    } <= named


def test_each_misbehaviour_and_order_the_pages_name_exists() -> None:
    from miio_lan.cli.virtual.orders import MCU_ORDERS, MODULE_ORDERS

    for name, orders in (("mcu-without-module.md", MODULE_ORDERS), ("module-without-mcu.md", MCU_ORDERS)):
        text = page(name)
        assert orders in text
        named = set(re.findall(r"^\| `([a-z]+)[ `]", text.partition("## Orders")[2], re.MULTILINE))
        assert {each for each in ORDERS if re.search(rf"\b{each}\b", orders)} <= named


def test_many_devices_or_an_event_loop(tmp_path: Path) -> None:
    names = tmp_path / "names" / "devices.json"
    reader = Reader(page("async.md"), {}, tmp_path, MIIO_LAN_DEVICES=str(names))
    assert reader.write_files() == ["one.py", "many.py"]
    reader.follow()
    assert len(reader.done) == 9


def test_names_in_the_place_of_numbers(tmp_path: Path) -> None:
    variables = {
        "MIIO_LAN_DEVICES": str(tmp_path / "names" / "devices.json"),
        "MIIO_LAN_CACHE": str(tmp_path / "cache"),
        "no_proxy": "*",
    }
    (tmp_path / "desk.json").write_text(json.dumps({**published(), "model": MODEL}), encoding="utf-8")
    with serving() as service:
        reader = Reader(
            page("descriptions.md"),
            {},
            tmp_path,
            **variables,
            MIIO_LAN_SPEC_SERVICE=service.base,
            COLUMNS="100",
        )
        assert reader.write_files() == ["names.py"]
        reader.follow()
    assert len(reader.done) == 13
    assert len(service.asked) == 2
