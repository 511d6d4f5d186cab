"""One command's way through the product: over the LAN, through the module, over the line to the MCU, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from miio_lan.record import Record

NOT_FETCHED: Final = "not fetched"
"""The MCU never got it: no ``down`` was handed out."""
NOT_ANSWERED: Final = "not answered"
"""The MCU fetched it and said nothing, until the module gave up."""
ANSWERED_LATE: Final = "answered late"
"""The MCU answered when the module had given up."""
REFUSED: Final = "refused"
"""The MCU (or the module by itself) said no: ``error``, or negative codes alone."""
ANSWERED_WRONGLY: Final = "answered wrongly"
"""The MCU's answer is not one the module can use, or not what reached the client."""
REPLY_LOST: Final = "reply lost"
"""The MCU answered, and nothing reached the client."""
NO_REPLY: Final = "no reply"
"""The client got nothing to a command that the module answers by itself."""

STOPS: Final = (NOT_FETCHED, NOT_ANSWERED, ANSWERED_LATE, REFUSED, ANSWERED_WRONGLY, REPLY_LOST, NO_REPLY)

STEPS: Final = ("request", "down", "result", "acknowledgement", "reply")
"""The steps of a command, in their order."""


@dataclass(frozen=True)
class Part:
    """One ``down`` and what became of it; a module may cut a long list of properties into several.

    :param down: the line that was handed out; None where it was not seen
    :param result: the ``result`` or ``error`` of the MCU
    :param acknowledgement: what the module said to that
    :param readings: their neutral readings, the result in the layout of this ``down``
    """

    down: Record | None
    result: Record | None = None
    acknowledgement: Record | None = None
    readings: Mapping[str, Mapping[str, object]] = field(default_factory=dict, hash=False)

    @property
    def mcu_time(self) -> float | None:
        """Seconds from the hand-out to the answer."""
        return seconds_between(self.down, self.result)


@dataclass(frozen=True)
class Exchange:
    """A command and all that was seen of it.

    ``down``, ``result`` and ``acknowledgement`` are those of the part at which it stopped, or of the first one;
    :attr:`parts` has all.

    :param method: the method, the same word on both wires
    :param params: the parameters: of the LAN request, or (nobody asked on the LAN as far as was seen) of the ``down``
    :param request: the LAN request, when it was sent first; None for the commands of others (phone app, cloud)
    :param reply: what ended the command on the LAN
    :param ids: the LAN message ids it was sent under, in order
    :param parts: the lines it became; none where the module answered by itself, or nothing was fetched
    :param records: everything that belongs to it, resends and repeated answers included, in order of time
    :param stopped_at: None when all went through, else one of :data:`STOPS`
    :param ambiguous: whether what was seen can be matched, or explained, in more than one way; the likeliest is given
    :param notes: what else is to be said about it, in plain words
    :param open: whether something may still come (only while the observation goes on)
    :param stopped_part: the place in :attr:`parts` of the one at which it stopped; 0 where it did not
    """

    method: str
    params: object = field(default=None, hash=False)
    request: Record | None = None
    reply: Record | None = None
    ids: tuple[int, ...] = ()
    parts: tuple[Part, ...] = ()
    records: tuple[Record, ...] = ()
    stopped_at: str | None = None
    ambiguous: bool = False
    notes: tuple[str, ...] = ()
    open: bool = False
    stopped_part: int = 0

    @property
    def part(self) -> Part:
        """The part at which it stopped, or the first one; an empty one where there is none."""
        return self.parts[self.stopped_part] if self.parts else Part(None)

    @property
    def down(self) -> Record | None:
        """The line that was handed out to the MCU."""
        return self.part.down

    @property
    def result(self) -> Record | None:
        """The answer of the MCU, ``result`` or ``error``."""
        return self.part.result

    @property
    def acknowledgement(self) -> Record | None:
        """What the module said to the answer."""
        return self.part.acknowledgement

    @property
    def readings(self) -> dict[str, Mapping[str, object]]:
        """The neutral readings of the steps that were seen, by the names in :data:`STEPS`."""
        request = {"request": self.request.reading or {}} if self.request is not None else {}
        reply = {"reply": self.reply.reading or {}} if self.reply is not None else {}
        return {**request, **self.part.readings, **reply}

    @property
    def complete(self) -> bool:
        """Whether all went through."""
        return self.stopped_at is None and not self.open

    @property
    def fetch_time(self) -> float | None:
        """Seconds from the request to the first ``down``."""
        first = next((part.down for part in self.parts if part.down is not None), None)
        return seconds_between(self.request, first)

    @property
    def mcu_time(self) -> float | None:
        """Seconds from a ``down`` to its answer; the longest time when there are several parts."""
        return max((part.mcu_time for part in self.parts if part.mcu_time is not None), default=None)

    @property
    def total_time(self) -> float | None:
        """Seconds from the request to the reply."""
        return seconds_between(self.request, self.reply)

    def as_json(self) -> dict[str, object]:
        """Return it as plain JSON values, without the records but for their readings."""
        return {
            "method": self.method,
            "params": self.params,
            "ids": list(self.ids),
            "stopped_at": self.stopped_at,
            "ambiguous": self.ambiguous,
            "notes": list(self.notes),
            "fetch_time": self.fetch_time,
            "mcu_time": self.mcu_time,
            "total_time": self.total_time,
            "readings": dict(self.readings),
        }


def seconds_between(first: Record | None, second: Record | None) -> float | None:
    """Give the seconds from one record to a later one; None where one of them was not seen."""
    if first is None or second is None:
        return None
    # The two wires are stamped by different readers: one may be a little late.
    return max(0.0, second.instant - first.instant)
