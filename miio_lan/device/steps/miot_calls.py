"""Property and action calls of MIoT products, as steps: slicing that learns, and matching of results.

Results are matched by (siid, piid) and fall back to the position; the did is only echoed by some products, so the
caller's own is put back. Only negative codes are failures; 1 means accepted, not finished.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from miio_lan.device.steps.calls import Ask, Steps, try_list
from miio_lan.device.steps.slices import cut
from miio_lan.errors import (
    DeviceError,
    DeviceException,
    DeviceTimeout,
    InvalidArgument,
    PayloadDecodeException,
)
from miio_lan.lan import codes
from miio_lan.lan.client.call import MAY_HAVE_RUN, is_read
from miio_lan.uart.document import ACTION, GET_PROPERTIES, SET_PROPERTIES

_LOGGER = logging.getLogger(__name__)


#: Properties per request that nearly every product takes.
DEFAULT_LIMIT = 15
_IDS = ("did", "siid", "piid", "aiid")
#: Errors that a request for fewer properties may not meet (the texts differ, the numbers do not).
_TOO_MANY = frozenset({-5000, -5005, -9998, -9999, -10000, -30000, -30001, -30011, -32604, -32605})

Item = dict[str, Any]


@dataclass
class SliceLimit:
    """How many properties one request to one device may ask for, as far as this session has learnt.

    :param learnt: the length that works where a longer one did not; None while nothing failed
    :param proven: the longest list that was answered so far
    :param mute: properties that were not answered even alone
    """

    learnt: int | None = None
    proven: int = 0
    mute: set[tuple[Any, Any]] = field(default_factory=set)


@dataclass
class _Reading:
    """One read under way: what came back, and whether anything did."""

    limit: SliceLimit
    answered: int = 0
    failed_alone: int = 0


def read_one(ids: Mapping[str, Any]) -> Steps[list[Item]]:
    """Read one property, giving a list with one result (none where the device leaves it out)."""
    answer = yield Ask(GET_PROPERTIES, [dict(ids)])
    return match([ids], answer)


def read_properties(
    properties: Sequence[Mapping[str, Any]], limit: SliceLimit, wanted: int = DEFAULT_LIMIT
) -> Steps[list[Item]]:
    """Read properties, each given as an object with ``siid`` and ``piid`` (and a ``did`` of the caller's choice).

    A list the device cannot take is halved, and the length that works is remembered. A property that fails even
    alone is reported with the code of its error; one that is not answered at all is left out.

    :raises DeviceException: if the device answers nothing of it
    """
    if isinstance(wanted, bool) or not isinstance(wanted, int) or wanted < 1:
        raise InvalidArgument(f"max_properties is a whole number, at least 1, not {wanted!r}")
    found: list[Item] = []
    reading = _Reading(limit)
    # Cut anew after each slice: the limit may have changed meanwhile.
    rest = list(properties)
    while rest:
        part = next(cut(rest, GET_PROPERTIES, limit=min(wanted, limit.learnt or wanted)))
        found += yield from _read_part(part, reading)
        rest = rest[len(part) :]
    return found


def _read_part(part: list[Mapping[str, Any]], reading: _Reading) -> Steps[list[Item]]:
    limit = reading.limit
    try:
        if len(part) > max(1, limit.proven):
            answer = yield from try_list(GET_PROPERTIES, list(part))
        else:
            answer = yield Ask(GET_PROPERTIES, list(part))
    except DeviceException as error:
        if not _may_be_too_many(error) or len(part) == 1:
            return _failed_alone(part, error, reading)
        return (yield from _read_halves(part, error, reading))
    items = match(part, answer)
    reading.answered += len(items)
    if len(items) == len(part):
        limit.proven = max(limit.proven, len(part))
        return items
    return (yield from _ask_again(part, items, reading))


def _read_halves(
    part: list[Mapping[str, Any]], error: DeviceException, reading: _Reading
) -> Steps[list[Item]]:
    limit = reading.limit
    if limit.proven == 0:
        yield from _probe(part, error, reading)
    failed_before = reading.failed_alone
    half = len(part) // 2
    items = yield from _read_part(part[:half], reading)
    items += yield from _read_part(part[half:], reading)
    if reading.failed_alone == failed_before:
        # Both halves work where the whole did not: the length was the reason, not one of the properties.
        limit.learnt = min(limit.learnt or len(part), len(part) - half)
        _LOGGER.debug("reading at most %d properties at a time from now on", limit.learnt)
    return items


def _probe(part: list[Mapping[str, Any]], error: DeviceException, reading: _Reading) -> Steps[None]:
    """Find out with the first and the last property alone whether the device answers at all, before halving."""
    for candidate in (part[0], part[-1]):
        try:
            answer = yield Ask(GET_PROPERTIES, [candidate])
        except (DeviceError, PayloadDecodeException) as second:
            if isinstance(second, DeviceError) and second.code == codes.METHOD_NOT_FOUND:
                raise
            continue
        if match([candidate], answer):
            reading.limit.proven = 1
            return
    raise error


def _failed_alone(part: list[Mapping[str, Any]], error: DeviceException, reading: _Reading) -> list[Item]:
    """Decide what the failure of a request means that cannot be cut further."""
    reading.failed_alone += 1
    nothing_works = reading.answered == 0 and (
        len(part) > 1 or reading.limit.proven == 0 or reading.failed_alone > 1
    )
    if len(part) > 1 or isinstance(error, DeviceTimeout) or nothing_works:
        raise error
    if isinstance(error, DeviceError) and error.code is not None:
        return [{**part[0], "code": error.code}]
    if isinstance(error, PayloadDecodeException):
        _LOGGER.warning("%s: %s", _key(part[0]), error)
        return []
    raise error


def _ask_again(part: list[Mapping[str, Any]], items: list[Item], reading: _Reading) -> Steps[list[Item]]:
    """Ask for what was left out: some products answer only as many as they can hold."""
    limit = reading.limit
    got = {_key(item) for item in items}
    missing = [wanted for wanted in part if _key(wanted) not in got]
    if len(part) == 1:
        limit.mute.update(_key(wanted) for wanted in missing)
    if len(part) == 1 or not items:
        return items
    cut_short = len(items)
    for wanted in missing:
        if _key(wanted) not in limit.mute:
            more = yield from _read_part([wanted], reading)
            if more:
                limit.learnt = cut_short
                items = items + more
    order = {_key(wanted): place for place, wanted in enumerate(part)}
    return sorted(items, key=lambda item: order[_key(item)])


def _may_be_too_many(error: DeviceException) -> bool:
    if isinstance(error, DeviceError):
        return error.code in _TOO_MANY
    return isinstance(error, (DeviceTimeout, PayloadDecodeException))


def _key(item: Mapping[str, Any]) -> tuple[Any, Any]:
    """Tell what an item is about. A device may put anything there: what is no number is nothing that was asked for."""
    siid, piid = item.get("siid"), item.get("piid")
    return (None, None) if isinstance(siid, (list, dict)) or isinstance(piid, (list, dict)) else (siid, piid)


def match(asked: Sequence[Mapping[str, Any]], answer: object) -> list[Item]:
    """Bring results into the order of the request, with the did the caller chose; extra ones are dropped.

    :raises DeviceError: never; what cannot be matched is left out
    """
    results = [item for item in answer if isinstance(item, dict)] if isinstance(answer, list) else []
    by_key: dict[tuple[Any, Any], Item] = {}
    for result in results:
        by_key.setdefault(_key(result), result)
    matched = []
    for place, wanted in enumerate(asked):
        item: Item | None = by_key.get(_key(wanted))
        if item is None and len(results) == len(asked) and "piid" not in results[place]:
            item = results[place]
        if item is not None:
            own = {key: wanted[key] for key in ("did", "siid", "piid") if key in wanted}
            matched.append({**item, **own})
    return matched


def done(asked: Sequence[Mapping[str, Any]], answer: object) -> list[Item]:
    """Bring the answer of a set or an action into one item for each thing that was asked, as far as it says anything.

    Products say it in many ways: an item with a code for each, one code for all (``{"code": 0}``, ``0``, ``-4004``), or
    a word (``"ok"``, ``["ok"]``, ``"error"``).
    """
    for_all = _for_all(answer)
    if for_all is not None:
        return [{key: each[key] for key in _IDS if key in each} | for_all for each in asked]
    return match(asked, [answer] if isinstance(answer, Mapping) else answer)


def _for_all(answer: object) -> Item | None:
    """Give what an answer says of all that was asked; None where it speaks of each, or says nothing."""
    if isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    if isinstance(answer, bool):
        return None
    if isinstance(answer, int):
        return {"code": answer}
    if isinstance(answer, str):
        word = answer.strip().lower()
        return {"code": 0} if word == "ok" else {"code": None, "message": answer} if word == "error" else None
    if isinstance(answer, Mapping) and not any(key in answer for key in _IDS[1:]):
        return dict(answer) if isinstance(answer.get("code"), int) else None
    return None


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


def no_answer(method: str, siid: int, piid: int) -> DeviceError:
    """Make the error for a property the device left out of its answer: it did not refuse it."""
    error = DeviceError(None, f"the device left property {siid}.{piid} out of its answer", method=method)
    if not is_read(method):
        error.doubt(MAY_HAVE_RUN)
    return error
