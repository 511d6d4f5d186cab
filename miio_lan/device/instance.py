"""The parts of a product's description, and how they are read out of JSON or TOML.

Published instances and hand-written files hold the same facts under different keys; one reader serves both. What it is
given is not trusted: every complaint is a :class:`~miio_lan.errors.SpecError` that says where the fault lies.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from miio_lan.device.values import FLOAT_FORMATS, FORMATS, TEXT_FORMATS, Number, Property, Value, show
from miio_lan.errors import SpecError
from miio_lan.uart.document import model_fault


@dataclass(frozen=True)
class SpecAction:
    """One action of a service; ``in_`` and ``out`` are piids of the same service, in their order."""

    siid: int
    aiid: int
    type: str
    name: str
    description: str
    in_: tuple[int, ...] = ()
    out: tuple[int, ...] = ()

    @property
    def iid(self) -> tuple[int, int]:
        """``(siid, aiid)``."""
        return self.siid, self.aiid


@dataclass(frozen=True)
class Event:
    """One event of a service; ``arguments`` are piids of the same service, in their order."""

    siid: int
    eiid: int
    type: str
    name: str
    description: str
    arguments: tuple[int, ...] = ()

    @property
    def iid(self) -> tuple[int, int]:
        """``(siid, eiid)``."""
        return self.siid, self.eiid


@dataclass(frozen=True)
class Service:
    """One service of a product."""

    siid: int
    type: str
    name: str
    description: str
    properties: tuple[Property, ...] = ()
    actions: tuple[SpecAction, ...] = ()
    events: tuple[Event, ...] = ()


@dataclass(frozen=True)
class Keys:
    """How one file form calls the same facts."""

    services: str
    properties: str
    actions: str
    events: str
    siid: str
    piid: str
    aiid: str
    eiid: str
    name: str
    range: str
    choices: str
    max_length: str
    initial: str


JSON = Keys(
    *("services", "properties", "actions", "events", "iid", "iid", "iid", "iid", "type"),
    *("value-range", "value-list", "max-length", "default-value"),
)
TOML = Keys(
    *("service", "property", "action", "event", "siid", "piid", "aiid", "eiid", "name"),
    *("range", "choices", "max_length", "default"),
)
_ACCESS_LETTERS = {"r": "read", "w": "write", "n": "notify"}
_LARGEST = 2**64  # no format holds more, and every number up to it can be reckoned with as a float


class Reader:
    """Builds a description out of untrusted parsed JSON or TOML; every complaint says where it is."""

    def __init__(self, source: str, keys: Keys) -> None:
        self._source = source
        self._keys = keys

    def spec(self, data: object) -> dict[str, Any]:
        """Read a whole description into what :class:`~miio_lan.device.spec.Spec` is made of."""
        top = self._mapping(data, "")
        type_ = self._text(top, "type", "")
        services = self._children(top, self._keys.services, self._keys.siid, "", required=True)
        model = self._text(top, "model", "")
        if model and (fault := model_fault(model)):
            raise self._error("model", fault)
        return {
            "model": model or _derived_model(type_),
            "type": type_,
            "description": self._text(top, "description", ""),
            "services": tuple(self._service(siid, entry, place) for siid, entry, place in services),
        }

    def _service(self, siid: int, entry: dict[str, Any], place: str) -> Service:
        keys = self._keys
        properties = tuple(
            self._property(siid, piid, child, at)
            for piid, child, at in self._children(entry, keys.properties, keys.piid, place)
        )
        known = {prop.piid for prop in properties}
        actions = tuple(
            SpecAction(
                siid,
                aiid,
                *self._named(child, at),
                *(self._piids(child, key, known, at) for key in ("in", "out")),
            )
            for aiid, child, at in self._children(entry, keys.actions, keys.aiid, place)
        )
        events = tuple(
            Event(siid, eiid, *self._named(child, at), arguments=self._piids(child, "arguments", known, at))
            for eiid, child, at in self._children(entry, keys.events, keys.eiid, place)
        )
        return Service(
            siid, *self._named(entry, place), properties=properties, actions=actions, events=events
        )

    def _property(self, siid: int, piid: int, entry: dict[str, Any], place: str) -> Property:
        keys = self._keys
        format_ = self._text(entry, "format", place, required=True)
        if format_ not in FORMATS:
            raise self._error(f"{place}.format", f"{show(format_)} is none of {', '.join(sorted(FORMATS))}")
        type_, name, description = self._named(entry, place)
        prop = Property(
            siid,
            piid,
            type_,
            name,
            description,
            format=format_,
            access=self._access(entry, place),
            unit=self._text(entry, "unit", place),
            range=self._range(entry.get(keys.range), format_, f"{place}.{keys.range}"),
            max_length=self._max_length(entry.get(keys.max_length), f"{place}.{keys.max_length}"),
        )
        choices = self._choices(entry.get(keys.choices), prop, f"{place}.{keys.choices}")
        prop = replace(prop, choices=choices)
        initial = entry.get(keys.initial)
        if initial is not None and prop.problem(initial):
            raise self._error(f"{place}.{keys.initial}", prop.problem(initial))
        prop = replace(prop, initial=initial)
        if prop.problem(prop.default()):
            raise self._error(
                f"{place}.{keys.range}", f"leaves no legal value: {prop.problem(prop.default())}"
            )
        return prop

    def _access(self, entry: dict[str, Any], place: str) -> frozenset[str]:
        given = entry.get("access", [])
        words = [_ACCESS_LETTERS.get(c, c) for c in given] if isinstance(given, str) else given
        right = isinstance(words, list) and all(isinstance(w, str) for w in words)
        if not right or not set(words) <= set(_ACCESS_LETTERS.values()):
            raise self._error(f"{place}.access", f"{show(given)} is not a list of read, write, notify")
        return frozenset(words)

    def _range(self, given: object, format_: str, place: str) -> tuple[Number, Number, Number] | None:
        if given is None or format_ == "bool" or format_ in TEXT_FORMATS:
            return None
        if not isinstance(given, list) or len(given) not in (2, 3) or not all(map(_is_number, given)):
            raise self._error(place, f"{show(given)} is not [lowest, highest, step]")
        low, high, step = given if len(given) == 3 else (*given, 0)
        if low > high or step < 0:
            raise self._error(place, f"{show(given)}: lowest must not exceed highest, nor step be negative")
        if format_ not in FLOAT_FORMATS and not all(float(n).is_integer() for n in (low, high, step)):
            raise self._error(place, f"{show(given)} has fractions, but the format is {format_}")
        if format_ not in FLOAT_FORMATS:
            low, high, step = int(low), int(high), int(step)
        return low, high, step

    def _choices(self, given: object, prop: Property, place: str) -> tuple[tuple[Value, str], ...]:
        if given is None:
            return ()
        if not isinstance(given, list):
            raise self._error(place, f"{show(given)} is not a list of values")
        choices: list[tuple[Value, str]] = []
        for index, entry in enumerate(given):
            at = f"{place}[{index}]"
            pair: tuple[Any, Any]
            if isinstance(entry, dict):
                pair = (entry.get("value"), entry.get("description", ""))
            elif isinstance(entry, list) and len(entry) == 2:
                pair = (entry[0], entry[1])
            else:
                pair = (entry, "")
            if prop.problem(pair[0]) or not isinstance(pair[1], str):
                raise self._error(at, prop.problem(pair[0]) or f"description {show(pair[1])} is not a text")
            choices.append(pair)
        return tuple(choices)

    def _max_length(self, given: object, place: str) -> int | None:
        if given is not None and (not isinstance(given, int) or isinstance(given, bool) or given < 0):
            raise self._error(place, f"{show(given)} is not a number of characters")
        return given

    def _piids(self, entry: dict[str, Any], key: str, known: set[int], place: str) -> tuple[int, ...]:
        given = entry.get(key) or []
        piids: list[int] = []
        for item in given if isinstance(given, list) else [given]:
            # Newer instances write {"piid": 1, "repeat": [1, 1]} where older ones write 1.
            piid = item.get("piid") if isinstance(item, dict) else item
            if not isinstance(piid, int) or isinstance(piid, bool) or piid not in known:
                raise self._error(f"{place}.{key}", f"{show(piid)} is no property of this service")
            piids.append(piid)
        return tuple(piids)

    def _named(self, entry: dict[str, Any], place: str) -> tuple[str, str, str]:
        type_ = self._text(entry, self._keys.name, place, required=True)
        parts = type_.split(":")
        name = (parts[3] if parts[0] == "urn" and len(parts) > 3 else "") or type_
        return type_, name, self._text(entry, "description", place)

    def _children(
        self, entry: dict[str, Any], key: str, id_key: str, place: str, *, required: bool = False
    ) -> list[tuple[int, dict[str, Any], str]]:
        path = f"{place}.{key}" if place else key
        given = entry.get(key, [] if not required else None)
        if not isinstance(given, list):
            raise self._error(path, "missing" if given is None else f"{type(given).__name__} is not a list")
        children: dict[int, tuple[int, dict[str, Any], str]] = {}
        for index, child in enumerate(given):
            at = f"{path}[{index}]"
            mapping = self._mapping(child, at)
            iid = mapping.get(id_key)
            if not isinstance(iid, int) or isinstance(iid, bool) or not 0 < iid <= 0xFFFF:
                raise self._error(f"{at}.{id_key}", f"{show(iid)} is not a number from 1 to 65535")
            if iid in children:
                raise self._error(f"{at}.{id_key}", f"{iid} is used twice, first in {children[iid][2]}")
            children[iid] = (iid, mapping, at)
        return list(children.values())

    def _text(self, entry: dict[str, Any], key: str, place: str, *, required: bool = False) -> str:
        given = entry.get(key)
        if given is None and not required:
            return ""
        if not isinstance(given, str) or (required and not given):
            path = f"{place}.{key}" if place else key
            raise self._error(path, "missing" if given is None else f"{show(given)} is not a text")
        return given

    def _mapping(self, data: object, place: str) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise self._error(place or "top level", f"{type(data).__name__} where an object is expected")
        return data

    def _error(self, place: str, problem: str) -> SpecError:
        return SpecError(f"{self._source}: {place}: {problem}")


def _is_number(given: object) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool) and abs(given) <= _LARGEST


def _derived_model(type_: str) -> str:
    """Guess the model from the instance's URN: ``...:light:0000A001:yeelink-lamp4:1`` is ``yeelink.light.lamp4``."""
    parts = type_.split(":")
    if len(parts) < 6 or "-" not in parts[5]:
        return ""
    vendor, product = parts[5].split("-", 1)
    return f"{vendor}.{parts[3].replace('-', '')}.{product}"
