"""Requests that come from a device: recognised, told apart from their repeats, kept for a reader."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping
from typing import NamedTuple

from miio_lan.lan.client.incoming.reply import reply_id

#: Seconds for which a repeat is recognised; devices repeat every 2 to 3 s until acknowledged.
MEMORY = 30.0
#: Pushes kept for a reader, and ids remembered, at most.
MAX_PUSHES = 1000
#: Bytes of memory that the pushes kept may take, about; the latest is kept in any case. A device can send 64 KB each.
MAX_BYTES = 16 * 1024 * 1024

_SPEC_PUSHES = frozenset({"properties_changed", "event_occured"})


class Push(NamedTuple):
    """Something a device told unasked: ``properties_changed``, ``event_occured`` or another uplink word.

    :param id: the device's id for it; repeats carry the same one
    :param instant: monotonic seconds of arrival
    """

    method: str
    params: object
    id: int
    instant: float


class PushInbox:
    """The pushes of one device; the oldest make room when nobody reads them."""

    def __init__(self) -> None:
        self.arrived: deque[Push] = deque()
        # Of those that have arrived, the last ones alike: a reader takes them away from the front.
        self._bytes: list[int] = []
        self._held = 0
        self._seen: OrderedDict[int, float] = OrderedDict()
        self._marks: OrderedDict[tuple[int, int], None] = OrderedDict()

    @property
    def done(self) -> bool:
        """Whether a reader need not wait."""
        return bool(self.arrived)

    def take(
        self, payload: Mapping[str, object], now: float, *, stamp: int | None = None
    ) -> tuple[dict[str, object] | None, bool]:
        """Take a request of the device.

        :param stamp: the device's clock in its datagram. A device that uses an id again does so later: the same id with
            the same stamp is an old datagram, sent again by somebody, however late.
        :returns: the acknowledgement to send (repeats are acknowledged too; None for what is no request), and
            whether it was new
        """
        number, method = reply_id(payload), payload.get("method")
        if number is None or not isinstance(method, str):
            return None, False
        # The spec's pushes are acknowledged as subscriptions ask; older uplink words by a plain ok.
        answer: dict[str, object] = {"id": number, "result": {"code": 0} if method in _SPEC_PUSHES else "ok"}
        self._forget(now)
        replayed = stamp is not None and (number, stamp) in self._marks
        self._mark(number, stamp)
        if replayed or number in self._seen:
            return answer, False
        self._seen[number] = now
        self._keep(Push(method, payload.get("params"), number, now))
        return answer, True

    def _keep(self, push: Push) -> None:
        while len(self._bytes) > len(self.arrived):
            self._held -= self._bytes.pop(0)
        self.arrived.append(push)
        self._bytes.append(_bytes_of(push.params) + len(push.method))
        self._held += self._bytes[-1]
        while len(self.arrived) > MAX_PUSHES or (self._held > MAX_BYTES and len(self.arrived) > 1):
            self.arrived.popleft()
            self._held -= self._bytes.pop(0)

    def _mark(self, number: int, stamp: int | None) -> None:
        if stamp is not None:
            self._marks[number, stamp] = None
            while len(self._marks) > MAX_PUSHES:
                self._marks.popitem(last=False)

    def _forget(self, now: float) -> None:
        for number, seen in list(self._seen.items()):
            if now - seen <= MEMORY and len(self._seen) < MAX_PUSHES:
                return
            del self._seen[number]


def _bytes_of(value: object) -> int:
    """Estimate the memory that plain JSON values take: a list of small numbers takes 20 times its text."""
    held, rest = 0, [value]
    while rest:
        each = rest.pop()
        if isinstance(each, dict):
            held += 64 + 100 * len(each) + sum(map(len, each))
            rest.extend(each.values())
        elif isinstance(each, list):
            held += 64 + 8 * len(each)
            rest.extend(each)
        else:
            held += 64 + (len(each) * (1 if each.isascii() else 4) if isinstance(each, str) else 0)
    return held
