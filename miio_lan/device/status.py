"""Containers for what a device reports of itself."""

from __future__ import annotations

import inspect
import warnings
from reprlib import recursive_repr

from miio_lan.foreign import printable
from miio_lan.record.redact import HIDDEN, is_secret


class DeviceStatus:
    """Base class of status containers: its repr lists all defined properties and their values.

    A property whose value cannot be computed is shown with the name of its error, so that one odd answer of a device
    does not hide the others.
    """

    @recursive_repr()
    def __repr__(self) -> str:
        shown = "".join(f" {name}={self._shown(name)}" for name in self._property_names())
        return printable(f"<{type(self).__name__}{shown}>")

    @classmethod
    def _property_names(cls) -> list[str]:
        found = inspect.getmembers_static(cls, lambda member: isinstance(member, property))
        return [name for name, _ in found if not name.startswith("_")]

    def _shown(self, name: str) -> object:
        try:
            with warnings.catch_warnings():
                # Nobody who looks at the whole has chosen the property that is out of date.
                warnings.simplefilter("ignore", DeprecationWarning)
                value = getattr(self, name)
        except Exception as error:  # noqa: BLE001 - any error of a user's property belongs into the picture
            return type(error).__name__
        return HIDDEN if is_secret(name, value) else value
