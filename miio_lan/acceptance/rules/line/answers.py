"""Rules about the answers to downlinks: that they come, when, and in which layout."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TypeVar

from miio_lan.acceptance.rules.line.unanswered import Wanted, never_answered, waited_in_vain
from miio_lan.acceptance.rules.lines import asked_by, has_layout, of_kind
from miio_lan.acceptance.rules.observed import Observed
from miio_lan.acceptance.rules.rulebook import TOOL, Case, rules_of
from miio_lan.uart import commands as c
from miio_lan.uart.commands.answering import codes_of
from miio_lan.uart.commands.result import UPDATE_ANSWERS
from miio_lan.uart.document import ANSWER_TIME, ERROR_CODES, STATUS_CODES, UPDATE_FW
from miio_lan.uart.turns import Downlink, Turn
from miio_lan.uart.values import MISSING

rule = rules_of("answers")
update_rule = rules_of("update")

LONG = 480
"""Characters from which on a downlink counts as a long one."""
ONE_OF_SEVERAL = "this one, or one shortly before or after it"
"""Of several downlinks to which one answer may be: some were surely not answered, which is likely."""
UNKNOWN_METHOD = "unknown_command"
"""A method no product has; the word is the one the official tool is known to send."""
_D = TypeVar("_D", bound=c.Down)


def is_unknown(downlink: Downlink) -> bool:
    """Whether no product can know the method."""
    return downlink.command.method == UNKNOWN_METHOD


def is_malformed(downlink: Downlink) -> bool:
    """Whether the parameters of a get, set or action do not come in the right number."""
    command = downlink.command
    if isinstance(command, (c.GetProperties, c.SetProperties)):
        return bool(command.unread) or not command.properties
    if isinstance(command, c.Action):
        return bool(command.unread) or command.siid is None or command.aiid is None
    return False


def is_long(downlink: Downlink) -> bool:
    """Whether it tests how much the MCU can take in."""
    return len(downlink.text) >= LONG


def is_odd(downlink: Downlink) -> bool:
    """Whether nobody sends it but whoever wants to see what becomes of it."""
    return is_unknown(downlink) or is_malformed(downlink) or is_long(downlink)


def _is_sane(downlink: Downlink) -> bool:
    """Whether a product may expect to get it."""
    return downlink.command.wants_result and not is_update(downlink) and not is_odd(downlink)


def is_update(downlink: Downlink) -> bool:
    """Whether it offers new firmware."""
    return downlink.command.method == UPDATE_FW


def _late_in_doubt(session: Observed, said: Turn, downlink: Downlink) -> bool:
    """Whether an answer that seems to be late may be one in time, to something that was not seen."""
    if session.driven:
        return False
    # Taken by the module when it gives a downlink up, or has gone on: it waited for another one.
    taken = said.accepted or (said.late and said.reply is None)
    missing = session.line.missing(downlink.instant, said.instant)
    return session.in_doubt(said) or not said.sure or taken or missing


def _answers_to(
    session: Observed, case: Case, wanted: Wanted, never: str = "never answered"
) -> Iterator[tuple[Downlink, Turn]]:
    """Go through the answers to the downlinks that are wanted; one that never came breaks the rule.

    :param never: what to say then; ``{method}`` and ``{text}`` are those of the downlink
    """
    unanswered = set(map(id, never_answered(session, wanted)))
    for downlink in filter(wanted, session.line.downlinks):
        if downlink.answer is not None:
            yield downlink, downlink.answer
        elif id(downlink) in unanswered:
            method, text = downlink.command.method, repr(downlink.text[5:])
            which = f" ({ONE_OF_SEVERAL})" if downlink.doubtful else ""
            case.bad(never.format(method=method, text=text) + which, downlink.record)


def _answers_at_all(session: Observed) -> bool:
    return any(downlink.answer is not None for downlink in session.line.downlinks)


@rule("Every downlink is answered by result or error", source="serial document, get_down (acceptance test)")
def downlink_answered(session: Observed, case: Case) -> None:
    """Late answers are answers here."""
    for downlink, said in _answers_to(session, case, _is_sane, "{method} was never answered"):
        case.good(downlink.command.method, said.record)


@rule(
    "An answer comes within 4 s",
    source="serial document, set_properties, get_properties and action (acceptance test)",
)
def answer_time(session: Observed, case: Case) -> None:
    """From the hand-out of the downlink to its answer; whatever the downlink was."""
    for downlink in session.line.downlinks:
        method, said, seconds = downlink.command.method, downlink.answer, downlink.seconds
        if seconds is None or said is None:
            continue
        late = seconds - session.lateness > ANSWER_TIME
        if late and _late_in_doubt(session, said, downlink):
            if waited_in_vain(session, downlink):
                case.bad(f"{method} had no answer for {ANSWER_TIME:g} s", downlink.record)
            else:
                case.unseen("a late answer may belong to another downlink", said.record)
        elif late:
            case.bad(f"{method} answered after {seconds:.1f} s", said.record)
        else:
            case.good(f"{method} after {seconds:.3f} s", said.record)


@rule(
    "An unknown downlink is answered by error",
    source="serial document, get_down and error (acceptance test)",
)
def unknown_downlink(session: Observed, case: Case) -> None:
    """Judged by methods that no product has."""
    if not _answers_at_all(session):
        case.unseen("no downlink was answered at all")
        return
    for _, said in _answers_to(session, case, lambda each: is_unknown(each) and not is_long(each)):
        if isinstance(said.command, c.Error):
            case.good("answered by error", said.record)
        else:
            _blame(session, case, said, "answered by result instead of error")


def _blame(session: Observed, case: Case, said: Turn, text: str) -> None:
    """Note that an answer is wrong, unless it may be the one to another downlink.

    That is so where the MCU is known to be late, and where its own answer was not seen, and this one may be the next.
    """
    if session.behind and any(other.command != asked_by(said) for other in said.others):
        case.unseen(f"{text}, or that is the late answer to another downlink", said.record)
    elif not session.driven and said.answers is not None and said.answers.missed and not said.sure:
        case.unseen(f"{text}, or that is the answer to what was not seen", said.record)
    else:
        case.bad(text, said.record)


@rule(
    "A downlink with a wrong number of parameters is answered, and not by success",
    source="serial document, error; observed: official MCU tool",
    severity="failure or warning",
)
def malformed_downlink(session: Observed, case: Case) -> None:
    """``error``; a ``result`` with a negative code is a warning."""
    if not _answers_at_all(session):
        case.unseen("no downlink was answered at all")
        return
    # What was interrupted may have been whole.
    for downlink, said in _answers_to(
        session, case, lambda each: is_malformed(each) and not each.broken, "{text} was never answered"
    ):
        if isinstance(said.command, c.Error):
            case.good(f"{downlink.text[5:]!r}: error", said.record)
        elif isinstance(said.command, c.Result) and any(_is_refusal(value) for value in said.command.values):
            case.odd(f"{downlink.text[5:]!r} answered by result with a negative code", said.record)
        else:
            text = f"{downlink.text[5:]!r} answered as if nothing was wrong with it"
            _blame(session, case, said, text)


def _is_refusal(value: object) -> bool:
    return isinstance(value, int) and (value in ERROR_CODES or (value in STATUS_CODES and value < 0))


@rule("A downlink of 512 bytes is answered", source=f"serial document, command length; {TOOL} (512 bytes)")
def long_downlink(session: Observed, case: Case) -> None:
    """By ``result`` or ``error``, whichever. Says nothing when short ones of the same method are not answered."""
    silent = {each.command.method for each in never_answered(session, lambda each: not is_long(each))}
    unanswered = set(map(id, never_answered(session, is_long)))
    for downlink in filter(is_long, session.line.downlinks):
        method, size = downlink.command.method, len(downlink.text) + 1  # with its CR
        if downlink.answer is not None:
            case.good(f"{size} bytes answered", downlink.answer.record)
        elif method in silent:
            case.unseen(f"{method} is not answered at any length")
        elif id(downlink) in unanswered:
            case.bad(f"{size} bytes were never answered", downlink.record)


@rule("error has a message in quotes and a code from -9999 to -5000", source="serial document, error")
def error_form(session: Observed, case: Case) -> None:
    """Both, in this order."""
    for said in session.line.of("error"):
        faults = [*said.command.faults, *said.command.check()]
        faults += [f"{each} does not belong there" for each in said.command.unread[:1]]
        case.good_or_bad(not faults, "message and code", "; ".join(dict.fromkeys(faults)), said.record)


def _results(session: Observed, kind: type[_D]) -> Iterator[tuple[Turn, c.Result, _D]]:
    """Go through the answers to one kind of downlinks, as far as their layout can be told."""
    for said, result in of_kind(session.line.said, c.Result):
        if (downlink := said.answers) is None or said.again or is_malformed(downlink):
            continue
        if isinstance(downlink.command, kind) and has_layout(said) and not session.in_doubt(said):
            yield said, result, downlink.command


def _property_faults(result: c.Result, down: c.GetProperties | c.SetProperties) -> Iterator[str]:
    asked = [(each.siid, each.piid) for each in down.properties]
    with_values = isinstance(down, c.GetProperties)
    given = Counter((row.siid, row.piid) for row in result.results)
    for siid, piid in dict.fromkeys(asked):
        if not given[siid, piid]:
            yield f"property {siid}.{piid} is not answered"
    for (siid, piid), count in given.items():
        if (siid, piid) not in asked:
            yield f"property {siid}.{piid} was not asked for"
        elif count > asked.count((siid, piid)):
            yield f"property {siid}.{piid} is answered {count} times"
    for row in result.results:
        where, has_value = f"property {row.siid}.{row.piid}", row.value is not MISSING
        if row.code is None:
            yield f"{where} has no code"
        elif with_values and has_value != (row.code == 0):
            yield f"{where} has {'a' if has_value else 'no'} value although its code is {row.code}"
        elif has_value and not with_values:
            yield f"{where} has a value, which the answer to a set does not carry"
    if result.unread:
        yield f"{result.unread[0]} and what follows is left over"


def _tell(case: Case, said: Turn, faults: list[str]) -> None:
    more = f" (and {len(faults) - 3} more)" if len(faults) > 3 else ""
    case.good_or_bad(not faults, "in the right layout", "; ".join(faults[:3]) + more, said.record)


@rule(
    "get_properties is answered by siid, piid, code, and the value exactly when the code is 0",
    source="serial document, get_properties",
)
def get_result(session: Observed, case: Case) -> None:
    """For every property that was asked for, and no other."""
    for said, result, down in _results(session, c.GetProperties):
        _tell(case, said, list(_property_faults(result, down)))


@rule("set_properties is answered by siid, piid and code", source="serial document, set_properties")
def set_result(session: Observed, case: Case) -> None:
    """For every property that was set, and no other; without values."""
    for said, result, down in _results(session, c.SetProperties):
        _tell(case, said, list(_property_faults(result, down)))


@rule("action is answered by siid, aiid, code and pairs of piid and value", source="serial document, action")
def action_result(session: Observed, case: Case) -> None:
    """With the ids of the action, and nothing after a code that is a failure."""
    for said, result, down in _results(session, c.Action):
        faults = []
        if result.siid is None or result.aiid is None:
            faults.append(f"does not name action {down.siid}.{down.aiid}")
        elif (result.siid, result.aiid) != (down.siid, down.aiid):
            faults.append(f"answers action {result.siid}.{result.aiid}, not {down.siid}.{down.aiid}")
        if result.code is None:
            faults.append("there is no code")
        elif result.code < 0 and result.out:
            faults.append(f"there are values although the code is {result.code}")
        if result.unread:
            faults.append(f"{result.unread[0]} is left over: values come in pairs of piid and value")
        _tell(case, said, faults)


@rule("Codes are those of the document", source="serial document, status code")
def status_codes(session: Observed, case: Case) -> None:
    """0, 1, and -4001 to -4007."""
    for kind in (c.GetProperties, c.SetProperties, c.Action):
        for said, result, _ in _results(session, kind):
            known = codes_of(result)
            if wrong := sorted({code for code in known if code not in STATUS_CODES}):
                case.bad(f"code {', '.join(map(str, wrong))}", said.record)
            elif known:
                case.good(f"code {known[0]}", said.record)


@update_rule(
    'update_fw is answered by result "ready" or result "busy"',
    source=f"serial document, update_fw; {TOOL} (OTA)",
)
def update_answer(session: Observed, case: Case) -> None:
    """An MCU that leaves for its bootloader answers from there."""
    answered = any(is_update(each) and each.answer is not None for each in session.line.downlinks)
    if session.course is not None and session.course.broken_off and not answered:
        # Nobody waited for the answer: the offer was withdrawn.
        case.unseen(session.course.broken_off)
        return
    for _, said in _answers_to(session, case, is_update):
        values = said.command.values if isinstance(said.command, c.Result) else ()
        if values in UPDATE_ANSWERS:
            case.good("".join(map(str, values)), said.record)
        else:
            _blame(session, case, said, "neither ready nor busy")


@update_rule(
    "After an update the MCU starts again and reports model and version",
    source=f"{TOOL} (OTA)",
    severity="none",
)
def update_return(session: Observed, case: Case) -> None:
    """The version that is reported then is the proof of success."""
    for downlink in filter(is_update, session.line.downlinks):
        if (said := downlink.answer) is None or '"ready"' not in said.text:
            continue
        later = [each for each in session.line.of("model", "mcu_version") if each.number > said.number]
        back = {each.command.command: each for each in reversed(later)}
        if len(back) == 2:
            case.good("model and version were reported", back["mcu_version"].record)
        else:
            case.unseen("no restart was seen after it")
