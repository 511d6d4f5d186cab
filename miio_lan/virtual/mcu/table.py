"""The MCU's property table: what it answers to a get, a set or an action, by the product's description.

No line is read or written here; ids and values come in, groups of values and status codes go out.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from miio_lan.device.description.names import check_value
from miio_lan.device.description.values import show
from miio_lan.errors import SpecError
from miio_lan.uart.document import SERIAL_NUMBER, SERIAL_NUMBER_LENGTH, Code

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from miio_lan.device.description.spec import Event, Spec, SpecAction
    from miio_lan.device.description.values import Property, Value

_LOGGER = logging.getLogger(__name__)

Iid = tuple[int, int]
Group = tuple["Value", ...]


@dataclass(frozen=True)
class Change:
    """What a set did: the status code, and whether the value is another one now."""

    code: int
    changed: bool = False


class PropertyTable:
    """Current values of all properties of a product, and the document's codes for whatever is asked of them.

    :ivar values: the current values by (siid, piid), write-only and argument-only properties included
    :ivar faults: codes to answer by (siid, piid) instead of the right ones, e.g. -4004 for a broken sensor
    """

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.values: dict[Iid, Value] = {prop.iid: prop.default() for prop in spec.properties()}
        self.faults: dict[Iid, int] = {}
        self._check_serial_number()

    def get(self, siid: int, piid: int) -> Group:
        """Answer one property of a get: ``siid piid code`` and, when the code is 0, the value."""
        prop = self.spec.property(siid, piid)
        if prop is None:
            return siid, piid, int(Code.NO_SUCH)
        if not prop.readable:
            return siid, piid, int(Code.NOT_READABLE)
        fault = self.faults.get(prop.iid, 0)
        return (siid, piid, fault) if fault else (siid, piid, 0, self.values[prop.iid])

    def set(self, siid: int, piid: int, value: object) -> Change:
        """Take one property of a set; what is refused leaves the old value."""
        prop = self.spec.property(siid, piid)
        if prop is None:
            return Change(Code.NO_SUCH)
        if not prop.writable:
            return Change(Code.NOT_WRITABLE)
        fault = self.faults.get(prop.iid, 0)
        if fault:
            return Change(fault)
        code = prop.check(value)
        return Change(code) if code else Change(Code.OK, self.put(siid, piid, value))

    def put(self, siid: int, piid: int, value: object) -> bool:
        """Change a value from the product's side, whatever the access; tell whether it is another one now.

        :raises SpecError: no such property, or no value of it
        """
        prop = self.require(siid, piid)
        check_value(prop, value)
        # 20 and 20.0 are the same reading; True and 1 never meet, the formats keep them apart.
        changed = self.values[prop.iid] != value
        self.values[prop.iid] = cast("Value", value)
        if changed and prop.iid == SERIAL_NUMBER:
            self._check_serial_number()
        return changed

    def _check_serial_number(self) -> None:
        """Warn of one that the document has no room for, where the description has."""
        value = self.values.get(SERIAL_NUMBER)
        if isinstance(value, str) and len(value) > SERIAL_NUMBER_LENGTH:
            _LOGGER.warning(
                "the serial number (1.5) has %d characters; the document has room for %d",
                len(value),
                SERIAL_NUMBER_LENGTH,
            )

    def require(self, siid: int, piid: int) -> Property:
        """Find a property.

        :raises SpecError: when there is no such one
        """
        prop = self.spec.property(siid, piid)
        if prop is None:
            raise SpecError(f"{self.spec.shown_model or 'the product'} has no property {siid}.{piid}")
        return prop

    def arguments(self, action: SpecAction, given: Sequence[tuple[int, object]]) -> dict[int, Value] | None:
        """Check the arguments of an action; None when they are not the described ones (-4006)."""
        arguments: dict[int, Value] = {}
        for piid, value in given:
            prop = self.spec.property(action.siid, piid)
            if prop is None or piid not in action.in_ or piid in arguments or prop.problem(value):
                return None
            arguments[piid] = cast("Value", value)
        return arguments if len(arguments) == len(set(action.in_)) else None

    def outcome(self, action: SpecAction, given: Mapping[int, Value]) -> dict[int, Value]:
        """Complete what an action hands back: a value for each of its ``out``, the current one unless given.

        :raises SpecError: a given value that is none of its property
        """
        for piid in action.out:
            if piid in given:
                check_value(self.require(action.siid, piid), given[piid])
        return {piid: given.get(piid, self.values[action.siid, piid]) for piid in action.out}

    def event_arguments(self, event: Event, given: Mapping[int, object] | None) -> list[Group]:
        """Check the arguments of an event that the product raises, completing them with the current values.

        Nothing is changed yet; :meth:`put` does, once the event goes out.

        :raises SpecError: an argument that the event does not have, or an illegal value
        """
        values = dict(given or {})
        foreign = set(values) - set(event.arguments)
        if foreign:
            raise SpecError(f"event {event.name} has no argument {', '.join(map(show, sorted(foreign)))}")
        for piid, value in values.items():
            check_value(self.require(event.siid, piid), value)
        known = {piid: self.values.get((event.siid, piid)) for piid in event.arguments}
        return [(piid, cast("Value", {**known, **values}[piid])) for piid in event.arguments]
