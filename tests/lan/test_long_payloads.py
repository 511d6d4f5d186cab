"""Replies of 64 KB, damaged in ways that invite a reader to begin again and again."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.errors import PayloadDecodeException
from miio_lan.lan.payload import read_payload

SIZE = 64_000
PIECES = (b"0", b"9", b"[", b'"', b"\\", b",", b"[,", b'{"a":', b" ", b"\0", b"0.", b"1e", b'a"', b"\xff")
FRAMES = ((b"", b""), (b'{"id":1,"r":', b"x}"), (b'{"id":1,"r":"', b""), (b'{"id":1,"r":-', b"x}"))


def read(text: bytes) -> object:
    try:
        return read_payload(text).value
    except PayloadDecodeException as error:
        return error


@pytest.mark.parametrize("piece", PIECES)
def test_every_text_is_read_once(piece: bytes) -> None:
    """A reading that tries everything twice takes a minute for each; this one takes milliseconds."""
    before = time.thread_time()
    for head, tail in FRAMES:
        read(head + piece * (SIZE // len(piece)) + tail)
    assert time.thread_time() - before < 10


@given(st.integers(0, 40), st.from_regex(r"-?[0-9]{0,3}(\.[0-9]{1,3})?(e-?[0-9]{1,2})?", fullmatch=True))
def test_leading_zeros_never_change_a_number(zeros: int, digits: str) -> None:
    sign, rest = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
    if not rest[:1].isdigit():
        return
    value = read(f'{{"a":{sign}{"0" * zeros}{rest}}}'.encode())
    assert value == {"a": float(digits)}


def test_zeros_alone_are_zero() -> None:
    assert read(b'{"a":000,"b":-00,"c":00.5}') == {"a": 0, "b": 0, "c": 0.5}
