"""What a product was asked, and what it answered, on either wire: the calls that rules judge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from miio_lan.pairing.calls import LanCall, LanRequest
from miio_lan.pairing.content import error_of
from miio_lan.record import Record
from miio_lan.uart import commands as c
from miio_lan.uart.document import Code
from miio_lan.uart.turns import Downlink
from miio_lan.uart.values import MISSING

Iid = tuple[int, int]
#: Codes after which the property surely is what it was (serial document, status code).
_UNCHANGED = frozenset({Code.NOT_READABLE, Code.NOT_WRITABLE, Code.NO_SUCH, Code.BAD_VALUE, Code.BAD_DID})


class PropertyAnswer(NamedTuple):
    """What a call brought for one property: the code, and the value where there is one."""

    code: int
    value: object = MISSING


@dataclass(frozen=True, eq=False)
class JudgedCall:
    """A request for the product and its answer, on either wire.

    :param downlink: the line that asked for it; None on the LAN
    :param properties: what was asked for, with the values of a set; empty for other methods
    :param action: the ids of an action, and ``arguments`` its values by piid (None where they were not named)
    :param answers: by property, for what was answered in the right layout
    :param code: the code of an action, and ``out`` the piids that it handed back (None where its layout cannot be told)
    :param error: code and message, when the call failed as a whole
    :param began: when it was sent first, on the LAN, monotonic seconds
    :param doubtful: whether several clients sent the same at the same time, so that a reply may be another's
    :param requests: what carried it on the LAN, with what it has repeated; empty for a downlink
    """

    method: str
    request: Record
    answer: Record | None = None
    downlink: Downlink | None = field(default=None, repr=False)
    properties: tuple[tuple[Iid, object], ...] = ()
    action: Iid | None = None
    arguments: Mapping[int, object] | None = None
    answers: Mapping[Iid, PropertyAnswer] = field(default_factory=dict)
    code: int | None = None
    out: frozenset[int] | None = None
    error: tuple[int, str] | None = None
    began: float = 0.0
    doubtful: bool = False
    requests: Sequence[LanRequest] = field(default=(), repr=False)

    @property
    def record(self) -> Record:
        """What to show of it: the answer where there is one."""
        return self.answer or self.request

    @property
    def done(self) -> float:
        """When it was answered, or where it was not, sent first; on the LAN, monotonic seconds."""
        return self.answer.instant if self.answer is not None else self.began

    def code_of(self, iid: Iid) -> int | None:
        """Give the code with which a property was answered; None where that is not known."""
        return self.answers[iid].code if iid in self.answers else None

    @property
    def may_have_set(self) -> dict[Iid, object]:
        """The properties that a set did not surely leave as they were, with the values; none of another method."""
        rows = self.properties if self.method == "set_properties" else ()
        return {iid: value for iid, value in rows if self.code_of(iid) not in _UNCHANGED}

    @property
    def result(self) -> object:
        """What a reply on the LAN has as its result; None where there is none."""
        return (self.answer.reading or {}).get("result") if self.answer is not None else None


# --- on the line ---------------------------------------------------------------------------------------------------


def is_ambiguous(call: JudgedCall, row: c.PropertyResult) -> bool:
    """Whether what stands for a code may as well be a value without its code, or a code without its value."""
    return call.method == "get_properties" and row.code is not None and row.code >= 0 and row.value is MISSING


def asked_call(downlink: Downlink) -> JudgedCall:
    """Make it of what was handed out; its answer is not looked at."""
    command = downlink.command
    call = JudgedCall(command.method, downlink.record, downlink=downlink)
    if isinstance(command, (c.GetProperties, c.SetProperties)):
        rows = [((each.siid, each.piid), getattr(each, "value", MISSING)) for each in command.properties]
        return replace(call, properties=tuple(rows))
    if isinstance(command, c.Action) and command.siid is not None and command.aiid is not None:
        return replace(call, action=(command.siid, command.aiid), arguments=dict(command.in_))
    return call


# --- the LAN -------------------------------------------------------------------------------------------------------


def of_lan_call(call: LanCall, *, repeats: bool) -> JudgedCall:
    """Make it of a call.

    :param repeats: whether the earlier one that it may repeat is its own, so that what was not heard then counts
    """
    main = call.replied or call.requests[-1]
    doubtful = call.doubtful or any(request.doubtful for request in call.requests)
    every, earlier = list(call.requests), call.earlier
    while earlier is not None:
        every, earlier = [*earlier.requests, *every], earlier.earlier
    own = every if repeats else call.requests
    asked = JudgedCall(
        main.demand.method, main.sends[0], began=every[0].first, doubtful=doubtful, requests=own
    )
    asked = _with_params(asked, main.demand.params)
    return asked if main.reply is None else _with_reply(asked, main.reply)


def _with_params(call: JudgedCall, params: object) -> JudgedCall:
    if call.method in ("get_properties", "set_properties"):
        rows = [(iid, item.get("value", MISSING)) for iid, item in properties_in(params)]
        return replace(call, properties=tuple(rows))
    if call.method == "action" and isinstance(params, Mapping):
        siid, aiid = params.get("siid"), params.get("aiid")
        action = (siid, aiid) if isinstance(siid, int) and isinstance(aiid, int) else None
        return replace(call, action=action, arguments=_arguments(params.get("in")))
    return call


def _with_reply(call: JudgedCall, reply: Record) -> JudgedCall:
    reading = reply.reading or {}
    if (error := reading.get("error")) is not None:
        message = error.get("message") if isinstance(error, Mapping) else error
        words = "" if message is None else str(message)
        return replace(call, answer=reply, error=(error_of(reading) or 0, words))
    result = reading.get("result")
    coded = ((iid, item) for iid, item in properties_in(result) if isinstance(item.get("code"), int))
    answers = {iid: PropertyAnswer(item["code"], item.get("value", MISSING)) for iid, item in coded}
    call = replace(call, answer=reply, answers=answers)
    if not isinstance(result, Mapping) or not isinstance(result.get("code"), int):
        return call
    return replace(call, code=result["code"], out=_piids(result.get("out", ())))


def _piids(items: object) -> frozenset[int] | None:
    """Give the piids of values; None where they have none: modules differ in that, not products."""
    if not isinstance(items, (list, tuple)) or not all(isinstance(item, Mapping) for item in items):
        return None
    return frozenset(item["piid"] for item in items if isinstance(item.get("piid"), int))


def properties_in(items: object) -> Iterator[tuple[Iid, Mapping[str, Any]]]:
    """Go through the items of a list that name a property, each with its siid and piid."""
    for item in items if isinstance(items, (list, tuple)) else ():
        if isinstance(item, Mapping):
            siid, piid = item.get("siid"), item.get("piid")
            if isinstance(siid, int) and isinstance(piid, int):
                yield (siid, piid), item


def _arguments(items: object) -> Mapping[int, object] | None:
    """Give an action's arguments by piid; None when they were given by position."""
    given = items if isinstance(items, (list, tuple)) else ()
    if all(isinstance(item, Mapping) and isinstance(item.get("piid"), int) for item in given):
        return {item["piid"]: item.get("value") for item in given}
    return None
