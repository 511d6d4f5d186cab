"""How far a test got that asked a product for everything: what it had to leave out, and what it could not put back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from miio_lan.uart.values import token

if TYPE_CHECKING:
    from miio_lan.device.values import Property, Value


@dataclass
class Progress:
    """The course of a test.

    :param stopped: what kept it from asking for the rest, empty while nothing did
    :param told: whether other rules tell of that: the product was asked, and did not answer
    :param left_out: how many steps of each stage were not carried out
    """

    stopped: str = ""
    told: bool = False
    left_out: Counter[str] = field(default_factory=Counter)
    _changed: dict[tuple[int, int], tuple[Property, Value | None]] = field(default_factory=dict)

    def leave_out(self, stage: str, why: str, *, told: bool = False) -> None:
        """Note a step that is not carried out; the reasons that nothing else tells count most."""
        self.left_out[stage] += 1
        if not self.stopped or (self.told and not told):
            self.stopped, self.told = why, told

    def will_change(self, prop: Property, before: Value | None) -> None:
        """Note a property that is about to be set, with its value until then; None where that is not known."""
        self._changed.setdefault(prop.iid, (prop, before))

    def put_back(self, prop: Property) -> None:
        """Note that a property has its former value again."""
        self._changed.pop(prop.iid, None)

    @property
    def to_put_back(self) -> list[tuple[Property, Value]]:
        """The properties that were set and have not got their former value again, where that is known."""
        return [(prop, before) for prop, before in self._changed.values() if before is not None]

    @property
    def still_changed(self) -> list[str]:
        """What the product was left with, in words."""
        return [_changed(prop, before) for prop, before in self._changed.values()]

    @property
    def owed(self) -> list[str]:
        """What the product was left with although it was known how it had been, in words."""
        return [_changed(prop, before) for prop, before in self.to_put_back]

    @property
    def remains(self) -> str:
        """What was left out, in words: the stages, with the number of steps."""
        return ", ".join(f"{stage} ({count})" for stage, count in self.left_out.items())


def _changed(prop: Property, before: Value | None) -> str:
    where = f"property {prop.siid}.{prop.piid} ({prop.name})"
    if before is None:
        return f"{where} was set, and what it was before is not known"
    return f"{where} could not be set back to {token(before)}"
