"""Many devices that cost next to nothing: ``python -m benchmarks.many_devices COUNT [DELAY]``.

Each has a loopback address of its own and the protocol's port, as python-miio insists on. They answer as
:mod:`benchmarks.cheap_device` does, all in one process, after DELAY seconds. The first address is printed when all are
open; the process ends with its stdin.
"""

from __future__ import annotations

import contextlib
import os
import random
import select
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence

from benchmarks.cheap_device import answer_to
from benchmarks.device import PORT, TOKEN, attempts, bind
from benchmarks.floor import Codec
from benchmarks.results import NotMeasured
from benchmarks.simulator import ROOT

_IN_A_ROW = 250


def addresses(first: int, count: int) -> list[str]:
    """Give the addresses of so many devices, in the block 127.FIRST."""
    return [f"127.{first}.{number // _IN_A_ROW}.{1 + number % _IN_A_ROW}" for number in range(count)]


def serve(sockets: Sequence[socket.socket], delay: float) -> None:
    """Answer for ever."""
    codec, ahead = Codec(TOKEN), 1000.0 - time.monotonic()
    by_number = {sock.fileno(): sock for sock in sockets}
    poll = select.epoll(len(sockets))
    for number in by_number:
        poll.register(number, select.EPOLLIN)
    late: deque[tuple[float, socket.socket, bytes, object]] = deque()
    while True:
        wait = max(0.0, late[0][0] - time.monotonic()) if late else -1
        for number, _ in poll.poll(wait, len(sockets)):
            sock = by_number[number]
            datagram, peer = sock.recvfrom(2048)
            now = time.monotonic()
            answer = answer_to(datagram, codec, int(now + ahead))
            if answer is None:
                continue
            if delay and len(datagram) > 32:
                late.append((now + delay, sock, answer, peer))
            else:
                sock.sendto(answer, peer)
        now = time.monotonic()
        while late and late[0][0] <= now:
            _, sock, answer, address = late.popleft()
            sock.sendto(answer, address)  # type: ignore[arg-type]


@contextlib.contextmanager
def many_devices(count: int, delay: float = 0.0) -> Iterator[list[str]]:
    """Have them in a process of their own, and give their addresses.

    :param delay: seconds they take for a command
    :raises NotMeasured: if the system has no epoll, or there are no free addresses
    """
    if not hasattr(select, "epoll"):
        raise NotMeasured("simulated devices need Linux: its epoll, and its many loopback addresses")
    command = [sys.executable, "-m", "benchmarks.many_devices", str(count), str(delay)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline().strip()
        if not first:
            raise NotMeasured(f"{count} simulated devices could not be opened")
        yield addresses(int(first), count)
        process.communicate()  # its stdin ends, and with it the process


def _end_with_stdin() -> None:
    sys.stdin.read()
    os._exit(0)


def _open(count: int) -> tuple[int, list[socket.socket]]:
    for _ in attempts():
        first = random.randrange(1, 255)
        found: list[socket.socket] = []
        try:
            for address in addresses(first, count):
                found.append(bind(address))  # noqa: PERF401 - those opened before an error are to be closed
        except OSError:
            for sock in found:
                sock.close()
        else:
            return first, found
    raise SystemExit(f"no addresses with a free port {PORT}")


def main(words: Sequence[str]) -> None:
    """Serve until stdin ends."""
    count, delay = int(words[0]), float(words[1]) if len(words) > 1 else 0.0
    first, sockets = _open(count)
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    print(first, flush=True)
    serve(sockets, delay)


if __name__ == "__main__":
    main(sys.argv[1:])
