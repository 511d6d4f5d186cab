"""What a rule is said to come to is what its function, and what that calls, can note."""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType, FunctionType

import pytest

from miio_lan.acceptance.rules.all import JUDGES
from miio_lan.acceptance.rules.rulebook import Case, Judge, rule
from miio_lan.acceptance.verdict import SEVERITIES

OF = {
    (True, False): "failure",
    (False, True): "warning",
    (True, True): "failure or warning",
    (False, False): "none",
}


def codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            yield from codes(inner)


def names(function: FunctionType, seen: set[FunctionType]) -> set[str]:
    """Give the names a function uses, and the functions of the rules that it calls."""
    if function in seen:
        return set()
    seen.add(function)
    found = {name for code in codes(function.__code__) for name in code.co_names}
    for name in tuple(found):
        other = function.__globals__.get(name)
        if isinstance(other, FunctionType) and other.__module__.startswith(("miio_lan.", __name__)):
            found |= names(other, seen)
    return found


def severity_of(judge: Judge) -> str:
    assert isinstance(judge.check, FunctionType)
    used = names(judge.check, set())
    return OF[not used.isdisjoint({"bad", "good_or_bad"}), "odd" in used]


@pytest.mark.parametrize("judge", JUDGES, ids=lambda judge: judge.rule.name)
def test_it_is_stated_rightly(judge: Judge) -> None:
    assert judge.rule.severity == severity_of(judge)


def test_all_of_them_are_explained() -> None:
    assert set(OF.values()) == set(SEVERITIES)


def test_a_severity_that_does_not_exist_cannot_be_stated() -> None:
    with pytest.raises(ValueError, match="no severity"):
        rule("x", source="x", kind="boot", severity="fatal")


def test_what_is_called_counts_too() -> None:
    @rule("x", source="x", kind="boot", severity="warning")
    def through_a_helper(session: object, case: Case) -> None:
        _helper(case)

    assert severity_of(through_a_helper) == "failure or warning"


def _helper(case: Case) -> None:
    (case.bad if case.found else case.odd)("x")
