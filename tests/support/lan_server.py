"""A device of the LAN on a loopback socket, without a line behind it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

from miio_lan.lan.responder.responder import Request, Responder

TOKEN = bytes(range(16))
DEVICE_ID = 77


class Server:
    """A device on a loopback socket, in a thread of its own."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((host, port))
        self.host = host
        self.port: int = self.socket.getsockname()[1]
        self.responder = Responder(device_id=DEVICE_ID, token=TOKEN)
        self.peers: set[Any] = set()
        self.received = threading.Semaphore(0)
        self.answer: Callable[[Request], dict[str, Any] | None] = lambda request: {"result": request.params}
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            datagram, peer = self.socket.recvfrom(65536)
            if datagram == b"stop":
                return
            self.peers.add(peer)
            request = self.responder.receive(datagram, peer, time.monotonic())
            if request is not None:
                reply = self.answer(request)
                if reply is not None:
                    self.responder.reply(request, now=time.monotonic(), **reply)
                self.received.release()
            for out, address in self.responder.take_output():
                self.socket.sendto(out, address)

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"stop", (self.host, self.port))
        self._thread.join()
        self.socket.close()
