"""What makes a property table a product: what actions do, and sensor values that change by themselves."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from miio_lan.device.description.values import FLOAT_FORMATS, INTEGER_LIMITS, TEXT_FORMATS
from miio_lan.errors import SpecError
from miio_lan.foreign import show

if TYPE_CHECKING:
    from random import Random

    from miio_lan.device.description.spec import Spec, SpecAction
    from miio_lan.device.description.values import Number, Property, Value
    from miio_lan.virtual.mcu.mcu import Mcu
    from miio_lan.virtual.mcu.table import Iid

ActionHook = Callable[["Mcu", dict[int, "Value"]], "Mapping[int, Value] | int | None"]
"""What an action does: gets the MCU and the checked arguments by piid; returns values for ``out`` (those it leaves out
are the current ones), or a status code other than 0."""


def usual_actions(spec: Spec) -> dict[Iid, ActionHook]:
    """Give the actions whose meaning can be told from the description alone.

    ``toggle`` switches the ``on`` of its service (or of the only service that has one besides indicator lights), and
    ``change-NAME`` with one argument adds it to the property ``NAME`` of its service, within the range.
    """
    hooks: dict[Iid, ActionHook] = {}
    for action in spec.actions():
        hook = _toggle(spec, action) if action.name == "toggle" else _change(spec, action)
        if hook is not None:
            hooks[action.iid] = hook
    return hooks


def _toggle(spec: Spec, action: SpecAction) -> ActionHook | None:
    switches = [p for p in spec.properties() if p.name == "on" and p.format == "bool"]
    own = [p for p in switches if p.siid == action.siid]
    if not own:
        services = {p.siid: spec.service(p.siid) for p in switches}
        own = [p for p in switches if (s := services[p.siid]) is not None and "indicator" not in s.name]
    if len(own) != 1 or action.in_:
        return None
    switch = own[0].iid

    def toggle(mcu: Mcu, arguments: dict[int, Value]) -> None:  # noqa: ARG001 - every hook gets them
        mcu.put(*switch, not mcu.values[switch])

    return toggle


def _change(spec: Spec, action: SpecAction) -> ActionHook | None:
    name = action.name.removeprefix("change-")
    found = [p for p in spec.properties() if p.siid == action.siid and p.name == name]
    if name == action.name or len(found) != 1 or len(action.in_) != 1:
        return None
    prop, by = found[0], action.in_[0]

    def change(mcu: Mcu, arguments: dict[int, Value]) -> None:
        old, step = mcu.values[prop.iid], arguments[by]
        if isinstance(old, int | float) and isinstance(step, int | float):
            mcu.put(*prop.iid, nearest(prop, old + step))

    return change


def nearest(prop: Property, value: Number) -> Number:
    """Give the legal value of a numeric property that is nearest to ``value``."""
    limits = INTEGER_LIMITS.get(prop.format, (-math.inf, math.inf))
    low, high, step = prop.range or (*limits, 0 if prop.format in FLOAT_FORMATS else 1)
    value = min(max(value, low), high)
    if step and math.isfinite(low):
        steps = min(round((value - low) / step), math.floor((high - low) / step + 1e-9))
        value = low + steps * step
    # Nine decimals take back what 0.1 loses in binary: nobody's sensor says 23.700000000000003.
    return round(value, 9) if prop.format in FLOAT_FORMATS else round(value)


@dataclass
class Drift:
    """A property that changes by itself.

    :param every: seconds between two changes
    :param by: the most a number moves at once; bools flip and lists are drawn from
    :param due: the instant of the next change
    """

    prop: Property
    every: float
    by: Number
    due: float

    def __post_init__(self) -> None:
        if self.prop.format in TEXT_FORMATS and not self.prop.choices:
            raise SpecError(f"{self.prop.name} is a text; only numbers, bools and lists of values drift")
        if isinstance(self.every, bool) or not isinstance(self.every, int | float) or not self.every > 0:
            raise SpecError(f"{show(self.every)} seconds is no time between two changes")
        if isinstance(self.by, bool) or not isinstance(self.by, int | float) or not abs(self.by) < 1e300:
            raise SpecError(f"{show(self.by)} is nothing by which a number changes")

    def step(self, value: Value, rng: Random) -> Value:
        """Give the next value."""
        if self.prop.choices:
            return rng.choice(self.prop.choices)[0]
        if isinstance(value, bool) or not isinstance(value, int | float):
            return not value
        return nearest(self.prop, value + rng.uniform(-self.by, self.by))
