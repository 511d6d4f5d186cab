from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from miio_lan.uart.commands.layout import _may_divide, _Search, fit

ids = st.tuples(st.integers(1, 2), st.integers(1, 3))
values = st.sampled_from([0, 1, 2, 3, -4001, True, 1.5, "x", None])


@st.composite
def answers(draw: st.DrawFn) -> tuple[list[object], list[tuple[int, int]]]:
    """Give values that answer properties, more or less, and the properties."""
    asked = draw(st.lists(ids, max_size=4))
    pieces = [[*each, *draw(st.lists(values, max_size=2))] for each in asked if draw(st.integers(0, 4))]
    said = [value for piece in pieces for value in piece]
    return [*said, *draw(st.lists(values, max_size=1))], asked


@given(answers(), st.booleans(), st.booleans())
@example(([1, 1, 1, 2, 0], [(1, 1), (1, 2)]), False, True)  # a piece without its code, before another
def test_nothing_that_can_be_divided_is_passed_over(
    answer: tuple[list[object], list[tuple[int, int]]], with_values: bool, complete: bool
) -> None:
    said, asked = answer
    rows = _Search(said, asked, with_values, complete).rows(0, 0)  # type: ignore[arg-type]
    assert rows is None or _may_divide(said, set(asked))  # type: ignore[arg-type]


def test_an_answer_to_something_else_is_told_without_a_search() -> None:
    said = [2, 1, 0, True, 3, 1, 0, 21.5]
    assert not _may_divide(said, {(2, 1), (2, 2)})
    assert fit(said, [(2, 1), (2, 2)], with_values=False).taken == 3


def test_no_values_answer_nothing() -> None:
    assert fit([], [], with_values=True) == ((), 0)
    assert fit([1], [], with_values=True) == ((), 0)
