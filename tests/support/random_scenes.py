"""Scenes made at random, and how they are watched: late, with losses, with noise, through two adapters."""

from __future__ import annotations

import random
from collections.abc import Callable

from support.scene import COMMANDS, MANY, Scene

from miio_lan.record import Record

BEHAVIOURS = ("good", "good", "good", "silent", "late", "slow", "error", "refuse", "wrong")
CROWDED = (*BEHAVIOURS, "denied")
INSISTED = (("ble_config set 156 0001", "error"), ("mcu_version 0001", "error"), ("model", "a.b.c"))
"""What an MCU may say all the time, with the word of the module: it has not started for that."""
NOISE = (
    b"\xff\xff",
    b"*** boot ***\r",
    b"\r",
    b"\n\r",
    b"ok\r",
    b"resu\x00\xfft 2 1\r",
    b"properties_changed 2 1 5\r",
)
END = 60.0
FIRST = 8.0
Watch = Callable[[Scene, random.Random], list[Record]]


def random_scene(rng: random.Random) -> Scene:
    """A few clients at nearly the same time, who often want the same, and others whom nobody sees."""
    among = (*COMMANDS, MANY)
    if rng.random() < 0.5:
        among = tuple(rng.sample(among, 2))
    if rng.random() < 0.3:
        among = (MANY,)
    last = 0.5 + rng.choice((0.3, 2, 6))
    scene = Scene(poll=rng.choice((0.1, 0.2, 1.5)), polls_while_busy=rng.random() < 0.5)
    for place in range(rng.randint(1, 4)):
        scene.ask(
            when=rng.uniform(0.5, last),
            command=rng.choice(among),
            behaviour=rng.choice(BEHAVIOURS),
            request_lost=rng.random() < 0.25,
            reply_lost=rng.random() < 0.25,
            resends=rng.randint(0, 2),
            number=1000 * (place + 1),
        )
    for _ in range(rng.randint(0, 2)):
        scene.order(rng.uniform(0.5, last), rng.choice(among), rng.choice(BEHAVIOURS))
    for _ in range(rng.randint(0, 2)):
        scene.line(rng.uniform(0.5, 8), "properties_changed 2 5 7")
    scene.run(END)
    return scene


def crowded_scene(rng: random.Random) -> Scene:
    """One or two clients and a stranger who want the same, of a module and an MCU that make it hard to tell.

    It begins when answers to what was said before the watching are no longer due.
    """
    scene = Scene(
        poll=rng.choice((0.05, 0.1, 0.2, 0.5)),
        polls_while_busy=rng.random() < 0.5,
        answer_time=rng.choice((1.0, 4.0, 4.0)),
        steady=rng.random() < 0.7,
    )
    among = rng.sample(COMMANDS, rng.choice((1, 1, 1, 2)))
    behaviours = CROWDED if rng.random() < 0.6 else ("good",)
    start, spread = rng.uniform(8.5, 9), rng.choice((0.1, 0.2, 0.5, 4.2))
    for place in range(rng.choice((1, 1, 2))):
        scene.ask(
            when=start + rng.uniform(0, spread),
            command=rng.choice(among),
            behaviour=rng.choice(behaviours),
            request_lost=rng.random() < 0.15,
            reply_lost=rng.random() < 0.15,
            resends=rng.choice((0, 0, 1, 2)),
            number=1000 * (place + 1),
        )
    for _ in range(rng.randint(0, 2)):
        scene.order(start + rng.uniform(-0.2, spread), rng.choice(among), rng.choice(behaviours))
    for _ in range(rng.randint(0, 2)):
        scene.line(start + rng.uniform(-0.5, spread + 3), "properties_changed 2 5 7")
    if rng.random() < 0.3:
        begin = start + rng.uniform(-3, spread)
        scene.insist(begin, begin + rng.choice((0.5, 8)), *rng.choice(INSISTED))
    scene.run(30)
    return scene


def adapters(scene: Scene, rng: random.Random) -> list[Record]:
    scene.restamp((rng.choice((0.001, 0.004, 0.016)), rng.choice((0.0013, 0.005, 0.015))))
    return scene.records


def losses(scene: Scene, rng: random.Random) -> list[Record]:
    lines = [record for record in scene.records if record.wire == "uart" and b"none" not in record.raw]
    lost = rng.sample(lines, min(len(lines), rng.randint(1, 3)))
    return [record for record in scene.records if not any(record is each for each in lost)]


def bursts(scene: Scene, rng: random.Random) -> list[Record]:
    """Lines next to each other are lost, the MCU's polls and what has nothing to do excepted."""
    lines = [record for record in scene.records if record.wire == "uart" and b"none" not in record.raw]
    lines = [record for record in lines if record.raw != b"get_down\r" and record.instant > FIRST] or lines
    first = rng.randrange(len(lines))
    lost = lines[first : first + rng.choice((1, 1, 1, 2, 3))]
    return [record for record in scene.records if not any(record is each for each in lost)]


