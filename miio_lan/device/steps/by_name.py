"""What the names of a product stand for: by its description where that is known, else by a mapping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from miio_lan.device.arguments import checked_arguments, checked_ids
from miio_lan.device.steps import plain
from miio_lan.errors import InvalidArgument, SpecError
from miio_lan.given import shown

if TYPE_CHECKING:
    from miio_lan.device.description.spec import Spec
    from miio_lan.device.steps.plain import MiotMapping

CACHE = "cache"
"""In the place of a description: that of the device's model, as it was fetched."""
_EXAMPLE = "{'power': {'siid': 2, 'piid': 1}}"


def checked_spec(spec: Any) -> Any:
    """Give a description, the word that stands for a fetched one, or None.

    :raises InvalidArgument: if it is none of them
    """
    if spec is None or (isinstance(spec, str) and spec == CACHE):
        return spec
    from miio_lan.device.description.spec import Spec

    if not isinstance(spec, Spec):
        raise InvalidArgument(
            f"spec is a Spec, such as Spec.load('lamp.json'), or {CACHE!r}, not {shown(spec)}"
        )
    return spec


def checked_mapping(mapping: Any) -> MiotMapping:
    """Give a mapping of names to numbers.

    :raises InvalidArgument: if it is none
    """
    if not isinstance(mapping, Mapping):
        raise InvalidArgument(f"mapping is a mapping such as {_EXAMPLE}, not {shown(mapping)}")
    for name, ids in mapping.items():
        fits = isinstance(name, str) and isinstance(ids, Mapping)
        if not fits or ({"piid", "aiid"} & set(ids) and "siid" not in ids):
            raise InvalidArgument(f"mapping is such as {_EXAMPLE}, but has {shown(ids)} under {shown(name)}")
        checked_ids(**{key: ids[key] for key in ("siid", "piid", "aiid") if key in ids})
    return mapping  # type: ignore[return-value]  # any mapping will do


NOTHING: Any = object()
"""In the place of a value that was not given; None is one."""


class Names:
    """The names of a product.

    :param spec: its description; values are checked by it
    :param mapping: what is looked at without one
    """

    def __init__(self, spec: Spec | None, mapping: MiotMapping | None = None) -> None:
        self._spec = spec
        self._mapping: MiotMapping = mapping or {}

    def property(self, name: str) -> tuple[int, int]:
        """Give siid and piid of a property.

        :raises SpecError: if the description has no such property, or several
        :raises InvalidArgument: if the mapping has none
        """
        if self._spec is None:
            return _ids(plain.by_name(self._mapping, name, "piid"), "piid")
        from miio_lan.device.description.names import find_property

        return find_property(self._spec, name).iid

    def assignment(self, name: str, value: object) -> tuple[int, int]:
        """Give siid and piid of a property that is to be set.

        :raises SpecError: as :meth:`property`; or if the description does not permit to set it, or not to that value
        :raises InvalidArgument: as :meth:`property`
        """
        if self._spec is None:
            return self.property(name)
        from miio_lan.device.description.names import check_value, find_property, full_name

        prop = find_property(self._spec, name)
        instead = f"write({prop.siid}, {prop.piid}, ...) sends it all the same"
        if not prop.writable:
            raise SpecError(f"{full_name(self._spec, prop)} is not writable by its description; {instead}")
        try:
            check_value(prop, value)
        except SpecError as error:
            raise SpecError(f"{error}; {instead}") from None
        return prop.iid

    def action(self, name: str, params: Any) -> tuple[int, int, list[Any]]:
        """Give siid and aiid of an action, and its arguments.

        :raises SpecError: if the description has no such action, several, or other arguments
        :raises InvalidArgument: if the mapping has none, or the arguments are no list
        """
        values = checked_arguments(params)
        if self._spec is None:
            return (*_ids(plain.by_name(self._mapping, name, "aiid"), "aiid"), values)
        from miio_lan.device.description.names import check_value, find_action, full_name

        action = find_action(self._spec, name)
        wanted = [self._spec.property(action.siid, piid) for piid in action.in_]
        instead = f"run({action.siid}, {action.aiid}, ...) sends them all the same"
        if len(values) != len(wanted):
            takes = ", ".join(prop.name if prop else "?" for prop in wanted) or "none"
            called = full_name(self._spec, action)
            raise SpecError(f"{called} takes {len(wanted)} arguments ({takes}), not {len(values)}; {instead}")
        for prop, value in zip(wanted, values, strict=True):
            # Some products take objects that say which argument is meant; of these the description says nothing.
            if prop is not None and not isinstance(value, Mapping):
                try:
                    check_value(prop, value)
                except SpecError as error:
                    raise SpecError(f"{error}; {instead}") from None
        return (*action.iid, values)


def _ids(found: Mapping[str, Any], kind: str) -> tuple[int, int]:
    return found["siid"], found[kind]


def alone(name: str, *others: object) -> None:
    """Refuse what was given beside a name that stands for two numbers.

    :raises InvalidArgument: if there is something
    """
    if any(each is not None for each in others):
        raise InvalidArgument(
            "a number is a whole number from 1, and a name such as 'light:on' stands for both numbers: "
            f"{shown(name)} has another one beside it"
        )
