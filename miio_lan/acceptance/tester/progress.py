"""How far a test got that asked a product for everything: what it had to leave out, and what it could not put back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from miio_lan.device.description.values import Property, Value
from miio_lan.errors import RecordError
from miio_lan.uart.values import token

BROKEN_OFF = "the firmware update was broken off"
STRANDED = f"{BROKEN_OFF}; the MCU was not heard since, and may wait for it in its bootloader"
# What of a course is a text: empty or None where there is nothing to tell.
_TEXTS = ("stopped", "cut", "transfer_failed", "firmware_version", "broken_off")


@dataclass
class Progress:
    """The course of a test.

    :param stopped: what kept it from asking for the rest, empty while nothing did
    :param told: whether other rules tell of that: the product was asked, and did not answer
    :param left_out: how many steps of each stage were not carried out
    :param cut: why it ended before its end through no fault of the product, empty when it did not
    :param transfer_failed: why the firmware did not arrive; empty when it did, None when none was sent
    :param firmware_version: the version the MCU is to report after an update, None when nobody said
    :param broken_off: what became of an update that an interruption ended, empty without one
    """

    stopped: str = ""
    told: bool = False
    left_out: Counter[str] = field(default_factory=Counter)
    cut: str = ""
    transfer_failed: str | None = None
    firmware_version: str | None = None
    broken_off: str = ""
    # The properties that were set, each with its value until then; None where that is not known.
    _changed: dict[Property, Value | None] = field(default_factory=dict)

    def leave_out(self, stage: str, why: str, *, told: bool = False) -> None:
        """Note a step that is not carried out; the reasons that nothing else tells count most."""
        self.left_out[stage] += 1
        if not self.stopped or (self.told and not told):
            self.stopped, self.told = why, told

    def will_change(self, prop: Property, before: Value | None) -> None:
        """Note a property that is about to be set, with its value until then; None where that is not known."""
        self._changed.setdefault(prop, before)

    def put_back(self, prop: Property) -> None:
        """Note that a property has its former value again."""
        self._changed.pop(prop, None)

    @property
    def to_put_back(self) -> list[tuple[Property, Value]]:
        """The properties that were set and have not got their former value again, where that is known."""
        # One that comes from a recording is known by its name alone: nobody can set it.
        changed = self._changed.items()
        return [(prop, before) for prop, before in changed if prop.writable and before is not None]

    @property
    def still_changed(self) -> list[str]:
        """What the product was left with, in words."""
        # Whoever interrupts the test asks for it while the test goes on in another thread.
        return [_told(prop, before) for prop, before in self._changed.copy().items()]

    @property
    def left_behind(self) -> list[str]:
        """What whoever interrupts the test has to know of the product, in words."""
        return [*self.still_changed, *filter(None, [self.broken_off])]

    @property
    def owed(self) -> list[str]:
        """What the product was left with although it was known how it had been, in words."""
        return [_told(prop, before) for prop, before in self._changed.items() if before is not None]

    @property
    def lost(self) -> list[str]:
        """What the product was left with where nobody knows how it had been, in words."""
        return [_told(prop, before) for prop, before in self._changed.items() if before is None]

    @property
    def remains(self) -> str:
        """What was left out, in words: the stages, with the number of steps."""
        return ", ".join(f"{stage} ({count})" for stage, count in self.left_out.items())

    def as_json(self) -> dict[str, object]:
        """Give it as plain JSON values, for a recording of the test."""
        return {
            **{key: getattr(self, key) for key in _TEXTS},
            "told": self.told,
            "left_out": dict(self.left_out),
            "changed": [
                {"siid": prop.siid, "piid": prop.piid, "name": prop.name, "before": before}
                for prop, before in self._changed.items()
            ],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Self:
        """Make it from what :meth:`as_json` gave; what was changed has words then, but cannot be put back.

        :raises RecordError: if ``data`` is no such object
        """
        texts = {key: text for key in _TEXTS if (text := _text(data, key)) is not None}
        changed = data.get("changed", [])
        changes = map(_change, changed if isinstance(changed, (list, tuple)) else (changed,))
        return cls(
            **texts,
            told=data.get("told") is True,
            left_out=_counts(data.get("left_out", {})),
            _changed=dict(changes),
        )


def _told(prop: Property, before: Value | None) -> str:
    where = f"property {prop.siid}.{prop.piid} ({prop.name})"
    if before is None:
        return f"{where} was set, and what it was before is not known"
    return f"{where} could not be set back to {token(before)}"


def _text(data: Mapping[str, object], key: str) -> str | None:
    value = data.get(key)
    if value is not None and not isinstance(value, str):
        raise RecordError(f"progress: {key} is a text, not {type(value).__name__}")
    return value


def _counts(value: object) -> Counter[str]:
    if not isinstance(value, Mapping) or not all(
        isinstance(key, str) and isinstance(count, int) for key, count in value.items()
    ):
        raise RecordError("progress: left_out has a number for each stage")
    return Counter(value)


def _change(item: object) -> tuple[Property, Value | None]:
    """Read a property that was set, of which no more is known than its name, and its value before."""
    if not isinstance(item, Mapping):
        raise RecordError(f"progress: a change is an object, not {type(item).__name__}")
    siid, piid, before = item.get("siid"), item.get("piid"), item.get("before")
    if not isinstance(siid, int) or not isinstance(piid, int):
        raise RecordError("progress: a change names siid and piid")
    if before is not None and not isinstance(before, (bool, int, float, str)):
        raise RecordError(f"progress: a value is none of the line's, but {type(before).__name__}")
    return Property(siid, piid, "", _text(item, "name") or "", "", "", access=frozenset()), before
