from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator

import pytest

from miio_lan.record.recording import read_recording
from miio_lan.uart.ports import port as port_module
from miio_lan.uart.ports.port import MemoryPair, Port

Plug = Callable[[str, bytes], Port]


@pytest.fixture
def plug(monkeypatch) -> Iterator[Plug]:
    """Make a port of some name, at whose other end something is being said; give that other end."""
    lines: dict[str, MemoryPair] = {}

    def open_port(name: str, *, baud_pacing: bool = False) -> Port:
        lines[name].near.name = name
        return lines[name].near

    def make(name: str, data: bytes) -> Port:
        lines[name] = line = MemoryPair()
        line.far.start(lambda data, instant: None)
        if data:
            line.far.write(data)
        return line.far

    monkeypatch.setattr(port_module, "open_port", open_port)
    yield make
    for line in lines.values():
        line.close()


def test_a_line_is_shown_and_recorded(run, plug, tmp_path) -> None:
    plug("mcu", b"get_down\rnet\rresul")
    path = tmp_path / "line.jsonl"
    ended = run("uart", "record", "--up", "mcu", "-o", str(path), "--count", "2")
    assert ended.code == 0
    header, row = ended.out.splitlines()
    assert header.split() == ["seconds", "MCU", "says", "module", "says"]
    assert row.split() == ["0.000", "net"]
    assert ended.err.splitlines() == ["mcu hears the MCU", f"3 records in {path}"]
    records = list(read_recording(path))
    assert [record.raw for record in records] == [b"get_down\r", b"net\r", b"resul"]
    assert "unfinished" in records[2].note


def test_a_tap_is_a_recording_by_another_name(run, plug) -> None:
    plug("mcu", b"net\r")
    ended = run("uart", "tap", "--up", "mcu", "--count", "1", "--json")
    assert (ended.code, json.loads(ended.out)["raw"]) == (0, "net\r")
    assert "tap is another name of record" in run("uart", "--help").out


def test_both_directions(run, plug) -> None:
    plug("mcu", b"net\r")
    plug("module", b"cloud\r")
    ended = run("uart", "record", "--up", "mcu", "--down", "module", "--count", "2", "--json")
    records = [json.loads(line) for line in ended.out.splitlines()]
    assert sorted((each["direction"], each["raw"]) for each in records) == [
        ("down", "cloud\r"),
        ("up", "net\r"),
    ]
    assert "module hears the module" in ended.err


def test_lines_of_two_adapters_are_shown_as_they_were_said_and_all_are_recorded(
    run, plug, monkeypatch, tmp_path
) -> None:
    monkeypatch.setattr("miio_lan.uart.order.LATENESS", 100.0)  # however slow this machine is
    plug("mcu", b"get_down\rresult 2 1 0\r")
    plug("module", b"down set_properties 2 1 5\rok\r")
    path = tmp_path / "line.jsonl"
    ended = run(
        "uart", "record", "--up", "mcu", "--down", "module", "--polls", "--count", "4", "-o", str(path)
    )
    assert [row.split(maxsplit=1)[1] for row in ended.out.splitlines()[1:]] == [
        "get_down",
        "down set_properties 2 1 5",
        "result 2 1 0",
        "ok",
    ]
    # Those of one adapter as they were read, whichever of the two was read first.
    recorded = list(read_recording(path))
    assert [record.raw for record in recorded if record.direction == "up"] == [
        b"get_down\r",
        b"result 2 1 0\r",
    ]
    assert [record.raw for record in recorded if record.direction == "down"] == [
        b"down set_properties 2 1 5\r",
        b"ok\r",
    ]


def test_one_of_them(run, plug) -> None:
    plug("x", b"down none\rok\r")
    ended = run("uart", "record", "--either", "x", "--count", "2", "--polls", "--hide", "^ok")
    (row,) = ended.out.splitlines()[1:]
    assert row.split(maxsplit=1) == ["0.000", "down none"]
    assert row.index("down") > 50


@pytest.mark.parametrize("options", [[], ["--up", "a", "--either", "b"], ["--only", "("]])
def test_wrong_use(run, options) -> None:
    ended = run("uart", "record", *options, *(["--up", "a"] if "--only" in options else []))
    assert (ended.code, ended.out) == (2, "")


