"""Setting up a device: found at its own access point, told which Wi-Fi to join, found again there, and named.

``plan``, ``result`` and ``steps``, with what they are made of, are rules without I/O; ``places`` knows where to ask,
``keeping`` writes the file of names, ``blocking`` and ``aio`` carry the steps out.

Each name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from miio_lan.device.provision.blocking import provision
    from miio_lan.device.provision.result import Provisioned, ProvisionPhase

__all__ = ["ProvisionPhase", "Provisioned", "provision"]

_HOMES = {"ProvisionPhase": "result", "Provisioned": "result", "provision": "blocking"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
