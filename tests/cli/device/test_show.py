from __future__ import annotations

import io
import re

import pytest
from rich.console import Console
from support.terminal import drawn, screen

from miio_lan.cli.device.show import Filter, Show, style_of
from miio_lan.record import Record


def uart(raw: bytes, instant: float = 0.0, direction: str = "up", **more) -> Record:
    return Record("uart", direction, instant, instant, raw, **more)


LAN = Record("lan", "down", 0.0, 0.0, b"", {"method": "miIO.info"})


@pytest.mark.parametrize(
    ("wanted", "record", "shown"),
    [
        (Filter(), uart(b"get_down\r"), False),
        (Filter(), uart(b"\ndown none\r"), False),
        (Filter(), uart(b"get_down\r", note="dropped by the bridge"), True),
        (Filter(polls=True), uart(b"get_down\r"), True),
        (Filter(wire="lan"), uart(b"net\r"), False),
        (Filter(wire="lan"), LAN, True),
        (Filter(wire="uart"), LAN, False),
        (Filter(only=re.compile("result|info")), uart(b"net\r"), False),
        (Filter(only=re.compile("result|info")), LAN, True),
        (Filter(hide=re.compile("props")), uart(b"props a 1\r"), False),
        (Filter(only=re.compile("a"), hide=re.compile("b")), uart(b"a b\r"), False),
        (Filter(only=re.compile("noise")), uart(b"?\r", note="noise"), True),
        (Filter(), uart(b"\n\r"), False),
        (Filter(polls=True), uart(b"\n\r"), True),
        (Filter(), uart(b""), True),
    ],
)
def test_filters(wanted, record, shown) -> None:
    assert wanted(record) is shown


@pytest.mark.parametrize(
    ("record", "style"),
    [
        (LAN, "cyan"),
        (uart(b"ok\r", reading={"command": "reply", "text": "ok", "valid": True}), ""),
        (uart(b"error\r", reading={"command": "reply", "text": "error", "valid": True}), "red"),
        (Record("lan", "up", 0.0, 0.0, b"", {"error": {"code": -1}}), "red"),
        (uart(b"?\r", note="noise"), "yellow"),
        (uart(b"?\r", reading={"valid": False}), "yellow"),
        (uart(b"?\r", note="sent by the bridge"), "magenta"),
    ],
)
def test_what_is_wrong_stands_out(record, style) -> None:
    assert style_of(record) == style


def test_a_terminal_gets_a_header_rows_and_a_line_of_counts() -> None:
    terminal = Console(file=io.StringIO(), force_terminal=True, width=100, highlight=False)
    with Show("wires", Filter(), console=terminal) as show:
        show.show(LAN)
        show.show(uart(b"get_down\r", direction="up"))
        show.show(uart(b"[bold]x\r", note="noise"))
        show.say("[red]device: gone\x1b")
    text = terminal.file.getvalue()  # type: ignore[attr-defined]
    assert "LAN: client" in text
    assert "→ miIO.info" in text
    assert "← [bold]x [noise]" in text
    assert "get_down" not in text
    assert "[red]device: gone\\x1b" in text
    assert "LAN 1 · UART 2 · not shown 1 · odd 1 · Ctrl-C ends" in text


def test_rows_follow_the_width_of_the_terminal() -> None:
    terminal = screen(120)
    net = uart(b"net\r", direction="down")

    def shown() -> list[str]:
        show.show(net)
        rows = drawn(terminal).replace("\r\x1b[J", "").split("\n")
        return [row for row in rows if "net" in row or "module" in row]

    with Show("line", Filter(), console=terminal) as show:
        drawn(terminal)
        assert [row.index("net") for row in shown()] == [67]
        terminal.width = 70
        header, row = shown()
        assert header.index("module says") == row.index("net") == 42
        assert len(shown()) == 1


def test_a_terminal_that_knows_ascii_only(monkeypatch) -> None:
    stdout = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    stdout.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stdout", stdout)
    with Show("wires", Filter()) as show:
        show.show(LAN)
    stdout.flush()
    assert b"\\u2192 miIO.info" in stdout.buffer.getvalue()  # type: ignore[attr-defined]


def test_a_pipe_gets_plain_rows(capsys) -> None:
    with Show("line", Filter()) as show:
        show.show(uart(b"net\r"))
        show.say("gone")
    captured = capsys.readouterr()
    assert captured.out.splitlines()[1] == "     0.000  net"
    assert captured.err == "gone\n"
