"""Carrying out the steps of a call without a device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from miio_lan.device.steps.calls import Ask, Steps
from miio_lan.errors import DeviceException


def perform(steps: Steps[Any], answer: Callable[[Ask], Any]) -> Any:
    """Carry out the steps against a function that answers, or raises."""
    try:
        ask = next(steps)
        while True:
            try:
                reply = answer(ask)
            except DeviceException as error:
                ask = steps.throw(error)
            else:
                ask = steps.send(reply)
    except StopIteration as end:
        return end.value
