"""Scenes that are seen by two clocks: the LAN by one, the line by another, set and running otherwise."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from support.scene import COMMANDS, GET_BOTH, GET_LEVEL, GET_ON, Scene

from miio_lan.record import Record


@dataclass(frozen=True)
class TwoClocks:
    """What the two saw, and the truth.

    :param ahead: seconds by which the LAN's clock is ahead when the scene begins
    :param drift: seconds per second by which it runs faster
    """

    lan: list[Record]
    line: list[Record]
    ahead: float
    drift: float

    def truth(self, record: Record) -> float:
        """When a LAN record was seen, by the clock of the line."""
        return (record.instant - self.ahead) / (1 + self.drift)


class Steady(Scene):
    """A product whose values never change: its answers do not tell one read from another."""

    @property
    def level(self) -> int:
        return 10

    @level.setter
    def level(self, value: int) -> None:
        """It does not change."""


def seen(scene: Scene, ahead: float, drift: float = 0.0) -> TwoClocks:
    def late(record: Record) -> Record:
        time = record.instant * (1 + drift) + ahead
        return replace(record, instant=time, wall=time)

    lan = [late(record) for record in scene.records if record.wire == "lan"]
    return TwoClocks(lan, [record for record in scene.records if record.wire == "uart"], ahead, drift)


def polled(*, every: float, times: int, jitter: float, rng: random.Random, start: float = 5.0) -> Scene:
    """Somebody reads the same again and again."""
    scene = Steady(poll=0.2)
    for place in range(times):
        when = start + place * every + rng.uniform(0, jitter)
        scene.ask(when, GET_ON, number=10 * place + 1, resends=0)
    return scene


def random_scene(rng: random.Random, *, minutes: float = 5.0) -> Scene:
    """Polls at equal intervals, commands of a person, commands that nobody sees on the LAN, and losses."""
    kind = rng.choice((Scene, Steady))
    scene = kind(poll=rng.choice((0.1, 0.2, 1.5)), polls_while_busy=rng.random() < 0.5)
    end, number = minutes * 60, 0

    def ask(when: float, command: tuple[str, object], peer: str = "192.0.2.1") -> None:
        nonlocal number
        number += 10
        behaviour = rng.choice(("good",) * 8 + ("silent", "slow", "error", "refuse"))
        scene.ask(
            when,
            command,
            number=number,
            behaviour=behaviour,
            peer=peer,
            request_lost=rng.random() < 0.05,
            reply_lost=rng.random() < 0.05,
            resends=rng.randint(0, 1),
        )

    every, when = rng.choice((2.0, 5.0, 30.0)), rng.uniform(1, 20)
    jitter = rng.choice((0.0, 0.002, 0.3, 2.0))
    what = rng.choice((GET_ON, GET_LEVEL, GET_BOTH))
    while rng.random() < 0.995 and when < end - 10:
        ask(when + rng.uniform(0, jitter), what, "192.0.2.2")
        when += every
    for _ in range(rng.choice((0, 1, 3, 10, 30))):
        ask(rng.uniform(1, end - 10), rng.choice(COMMANDS))
    for _ in range(rng.choice((0, 3, 20))):
        scene.order(rng.uniform(1, end - 10), rng.choice(COMMANDS))
    scene.run(end)
    return scene


def random_views(scene: Scene, rng: random.Random) -> TwoClocks:
    """Watch a scene by two clocks, both for a part of the time, and not without losses."""
    if rng.random() < 0.5:
        scene.restamp((rng.choice((0.001, 0.016)), rng.choice((0.0013, 0.015))))
    both = seen(scene, rng.uniform(-1000, 1e6), rng.uniform(-100e-6, 100e-6))
    keep = rng.choice((1.0, 0.98, 0.9))

    def part(records: list[Record]) -> list[Record]:
        first, last = records[0].instant, records[-1].instant
        begin = first + rng.choice((0.0, 0.0, rng.random() * 0.7)) * (last - first)
        end = last - rng.choice((0.0, 0.0, rng.random() * 0.7)) * (last - begin)
        inside = [record for record in records if begin <= record.instant <= end]
        return [record for record in inside if rng.random() < keep] or inside

    return replace(both, lan=part(both.lan) if both.lan else [], line=part(both.line))
