"""Whether an answer names a downlink: the short way by bytes against the whole reading."""

from __future__ import annotations

from collections import OrderedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.record import Record
from miio_lan.uart import reading
from miio_lan.uart.commands import Down, Error, Result, read
from miio_lan.uart.commands.answering import fits
from miio_lan.uart.reading import fits_downlink, read_answer, read_line
from miio_lan.uart.turns import Downlink


def downlink(text: str) -> Downlink:
    command = read(text, direction="down")
    assert isinstance(command, Down)
    return Downlink(Record("uart", "down", 0.0, 0.0, text.encode() + b"\r"), text, command)


DOWNS = (
    "down get_properties 2 1",
    "down get_properties 2 1 12 11",
    "down set_properties 2 1 5 2 2 6",
    "down set_properties 2 1 7 2 2 8",
    "down action 2 1 1 5",
    "down action 12 1",
    'down set_power ["off"]',
    "down get_prop",
)
words = st.sampled_from(
    ["2", "1", "12", "11", "0", "-4003", '"2 1"', '" 12 1"', "true", "02", "\\u0020", "", "\x002"]
)

heads = st.sampled_from(["result ", "result", "\xffresult ", "\nresult ", 'error "x" '])


@given(
    st.sampled_from(DOWNS),
    st.lists(words, max_size=7),
    heads,
)
def test_the_short_way_is_the_long_one(text: str, tokens: list[str], head: str) -> None:
    raw = (head + " ".join(tokens) + "\r").encode("latin-1")
    handed_out = downlink(text)
    whole = read(raw, direction="up", pending=handed_out.command)
    expected = isinstance(whole, (Result, Error)) and fits(whole, handed_out.command)
    if isinstance(whole, (Result, Error)):
        assert fits_downlink(raw, handed_out) is expected


def test_of_lines_that_were_read_the_oldest_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_MOST_KNOWN", 3)
    monkeypatch.setattr(reading, "_known", OrderedDict())
    first, *_, fourth = (read_line(b"result %d\r" % number, "up", None) for number in range(4))
    assert len(reading._known) == 3
    assert read_line(b"result 3\r", "up", None) is fourth
    assert read_line(b"result 0\r", "up", None) is not first


@pytest.mark.parametrize("answer", [b"result 2 1 0\r", b'error "x" -5001\r', b"properties_changed 2 1 1\r"])
def test_a_line_that_comes_back_is_none_of_the_replies_to_others_of_its_kind(answer: bytes) -> None:
    other = answer.replace(b"1", b"3")
    for said in (other, answer, other):
        pending = read(said, direction="up")
        for raw in (answer, b"ok\r", b"error\r", b"okay\r"):
            expected = read(raw, direction="down", pending=pending)
            assert read_line(raw, "down", pending).as_json() == expected.as_json()


@pytest.mark.parametrize("text", DOWNS)
def test_what_was_read_before_is_read_alike(text: str) -> None:
    pending = downlink(text)
    for raw in (b"result 2 1 0 5\r", b"result 2 1 0\r", b"get_down\r"):
        first, second = read_answer(raw, pending), read_answer(raw, pending)
        assert first is second
        assert first == read(raw, direction="up", pending=pending.command)
