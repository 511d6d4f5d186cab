"""What the MCU reports, on its way out: properties once per second with the last value winning, events at once but at
most three per second. Source: serial document, properties_changed and event_occured; observed module firmware.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence

from miio_lan.uart.commands import Argument, PropertyValue
from miio_lan.uart.document import EVENTS_PER_SECOND, MODULE_EVENTS, REPORT_INTERVAL
from miio_lan.uart.values import Value, json_text

#: Different properties waiting for the next second.
MAX_PROPERTIES = 256
#: Characters of the properties in one message, so that the datagram stays below 1000 bytes.
MAX_PROPERTIES_TEXT = 700

Emit = Callable[[str, object, float], None]


class ReportPacer:
    """Paces reports.

    :param did: the text the messages name the device by
    :param emit: called with method, params and time of each message that leaves
    :param is_open: whether reports may leave now; they wait otherwise
    """

    def __init__(self, did: str, emit: Emit, is_open: Callable[[], bool]) -> None:
        self._did = did
        self._emit = emit
        self._is_open = is_open
        self._changed: dict[tuple[int, int], Value] = {}
        self._events: deque[dict[str, object]] = deque()
        self._sent: deque[float] = deque(maxlen=EVENTS_PER_SECOND)
        self._flushed = 0.0

    def boot(self, now: float) -> None:
        """Begin anew; seconds count from here."""
        self._changed.clear()
        self._events.clear()
        self._sent.clear()
        self._flushed = now

    def change(self, changes: Sequence[PropertyValue], now: float) -> bool:
        """Take property changes.

        :return: whether there was room for them
        """
        self.tick(now)
        new = {(change.siid, change.piid) for change in changes} - self._changed.keys()
        if len(self._changed) + len(new) > MAX_PROPERTIES:
            return False
        if not self._changed:
            # The grid of seconds goes on while nothing is reported.
            self._flushed += (now - self._flushed) // REPORT_INTERVAL * REPORT_INTERVAL
        self._changed.update({(change.siid, change.piid): change.value for change in changes})
        return True

    def event(self, siid: int, eiid: int, args: Sequence[Argument], now: float) -> bool:
        """Take an event.

        :return: whether there was room for it
        """
        self.tick(now)
        if len(self._events) >= MODULE_EVENTS:
            return False
        arguments = [{"piid": arg.piid, "value": arg.value} for arg in args]
        self._events.append({"did": self._did, "siid": siid, "eiid": eiid, "arguments": arguments})
        self.tick(now)
        return True

    @property
    def deadline(self) -> float | None:
        """When :meth:`tick` is next wanted, monotonic seconds; None for never."""
        if not self._is_open():
            return None
        due = []
        if self._changed:
            due.append(self._flushed + REPORT_INTERVAL)
        if self._events:
            due.append(self._next_event())
        return min(due, default=None)

    def tick(self, now: float) -> None:
        """Let out what is due."""
        if not self._is_open():
            return
        while self._events and self._next_event() <= now:
            self._sent.append(now)
            self._emit("event_occured", self._events.popleft(), now)
        if self._changed and self._flushed + REPORT_INTERVAL <= now:
            self._flushed += (now - self._flushed) // REPORT_INTERVAL * REPORT_INTERVAL
            changed, self._changed = self._changed, {}
            self._flush(changed, now)

    def _next_event(self) -> float:
        """When the next event may leave: at once, or a second after the last but two."""
        return self._sent[0] + 1.0 if len(self._sent) == EVENTS_PER_SECOND else self._flushed

    def _flush(self, changed: dict[tuple[int, int], Value], now: float) -> None:
        message: list[dict[str, object]] = []
        size = 0
        for (siid, piid), value in changed.items():
            item: dict[str, object] = {"did": self._did, "siid": siid, "piid": piid, "value": value}
            length = len(json_text(item)) + 1
            if message and size + length > MAX_PROPERTIES_TEXT:
                self._emit("properties_changed", message, now)
                message, size = [], 0
            message.append(item)
            size += length
        self._emit("properties_changed", message, now)
