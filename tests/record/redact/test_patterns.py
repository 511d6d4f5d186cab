"""Patterns that are compiled late: all of them are patterns, and they do what those compiled at once do."""

from __future__ import annotations

import importlib
import re

import pytest

from miio_lan.record.redact.patterns import late_pattern

MODULES = ("encoded", "names", "quoted", "records", "texts", "unquoted")


def test_a_late_pattern_does_what_the_pattern_does() -> None:
    late, whole = (
        late_pattern(r"(?P<word>[a-z]+)\.", re.IGNORECASE),
        re.compile(r"(?P<word>[a-z]+)\.", re.IGNORECASE),
    )
    assert late.findall("One. two. 3.") == whole.findall("One. two. 3.") == ["One", "two"]
    assert late.sub(r"\g<word>!", "a.b") == "a!b"
    assert late.pattern == whole.pattern
    assert late.search is late.search  # found once
    assert late_pattern(rb"\x00").search(b"a\x00") is not None


def test_nothing_is_compiled_before_it_is_used() -> None:
    late = late_pattern("(")
    with pytest.raises(re.error):
        late.search("")


@pytest.mark.parametrize("name", MODULES)
def test_all_of_them_are_patterns(name: str) -> None:
    module = importlib.import_module(f"miio_lan.record.redact.{name}")
    kind = type(late_pattern(""))
    held = [
        each
        for value in vars(module).values()
        for each in (value.values() if isinstance(value, dict) else [value])
    ]
    found = [each for each in held if isinstance(each, kind)]
    assert found
    for each in found:
        assert re.compile(each.pattern, each.flags).groups == each.groups