def test_a_port_that_is_not_there(run) -> None:
    ended = run("uart", "record", "--up", "/dev/none-such")
    assert (ended.code, ended.out) == (1, "")
    assert "/dev/none-such cannot be opened" in ended.err


def test_a_file_that_cannot_be_written(run, plug, tmp_path) -> None:
    ended = run("uart", "record", "--up", "a", "-o", str(tmp_path / "none" / "x"))
    assert ended.code == 2
    assert "cannot be written" in ended.err


def test_an_interruption_is_an_ordinary_end(run, plug, monkeypatch) -> None:
    plug("mcu", b"")
    monkeypatch.setattr(
        "miio_lan.uart.listening.tap.Tap.__enter__",
        lambda tap: (tap.start(), os.kill(os.getpid(), signal.SIGINT), tap)[2],
    )
    ended = run("uart", "record", "--up", "mcu")
    assert ended.code == 0
    assert "Traceback" not in ended.err


def test_a_bridge_forwards_shows_and_tells_its_latency(run, plug) -> None:
    plug("left", b"")
    plug("right", b"result 1 1 0\rnet\r")
    ended = run(
        "uart", "bridge", "--module", "left", "--mcu", "right", "--fault", "drop result x1", "--count", "2"
    )
    assert ended.code == 0
    assert [row.split(maxsplit=1)[1] for row in ended.out.splitlines()[1:]] == [
        "result 1 1 0 [dropped by the bridge]",
        "net",
    ]
    err = ended.err.splitlines()
    assert err[0] == "module at left, MCU at right"
    assert err[1].startswith("MCU to module: 4 bytes; added latency: median ")
    assert err[2] == "module to MCU: 0 bytes; added latency: nothing was forwarded"
    assert err[3] == "fault 'drop result x1': 1 times"


def test_a_bridge_without_an_other_end_says_what_was_lost(run, plug) -> None:
    plug("left", b"").close()
    plug("right", b"net\r")
    ended = run("uart", "bridge", "--module", "left", "--mcu", "right", "--only", "net", "--seconds", "0.2")
    assert ended.code == 0
    if "not forwarded" in ended.out:  # or the bridge wrote before it saw that nobody was there
        assert "4 bytes could not be forwarded" in ended.err


def test_a_fault_that_is_none(run) -> None:
    ended = run("uart", "bridge", "--module", "a", "--mcu", "b", "--fault", "lose result")
    assert (ended.code, ended.out) == (2, "")
    assert "begins with none of drop" in ended.err


def test_help_shows_rules_that_work(run) -> None:
    from miio_lan.uart.bridge.faults import Fault

    shown = run("uart", "bridge", "--help").out.partition("Rules, for example:\n")[2]
    rules = [
        line[2:].split("  ")[0] for line in shown.splitlines() if line.startswith("  ") and line[2] != " "
    ]
    assert len(rules) == 9
    for rule in rules:
        Fault.parse(rule)


def _twice(tmp_path, kind: str) -> tuple[str, str]:
    port, other = tmp_path / "ttyUSB0", tmp_path / "by-id"
    port.touch()
    other.symlink_to(port)
    return {"name": (str(port), str(port)), "link": (str(port), str(other))}.get(kind, (kind, kind))


@pytest.mark.parametrize("kind", ["name", "link", "socket://127.0.0.1:9"])
@pytest.mark.parametrize(
    ("command", "first", "second"),
    [
        ("uart record", "--up", "--down"),
        ("uart bridge", "--module", "--mcu"),
        ("watch", "--up", "--down"),
        ("accept", "--tap-up", "--tap-down"),
    ],
)
def test_one_port_for_both_ends_is_wrong_use(
    run, monkeypatch, tmp_path, kind, command, first, second
) -> None:
    def opened(name: str, **_: object) -> Port:
        raise AssertionError(f"{name} was opened")

    monkeypatch.setattr(port_module, "open_port", opened)
    one, other = _twice(tmp_path, kind)
    ended = run(*command.split(), first, one, second, other)
    assert (ended.code, ended.out) == (2, "")
    assert f"{other} is named twice: each end of the line needs a port of its own" in ended.err
    assert run("--json", *command.split(), first, one, second, other).json["error"]["type"] == "UsageError"


def test_two_new_ports_of_one_kind_are_two(run) -> None:
    assert run("uart", "record", "--up", "loop://", "--down", "loop://", "--seconds", "0.01").code == 0
