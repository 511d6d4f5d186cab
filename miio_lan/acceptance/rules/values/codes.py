"""Rules about the codes with which a product answers, by its description; on the line, or where only the LAN was heard,
there.
"""

from __future__ import annotations

from collections.abc import Iterator

from miio_lan.acceptance.rules.calls import Iid, JudgedCall
from miio_lan.acceptance.rules.line.answers import is_odd
from miio_lan.acceptance.rules.lines import written
from miio_lan.acceptance.rules.observed import Observed
from miio_lan.acceptance.rules.rulebook import Case, rules_of
from miio_lan.acceptance.rules.values.values import need_spec
from miio_lan.device.description.spec import SpecAction
from miio_lan.device.description.values import Code

rule = rules_of("values", severity="failure or warning")

_SPEC = "product description; serial document, status code"
_SETTING = "setting {iid} ({prop.name}) to {value}"

ToldCode = int | str
"""A code of the document; or in words the ``error`` by which an MCU has answered a call as a whole."""
_Run = tuple[SpecAction | None, str, JudgedCall, ToldCode]
"""An action as it is described, what to call it, and the call of it with its code."""


def _judge_properties(session: Observed, case: Case, method: str, due: Code, what: str) -> None:
    """Judge the properties of all answered calls of a method that are to be answered with a code.

    Where the MCU has answered by ``error``, only those properties count that had to be refused, if there are any.

    :param what: what was asked; ``{method}``, ``{iid}`` and ``{value}`` are those of the call, ``{prop}`` is described
    """
    if need_spec(session, case) is None:
        return
    for call in session.calls:
        if call.method != method:
            continue
        error = _error_of(call)
        wrong = [each for each in call.properties if _due(session, method, *each) != Code.OK] if error else []
        for iid, value in wrong or call.properties:
            code: ToldCode = call.answers[iid].code if iid in call.answers else error
            if code != "" and _due(session, method, iid, value) == due:
                named, prop = f"{iid[0]}.{iid[1]}", session.property(iid)
                asked = what.format(method=method, iid=named, prop=prop, value=written(value))
                _judge_code(case, call, asked, code, due)


def _due(session: Observed, method: str, iid: Iid, value: object) -> Code:
    """Give the code with which a property is to be answered; 1 instead of 0 is right, too."""
    if (prop := session.property(iid)) is None:
        return Code.NO_SUCH
    if method == "get_properties":
        return Code.OK if prop.readable else Code.NOT_READABLE
    if not prop.writable:
        return Code.NOT_WRITABLE
    return Code.BAD_VALUE if prop.problem(value) else Code.OK


def _error_of(call: JudgedCall) -> str:
    """Give the ``error`` of an MCU in words; on the LAN alone it cannot be told from those of the module.

    What is malformed or long on purpose is to be answered by ``error``: that does not count.
    """
    if (asked := call.downlink) is None or call.error is None or is_odd(asked):
        return ""
    return f"error {call.error[0]} ({call.error[1]})"


def _judge_code(case: Case, call: JudgedCall, what: str, code: ToldCode, due: Code) -> None:
    """Judge the answer to what is to succeed, or to be refused with a certain code.

    Of what is to succeed, any negative code is wrong; an ``error`` to several properties at once may be about their
    number. Of what is to be refused, refused as expected is right, refused otherwise is odd, accepted is wrong.
    """
    if due == Code.OK and isinstance(code, str) and len(call.properties) > 1:
        case.odd(f"{what}: {code}", call.record)
    elif due == Code.OK:
        _judge_success(case, call, what, code)
    elif isinstance(code, str):
        case.odd(f"{what} is refused by {code} rather than by a result with {int(due)}", call.record)
    elif code == due:
        case.good(f"{what}: {code}", call.record)
    elif code < 0:
        case.odd(f"{what} is refused with {code} rather than {int(due)}", call.record)
    else:
        case.bad(f"{what} is accepted (code {code}) instead of refused with {int(due)}", call.record)


def _judge_success(case: Case, call: JudgedCall, what: str, code: ToldCode) -> None:
    """Judge the answer to what is to succeed, where it is about that alone."""
    done = not isinstance(code, str) and code >= 0
    told = code if isinstance(code, str) else f"code {code}"
    (case.good if done else case.bad)(f"{what}: {told}", call.record)


@rule(
    "Every property the description lets be read can be read",
    source="product description; serial document, get_properties",
)
def readable_properties(session: Observed, case: Case) -> None:
    """Code 0 and a value."""
    _judge_properties(session, case, "get_properties", Code.OK, "property {iid} ({prop.name})")


@rule("What cannot be read is refused with -4001", source=_SPEC)
def not_readable(session: Observed, case: Case) -> None:
    """Write-only properties, and those that are only arguments."""
    _judge_properties(session, case, "get_properties", Code.NOT_READABLE, "reading {iid} ({prop.name})")


