"""Rules about the two far ends: what a LAN caller sees of the product, and whether the module keeps to the document."""

from __future__ import annotations

import math
from collections.abc import Mapping

from miio_lan.acceptance.rules.line.answers import UNKNOWN_METHOD
from miio_lan.acceptance.rules.observed import JudgedCall, Observed
from miio_lan.acceptance.rules.rulebook import Case, rules_of
from miio_lan.errors import is_the_modules
from miio_lan.pairing.calls import NOT_RECORDED
from miio_lan.record import DIRECTIONS
from miio_lan.uart import commands as c
from miio_lan.uart.document import ANSWER_TIME, TIMED_OUT_CODE, UNDEFINED_CODE

lan_rule = rules_of("lan")
module_rule = rules_of("module", severity="warning")

MCU_TIMEOUTS = frozenset({TIMED_OUT_CODE, UNDEFINED_CODE})
"""Codes with which modules tell the caller that the MCU did not answer, or not usably."""


@lan_rule(
    "Every LAN request is answered",
    source="serial document, 4 s; observed: -9999 when the MCU does not answer",
)
def lan_answered(session: Observed, case: Case) -> None:
    """By a result, or by an error other than that of an MCU which did not answer.

    Where the line was heard, it shows whose fault it was that there was none, and other rules judge that.
    """
    for call in session.lan:
        problem = _missing_answer(session, call)
        if problem is None:
            case.good(f"{call.method}", call.record)
        elif session.disturbed(call):
            case.unseen(f"{call.method}: a bridge interfered with the serial line", call.record)
        elif call.doubtful:
            case.unseen(f"{call.method}: several clients asked for the same at the same time", call.record)
        elif len(session.line.heard) == len(DIRECTIONS):
            case.unseen(f"{call.method}: {problem}; the line shows why", call.record)
        elif call.answer is None and session.traffic.missing(call.began, math.inf):
            case.unseen(f"{call.method}: {NOT_RECORDED}", call.record)
        elif problem:
            case.bad(f"{call.method}{':' if call.answer else ''} {problem}", call.record)


def _missing_answer(session: Observed, call: JudgedCall) -> str | None:
    """Say what a caller got instead of an answer; None for an answer, empty where one may still come."""
    if call.answer is None:
        # Who asks by himself has waited as long as he wanted to before he asked for something else, or ended.
        waited = session.course is not None and not session.course.cut
        over = waited or session.ended - call.request.instant >= ANSWER_TIME
        return "got no reply" if over else ""
    if call.error is not None and _gave_up(*call.error):
        return _told(*call.error)
    return None


def _told(code: int, message: str) -> str:
    return f"{code} ({message})" if message else f"{code}"


def _gave_up(code: int, message: str) -> bool:
    """Tell whether an error is the module's word that its MCU did not answer: an MCU may use the number, too."""
    return code in MCU_TIMEOUTS and is_the_modules(code, message)


@lan_rule(
    "miIO.info shows the model and the MCU's version",
    source="serial document, model and mcu_version; observed: mcu_fw_ver in miIO.info",
    severity="failure or warning",
)
def lan_info(session: Observed, case: Case) -> None:
    """Older modules leave the version out: a warning."""
    for call in session.lan:
        result = call.result
        if call.method != "miIO.info" or not isinstance(result, Mapping):
            continue
        if session.misinformed(call):
            case.unseen("a bridge interfered with what the MCU told of itself", call.answer)
            continue
        model, version = result.get("model"), result.get("mcu_fw_ver")
        expected = session.spec.stated_model if session.spec is not None else ""
        fault = c.model_fault(model) if isinstance(model, str) else "there is no model"
        if fault:
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
