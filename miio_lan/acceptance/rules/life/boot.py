"""Rules about power-up: model, version and Bluetooth configuration, each repeated until the module says ``ok``."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator
from itertools import pairwise
from math import inf

from miio_lan.acceptance.rules.lines import is_identity, of_kind
from miio_lan.acceptance.rules.observed import Observed
from miio_lan.acceptance.rules.rulebook import TOOL, Case, rules_of
from miio_lan.uart import commands as c
from miio_lan.uart.commands.answering import takes_firmware
from miio_lan.uart.document import ANSWER_TIME, IDENTITY_REQUESTS, UPDATE_FW
from miio_lan.uart.turns import Downlink, Turn, between

rule = rules_of("boot")
graded = rules_of("boot", severity="failure or warning")

BOOT_TIME = 5.0
"""Seconds after the first line within which a report at power-up is expected (the document: immediately)."""
RETRY_TIME = 5.0
"""Seconds within which a refused report is expected again; real products take 0.2 to 0.3."""
MANY_TRIES = 20
"""Repetitions in vain after which an MCU that gives up is no failure (observed: Xiaomi's own library, after 25)."""
REQUEST_TIME = ANSWER_TIME
"""Seconds for the answer to a request; what the document calls immediately, as generous as for other downlinks."""
JUST_BEFORE = 1.0
"""Seconds before the first line that was seen in which the MCU may have begun; before that, it was another life."""
FIRST_REPORT = "model"
"""What an MCU says first of all; whoever hears another report first may have missed it."""


def _reports(session: Observed, word: str) -> list[Turn]:
    return [said for said in session.line.of(word) if is_identity(said.command)]


def _prompted(session: Observed, word: str) -> set[int]:
    """Give the numbers of the lines that answer a request of the module: they are no reports at power-up.

    That is the first such line after the request, and what repeats it while the module does not say ``ok``.
    """
    reports = _reports(session, word)
    found = {said.number for said in reports if said.request is not None}
    for before, said in pairwise(reports):
        if before.number in found and not before.accepted and said.instant - before.instant <= RETRY_TIME:
            found.add(said.number)
    return found


def _follows(said: Turn, downlink: Downlink) -> bool:
    """Whether a line was said after something was handed out; by the poll that fetched it, where that was heard."""
    return said.number > downlink.asked.number if downlink.asked else said.instant >= downlink.instant


def _reported(session: Observed, case: Case, word: str, missing: str) -> None:
    """Look for a report that nobody asked for, soon after the first sign of life.

    Where the module asks before that time is over, and is answered, nobody knows what the MCU would have done. An MCU
    that repeats another report until the module says ``ok``, as it has to, has not come to this one.
    """
    boot = session.booted
    if boot is None and not session.from_boot:
        case.unseen("no power-up was seen")
        return
    first = boot if boot is not None else next(iter(session.line.said), None)
    start = first.instant if first is not None else session.line.began
    due = _due(session, start)
    soon = [said for said in _reports(session, word) if start <= said.instant <= due]
    prompted = _prompted(session, word)
    own = next((said for said in soon if said.number not in prompted), None)
    if own is not None:
        case.good(f"{own.instant - start:.3f} s after the first sign of life", own.record)
    elif session.line.missing(start, due) or _replied_before(session, start):
        case.unseen("not everything was heard at power-up")
    elif word == FIRST_REPORT and _begins_late(session, start):
        case.unseen("the line may have been listened to only from the middle of the power-up on")
    elif soon:
        case.unseen(
            "the module asked for it before the MCU may have come to report it by itself", soon[0].record
        )
    elif session.line.ended >= due:
        record = first.record if first is not None else None
        case.bad(f"{missing} by itself within {BOOT_TIME:g} s after power-up", record)
    else:
        case.unseen("the observation ended too soon after power-up")


def _due(session: Observed, start: float) -> float:
    """Give until when a report is expected: what the module does not take is repeated, and the time begins anew."""
    due = start + BOOT_TIME
    for said in session.line.said:
        if start <= said.instant <= due and is_identity(said.command) and not said.accepted:
            due = said.instant + BOOT_TIME
    return due


def _replied_before(session: Observed, start: float) -> bool:
    """Whether the module replied, shortly before the first line that was seen, to one that was not."""
    return any(start - JUST_BEFORE <= at < start for at in session.line.unexplained)


def _begins_late(session: Observed, start: float) -> bool:
    """Whether what an MCU says first of all may have been said before anybody listened.

    Not to a checker that plays the module: an MCU repeats its report until that has taken it.
    """
    early = start - JUST_BEFORE
    late = session.line.began > early and not (session.from_boot or session.driven)
    return late or session.line.broken(early, start)


def _until_ok(session: Observed, case: Case, word: str) -> None:
    reports = _reports(session, word)
    if not session.line.told:
        case.unseen("the module was not heard")
        return
    if reports and all(said.accepted for said in reports):
        case.unseen("no report was refused, so none had to be repeated", reports[0].record)
    for said, again, tries in _in_vain(reports):
        end = said.instant + RETRY_TIME
        asked = between(session.line.downlinks, said.instant, min(end, again.instant) if again else end)
        prompted = any(IDENTITY_REQUESTS.get(each.command.method) == word for each in asked)
        what = said.reply_text or "nothing"
        if prompted or session.line.missing(said.instant, end):
            case.unseen("something else came between a refusal and its repetition")
        elif again is not None and again.instant <= end:
            case.good(f"repeated {again.instant - said.instant:.3f} s after {what}", again.record)
        elif said.reply is None and session.module_spoke(said.instant, end):
            case.unseen("what the module said to it was not seen")
        elif session.line.ended > end and tries > MANY_TRIES:
            case.odd(f"given up after {tries} times, for the module said {what}", said.record)
        elif session.line.ended > end:
            case.bad(f"not repeated within {RETRY_TIME:g} s although the module said {what}", said.record)


def _in_vain(reports: list[Turn]) -> Iterator[tuple[Turn, Turn | None, int]]:
    """Go through the reports that have to be repeated: each with the next, and how many came so far without a pause.

    One that crosses the ``ok`` to the one before it is said to a module that has taken it.
    """
    tries = 0
    for before, said, again in zip([None, *reports], reports, [*reports[1:], None], strict=False):
        if before is not None and said.instant - before.instant > RETRY_TIME:
            tries = 0
        taken = before.reply if before is not None and before.accepted else None
        if said.accepted or (taken is not None and taken.instant >= said.instant):
            tries = 0
        else:
            tries += 1
            yield said, again, tries


def _without_report(session: Observed, case: Case, request: str) -> Iterator[Downlink]:
    """Go through the requests to which no report came in time; one that did keeps the rule."""
    reports = _reports(session, IDENTITY_REQUESTS[request])
    for downlink in session.line.downlinks:
        if downlink.command.method != request:
            continue
        due = downlink.instant + REQUEST_TIME
        soon = (said for said in reports if _follows(said, downlink) and said.instant <= due)
        if (answer := next(soon, None)) is not None:
            case.good(f"after {answer.instant - downlink.instant:.3f} s", answer.record)
        elif session.line.ended >= due and not session.line.missing(downlink.instant, due):
            yield downlink


def _refusal(session: Observed, downlink: Downlink) -> Turn | None:
    """Give the ``error`` with which the MCU answers a request as it does an unknown downlink."""
    for said in session.line.of("error"):
        if _follows(said, downlink):
            soon = said.instant - downlink.instant <= REQUEST_TIME
            other = said.answers is not None and said.answers is not downlink and not said.again
            return said if soon and not other else None
    return None


@rule("The MCU reports the model after power-up", source="serial document, model")
def model_reported(session: Observed, case: Case) -> None:
    """As soon as possible, the document says."""
    _reported(session, case, "model", "no model was reported")


@rule("A model has three parts and at most 23 characters", source="serial document, model")
def model_valid(session: Observed, case: Case) -> None:
    """Company, product, version."""
    for said, command in of_kind(session.line.said, c.Model):
        if command.name is not None:
            fault = c.model_fault(command.name)
            case.good_or_bad(not fault, command.name, fault, said.record)


@rule("The model is the one of the product's description", source="serial document, model")
def model_matches(session: Observed, case: Case) -> None:
    """The platform binds the module to this model."""
    expected = session.spec.stated_model if session.spec is not None else ""
    if not expected:
        case.unseen("no description that names a model was given")
        return
    for said, command in of_kind(session.line.said, c.Model):
        if command.name is not None:
            wrong = f"{command.name} is reported, the description is of {expected}"
            case.good_or_bad(command.name == expected, command.name, wrong, said.record)


@graded("The model is repeated until the module says ok", source=f"serial document, model; {TOOL} (model)")
def model_until_ok(session: Observed, case: Case) -> None:
    """The tool refuses it first."""
    _until_ok(session, case, "model")


@rule(
    "The MCU reports the model when asked by MIIO_model_req",
    source="observed: older modules; not in the document",
    severity="warning",
)
def model_on_request(session: Observed, case: Case) -> None:
    """No failure: the document does not know the request, and has unknown ones answered by ``error``."""
    for downlink in _without_report(session, case, "MIIO_model_req"):
        if (refusal := _refusal(session, downlink)) is not None:
            case.good("answered by error, as an unknown downlink", refusal.record)
        else:
            case.odd(f"no model within {REQUEST_TIME:g} s", downlink.record)


@rule("The MCU reports its version after power-up", source="serial document, mcu_version (acceptance test)")
def mcu_version_reported(session: Observed, case: Case) -> None:
    """Immediately after the application has started."""
    _reported(session, case, "mcu_version", "no version was reported")


@rule("An MCU version is a 4-digit number", source="serial document, mcu_version")
def mcu_version_valid(session: Observed, case: Case) -> None:
    """Leading zeros included."""
    for said, command in of_kind(session.line.said, c.McuVersion):
        fault = c.version_fault(command.version)
        case.good_or_bad(not fault, f"{command.version}", fault, said.record)


@graded(
    "The version is repeated until the module says ok",
    source=f"serial document, mcu_version (acceptance test); {TOOL} (mcu_version)",
)
def mcu_version_until_ok(session: Observed, case: Case) -> None:
    """The tool refuses it first."""
    _until_ok(session, case, "mcu_version")


@rule(
    "The MCU reports its version when asked by MIIO_mcu_version_req",
    source="serial document, mcu_version (acceptance test)",
)
def mcu_version_on_request(session: Observed, case: Case) -> None:
    """Immediately, and by ``mcu_version`` rather than ``result``."""
    for downlink in _without_report(session, case, "MIIO_mcu_version_req"):
        case.bad(f"no mcu_version within {REQUEST_TIME:g} s", downlink.record)


@rule(
    "Every report names the same version, unless the firmware was updated",
    source="serial document, mcu_version",
)
def mcu_version_constant(session: Observed, case: Case) -> None:
    """Two versions without an update between them: one of them is wrong."""
    updates = _updates(session)
    before, since = None, -inf
    for said, command in of_kind(session.line.said, c.McuVersion):
        if c.version_fault(command.version):
            continue
        if before in (None, command.version) or any(since < at < said.instant for at in updates):
            case.good(said.text, said.record)
        elif session.line.broken(since, said.instant) or "down" not in session.line.heard:
            case.unseen(
                "another version than before: an update may have come between them, unseen", said.record
            )
        else:
            case.bad("another version than before, without an update between them", said.record)
        before, since = command.version, said.instant


def _updates(session: Observed) -> list[float]:
    """Give the instants at which an update was offered, or begun by an MCU whose module was not heard."""
    offered = [each.instant for each in session.line.downlinks if each.command.method == UPDATE_FW]
    return offered + [said.instant for said in session.line.of("result") if takes_firmware(said.command)]


@rule("ble_config names a pid below 65536 and the MCU's version", source="serial document, ble_config")
def ble_config_valid(session: Observed, case: Case) -> None:
    """Only dual-mode products send it."""
    changes = sorted([*_updates(session), *session.line.breaks])  # of the firmware, or so it may be
    versions: dict[int, set[str | None]] = {}
    for said, told in of_kind(session.line.said, c.McuVersion):
        versions.setdefault(bisect(changes, said.instant), set()).add(told.version)
    for said, command in of_kind(session.line.said, c.BleConfig):
        if command.sub != "set":
            continue
        faults = list(command.check())
        known = versions.get(bisect(changes, said.instant))
        if known and command.version not in known:
            faults.append(f"the version {command.version} is not the MCU's")
        text = f"pid {command.pid}, version {command.version}"
        case.good_or_bad(not faults, text, "; ".join(faults), said.record)


@graded("ble_config is repeated until the module says ok", source=f"{TOOL} (ble_config)")
def ble_config_until_ok(session: Observed, case: Case) -> None:
    """The tool refuses it first."""
    _until_ok(session, case, "ble_config")
