from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.errors import LineError
from miio_lan.uart.values import (
    MISSING,
    json_text,
    read_json,
    read_value,
    read_values,
    shown,
    token,
    value,
)

SCALARS = st.one_of(
    st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=40)
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("10", 10),
        ("-3", -3),
        ("23.600000", 23.6),
        ("0.5", 0.5),
        ("1e3", 1000.0),
        ("true", True),
        ("false", False),
        ('"hi"', "hi"),
        ('""', ""),
        ('"true"', "true"),
        ('"10"', "10"),
        ('"0,6,0,5"', "0,6,0,5"),
        ('"two words"', "two words"),
        (r'"two\u0020words"', "two words"),
        (r"\u00205", 5),  # spaces outside of strings are escaped
        (r"true\u0020\u0020", True),
        (r'\u0020"a\u0020b"', "a b"),
        (r'"a\"b\\c\n\u4e2d"', 'a"b\\c\n中'),
    ],
)
def test_a_token_has_the_value_json_gives_it(text: str, expected: object) -> None:
    found = value(text)
    assert found == expected
    assert type(found) is type(expected)
    assert read_value(text) == (expected, "")


@pytest.mark.parametrize(
    ("text", "expected", "complaint"),
    [
        ("on", "on", "neither a number"),
        (r"two\u0020words", "two words", "neither a number"),
        (r"\u0020word", "word", "neither a number"),
        (r"\u002007", 7, "not a number as JSON writes it"),
        ("True", "True", "neither a number"),
        ("NaN", "NaN", "neither a number"),
        ("null", None, "null is not a value"),
        ("007", 7, "not a number as JSON writes it"),
        ("+5", 5, "not a number as JSON writes it"),
        (".5", 0.5, "not a number as JSON writes it"),
        ("5.", 5.0, "not a number as JSON writes it"),
        ("1e999", "1e999", "out of range"),
        ("9" * 5000, "9" * 5000, "out of range"),
        ('"abc', "abc", "no closing quote"),
        ('"abc\\"', 'abc"', "no closing quote"),
        ('"', "", "no closing quote"),
        ('"a"b', '"a"b', "goes on after its closing quote"),
        (r'"a\x"', r"a\x", "escape that JSON does not have"),
        ("'a'", "'a'", "neither a number"),
        ("", "", "neither a number"),
    ],
)
def test_what_is_no_value_is_still_read(text: str, expected: object, complaint: str) -> None:
    found, fault = read_value(text)
    assert found == expected
    assert type(found) is type(expected)
    assert complaint in fault
    with pytest.raises(LineError, match="no value"):
        value(text)


@pytest.mark.parametrize(
    ("thing", "text"),
    [
        (True, "true"),
        (False, "false"),
        (1, "1"),
        (23.6, "23.6"),
        ("memory error", '"memory error"'),
        ('say "hi"', r'"say \"hi\""'),
        ("客\x7f\n", r'"\u5ba2\u007f\n"'),
    ],
)
def test_values_are_written_as_the_document_writes_them(thing: object, text: str) -> None:
    assert token(thing) == text


@pytest.mark.parametrize("thing", [None, [1], {"a": 1}, b"x", MISSING, math.nan, math.inf, object()])
def test_what_has_no_token_is_refused(thing: object) -> None:
    with pytest.raises(LineError):
        token(thing)


def test_an_integer_of_thousands_of_digits_is_refused() -> None:
    with pytest.raises(LineError, match="int cannot be written"):
        token(10**5000)


def test_a_set_has_no_json_form() -> None:
    with pytest.raises(LineError, match="set cannot be written as JSON"):
        json_text({1})


@given(SCALARS)
def test_write_then_read_is_the_identity(thing: bool | float | str) -> None:
    text = token(thing)
    assert text.isascii()
    assert text.isprintable()
    assert json.dumps(value(text)) == json.dumps(thing)


@given(st.text())
def test_reading_a_token_never_raises(text: str) -> None:
    read_value(text)


HIDDEN_DEPTH = '["' + "]" * 100_000 + '",' + "[" * 100_000
NOT_JSON = [
    "NaN",
    "[Infinity]",
    "1e999",
    "{",
    "1 2",
    "9" * 5000,
    "[" * 65 + "]" * 65,
    "[" * 100_000,
    HIDDEN_DEPTH,
]


@pytest.mark.parametrize("text", NOT_JSON, ids=range(len(NOT_JSON)))
def test_json_is_read_strictly(text: str) -> None:
    with pytest.raises(ValueError):
        read_json(text)


def test_json_is_read() -> None:
    assert read_json('{"a": [1, 2.5, "x"]}') == {"a": [1, 2.5, "x"]}


def test_messages_quote_shortly_and_on_one_line() -> None:
    assert shown("a\nb") == r"'a\nb'"
    assert len(shown("x" * 1000)) < 50
    assert repr(MISSING) == "MISSING"


@given(st.lists(st.text(alphabet='12.-e"\\at ', max_size=20)))
def test_values_are_read_together_as_alone(tokens: list[str]) -> None:
    assert read_values(tokens) == [read_value(each) for each in tokens]
