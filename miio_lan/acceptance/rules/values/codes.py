"""Rules about the codes with which a product answers, by its description; on the line, or where only the LAN was heard,
there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from miio_lan.acceptance.rules.line.answers import is_long, is_malformed
from miio_lan.acceptance.rules.observed import Iid, JudgedCall, Observed
from miio_lan.acceptance.rules.rulebook import Case, rules_of
from miio_lan.acceptance.rules.values.values import need_spec
from miio_lan.device.description.spec import Property, Spec, SpecAction
from miio_lan.device.description.values import Code, show
from miio_lan.uart import commands as c
from miio_lan.uart.turns import Turn

rule = rules_of("values", severity="failure or warning")

_SPEC = "product description; serial document, status code"

ToldCode = int | str
"""A code of the document; or in words the ``error`` by which an MCU has answered a call as a whole."""


def _asked(
    session: Observed, case: Case, method: str
) -> Iterator[tuple[Property | None, JudgedCall, Iid, object, ToldCode]]:
    """Go through the properties of all answered calls of a method, with their description, value and code.

    Where the MCU has answered by ``error``, only those properties count that had to be refused, if there are any.
    """
    spec = need_spec(session, case)
    if spec is None:
        return
    usual = _usual(session)
    for call in session.calls:
        if call.method != method:
            continue
        error = _error_of(call, usual)
        wrong = [each for each in call.properties if _is_wrong(spec, method, *each)] if error else []
        for iid, value in wrong or call.properties:
            answer = call.answers.get(iid)
            code: ToldCode = answer.code if answer is not None else error
            if code != "":
                yield spec.property(*iid), call, iid, value, code


def _is_wrong(spec: Spec, method: str, iid: Iid, value: object) -> bool:
    """Whether a property cannot be read, or not be set to that value."""
    prop = spec.property(*iid)
    if prop is None:
        return True
    return not prop.readable if method == "get_properties" else not prop.writable or bool(prop.problem(value))


def _usual(session: Observed) -> set[int]:
    """Give the downlinks that are not malformed or long on purpose: those are to be answered by ``error``."""
    return {id(each.record) for each in session.line.downlinks if not (is_malformed(each) or is_long(each))}


def _error_of(call: JudgedCall, usual: set[int]) -> str:
    """Give the ``error`` of an MCU in words; on the LAN alone it cannot be told from those of the module."""
    if call.request.wire != "uart" or call.error is None or id(call.request) not in usual:
        return ""
    return f"error {call.error[0]} ({call.error[1]})"


def _expect(case: Case, call: JudgedCall, what: str, code: ToldCode, expected: Code) -> None:
    """Refused as expected is right, refused otherwise is odd, accepted is wrong."""
    if code == expected:
        case.good(f"{what}: {code}", call.record)
    elif isinstance(code, str):
        case.odd(f"{what} is refused by {code} rather than by a result with {int(expected)}", call.record)
    elif code < 0:
        case.odd(f"{what} is refused with {code} rather than {int(expected)}", call.record)
    else:
        case.bad(f"{what} is accepted (code {code}) instead of refused with {int(expected)}", call.record)


def _succeed(case: Case, call: JudgedCall, what: str, code: ToldCode) -> None:
    """Whatever code is negative is wrong; an ``error`` to several properties at once may be about their number."""
    if isinstance(code, str):
        (case.bad if len(call.properties) <= 1 else case.odd)(f"{what}: {code}", call.record)
    else:
        (case.good if code >= 0 else case.bad)(f"{what}: code {code}", call.record)


@rule(
    "Every property the description lets be read can be read",
    source="product description; serial document, get_properties",
)
def readable_properties(session: Observed, case: Case) -> None:
    """Code 0 and a value."""
    for prop, call, iid, _, code in _asked(session, case, "get_properties"):
        if prop is not None and prop.readable:
            what = f"property {iid[0]}.{iid[1]} ({prop.name})"
            _succeed(case, call, what, code)


@rule("What cannot be read is refused with -4001", source=_SPEC)
def not_readable(session: Observed, case: Case) -> None:
    """Write-only properties, and those that are only arguments."""
    for prop, call, iid, _, code in _asked(session, case, "get_properties"):
        if prop is not None and not prop.readable:
            _expect(case, call, f"reading {iid[0]}.{iid[1]} ({prop.name})", code, Code.NOT_READABLE)


@rule("What does not exist is refused with -4003", source=_SPEC)
def no_such_property(session: Observed, case: Case) -> None:
    """Read or set."""
    for method in ("get_properties", "set_properties"):
        for prop, call, iid, _, code in _asked(session, case, method):
            if prop is None:
                _expect(case, call, f"{method} of {iid[0]}.{iid[1]}", code, Code.NO_SUCH)


@rule(
    "Every property the description lets be set takes its legal values",
    source="product description; serial document, set_properties",
)
def writable_properties(session: Observed, case: Case) -> None:
    """Code 0, or 1 for what takes its time."""
    for prop, call, iid, value, code in _asked(session, case, "set_properties"):
        if prop is not None and prop.writable and not prop.problem(value):
            what = f"setting {iid[0]}.{iid[1]} ({prop.name}) to {show(value)}"
            _succeed(case, call, what, code)


@rule("What cannot be set is refused with -4002", source=_SPEC)
def not_writable(session: Observed, case: Case) -> None:
    """Whatever the value."""
    for prop, call, iid, _, code in _asked(session, case, "set_properties"):
        if prop is not None and not prop.writable:
            _expect(case, call, f"setting {iid[0]}.{iid[1]} ({prop.name})", code, Code.NOT_WRITABLE)


@rule("Forbidden values are refused with -4005", source=_SPEC)
def bad_value(session: Observed, case: Case) -> None:
    """Of the wrong type, out of range, between two steps, or not on the list."""
    for prop, call, iid, value, code in _asked(session, case, "set_properties"):
        if prop is not None and prop.writable and prop.problem(value):
            what = f"setting {iid[0]}.{iid[1]} ({prop.name}) to {show(value)}"
            _expect(case, call, what, code, Code.BAD_VALUE)


@rule(
    "Every action of the description runs with legal arguments",
    source="product description; serial document, action",
)
def actions_run(session: Observed, case: Case) -> None:
    """Code 0, or 1 for what takes its time; the values it hands back are those of the description."""
    for action, call, code in _actions(session, case):
        if action is not None and _legal(session, action, call):
            what = f"action {action.siid}.{action.aiid} ({action.name})"
            _succeed(case, call, what, code)


@rule(
    "A successful action hands back every value its description names",
    source="product description; serial document, action",
    severity="failure",
)
def action_out(session: Observed, case: Case) -> None:
    """On the line, or where only the LAN was heard, there; code 1 promises nothing yet."""
    results = {id(each.record): each.answer for each in session.line.downlinks}
    for action, call, code in _actions(session, case):
        if action is None or not action.out or code != 0:
            continue
        given = _given(call, results.get(id(call.request)))
        if given is None:
            continue
        where = f"action {action.siid}.{action.aiid} ({action.name})"
        missing = [f"{action.siid}.{piid}" for piid in action.out if piid not in given]
        wrong = f"{where} does not hand back {', '.join(missing)}"
        case.good_or_bad(not missing, f"{where} hands back its values", wrong, call.record)


def _given(call: JudgedCall, said: Turn | None) -> set[int] | None:
    """Give the piids of what an action handed back; None where its layout cannot be told."""
    if call.request.wire == "uart":
        command = said.command if said is not None else None
        whole = isinstance(command, c.Result) and not command.unread
        return {piid for piid, _ in command.out} if isinstance(command, c.Result) and whole else None
    out = call.result.get("out", ()) if isinstance(call.result, Mapping) else ()
    if not isinstance(out, (list, tuple)) or not all(isinstance(item, Mapping) for item in out):
        return None  # values without their piids: modules differ in that, not products
    return {item["piid"] for item in out if isinstance(item.get("piid"), int)}


@rule("An action that does not exist is refused with -4003", source=_SPEC)
def no_such_action(session: Observed, case: Case) -> None:
    """By a ``result`` with this code."""
    for action, call, code in _actions(session, case):
        if call.action is not None and action is None:
            _expect(case, call, f"action {call.action[0]}.{call.action[1]}", code, Code.NO_SUCH)


@rule("An action with wrong arguments is refused with -4006", source=_SPEC)
def bad_argument(session: Observed, case: Case) -> None:
    """Missing, of the wrong type, or out of range."""
    for action, call, code in _actions(session, case):
        if action is not None and not _legal(session, action, call):
            what = f"action {action.siid}.{action.aiid} ({action.name}) with wrong arguments"
            _expect(case, call, what, code, Code.BAD_ARGUMENT)


def _actions(session: Observed, case: Case) -> Iterator[tuple[SpecAction | None, JudgedCall, ToldCode]]:
    """Go through all answered calls of actions, with the action's description and the code."""
    spec = need_spec(session, case)
    if spec is None:
        return
    usual = _usual(session)
    for call in session.calls:
        code: ToldCode = call.code if call.code is not None else _error_of(call, usual)
        if call.action is not None and code != "":
            yield spec.action(*call.action), call, code


def is_refused_on_purpose(session: Observed, call: JudgedCall) -> bool:
    """Whether the description lets a product say no to a call: by what it asks for, not by what became of it."""
    spec = session.spec
    if spec is None:
        return False
    if call.action is not None:
        action = spec.action(*call.action)
        return action is None or not _legal(session, action, call)
    return any(_is_wrong(spec, call.method, *each) for each in call.properties)


def _legal(session: Observed, action: SpecAction, call: JudgedCall) -> bool:
    """Whether an action was called with the arguments of the description; those given by position are not looked at."""
    if call.arguments is None or session.spec is None:
        return True
    if set(call.arguments) != set(action.in_):
        return False
    props = {piid: session.spec.property(action.siid, piid) for piid in action.in_}
    return all(prop is None or not prop.problem(call.arguments[piid]) for piid, prop in props.items())
