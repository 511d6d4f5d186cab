"""Whether a line may be one of a command's though it says something else: whoever listened misheard a character.

Goal: a tap of a noisy line now and then reads another byte than was sent, or none. What it heard then is, as often as
not, a line like any other. The command that it was looks as if it had never been fetched, and the line as if somebody
had asked for it whom nobody saw. Neither is sure where the two differ by so little.

Plan: count the characters to change, to add and to leave out until one text is the other (Levenshtein's distance, by
the table of Wagner and Fischer); spaces and what else a module may write in another way do not count. Of a long list a
line may have any part (Sellers: the table begins with zeros, and its least end counts).

::

    request   get_properties 2.1                     get_properties21
    line      down get_properties 2 5                get_properties25     one: it may be
    line      down set_properties 2 1 true           set_properties21true five: it is something else
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache

from miio_lan.pairing.candidates import LIKELY_CUT
from miio_lan.pairing.content import Demand
from miio_lan.uart.document import ACTION
from miio_lan.uart.turns import Downlink

MISHEARD = 2
"""Characters by which a line may differ from what was said: one byte read wrongly may be two, or join two words."""
MOST_STEPS = 250_000
"""Pairs of characters that are compared at most for one line, which takes a tenth of a second."""

_ANSWERS = ("result ", "error ")
_NO_MATTER = str.maketrans(dict.fromkeys(' []{}\\,":'))


def near_misses(downlinks: Iterable[Downlink], demand: Demand) -> list[Downlink]:
    """Give the downlinks that may be one that a request became, heard with a wrong character."""
    written, many = _written(demand), len(demand.items) > LIKELY_CUT
    return [
        each
        for each in downlinks
        if _resembles(each.text.removeprefix("down "), demand.method, written, many)
    ]


def is_nearly_an_answer(text: str) -> bool:
    """Tell whether a line of the MCU that is no command may be an answer, heard with a wrong character."""
    return any(
        _edits(text[:size], word) <= MISHEARD
        for word in _ANSWERS
        for size in range(len(word) - MISHEARD, len(word) + MISHEARD + 1)
    )


def _written(demand: Demand) -> str:
    """Give what a request asks for as a line has it, compact."""
    contents: object = demand.items if isinstance(demand.params, list) else demand.params
    if demand.method == ACTION and isinstance(demand.params, Mapping):
        given = demand.params.get("in")
        arguments = [
            [each.get("piid"), each.get("value")] if isinstance(each, Mapping) else each
            for each in (given if isinstance(given, list) else [])
        ]
        contents = [demand.params.get("siid"), demand.params.get("aiid"), arguments]
    return _compact(json.dumps(contents, default=str)) if contents is not None else ""


# The same is asked, and heard, again and again.
@lru_cache(maxsize=256)
def _resembles(line: str, method: str, written: str, many: bool) -> bool:
    """Compare the text of a line with what a request asks for.

    :param many: whether the line may be a part of it
    """
    if not many:
        return _edits(_compact(line), method + written) <= MISHEARD
    word, _, rest = line.partition(" ")
    return _edits(word, method) + _edits(_compact(rest), written, part=True) <= MISHEARD


def _compact(text: str) -> str:
    return text.translate(_NO_MATTER)


def _edits(one: str, other: str, *, part: bool = False) -> int:
    """Count the edits that make one text of the other, or of some part of it; beyond :data:`MISHEARD` no more.

    What is too long to be looked at is none: it stays in doubt.
    """
    if not part and abs(len(one) - len(other)) > MISHEARD:
        return MISHEARD + 1
    if len(one) * len(other) > MOST_STEPS:
        return 0
    row = [0] * (len(other) + 1) if part else list(range(len(other) + 1))
    for place, character in enumerate(one, start=1):
        above, row = row, [place]
        for column, each in enumerate(other):
            row.append(min(above[column] + (character != each), above[column + 1] + 1, row[column] + 1))
        if min(row) > MISHEARD:
            break
    return min(MISHEARD + 1, min(row) if part else row[-1])
