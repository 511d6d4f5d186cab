"""A product's serial line as an end-to-end test wants to see it: what was handed to the MCU, and what it answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from miio_lan.record import Record
    from miio_lan.virtual.product import VirtualProduct

#: What the module says by itself, whether or not anybody on the LAN wants something.
_OWN = ("down none", "down MIIO_")


class LineLog:
    """An observer for a :class:`VirtualProduct`: keeps requests and answers, and may act on one of them.

    Everything in here runs in the product's own thread, but for :meth:`exchange`.
    """

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._triggers: dict[str, Callable[[float], None]] = {}

    def __call__(self, record: Record) -> None:
        self.records.append(record)
        trigger = self._triggers.pop(record.raw.decode().rstrip("\r"), None)
        if trigger is not None:
            trigger(record.instant)

    def once(self, line: str, act: Callable[[float], None]) -> None:
        """Call ``act`` with the instant when this line is read for the first time, before it is answered."""
        self._triggers[line] = act

    def exchange(self, product: VirtualProduct) -> list[str]:
        """Give (and forget) the requests (``"down ..."``) and answers (``"result ..."``, ``"error ..."``) so far."""
        return product.call(lambda now: self._take())

    def _take(self) -> list[str]:
        texts = [record.raw.decode().rstrip("\r") for record in self.records]
        self.records.clear()
        return [
            text
            for text in texts
            if text.startswith(("down ", "result ", "error ")) and not text.startswith(_OWN)
        ]
