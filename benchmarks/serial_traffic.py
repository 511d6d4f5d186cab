"""A process at the far ends of two serial lines: ``python -m benchmarks.serial_traffic SECONDS SPEED``.

It makes two ptys, prints their paths, and waits for a word on stdin. Then it says the lines of an MCU on the first and
those of a module on the second, each at SPEED times 115200 baud (0: as fast as the ptys take them), and reads whatever
comes back. At the end it prints what it said. A process of its own, so that its work is not counted.
"""

from __future__ import annotations

import itertools
import json
import os
import select
import sys
import time
import tty
from collections.abc import Iterator

BYTES_PER_SECOND = 11520
#: Bytes written at a time: what the smallest common USB adapters put into a packet.
SLICE = 32
#: Seconds of silence after which nothing more is on its way.
QUIET = 0.5


def mcu_lines() -> Iterator[bytes]:
    """Give what an MCU says that is always busy; the values never stop changing."""
    for number in itertools.count():
        yield b"get_down\r"
        yield b'result 2 1 0 true 2 2 0 %d 2 3 0 %d 3 1 0 21.%d 3 4 0 "eco"\r' % (
            number % 101,
            number,
            number % 10,
        )
        yield b"properties_changed 2 2 %d 3 1 21.%d\r" % (number % 101, number % 10)


def module_lines() -> Iterator[bytes]:
    """Give what a module says to it."""
    for number in itertools.count():
        yield b"down get_properties 2 1 2 2 2 3 3 1 3 4\r"
        yield b"ok\r"
        yield b'down set_properties 2 1 false 2 2 %d 2 3 %d 3 4 "eco"\r' % (number % 101, number)
        yield b"ok\r"


class Speaker:
    """One direction."""

    def __init__(self, lines: Iterator[bytes], speed: float) -> None:
        self.file, slave = os.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        self._slave = slave  # kept open: the master would see a hang-up otherwise
        os.set_blocking(self.file, False)
        self.said = self.lines = 0
        self._source = lines
        self._rate = BYTES_PER_SECOND * speed
        self._size = SLICE if speed else 1024
        self._left = b""

    def speak(self, elapsed: float) -> bool:
        """Say what is due; tell whether anything was."""
        if self._rate and self._rate * elapsed - self.said < self._size:
            return False
        while len(self._left) < self._size:
            self._left += next(self._source)
        try:
            taken = os.write(self.file, self._left[: self._size])
        except BlockingIOError:
            return False
        self.lines += self._left[:taken].count(b"\r")
        self.said += taken
        self._left = self._left[taken:]
        return True


def main(seconds: float, speed: float) -> None:
    speakers = [Speaker(mcu_lines(), speed), Speaker(module_lines(), speed)]
    print(json.dumps([speaker.path for speaker in speakers]), flush=True)
    sys.stdin.readline()
    files = [speaker.file for speaker in speakers]
    heard = 0
    begun = time.monotonic()
    while (elapsed := time.monotonic() - begun) < seconds:
        busy = [speaker.speak(elapsed) for speaker in speakers]
        heard += _hear(files, 0.0 if any(busy) else 0.0005)
    spoken = time.monotonic() - begun
    while more := _hear(files, QUIET):
        heard += more
    said, lines = (sum(getattr(each, what) for each in speakers) for what in ("said", "lines"))
    print(json.dumps({"said": said, "lines": lines, "heard": heard, "seconds": spoken}), flush=True)
    sys.stdin.readline()  # the ptys stay until nobody listens any more


def _hear(files: list[int], patience: float) -> int:
    readable, _, _ = select.select(files, [], [], patience)
    return sum(len(os.read(file, 65536)) for file in readable)


if __name__ == "__main__":
    main(float(sys.argv[1]), float(sys.argv[2]))
