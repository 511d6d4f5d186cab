"""Rules about the two far ends: what a LAN caller sees of the product, and whether the module keeps to the document."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

from miio_lan.acceptance.rules.calls import JudgedCall
from miio_lan.acceptance.rules.line.answers import UNKNOWN_METHOD
from miio_lan.acceptance.rules.observed import Observed
from miio_lan.acceptance.rules.rulebook import Case, rules_of
from miio_lan.errors import is_the_modules
from miio_lan.pairing.calls import NOT_RECORDED
from miio_lan.record import DIRECTIONS, Record
from miio_lan.uart import commands as c
from miio_lan.uart.document import ANSWER_TIME, TIMED_OUT_CODE, UNDEFINED_CODE

lan_rule = rules_of("lan")
graded_lan_rule = rules_of("lan", severity="failure or warning")
module_rule = rules_of("module", severity="warning")

_NO_REPLY = "got no reply"
_LOST = "a datagram may have been lost on the network"

MCU_TIMEOUTS = frozenset({TIMED_OUT_CODE, UNDEFINED_CODE})
"""Codes with which modules tell the caller that the MCU did not answer, or not usably."""


@graded_lan_rule(
    "Every LAN request is answered",
    source="serial document, 4 s; observed: -9999 when the MCU does not answer",
)
def lan_answered(session: Observed, case: Case) -> None:
    """By a result, or by an error other than that of an MCU which did not answer.

    Where the line was heard, it shows whose fault it was that there was none, and other rules judge that. A network
    loses datagrams: a single one that is missing is a warning, where the product answers what comes next.
    """
    lone = set(_lone(session.lan))
    for call in session.lan:
        problem = _missing_answer(session, call)
        lined = len(session.line.heard) == len(DIRECTIONS)
        if problem is None:
            again = 0 if lined else _asked_again(session, call)
            if again > 1:
                case.bad(f"{call.method} got a reply only after {again} that got none", call.record)
            elif again:
                case.odd(f"{call.method} got a reply only when it was asked again: {_LOST}", call.record)
            else:
                case.good(call.method, call.record)
        elif session.disturbed(call):
            case.unseen(f"{call.method}: a bridge interfered with the serial line", call.record)
        elif call.doubtful:
            case.unseen(f"{call.method}: several clients asked for the same at the same time", call.record)
        elif lined:
            case.unseen(f"{call.method}: {problem}; the line shows why", call.record)
        elif call.answer is None and session.traffic.missing(call.began, math.inf):
            case.unseen(f"{call.method}: {NOT_RECORDED}", call.record)
        elif problem == _NO_REPLY and id(call) in lone:
            case.odd(f"{call.method} {problem}: {_LOST}", call.record)
        elif problem:
            case.bad(f"{call.method}{':' if call.answer else ''} {problem}", call.record)


def _asked_again(session: Observed, call: JudgedCall) -> int:
    """Count how often a check had to repeat itself. Of other clients nobody knows how long they wait before they do."""
    unheard = sum(request.reply is None for request in call.requests)
    return 0 if session.course is None or call.method.startswith("miIO.") else unheard


def _lone(calls: Iterable[JudgedCall]) -> Iterator[int]:
    """Find the calls, by their ``id``, that were sent once, got no reply, and have no other such call beside them."""
    by_peer: dict[str, list[JudgedCall]] = {}
    for call in calls:
        by_peer.setdefault(call.request.peer, []).append(call)
    for each in by_peer.values():
        answered = [True, *(call.answer is not None for call in each)]
        for call, before, here, after in zip(each, answered, answered[1:], answered[2:], strict=False):
            once = sum(len(request.sends) for request in call.requests) == 1
            if before and not here and after and once:
                yield id(call)


def _missing_answer(session: Observed, call: JudgedCall) -> str | None:
    """Say what a caller got instead of an answer; None for an answer, empty where one may still come."""
    if call.answer is None:
        if (unreadable := _unreadable(session, call)) is not None:
            return f"got a reply that cannot be read ({unreadable.note})"
        # Who asks by himself has waited as long as he wanted to before he asked for something else, or ended.
        waited = session.course is not None and not session.course.cut
        over = waited or session.ended - call.request.instant >= ANSWER_TIME
        return _NO_REPLY if over else ""
    if call.error is not None and _gave_up(*call.error):
        return _told(*call.error)
    return None


def _unreadable(session: Observed, call: JudgedCall) -> Record | None:
    """Find a reply that cannot be read, between a call and the next one of the same peer."""
    peer = call.request.peer
    own = (each for each in session.lan if each.request.peer == peer)
    end = min((each.began for each in own if each.began > call.request.instant), default=math.inf)
    replies = (each for each in session.traffic.unreadable if each.peer == peer)
    return next((each for each in replies if call.began <= each.instant <= end), None)


def _told(code: int, message: str) -> str:
    return f"{code} ({message})" if message else f"{code}"


def _gave_up(code: int, message: str) -> bool:
    """Tell whether an error is the module's word that its MCU did not answer: an MCU may use the number, too."""
    return code in MCU_TIMEOUTS and is_the_modules(code, message)


