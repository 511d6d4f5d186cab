"""Requests that come from a device: recognised, told apart from their repeats, kept for a reader."""

from __future__ import annotations

import json
from collections import OrderedDict, deque
from collections.abc import Mapping
from hashlib import blake2b
from typing import NamedTuple, TypeAlias

from miio_lan.lan.client.incoming.reply import reply_id

#: Seconds for which a repeat is recognised; devices repeat every 2 to 3 s until acknowledged.
MEMORY = 30.0
#: Pushes kept for a reader, and ids remembered, at most.
MAX_PUSHES = 1000
#: Bytes of memory that the pushes kept may take, about; the latest is kept in any case. A device can send 64 KB each.
MAX_KEPT_BYTES = 16 * 1024 * 1024

#: Seconds by which a stamp may be ahead of the clock that is reckoned for the device.
_STAMPS_APART = 3
#: Seconds in which no device restarts, joins its network, is asked for its pushes anew and tells one: what comes again
#: sooner is a copy, whatever was noticed in between.
_NO_RESTART = 3.0

#: The device's id for a push, and what its content is told by.
_Key: TypeAlias = tuple[int, bytes]

_SPEC_PUSHES = frozenset({"properties_changed", "event_occured"})


class Push(NamedTuple):
    """Something a device told unasked: ``properties_changed``, ``event_occured`` or another uplink word.

    :param id: the device's id for it; repeats carry the same one, and after a restart it may come again for another
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
        # Each with the number of restarts noticed when the device said it, and the instant.
        self._seen: OrderedDict[_Key, tuple[int, float]] = OrderedDict()
        self._marks: OrderedDict[tuple[_Key, int], tuple[int, float]] = OrderedDict()
        self._restarts = 0

    @property
    def done(self) -> bool:
        """Whether a reader need not wait."""
        return bool(self.arrived)

    def restarted(self) -> None:
        """Note that the device restarted, or forgot its subscribers: what it tells from now on repeats nothing."""
        self._restarts += 1

    def take(
        self, payload: Mapping[str, object], now: float, *, stamp: int | None = None, clock: int | None = None
    ) -> tuple[dict[str, object] | None, bool]:
        """Take a request of the device.

        A repeat has the id and the content of what was said before, within seconds.

        :param stamp: the device's clock in its datagram. A device that uses an id again does so later: the same content
            with the same stamp is an old datagram, sent again by somebody, however late.
        :param clock: what the device's clock shows now; after a restart, what bears a later stamp is from before it
        :returns: the acknowledgement to send (repeats are acknowledged too; None for what is no request), and
            whether it was new
        """
        number, method = reply_id(payload), payload.get("method")
        if number is None or not isinstance(method, str):
            return None, False
        # The spec's pushes are acknowledged as subscriptions ask; older uplink words by a plain ok.
        answer: dict[str, object] = {"id": number, "result": {"code": 0} if method in _SPEC_PUSHES else "ok"}
        key = number, _digest(payload)
        self._forget(now)
        replayed = self._replayed(key, stamp, clock, now)
        if replayed or self._is_the_same_life(self._seen.get(key), now):
            if not replayed:
                self._mark(key, stamp, now)
            return answer, False
        self._mark(key, stamp, now)
        self._seen[key] = self._restarts, now
        self._seen.move_to_end(key)
        self._keep(Push(method, payload.get("params"), number, now))
        return answer, True

    def shows_now(self, payload: Mapping[str, object], stamp: int) -> bool:
        """Tell whether it is a push that was not seen with this stamp before: then the stamp shows the clock of now."""
        number = reply_id(payload)
        known = number is None or ((number, _digest(payload)), stamp) in self._marks
        return not known and isinstance(payload.get("method"), str)

    def _replayed(self, key: _Key, stamp: int | None, clock: int | None, now: float) -> bool:
        if stamp is None or (mark := self._marks.get((key, stamp))) is None:
            return False
        return self._is_the_same_life(mark, now) or clock is None or stamp > clock + _STAMPS_APART

    def _is_the_same_life(self, then: tuple[int, float] | None, now: float) -> bool:
        """Tell whether the device cannot have begun anew since then."""
        return then is not None and (then[0] == self._restarts or now - then[1] < _NO_RESTART)

    def _keep(self, push: Push) -> None:
        while len(self._bytes) > len(self.arrived):
            self._held -= self._bytes.pop(0)
        self.arrived.append(push)
        self._bytes.append(_bytes_of(push.params) + len(push.method))
        self._held += self._bytes[-1]
        while len(self.arrived) > MAX_PUSHES or (self._held > MAX_KEPT_BYTES and len(self.arrived) > 1):
            self.arrived.popleft()
            self._held -= self._bytes.pop(0)

    def _mark(self, key: _Key, stamp: int | None, now: float) -> None:
        if stamp is not None:
            self._marks[key, stamp] = self._restarts, now
            self._marks.move_to_end((key, stamp))
            while len(self._marks) > MAX_PUSHES:
                self._marks.popitem(last=False)

    def _forget(self, now: float) -> None:
        for key, (_, seen) in list(self._seen.items()):
            if now - seen <= MEMORY and len(self._seen) < MAX_PUSHES:
                return
            del self._seen[key]


def _digest(payload: Mapping[str, object]) -> bytes:
    """Give what tells the content of one push from that of another."""
    # Not hash(): a device that knows its seed could not be kept from making two alike, and 1 equals True there.
    text = json.dumps([payload.get("method"), payload.get("params")], sort_keys=True)
    return blake2b(text.encode(), digest_size=16).digest()


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
