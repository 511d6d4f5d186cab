from __future__ import annotations

import io
import os
import re
import signal
import sys
import threading

import pytest
from rich.console import Console

from miio_lan.cli.device.show import Filter, Show, style_of
from miio_lan.cli.watch import live
from miio_lan.cli.watch.footer import Footer
from miio_lan.cli.watch.live import Feed, Replay, ended_by_signals, reader_may_leave, to_all
from miio_lan.errors import RecordError
from miio_lan.record import Record
from miio_lan.record.recording import FileRecorder


def uart(raw: bytes, instant: float = 0.0, direction: str = "up", **more) -> Record:
    return Record("uart", direction, instant, instant, raw, **more)


LAN = Record("lan", "down", 0.0, 0.0, b"", {"method": "miIO.info"})


def observed(*records: Record) -> Feed:
    feed = Feed()
    for record in records:
        feed.observe(record)
    return feed


# --- where records come from ---------------------------------------------------------------------------------------


def test_records_come_in_order_of_time() -> None:
    feed = observed(uart(b"b\r", 2.0), uart(b"c\r", 3.0), uart(b"a\r", 1.0))
    assert [each.raw for each in feed.records(count=3)] == [b"a\r", b"b\r", b"c\r"]


def test_messages_come_at_once_and_do_not_count() -> None:
    feed = observed(uart(b"a\r"))
    feed.say("hello")
    assert list(feed.records(count=1)) == ["hello", uart(b"a\r")]


def test_time_ends_it_and_what_was_observed_is_given() -> None:
    assert list(observed().records(seconds=0.001)) == []
    far = 1e12  # not yet settled
    assert list(observed(uart(b"a\r", far)).records(seconds=0.001)) == [uart(b"a\r", far)]


def test_an_interruption_ends_it() -> None:
    feed = observed(uart(b"a\r"))
    records = feed.records()
    assert next(records) == uart(b"a\r")
    feed.observe(uart(b"b\r", 1e12))
    feed.interrupt()
    assert list(records) == []
    assert list(feed.records()) == []


def test_a_signal_interrupts_it_and_the_handlers_are_put_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    feed = Feed()
    with ended_by_signals(feed):
        os.kill(os.getpid(), signal.SIGINT)
        assert list(feed.records()) == []
    assert signal.getsignal(signal.SIGINT) is before


def test_too_many_are_counted_and_not_kept(monkeypatch) -> None:
    monkeypatch.setattr(live, "MAX_UNSHOWN", 2)
    feed = observed(uart(b"a\r"), uart(b"b\r"), uart(b"c\r"))
    assert feed.missed == 1
    assert len(list(feed.records(count=2))) == 2


@pytest.fixture
def recording(tmp_path) -> str:
    path = tmp_path / "line.jsonl"
    with FileRecorder(path) as recorder:
        for number in range(3):
            recorder(uart(b"%d\r" % number, 100.0 + number * 0.001))
    return str(path)


def test_a_replay_gives_all_or_so_many(recording) -> None:
    assert [each.raw for each in Replay(recording).records()] == [b"0\r", b"1\r", b"2\r"]
    assert len(list(Replay(recording).records(count=2))) == 2
    assert len(list(Replay(recording, speed=100.0).records())) == 3


def test_a_replay_ends_with_its_time_or_an_interruption(recording) -> None:
    assert len(list(Replay(recording, speed=1e-6).records(seconds=0.001))) == 1
    replay = Replay(recording, speed=1e-6)
    records = replay.records()
    next(records)
    replay.interrupt()
    assert list(records) == []


def test_a_replay_of_nothing(tmp_path) -> None:
    (tmp_path / "empty").write_text("")
    assert list(Replay(str(tmp_path / "empty")).records()) == []
    with pytest.raises(RecordError):
        Replay(str(tmp_path / "none"))


def test_several_observers_are_one() -> None:
    one: list[Record] = []
    other: list[Record] = []
    to_all(one.append, None, other.append)(LAN)
    assert one == other == [LAN]


# --- what is shown -------------------------------------------------------------------------------------------------


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


def screen(width: int) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=width, highlight=False, color_system=None)


def drawn(terminal: Console) -> str:
    """Give what was written since the last time."""
    text: str = terminal.file.getvalue()  # type: ignore[attr-defined]
    terminal.file.seek(0)
    terminal.file.truncate()
    return text


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


def test_a_footer_is_found_again_where_a_narrower_terminal_has_wrapped_it() -> None:
    terminal = screen(100)
    footer = Footer(terminal)
    footer.show("x" * 50)
    assert drawn(terminal) == "x" * 50
    terminal.width = 20
    footer.show("y" * 50)
    assert drawn(terminal) == "\x1b[A\x1b[A\r\x1b[J" + "y" * 19
    footer.show("y" * 50)
    assert drawn(terminal) == ""


def test_what_goes_to_stderr_stands_above_the_footer(monkeypatch) -> None:
    terminal = screen(100)
    monkeypatch.setattr("sys.stderr", terminal.file)
    footer = Footer(terminal)
    footer.start()
    footer.show("below")
    sys.stderr.write("ab")
    sys.stderr.write("ove\n")
    sys.stderr.write("unfinished")
    assert sys.stderr.isatty() is terminal.file.isatty()
    footer.stop()
    assert sys.stderr is terminal.file
    rows = drawn(terminal).replace("below\r\x1b[J", "").splitlines()
    assert rows == ["above", "unfinished"]


def test_a_terminal_that_cannot_move_its_cursor_gets_no_footer(monkeypatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    terminal = screen(100)
    footer = Footer(terminal)
    monkeypatch.setattr("sys.stderr", None)
    footer.start()
    footer.show("below")
    footer.stop()
    assert drawn(terminal) == ""


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


def test_a_reader_may_leave(monkeypatch) -> None:
    moved = []
    monkeypatch.setattr("os.dup2", lambda old, new: moved.append(new))
    monkeypatch.setattr("sys.stdout", type("Pipe", (), {"fileno": lambda self: 77})())
    with reader_may_leave():
        raise BrokenPipeError
    assert moved == [77]


def test_an_observer_never_waits() -> None:
    feed = Feed()
    thread = threading.Thread(target=lambda: [feed.observe(LAN) for _ in range(100)])
    thread.start()
    thread.join()
    assert len(list(feed.records(count=100))) == 100
