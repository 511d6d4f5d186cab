"""Properties and actions by their numbers, with plain values: what is sent, and what an answer means for a caller."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from miio_lan.device.arguments import checked_arguments, checked_ids
from miio_lan.device.steps import miot_calls
from miio_lan.device.steps.calls import Steps
from miio_lan.device.steps.reading import read_one
from miio_lan.errors import InvalidArgument
from miio_lan.given import shown
from miio_lan.uart.document import ACTION, GET_PROPERTIES, SET_PROPERTIES

# Those who ask for the log know it by the name of the blocking device.
_LOGGER = logging.getLogger("miio_lan.device.miot")

#: name -> {"siid": ..., "piid": ...} for properties, {"siid": ..., "aiid": ...} for actions.
MiotMapping = dict[str, dict[str, Any]]


class MiotValueType(Enum):
    """Type to convert a value to before it is sent, for callers that only have text."""

    Int = "int"
    Float = "float"
    Bool = "bool"
    Str = "str"

    def convert(self, value: Any) -> Any:
        """Convert a value.

        :raises InvalidArgument: if it has no such form
        """
        if self is MiotValueType.Bool and isinstance(value, str):
            words = {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False}
            if value.strip().lower() in words:
                return words[value.strip().lower()]
            raise InvalidArgument(f"a bool is true or false, not {shown(value)}")
        types: dict[str, type] = {"int": int, "float": float, "bool": bool, "str": str}
        try:
            converted = types[self.value](value)
        except (TypeError, ValueError, OverflowError):
            converted = None
        # NaN and the infinities are floats, but JSON has none of them.
        if converted is None or (isinstance(converted, float) and not math.isfinite(converted)):
            raise InvalidArgument(f"{shown(value)} is no {self.value}")
        return converted


def converted(value: Any, value_type: Any) -> Any:
    """Convert a value where a type is given.

    :raises InvalidArgument: if it is no type, or the value has no such form
    """
    if value_type is not None and not isinstance(value_type, MiotValueType):
        raise InvalidArgument(f"value_type is a MiotValueType, not {shown(value_type)}")
    return value if value_type is None else value_type.convert(value)


def named_property(siid: int, piid: int) -> dict[str, Any]:
    """Make the object that names a property; at least one product insists on a did, so there always is one.

    :raises InvalidArgument: if the numbers are none
    """
    checked_ids(siid=siid, piid=piid)
    return {"did": f"{siid}-{piid}", "siid": siid, "piid": piid}


def named_action(siid: int, aiid: int, params: Sequence[Any] | None) -> dict[str, Any]:
    """Make the object that names an action and has its arguments.

    :raises InvalidArgument: if the numbers are none, or the arguments no list
    """
    checked_ids(siid=siid, aiid=aiid)
    return {"did": f"call-{siid}-{aiid}", "siid": siid, "aiid": aiid, "in": checked_arguments(params)}


def read_value(siid: int, piid: int) -> Steps[Any]:
    """Read one property and give its value.

    :raises DeviceError: if the device refuses it, or leaves it out
    """
    items = yield from read_one(named_property(siid, piid))
    if not items:
        raise miot_calls.no_answer(GET_PROPERTIES, siid, piid)
    if miot_calls.failed(items[0]):
        raise miot_calls.refusal(GET_PROPERTIES, items[0])
    return items[0].get("value")


def write_value(siid: int, piid: int, value: Any) -> Steps[None]:
    """Set one property.

    :raises DeviceError: if the device refuses it, or leaves it out
    """
    items = yield from miot_calls.write_properties([{**named_property(siid, piid), "value": value}])
    if not items:
        raise miot_calls.no_answer(SET_PROPERTIES, siid, piid)
    if miot_calls.failed(items[0]):
        raise miot_calls.refusal(SET_PROPERTIES, items[0])


def run_action(siid: int, aiid: int, params: Sequence[Any] | None) -> Steps[list[Any]]:
    """Call an action and give its output values.

    :raises DeviceError: if the device refuses it, or does not say that it was done
    """
    answer = yield from miot_calls.call_action(named_action(siid, aiid, params))
    for item in miot_calls.done([{"siid": siid, "aiid": aiid}], answer):
        if miot_calls.failed(item):
            raise miot_calls.refusal(ACTION, item)
        out = item.get("out")
        return out if isinstance(out, list) else []
    raise miot_calls.no_answer(ACTION, siid, aiid)


def logged(results: list[Any]) -> list[Any]:
    """Say in the log what a result's code means: python-miio's methods do not raise for it."""
    for result in results:
        if isinstance(result, Mapping) and miot_calls.failed(result):
            _LOGGER.warning("%s", miot_calls.reason(result))
    return results


def names_of(model: str, mappings: Mapping[str, MiotMapping], whose: str) -> MiotMapping:
    """Give the names for a model; one that is not listed gets the first mapping there is, with a warning."""
    if model not in mappings:
        first = next(iter(mappings))
        _LOGGER.warning(
            "%s has no mapping for %s: the one for %s is used, which may not fit", whose, model, first
        )
        return mappings[first]
    return mappings[model]


def by_name(names: MiotMapping, name: Any, kind: str) -> dict[str, Any]:
    """Find what a name stands for.

    :param kind: ``"piid"`` for properties, ``"aiid"`` for actions
    :raises InvalidArgument: if there is no such name
    """
    ids = names.get(name) if isinstance(name, str) else None
    if ids is None or kind not in ids:
        what = "property" if kind == "piid" else "action"
        known = ", ".join(key for key, value in names.items() if kind in value) or "none"
        raise InvalidArgument(f"the mapping has no {what} {shown(name)}; it has {known}")
    return ids
