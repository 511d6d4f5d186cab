"""The parts of a product's description, and how they are read out of JSON or TOML.

Published instances and hand-written files hold the same facts under different keys; one reader serves both. What it is
given is not trusted: every complaint is a :class:`~miio_lan.errors.SpecError` that says where the fault lies.

Published instances are what they are, and some have odd entries: such an entry alone is kept out, with a warning. A
hand-written file is refused instead, for its author can mend it, and would miss what is left out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from miio_lan.device.description.values import (
    FLOAT_FORMATS,
    FORMATS,
    LARGEST,
    TEXT_FORMATS,
    Number,
    Property,
    Value,
    show,
)
from miio_lan.errors import SpecError
from miio_lan.foreign import kind_of
from miio_lan.record.redact import told_of
from miio_lan.uart.document import MAX_MODEL, model_fault

_LOGGER = logging.getLogger(__name__)
_T = TypeVar("_T")


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
    """How one file form calls the same facts.

    :param lenient: whether an odd entry is kept out, rather than the whole file refused
    """

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
    lenient: bool


JSON = Keys(
    *("services", "properties", "actions", "events", "iid", "iid", "iid", "iid", "type"),
    *("value-range", "value-list", "max-length", "default-value"),
    lenient=True,
)
TOML = Keys(
    *("service", "property", "action", "event", "siid", "piid", "aiid", "eiid", "name"),
    *("range", "choices", "max_length", "default"),
    lenient=False,
)
_ACCESS_LETTERS = {"r": "read", "w": "write", "n": "notify"}


class Reader:
    """Builds a description out of untrusted parsed JSON or TOML; every complaint says where it is."""

    def __init__(self, source: str, keys: Keys, *, quiet: bool = False) -> None:
        self._source = source
        self._keys = keys
        self._quiet = quiet
        #: What was kept out, and why.
        self.warnings: list[str] = []

    def spec(self, data: object) -> dict[str, Any]:
        """Read a whole description into what :class:`~miio_lan.device.description.spec.Spec` is made of."""
        top = self._mapping(data, "")
        type_ = self._kept(lambda: self._text(top, "type", "")) or ""
        services = self._children(top, self._keys.services, self._keys.siid, "", self._service, required=True)
        if self.warnings and not any(each.properties or each.actions or each.events for each in services):
            raise SpecError(f"{self.warnings[0]}, and nothing else is there")
        model = self._text(top, "model", "")
        if model and (fault := model_fault(model)):
            raise self._error("model", fault)
        guess = "" if model else guessed_model(type_)
        return {
            "model": model or guess,
            "model_guessed": bool(guess),
            "source": self._source,
            "type": type_,
            "description": self._kept(lambda: self._text(top, "description", "")) or "",
            "services": tuple(services),
            "warnings": tuple(self.warnings),
        }

    def _kept(self, read: Callable[[], _T]) -> _T | None:
        """Read a part; where it is odd and may be kept out, warn and give None."""
        try:
            return read()
        except SpecError as error:
            if not self._keys.lenient:
                raise
            self.warnings.append(f"{error}; it is left out")
            if not self._quiet:
                _LOGGER.warning("%s", self.warnings[-1])
            return None

    def _service(self, siid: int, entry: dict[str, Any], place: str) -> Service:
        keys = self._keys
        named = self._named(entry, place)
        properties = self._children(entry, keys.properties, keys.piid, place, partial(self._property, siid))
        known = {prop.piid for prop in properties}
        actions = self._children(entry, keys.actions, keys.aiid, place, partial(self._action, siid, known))
        events = self._children(entry, keys.events, keys.eiid, place, partial(self._event, siid, known))
        return Service(
            siid, *named, properties=tuple(properties), actions=tuple(actions), events=tuple(events)
        )

    def _action(self, siid: int, known: set[int], aiid: int, entry: dict[str, Any], place: str) -> SpecAction:
        piids = (self._piids(entry, key, known, place) for key in ("in", "out"))
        return SpecAction(siid, aiid, *self._named(entry, place), *piids)

    def _event(self, siid: int, known: set[int], eiid: int, entry: dict[str, Any], place: str) -> Event:
        arguments = self._piids(entry, "arguments", known, place)
        return Event(siid, eiid, *self._named(entry, place), arguments=arguments)

    def _property(self, siid: int, piid: int, entry: dict[str, Any], place: str) -> Property:
        keys = self._keys
        format_ = self._text(entry, "format", place, required=True)
        if format_ not in FORMATS:
            raise self._error(f"{place}.format", f"{show(format_)} is none of {', '.join(sorted(FORMATS))}")
        limits = f"{place}.{keys.range}"
        prop = Property(
            siid,
            piid,
            *self._named(entry, place),
            format=format_,
            access=self._access(entry, place),
            unit=self._text(entry, "unit", place),
            place=told_of(self._source, place),
            range=self._kept(lambda: self._range(entry.get(keys.range), format_, limits)),
            max_length=self._kept(
                lambda: self._max_length(entry.get(keys.max_length), f"{place}.{keys.max_length}")
            ),
        )
        prop = replace(prop, range=self._kept(lambda: self._legal_range(prop, limits)))
        choices = self._choices(entry.get(keys.choices), prop, f"{place}.{keys.choices}")
        prop = replace(prop, choices=choices)
        initial = self._kept(lambda: self._initial(entry.get(keys.initial), prop, f"{place}.{keys.initial}"))
        return replace(prop, initial=initial)

    def _legal_range(self, prop: Property, place: str) -> tuple[Number, Number, Number] | None:
        if problem := prop.problem(prop.default()):
            raise self._error(place, f"leaves no legal value: {problem}")
        return prop.range

    def _initial(self, given: Any, prop: Property, place: str) -> Value | None:
        if given is not None and (problem := prop.problem(given)):
            raise self._error(place, problem)
        value: Value | None = given
        return value

    def _access(self, entry: dict[str, Any], place: str) -> frozenset[str]:
        given: Any = [] if entry.get("access") is None else entry["access"]
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
        choices = self._kept(lambda: self._list(given, place)) or []
        read = (
            self._kept(partial(self._choice, entry, prop, f"{place}[{index}]"))
            for index, entry in enumerate(choices)
        )
        return tuple(pair for pair in read if pair is not None)

    def _list(self, given: object, place: str) -> list[Any]:
        if given is not None and not isinstance(given, list):
            raise self._error(place, f"{show(given)} is not a list of values")
        return given or []

    def _choice(self, entry: Any, prop: Property, place: str) -> tuple[Value, str]:
        if isinstance(entry, list) and len(entry) == 2:
            entry = {"value": entry[0], "description": entry[1]}
        elif not isinstance(entry, dict):
            entry = {"value": entry}
        value: Any = entry.get("value")
        if problem := prop.problem(value):
            raise self._error(place, problem)
        # A value without its description is one all the same: who leaves it out refuses it.
        return value, self._kept(lambda: self._text(entry, "description", place)) or ""

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
        self,
        entry: dict[str, Any],
        key: str,
        id_key: str,
        place: str,
        read: Callable[[int, dict[str, Any], str], _T],
        *,
        required: bool = False,
    ) -> list[_T]:
        path = f"{place}.{key}" if place else key
        given = entry.get(key)
        if given is None and not required:  # "null" is as good as nothing
            return []
        if not isinstance(given, list):
            raise self._error(
                path, "missing" if given is None else f"{kind_of(given)} where a list is expected"
            )
        places: dict[int, str] = {}

        def child(index: int, data: object) -> _T:
            at = f"{path}[{index}]"
            mapping = self._mapping(data, at)
            return read(self._iid(mapping.get(id_key), f"{at}.{id_key}", at, places), mapping, at)

        found = (self._kept(partial(child, index, data)) for index, data in enumerate(given))
        return [each for each in found if each is not None]

    def _iid(self, given: object, place: str, owner: str, places: dict[int, str]) -> int:
        if not isinstance(given, int) or isinstance(given, bool) or not 0 < given <= 0xFFFF:
            raise self._error(place, f"{show(given)} is not a number from 1 to 65535")
        if given in places:
            raise self._error(place, f"{given} is used twice, first in {places[given]}")
        places[given] = owner
        return given

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
            raise self._error(place or "top level", f"{kind_of(data)} where an object is expected")
        return data

    def _error(self, place: str, problem: str) -> SpecError:
        return SpecError(told_of(self._source, told_of(place, problem)))


def _is_number(given: object) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool) and abs(given) <= LARGEST


def guessed_model(type_: str) -> str:
    """Guess the model from the instance's URN: ``...:light:0000A001:yeelink-lamp4:1`` is ``yeelink.light.lamp4``.

    Most models are so; the middle part often is another, and shorter: one that is too long for a model is cut.

    :returns: empty where no model can be made of it
    """
    parts = type_.split(":")
    if len(parts) < 6 or "-" not in parts[5]:
        return ""
    vendor, product = parts[5].split("-", 1)
    kind = parts[3].replace("-", "")[: max(0, MAX_MODEL - len(vendor) - len(product) - 2)]
    guess = f"{vendor}.{kind}.{product}"
    return "" if model_fault(guess) else guess
