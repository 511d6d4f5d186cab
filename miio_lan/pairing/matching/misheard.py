"""Whether a line may be one of a command's though it says something else: whoever listened misheard a character.

Goal: a tap of a noisy line now and then reads another byte than was sent, or none. What it heard then is, as often as
not, a line like any other. The command that it was looks as if it had never been fetched, and the line as if somebody
had asked for it whom nobody saw. Neither is sure where the two differ by so little.

Plan: go along both texts to where they differ, try each of the three edits there (another character, one more, one
less), and go on; with two edits at most there are nine ways. Spaces and what else a module may write in another way do
not count, and a line is compared by its text and by its values, for 23.600000 is 23.6. Of a long list a line may have
any part, so that one is looked for from each place.

::

    request   get_properties 2.1                     get_properties21
    line      down get_properties 2 5                get_properties25     one edit: it may be
    line      down set_properties 2 1 true           set_properties21true five: it is something else
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from miio_lan.pairing.content import Demand, first_ids
from miio_lan.pairing.matching.candidates import LIKELY_CUT
from miio_lan.uart.commands import Down, EventOccured, Legacy, PropertiesChanged
from miio_lan.uart.document import ACTION, GET_PROPERTIES, SET_PROPERTIES
from miio_lan.uart.turns import Downlink

MISHEARD = 2
"""Characters by which a line may differ from what was said: one byte read wrongly may be two, or join two words."""
MOST_PLACES = 250_000
"""Characters of a line times those of a long list, beyond which nobody looks for the one in the other: it may be."""

ANSWERS = ("result ", "error ")
"""How the answers of an MCU begin."""
REPORTS = (f"{PropertiesChanged.NAME} ", f"{EventOccured.NAME} ")
"""How its reports begin."""
_NO_MATTER = str.maketrans(dict.fromkeys(' []{}\\,":'))


def near_misses(downlinks: Iterable[Downlink], demand: Demand) -> Iterator[Downlink]:
    """Give the downlinks that may be one that a request became, heard with a wrong character."""
    written, many = _written(_contents(demand)), len(demand.items) > LIKELY_CUT
    for each in downlinks:
        if any(_resembles(word, rest, demand.method, written, many) for word, rest in _forms(each)):
            yield each


def is_nearly_one_of(kinds: Iterable[str], text: str) -> bool:
    """Tell whether a line of the MCU that is no command may be one of these, heard with a wrong character.

    :param kinds: how they begin
    """
    return any(_near(kind, text, part=True) for kind in kinds)


def nearly_names(text: str, downlink: Downlink) -> bool:
    """Tell whether an answer names what a downlink asks for, but for one character."""
    named = _written(first_ids(downlink.command))
    return _near(named, _compact(text.partition(" ")[2]), edits=1, part=True)


def is_nearly_known(command: Down) -> bool:
    """Tell whether a method of a product may be one of the document, heard with a wrong character."""
    if not isinstance(command, Legacy):
        return False
    longer = any(_near(command.method, word) for word in (GET_PROPERTIES, SET_PROPERTIES))
    return longer or any(_near(command.method, word, edits=1) for word in (ACTION, "none"))


def _contents(demand: Demand) -> object:
    """Give the values of a request in the order in which a line has them."""
    params = demand.params
    if demand.method != ACTION or not isinstance(params, Mapping):
        return demand.items if isinstance(params, list) else params
    given = params.get("in")
    arguments = [
        [each.get("piid"), each.get("value")] if isinstance(each, Mapping) else each
        for each in (given if isinstance(given, list) else [])
    ]
    return [params.get("siid"), params.get("aiid"), arguments]


def _forms(downlink: Downlink) -> list[tuple[str, str]]:
    """Give the method of a line and what follows: as it was heard, and by the values that were read."""
    word, _, rest = downlink.text.removeprefix("down ").partition(" ")
    read = _written(list(downlink.command.contents().values()))
    return [(word, _compact(rest)), (downlink.command.method, read)]


def _written(values: object) -> str:
    return "" if values is None else _compact(json.dumps(values, ensure_ascii=False, default=str))


def _compact(text: str) -> str:
    return text.translate(_NO_MATTER)


# The same is asked, and heard, again and again.
@lru_cache(maxsize=256)
def _resembles(word: str, rest: str, method: str, written: str, many: bool) -> bool:
    """Compare a line with what a request asks for.

    :param many: whether the line may be a part of it
    """
    if not many:
        return _near(word + rest, method + written)
    if len(rest) * len(written) > MOST_PLACES:
        return True
    return _near(word, method) and any(
        _near(rest, written, there=there, part=True) for there in range(len(written) + 1)
    )


def _near(
    one: str, other: str, here: int = 0, there: int = 0, *, edits: int = MISHEARD, part: bool = False
) -> bool:
    """Tell whether so many edits make one text, from a place on, of the other, or of its beginning (``part``)."""
    while here < len(one) and there < len(other) and one[here] == other[there]:
        here, there = here + 1, there + 1
    if here == len(one):
        return part or len(other) - there <= edits
    if there == len(other):
        return len(one) - here <= edits
    return edits > 0 and any(
        _near(one, other, here + on, there + further, edits=edits - 1, part=part)
        for on, further in ((1, 1), (1, 0), (0, 1))
    )
