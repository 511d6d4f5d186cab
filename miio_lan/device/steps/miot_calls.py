"""Property and action calls of MIoT products, as steps, and matching of results. (Reading many: ``reading.py``.)

Results are matched by (siid, piid) and fall back to the position; the did is only echoed by some products, so the
caller's own is put back. Only negative codes are failures; 1 means accepted, not finished.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from miio_lan.device.steps.calls import Ask, Steps
from miio_lan.device.steps.slices import cut
from miio_lan.errors import DeviceError
from miio_lan.lan import codes
from miio_lan.lan.client.call import MAY_HAVE_RUN, is_read
from miio_lan.uart.document import ACTION, SET_PROPERTIES

_IDS = ("did", "siid", "piid", "aiid")
_NUMBER = re.compile(r"-?\d{1,12}", re.ASCII)
Item = dict[str, Any]
_NOTHING: Item = {"piid": None}


def _key(item: Mapping[str, Any]) -> tuple[Any, ...]:
    """Give the numbers of a property; what is no number, for a device may send anything, belongs to none."""
    return tuple(_number(item.get(key)) for key in ("siid", "piid"))


def _number(given: object) -> object:
    """Give a number, also one that is written as a text; None for what cannot be one."""
    if isinstance(given, str) and _NUMBER.fullmatch(given):
        return int(given)
    return given if isinstance(given, (int, float, str)) else None


def match(asked: Sequence[Mapping[str, Any]], answer: object) -> list[Item]:
    """Bring results into the order of the request, with the did the caller chose; extra ones are dropped.

    :raises DeviceError: never; what cannot be matched is left out
    """
    return [item for item in matched(asked, answer) if item is not None]


def matched(asked: Sequence[Mapping[str, Any]], answer: object) -> list[Item | None]:
    """Give the result for each thing that was asked, None where there is none.

    What was asked for twice and is answered twice gets its answers in their order. A refusal in place of a list is one
    of all that was asked.
    """
    if (refused := refused_as_a_whole(answer)) is not None:
        return [{key: each[key] for key in _IDS if key in each} | refused for each in asked]
    items = answer if isinstance(answer, list) else [answer]
    results = [_plain(item) for item in items if isinstance(item, dict)]
    by_key: dict[tuple[Any, ...], list[Item]] = {}
    for result in results:
        by_key.setdefault(_key(result), []).append(result)
    given: Counter[tuple[Any, ...]] = Counter()
    found: list[Item | None] = []
    for place, wanted in enumerate(asked):
        key = _key(wanted)
        item = None
        if same := by_key.get(key):
            item = same[min(given[key], len(same) - 1)]
            given[key] += 1
        elif len(results) == len(asked) and "piid" not in results[place]:
            item = results[place]
        own = {key: wanted[key] for key in ("did", "siid", "piid") if key in wanted}
        found.append(None if item is None else {**item, **own})
    return found


def values(asked: Sequence[Mapping[str, Any]], answer: object) -> list[Item | None]:
    """Give the result of a read for each thing that was asked: with neither value nor code, it is as if left out."""
    return [
        item
        if item is not None and ("value" in item or failed(item) or isinstance(item.get("code"), int))
        else None
        for item in matched(asked, answer)
    ]


def done(asked: Sequence[Mapping[str, Any]], answer: object) -> list[Item]:
    """Bring the answer of a set or an action into one item for each thing that was asked, as far as it says anything.

    Products say it in many ways: an item with a code for each, one code for all (``{"code": 0}``, ``0``, ``-4004``), or
    a word (``"ok"``, ``["ok"]``, ``"error"``). An object that says nothing of all this is no answer.
    """
    for_all = _for_all(answer)
    if for_all is None and len(asked) == 1:
        for_all = _refused_under_other_names(answer)
    if for_all is not None:
        return [{key: each[key] for key in _IDS if key in each} | for_all for each in asked]
    items = answer if isinstance(answer, list) else [answer]
    if len(items) == len(asked):  # a word or a code for each
        items = [item if isinstance(item, Mapping) else _for_all(item) or _NOTHING for item in items]
    # What says nothing keeps its place among the others, but answers nothing.
    said = [item if _says_something(item) else _NOTHING for item in items if isinstance(item, Mapping)]
    return match(asked, said)


def refused_as_a_whole(answer: object) -> Item | None:
    """Give the refusal that stands in place of the results of a read; None where there are results, or nothing.

    A bare number is one only where it is a code of the specification: any other may be a value.
    """
    said = _for_all(answer)
    if said is None or "value" in said or not failed(said):
        return None
    while isinstance(answer, list):
        answer = answer[0]
    return None if isinstance(answer, int) and not codes.is_item_code(answer) else said


def _for_all(answer: object) -> Item | None:
    """Give what an answer says of all that was asked; None where it speaks of each, or says nothing."""
    while isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if isinstance(answer, bool):
        return None
    if isinstance(answer, int):
        return {"code": answer}
    if isinstance(answer, str):
        word = answer.strip().lower()
        return {"code": 0} if word == "ok" else {"code": None, "message": answer} if word == "error" else None
    if isinstance(answer, Mapping) and not any(key in answer for key in _IDS[1:]):
        return _plain(answer) if _says_something(answer) else None
    return None


def _says_something(item: Mapping[str, Any]) -> bool:
    """Tell whether an item says how it went: by a code, by an error, or at least by the numbers of what it is about."""
    return item.get("error") is not None or any(key in item for key in ("code", "out", *_IDS[1:]))


def _plain(item: Mapping[str, Any]) -> Item:
    """Give an item with its code as a number, and what an ``error`` in it says in its own place."""
    plain = dict(item)
    if type(plain.get("code")) is int and "error" not in plain:
        return plain  # as nearly all are
    error = plain.pop("error", None)
    if isinstance(error, Mapping):
        plain |= {"code": None, "message": "error", **error}
    elif isinstance(error, int) and not isinstance(error, bool):
        plain["code"] = error
    elif error:
        plain |= {"code": None, "message": str(error)}
    code = plain.get("code")
    if (isinstance(code, str) and _NUMBER.fullmatch(code)) or (isinstance(code, float) and code.is_integer()):
        plain["code"] = int(code)
    return plain


def _refused_under_other_names(answer: object) -> Item | None:
    """Give a refusal with the numbers of something else: where one thing was asked, it can mean nothing else."""
    items = answer if isinstance(answer, list) else [answer]
    if len(items) != 1 or not isinstance(items[0], Mapping):
        return None
    item = _plain(items[0])
    return {key: value for key, value in item.items() if key not in _IDS} if failed(item) else None


def write_properties(values: Sequence[Mapping[str, Any]]) -> Steps[list[Item]]:
    """Set properties, each given as an object with ``siid``, ``piid`` and ``value``; unanswered ones are left out."""
    found: list[Item] = []
    for part in cut(values, SET_PROPERTIES, limit=None):
        answer = yield Ask(SET_PROPERTIES, part)
        found += done([{key: each[key] for key in _IDS if key in each} for each in part], answer)
    return found


def call_action(parameters: Mapping[str, Any]) -> Steps[Any]:
    """Call an action and give the device's answer as it is."""
    answer = yield Ask(ACTION, dict(parameters))
    return answer