@graded_lan_rule(
    "miIO.info shows the model and the MCU's version",
    source="serial document, model and mcu_version; observed: mcu_fw_ver in miIO.info",
)
def lan_info(session: Observed, case: Case) -> None:
    """Older modules leave the version out: a warning."""
    for call in session.lan:
        result = call.result
        if call.method != "miIO.info" or not isinstance(result, Mapping):
            continue
        model, version = result.get("model"), result.get("mcu_fw_ver")
        expected = session.spec.stated_model if session.spec is not None else ""
        fault = c.model_fault(model) if isinstance(model, str) else "there is no model"
        if session.misinformed(call):
            case.unseen("a bridge interfered with what the MCU told of itself", call.answer)
        elif fault:
            case.bad(fault, call.answer)
        elif expected and model != expected:
            case.bad(f"the model is {model}, the description is of {expected}", call.answer)
        elif not isinstance(version, str):
            case.odd("there is no mcu_fw_ver", call.answer)
        elif fault := c.version_fault(version):
            case.bad(f"mcu_fw_ver: {fault}", call.answer)
        else:
            case.good(f"{model}, version {version}", call.answer)


@lan_rule("An unknown method brings the LAN caller an error", source="serial document, error")
def lan_unknown_method(session: Observed, case: Case) -> None:
    """The MCU's own code and message, between -9999 and -5000."""
    for call in session.lan:
        if call.method != UNKNOWN_METHOD or call.answer is None:
            continue
        if session.disturbed(call):
            case.unseen("a bridge interfered with the serial line", call.answer)
        elif call.error is None:
            case.bad("answered by a result", call.answer)
        elif _gave_up(*call.error):
            case.unseen("the MCU did not answer it")
        else:
            case.good(_told(*call.error), call.answer)


@module_rule(
    "The module replies to each command in the form of the document",
    source="serial document, return values",
)
def module_replies(session: Observed, case: Case) -> None:
    """Only where a real module, or somebody else's, was at the other end."""
    _judge_told(session, case, "the checker was the module", downlinks=False)


def _judge_told(session: Observed, case: Case, driven: str, *, downlinks: bool) -> None:
    """Judge the form of what the module said: of downlinks, or of everything else.

    :param driven: why that is not judged where the checker was the module
    """
    if session.driven:
        case.unseen(driven)
        return
    for record, command in session.line.told:
        if isinstance(command, c.Down) is downlinks:
            text = command.method if isinstance(command, c.Down) else command.line
            (case.good if command.valid else case.odd)(command.problem or text, record)


@module_rule(
    "Downlinks are in the form of the document",
    source="serial document, server communication and reserved downstream commands",
)
def module_downlinks(session: Observed, case: Case) -> None:
    """Fewer than 512 characters, at most 64 parameters, and the layout of their method."""
    _judge_told(session, case, "the checker was the module, and sends wrong ones on purpose", downlinks=True)


@module_rule("The factory test is not entered in the field", source="serial document, factory")
def factory_command(session: Observed, case: Case) -> None:
    """It opens the product to anybody with the preset router, so that seeing it at all deserves a warning."""
    for said in session.line.of("factory"):
        case.odd("the MCU sends the module into the factory test", said.record)
    if session.line.said and not session.line.of("factory"):
        case.good("factory was not sent", session.line.said[-1].record)
