"""One process at work for long: ``python -m benchmarks.enduring_client SECONDS TOKEN THREADED HOST ...``.

The first THREADED hosts are asked by blocking devices, two threads each, the others by one event loop. Once a second it
looks at its memory, open files, threads, and the tables of its sessions. It prints one JSON object.
"""

# ruff: noqa: SLF001 - what sessions keep inside is what is looked at

from __future__ import annotations

import asyncio
import gc
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from miio_lan import AsyncDevice, Device, DeviceException

#: Seconds between two reads of one thread or task.
PAUSE = 0.05
PARAMETERS = ["power"]


class Work:
    """What the faces did so far."""

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + seconds
        self.reads = 0
        self.errors: Counter[str] = Counter()
        self._lock = threading.Lock()

    @property
    def over(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self.end

    def note(self, error: DeviceException | None) -> None:
        """Note how a read ended."""
        with self._lock:
            self.reads += 1
            if error is not None:
                self.errors[f"{type(error).__name__}: {error}"[:160]] += 1


def ask(device: Device, work: Work) -> None:
    """Ask one device for as long as there is time."""
    while not work.over:
        try:
            device.send("get_prop", PARAMETERS)
        except DeviceException as error:
            work.note(error)
        else:
            work.note(None)
        time.sleep(PAUSE)


async def ask_awaiting(device: AsyncDevice, work: Work) -> None:
    """Ask one device for as long as there is time."""
    while not work.over:
        try:
            await device.send("get_prop", PARAMETERS)
        except DeviceException as error:
            work.note(error)
        else:
            work.note(None)
        await asyncio.sleep(PAUSE)


def tables(session: Any) -> dict[str, int]:
    """Count what a session keeps."""
    calls, inbox = session._calls, session.pushes
    return {
        "open": len(calls.all) + len(calls.by_id) + len(calls.checks) + len(session.line),
        "afoot": len(calls.afoot._copies),
        "asked": len(session.memory._asked),
        "pushes": len(inbox.arrived) + len(inbox._seen) + len(inbox._marks),
        "methods": len(session._round_trips._by_method),
        "dropped": len(session.dropped),
        "output": len(session._output) + len(session._told) + len(session._ended),
    }


def sample(devices: Sequence[Any]) -> dict[str, float]:
    """Look at what the process holds now."""
    gc.collect()
    status = Path("/proc/self/status").read_text()
    memory = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
    return {
        "memory": memory / 1024,
        "files": len(list(Path("/proc/self/fd").iterdir())),
        "threads": threading.active_count(),
        "tables": max(sum(tables(device._connection.session).values()) for device in devices),
    }


async def run(seconds: float, token: str, threaded: Sequence[str], awaited: Sequence[str]) -> dict[str, Any]:
    """Work, and give what was noted."""
    work, samples = Work(seconds), []
    blocking = [Device(host, token) for host in threaded]
    others = [AsyncDevice(host, token) for host in awaited]
    everything: list[Any] = [*blocking, *others]
    threads = [threading.Thread(target=ask, args=(device, work)) for device in blocking for _ in range(2)]
    for thread in threads:
        thread.start()
    tasks = [asyncio.ensure_future(ask_awaiting(device, work)) for device in others]
    while not work.over:
        await asyncio.sleep(1)
        if not work.over:
            samples.append(sample(everything))
    await asyncio.gather(*tasks)
    for thread in threads:
        await asyncio.to_thread(thread.join)
    left = sum(tables(device._connection.session)[key] for device in everything for key in ("open", "output"))
    for one in blocking:
        one.close()
    for other in others:
        await other.close()
    return {
        "seconds": seconds,
        "reads": work.reads,
        "failed": sum(work.errors.values()),
        "errors": dict(work.errors),
        "samples": samples,
        "left": left,
    }


def main(words: Sequence[str]) -> None:
    """Work, and print what came of it."""
    count = int(words[2])
    hosts = words[3:]
    print(json.dumps(asyncio.run(run(float(words[0]), words[1], hosts[:count], hosts[count:]))))


if __name__ == "__main__":
    main(sys.argv[1:])
