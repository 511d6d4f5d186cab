"""Rules about what values mean, by the product's description; on the line, or where only the LAN was heard, there."""

from __future__ import annotations

from collections.abc import Iterator

from miio_lan.acceptance.rules.calls import Iid
from miio_lan.acceptance.rules.lines import asked_by, has_layout, in_threes, written
from miio_lan.acceptance.rules.observed import Observed
from miio_lan.acceptance.rules.rulebook import Case, rules_of
from miio_lan.device.description.spec import Property, Spec
from miio_lan.device.description.values import FLOAT_FORMATS, TEXT_FORMATS
from miio_lan.record import Record
from miio_lan.uart import commands as c
from miio_lan.uart.turns import Turn
from miio_lan.uart.values import MISSING

rule = rules_of("values")

_BOOLEAN_WORDS = frozenset({"true", "false"})


def _values(session: Observed) -> Iterator[tuple[Property | None, Iid, object, Record]]:
    """Go through all values the product gave, with the property they belong to where a description knows it."""
    for call in session.calls:
        if call.method == "get_properties":
            for iid, answer in call.answers.items():
                if answer.code == 0 and answer.value is not MISSING:
                    yield session.property(iid), iid, answer.value, call.record
    for said in session.line.said:
        if has_layout(said) and in_threes(said) and not _is_of_another(said):
            for siid, piid, value in _told_values(said.command):
                yield session.property((siid, piid)), (siid, piid), value, said.record


def _is_of_another(said: Turn) -> bool:
    """Whether a result names another action than the one that was asked for: whose its values are is not known."""
    result, down = said.command, asked_by(said)
    if not isinstance(result, c.Result) or not isinstance(down, c.Action):
        return False
    return (result.siid, result.aiid) != (down.siid, down.aiid)


def _told_values(command: c.Command) -> Iterator[tuple[int, int, object]]:
    if isinstance(command, c.PropertiesChanged):
        yield from command.changes
    elif isinstance(command, c.EventOccured):
        yield from ((command.siid or 0, piid, value) for piid, value in command.args)
    elif isinstance(command, c.Result) and command.answers == "action":
        yield from ((command.siid or 0, piid, value) for piid, value in command.out)


_WITHOUT_QUOTES = ": a boolean is written without quotes"


@rule(
    "Booleans are written true or false",
    source="serial document, serial command rules (JSON); product description",
    severity="failure or warning",
)
def booleans(session: Observed, case: Case) -> None:
    """Neither as strings nor as 0 and 1. Without a description, ``"true"`` as a string is a warning."""
    for prop, (siid, piid), value, record in _values(session):
        where = f"property {siid}.{piid}"
        if isinstance(value, bool) and (prop is None or prop.format == "bool"):
            case.good(f"{where} is {written(value)}", record)
        elif prop is None and isinstance(value, str) and value in _BOOLEAN_WORDS:
            case.odd(f"{where} is the string {value!r}{_WITHOUT_QUOTES}", record)
        elif prop is not None and prop.format == "bool":
            quotes = _WITHOUT_QUOTES if isinstance(value, str) else ""
            case.bad(f"{where} ({prop.name}) is a boolean, not {written(value)}{quotes}", record)


@rule("Values have the format of the description", source="product description")
def value_types(session: Observed, case: Case) -> None:
    """Booleans have a rule of their own."""
    for prop, (siid, piid), value, record in _described(session, case):
        wrong = f"property {siid}.{piid} ({prop.name}) is {prop.format}, not {written(value)}"
        case.good_or_bad(_has_type(prop, value), f"{prop.name} is {written(value)}", wrong, record)


@rule("Values are within the ranges and lists of the description", source="product description")
def value_range(session: Observed, case: Case) -> None:
    """What has the wrong type is not judged here."""
    for prop, (siid, piid), value, record in _described(session, case):
        if _has_type(prop, value):
            problem = prop.problem(value)
            wrong = f"property {siid}.{piid} ({prop.name}): {problem}"
            case.good_or_bad(not problem, f"{prop.name} is {written(value)}", wrong, record)


def _described(session: Observed, case: Case) -> Iterator[tuple[Property, Iid, object, Record]]:
    """Go through the values of properties that a description knows, but for booleans."""
    need_spec(session, case)
    for prop, iid, value, record in _values(session):
        if prop is not None and prop.format != "bool":
            yield prop, iid, value, record


def _has_type(prop: Property, value: object) -> bool:
    if prop.format in TEXT_FORMATS:
        return isinstance(value, str)
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (isinstance(value, float) and prop.format in FLOAT_FORMATS)


def need_spec(session: Observed, case: Case) -> Spec | None:
    """Give the description, and note where there is none: values and codes are judged by one."""
    if session.spec is None:
        case.unseen("no description was given")
    return session.spec
