"""Subscribing to what a device tells unasked: ``properties_changed`` and ``event_occured``.

A push-capable device says so in its answer to a hello that carries our virtual did; it then takes ``miIO.sub`` and
sends requests of its own to the port we speak from. Source: published behaviour of Xiaomi's own LAN integration.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from miio_lan.device.steps.calls import Ask, Steps
from miio_lan.errors import UnsupportedFeatureException
from miio_lan.lan.packet import Packet, PushAbility, push_ability

#: Seconds after which a listener asks whether the device still knows its subscription.
CHECK_EVERY = 30.0

#: Answers to plain hellos that may still be under way: two copies of the last one.
STALE_ANSWERS = 2
_SUBSCRIBABLE_TYPES = frozenset({0, 1, 4})
_METHODS = ("properties_changed", "event_occured")


@dataclass
class Subscription:
    """One client's subscription with one device.

    :param virtual_did: the did we pose as, 64 bits
    :param update_ts: the stamp of the subscription, Unix seconds; 0 while there is none
    :param checked: when the device was last known to hold it, monotonic seconds
    """

    virtual_did: int
    update_ts: int = 0
    checked: float = 0.0

    @property
    def check_due(self) -> float:
        """When to ask whether the device still holds it, monotonic seconds."""
        return self.checked + CHECK_EVERY

    @classmethod
    def fresh(cls, rng: random.Random | None = None) -> Subscription:
        """Make one with a random virtual did, as devices expect of controllers."""
        return cls((rng or random.Random()).randrange(1 << 32, 1 << 63))

    @staticmethod
    def greeted(greet: Callable[[], Packet]) -> Packet:
        """Greet until the answer has the mark of push, or to no end.

        An answer without it may be a late one, or a second one, to the plain hello of an earlier command.

        :param greet: says the hello with our virtual did, and gives an answer
        """
        greeting = greet()
        for _ in range(STALE_ANSWERS):
            if push_ability(greeting.sign) is not None:
                break
            greeting = greet()
        return greeting

    def subscribe(self, greeting: Packet, update_ts: int) -> Steps[None]:
        """Subscribe to everything the device can push.

        :param greeting: its answer to the hello with our virtual did
        :raises UnsupportedFeatureException: if that does not announce push
        """
        ability = _ability(greeting)
        for method in ["."] if ability.wildcard else _METHODS:
            yield Ask("miIO.sub", {**self._parameters(update_ts), "sub_method": method}, repeat_safe=True)
        self.update_ts = update_ts

    def unsubscribe(self) -> Steps[None]:
        """Give the subscription back; nothing happens where there is none."""
        if self.update_ts:
            yield Ask("miIO.unsub", self._parameters(self.update_ts), repeat_safe=True)
            self.update_ts = 0

    def still_held(self, greeting: Packet) -> bool:
        """Tell whether the device still holds it; after a restart it does not."""
        return _ability(greeting).sub_ts == self.update_ts & 0xFFFF_FFFF

    def _parameters(self, update_ts: int) -> dict[str, object]:
        return {"version": "2.0", "did": str(self.virtual_did), "update_ts": update_ts}


def _ability(greeting: Packet) -> PushAbility:
    ability = push_ability(greeting.sign)
    if ability is None or ability.type not in _SUBSCRIBABLE_TYPES:
        raise UnsupportedFeatureException(
            "this device does not tell changes by itself over the LAN: read its properties now and then instead"
        )
    return ability
