"""Who wants to be told: ``miIO.sub`` and ``miIO.unsub`` on the device's side, and pushes repeated until acknowledged.

Rules only: the responder asks what to send and says what was acknowledged. Source: published integrations and
captures of push-capable products (up to 4 subscribers, repeats every 2 to 3 s).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

#: Where a datagram came from or goes to: host and port, with flow and scope for IPv6.
Address: TypeAlias = tuple[str, int] | tuple[str, int, int, int]

MAX_SUBSCRIBERS = 4
NOT_SUBSCRIBED = 0xFFFF_FFFF
"""Told to whoever has no subscription, and the stamp of none. Xiaomi's own client remembers 0 before its first one, and
subscribes where it is told another number than it remembers."""
#: Unacknowledged pushes kept per subscriber; the oldest gives way.
MAX_UNACKNOWLEDGED = 16
#: How often one push is sent before it is given up.
MAX_ATTEMPTS = 8
WILDCARD = "."

_PUSHED = frozenset({"properties_changed", "event_occured"})
#: What a device answers to parameters that are none, and to more than it takes.
INVALID_PARAM = (-32602, "Invalid param.")
TOO_COMPLEX = (-32605, "Too many obj")


@dataclass(slots=True)
class _OpenPush:
    payload: dict[str, object]
    due: float
    attempts: int = 0


@dataclass(slots=True)
class _Subscriber:
    address: Address
    update_ts: int
    methods: set[str] = field(default_factory=set)
    waiting: dict[int, _OpenPush] = field(default_factory=dict)

    def wants(self, method: str) -> bool:
        return method in self.methods or WILDCARD in self.methods


class Subscriptions:
    """The subscribers of one device.

    :param interval: seconds between the repeats of an unacknowledged push
    """

    def __init__(self, *, interval: float = 2.5) -> None:
        self.interval = interval
        self.given_up = 0
        self._subscribers: dict[str, _Subscriber] = {}
        self._next_id = 1

    def __len__(self) -> int:
        return len(self._subscribers)

    def sub_ts(self, virtual_did: int) -> int:
        """Give the stamp of the subscription held for a controller, :data:`NOT_SUBSCRIBED` where there is none."""
        known = self._subscribers.get(str(virtual_did))
        return known.update_ts if known else NOT_SUBSCRIBED

    def subscribe(self, params: object, peer: Address, *, wildcard: bool) -> tuple[int, str] | None:
        """Take a ``miIO.sub``.

        :param wildcard: whether the ``sub_method`` ``"."`` is understood
        :return: None when it was accepted, else the error code and message
        """
        asked = _read(params)
        if asked is None:
            return INVALID_PARAM
        did, update_ts, method = asked
        if method not in _PUSHED and not (method == WILDCARD and wildcard):
            return INVALID_PARAM
        known = self._subscribers.get(did)
        if known is None:
            if len(self._subscribers) >= MAX_SUBSCRIBERS:
                return TOO_COMPLEX
            known = self._subscribers[did] = _Subscriber(peer, update_ts)
        # A controller that comes back from another port or with a new stamp replaces what it had before.
        known.address, known.update_ts = peer, update_ts
        known.methods.add(method)
        return None

    def unsubscribe(self, params: object) -> tuple[int, str] | None:
        """Take a ``miIO.unsub``: the did and the ``update_ts`` of the subscription must be given.

        :return: None when nothing is subscribed any more, else the error code and message
        """
        asked = _read(params)
        if asked is None:
            return INVALID_PARAM
        did, update_ts, _ = asked
        known = self._subscribers.get(did)
        if known is not None and known.update_ts != update_ts:
            return INVALID_PARAM
        self._subscribers.pop(did, None)
        return None

    def push(self, method: str, params: object, now: float) -> None:
        """Queue a message for everyone who asked for its method; the next :meth:`due` sends it."""
        for subscriber in self._subscribers.values():
            if not subscriber.wants(method):
                continue
            if len(subscriber.waiting) >= MAX_UNACKNOWLEDGED:
                del subscriber.waiting[next(iter(subscriber.waiting))]
                self.given_up += 1
            payload = {"id": self._next_id, "method": method, "params": params}
            subscriber.waiting[self._next_id] = _OpenPush(payload, now)
            self._next_id = self._next_id % 0x7FFF_FFFF + 1

    def acknowledged(self, message_id: object, peer: Address) -> bool:
        """Note that a subscriber acknowledged a push.

        :return: whether that push was waiting for it
        """
        if not isinstance(message_id, int):
            return False
        for subscriber in self._subscribers.values():
            if subscriber.address == peer and subscriber.waiting.pop(message_id, None) is not None:
                return True
        return False

    def due(self, now: float) -> Iterator[tuple[dict[str, object], Address]]:
        """Give what is to be sent now, first attempts and repeats."""
        for subscriber in self._subscribers.values():
            for message_id, push in list(subscriber.waiting.items()):
                if push.due > now:
                    continue
                if push.attempts >= MAX_ATTEMPTS:
                    del subscriber.waiting[message_id]
                    self.given_up += 1
                    continue
                push.attempts += 1
                push.due = now + self.interval
                yield push.payload, subscriber.address

    @property
    def deadline(self) -> float | None:
        """When :meth:`due` next has something to do, monotonic seconds."""
        return min(
            (push.due for who in self._subscribers.values() for push in who.waiting.values()), default=None
        )

    def clear(self) -> None:
        """Forget everyone, as a restart does. Ids go on, so that no push is taken for the repeat of another."""
        self._subscribers.clear()


def _read(params: object) -> tuple[str, int, str] | None:
    if not isinstance(params, Mapping):
        return None
    did, update_ts = params.get("did"), params.get("update_ts", 0)
    method = params.get("sub_method", WILDCARD)
    if isinstance(did, int) and not isinstance(did, bool):
        did = str(did)
    if not isinstance(did, str) or not did or len(did) > 20 or not isinstance(method, str):
        return None
    if not isinstance(update_ts, int) or isinstance(update_ts, bool) or not 0 <= update_ts < NOT_SUBSCRIBED:
        return None
    return did, update_ts, method
