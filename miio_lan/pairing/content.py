"""What a LAN request and a line of the UART have in common: the same method, ids and values.

A request for properties may become several lines, each with the next ones of its list; everything else becomes one
line. Values are compared as values: ``23.600000`` is 23.6, and JSON text may have lost blanks, brackets and braces.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from miio_lan.errors import is_the_modules
from miio_lan.uart.commands import (
    Action,
    Argument,
    Down,
    GetProperties,
    Legacy,
    PropertyId,
    PropertyValue,
    Result,
    SetProperties,
)
from miio_lan.uart.document import (
    ACTION,
    BAD_ANSWER_CODE,
    BROKEN_ANSWER_CODE,
    GET_PROPERTIES,
    SET_PROPERTIES,
    TIMED_OUT_CODE,
    Code,
)
from miio_lan.uart.values import MISSING

BAD_ANSWERS = frozenset({BAD_ANSWER_CODE, BROKEN_ANSWER_CODE})
"""What a module tells when the answer of its MCU is of no use."""
# What a request for properties says of each of them.
_KEYS = {GET_PROPERTIES: ("siid", "piid"), SET_PROPERTIES: ("siid", "piid", "value")}


@dataclass(frozen=True)
class Demand:
    """What a LAN request asks of the MCU.

    :param items: the properties, in order; one item for everything else
    """

    method: str
    items: tuple[object, ...]
    params: object = None

    @classmethod
    def of(cls, method: str, params: object) -> Demand:
        """Read the parameters of a request."""
        if method in _KEYS and isinstance(params, list) and all(isinstance(item, Mapping) for item in params):
            return cls(method, tuple(tuple(map(item.get, _KEYS[method])) for item in params), params)
        return cls(method, (params,), params)

    def covers(self, down: Down, at: int) -> int:
        """Count the items, from the one at ``at`` on, that a downlink asks for; 0 when it asks for something else."""
        if down.method != self.method or at >= len(self.items):
            return 0
        if isinstance(down, (GetProperties, SetProperties)):
            count = len(down.properties)
            return count if same_value(self.items[at : at + count], down.properties) else 0
        if isinstance(down, Action):
            return int(_same_action(self.params, down))
        return int(isinstance(down, Legacy) and _same_legacy(self.params, down))

    def as_down(self) -> Down | None:
        """Give the downlink the request becomes, None where its layout is not known: to read an answer without it."""
        if self.method == ACTION and isinstance(self.params, Mapping):
            siid, aiid = self.params.get("siid"), self.params.get("aiid")
            return Action(siid, aiid) if isinstance(siid, int) and isinstance(aiid, int) else None
        if self.method not in _KEYS:
            return None
        ids = [item[:2] for item in self.items if isinstance(item, tuple) and len(item) >= 2]
        if not ids or not all(isinstance(number, int) for each in ids for number in each):
            return None
        if self.method == GET_PROPERTIES:
            return GetProperties(tuple(PropertyId(*each) for each in ids))
        # The values of a set do not matter for the reading of its answer.
        return SetProperties(tuple(PropertyValue(siid, piid, 0) for siid, piid in ids))


def first_ids(command: Down | None) -> tuple[int | None, ...]:
    """Give the ids that stand first in a line; none where its method has no layout with ids."""
    if isinstance(command, (GetProperties, SetProperties)):
        return command.properties[0][:2] if command.properties else ()
    return (command.siid, command.aiid) if isinstance(command, Action) else ()


def _same_action(params: object, down: Action) -> bool:
    if not isinstance(params, Mapping) or (params.get("siid"), params.get("aiid")) != (down.siid, down.aiid):
        return False
    return _same_arguments(params.get("in") or [], down.in_)


def _same_arguments(given: object, line: Sequence[Argument]) -> bool:
    return isinstance(given, list) and len(given) == len(line) and all(map(_same_argument, given, line))


def _same_argument(given: object, line: Argument) -> bool:
    if isinstance(given, Mapping):
        return given.get("piid") == line.piid and same_value(given.get("value"), line.value)
    return same_value(given, line.value)


def _same_legacy(params: object, down: Legacy) -> bool:
    if not isinstance(params, list):
        params = [] if params is None else [params]
    if same_value(params, down.params):
        return True
    # What a module makes of nested JSON need not be JSON.
    text = json.dumps(params, separators=(",", ":"), default=str)
    return _as_sent(text) == _as_sent(down.line.partition(down.name)[2])


def _as_sent(text: str) -> str:
    """Write JSON without anything a module may leave out or add when it makes a line of it."""
    return text.replace("\\u0020", " ").translate(_LEFT_OUT)


_LEFT_OUT = str.maketrans(dict.fromkeys(" []{}\\"))


def same_value(one: object, other: object) -> bool:
    """Compare two values, either of which may have been written into a line and read from it."""
    if isinstance(one, float) or isinstance(other, float):
        return _nearly_equal(one, other)
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same_value(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(same_value, one, other))
    if isinstance(one, str) and isinstance(other, str):
        return one == other or one.replace("\\u0020", " ") == other.replace("\\u0020", " ")
    return one == other


def _nearly_equal(one: object, other: object) -> bool:
    if not isinstance(one, (int, float)) or not isinstance(other, (int, float)):
        return False
    try:
        return math.isclose(one, other, rel_tol=1e-5, abs_tol=1e-6)
    except OverflowError:  # an integer beyond all floats
        return False


def consistent(answer: Result, result: object) -> bool:
    """Tell whether a module can have made a result on the LAN of this answer."""
    if answer.siid is not None:
        return _consistent_action(answer, result)
    if answer.results:
        return _consistent_rows(answer, result)
    if isinstance(result, list) and not any(isinstance(item, Mapping) for item in result):
        return same_value(result, answer.values)
    return True


def _consistent_action(answer: Result, result: object) -> bool:
    if not isinstance(result, Mapping):
        return True
    if answer.code is not None and result.get("code", answer.code) != answer.code:
        return False
    out = result.get("out")
    if not isinstance(out, list) or (len(out) != len(answer.out) and answer.code != 0):
        return True
    return _same_arguments(out, answer.out)


def _consistent_rows(answer: Result, result: object) -> bool:
    items = result if isinstance(result, list) else []
    found = [item for item in items if isinstance(item, Mapping)]
    for row in answer.results:
        ids = (row.siid, row.piid)
        item = next((each for each in found if (each.get("siid"), each.get("piid")) == ids), None)
        # What the module could not use is -4004 to the client, whatever the MCU wrote.
        if item is None or item.get("code") == Code.INTERNAL or row.code is None:
            continue
        if item.get("code", row.code) != row.code:
            return False
        given = row.code == 0 and row.value is not MISSING and "value" in item
        if given and not same_value(item["value"], row.value):
            return False
    return True


def is_denied(answer: Result, result: object) -> bool:
    """Tell whether a LAN result refuses something that an answer of the MCU gave with success."""
    if answer.siid is not None:
        return answer.code is not None and answer.code >= 0 and not all_good(result)
    good = [(row.siid, row.piid) for row in answer.results if row.code is not None and row.code >= 0]
    items = objects_in(result)
    return not all_good([each for each in items if (each.get("siid"), each.get("piid")) in good])


def all_good(result: object) -> bool:
    """Tell whether no code of a LAN result is negative."""
    return not any(code < 0 for code in _codes_in(result))


def is_of_no_use(result: object) -> bool:
    """Tell whether a LAN result is what a module makes of an answer of which it can use nothing."""
    return all(code == Code.INTERNAL for code in _codes_in(result))


def all_refused(reading: Mapping[str, object] | None) -> bool:
    """Tell whether a LAN reply is a result of negative codes alone."""
    codes = _codes_in((reading or {}).get("result"))
    return bool(codes) and all(code < 0 for code in codes)


def _codes_in(result: object) -> list[int]:
    codes = [item.get("code", 0) for item in objects_in(result)]
    return [code for code in codes if isinstance(code, int)]


def objects_in(value: object) -> list[Mapping[str, object]]:
    """Give the objects of a JSON list, or the one object that a value is."""
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, Mapping)]


def error_of(reading: Mapping[str, object] | None) -> int | None:
    """Return the code of an error reply; None for a result."""
    error = (reading or {}).get("error")
    if error is None:
        return None
    code = error.get("code") if isinstance(error, Mapping) else None
    return code if isinstance(code, int) else 0


def timed_out(reading: Mapping[str, object] | None) -> bool:
    """Tell whether a reply says that the module gave up waiting for its MCU.

    An MCU may use the same code in an error of its own: its words are others.
    """
    error = (reading or {}).get("error")
    if error_of(reading) != TIMED_OUT_CODE or not isinstance(error, Mapping):
        return False
    return is_the_modules(TIMED_OUT_CODE, str(error.get("message") or ""))
