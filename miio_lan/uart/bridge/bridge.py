"""A computer between module and MCU: forwards what each says to the other, records it, and injects faults on request.

Two ports, one at each end: the module's TX and RX go to one, the MCU's to the other. What is read from one is written
to the other at once, before anybody looks at it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping

from miio_lan.errors import PortError
from miio_lan.given import checked_function, checked_words
from miio_lan.record import Observer, Record
from miio_lan.uart.bridge.faults import NOT_FORWARDED, Fault
from miio_lan.uart.bridge.interference import Interference, Passage
from miio_lan.uart.bridge.latency import Latency
from miio_lan.uart.commands import Direction
from miio_lan.uart.listening.service import LineService
from miio_lan.uart.ports.port import Port

_LOGGER = logging.getLogger(__name__)

# Direction, bytes, instant, note, and whether they count as said: of what was forwarded and not yet looked at.
_Forwarded = tuple["Direction", bytes, float, str, bool]


class Bridge(LineService[_Forwarded]):
    """Forwards between two ports. A context manager that starts and closes.

    The records say what each end said; where that is not what the other heard, the note says so, and what the bridge
    said by itself is noted too (see :mod:`~miio_lan.uart.bridge.faults`). Bytes are forwarded at once; of a busy line
    the observer hears up to 50 ms after that, of one that is nearly saturated up to 0.2 s.

    :param module: the port at whose other end the module is; it belongs to the bridge from now on
    :param mcu: the port at whose other end the MCU is; likewise
    :param observer: gets a record of every line in both directions, in the bridge's thread, after it was forwarded
    :param faults: what to inject, as :class:`~miio_lan.uart.bridge.faults.Fault` or as a text
    :param peer: what the records say about where the line is
    :raises InvalidArgument: if a fault's text is none
    """

    WHAT = "bridge"

    def __init__(
        self,
        module: Port,
        mcu: Port,
        *,
        observer: Observer | None = None,
        faults: Iterable[Fault | str] = (),
        peer: str = "",
    ) -> None:
        checked_function("observer", observer)
        # Faults depend on what was said before, whether or not anybody else wants to know.
        super().__init__(observer or _nobody, peer, {"down": module, "up": mcu})
        self.module = module
        self.mcu = mcu
        self._targets: dict[Direction, Port] = {"up": module, "down": mcu}
        self._interference = Interference(_made(faults))
        # Whether nothing was to be done to any line when something was last read: so nothing is held back.
        self._idle = False
        #: Seconds from each read to the end of the write, by direction; what faults hold back is not counted.
        self.latency: Mapping[Direction, Latency] = {"up": Latency(), "down": Latency()}
        #: Bytes forwarded, by direction.
        self.forwarded: dict[Direction, int] = {"up": 0, "down": 0}
        #: Bytes that could not be forwarded, because the other port was lost or jammed.
        self.lost = 0

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What is injected."""
        return self._loop.call(lambda: self._interference.faults)

    @property
    def injected(self) -> Mapping[str, int]:
        """How often each fault was applied so far, by its text."""
        return self._loop.call(lambda: self._interference.done)

    def inject(self, *faults: Fault | str) -> None:
        """Inject this too from now on.

        :raises InvalidArgument: if a fault's text is none
        """
        made = _made(faults)
        self._loop.call(lambda: self._interference.add(*made))

    def repair(self) -> None:
        """Inject nothing any more."""
        self._loop.call(self._interference.clear)

    # What follows runs in the loop's thread.

    @property
    def deadline(self) -> float | None:
        """When something held back or half read is due; for the loop."""
        heard = super().deadline
        if self._idle:
            return heard
        times = (heard, self._interference.deadline)
        return min([each for each in times if each is not None], default=None)

    def tick(self, now: float) -> None:
        """Do what is due; for the loop."""
        self._go(self._interference.tick(now))
        super().tick(now)

    def _on_data(self, direction: Direction, data: bytes, instant: float) -> None:
        self._idle = self._interference.lets_pass(direction, data, instant)
        if self._idle:
            note = "" if self._forward(direction, data) else NOT_FORWARDED
            gone = time.monotonic()
            self.latency[direction].add(gone - instant)
            self._backlog.add((direction, data, instant, note, True), gone, size=len(data))
            return
        if self._interference.faults:
            self._backlog.flush()  # what a line means depends on those before it
        steps = self._interference.feed(direction, data, instant, downlink=self._heard.downlink)
        gone = self._go(steps)
        if steps:
            self.latency[direction].add(gone - instant)

    def _go(self, steps: list[Passage]) -> float:
        """Forward first, look closer afterwards: reading costs more than forwarding. Give when all was forwarded."""
        arrived = [not step.deliver or self._forward(step.direction, step.data) for step in steps]
        gone = time.monotonic()
        for step, there in zip(steps, arrived, strict=True):
            note = step.note if there else ", ".join(each for each in (step.note, NOT_FORWARDED) if each)
            told = (step.direction, step.data, step.instant, note, step.heard)
            self._backlog.add(told, gone, size=len(step.data))
        return gone

    def _forward(self, direction: Direction, data: bytes) -> bool:
        try:
            self._targets[direction].write(data)
        except PortError as error:
            if not self.lost:
                _LOGGER.warning("not forwarded: %s", error)
            self.lost += len(data)
            return False
        self.forwarded[direction] += len(data)
        return True

    def _look_at(self, item: _Forwarded) -> None:
        direction, data, instant, note, heard = item
        hear = self._heard.feed if heard else self._heard.aside
        hear(direction, data, instant, note=note)

    def _decide(self) -> None:
        self._go(self._interference.flush())


def _nobody(record: Record) -> None:
    """Observe nothing."""


def _made(faults: Iterable[Fault | str]) -> list[Fault]:
    given = checked_words("faults", faults, "['drop result x1']")
    return [fault if isinstance(fault, Fault) else Fault.parse(fault) for fault in given]
