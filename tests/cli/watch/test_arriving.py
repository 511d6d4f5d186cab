from __future__ import annotations

import io
import os
from collections import deque
from collections.abc import Iterator

import pytest

from miio_lan.cli.watch import arriving
from miio_lan.cli.watch.arriving import ArrivingLines, arriving_lines


class Ends:
    """Both ends of a pipe."""

    def __init__(self) -> None:
        reading, self.writing = os.pipe()
        self.lines = ArrivingLines(io.FileIO(reading), "the pipe")

    def write(self, data: bytes) -> None:
        os.write(self.writing, data)

    def close(self) -> None:
        if self.writing >= 0:
            os.close(self.writing)
            self.writing = -1


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends()
    yield made
    made.close()
    made.lines.close()


def test_lines_come_while_more_may_come(ends) -> None:
    ends.write(b"one\r\ntwo\rthree\n\nfo")
    assert [next(ends.lines) for _ in range(4)] == ["one\n", "two\n", "three\n", "\n"]
    ends.write("ür\nrest".encode())
    assert next(ends.lines) == "foür\n"
    ends.close()
    assert list(ends.lines) == ["rest"]
    assert not ends.lines.timed_out


def test_a_letter_and_a_line_may_come_in_pieces(ends) -> None:
    for piece in ("ü\n".encode()[:1], "ü\n".encode()[1:2]):
        ends.write(piece)
        assert ends.lines.silent(0.001)
    ends.write(b"\n")
    assert not ends.lines.silent(0.001)
    assert next(ends.lines) == "ü\n"


def test_empty_lines_break_no_silence(ends) -> None:
    ends.write(b"\n\n  \n")
    assert ends.lines.silent(0.001)
    ends.close()
    assert not ends.lines.silent(0.001)  # nor is the end one
    assert list(ends.lines) == ["\n", "\n", "  \n"]


def test_empty_lines_that_have_come_are_not_looked_through_again(ends, monkeypatch) -> None:
    class NotLookedThrough(deque[str]):
        def __iter__(self) -> Iterator[str]:
            raise AssertionError("each read looks through all lines that came before")

    monkeypatch.setattr(arriving, "_LARGEST_READ", 1)
    monkeypatch.setattr(ends.lines, "_lines", NotLookedThrough())
    ends.write(b"\n \n\none\n\n")
    assert not ends.lines.silent(1000.0)
    assert [next(ends.lines) for _ in range(4)] == ["\n", " \n", "\n", "one\n"]
    assert ends.lines.silent(0.001)
    ends.write(b"two")
    ends.close()
    assert not ends.lines.silent(1000.0)
    assert list(iter(lambda: next(ends.lines, None), None)) == ["\n", "two"]


def test_it_ends_with_its_time_and_half_a_line_is_none(ends) -> None:
    ends.write(b"one\ntw")
    assert next(ends.lines) == "one\n"
    ends.lines.until = 0.0
    assert not ends.lines.silent(1000.0)
    assert list(ends.lines) == []
    assert ends.lines.timed_out


def test_what_is_no_text_is_told_after_what_is(ends) -> None:
    ends.write(b"one\n")
    assert next(ends.lines) == "one\n"
    ends.write(b"\xff\n")
    assert not ends.lines.silent(1000.0)
    with pytest.raises(UnicodeDecodeError):
        next(ends.lines)
    assert list(ends.lines) == []


def test_what_cannot_be_read_is_told(ends, monkeypatch) -> None:
    def fail(*_):
        raise OSError(5, "Input/output error")

    ends.lines._file.close()
    monkeypatch.setattr(arriving, "_readable", lambda *_: True)
    ends.lines._file = type("Broken", (), {"read": fail, "close": lambda _: None})()
    with pytest.raises(OSError, match="Input/output"):
        next(ends.lines)


def test_what_is_there_as_a_whole_is_not_waited_for(tmp_path, monkeypatch) -> None:
    (tmp_path / "file").touch()
    for name in (tmp_path / "file", tmp_path, tmp_path / "none", "x" * 300):
        assert arriving_lines(str(name)) is None
    for stdin in (None, io.StringIO()):
        monkeypatch.setattr("sys.stdin", stdin)
        assert arriving_lines("-") is None
