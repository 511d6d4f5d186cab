"""What a device tells unasked, and a client that subscribes to it: what was sent, and what was handed over."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from miio_lan.device.steps.subscription import STALE_ANSWERS, Subscription
from miio_lan.errors import UnsupportedFeatureException
from miio_lan.lan.packet import virtual_hello

if TYPE_CHECKING:
    from miio_lan.device.steps.calls import Steps
    from miio_lan.lan.client.call import Call
    from miio_lan.lan.client.incoming.pushes import Push
    from miio_lan.lan.client.session import Session
    from miio_lan.lan.responder.responder import Responder

#: Seconds between two looks whether the device still holds the subscription; a restart forgets it.
LOOK_EVERY = 10.0


@dataclass
class Pushes:
    """What one device told one subscriber.

    :param sent: by the device's id for it: method and parameters. Ids are never used again
    :param heard: what was handed over to the caller
    :param ended: when the caller closed the device, None where it did not
    :param denied: how often the caller was told that the device cannot push; each of them can
    """

    sent: dict[int, tuple[str, Any]] = field(default_factory=dict)
    heard: list[Push] = field(default_factory=list)
    ended: float | None = None
    denied: int = 0

    def attach(self, responder: Responder) -> None:
        """Note from now on what a device sends of its own accord."""
        send = responder.send

        def logged(payload: Mapping[str, Any], *rest: Any) -> None:
            self.sent[payload["id"]] = (payload["method"], payload["params"])
            send(payload, *rest)

        responder.send = logged  # type: ignore[method-assign]

    def faults(self) -> Iterator[str]:
        """Tell what is wrong with what was handed over."""
        if self.denied:
            yield f"told {self.denied} times that it cannot push"
        times = Counter(push.id for push in self.heard)
        for push in self.heard:
            what = f"push {push.id}, {push.method} {push.params}"
            if push.id not in self.sent:
                yield f"{what}: never sent"
            elif self.sent[push.id] != (push.method, push.params):
                yield f"{what}: sent was {self.sent[push.id]}"
            if self.ended is not None and push.instant > self.ended:
                yield f"{what}: {push.instant - self.ended:.3f} s after the end"
        yield from (
            f"push {number}: handed over {count} times" for number, count in times.items() if count > 1
        )


class Stage(Protocol):
    """What plays the time of a :class:`Subscriber`."""

    now: float

    def later(self, delay: float, what: Callable[[], object]) -> None:
        """Have something happen after so many seconds."""

    def aside(self, session: Session, call: Call, then: Callable[[Call], object]) -> None:
        """Begin a call, and go on when it is over."""


class Subscriber:
    """Keeps up a subscription through restarts, as :meth:`miio_lan.Device.next_push` does, without waiting.

    :param epoch: Unix time at instant 0
    """

    def __init__(
        self, stage: Stage, session: Session, pushes: Pushes, rng: random.Random, epoch: float
    ) -> None:
        self._stage, self._session, self._pushes, self._epoch = stage, session, pushes, epoch
        self.subscription = Subscription.fresh(rng)
        self._stale = 0

    def look(self) -> None:
        """Ask whether the device holds the subscription."""
        self._session.greeting.hello = virtual_hello(self.subscription.virtual_did)
        call = self._session.handshake(self._stage.now, timeout=5.0, retry_count=3)
        self._stage.aside(self._session, call, self._greeted)

    def _greeted(self, call: Call) -> None:
        held: bool | None = None
        if call.error is None:
            try:
                held = self.subscription.still_held(call.result)  # type: ignore[arg-type]
                self._stale = 0
            except UnsupportedFeatureException:
                self._stale += 1
                if self._stale <= STALE_ANSWERS:
                    self.look()
                    return
                self._pushes.denied += 1
        if held is False:
            self._go_on(
                self.subscription.subscribe(call.result, int(self._epoch + self._stage.now)),  # type: ignore[arg-type]
                None,
            )
        else:
            self._stage.later(LOOK_EVERY, self.look)

    def _go_on(self, steps: Steps[None], reply: object) -> None:
        try:
            ask = steps.send(reply)
        except StopIteration:
            self._stage.later(LOOK_EVERY, self.look)
            return
        call = self._session.command(
            ask.method, ask.params, self._stage.now, timeout=5.0, retry_count=3, repeat_safe=ask.repeat_safe
        )

        def answered(call: Call) -> None:
            if call.error is None:
                self._go_on(steps, call.result)
            else:
                self._stage.later(LOOK_EVERY, self.look)

        self._stage.aside(self._session, call, answered)