@rule("What does not exist is refused with -4003", source=_SPEC)
def no_such_property(session: Observed, case: Case) -> None:
    """Read or set."""
    for method in ("get_properties", "set_properties"):
        _judge_properties(session, case, method, Code.NO_SUCH, "{method} of {iid}")


@rule(
    "Every property the description lets be set takes its legal values",
    source="product description; serial document, set_properties",
)
def writable_properties(session: Observed, case: Case) -> None:
    """Code 0, or 1 for what takes its time."""
    _judge_properties(session, case, "set_properties", Code.OK, _SETTING)


@rule("What cannot be set is refused with -4002", source=_SPEC)
def not_writable(session: Observed, case: Case) -> None:
    """Whatever the value."""
    _judge_properties(session, case, "set_properties", Code.NOT_WRITABLE, "setting {iid} ({prop.name})")


@rule("Forbidden values are refused with -4005", source=_SPEC)
def bad_value(session: Observed, case: Case) -> None:
    """Of the wrong type, out of range, between two steps, or not on the list."""
    _judge_properties(session, case, "set_properties", Code.BAD_VALUE, _SETTING)


@rule(
    "Every action of the description runs with legal arguments",
    source="product description; serial document, action",
    severity="failure",
)
def actions_run(session: Observed, case: Case) -> None:
    """Code 0, or 1 for what takes its time; the values it hands back are those of the description."""
    for _, where, call, code in _actions(session, case, Code.OK):
        _judge_success(case, call, where, code)


@rule(
    "A successful action hands back every value its description names",
    source="product description; serial document, action",
    severity="failure",
)
def action_out(session: Observed, case: Case) -> None:
    """And no other. On the line, or where only the LAN was heard, there; code 1 promises nothing yet.

    An action that had to be refused for its arguments has a rule of its own.
    """
    for action, where, call, code in _actions(session, case, Code.OK):
        given = call.out
        if action is None or code != 0 or given is None or not (action.out or given):
            continue
        missing = [f"{action.siid}.{piid}" for piid in action.out if piid not in given]
        others = [f"{action.siid}.{piid}" for piid in sorted(given - set(action.out))]
        wrong = [f"does not hand back {', '.join(missing)}"] if missing else []
        if others:
            wrong.append(f"hands back {', '.join(others)}, which its description does not name")
        text = f"{where} {' and '.join(wrong)}"
        case.good_or_bad(not wrong, f"{where} hands back its values", text, call.record)


@rule("An action that does not exist is refused with -4003", source=_SPEC)
def no_such_action(session: Observed, case: Case) -> None:
    """By a ``result`` with this code."""
    for _, where, call, code in _actions(session, case, Code.NO_SUCH):
        _judge_code(case, call, where, code, Code.NO_SUCH)


@rule("An action with wrong arguments is refused with -4006", source=_SPEC)
def bad_argument(session: Observed, case: Case) -> None:
    """Missing, of the wrong type, or out of range."""
    for _, where, call, code in _actions(session, case, Code.BAD_ARGUMENT):
        _judge_code(case, call, f"{where} with wrong arguments", code, Code.BAD_ARGUMENT)


def _due_to_action(session: Observed, action: SpecAction | None, call: JudgedCall) -> Code:
    """Give the code with which an action is to be answered; 1 instead of 0 is right, too.

    Arguments that were given by position are not looked at.
    """
    if action is None:
        return Code.NO_SUCH
    if (given := call.arguments) is None:
        return Code.OK
    props = {piid: session.property((action.siid, piid)) for piid in action.in_}
    wrong = (prop.problem(given.get(piid)) for piid, prop in props.items() if prop is not None)
    return Code.BAD_ARGUMENT if given.keys() != props.keys() or any(wrong) else Code.OK


def _actions(session: Observed, case: Case, due: Code) -> Iterator[_Run]:
    """Go through all answered calls of actions that are to be answered with a code."""
    if (spec := need_spec(session, case)) is None:
        return
    for call in session.calls:
        code: ToldCode = call.code if call.code is not None else _error_of(call)
        action = spec.action(*call.action) if call.action is not None else None
        if call.action is not None and code != "" and _due_to_action(session, action, call) == due:
            siid, aiid = call.action
            name = f" ({action.name})" if action is not None else ""
            yield action, f"action {siid}.{aiid}{name}", call, code


def is_refused_on_purpose(session: Observed, call: JudgedCall) -> bool:
    """Whether the description lets a product say no to a call: by what it asks for, not by what became of it."""
    if (spec := session.spec) is None:
        return False
    if call.action is not None:
        return _due_to_action(session, spec.action(*call.action), call) != Code.OK
    return any(_due(session, call.method, *each) != Code.OK for each in call.properties)
