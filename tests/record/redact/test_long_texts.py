"""Hiding secrets takes time in proportion to the length of the text: a device, a line or a file can say anything."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.cpu import at_most

from miio_lan.record import Record
from miio_lan.record.redact import is_secret, redact, redact_excerpts, redact_record, redact_typed, words_of

LENGTH = 128 * 1024
SECONDS = 25
"""What is linear needs at most 2 of them; at this length, what was quadratic needed some 100 and more."""

PIECES = [
    *("a", "0", "f", "9", "A=", "ab=", "a-", "aA", " ", "\n", "\t", ",", ":", "=", "/", "%", "@", "&", "_"),
    *("'", '"', "\\", "\\'", '\\"', "\\\\", "\\u0022", "\\u0061", "{", "[", "}", "://", "\u0130", "\xff"),
    *(
        "token",
        "token=",
        "token: ",
        '"token":',
        "'psk':",
        '\\"pw\\":',
        "key ",
        'token="x" ',
        "psk='a\\",
        "sign=",
    ),
    *("setwifi ", 'setwifi "', "config_router a ", '"token" ', "password: it's ", "(hidden)", "Bearer "),
    *(
        "00:",
        "00-",
        "0x00,",
        "0011223344\n",
        "00112233445566778899aabbccddeeff ",
        "eyJ",
        "eyJ.",
        "%22",
        "%3Dpw%3D",
    ),
    *(
        "-----BEGIN PRIVATE KEY-----",
        "PRIVATE KEY",
        "<a",
        "<psk>x",
        "</a>",
        "WIFI:T:",
        "==",
        "\\/",
        "result 1 2 ",
        "999,",
    ),
]


def repeated(pieces: list[str], length: int = LENGTH) -> str:
    piece = "".join(pieces)
    return (piece * (length // len(piece) + 1))[:length]


@settings(max_examples=15)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=3), st.sampled_from(["", *PIECES]))
@example(["a"], "")
@example(["\\'"], "")
@example(["\\"], '"')
@example(["token="], "'")
@example(["tokentoken0"], "")
@example(["tokena"], "")
@example(["pwPW"], "")
@example(["A"], "pw")
@example(['setwifi "\\"'], "")
def test_texts(pieces, head) -> None:
    text = head + repeated(pieces)
    with at_most(SECONDS):
        redact(text)
        redact_typed(text)
        is_secret(text, "x")


@settings(max_examples=15)
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=3), st.sampled_from(["", *PIECES]))
@example(["a"], "")
@example(["passwd x,"], "")
@example(["\\'"], "")
def test_lines_with_their_readings_and_sentences_about_them(pieces, head) -> None:
    text = head + repeated(pieces, LENGTH // 2)
    reading = {"command": "x", "values": [*text.split(), *(str(n) for n in range(20_000))], "text": text}
    record = Record("uart", "up", 1.0, 2.0, text.encode(), reading)
    with at_most(SECONDS):
        redact_record(record)
        redact_excerpts(text, "nothing")
        words_of([text])


@pytest.mark.parametrize("piece", ["a", "9", '\\"psk\\":\\"x\\",', "token=x&"])
def test_a_megabyte(piece) -> None:
    text = repeated([piece], 1024 * 1024)
    with at_most(4 * SECONDS):
        redact(text)
