"""What is played: kinds of devices, kinds of networks, and the product they all are."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from miio_lan.device.description.spec import Spec
from miio_lan.lan.responder.responder import ResponderOptions
from miio_lan.virtual.mcu.misbehave import MISBEHAVIOURS
from miio_lan.virtual.module.profile import PROFILES, Profile

Memory = Literal["silent", "replay", "normal"]
Stamp = Literal["uptime", "unix", "jumping"]

MEMORIES: tuple[Memory, ...] = ("silent", "replay", "normal")
STAMPS: tuple[Stamp, ...] = ("uptime", "unix", "jumping")
#: Seconds the MCU takes to answer; the module gives up after 4.
ANSWER_TIMES = (0.0, 1.5, 3.9)
#: Seconds a module takes to boot. When it is there, the virtual one shows a clock of 1 s: with less, it would claim to
#: have run already when it was restarted, which no clock does that counts from then.
BOOTS = (1.0, 1.5, 3.0)
#: How many ids a device remembers that remembers any.
REMEMBERED = (2, 4, 8, 16, 64)
#: What the device's memory is called in reports.
MEMORY_WORDS = {"silent": "ignores", "replay": "replays", "normal": "executes"}

#: Misbehaviours that are switched at random. "slow" belongs to the kind of device.
SWITCHED = tuple(sorted(set(MISBEHAVIOURS) - {"slow"}))

#: What a product does to the text of its replies, and no value becomes another one by it.
DAMAGES = (
    "nul", "nul and rubbish", "doubled comma", "leading zeros", "pretty", "empty", "cut off", "garbled", "bad sign"
)  # fmt: skip

#: 2.2 and 2.3 are set to numbers no other command uses; 3.1 takes the number of the command and hands it back.
SPEC = Spec.from_toml(
    """
    model = "chaos.device.v1"
    [[service]]
    siid = 2
    name = "light"
      [[service.property]]
      piid = 1
      name = "on"
      format = "bool"
      access = ["read", "write", "notify"]
      [[service.property]]
      piid = 2
      name = "level"
      format = "uint32"
      access = ["read", "write", "notify"]
      range = [1, 1000000, 1]
      [[service.property]]
      piid = 3
      name = "other"
      format = "uint32"
      access = ["read", "write", "notify"]
      range = [1, 1000000, 1]
      [[service.action]]
      aiid = 1
      name = "toggle"
      in = []
      out = []
    [[service]]
    siid = 3
    name = "button"
      [[service.property]]
      piid = 1
      name = "number"
      format = "uint32"
      access = []
      range = [1, 1000000, 1]
      [[service.property]]
      piid = 2
      name = "echo"
      format = "uint32"
      access = []
      range = [1, 1000000, 1]
      [[service.action]]
      aiid = 1
      name = "press"
      in = [1]
      out = [2]
    """,
    source="the chaos product",
)
TOGGLE = (2, 1)
PRESS = (3, 1)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of device.

    :param memory: what it does with an id it has seen: ignores, replays the answer, executes again
    :param answer_time: seconds its MCU takes
    :param stamp: what its clock shows: seconds since boot, Unix time, or the one until it jumps to the other
    :param profile: how its module behaves
    :param busy: its module holds one command, and says -30012 to every other
    :param remembered: how many ids it remembers
    """

    memory: Memory
    answer_time: float
    stamp: Stamp
    profile: str = "document"
    busy: bool = False
    remembered: int = 16

    def __str__(self) -> str:
        speed = f"{self.answer_time:g} s" if self.answer_time else "fast"
        return f"{MEMORY_WORDS[self.memory]} repeated ids, {speed}"

    def module_profile(self) -> Profile:
        """Give the module's behaviour, with this device's memory for ids."""
        base = PROFILES[self.profile]
        options: ResponderOptions = replace(
            base.options, id_memory=self.memory, id_memory_size=self.remembered
        )
        return replace(base, options=options, waiting=0 if self.busy else base.waiting)


def kinds(rng: random.Random) -> Iterator[Kind]:
    """Give kinds without end: each combination once a round, in random order, on a random module."""
    every = [Kind(memory, time, stamp) for memory in MEMORIES for time in ANSWER_TIMES for stamp in STAMPS]
    while True:
        rng.shuffle(every)
        for kind in every:
            profile = rng.choice(("document", "document", "newer"))
            yield replace(kind, profile=profile, busy=rng.random() < 0.25, remembered=rng.choice(REMEMBERED))


#: Seconds after which a datagram of the product may come again.
HAUNTING = 30.0


@dataclass(frozen=True, slots=True)
class Weather:
    """What becomes of datagrams, each way by itself.

    :param loss: share that never arrives
    :param double: share that arrives twice
    :param damage: share of which a byte changes, or the end is missing
    :param delay: seconds, the longest; drawn evenly, so that datagrams overtake each other
    :param haunt: share of the product's datagrams that come again, up to ``HAUNTING`` seconds later
    """

    name: str
    loss: float = 0.0
    double: float = 0.0
    damage: float = 0.0
    delay: float = 0.0
    haunt: float = 0.0

    def fate(
        self, datagram: bytes, rng: random.Random, *, direction: Literal["up", "down"]
    ) -> list[tuple[float, bytes]]:
        """Give the copies that arrive, each with its delay; ``down`` is towards the product."""
        if rng.random() < self.loss:
            return []
        copies = 2 if rng.random() < self.double else 1
        found = [(0.001 + rng.random() * self.delay, self._damaged(datagram, rng)) for _ in range(copies)]
        if direction == "up" and rng.random() < self.haunt:
            found.append((rng.random() * HAUNTING, datagram))
        return found

    def _damaged(self, datagram: bytes, rng: random.Random) -> bytes:
        if rng.random() >= self.damage:
            return datagram
        if rng.random() < 0.3:
            return datagram[: rng.randrange(len(datagram))]
        at = rng.randrange(len(datagram))
        return datagram[:at] + bytes([datagram[at] ^ (1 << rng.randrange(8))]) + datagram[at + 1 :]


WEATHERS = (
    Weather("calm"),
    Weather("usual", loss=0.05, double=0.02, damage=0.01, delay=0.05),
    Weather("late", loss=0.02, double=0.1, damage=0.01, delay=0.4),
    Weather("later", loss=0.05, double=0.1, damage=0.02, delay=1.5),
    Weather("bad", loss=0.3, double=0.1, damage=0.1, delay=0.2),
    Weather("haunted", loss=0.1, double=0.2, delay=0.1, haunt=0.3),
    Weather("off", loss=1.0),
)
#: How often each of them blows, among the above.
SHARES = (3, 6, 3, 1, 2, 1, 1)
