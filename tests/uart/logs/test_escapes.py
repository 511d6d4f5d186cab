"""Escapes of a log, and those of JSON inside of the strings that a line holds: the value must stay what it was."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.cli.uart.decode import as_text
from miio_lan.record import Record
from miio_lan.uart.logs.logparts import as_bytes, line_bytes
from miio_lan.uart.logs.textlog import read_text_log

STRINGS = [r'"a\nb"', r'"C:\\new\\run"', r'"say \"\\r\" twice"', r'"\\"', r'"\u4e2d\/"', '"↑ up ↓ down"']


def raws(text: str) -> list[bytes]:
    return [record.raw for record in read_text_log(io.StringIO(text))]


@pytest.mark.parametrize("string", STRINGS)
@pytest.mark.parametrize(
    "shape",
    [
        "> {line}\n< ok\n", "{line}\nok\n", "{line}\\r\nok\\r\n", "{line}\\r:ok\n", "{line}\\r\\n\nok\\r\\n\n",
        "[1.5] TX: {line}\\r\n[1.6] RX: ok\\r\n", "↑{line} ↓ok\n", "MCU -> {line}\nMCU <- ok\n",
        "[1][V][a:1]: Received MCU message '{line}'\n[1][V][a:1]: Sending reply 'ok' to MCU\n",
    ],
)  # fmt: skip
def test_a_string_stays_whatever_the_shape_of_the_log(shape: str, string: str) -> None:
    line = f"properties_changed 2 1 {string}"
    assert [raw.strip() for raw in raws(shape.format(line=line))] == [line.encode(), b"ok"]


@pytest.mark.parametrize("string", STRINGS)
def test_a_string_stays_in_a_table(string: str) -> None:
    line = f"properties_changed 2 1 {string}"
    cell = '"' + line.replace('"', '""') + '"'
    assert raws(f"time,direction,data\n1.0,up,{cell}\n1.1,down,ok\n")[0] == line.encode() + b"\r"


@pytest.mark.parametrize("string", [*STRINGS, '"it\'s"'])
def test_what_python_quoted_is_read_as_python_wrote_it(string: str) -> None:
    line = f"properties_changed 2 1 {string}\r"
    for quoted in (repr(line), repr(line.encode())):
        assert line_bytes(quoted) == line.encode()
        assert raws(f"TX: {quoted}\nRX: 'ok\\r'\n") == [line.encode(), b"ok\r"]
        assert raws(f"{quoted}\n") == [line.encode()]


@pytest.mark.parametrize("string", [r'"a\nb"', r'"say \"a\" twice"', r'"\u4e2d\/"'])
def test_quotes_around_a_line_that_nobody_escaped(string: str) -> None:
    line = f"properties_changed 2 1 {string}"
    assert line_bytes(f"'{line}\\r'") == line.encode() + b"\r"


def test_bytes_are_escaped_in_a_string_too() -> None:
    assert as_bytes(r'x "\xff\\xff" \xff') == b'x "\xff\\\\xff" \xff'
    assert as_bytes('\udcff "\\r\udcff"\\r') == b'\xff "\\r\xff"\r'


def test_a_string_without_its_end_is_none() -> None:
    assert as_bytes(r'error "it\r') == b'error "it\r'
    assert as_bytes(r'x "a\"\r') == b'x "a\\"\r'


@given(st.text(max_size=20))
def test_the_plain_view_is_read_as_what_it_shows(value: str) -> None:
    line = f"properties_changed 2 1 {json.dumps(value)}\r"
    (before,) = read_text_log([json.dumps(Record("uart", "up", 1.0, 1.0, line.encode()).as_json())])
    (after,) = read_text_log([as_text(before, secrets=True)])
    assert (after.raw, after.reading) == (before.raw, before.reading)
