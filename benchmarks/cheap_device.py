"""A device that costs next to nothing, so that the client is measured: ``python -m benchmarks.cheap_device HOST``.

It reads the id out of the first two blocks of a request, checks nothing, and answers with the values of eight
properties. It prints a line when its socket is open, and ends with its stdin.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.device import DEVICE_ID, PORT, TOKEN, attempts, bind
from benchmarks.floor import HEADER, MAGIC, Codec
from benchmarks.results import NotMeasured
from benchmarks.simulator import ROOT, loopback_address

_ID = re.compile(rb'"id": ?(\d+)')
_ITEM = b'{"did":"%d","siid":2,"piid":%d,"code":0,"value":%d}'
_ANSWER = b'{"id":%%b,"result":[%b]}' % b",".join(_ITEM % (n, n, 10 * n) for n in range(1, 9))
#: What is asked of it.
METHOD = "get_properties"
PARAMETERS = [{"did": str(number), "siid": 2, "piid": number} for number in range(1, 9)]


def answer_to(datagram: bytes, codec: Codec, stamp: int) -> bytes | None:
    """Give what the device answers, None where it says nothing."""
    if len(datagram) == 32:
        return HEADER.pack(MAGIC, 32, 0, DEVICE_ID, stamp) + b"\xff" * 16
    found = _ID.search(codec.beginning(datagram, 32))
    return None if found is None else codec.seal(_ANSWER % found[1], DEVICE_ID, stamp)


def serve(sock: socket.socket) -> None:
    """Answer for ever."""
    codec, ahead = Codec(TOKEN), 1000.0 - time.monotonic()
    while True:
        datagram, peer = sock.recvfrom(2048)
        answer = answer_to(datagram, codec, int(time.monotonic() + ahead))
        if answer is not None:
            sock.sendto(answer, peer)


@contextmanager
def cheap_device() -> Iterator[str]:
    """Have one in a process of its own, and give its address.

    :raises NotMeasured: if there is no free address
    """
    for _ in attempts():
        host = loopback_address()
        with subprocess.Popen(
            [sys.executable, "-m", "benchmarks.cheap_device", host],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            if process.stdout.readline():
                yield host
                process.communicate()  # its stdin ends, and with it the process
                return
    raise NotMeasured(f"no address with a free port {PORT} for a simulated device")


def _end_with_stdin() -> None:
    sys.stdin.read()
    os._exit(0)


def main(host: str) -> None:
    """Serve until stdin ends."""
    sock = bind(host)
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    print("open", flush=True)
    serve(sock)


if __name__ == "__main__":
    main(sys.argv[1])
