"""The same as :mod:`miio_lan.device.description.values`, under the name that scripts import it by."""

from __future__ import annotations

from miio_lan.device.description.values import (
    ACCESS,
    FLOAT_FORMATS,
    FORMATS,
    INTEGER_LIMITS,
    LARGEST,
    TEXT_FORMATS,
    Code,
    Number,
    Property,
    Value,
    is_same,
    on_step,
    show,
)

__all__ = [
    "ACCESS",
    "FLOAT_FORMATS",
    "FORMATS",
    "INTEGER_LIMITS",
    "LARGEST",
    "TEXT_FORMATS",
    "Code",
    "Number",
    "Property",
    "Value",
    "is_same",
    "on_step",
    "show",
]
