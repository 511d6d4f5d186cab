"""Fits the values of a ``result`` to the properties that were asked for.

The canonical layout is ``siid piid code``, for a get with the value behind a code of 0. Real MCUs leave codes or
values out, add values, or leave out whole properties: where the canonical layout does not fit what was asked, the
ids that were asked for serve as landmarks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from miio_lan.uart.commands.rows import PropertyResult, are_ids
from miio_lan.uart.document import STATUS_CODES
from miio_lan.uart.values import Value

_MOST_VALUES = 1024
_MOST_PROPERTIES = 256


class Found(NamedTuple):
    """What could be read, and how many values that took."""

    results: tuple[PropertyResult, ...]
    taken: int


def _plausible(row: PropertyResult) -> bool:
    """Whether the code is one: MCUs have negative codes of their own, but a positive number is rather a value."""
    return row.code is not None and (row.code in STATUS_CODES or row.code < 0)


def walk(values: Sequence[Value], *, with_values: bool) -> Found:
    """Read the canonical layout as far as it goes."""
    rows: list[PropertyResult] = []
    at = 0
    count = len(values)
    while at + 3 <= count:
        siid, piid, code = values[at : at + 3]
        # Written out, for every property of every result passes here.
        if type(siid) is not int or type(piid) is not int or type(code) is not int or siid < 0 or piid < 0:
            break
        if with_values and code == 0:
            if at + 4 > count:
                break
            rows.append(PropertyResult(siid, piid, code, values[at + 3]))
            at += 4
        else:
            rows.append(PropertyResult(siid, piid, code))
            at += 3
    return Found(tuple(rows), at)


def any_order(values: Sequence[Value], *, with_values: bool) -> tuple[PropertyResult, ...]:
    """Read the canonical layout without knowing what was asked; empty where it does not fit exactly."""
    found = walk(values, with_values=with_values)
    exact = found.taken == len(values) and all(row.code in STATUS_CODES for row in found.results)
    return found.results if exact else ()


def fit(values: Sequence[Value], asked: Sequence[tuple[int, int]], *, with_values: bool) -> Found:
    """Read as the answer to ``asked``: canonically where that fits, else by the ids that were asked for."""
    found = walk(values, with_values=with_values)
    known = set(asked)
    if found.taken == len(values) and all(_plausible(row) and row[:2] in known for row in found.results):
        return found
    if len(values) <= _MOST_VALUES and len(asked) <= _MOST_PROPERTIES and _may_divide(values, known):
        for complete in (True, False):
            rows = _Search(values, asked, with_values, complete).rows(0, 0)
            if rows is not None:
                return Found(rows, len(values))
    return found


def _may_divide(values: Sequence[Value], known: set[tuple[int, int]]) -> bool:
    """Tell at little cost whether pieces of two to four values, each beginning with known ids, may reach the end.

    An answer to something else is told here, rather than by a search in vain.
    """
    count = len(values)
    begins = {0}
    for at in range(count - 1):
        if at in begins and (values[at], values[at + 1]) in known:
            begins |= {at + 2, at + 3, at + 4}
    return count in begins


@dataclass(eq=False)
class _Search:
    """Looks for a division of the values into one piece per property, in the order they were asked for.

    :param complete: whether every property must be there
    """

    values: Sequence[Value]
    asked: Sequence[tuple[int, int]]
    with_values: bool
    complete: bool
    _dead: set[tuple[int, int]] = field(default_factory=set)

    def rows(self, at: int, first: int) -> tuple[PropertyResult, ...] | None:
        """Read from value ``at`` on, as answers to properties ``first`` and later."""
        if at == len(self.values):
            return None if self.complete and first < len(self.asked) else ()
        if (at, first) in self._dead:
            return None
        index = self._index(at, first)
        if index is not None:
            for row, size in self._pieces(at, *self.asked[index]):
                rest = self.rows(at + size, index + 1)
                if rest is not None:
                    return (row, *rest)
        self._dead.add((at, first))
        return None

    def _index(self, at: int, first: int) -> int | None:
        """Return which property the values name next; a later one only where some may be left out."""
        ids = tuple(self.values[at : at + 2])
        last = first + 1 if self.complete else len(self.asked)
        if len(ids) == 2 and are_ids(*ids) and ids in self.asked[first:last]:
            return self.asked.index(ids, first)
        return None

    def _pieces(self, at: int, siid: int, piid: int) -> Iterator[tuple[PropertyResult, int]]:
        """Offer the ways to read one property, the likelier first."""
        left = len(self.values) - at
        bare = PropertyResult(siid, piid, None)
        if left < 3:
            yield bare, 2
            return
        third = self.values[at + 2]
        code = third if type(third) is int else None
        short = PropertyResult(siid, piid, code)
        if _plausible(short):
            ways = [(short, 3)]
            if left >= 4:
                ways.append((PropertyResult(siid, piid, code, self.values[at + 3]), 4))
            yield from reversed(ways) if self.with_values and code == 0 else ways
        yield (bare._replace(value=third), 3) if self.with_values else (bare, 2)
