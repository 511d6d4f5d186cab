from __future__ import annotations

import sys

from support.terminal import drawn, screen

from miio_lan.cli.watch.footer import Footer


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
