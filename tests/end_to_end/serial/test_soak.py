"""Many LAN commands through module, pty and MCU, while misbehaviours come and go by chance.

Nothing is lost without an error, no answer is wrong, and memory stays flat. The counts are printed (``pytest -s``) and
go into the JUnit report. ``SOAK_COMMANDS`` (2,000, and 10,000 for a long run) and ``SOAK_SEED`` (1) may be set in
the environment.
"""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.ends import Caller
from support.lamp_user import LampUser

from miio_lan.virtual.module.profile import DOCUMENT
from miio_lan.virtual.product import VirtualProduct

COMMANDS = int(os.environ.get("SOAK_COMMANDS", "2000"))
SEED = int(os.environ.get("SOAK_SEED", "1"))
#: So many waits for MCUs that do not answer go on at a time.
PRODUCTS = 4
#: Seconds the module waits for an answer, and a slow MCU takes: so that waiting is not all.
ANSWER_TIME, SLOW_TIME = 0.02, 0.025
#: Seconds the MCU waits for a reply, which always comes: an MCU that polls again before the reply to its last poll may
#: answer a request that was given up meanwhile, and the line has nothing to tell that from an answer to the next one.
REPLY_TIME = 10.0
#: More would be a leak: one object per command is thousands.
MAX_MORE_BLOCKS = 3000
MAX_MORE_BYTES = 16 << 20
STATM = Path("/proc/self/statm")


def product_of_a_soak(stack: ExitStack) -> VirtualProduct:
    product = stack.enter_context(
        VirtualProduct(
            profile=replace(DOCUMENT, answer_time=ANSWER_TIME), mcu_options={"poll_interval": 0.001}
        )
    )

    def teach(now: float) -> None:
        product.mcu.slow_time, product.mcu.reply_time = SLOW_TIME, REPLY_TIME
        product.mcu.methods["echo"] = lambda mcu, words: [int(word) for word in words]

    product.call(teach)
    return product


class Memory:
    """How much is in use, when everything that may be forgotten is."""

    def __init__(self) -> None:
        self.blocks: list[int] = []
        self.bytes: list[int] = []

    def look(self, users: list[LampUser]) -> None:
        for user in users:
            # Meant to be kept for whoever wants to look at them.
            user.forget_reports()
        gc.collect()
        self.blocks.append(sys.getallocatedblocks())
        if STATM.exists():
            self.bytes.append(int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))


class Soak:
    """Users in threads, who stop together to let memory be looked at."""

    def __init__(self, users: list[LampUser], memory: Memory) -> None:
        self.users = users
        self.failures: list[BaseException] = []
        self.meeting = threading.Barrier(len(users), lambda: memory.look(users))

    def run(self, each: int) -> None:
        threads = [threading.Thread(target=self._use, args=(user, each)) for user in self.users]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for failure in self.failures:
            raise failure

    def _use(self, user: LampUser, commands: int) -> None:
        try:
            for turn in range(commands):
                if turn == commands // 5:
                    self.meeting.wait()
                user.command()
            self.meeting.wait()
        except threading.BrokenBarrierError:  # somebody else failed
            pass
        except BaseException as error:  # noqa: BLE001 - raised by the test's own thread
            self.failures.append(error)
            self.meeting.abort()


def recovers(user: LampUser) -> None:
    """Behaving again, the product gets every command right."""
    user.behave()
    user.resets = 0
    user.product.call(lambda now: setattr(user.product.module.queue, "answer_time", 60.0))
    user.product.call(user.product.mcu.start)
    user.counts, before = Counter(), user.counts
    for command in user.commands * 3:
        command()
    assert not [what for what in user.counts if what.startswith("error") or what.endswith("-4004")]
    assert user.caller.nothing_came()
    user.counts = before


def report(users: list[LampUser], seconds: float, memory: Memory) -> dict[str, Any]:
    counts = sum((user.counts for user in users), Counter[str]())
    lines = sum((user.product.mcu.counters for user in users), Counter[str]())
    return {
        "seconds": round(seconds, 1),
        **dict(sorted(counts.items())),
        **{f"MCU {what}": count for what, count in sorted(lines.items())},
        "memory blocks": memory.blocks,
        "memory bytes": memory.bytes,
    }


@pytest.mark.untraced
def test_soak(record_property: Any) -> None:
    memory = Memory()
    with ExitStack() as stack:
        products = [product_of_a_soak(stack) for _ in range(PRODUCTS)]
        callers = [stack.enter_context(Caller(p.host, p.port, p.token, start_id=1)) for p in products]
        users = [
            LampUser(product, caller, SEED * 1000 + at)
            for at, (product, caller) in enumerate(zip(products, callers, strict=True))
        ]
        began = time.monotonic()
        Soak(users, memory).run(-(-COMMANDS // PRODUCTS))
        told = report(users, time.monotonic() - began, memory)
        for user in users:
            recovers(user)
    for what, count in told.items():
        record_property(what, count)
        sys.stdout.write(f"{what:28} {count}\n")
    assert told["commands"] >= COMMANDS
    assert told["get: 0"] > COMMANDS // 10
    assert memory.blocks[1] - memory.blocks[0] < MAX_MORE_BLOCKS
    assert not memory.bytes or memory.bytes[1] - memory.bytes[0] < MAX_MORE_BYTES
