"""Which line of the MCU a line of the module replies to: the queue by itself."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.uart.replies import MAX_OPEN, NOISE, OpenLines, is_echo, kind_of, may_reply


@dataclass(eq=False)
class Line:
    text: str
    instant: float = 0.0

    @property
    def word(self) -> str:
        return NOISE if self.text.startswith("*") else self.text.partition(" ")[0]


def queue(*lines: tuple[float, str]) -> OpenLines[Line]:
    found: OpenLines[Line] = OpenLines()
    for instant, text in lines:
        found.add(Line(text, instant))
    return found


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("ok", "ok"),
        ("error", "error"),
        ("down", "down"),
        ("down none", "down"),
        ("downstairs", "value"),
        ("cloud", "value"),
        ("command 'foo' not found", "error"),
        ("ok ", "value"),
    ],
)
def test_kinds(text: str, kind: str) -> None:
    assert kind_of(text) == kind


@pytest.mark.parametrize(
    ("text", "word", "may"),
    [
        ("down none", "get_down", True),
        ("down none", "net", False),
        ("ok", "get_down", False),
        ("ok", "result", True),
        ("ok", NOISE, True),
        ("error", "get_down", True),
        ("cloud", "net", True),
        ("cloud", "result", False),
        ("", "net", False),
    ],
)
def test_what_may_be_said_to_what(text: str, word: str, may: bool) -> None:
    assert may_reply(text, word) is may


@pytest.mark.parametrize(
    ("lines", "text", "now", "reply_to", "left"),
    [
        # In order.
        ([(0.0, "net"), (0.01, "mac")], "cloud", 0.02, "net", ["mac"]),
        # What a reply shows to be passed over.
        ([(0.0, "model a.b.c"), (0.01, "get_down")], "down none", 0.02, "get_down", []),
        ([(0.0, "get_down"), (0.01, "model a.b.c")], "ok", 0.02, "model a.b.c", []),
        ([(0.0, "*** boot"), (0.01, "model a.b.c")], "ok", 0.02, "model a.b.c", []),
        ([(0.0, "*** boot")], "ok", 0.02, "*** boot", []),
        ([(0.0, "result 1"), (0.01, "net")], "cloud", 0.02, "net", []),
        # Noise in the module's direction passes nothing over, and replies to nothing.
        ([(0.0, "result 1"), (0.01, "net")], "@#!", 0.02, None, ["result 1", "net"]),
        ([(0.0, "get_down")], "cloud", 0.02, None, ["get_down"]),
        ([(0.0, "get_down")], "ok", 0.02, None, ["get_down"]),
        # Whoever said it again was not heard the first time; 0.1 s is the limit.
        ([(0.0, "model a.b.c"), (0.11, "model a.b.c")], "error", 0.12, "model a.b.c", []),
        ([(0.0, "model a.b.c"), (0.08, "model a.b.c")], "error", 0.09, "model a.b.c", ["model a.b.c"]),
        # Others have to wait 0.5 s.
        ([(0.0, "model a.b.c"), (0.5, "mcu_version 0001")], "ok", 0.51, "mcu_version 0001", []),
        ([(0.0, "model a.b.c"), (0.4, "mcu_version 0001")], "ok", 0.49, "model a.b.c", ["mcu_version 0001"]),
        # A down is said to nothing else: all the others were passed over.
        ([(0.0, "net"), (0.01, "mac")], "down none", 0.02, None, []),
    ],
)
def test_whose_reply_it_is(
    lines: list[tuple[float, str]], text: str, now: float, reply_to: str | None, left: list[str]
) -> None:
    found = queue(*lines)
    place = found.place_of(text, now)
    seen = found.at(place)
    taken, passed = found.take(place)
    assert (taken.text if taken else None) == reply_to
    assert (seen.text if seen else None) == reply_to, "looking finds the same"
    assert [line.text for line in found] == left
    assert len(passed) == len(lines) - len(left) - (taken is not None)


def test_help_stays_open_until_the_mcu_goes_on() -> None:
    found = queue((0.0, "help"))
    for text in ("model", "net", "help"):
        taken, _ = found.take(found.place_of(text, 0.1))
        assert taken is not None
    found.end_help()
    assert not found


def test_what_waits_too_long_is_given_up() -> None:
    found = queue((0.0, "net"), (1.0, "mac"))
    assert found.expire(2.0) == []
    assert [line.text for line in found.expire(2.01)] == ["net"]
    assert [line.text for line in found] == ["mac"]


def test_no_peer_makes_it_remember_without_end() -> None:
    found: OpenLines[Line] = OpenLines()
    given_up = [line for number in range(100) for line in found.add(Line(f"net {number}"))]
    assert len(list(found)) == MAX_OPEN == 32
    assert [line.text for line in given_up] == [f"net {number}" for number in range(68)]


TEXTS = st.sampled_from(
    ["ok", "error", "down none", "down get_properties 2 1", "cloud", "xx", "", "command 'a' not found"]
)
LINES = st.sampled_from(["get_down", "result 1", "net", "help", "*** x", "model a.b.c", 'error "x" -5000'])


@given(st.lists(st.tuples(st.booleans(), TEXTS, LINES, st.floats(0, 0.5)), max_size=30))
def test_every_line_is_replied_to_once_or_given_up_or_waits(
    steps: list[tuple[bool, str, str, float]],
) -> None:
    found: OpenLines[Line] = OpenLines()
    now, said, over = 0.0, [], []
    for up, text, line, pause in steps:
        now += pause
        over += found.expire(now)
        if up:
            said.append(Line(line, now))
            over += found.add(said[-1])
        else:
            taken, passed = found.take(found.place_of(text, now))
            over += passed
            if taken is not None and taken.word != "help":
                over.append(taken)
    assert sorted(map(id, [*over, *found])) == sorted(map(id, said))


@pytest.mark.parametrize(
    ("text", "said", "echo"),
    [("net", "net", True), ("net", "time", False), ("ok", "ok", False), ("error", "error", False)],
)
def test_what_comes_back_is_an_echo_but_for_the_words_of_the_module(text: str, said: str, echo: bool) -> None:
    assert is_echo(text, said) is echo
