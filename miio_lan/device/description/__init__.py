"""Descriptions of products: what is in them, names for its numbers, legal values, and those of the public service.

``Spec``, ``cached(model)`` and ``fetch(model)`` can be imported from here; each is loaded when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from miio_lan.device.description.cache import cached, fetch
    from miio_lan.device.description.spec import Spec

__all__ = ["Spec", "cached", "fetch"]

_HOMES = {"Spec": "spec", "cached": "cache", "fetch": "cache"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
