"""The simulated devices: a process of their own, the same rules (miio_lan.lan.responder.responder) for every client.

Told what to do by lines of JSON on stdin, each answered by one on stdout; it ends with its stdin.
"""

from __future__ import annotations

import json
import random
import selectors
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from miio_lan.lan.responder.responder import Request, Responder, ResponderOptions

TOKEN = bytes.fromhex("00112233445566778899aabbccddeeff")
#: Below 2**32: python-miio keeps four bytes of it.
DEVICE_ID = 0x1234_5678
#: python-miio speaks to this port and no other.
PORT = 54321
_ATTEMPTS = 20
_PAUSE = 0.2
#: A command nobody knows the effect of, so nobody may repeat it. Its parameter tells one press from another.
UNSAFE = "press_button"
_INFO = {
    "model": "bench.device.v1",
    "fw_ver": "1.4.2",
    "hw_ver": "ESP8266",
    "mac": "00:00:5E:00:53:01",
    "life": 4711,
    "ap": {"ssid": "bench", "bssid": "00:00:5E:00:53:02", "rssi": -50},
    "netif": {"localIp": "127.0.0.1", "mask": "255.0.0.0", "gw": "127.0.0.1"},
}


class Device:
    """One simulated device on one UDP socket.

    :param loss: share of the datagrams lost, each way
    :param seed: decides which
    :param memory: what the device does with repeated ids, see ``ResponderOptions.id_memory``
    """

    def __init__(self, sock: socket.socket, *, loss: float, seed: int, memory: Any) -> None:
        self.sock = sock
        #: How often each press of the button was carried out.
        self.pressed: Counter[str] = Counter()
        self.skipped = 0.0
        self._loss = loss
        self._lost = random.Random(seed)
        self._responder = Responder(
            device_id=DEVICE_ID,
            token=TOKEN,
            options=ResponderOptions(id_memory=memory, id_memory_size=64),
            stamp_at=lambda now: int(now + self.skipped),
        )

    def serve(self) -> None:
        """Take one datagram and answer it."""
        datagram, peer = self.sock.recvfrom(4096)
        if self._is_lost():
            return
        now = time.monotonic()
        request = self._responder.receive(datagram, peer, now)
        if request is not None:
            self._responder.reply(request, result=self._result(request), now=now)
        for answer, address in self._responder.take_output():
            if not self._is_lost():
                self.sock.sendto(answer, address)

    def restart(self) -> None:
        """Begin anew: the clock counts from 0 again, and all ids are forgotten."""
        now = time.monotonic()
        self.skipped = -now
        self._responder.restart(now)

    def counts(self) -> dict[str, object]:
        """Tell what happened since the start."""
        return {
            "carried out": len(self.pressed),
            "twice": sum(times > 1 for times in self.pressed.values()),
            "dropped": dict(self._responder.dropped),
        }

    def _is_lost(self) -> bool:
        return self._loss > 0 and self._lost.random() < self._loss

    def _result(self, request: Request) -> object:
        if request.method == "miIO.info":
            return _INFO
        if request.method == UNSAFE:
            self.pressed[str(request.params)] += 1
            return ["ok"]
        return ["on"]


def attempts() -> Iterator[None]:
    """Give turns to find an address with a free port, with pauses that grow, forty seconds in all.

    Any socket of the computer may be given this port for a while, at all addresses at once: it is one of those that
    Linux gives to whoever names none.
    """
    for number in range(1, _ATTEMPTS + 1):
        yield
        time.sleep(number * _PAUSE)


def bind(host: str) -> socket.socket:
    """Open a device's socket, without a wait for what another one holds.

    :raises OSError: if its port is not free there
    """
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.bind((host, PORT))
    except OSError:
        sock.close()
        raise
    return sock


def _obey(order: Mapping[str, Any], devices: dict[str, Device], selector: selectors.BaseSelector) -> object:
    host = order["host"]
    if order["do"] == "open":
        try:
            sock = bind(host)
        except OSError as error:
            return {"error": f"{host}:{PORT}: {error.strerror}"}
        device = Device(sock, loss=order["loss"], seed=order["seed"], memory=order["memory"])
        devices[host] = device
        selector.register(sock, selectors.EVENT_READ, device)
        return {}
    if order["do"] == "skip":
        devices[host].skipped += order["seconds"]
        return {}
    if order["do"] == "restart":
        devices[host].restart()
        return {}
    return devices[host].counts()


def main() -> None:
    """Serve until stdin ends."""
    devices: dict[str, Device] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin, selectors.EVENT_READ, None)
        while True:
            for key, _ in selector.select():
                if key.data is not None:
                    key.data.serve()
                    continue
                # One order at a time is on its way, so nothing stays behind in the buffer.
                line = sys.stdin.readline()
                if not line:
                    return
                print(json.dumps(_obey(json.loads(line), devices, selector)), flush=True)


if __name__ == "__main__":
    main()
