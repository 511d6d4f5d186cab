"""What the rules look at: the conversation on the line, the calls on both wires, and the product's description."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import cached_property
from math import inf
from typing import Any, NamedTuple

from miio_lan.acceptance.rules.lines import asked_by, has_layout, is_identity
from miio_lan.acceptance.rules.torn import torn_lines
from miio_lan.acceptance.tester.progress import Progress
from miio_lan.device.description.spec import Property, Spec
from miio_lan.errors import InvalidArgument
from miio_lan.given import checked_flag, checked_instant, shown
from miio_lan.pairing.calls import LanCall, LanRequest, LanTraffic, lan_traffic
from miio_lan.pairing.content import error_of
from miio_lan.pairing.exchange import Exchange
from miio_lan.pairing.pairing import joined
from miio_lan.record import Record
from miio_lan.uart import commands as c
from miio_lan.uart.bridge.faults import held_back, touched
from miio_lan.uart.conversation import Conversation, converse
from miio_lan.uart.document import ANSWER_TIME, IDENTITY_REQUESTS, UPDATE_FW, Code
from miio_lan.uart.ledger import WENT_ON_SOON
from miio_lan.uart.order import in_order
from miio_lan.uart.turns import LATENESS, Downlink, Turn
from miio_lan.uart.values import MISSING

Iid = tuple[int, int]
_ECHO_TIME = 30.0
"""Seconds after a request for model or version in which what an MCU says of itself shows no power-up: it repeats."""
_MOMENT = 1.0
"""Seconds before a report in which an MCU that is served shows that it was on already; a start takes longer."""
_REPEATED = 5.0
"""Seconds within which a report repeats, or goes on with, the one before."""
_IDENTITY = (b"model", b"mcu_version")
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


@dataclass(eq=False, repr=False)
class Observed:
    """Everything one judgement is about.

    :param seen: what was recorded, without the marks of a check
    :param spec: the product's description; without it, rules about values are not judged
    :param driven: whether the checker itself played the module, so that the module's lines are not judged
    :param from_boot: whether the session is known to hold a power-up of the MCU
    :param until: when the observation ended, monotonic seconds; with the last record by default
    :param course: how far the checker got that asked the product; None for one that only listened
    """

    seen: Iterable[Record]
    _: KW_ONLY
    spec: Spec | None = None
    driven: bool = False
    from_boot: bool = False
    until: float | None = None
    course: Progress | None = None

    def __post_init__(self) -> None:
        Spec.checked(self.spec)
        checked_instant("ended", self.until)
        checked_flag("driven", self.driven)
        checked_flag("from_boot", self.from_boot)
        if self.course is not None and not isinstance(self.course, Progress):
            raise InvalidArgument(f"course is the Progress of a check, not {shown(self.course)}")

    @cached_property
    def records(self) -> tuple[Record, ...]:
        """Everything both wires carried, the lines in the order in which they were said."""
        # Two receivers are late, each in its own time; who plays the module himself has one clock.
        ordered = sorted(self.seen, key=lambda record: record.instant) if self.driven else in_order(self.seen)
        return tuple(ordered)

    @cached_property
    def places(self) -> dict[int, int]:
        """The places of :attr:`records` in their order, by the ``id`` of the record."""
        return {id(record): place for place, record in enumerate(self.records)}

    @cached_property
    def ended(self) -> float:
        """When the observation ended, monotonic seconds."""
        return max([record.instant for record in self.records] + [self.until or 0.0])

    @cached_property
    def line(self) -> Conversation:
        """The conversation on the serial line as the MCU had it: by this it is judged."""
        return converse(self.records, side="mcu", ended=self.until, one_clock=self.driven)

    @cached_property
    def torn(self) -> dict[int, str]:
        """The lines of the MCU that the observation tore, by the ``id`` of the record, each with what happened."""
        return torn_lines(self.line, driven=self.driven, from_boot=self.from_boot)

    @cached_property
    def exchanges(self) -> tuple[Exchange, ...]:
        """The LAN calls joined with what the line carried for them.

        They are explained by what the module heard and said: the same conversation, unless a bridge interfered.
        """
        line = self.line if not self._touched else converse(self.records, side="module")
        return tuple(joined(line, self.records))

    @cached_property
    def traffic(self) -> LanTraffic:
        """What crossed the LAN."""
        return lan_traffic(self.records)

    @cached_property
    def lan(self) -> tuple[JudgedCall, ...]:
        """What was called over the LAN, in the order of the requests."""
        found: dict[int, JudgedCall] = {}
        for call in self.traffic.calls:
            # What was lost once is repeated once; whoever asks for the same later has asked for something of his own.
            found[id(call)] = _of_lan_call(call, repeats=id(call.earlier) in found)
            found.pop(id(call.earlier), None)
        return tuple(found.values())

    @property
    def model(self) -> str:
        """The model that the MCU reported last, or else the one that ``miIO.info`` told last; empty without either."""
        infos = (call.result for call in self.lan if call.method == "miIO.info")
        told = [info.get("model") for info in infos if isinstance(info, Mapping)]
        told += [getattr(said.command, "name", None) for said in self.line.of("model")]
        return next((name for name in reversed(told) if name and isinstance(name, str)), "")

    @property
    def lateness(self) -> float:
        """Seconds by which one direction's lines may be stamped later than the other's."""
        return 0.0 if self.driven else LATENESS

    def property(self, iid: Iid) -> Property | None:
        """Give what the description says of a property; None where it does not have it, or there is none."""
        return self.spec.property(*iid) if self.spec is not None else None

    def disturbed(self, call: JudgedCall) -> bool:
        """Whether a bridge did something to the line while a call of the LAN was under way."""
        return self.interfered(call.began, self.ended if call.answer is None else call.answer.instant)

    def module_spoke(self, start: float, end: float) -> bool:
        """Whether a real module was heard between two instants: it replies to each line, so a reply was missed."""
        return not self.driven and any(start <= record.instant <= end for record, _ in self.line.told)

    def interfered(self, start: float, end: float) -> bool:
        """Whether a bridge did something to the line between two instants; what it holds back loses its time."""
        return any(start <= each.instant and begun <= end for begun, each in self._touched)

    def misinformed(self, call: JudgedCall) -> bool:
        """Whether a bridge did something to what the MCU had told of itself when a call was answered."""
        until = call.record.instant
        return any(each.raw.startswith(_IDENTITY) and each.instant <= until for _, each in self._touched)

    @cached_property
    def _touched(self) -> list[tuple[float, Record]]:
        """The lines to which a bridge did something, each with the instant from which it did so."""
        found = [record for record in self.records if record.wire == "uart" and touched(record)]
        return [(record.instant - held_back(record), record) for record in found]

    def in_doubt(self, said: Turn) -> bool:
        """Whether an answer may belong to something else, or to what was not seen: its contents prove nothing then.

        Who plays the module himself sees all. There it is in doubt only where the MCU is known to answer what was given
        up: it may be the late answer to something that asked for the like.
        """
        downlink, asked = said.answers, asked_by(said)
        # Others that asked for the same judge it the same.
        others = any(other.command != asked for other in said.others)
        if self.driven:
            return downlink is not None and self.behind and (others or (said.late and downlink.doubtful))
        if downlink is None or others:
            return True
        unsure = not said.sure or (downlink.doubtful and not self._was_taken(said, downlink))
        # A module that takes what is late had something waiting that was not seen.
        overdue = said.instant - downlink.instant > ANSWER_TIME + LATENESS
        odd = said.blind or said.late or overdue or said.refused or not said.fits
        return (unsure and odd) or (said.blind and not said.fits) or (said.late and said.accepted)

    def _was_taken(self, said: Turn, downlink: Downlink) -> bool:
        """Whether the module went on at once with an answer, right or wrong: no later one puts it in doubt then."""
        end = downlink.closed
        if end is None or end - downlink.instant >= WENT_ON_SOON or said.blind or said.late:
            return False
        return not self.line.missing(downlink.instant, end)

    @cached_property
    def behind(self) -> bool:
        """Whether answers came that nothing waited for, or not any more: others may be those to what was before."""
        answers = self.line.of("result", "error")
        return any(said.late or said.again or said.answers is None for said in answers)

    @cached_property
    def calls(self) -> tuple[JudgedCall, ...]:
        """Calls of properties and actions: as the line shows them where it was heard, else as the LAN does."""
        heard = tuple(self._call_of(each) for each in self.line.downlinks if each.command.wants_result)
        return heard or tuple(call for call in self.lan if not self.disturbed(call))

    def _call_of(self, downlink: Downlink) -> JudgedCall:
        call, said = _asked(downlink), downlink.answer
        if said is None or self.in_doubt(said):
            return call
        call, result = replace(call, answer=said.record), said.command
        if isinstance(result, c.Error):
            return replace(call, error=(result.code or 0, result.message or ""))
        if not isinstance(result, c.Result) or not has_layout(said):
            return call
        answers = {
            row[:2]: PropertyAnswer(row.code, row.value)
            for row in result.results
            if row.code is not None and not _ambiguous(call, row)
        }
        code = result.code if call.action == (result.siid, result.aiid) else None
        out = None if result.unread else frozenset(piid for piid, _ in result.out)
        return replace(call, answers=answers, code=code, out=out)

    @cached_property
    def booted(self) -> Turn | None:
        """The first line that shows a power-up: a report of model or version that nobody asked for.

        Some products tell it at other times, too: an MCU that was served right before has not been switched on. Where a
        power-up was promised, the first such report is taken for its sign all the same.
        """
        asked = [each.instant for each in self.line.downlinks if each.command.method in IDENTITY_REQUESTS]
        alive: Turn | None = None  # the last line before these reports that shows a life before them
        first: Turn | None = None  # the first of reports with nothing between them
        last = -inf
        for said in self.line.said:
            if is_identity(said.command):
                if first is None or said.instant - last > _REPEATED:
                    first = said
                last = said.instant
                unasked = not any(0 <= said.instant - at < _ECHO_TIME for at in asked)
                if unasked and (self.from_boot or not self._goes_on(alive, first)):
                    return said
            elif self._served(said):
                alive, first = said, None
        return None

    def _served(self, said: Turn) -> bool:
        """Whether the MCU asked for work and got it, or gave the answer to some; as far as a module was heard."""
        asks = isinstance(said.command, (c.GetDown, c.Result, c.Error))
        return asks and (said.reply is not None or "down" not in self.line.heard)

    def _goes_on(self, alive: Turn | None, said: Turn) -> bool:
        """Whether a report comes from an MCU that was served a moment ago, and had no cause to start since."""
        if alive is None or said.instant - alive.instant > _MOMENT:
            return False
        offers = (each for each in self.line.downlinks if each.command.method == UPDATE_FW)
        updated = any(alive in (each.asked, each.answer) for each in offers)
        return not updated and not self.line.broken(alive.instant, said.instant)


def _ambiguous(call: JudgedCall, row: c.PropertyResult) -> bool:
    """Whether what stands for a code may as well be a value without its code, or a code without its value."""
    return call.method == "get_properties" and row.code is not None and row.code >= 0 and row.value is MISSING


def _asked(downlink: Downlink) -> JudgedCall:
    command = downlink.command
    call = JudgedCall(command.method, downlink.record, downlink=downlink)
    if isinstance(command, (c.GetProperties, c.SetProperties)):
        rows = [((each.siid, each.piid), getattr(each, "value", MISSING)) for each in command.properties]
        return replace(call, properties=tuple(rows))
    if isinstance(command, c.Action) and command.siid is not None and command.aiid is not None:
        return replace(call, action=(command.siid, command.aiid), arguments=dict(command.in_))
    return call


# --- the LAN -------------------------------------------------------------------------------------------------------


def _of_lan_call(call: LanCall, *, repeats: bool) -> JudgedCall:
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
