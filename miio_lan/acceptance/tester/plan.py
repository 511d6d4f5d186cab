"""What to ask a product for, made from its description: legal, boundary and forbidden values, and downlinks that are
wrong on purpose.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from miio_lan.acceptance.rules.line.answers import UNKNOWN_METHOD
from miio_lan.device.description.spec import Spec, SpecAction
from miio_lan.device.description.values import FLOAT_FORMATS, INTEGER_LIMITS, TEXT_FORMATS, Property, Value
from miio_lan.errors import InvalidArgument
from miio_lan.given import checked_words
from miio_lan.uart.document import GET_RESULT_SIZE, MAX_LINE, MAX_PARAMETERS
from miio_lan.uart.values import token

ALLOWED: dict[str, str] = {
    "reads": "ask for properties, send unknown and malformed commands, change the network state (always done)",
    "writes": "set every writable property to its limits and to forbidden values, and restore it afterwards, "
    "also when interrupted; one that cannot be read keeps the last value",
    "actions": "run every action, also with wrong arguments",
    "ota": "offer a firmware update, and cancel the transfer; with --firmware, do the whole of it; "
    "broken off when interrupted",
}
"""What may be allowed, each word with what it means."""
PER_LINE = MAX_PARAMETERS // GET_RESULT_SIZE
"""Properties in one get, so that their answer has at most 64 parameters."""
_MOST_CHOICES = 8
_WORDY = "with two spaces"
_LONG_TEXT = 120


def allowed(words: Iterable[str]) -> frozenset[str]:
    """Check words of :data:`ALLOWED`; ``reads`` is always among them, ``all`` stands for all.

    :raises InvalidArgument: for another word
    """
    given = {str(word).strip().lower() for word in checked_words("words that allow", words, "['sets']")}
    if "all" in given:
        return frozenset(ALLOWED)
    if wrong := sorted(given - ALLOWED.keys()):
        raise InvalidArgument(f"{wrong[0]!r} cannot be allowed; there are {', '.join(ALLOWED)} and all")
    return frozenset(given | {"reads"})


def legal_values(prop: Property) -> list[Value]:
    """Give values the product must take: the limits, something between them, and every choice of a short list."""
    if prop.format == "bool":
        return [False, True]
    if prop.choices:
        values = [value for value, _ in prop.choices]
        return values if len(values) <= _MOST_CHOICES else [*values[: _MOST_CHOICES - 1], values[-1]]
    if prop.format in TEXT_FORMATS:
        longest = "x" * min(prop.max_length or _LONG_TEXT, _LONG_TEXT)
        return [value for value in ("a", _WORDY, longest) if not prop.problem(value)]
    low, high, step = prop.range or (*INTEGER_LIMITS.get(prop.format, (0, 100)), 1)
    unit = step or 1
    middle = low + (high - low) / unit // 2 * unit
    values = [_as_number(prop, value) for value in (low, high, middle)]
    return [value for value in dict.fromkeys(values) if not prop.problem(value)]


def forbidden_values(prop: Property) -> list[Value]:
    """Give values the product must refuse: another type, beyond the limits, between two steps, not on the list."""
    if prop.format == "bool":
        values: list[Value] = ["on", 2]
    elif prop.format in TEXT_FORMATS:
        values = [1, *(["x" * (prop.max_length + 1)] if prop.max_length and prop.max_length < 400 else [])]
    else:
        values = [*_beyond(prop), "high", True]
    return [value for value in values if prop.problem(value)]


def _beyond(prop: Property) -> Iterator[Value]:
    if prop.choices:
        numbers = [value for value, _ in prop.choices if isinstance(value, (int, float))]
        if numbers:
            yield max(numbers) + 1
    elif prop.range is not None or prop.format not in FLOAT_FORMATS:
        low, high, step = prop.range or (*INTEGER_LIMITS[prop.format], 1)
        unit = step or 1
        yield from (_as_number(prop, value) for value in (low - unit, high + unit, low + unit / 2))


def _as_number(prop: Property, value: float) -> float:
    return round(float(value), 6) if prop.format in FLOAT_FORMATS else int(value)


def arguments(spec: Spec, action: SpecAction) -> list[tuple[int, Value]]:
    """Give legal arguments of an action."""
    found = ((piid, spec.property(action.siid, piid)) for piid in action.in_)
    return [(piid, prop.default()) for piid, prop in found if prop is not None]


def wrong_arguments(spec: Spec, action: SpecAction) -> list[list[tuple[int, Value]]]:
    """Give arguments an action must refuse: too few, and a forbidden value; none for actions without arguments."""
    right = arguments(spec, action)
    if not right:
        return []
    piid, _ = right[0]
    prop = spec.property(action.siid, piid)
    forbidden = forbidden_values(prop)[:1] if prop is not None else []
    return [right[:-1], *([(piid, value), *right[1:]] for value in forbidden)]


def missing_property(spec: Spec) -> tuple[int, int]:
    """Give the ids of a property that does not exist, in a service that does."""
    return _unused(spec, (prop.iid for prop in spec.properties()))


def missing_action(spec: Spec) -> tuple[int, int]:
    """Give the ids of an action that does not exist, in a service that does."""
    return _unused(spec, (action.iid for action in spec.actions()))


def _unused(spec: Spec, used: Iterable[tuple[int, int]]) -> tuple[int, int]:
    siid = spec.services[-1].siid if spec.services else 1
    return siid, max((iid for owner, iid in used if owner == siid), default=0) + 50


def missing_service(spec: Spec) -> int:
    """Give the siid of a service that does not exist."""
    return max((service.siid for service in spec.services), default=1) + 50


def odd_reads(spec: Spec) -> list[list[tuple[int, int]]]:
    """Give the ids of gets that cannot succeed, or not as a whole: of some properties that the description does not
    let be read, of none, and of some that can be read with one of none.
    """
    hidden = [prop.iid for prop in spec.properties() if not prop.readable]
    readable = [prop.iid for prop in spec.readable()]
    alone = [*hidden[:4], missing_property(spec), (missing_service(spec), 1)]
    return [*([iid] for iid in alone), [*readable[:2], missing_property(spec)]]


def read_only(spec: Spec, values: Mapping[tuple[int, int], Value]) -> list[Property]:
    """Give some properties that cannot be set; none whose value is too long to be set.

    :param values: what was read, by property
    """
    locked = (prop for prop in spec.readable() if not prop.writable)
    return [
        each for each in locked if each.iid not in values or fits(setting((*each.iid, values[each.iid])))
    ][:4]


def setting(*rows: tuple[int, int, Value]) -> str:
    """Write the downlink that sets properties: siid, piid and value of each."""
    return " ".join(["set_properties", *(f"{siid} {piid} {token(value)}" for siid, piid, value in rows)])


def fits(text: str) -> bool:
    """Whether a downlink is not too long for a line."""
    return len(f"down {text}") <= MAX_LINE


def cannot_set_back(prop: Property, value: Value | None) -> str:
    """Say why a property is not set because it could not be set back; empty where it could.

    :param value: its value until now, None where that is not known
    """
    where = f"the value of property {prop.siid}.{prop.piid} ({prop.name})"
    if value is None:
        return f"{where} is not known, so it is not set"
    if not fits(setting((*prop.iid, value))):
        return f"{where} is too long to be set back, so it is not set"
    return ""


def calls(spec: Spec) -> Iterator[tuple[int, int, list[tuple[int, Value]]]]:
    """Go through calls of all actions, with right and wrong arguments, and of actions that do not exist."""
    for action in spec.actions():
        for given in (arguments(spec, action), *wrong_arguments(spec, action)):
            yield *action.iid, given
    yield *missing_action(spec), []
    yield missing_service(spec), 1, []


def long_downlink() -> str:
    """Give the longest downlink there is, 512 bytes with ``down`` and CR."""
    room = MAX_LINE - len(f'down {UNKNOWN_METHOD} ""')
    return f'{UNKNOWN_METHOD} "{"x" * room}"'
