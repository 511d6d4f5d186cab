"""What reads a text takes eight times as long for one that is eight times as long, whatever it consists of.

Times of a processor are compared, and only where they are far beyond what such a text may take: an expression that
gives back what it has taken needs seconds and minutes here. A slow machine alone makes no test fail.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from miio_lan.acceptance.judging import judgement_of
from miio_lan.errors import DeviceException
from miio_lan.foreign import printable, printable_json
from miio_lan.pairing.pairing import pair
from miio_lan.record import Record
from miio_lan.uart.commands import read
from miio_lan.uart.line import clean, split, split_legacy
from miio_lan.uart.listening.overhearing import Overhearing
from miio_lan.uart.logs.tables import read_table
from miio_lan.uart.logs.textlog import read_text_log
from miio_lan.uart.pieces import pieces
from miio_lan.uart.values import read_json, read_value

if TYPE_CHECKING:
    from collections.abc import Callable

SHORT, LONG = 5_000, 40_000
HARMLESS = 0.5
"""Seconds of a processor that a text of 40 KB may take in any case: ten times what it should."""
PHASES = (Phase.explicit, Phase.generate)
"""To look for a shorter example takes minutes: each is steep again."""
STEEP = 24
"""Times as long for eight times the text: less than the 64 of quadratic reading, more than any disturbance of 8."""

GET = read(b"down get_properties 2 1\r", direction="down")
ACT = read(b"down action 2 1\r", direction="down")
POLL = read(b"get_down\r", direction="up")


def line(direction: str, instant: float, text: str) -> Record:
    return Record("uart", direction, instant, 1e9 + instant, text.encode("utf-8", "surrogatepass") + b"\r")


def scene(text: str) -> list[Record]:
    """A text as an answer, as a downlink, and as a reply."""
    told = [
        ("up", "get_down"), ("down", "down get_properties 2 1"), ("up", text), ("down", "ok"),
        ("up", "get_down"), ("down", text), ("up", "result 2 1 0 5"), ("down", text),
    ]  # fmt: skip
    return [line(direction, 1 + at / 10, said) for at, (direction, said) in enumerate(told)]


def overheard(text: str) -> None:
    listener = Overhearing(lambda _: None, wall=lambda instant: instant)
    for at, direction in enumerate(("up", "down", "up")):
        listener.feed(direction, line("up", 1.0, text).raw, 1.0 + at)


READERS: dict[str, Callable[[str], object]] = {
    "up": lambda text: read(text, direction="up"),
    "down": lambda text: read(text, direction="down"),
    "answer to a get": lambda text: read(text, direction="up", pending=GET),
    "answer to an action": lambda text: read(text, direction="up", pending=ACT),
    "reply": lambda text: read(text, direction="down", pending=POLL),
    "clean": clean,
    "split": split,
    "split_legacy": split_legacy,
    "pieces": pieces,
    "value": read_value,
    "json": read_json,
    "listener": overheard,
    "log": lambda text: list(read_text_log([f"12:00:00.5 TX: {text}", text, f"[1.5] {text}"])),
    "table": lambda text: read_table(
        [f"time,direction,data{text}", "time,direction,data", f"1,{text},{text}"]
    ),
    "rows of a table": lambda text: read_table(["time,direction,data", f"1,{text},{text}"]),
    "printable": printable,
    "printable JSON": printable_json,
}
MANY_READERS: dict[str, Callable[[str], object]] = {
    "pairing": lambda text: pair(scene(text)),
    "judging": lambda text: judgement_of(scene(text)),
}

HEADS = (
    "", "result ", "result 2 1 0 ", "down ", "down x ", "down set_properties 2 1 ", "error ", "properties_changed ",
    '"', "'", "[", "received ", "# ", "tx -> ",
)  # fmt: skip
PIECES = (
    "9", "0", "a", ".", "-", "1e", ",", " ", "\t", "\r", "\x00", "\x08", '"', "'", "\\", '\\"', "\\'", "[", "]", "{",
    "(", "[a]", "result ", "get_down", "ok", "none", "down x", "2 1 0 ", "received ", "message", "to", "->", "0x41 ",
    "AA ", "12:00:00 ", "é", "\u201c", "\ud800", "\u202e", "\\u0020", "\x1b[", ":", "=", ";",
)  # fmt: skip
TAILS = ("", '"', "'", "x", "get_down", "!", ")", "]")

shapes = st.builds(
    lambda head, unit, tail: (head, "".join(unit), tail),
    st.sampled_from(HEADS),
    st.lists(st.sampled_from(PIECES), min_size=1, max_size=3),
    st.sampled_from(TAILS),
)


def seconds(reader: Callable[[str], object], shape: tuple[str, str, str], length: int) -> float:
    head, unit, tail = shape
    text = head + unit * (length // len(unit)) + tail
    begun = time.process_time()
    with suppress(DeviceException, ValueError):
        reader(text)
    return time.process_time() - begun


def is_steep(reader: Callable[[str], object], shape: tuple[str, str, str]) -> bool:
    """Look again before saying so: what else the machine does takes time, never gives it."""
    for _ in range(3):
        if seconds(reader, shape, LONG) < HARMLESS:
            return False
        if seconds(reader, shape, LONG) < STEEP * seconds(reader, shape, SHORT):
            return False
    return True


@pytest.mark.untraced
@pytest.mark.parametrize("name", READERS)
@settings(max_examples=25, phases=PHASES)
@given(shape=shapes)
@example(shape=("result ", "9", '"'))
@example(shape=("", "9", "x"))
@example(shape=("", "\r", "x"))
@example(shape=("", " ", "x"))
@example(shape=("'", "\\'", ""))
@example(shape=("'x' ", "received ", ""))
@example(shape=("", "to", "!"))
@example(shape=("x [", " ", ")"))
def test_time_grows_with_the_text(name, shape):
    assert not is_steep(READERS[name], shape)


@pytest.mark.untraced
@pytest.mark.parametrize("name", MANY_READERS)
@settings(max_examples=6, phases=PHASES)
@given(shape=shapes)
@example(shape=("result ", "9", '"'))
@example(shape=("properties_changed ", "2 1 0 ", ""))
@example(shape=("result ", "2 1 0 ", "x"))
def test_time_grows_with_the_lines_of_a_recording(name, shape):
    assert not is_steep(MANY_READERS[name], shape)


@pytest.mark.untraced
def test_a_steep_reader_is_found():
    def steep(text: str) -> None:
        until = time.process_time() + (len(text) / LONG) ** 2
        while time.process_time() < until:
            pass

    assert is_steep(steep, ("", "9", ""))
    assert not is_steep(printable, ("", "9", ""))
