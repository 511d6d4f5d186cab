"""A computer between module and MCU: forwards what each says to the other, records it, and injects faults on request.

Two ports, one at each end: the module's TX and RX go to one, the MCU's to the other. What is read from one is written
to the other at once, before anybody looks at it.
"""

from __future__ import annotations

import logging
import time
from functools import partial
from typing import TYPE_CHECKING, Self

from miio_lan.errors import PortError
from miio_lan.loop import Loop
from miio_lan.uart.bridge.faults import NOT_FORWARDED, Fault
from miio_lan.uart.bridge.interference import Interference
from miio_lan.uart.bridge.latency import Latency
from miio_lan.uart.listening.backlog import Backlog
from miio_lan.uart.listening.overhearing import Overhearing
from miio_lan.uart.listening.tap import wall_clock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import TracebackType

    from miio_lan.record import Observer, Record
    from miio_lan.uart.bridge.interference import Passage
    from miio_lan.uart.commands import Direction
    from miio_lan.uart.ports.port import Outage, Port

_LOGGER = logging.getLogger(__name__)

# Direction, bytes, instant, note, and whether they count as said: of what was forwarded and not yet looked at.
_Told = tuple["Direction", bytes, float, str, bool]


class Bridge:
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

    def __init__(
        self,
        module: Port,
        mcu: Port,
        *,
        observer: Observer | None = None,
        faults: Iterable[Fault | str] = (),
        peer: str = "",
    ) -> None:
        self.module = module
        self.mcu = mcu
        self._sources: dict[Direction, Port] = {"up": mcu, "down": module}
        self._targets: dict[Direction, Port] = {"up": module, "down": mcu}
        # Faults depend on what was said before, whether or not anybody else wants to know.
        self._said = Overhearing(observer or _nobody, wall=wall_clock, peer=peer)
        self._backlog: Backlog[_Told] = Backlog(self._tell)
        self._interference = Interference(_made(faults))
        # Whether nothing was to be done to any line when it was last asked, and nothing has been asked for since.
        self._idle = False
        self._loop = Loop("miio bridge")
        self._gone = 0.0  # when the last bytes had been written
        self._state = "new"
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

        def add() -> None:
            self._idle = False
            self._interference.add(*made)

        self._loop.call(add)

    def repair(self) -> None:
        """Inject nothing any more."""
        self._loop.call(self._interference.clear)

    def start(self) -> None:
        """Begin to forward.

        :raises PortError: if it was started or closed before
        """
        if self._state != "new":
            raise PortError(
                "the bridge was started before" if self._state == "running" else "the bridge is closed"
            )
        self._state = "running"
        self._loop.add_timed(self)
        self._loop.start()
        try:
            # In one go, so that nothing is read before both can write.
            self._loop.call(self._listen)
        except PortError:
            self.close()
            raise

    def close(self) -> None:
        """Stop, and free ports and thread. What was held back is forwarded first. May be called twice."""
        if self._state == "closed":
            return
        running, self._state = self._state == "running", "closed"
        if running:
            self._loop.call(self._finish)
        self.module.close()
        self.mcu.close()
        self._loop.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # What follows runs in the loop's thread.

    @property
    def deadline(self) -> float | None:
        """When something held back or half read is due; for the loop."""
        heard = self._backlog.deadline or self._said.deadline
        if self._idle:
            return heard
        held = self._interference.deadline
        if held is None or heard is None:
            return heard if held is None else held
        return min(held, heard)

    def tick(self, now: float) -> None:
        """Do what is due; for the loop."""
        self._go(self._interference.tick(now))
        self._backlog.tick(now)
        if self._backlog.deadline is None:
            self._said.tick(now)

    def _listen(self) -> None:
        for direction, port in self._sources.items():
            port.start(
                partial(self._on_data, direction),
                on_outage=partial(self._on_outage, direction),
                loop=self._loop,
            )

    def _on_data(self, direction: Direction, data: bytes, instant: float) -> None:
        self._idle = self._interference.lets_pass(direction, data)
        if self._idle:
            note = "" if self._forward(direction, data) else NOT_FORWARDED
            self._gone = gone = time.monotonic()
            self.latency[direction].add(gone - instant)
            self._backlog.add((direction, data, instant, note, True), gone)
            return
        if self._interference.faults:
            self._backlog.flush()  # what a line means depends on those before it
        steps = self._interference.feed(direction, data, instant, downlink=self._said.downlink)
        self._go(steps)
        if steps:
            self.latency[direction].add(self._gone - instant)

    def _go(self, steps: list[Passage]) -> None:
        """Forward first, look closer afterwards: reading a line costs more than forwarding it."""
        arrived = [self._forward(step.direction, step.data) if step.deliver else True for step in steps]
        self._gone = time.monotonic()
        for step, there in zip(steps, arrived, strict=True):
            note = step.note if there else ", ".join(each for each in (step.note, NOT_FORWARDED) if each)
            self._backlog.add((step.direction, step.data, step.instant, note, step.heard), self._gone)

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

    def _tell(self, told: _Told) -> None:
        direction, data, instant, note, heard = told
        if heard:
            self._said.feed(direction, data, instant, note=note)
        else:
            self._said.aside(direction, data, instant, note=note)

    def _on_outage(self, direction: Direction, outage: Outage) -> None:
        self._backlog.flush()
        note = f"outage: {outage.reason}" if outage.ended is None else "outage over"
        self._said.mark(note, direction, outage.began if outage.ended is None else outage.ended)

    def _finish(self) -> None:
        self._go(self._interference.flush())
        self._backlog.flush()
        self._said.flush()
        self._loop.remove_timed(self)
        self.module.stop()
        self.mcu.stop()


def _nobody(record: Record) -> None:
    """Observe nothing."""


def _made(faults: Iterable[Fault | str]) -> list[Fault]:
    return [Fault.parse(fault) if isinstance(fault, str) else fault for fault in faults]
