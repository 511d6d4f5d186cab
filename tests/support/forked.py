"""A program of its own: one device, used on both sides of a fork. Prints what each side was told, as JSON."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Coroutine
from typing import Any

from miio_lan import AsyncDevice, Device, DeviceException


async def drive(device: Device | AsyncDevice, first: int, reads: int, toggles: int) -> dict[str, object]:
    """Read and toggle; each read asks for a number of its own."""
    foreign, failed, told = [], [], 0
    for number in range(first, first + reads):
        try:
            answer = await ask(device, "get_echo", number)
        except DeviceException as error:
            failed.append(repr(error))
        else:
            if answer != [number]:
                foreign.append([number, answer])
        if (number - first) % (reads // toggles) == 0:
            try:
                told += await ask(device, "press_button", number) == [number]
            except DeviceException as error:
                failed.append(repr(error))
        if failed:
            break
    return {"foreign": foreign, "failed": failed, "told": told}


async def ask(device: Device | AsyncDevice, method: str, number: int) -> Any:
    answer = device.send(method, [number])
    return await answer if isinstance(answer, Coroutine) else answer


async def both_sides() -> tuple[dict[str, object], int, int]:
    """Fork in the middle of a loop that runs; the blocking device does not mind.

    :returns: what this side was told, where the other one tells it, and the number of its process
    """
    port, token, reads, toggles = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    kind = {"blocking": Device, "asyncio": AsyncDevice}[sys.argv[5]]
    device = kind("127.0.0.1", token, port=port)
    await ask(device, "get_echo", 1)  # socket, handshake and ids are there before the fork
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        found = asyncio.run(drive(device, 1_000_000, reads, toggles))
        os.write(writer, json.dumps(found).encode())
        os._exit(0)
    os.close(writer)
    return await drive(device, 2_000_000, reads, toggles), reader, child


def main() -> None:
    own, reader, child = asyncio.run(both_sides())
    with os.fdopen(reader) as told:
        print(json.dumps([own, json.load(told)]))
    os.waitpid(child, 0)


if __name__ == "__main__":
    main()