def failed(item: Mapping[str, Any]) -> bool:
    """Tell whether a result is a failure: negative codes are, and the word "error"; a code that is missing is not."""
    code = item.get("code", 0)
    return (isinstance(code, int) and code < 0) or (code is None and item.get("message") is not None)


def reason(item: Mapping[str, Any]) -> str:
    """Say in words which result is a failure, and why."""
    code = item.get("code")
    if not isinstance(code, int):
        return f"{_name(item)}: {item.get('message', 'refused')}"
    words = codes.explain_item(code)
    return f"{_name(item)}: code {code}" + (f", {words}" if words else "")


def refusal(method: str, item: Mapping[str, Any]) -> DeviceError:
    """Make the error for a failed result."""
    code = item.get("code")
    number = code if isinstance(code, int) else None
    words = codes.explain_item(number) if number is not None else ""
    message = "" if number is not None else str(item.get("message", ""))
    error = DeviceError(number, message, method=method, explanation=f"{_name(item)}: {words or 'refused'}")
    if codes.may_have_run(number):
        error.doubt("" if is_read(method) else MAY_HAVE_RUN)
    return error


def _name(item: Mapping[str, Any]) -> str:
    kind, number = ("action", item["aiid"]) if "aiid" in item else ("property", item.get("piid"))
    return f"{kind} {item.get('siid')}.{number}"


def no_answer(method: str, siid: int, number: int) -> DeviceError:
    """Make the error for a property, or an action, of which the answer says nothing: it was not refused.

    :param number: its piid or aiid
    """
    if method == ACTION:
        said = f"the device's answer does not say what became of action {siid}.{number}"
    else:
        said = f"the device left property {siid}.{number} out of its answer"
    error = DeviceError(None, said, method=method)
    if not is_read(method):
        error.doubt(MAY_HAVE_RUN)
    return error
