"""One process that polls many devices, and nothing else: ``python -m benchmarks.many_client FIRST COUNT TOKEN``.

The devices are those of :mod:`benchmarks.many_devices` in the block 127.FIRST. It prints one JSON object: how many
answered, the seconds of the first poll (greetings included) and of the third, the processor's, and the peak of memory.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from miio_lan import Fleet
from miio_lan.device.aio import AsyncDevice

_POLLS = 3


async def _poll(fleet: Fleet[AsyncDevice], params: object) -> tuple[int, float, float]:
    worked, began, answered = time.process_time(), time.perf_counter(), 0
    async for outcome in fleet.call(lambda device: device.send("get_properties", params)):
        answered += outcome.ok
    return answered, time.perf_counter() - began, time.process_time() - worked


async def _run(addresses: Sequence[str], token: str) -> dict[str, object]:
    params = [{"did": str(number), "siid": 2, "piid": number} for number in range(1, 9)]
    async with Fleet({address: AsyncDevice(address, token) for address in addresses}) as fleet:
        polls = [await _poll(fleet, params) for _ in range(_POLLS)]
    return {
        "answered": min(answered for answered, _, _ in polls),
        "first": polls[0][1],
        "warm": polls[-1][1],
        "cpu": polls[-1][2],
        "memory": _peak(),
    }


def _peak() -> float:
    """Give the most memory this process had, in MB; the system's count of its resources has that of its parent, too."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return float("nan")


def main(words: Sequence[str]) -> None:
    """Poll, and print what came of it."""
    first, count = int(words[0]), int(words[1])
    # As in many_devices, whose import would cost memory of its own.
    addresses = [f"127.{first}.{number // 250}.{1 + number % 250}" for number in range(count)]
    print(json.dumps(asyncio.run(_run(addresses, words[2]))))


if __name__ == "__main__":
    main(sys.argv[1:])
