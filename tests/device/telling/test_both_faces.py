"""What a device tells over a bad link: by either face, called back or waited for, the same is handed on, each once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.clockwork import TOKEN, Network, SimulatedDevice, run, simulated_network
from support.schedule import fated, scheduled_network

from miio_lan import AsyncDevice, Device, DeviceException
from miio_lan.device.telling import aio
from miio_lan.lan.client.incoming.pushes import Push
from miio_lan.lan.packet import decode

#: What may become of a datagram. None is under way for more than 2 s: as stamps are whole seconds, what is 3 s late
#: shows another restart to whoever reads it.
FATES = {
    "well": [0.0021],
    "lost": [],
    "twice": [0.0021, 0.0047],
    "late": [0.3013],
    "later": [1.8071],
    "both": [0.0021, 1.6037],
}
CHANGED = "properties_changed"
#: Seconds before a restart, so that nothing of before is under way any more, and the device's clock surely falls.
QUIET = 12.0
#: Seconds after which everything has settled: repeats are over, a lost subscription was noticed and made anew.
SETTLED = 90.0
#: How often the fates of datagrams come again.
ROUNDS = 6
#: Seconds between two looks of the device whether something is to be repeated.
TICK = 0.5117
#: Real seconds; only ever waited for in full when a test fails.
PATIENCE = 100.0


class Happening(NamedTuple):
    """What happens at the device, some seconds after what happened before.

    :param what: a content to tell; or a restart that ``forget``s the subscribers, or one that ``keep``s them
    """

    pause: float
    what: str


class Told(NamedTuple):
    """A push that was handed on, or that arrived.

    :param instant: when it arrived
    :param handed: when it was handed on
    """

    id: int
    content: str
    instant: float
    handed: float = 0.0


class Truth:
    """What the device told, and what of it arrived: each with the number of restarts before it."""

    def __init__(self, network: Network, device: SimulatedDevice) -> None:
        self.restarts = 0
        #: Since when somebody listens.
        self.since = 0.0
        #: What was sent, and what arrived of it: number of restarts, id, content.
        self.sent: set[tuple[int, int, str]] = set()
        self.arrived: list[tuple[int, Told]] = []
        #: What looks, to the letter, like what was sent before a restart: nobody can know what it is.
        self.alike: set[tuple[int, int, str]] = set()
        self._network, self._device = network, device
        self._first: dict[bytes, int] = {}
        network.carry = self._carry  # type: ignore[method-assign]

    def restart(self, *, keeps: bool) -> None:
        """Have the device restart: its ids begin anew."""
        subscriptions = self._device.responder.subscriptions
        known = dict(subscriptions._subscribers)
        self.restarts += 1
        self._device.responder.restart(self._network.loop.now)
        subscriptions._next_id = 1
        if keeps:
            for each in known.values():
                each.waiting.clear()
            subscriptions._subscribers.update(known)

    def _carry(self, direction: str, address: Any, datagram: bytes) -> None:
        told = read(direction, datagram)
        if told is not None:
            self.sent.add((self.restarts, *told))
            if self._first.setdefault(datagram, self.restarts) != self.restarts:
                self.alike.add((self.restarts, *told))
        for delay in self._network.fate(direction, address):
            self._network.loop.call_later(
                delay, self._arrive, told, self.restarts, direction, address, datagram
            )

    def _arrive(self, told: tuple[int, str] | None, restarts: int, *datagram: Any) -> None:
        if told is not None:
            self.arrived.append((restarts, Told(*told, round(self._network.loop.now, 3))))
        self._network._arrive(*datagram)

    def check(self, handed: list[Told]) -> None:
        """Nothing is invented, nothing handed on twice, nothing that arrived is swallowed."""
        found = [self._origin(each) for each in handed]
        assert all(each.handed - max(each.instant, self.since) < 0.01 for each in handed)
        assert set(found) <= self.sent
        assert len(set(found)) == len(found)
        arrived = {(restarts, told.id, told.content) for restarts, told in self.arrived}
        assert arrived - set(found) <= self.alike

    def _origin(self, handed: Told) -> tuple[int, int, str]:
        """Tell how many restarts were before a push that was handed on."""
        of = [
            restarts
            for restarts, told in self.arrived
            if told[:2] == handed[:2] and told.instant <= handed.instant
        ]
        assert of, "it was handed on and never arrived"
        return of[-1], handed.id, handed.content


def read(direction: str, datagram: bytes) -> tuple[int, str] | None:
    """Give id and content of a push, None for anything else."""
    payload: Any = decode(datagram, TOKEN).payload if direction == "up" and len(datagram) > 32 else None
    if not isinstance(payload, dict) or payload.get("method") != CHANGED:
        return None
    return payload["id"], payload["params"][0]


def prepare(network: Network, happenings: list[Happening], fates: list[str]) -> tuple[Truth, float]:
    """Let things happen at a device, and tell when all of it is over."""
    fated(network, fates, rounds=ROUNDS, kinds=FATES)
    device = network.device(1)
    truth = Truth(network, device)
    after = 5.0
    for pause, what in happenings:
        after += pause
        if what in ("forget", "keep"):
            after += QUIET
            network.loop.call_later(after, lambda keeps=what == "keep": truth.restart(keeps=keeps))
        else:
            network.loop.call_later(after, device.push, CHANGED, [what])
    for number in range(int((after + SETTLED) / TICK)):
        network.loop.call_later(number * TICK, device.tick)
    return truth, after + SETTLED


def told(push: Push, now: float) -> Told:
    params: Any = push.params
    return Told(push.id, params[0], round(push.instant, 3), round(now, 3))


Played = tuple[list[Told], Truth]


def by_blocking(happenings: list[Happening], fates: list[str], *, callback: bool) -> Played:
    handed: list[Told] = []
    with scheduled_network() as network:
        truth, over = prepare(network, happenings, fates)
        end = network.loop.now + over
        device = Device("127.0.0.1", TOKEN.hex(), port=1)
        device._connection._clock = network.loop.time
        network.loop.call_later(over, device.close)
        subscribed = attempts(
            lambda: device.subscribe(
                (lambda push: handed.append(told(push, network.loop.now))) if callback else None
            )
        )
        truth.since = network.loop.now
        if subscribed and callback:
            for thread in threading.enumerate():
                if thread.name.startswith("changes of"):
                    thread.join(PATIENCE)
                    assert not thread.is_alive()
        while subscribed and not callback and network.loop.now < end:
            with suppress(DeviceException):
                if (push := device.next_push(7.0)) is not None:
                    handed.append(told(push, network.loop.now))
        device.close()
    return handed, truth


def attempts(subscribe: Callable[[], None]) -> bool:
    for _ in range(3):
        with suppress(DeviceException):
            subscribe()
            return True
    return False


def by_aio(happenings: list[Happening], fates: list[str], *, callback: bool) -> Played:
    handed: list[Told] = []
    with simulated_network() as network, pytest.MonkeyPatch.context() as patch:
        patch.setattr(aio, "_REST", 0.0)
        truth, over = prepare(network, happenings, fates)
        end = network.loop.now + over

        async def iterate(device: AsyncDevice) -> None:
            pushes = device.pushes()
            while network.loop.now < end:
                with suppress(DeviceException):
                    async for push in pushes:
                        handed.append(told(push, network.loop.now))
                    return

        async def work() -> None:
            device = AsyncDevice("127.0.0.1", TOKEN.hex(), port=1)
            device._connection._clock = network.loop.time
            for _ in range(3):
                with suppress(DeviceException):
                    await device.subscribe(
                        (lambda push: handed.append(told(push, network.loop.now))) if callback else None
                    )
                    break
            else:
                return
            truth.since = network.loop.now
            iterating = None if callback else asyncio.create_task(iterate(device))
            await asyncio.sleep(end - network.loop.now)
            await device.close()
            if iterating is not None:
                await iterating

        run(network, work())
    return handed, truth


WAYS = {
    "blocking, called back": lambda *given: by_blocking(*given, callback=True),
    "blocking, waited for": lambda *given: by_blocking(*given, callback=False),
    "in a loop, called back": lambda *given: by_aio(*given, callback=True),
    "in a loop, iterated": lambda *given: by_aio(*given, callback=False),
}
HAPPENINGS = st.builds(
    Happening,
    st.sampled_from([0.001, 0.4, 2.0, 15.0, 40.0]),
    st.sampled_from(["on", "off", "forget", "keep"]),
)


@pytest.mark.untraced
@given(
    st.lists(HAPPENINGS, min_size=1, max_size=8),
    st.lists(st.sampled_from(sorted(FATES)), max_size=16),
)
@settings(max_examples=50)
# After a restart, a late answer to a hello shows the clock of before, and then the clock falls once more.
@example(
    [
        *(Happening(0.4, "off"), Happening(0.4, "on"), Happening(40.0, "off"), Happening(40.0, "on")),
        *(Happening(2.0, "keep"), Happening(0.4, "on"), Happening(2.0, "keep")),
    ],
    ["twice", "well", "later", "late", "well", "both", "both", "lost", "both", "late"],
)
@example([Happening(0.4, "on"), Happening(15.0, "keep"), Happening(0.4, "on")], ["well"])
@example([Happening(0.4, "on"), Happening(15.0, "forget"), Happening(40.0, "on")], ["well", "both"])
def test_the_same_schedule_has_the_same_pushes_each_once(
    happenings: list[Happening], fates: list[str]
) -> None:
    handed = {}
    for way, play in WAYS.items():
        handed[way], truth = play(happenings, fates)
        truth.check(handed[way])
    assert len({tuple(each) for each in handed.values()}) == 1, handed
