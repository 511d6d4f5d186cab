"""Rules about what the values and codes mean, by the product's description; on the line, or where only the LAN was
heard, there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from miio_lan.acceptance.rules.answers import is_long, is_malformed
from miio_lan.acceptance.rules.lines import bare_words
from miio_lan.acceptance.rules.rulebook import Case, rule
from miio_lan.device.values import FLOAT_FORMATS, TEXT_FORMATS, Code, show
from miio_lan.uart import commands as c
from miio_lan.uart.values import MISSING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from miio_lan.acceptance.rules.observed import JudgedCall, Observed
    from miio_lan.device.spec import Property, Spec
    from miio_lan.record import Record
    from miio_lan.uart.conversation import Said

_SPEC = "product description; serial document, status code"
_BOOLEAN_WORDS = frozenset({"true", "false"})
Told = tuple["Property | None", tuple[int, int], object, "Record"]


def _values(session: Observed) -> Iterator[Told]:
    """Go through all values the product gave, with the property they belong to where a description knows it."""
    spec = session.spec
    for siid, piid, value, record in _raw_values(session):
        yield (spec.property(siid, piid) if spec is not None else None), (siid, piid), value, record


def _raw_values(session: Observed) -> Iterator[tuple[int, int, object, Record]]:
    for call in session.calls:
        if call.method == "get_properties":
            for (siid, piid), answer in call.answers.items():
                if answer.code == 0 and answer.value is not MISSING:
                    yield siid, piid, answer.value, call.record
    for said in session.line.said:
        if not bare_words(said):
            for siid, piid, value in _told_values(said.command):
                yield siid, piid, value, said.record


def _told_values(command: c.Command) -> Iterator[tuple[int, int, object]]:
    if isinstance(command, c.PropertiesChanged):
        yield from command.changes
    elif isinstance(command, c.EventOccured):
        yield from ((command.siid or 0, piid, value) for piid, value in command.args)
    elif isinstance(command, c.Result) and command.answers == "action":
        yield from ((command.siid or 0, piid, value) for piid, value in command.out)


@rule(
    "booleans",
    "Booleans are written true or false",
    source="serial document, serial command rules (JSON); product description",
    kind="values",
)
def booleans(session: Observed, case: Case) -> None:
    """Neither as strings nor as 0 and 1. Without a description, ``"true"`` as a string is a warning."""
    for prop, (siid, piid), value, record in _values(session):
        where = f"property {siid}.{piid}"
        if prop is None:
            if isinstance(value, str) and value in _BOOLEAN_WORDS:
                case.odd(f"{where} is the string {value!r}", record)
            elif isinstance(value, bool):
                case.good(f"{where} is {str(value).lower()}", record)
        elif prop.format == "bool":
            if isinstance(value, bool):
                case.good(f"{where} is {str(value).lower()}", record)
            else:
                case.bad(f"{where} ({prop.name}) is a boolean, not {show(value)}", record)


@rule(
    "value-types",
    "Values have the format of the description",
    source="product description",
    kind="values",
)
def value_types(session: Observed, case: Case) -> None:
    """Booleans have a rule of their own."""
    _need_spec(session, case)
    for prop, (siid, piid), value, record in _values(session):
        if prop is None or prop.format == "bool":
            continue
        if _has_type(prop, value):
            case.good(f"{prop.name} is {show(value)}", record)
        else:
            case.bad(f"property {siid}.{piid} ({prop.name}) is {prop.format}, not {show(value)}", record)


@rule(
    "value-range",
    "Values are within the ranges and lists of the description",
    source="product description",
    kind="values",
)
def value_range(session: Observed, case: Case) -> None:
    """What has the wrong type is not judged here."""
    _need_spec(session, case)
    for prop, (siid, piid), value, record in _values(session):
        if prop is None or prop.format == "bool" or not _has_type(prop, value):
            continue
        problem = prop.problem(value)
        if problem:
            case.bad(f"property {siid}.{piid} ({prop.name}): {problem}", record)
        else:
            case.good(f"{prop.name} is {show(value)}", record)


def _has_type(prop: Property, value: object) -> bool:
    if prop.format in TEXT_FORMATS:
        return isinstance(value, str)
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, float) and prop.format in FLOAT_FORMATS)


def _need_spec(session: Observed, case: Case) -> None:
    if session.spec is None:
        case.unseen("no description was given")


# --- codes ---------------------------------------------------------------------------------------------------------


def _asked(
    session: Observed, case: Case, method: str
) -> Iterator[tuple[Spec, JudgedCall, tuple[int, int], object, int]]:
    """Go through the properties of all answered calls of a method, with the value that was set and the code."""
    _need_spec(session, case)
    if session.spec is None:
        return
    for call in session.calls:
        if call.method == method:
            for iid, value in call.properties:
                answer = call.answers.get(iid)
                if answer is not None:
                    yield session.spec, call, iid, value, answer.code


def _expect(case: Case, call: JudgedCall, what: str, code: int, expected: Code) -> None:
    """Refused as expected is right, refused otherwise is odd, accepted is wrong."""
    if code == expected:
        case.good(f"{what}: {code}", call.record)
    elif code < 0:
        case.odd(f"{what} is refused with {code} rather than {int(expected)}", call.record)
    else:
        case.bad(f"{what} is accepted (code {code}) instead of refused with {int(expected)}", call.record)


def _refused(session: Observed, *methods: str) -> Iterator[tuple[Spec, JudgedCall, str]]:
    """Go through the calls that the MCU answered by ``error`` as a whole, with what it said.

    On the LAN alone the module's own errors cannot be told from those of the MCU. What is malformed or long on purpose
    is to be answered so.
    """
    if session.spec is None:
        return
    usual = {id(each.record) for each in session.line.downlinks if not (is_malformed(each) or is_long(each))}
    for call in session.calls:
        if call.wire == "uart" and call.method in methods and call.error and id(call.request) in usual:
            yield session.spec, call, f"error {call.error[0]} ({call.error[1]})"


def _refused_properties(
    session: Observed, method: str, is_wrong: Callable[[Spec, tuple[int, int], object], bool]
) -> Iterator[tuple[JudgedCall, str]]:
    """Go through such calls that had to be refused for one of their properties at least, with what to say of them."""
    for spec, call, what in _refused(session, method):
        wrong = next((iid for iid, value in call.properties if is_wrong(spec, iid, value)), None)
        if wrong is not None:
            yield call, f"{method} of {wrong[0]}.{wrong[1]} is refused by {what} rather than by a result"


def _refused_all(
    session: Observed, case: Case, method: str, is_right: Callable[[Spec, tuple[int, int], object], bool]
) -> None:
    """Tell of such calls that had not to be refused for any of their properties; of several, one may have been too many."""
    for spec, call, what in _refused(session, method):
        if call.properties and all(is_right(spec, iid, value) for iid, value in call.properties):
            siid, piid = call.properties[0][0]
            several = len(call.properties) > 1
            text = f"{method} of {siid}.{piid}{' and others' if several else ''} is answered by {what}"
            (case.odd if several else case.bad)(text, call.record)


def _is_missing(spec: Spec, iid: tuple[int, int], _value: object) -> bool:
    return spec.property(*iid) is None


def _is_readable(spec: Spec, iid: tuple[int, int], _value: object) -> bool:
    prop = spec.property(*iid)
    return prop is not None and prop.readable


def _is_hidden(spec: Spec, iid: tuple[int, int], _value: object) -> bool:
    prop = spec.property(*iid)
    return prop is not None and not prop.readable


def _is_fixed(spec: Spec, iid: tuple[int, int], _value: object) -> bool:
    prop = spec.property(*iid)
    return prop is not None and not prop.writable


def _is_legal(spec: Spec, iid: tuple[int, int], value: object) -> bool:
    prop = spec.property(*iid)
    return prop is not None and prop.writable and not prop.problem(value)


def _is_forbidden(spec: Spec, iid: tuple[int, int], value: object) -> bool:
    prop = spec.property(*iid)
    return prop is not None and prop.writable and bool(prop.problem(value))


@rule(
    "readable-properties",
    "Every property the description lets be read can be read",
    source="product description; serial document, get_properties",
    kind="values",
)
def readable_properties(session: Observed, case: Case) -> None:
    """Code 0 and a value."""
    for spec, call, iid, _, code in _asked(session, case, "get_properties"):
        prop = spec.property(*iid)
        if prop is not None and prop.readable:
            what = f"property {iid[0]}.{iid[1]} ({prop.name})"
            (case.good if code >= 0 else case.bad)(f"{what}: code {code}", call.record)
    _refused_all(session, case, "get_properties", _is_readable)


@rule("not-readable", "What cannot be read is refused with -4001", source=_SPEC, kind="values")
def not_readable(session: Observed, case: Case) -> None:
    """Write-only properties, and those that are only arguments."""
    for spec, call, iid, _, code in _asked(session, case, "get_properties"):
        prop = spec.property(*iid)
        if prop is not None and not prop.readable:
            _expect(case, call, f"reading {iid[0]}.{iid[1]} ({prop.name})", code, Code.NOT_READABLE)
    for call, text in _refused_properties(session, "get_properties", _is_hidden):
        case.odd(text, call.record)


@rule("no-such-property", "What does not exist is refused with -4003", source=_SPEC, kind="values")
def no_such_property(session: Observed, case: Case) -> None:
    """Read or set."""
    for method in ("get_properties", "set_properties"):
        for spec, call, iid, _, code in _asked(session, case, method):
            if spec.property(*iid) is None:
                _expect(case, call, f"{method} of {iid[0]}.{iid[1]}", code, Code.NO_SUCH)
        for call, text in _refused_properties(session, method, _is_missing):
            case.odd(text, call.record)


@rule(
    "writable-properties",
    "Every property the description lets be set takes its legal values",
    source="product description; serial document, set_properties",
    kind="values",
)
def writable_properties(session: Observed, case: Case) -> None:
    """Code 0, or 1 for what takes its time."""
    for spec, call, iid, value, code in _asked(session, case, "set_properties"):
        prop = spec.property(*iid)
        if prop is not None and prop.writable and not prop.problem(value):
            what = f"setting {iid[0]}.{iid[1]} ({prop.name}) to {show(value)}"
            (case.good if code >= 0 else case.bad)(f"{what}: code {code}", call.record)
    _refused_all(session, case, "set_properties", _is_legal)


@rule("not-writable", "What cannot be set is refused with -4002", source=_SPEC, kind="values")
def not_writable(session: Observed, case: Case) -> None:
    """Whatever the value."""
    for spec, call, iid, _, code in _asked(session, case, "set_properties"):
        prop = spec.property(*iid)
        if prop is not None and not prop.writable:
            _expect(case, call, f"setting {iid[0]}.{iid[1]} ({prop.name})", code, Code.NOT_WRITABLE)
    for call, text in _refused_properties(session, "set_properties", _is_fixed):
        case.odd(text, call.record)


@rule("bad-value", "Forbidden values are refused with -4005", source=_SPEC, kind="values")
def bad_value(session: Observed, case: Case) -> None:
    """Of the wrong type, out of range, between two steps, or not on the list."""
    for spec, call, iid, value, code in _asked(session, case, "set_properties"):
        prop = spec.property(*iid)
        if prop is not None and prop.writable and prop.problem(value):
            what = f"setting {iid[0]}.{iid[1]} ({prop.name}) to {show(value)}"
            _expect(case, call, what, code, Code.BAD_VALUE)
    for call, text in _refused_properties(session, "set_properties", _is_forbidden):
        case.odd(text, call.record)


@rule(
    "actions-run",
    "Every action of the description runs with legal arguments",
    source="product description; serial document, action",
    kind="values",
)
def actions_run(session: Observed, case: Case) -> None:
    """Code 0, or 1 for what takes its time; the values it hands back are those of the description."""
    for spec, call, code in _actions(session, case):
        action = spec.action(*(call.action or (0, 0)))
        if action is not None and _legal(spec, call):
            what = f"action {action.siid}.{action.aiid} ({action.name})"
            (case.good if code >= 0 else case.bad)(f"{what}: code {code}", call.record)
    for spec, call, what in _refused(session, "action"):
        if call.action is not None and _legal(spec, call):
            case.bad(f"action {call.action[0]}.{call.action[1]} is answered by {what}", call.record)


@rule(
    "action-out",
    "A successful action hands back every value its description names",
    source="product description; serial document, action",
    kind="values",
)
def action_out(session: Observed, case: Case) -> None:
    """On the line, or where only the LAN was heard, there; code 1 promises nothing yet."""
    results = {id(each.record): each.answer for each in session.line.downlinks}
    for spec, call, code in _actions(session, case):
        action = spec.action(*(call.action or (0, 0)))
        if action is None or not action.out or code != 0:
            continue
        given = _given(call, results.get(id(call.request)))
        if given is None:
            continue
        where = f"action {action.siid}.{action.aiid} ({action.name})"
        missing = [f"{action.siid}.{piid}" for piid in action.out if piid not in given]
        if missing:
            case.bad(f"{where} does not hand back {', '.join(missing)}", call.record)
        else:
            case.good(f"{where} hands back its values", call.record)


def _given(call: JudgedCall, said: Said | None) -> set[int] | None:
    """Give the piids of what an action handed back; None where its layout cannot be told."""
    if call.wire == "uart":
        command = said.command if said is not None else None
        whole = isinstance(command, c.Result) and not command.unread
        return {piid for piid, _ in command.out} if isinstance(command, c.Result) and whole else None
    reading = call.answer.reading if call.answer is not None else None
    result = (reading or {}).get("result")
    out = result.get("out", ()) if isinstance(result, Mapping) else ()
    if not isinstance(out, (list, tuple)) or not all(isinstance(item, Mapping) for item in out):
        return None  # values without their piids: modules differ in that, not products
    return {item["piid"] for item in out if isinstance(item.get("piid"), int)}


@rule("no-such-action", "An action that does not exist is refused with -4003", source=_SPEC, kind="values")
def no_such_action(session: Observed, case: Case) -> None:
    """By a ``result`` with this code."""
    for spec, call, code in _actions(session, case):
        if call.action is not None and spec.action(*call.action) is None:
            _expect(case, call, f"action {call.action[0]}.{call.action[1]}", code, Code.NO_SUCH)
    for spec, call, what in _refused(session, "action"):
        if call.action is not None and spec.action(*call.action) is None:
            text = f"action {call.action[0]}.{call.action[1]} is refused by {what} rather than by a result"
            case.odd(text, call.record)


@rule("bad-argument", "An action with wrong arguments is refused with -4006", source=_SPEC, kind="values")
def bad_argument(session: Observed, case: Case) -> None:
    """Missing, of the wrong type, or out of range."""
    for spec, call, code in _actions(session, case):
        action = spec.action(*(call.action or (0, 0)))
        if action is not None and call.arguments is not None and not _legal(spec, call):
            what = f"action {action.siid}.{action.aiid} ({action.name}) with wrong arguments"
            _expect(case, call, what, code, Code.BAD_ARGUMENT)
    for spec, call, what in _refused(session, "action"):
        if call.action is not None and spec.action(*call.action) is not None and not _legal(spec, call):
            text = f"action {call.action[0]}.{call.action[1]} with wrong arguments is refused by {what}"
            case.odd(f"{text} rather than by a result", call.record)


def _actions(session: Observed, case: Case) -> Iterator[tuple[Spec, JudgedCall, int]]:
    _need_spec(session, case)
    if session.spec is not None:
        for call in session.calls:
            if call.action is not None and call.code is not None:
                yield session.spec, call, call.code


def _legal(spec: Spec, call: JudgedCall) -> bool:
    """Whether an action was called with the arguments of the description; by position, only their number counts."""
    siid, aiid = call.action or (0, 0)
    action = spec.action(siid, aiid)
    if action is None or call.arguments is None:
        return action is not None
    if set(call.arguments) != set(action.in_):
        return False
    props = {piid: spec.property(siid, piid) for piid in action.in_}
    return all(prop is None or not prop.problem(call.arguments[piid]) for piid, prop in props.items())


JUDGES = (
    booleans, value_types, value_range, readable_properties, not_readable, no_such_property, writable_properties,
    not_writable, bad_value, actions_run, action_out, no_such_action, bad_argument,
)  # fmt: skip
