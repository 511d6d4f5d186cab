"""A program of its own: one device, used on both sides of a fork. Prints what each side was told, as JSON."""

from __future__ import annotations

import json
import os
import sys

from miio_lan import Device, DeviceException


def drive(device: Device, first: int, reads: int, toggles: int) -> dict[str, object]:
    """Read and toggle; each read asks for a number of its own."""
    foreign, failed, told = [], [], 0
    for number in range(first, first + reads):
        try:
            answer = device.send("get_echo", [number])
        except DeviceException as error:
            failed.append(repr(error))
        else:
            if answer != [number]:
                foreign.append([number, answer])
        if (number - first) % (reads // toggles) == 0:
            try:
                told += device.send("press_button", [number]) == [number]
            except DeviceException as error:
                failed.append(repr(error))
        if failed:
            break
    return {"foreign": foreign, "failed": failed, "told": told}


def main() -> None:
    port, token, reads, toggles = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    with Device("127.0.0.1", token, port=port) as device:
        device.send("get_echo", [1])  # socket, handshake and ids are there before the fork
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.close(reader)
            found = drive(device, 1_000_000, reads, toggles)
            os.write(writer, json.dumps(found).encode())
            os._exit(0)
        os.close(writer)
        own = drive(device, 2_000_000, reads, toggles)
        with os.fdopen(reader) as told:
            print(json.dumps([own, json.load(told)]))
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
