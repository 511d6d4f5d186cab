"""What the rules look at: the conversation on the line, the calls on both wires, and the product's description."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property
from math import inf

from miio_lan.acceptance.rules.calls import (
    Iid,
    JudgedCall,
    PropertyAnswer,
    asked_call,
    is_ambiguous,
    of_lan_call,
)
from miio_lan.acceptance.rules.lines import asked_by, has_layout, is_identity
from miio_lan.acceptance.rules.torn import torn_lines
from miio_lan.acceptance.tester.progress import Progress
from miio_lan.device.description.spec import Property, Spec
from miio_lan.errors import InvalidArgument
from miio_lan.given import checked_flag, checked_instant, shown
from miio_lan.pairing.calls import LanTraffic, lan_traffic
from miio_lan.pairing.exchange import Exchange
from miio_lan.pairing.pairing import joined
from miio_lan.record import Record
from miio_lan.uart import commands as c
from miio_lan.uart.bridge.faults import held_back, touched
from miio_lan.uart.conversation import Conversation, converse
from miio_lan.uart.document import ANSWER_TIME, IDENTITY_REQUESTS, UPDATE_FW
from miio_lan.uart.ledger import WENT_ON_SOON
from miio_lan.uart.order import in_order
from miio_lan.uart.turns import LATENESS, Downlink, Turn

_ECHO_TIME = 30.0
"""Seconds after a request for model or version in which what an MCU says of itself shows no power-up: it repeats."""
_MOMENT = 1.0
"""Seconds before a report in which an MCU that is served shows that it was on already; a start takes longer."""
_REPEATED = 5.0
"""Seconds within which a report repeats, or goes on with, the one before."""
_IDENTITY = (b"model", b"mcu_version")
_RESTARTING = ("reboot", "restore", "factory")  # of the module: an MCU may start with it


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
            found[id(call)] = of_lan_call(call, repeats=id(call.earlier) in found)
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
        missed = self.line.missing(downlink.instant, said.instant)
        odd = missed or said.blind or said.late or overdue or said.refused or not said.fits
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
        call, said = asked_call(downlink), downlink.answer
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
            if row.code is not None and not is_ambiguous(call, row)
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

    @cached_property
    def restarts(self) -> list[Turn]:
        """The first line of each start after the power-up that nothing explains, as far as it surely is one.

        An MCU that was served falls silent, or breaks off a line, and then tells who it is without being asked.
        """
        if self.booted is None:
            return []
        found: list[Turn] = []
        alive, before = None, self.booted
        for said in self.line.said[self.booted.number :]:
            if not is_identity(said.command):
                alive = said if self._served(said) else alive
            elif alive is not None:
                fell_silent = said.instant - alive.instant > _MOMENT or not before.record.raw.endswith(
                    (b"\r", b"\n")
                )
                if fell_silent and not self._has_cause_to_start(alive, said):
                    found.append(said)
                alive = None  # what follows at once belongs to the same start
            before = said
        return found

    def _has_cause_to_start(self, alive: Turn, said: Turn) -> bool:
        """Whether an MCU may tell who it is because it was asked, updated, restarted its module, or was missed."""
        if self.line.broken(alive.instant, said.instant) or self.line.of(*_RESTARTING):
            return True
        earlier = [each for each in self.line.downlinks if each.instant <= said.instant]
        return any(
            each.command.method == UPDATE_FW
            or (each.command.method in IDENTITY_REQUESTS and said.instant - each.instant < _REPEATED)
            for each in earlier
        )
