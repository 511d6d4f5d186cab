"""Subscribing to what a device tells unasked: ``properties_changed`` and ``event_occured``.

A push-capable device says so in its answer to a hello that carries our virtual did; it then takes ``miIO.sub`` and
sends requests of its own to the port we speak from. Source: published behaviour of Xiaomi's own LAN integration. What
keeps the subscription alive: :mod:`miio_lan.lan.client.incoming.holding`.
"""

from __future__ import annotations

import random
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from miio_lan.device.steps.calls import Ask, Steps
from miio_lan.errors import UnsupportedFeatureException
from miio_lan.lan.client.greeting import Greeting
from miio_lan.lan.client.incoming.holding import METHODS, SUBSCRIBE, WILDCARD, Hold, refusal
from miio_lan.lan.packet import Packet, PushAbility, push_ability, shown_token

#: Answers to plain hellos that may still be under way: two copies of the last one.
STALE_ANSWERS = 2
#: Seconds to wait before asking once more, where those do not explain an answer without the mark.
PAUSES = (0.3, 0.7)
#: The same, where the device shows its token: for a moment after a start, some do.
PAUSES_WHILE_TOKEN_SHOWN = (0.3, 0.7, 1.0, 2.0, 3.0, 3.0)
#: The same, where hellos with our virtual did went unanswered, and plain ones were said between them: the network may
#: have lost just those.
PAUSES_AFTER_PLAIN = (0.3,) * 6
_SUBSCRIBABLE_TYPES = frozenset({0, 1, 4})


class Greet(NamedTuple):
    """Say hello; the reply is the answer, a :class:`Packet`."""


class Pause(NamedTuple):
    """Let some time pass; the reply is whether there is not so much left, so that none passed."""

    seconds: float


#: Steps that greet and wait, too.
GreetingSteps: TypeAlias = Generator[Ask | Greet | Pause, Any, None]


@dataclass
class Subscription:
    """One client's subscription with one device.

    :param virtual_did: the did we pose as, 64 bits
    :param update_ts: the stamp of the subscription, Unix seconds; 0 while there is none
    """

    virtual_did: int
    update_ts: int = 0

    @classmethod
    def fresh(cls, rng: random.Random | None = None) -> Subscription:
        """Make one with a random virtual did, as devices expect of controllers."""
        return cls((rng or random.Random()).randrange(1 << 32, 1 << 63))

    @staticmethod
    def greeted(greetings: Greeting | None = None) -> Generator[Greet | Pause, Any, Packet]:
        """Greet until the answer has the mark of push, or to no end.

        An answer without it may be a late one, or a second one, to the plain hello of an earlier command. A device that
        is starting may show its token in the mark's place.

        :param greetings: the hellos of the session, which may be plain ones now and then
        """
        greeting: Packet = yield Greet()
        tries = 0
        while push_ability(greeting.sign) is None:
            pauses = (0.0,) * STALE_ANSWERS + _pauses(greeting, greetings)
            if tries >= len(pauses):
                break
            if pauses[tries] and (yield Pause(pauses[tries])):
                break
            tries += 1
            greeting = yield Greet()
        return greeting

    def begin(self, unix: float, greetings: Greeting | None = None) -> GreetingSteps:
        """Greet, and subscribe to everything the device can push.

        :param unix: what time it is, Unix seconds
        :param greetings: see :meth:`greeted`
        :raises UnsupportedFeatureException: if it does not announce push
        :raises DeviceError: if it refuses
        """
        greeting = yield from self.greeted(greetings)
        yield from self.subscribe(greeting, max(self.update_ts + 1, int(unix)))

    def subscribe(self, greeting: Packet, update_ts: int) -> Steps[None]:
        """Subscribe to everything the device can push.

        :param greeting: its answer to the hello with our virtual did
        :raises UnsupportedFeatureException: if that does not announce push
        :raises DeviceError: if the device refuses, in whichever form
        """
        ability = _ability(greeting)
        for method in [WILDCARD] if ability.wildcard else METHODS:
            answer = yield Ask(
                SUBSCRIBE, {**self._parameters(update_ts), "sub_method": method}, repeat_safe=True
            )
            refused = refusal({"result": answer})
            if refused is not None:
                raise refused
        self.update_ts = update_ts

    def hold(self, now: float, unix: float) -> Hold:
        """Make the rules that keep it alive; the device has it already.

        :param now: monotonic seconds
        :param unix: the same instant in Unix seconds
        """
        return Hold(self.virtual_did, self.update_ts, now, unix)

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


def _pauses(greeting: Packet, greetings: Greeting | None) -> tuple[float, ...]:
    """Give the seconds to wait before asking once more after an answer without the mark, once for each time."""
    if greetings is not None and greetings.was_plain:
        return PAUSES_AFTER_PLAIN
    return PAUSES if shown_token(greeting) is None else PAUSES_WHILE_TOKEN_SHOWN


def _ability(greeting: Packet) -> PushAbility:
    ability = push_ability(greeting.sign)
    if ability is None and shown_token(greeting) is not None:
        raise UnsupportedFeatureException(
            "this device shows its token and does not say whether it tells changes by itself: set it up, or try again"
        )
    if ability is None or ability.type not in _SUBSCRIBABLE_TYPES:
        raise UnsupportedFeatureException(
            "this device does not tell changes by itself over the LAN: read its properties now and then instead"
        )
    return ability