def missed_ends(scene: Scene, rng: random.Random) -> list[Record]:
    """The tap misses the CR of an answer or a report."""
    said = [record for record in scene.records if record.raw.startswith((b"result", b"properties_changed"))]
    if said:
        scene.miss_end(rng.choice(said))
    return scene.records


def late_start(scene: Scene, rng: random.Random) -> list[Record]:
    start = rng.uniform(0, 8)
    return [record for record in scene.records if record.wire == "lan" or record.instant >= start]


def noises(scene: Scene, rng: random.Random) -> list[Record]:
    seen = list(scene.records)
    for _ in range(rng.randint(1, 6)):
        when = rng.uniform(0, 10)
        seen.append(Record("uart", rng.choice(("up", "down")), when, when, rng.choice(NOISE)))
    return seen


def adapters_and_losses(scene: Scene, rng: random.Random) -> list[Record]:
    adapters(scene, rng)
    return losses(scene, rng)


def stalls(scene: Scene, rng: random.Random) -> list[Record]:
    scene.stall([(rng.uniform(0, 10), rng.uniform(0.02, 0.4)) for _ in range(rng.randint(1, 8))])
    return scene.records


def stalls_and_losses(scene: Scene, rng: random.Random) -> list[Record]:
    stalls(scene, rng)
    return losses(scene, rng)


def misheard(scene: Scene, rng: random.Random) -> list[Record]:
    """In some lines a character is heard wrongly: another digit, a wrong bit, or not at all."""
    lines = [record for record in scene.records if record.wire == "uart" and b"none" not in record.raw]
    said = [record for record in lines if record.raw != b"get_down\r"]
    for line in rng.sample(said, min(len(said), rng.choice((1, 1, 1, 2)))):
        raw, kind = line.raw, rng.choice(("digit", "bit", "lost"))
        places = [place for place, byte in enumerate(raw[:-1]) if kind != "digit" or byte in b"0123456789"]
        if not places:
            continue
        place = rng.choice(places)
        wrong = {
            "digit": b"%d" % rng.randrange(10),
            "bit": bytes([raw[place] ^ (1 << rng.randrange(8))]),
            "lost": b"",
        }
        scene.mishear(line, raw[:place] + wrong[kind] + raw[place + 1 :])
    return scene.records


def late_replies(scene: Scene, rng: random.Random) -> list[Record]:
    """Who records the LAN is kept from reading for a moment: some replies are stamped later than they came."""
    most = rng.choice((0.1, 0.3, 0.45))
    scene.answer_late(lambda: rng.choice((0.0, 0.0, rng.uniform(0, most))))
    return scene.records


def slow_observer(scene: Scene, rng: random.Random) -> list[Record]:
    """The one who records the LAN does not follow for a while: a mark says that the oldest things were dropped."""
    begin, until = rng.uniform(0, 8), rng.choice((0.005, 0.3, 1.5, 6))
    lost = [each for each in scene.records if each.wire == "lan" and begin <= each.instant <= begin + until]
    if not lost:
        return scene.records
    at, note = lost[-1].instant, f"gap: {len(lost)} before this were not told, for want of time"
    seen = [each for each in scene.records if not any(each is one for one in lost)]
    return [*seen, Record("lan", "down", at, at, b"", note=note, peer=lost[-1].peer)]


def all_of_it(scene: Scene, rng: random.Random) -> list[Record]:
    return scene.records


#: How a scene is watched, and whether lines may be missing or added then.
WATCHES: dict[str, tuple[Watch, bool]] = {
    "all of it": (all_of_it, False),
    "adapters": (adapters, False),
    "stalls": (stalls, False),
    "losses": (losses, True),
    "late start": (late_start, True),
    "noise": (noises, True),
    "adapters and losses": (adapters_and_losses, True),
    "stalls and losses": (stalls_and_losses, True),
    "slow observer": (slow_observer, True),
}
#: What is told of a command where lines are misheard; to rules, what was heard is what was said.
MISHEARD: dict[str, tuple[Watch, bool]] = {"misheard": (misheard, True)}
#: What is told of a command where replies are stamped late.
LATE_REPLIES: dict[str, tuple[Watch, bool]] = {"late replies": (late_replies, False)}
#: The same for crowded scenes.
CROWDED_WATCHES: dict[str, tuple[Watch, bool]] = {
    "all of it": (all_of_it, False),
    "adapters": (adapters, False),
    "losses": (losses, True),
    "bursts": (bursts, True),
    "missed ends": (missed_ends, True),
    "slow observer": (slow_observer, True),
}
