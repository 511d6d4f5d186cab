"""What is wrong with a device that does not answer: observations, and rules that judge them.

``observed``, ``findings``, ``judging`` and the rules it calls do no I/O; ``wire`` and ``system`` look, ``examining``
says what at. Each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from miio_lan.device.doctor.examining import diagnose
    from miio_lan.device.doctor.findings import CheckedStep, Diagnosis, StepVerdict

__all__ = ["CheckedStep", "Diagnosis", "StepVerdict", "diagnose"]

_HOMES = {
    "Diagnosis": "findings",
    "CheckedStep": "findings",
    "StepVerdict": "findings",
    "diagnose": "examining",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
