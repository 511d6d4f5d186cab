"""The same as :mod:`miio_lan.device.description.spec`, under the name that scripts import it by."""

from __future__ import annotations

from miio_lan.device.description.spec import (
    Code,
    Event,
    Property,
    Service,
    Spec,
    SpecAction,
    Value,
    shipped_names,
)

__all__ = ["Code", "Event", "Property", "Service", "Spec", "SpecAction", "Value", "shipped_names"]
