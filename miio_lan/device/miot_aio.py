"""The device of an event loop for products described by a MIoT specification."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, overload

from miio_lan.device.aio import AsyncDevice
from miio_lan.device.arguments import checked_arguments, checked_properties
from miio_lan.device.steps import by_name, miot_calls, plain
from miio_lan.device.steps.plain import MiotMapping, MiotValueType
from miio_lan.device.steps.reading import DEFAULT_LIMIT, SliceLimit, read_one, read_properties
from miio_lan.errors import InvalidArgument, UnsupportedFeatureException
from miio_lan.record.redact import as_secret
from miio_lan.uart.document import GET_PROPERTIES

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

    from miio_lan.device.description.spec import Spec


class AsyncMiotDevice(AsyncDevice):
    """A product whose functions are numbered properties and actions: :class:`miio_lan.MiotDevice`, to be awaited.

    :param mapping: names for properties and actions; None for the class's own
    :param spec: the product's description, which has names and legal values; ``"cache"`` for that of the device's
        model, as ``miio-lan spec fetch`` has kept it: it is looked up when a name is first used, and never fetched
    """

    #: Names for properties and actions; a subclass may have it ...
    mapping: MiotMapping | None = None
    #: ... or one per model.
    _mappings: ClassVar[dict[str, MiotMapping]] = {}
    # Test doubles never call __init__.
    _spec: Any = None

    @cached_property
    def _slices(self) -> SliceLimit:
        return SliceLimit()

    def __init__(
        self,
        ip: str | IPv4Address | IPv6Address | None = None,
        token: str | None = None,
        start_id: int = 0,
        debug: int = 0,
        lazy_discover: bool = True,
        timeout: float | None = None,
        *,
        mapping: MiotMapping | None = None,
        spec: Spec | Literal["cache"] | None = None,
        **more: Any,
    ) -> None:
        token = as_secret(token)
        super().__init__(ip, token, start_id, debug, lazy_discover, timeout, **more)
        if mapping is not None:
            self.mapping = by_name.checked_mapping(mapping)
        self._spec = by_name.checked_spec(spec)

    # --- plain values ------------------------------------------------------------------------------------------

    @overload
    async def read(self, siid: str) -> Any: ...
    @overload
    async def read(self, siid: int, piid: int) -> Any: ...
    async def read(self, siid: int | str, piid: Any = None) -> Any:
        """Read one property and give its value: ``read("light:brightness")``, or ``read(2, 2)``.

        :raises DeviceError: if the device refuses it (-4001 not readable, -4003 no such property, ...)
        :raises SpecError: (a ``ValueError``) if the description has no such name
        :raises SpecUnavailable: if the description is not here
        """
        if isinstance(siid, str):
            by_name.alone(siid, piid)
            with self._one_deadline():
                return await self._perform(plain.read_value(*(await self._names()).property(siid)))
        return await self._perform(plain.read_value(siid, piid))

    @overload
    async def write(self, siid: str, piid: Any) -> None: ...
    @overload
    async def write(self, siid: int, piid: int, value: Any) -> None: ...
    async def write(self, siid: int | str, piid: Any, value: Any = by_name.NOTHING) -> None:
        """Set one property: ``write("light:brightness", 25)``, or ``write(2, 2, 25)``.

        The value goes out with the JSON type it has (25 and 25.0 differ to a device). By name, a value that the
        description forbids is not sent.

        :raises DeviceError: if the device refuses it (-4002 not writable, -4005 bad value, ...)
        :raises SpecError: (a ``ValueError``) as :meth:`read`, and for a value that the description forbids
        """
        if isinstance(siid, str):
            by_name.alone(siid, None if value is by_name.NOTHING else value)
            with self._one_deadline():
                ids = (await self._names()).assignment(siid, piid)
                await self._perform(plain.write_value(*ids, piid))
            return
        if value is by_name.NOTHING:
            raise InvalidArgument(f"write(siid, piid, value) needs a value, write({siid}, ...) has none")
        await self._perform(plain.write_value(siid, piid, value))

    @overload
    async def run(self, siid: str, aiid: Sequence[Any] | None = None) -> list[Any]: ...
    @overload
    async def run(self, siid: str, *, params: Sequence[Any] | None = None) -> list[Any]: ...
    @overload
    async def run(self, siid: int, aiid: int, params: Sequence[Any] | None = None) -> list[Any]: ...
    async def run(self, siid: int | str, aiid: Any = None, params: Sequence[Any] | None = None) -> list[Any]:
        """Call an action: ``run("light:toggle")``, ``run("delay:start", [5])``, or ``run(4, 1, [5])``.

        :return: its output values, positional or as objects, as the device sends them
        :raises DeviceError: if the device refuses it (-4003 no such action, -4006 bad argument, ...)
        :raises SpecError: (a ``ValueError``) as :meth:`read`, and for arguments that the description forbids
        """
        if isinstance(siid, str):
            if aiid is not None:
                by_name.alone(siid, params)
            with self._one_deadline():
                action = (await self._names()).action(siid, params if aiid is None else aiid)
                return await self._perform(plain.run_action(*action))
        return await self._perform(plain.run_action(siid, aiid, params))

    async def _names(self) -> by_name.Names:
        """Give what names stand for.

        :raises SpecUnavailable: if the description of the device's model was to be there, and is not
        :raises UnsupportedFeatureException: if neither a description nor a mapping is known
        """
        if self._spec == by_name.CACHE:
            from miio_lan.device.description.cache import cached

            self._spec = await asyncio.to_thread(cached, await self.model())
        if self._spec is not None:
            return by_name.Names(self._spec)
        return by_name.Names(None, await self._get_mapping())

    # --- as the device answers ---------------------------------------------------------------------------------

    async def get_properties(
        self,
        properties: Sequence[Any],
        *,
        property_getter: str = GET_PROPERTIES,
        max_properties: int | None = None,
    ) -> list[Any]:
        """Read properties given as objects with ``siid`` and ``piid``, in slices the device can take.

        The working slice size is learnt and remembered.

        :param max_properties: properties per request at most; None for what is known to work
        """
        items = checked_properties(properties)
        if property_getter != GET_PROPERTIES or not all(isinstance(item, Mapping) for item in items):
            getter = property_getter if property_getter != GET_PROPERTIES else "get_prop"
            return await super().get_properties(items, property_getter=getter, max_properties=max_properties)
        wanted = DEFAULT_LIMIT if max_properties is None else max_properties
        return await self._perform(read_properties(items, self._slices, wanted))

    async def get_properties_for_mapping(self, *, max_properties: int = 15) -> list[Any]:
        """Read all properties of the mapping; each result's ``did`` is the name it has there."""
        with self._one_deadline():
            names = await self._get_mapping()
            wanted = [{"did": name, **ids} for name, ids in names.items() if "piid" in ids]
            return await self.get_properties(wanted, max_properties=max_properties)

    async def get_property_by(self, siid: int, piid: int) -> list[Any]:
        """Get a property by its siid and piid, as a list with one result."""
        return await self._perform(read_one(plain.named_property(siid, piid)))

    async def set_property_by(
        self, siid: int, piid: int, value: Any, value_type: MiotValueType | None = None
    ) -> list[Any]:
        """Set a property by its siid and piid; gives a list with one result."""
        sent = {**plain.named_property(siid, piid), "value": plain.converted(value, value_type)}
        return plain.logged(await self._perform(miot_calls.write_properties([sent])))

    async def call_action_by(self, siid: int, aiid: int, params: Sequence[Any] | None = None) -> Any:
        """Call an action by its siid and aiid; arguments in the order of the specification."""
        answer = await self._perform(miot_calls.call_action(plain.named_action(siid, aiid, params)))
        plain.logged([answer])
        return answer

    async def set_property(self, property_key: str, value: Any) -> list[Any]:
        """Set a property by its name in the mapping; gives a list with one result."""
        with self._one_deadline():
            ids = plain.by_name(await self._get_mapping(), property_key, "piid")
            sent = {"did": property_key, **ids, "value": value}
            return plain.logged(await self._perform(miot_calls.write_properties([sent])))

    async def call_action_from_mapping(self, name: str, params: Sequence[Any] | None = None) -> Any:
        """Call an action by its name in the mapping."""
        with self._one_deadline():
            ids = plain.by_name(await self._get_mapping(), name, "aiid")
            parameters = {"did": f"call-{name}", **ids, "in": checked_arguments(params)}
            answer = await self._perform(miot_calls.call_action(parameters))
        plain.logged([answer])
        return answer

    async def call_action(self, name: str, params: Sequence[Any] | None = None) -> Any:
        """Call an action by its name in the mapping (an older name of :meth:`call_action_from_mapping`)."""
        return await self.call_action_from_mapping(name, params)

    async def _get_mapping(self) -> MiotMapping:
        """Give the names for this model: the object's own, else those of its model, else the class's.

        :raises UnsupportedFeatureException: if there are none at all
        :raises InvalidArgument: if they are no mapping of names to numbers
        """
        own: MiotMapping | None = vars(self).get("mapping")
        if own:
            return by_name.checked_mapping(own)
        if self._mappings:
            names = plain.names_of(await self.model(), self._mappings, type(self).__name__)
            return by_name.checked_mapping(names)
        if self.mapping:
            return by_name.checked_mapping(self.mapping)
        raise UnsupportedFeatureException(
            "no names are known for this device: give AsyncMiotDevice(spec=...) or mapping=..., or use siid and piid"
        )
