"""The blocking device for products described by a MIoT specification: properties and actions by their numbers."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cached_property
from typing import Any, ClassVar

from miio_lan.device.arguments import checked_arguments, checked_ids, checked_properties
from miio_lan.device.blocking import Device
from miio_lan.device.command import command
from miio_lan.device.steps import miot_calls
from miio_lan.device.steps.reading import DEFAULT_LIMIT, SliceLimit, read_one, read_properties
from miio_lan.errors import InvalidArgument, UnsupportedFeatureException
from miio_lan.foreign import show
from miio_lan.record.redact.secret import as_secret
from miio_lan.uart.document import ACTION, GET_PROPERTIES, SET_PROPERTIES

_LOGGER = logging.getLogger(__name__)

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
            raise InvalidArgument(f"a bool is true or false, not {show(value)}")
        types: dict[str, type] = {"int": int, "float": float, "bool": bool, "str": str}
        try:
            converted = types[self.value](value)
        except (TypeError, ValueError, OverflowError):
            converted = None
        # NaN and the infinities are floats, but JSON has none of them.
        if converted is None or (isinstance(converted, float) and not math.isfinite(converted)):
            raise InvalidArgument(f"{show(value)} is no {self.value}")
        return converted


class MiotDevice(Device):
    """A product whose functions are numbered properties and actions (siid, piid, aiid).

    Methods that python-miio has give the device's answers as they are, a list or object with a ``code`` per item
    (failures are also logged in words); :meth:`read`, :meth:`write` and :meth:`run` give plain values, and raise
    :class:`miio_lan.DeviceError` for negative codes. All raise what :meth:`Device.send` raises.

    :param mapping: names for properties and actions; None for the class's own
    """

    #: Names for properties and actions; a subclass may have it ...
    mapping: MiotMapping | None = None
    #: ... or one per model.
    _mappings: ClassVar[dict[str, MiotMapping]] = {}

    @cached_property
    def _slices(self) -> SliceLimit:
        return SliceLimit()

    def __init__(
        self,
        ip: str | None = None,
        token: str | None = None,
        start_id: int = 0,
        debug: int = 0,
        lazy_discover: bool = True,
        timeout: float | None = None,
        *,
        model: str | None = None,
        mapping: MiotMapping | None = None,
        **connection: Any,
    ) -> None:
        token = as_secret(token)
        super().__init__(ip, token, start_id, debug, lazy_discover, timeout, model=model, **connection)
        if mapping is not None:
            self.mapping = mapping

    # --- plain values ------------------------------------------------------------------------------------------

    def read(self, siid: int, piid: int) -> Any:
        """Read one property and give its value.

        :raises DeviceError: if the device refuses it (-4001 not readable, -4003 no such property, ...)
        """
        (ids,) = _properties([(siid, piid)])
        items = self._perform(read_one(ids))
        if not items:
            raise miot_calls.no_answer(GET_PROPERTIES, siid, piid)
        if miot_calls.failed(items[0]):
            raise miot_calls.refusal(GET_PROPERTIES, items[0])
        return items[0].get("value")

    def write(self, siid: int, piid: int, value: Any) -> None:
        """Set one property; the value goes out with the JSON type it has (25 and 25.0 differ to a device).

        :raises DeviceError: if the device refuses it (-4002 not writable, -4005 bad value, ...)
        """
        (ids,) = _properties([(siid, piid)])
        items = self._perform(miot_calls.write_properties([{**ids, "value": value}]))
        if not items:
            raise miot_calls.no_answer(SET_PROPERTIES, siid, piid)
        if miot_calls.failed(items[0]):
            raise miot_calls.refusal(SET_PROPERTIES, items[0])

    def run(self, siid: int, aiid: int, params: Sequence[Any] | None = None) -> list[Any]:
        """Call an action and give its output values, positional or as objects, as the device sends them.

        :raises DeviceError: if the device refuses it (-4003 no such action, -4006 bad argument, ...)
        """
        answer = self._perform(miot_calls.call_action(_action(siid, aiid, params)))
        for item in miot_calls.done([{"siid": siid, "aiid": aiid}], answer):
            if miot_calls.failed(item):
                raise miot_calls.refusal(ACTION, item)
            out = item.get("out")
            return out if isinstance(out, list) else []
        return []

    # --- python-miio's names -----------------------------------------------------------------------------------

    def get_properties(
        self,
        properties: Sequence[Any],
        *,
        property_getter: str = GET_PROPERTIES,
        max_properties: int | None = None,
    ) -> list[Any]:
        """Read properties given as objects with ``siid`` and ``piid``, in slices the device can take.

        The working slice size is learnt and remembered; see :func:`miio_lan.device.steps.read_properties`.

        :param max_properties: properties per request at most; None for what is known to work
        """
        items = checked_properties(properties)
        if property_getter != GET_PROPERTIES or not all(isinstance(item, Mapping) for item in items):
            getter = property_getter if property_getter != GET_PROPERTIES else "get_prop"
            return super().get_properties(items, property_getter=getter, max_properties=max_properties)
        wanted = DEFAULT_LIMIT if max_properties is None else max_properties
        return self._perform(read_properties(items, self._slices, wanted))

    def get_properties_for_mapping(self, *, max_properties: int = 15) -> list[Any]:
        """Read all properties of the mapping; each result's ``did`` is the name it has there."""
        wanted = [{"did": name, **ids} for name, ids in self._get_mapping().items() if "piid" in ids]
        return self.get_properties(wanted, max_properties=max_properties)

    @command
    def get_property_by(self, siid: int, piid: int) -> list[Any]:
        """Get a property by its siid and piid, as a list with one result."""
        (ids,) = _properties([(siid, piid)])
        return self._perform(read_one(ids))

    @command
    def set_property_by(
        self, siid: int, piid: int, value: Any, value_type: MiotValueType | None = None
    ) -> list[Any]:
        """Set a property by its siid and piid; gives a list with one result."""
        (ids,) = _properties([(siid, piid)])
        if value_type is not None and not isinstance(value_type, MiotValueType):
            raise InvalidArgument(f"value_type is a MiotValueType, not {show(value_type)}")
        sent = value if value_type is None else value_type.convert(value)
        return _logged(self._perform(miot_calls.write_properties([{**ids, "value": sent}])))

    @command
    def call_action_by(self, siid: int, aiid: int, params: Sequence[Any] | None = None) -> Any:
        """Call an action by its siid and aiid; arguments in the order of the specification."""
        answer = self._perform(miot_calls.call_action(_action(siid, aiid, params)))
        _logged([answer])
        return answer

    def set_property(self, property_key: str, value: Any) -> list[Any]:
        """Set a property by its name in the mapping; gives a list with one result."""
        ids = self._named(property_key, "piid")
        return _logged(
            self._perform(miot_calls.write_properties([{"did": property_key, **ids, "value": value}]))
        )

    @command
    def call_action_from_mapping(self, name: str, params: Sequence[Any] | None = None) -> Any:
        """Call an action by its name in the mapping."""
        ids = self._named(name, "aiid")
        parameters = {"did": f"call-{name}", **ids, "in": checked_arguments(params)}
        answer = self._perform(miot_calls.call_action(parameters))
        _logged([answer])
        return answer

    @command
    def call_action(self, name: str, params: Sequence[Any] | None = None) -> Any:
        """Call an action by its name in the mapping (an older name of :meth:`call_action_from_mapping`)."""
        return self.call_action_from_mapping(name, params)

    # --- the mapping -------------------------------------------------------------------------------------------

    def _get_mapping(self) -> MiotMapping:
        """Give the names for this model: the object's own, else those of its model, else the class's.

        A model that the class does not list gets the first mapping there is, with a warning, as with python-miio.

        :raises UnsupportedFeatureException: if there are none at all
        """
        own: MiotMapping | None = vars(self).get("mapping")
        if own:
            return own
        if self._mappings:
            if self.model not in self._mappings:
                first = next(iter(self._mappings))
                _LOGGER.warning(
                    "%s has no mapping for %s: the one for %s is used, which may not fit",
                    type(self).__name__,
                    self.model,
                    first,
                )
                return self._mappings[first]
            return self._mappings[self.model]
        if self.mapping:
            return self.mapping
        raise UnsupportedFeatureException(
            "no names are known for this device: give MiotDevice(mapping=...), or use siid and piid"
        )

    def _named(self, name: str, kind: str) -> dict[str, Any]:
        names = self._get_mapping()
        ids = names.get(name) if isinstance(name, str) else None
        if ids is None or kind not in ids:
            what = "property" if kind == "piid" else "action"
            known = ", ".join(key for key, value in names.items() if kind in value) or "none"
            raise InvalidArgument(f"the mapping has no {what} {show(name)}; it has {known}")
        return ids


def _properties(ids: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
    """Make the objects that name properties; at least one product insists on a did, so there always is one."""
    for siid, piid in ids:
        checked_ids(siid=siid, piid=piid)
    return [{"did": f"{siid}-{piid}", "siid": siid, "piid": piid} for siid, piid in ids]


def _action(siid: int, aiid: int, params: Sequence[Any] | None) -> dict[str, Any]:
    checked_ids(siid=siid, aiid=aiid)
    return {"did": f"call-{siid}-{aiid}", "siid": siid, "aiid": aiid, "in": checked_arguments(params)}


def _logged(results: list[Any]) -> list[Any]:
    """Say in the log what a result's code means: python-miio's methods do not raise for it."""
    for result in results:
        if isinstance(result, Mapping) and miot_calls.failed(result):
            _LOGGER.warning("%s", miot_calls.reason(result))
    return results
