"""Names for numbers: finds properties, actions and events of a description by name, and reads values from text.

A name is ``service:thing`` (``light:on``), the bare ``thing`` where only one service has it, or the two numbers
(``2.1`` or ``2:1``), which always work.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any, TypeVar

from miio_lan.device.description.instance import Event, SpecAction
from miio_lan.device.description.values import FLOAT_FORMATS, TEXT_FORMATS, Property, show
from miio_lan.errors import SpecError
from miio_lan.given import shown
from miio_lan.record.redact import HIDDEN, is_secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from miio_lan.device.description.spec import Spec
    from miio_lan.device.description.values import Value

    Thing = TypeVar("Thing", Property, SpecAction, Event)

_NUMBERS = re.compile(r"\s*(\d{1,5})\s*[.:/ ]\s*(\d{1,5})\s*", re.ASCII)
_TRUE = frozenset({"true", "on", "yes", "1"})
_FALSE = frozenset({"false", "off", "no", "0"})


class AmbiguousWord(SpecError):
    """A word that describes several values of a property: none of them is meant more than another."""


def find_property(spec: Spec, name: str) -> Property:
    """Find a property by name or numbers.

    :raises SpecError: when no property, or more than one, has that name
    """
    return _find(spec, name, spec.property, spec.properties, "property")


def find_action(spec: Spec, name: str) -> SpecAction:
    """Find an action by name or numbers; errors as in :func:`find_property`."""
    return _find(spec, name, spec.action, spec.actions, "action")


def find_event(spec: Spec, name: str) -> Event:
    """Find an event by name or numbers; errors as in :func:`find_property`."""
    return _find(spec, name, spec.event, spec.events, "event")


def full_name(spec: Spec, thing: Property | SpecAction | Event) -> str:
    """Give the name that finds ``thing`` again: ``service:thing``, or its numbers where that is ambiguous."""
    return _numbers(thing) if spec.is_named_twice(thing) else spec.long_name(thing)


def mapping(spec: Spec) -> dict[str, dict[str, int]]:
    """Give all properties and actions as a mapping of names, as device classes write them by hand.

    Names are those of :func:`full_name`; an action that shares its name with a property is left to its numbers.
    """
    names: dict[str, dict[str, int]] = {
        full_name(spec, prop): {"siid": prop.siid, "piid": prop.piid} for prop in spec.properties()
    }
    for action in spec.actions():
        name = full_name(spec, action)
        if name in names:
            name = f"action {_numbers(action)}"
        names[name] = {"siid": action.siid, "aiid": action.aiid}
    return names


def parse_numbers(text: str) -> tuple[int, int] | None:
    """Read ``"2.1"``, ``"2:1"`` or ``"2/1"`` as a pair of numbers; None when it is no such pair.

    :raises SpecError: if it is no text
    """
    if not isinstance(text, str):
        raise SpecError(f"a name is text such as 'light:on', not {shown(text)}")
    match = _NUMBERS.fullmatch(text)
    return (int(match[1]), int(match[2])) if match else None


def check_value(prop: Property, value: object) -> None:
    """Refuse what is no value of the property.

    :raises SpecError: naming the property, the value, what would be right, and where that is published
    """
    problem = prop.problem(value)
    if problem:
        raise _refused(prop, problem, prop.limit(value))


def parse_value(prop: Property, text: str) -> Value:
    """Read a value typed by a person: by the property's format, or by the description of one of its choices.

    :raises SpecError: when the text is no value of that property, or the description of several, or the one and the
        other
    """
    if not isinstance(text, str):
        raise SpecError(f"what a person types is text, not {shown(text)}: check_value() looks at values")
    word = text.strip().casefold()
    described = [choice for choice, description in prop.choices if word and description.casefold() == word]
    if len(described) > 1:
        rivals = ", ".join(map(str, described))
        raise AmbiguousWord(
            f"{prop.name} ({_numbers(prop)}): {_typed(prop, text)} is ambiguous, it may be any of {rivals}: "
            "write one of these"
        )
    if described:
        return _described(prop, text, described[0])
    value = _by_format(prop, text)
    check_value(prop, value)
    return value


def _described(prop: Property, text: str, described: Value) -> Value:
    """Give the value that a text describes, unless it can as well be read as another one."""
    try:
        value = _by_format(prop, text)
    except SpecError:
        return described
    if value == described or prop.problem(value):
        return described
    raise SpecError(
        f"{prop.name} ({_numbers(prop)}): {_typed(prop, text)} is ambiguous, it is the value {show(value)} "
        f"and describes {show(described)}"
    )


def _by_format(prop: Property, text: str) -> Value:
    if prop.format in TEXT_FORMATS:
        return text
    word = text.strip().lower()
    if prop.format == "bool":
        if word in _TRUE | _FALSE:
            return word in _TRUE
        problem = f"{_typed(prop, text)} is not true or false (on, off){_about_quotes(prop, word)}"
        raise _refused(prop, problem, prop.limit(text))
    try:
        # 0x12AB is how people write colours.
        return float(word) if prop.format in FLOAT_FORMATS else int(word, 16 if word.startswith("0x") else 10)
    except ValueError:
        kind = "a number" if prop.format in FLOAT_FORMATS else "an integer"
        problem = f"{_typed(prop, text)} is not {kind}{_about_quotes(prop, word)}"
        raise _refused(prop, problem, prop.limit(text)) from None


def _typed(prop: Property, text: str) -> str:
    """Write what was typed for a complaint; a password is not shown."""
    return HIDDEN if is_secret(prop.name, text) else show(text)


def _about_quotes(prop: Property, word: str) -> str:
    """Say so where quotes make a text of what would be something else."""
    inside = word.strip("\"'")
    if inside and inside != word and is_secret(prop.name, word):
        return ": its quotes make it a text, write it without them"
    return f": its quotes make it a text, write {inside} without them" if inside and inside != word else ""


def _refused(prop: Property, problem: str, limit: str) -> SpecError:
    return SpecError(f"{prop.name} ({_numbers(prop)}): {problem} (published as {limit})")


def _find(
    spec: Spec,
    name: str,
    by_numbers: Callable[[int, int], Thing | None],
    every: Callable[[], Iterable[Thing]],
    kind: str,
) -> Thing:
    numbers = parse_numbers(name)
    wanted = name.strip()
    if numbers is not None:
        one = by_numbers(*numbers)
        found = [] if one is None else [one]
    else:
        found = [thing for thing in every() if wanted in (spec.long_name(thing), thing.name)]
    if len(found) == 1:
        return found[0]
    whose = spec.shown_model or spec.description or "the product"
    if found:
        rivals = ", ".join(f"{spec.long_name(thing)} ({_numbers(thing)})" for thing in found)
        raise SpecError(f"{kind} {show(wanted)} of {whose} is ambiguous: {rivals}")
    raise SpecError(f"{whose} has no {kind} {show(wanted)}{_hint(spec, wanted, every())}")


def _hint(spec: Spec, wanted: str, things: Iterable[Any]) -> str:
    names = [name for thing in things for name in (thing.name, spec.long_name(thing))]
    close = difflib.get_close_matches(wanted, names, n=3)
    return f"; did you mean {' or '.join(dict.fromkeys(close))}?" if close else ""


def _numbers(thing: Property | SpecAction | Event) -> str:
    return "{}.{}".format(*thing.iid)
