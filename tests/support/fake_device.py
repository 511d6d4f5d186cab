"""A device on a loopback socket that does what a test tells it, right or wrong."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from miio_lan.lan.responder.responder import Request, Responder, ResponderOptions

if TYPE_CHECKING:
    from miio_lan.lan.responder.responder import Address

TOKEN = "00112233445566778899aabbccddeeff"
DEVICE_ID = 0x1234_5678


class FakeDevice:
    """Answers hellos as devices do; what happens on a command is up to ``on_request`` (by default: nothing).

    :param deaf: hellos are not answered either
    """

    def __init__(
        self,
        on_request: Callable[[FakeDevice, Request], object] | None = None,
        *,
        deaf: bool = False,
        options: ResponderOptions | None = None,
    ) -> None:
        self.on_request = on_request
        self.deaf = deaf
        self.requests: list[Request] = []
        self.datagrams = 0
        self.failure: Exception | None = None
        self.responder = Responder(
            device_id=DEVICE_ID, token=bytes.fromhex(TOKEN), options=options or ResponderOptions()
        )
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, name="fake device")

    def reply(self, request: Request, **reply: Any) -> None:
        """Answer as a device does."""
        self.responder.reply(request, now=time.monotonic(), **reply)
        self._flush()

    def send(self, datagram: bytes, peer: Address) -> None:
        """Say anything, from the device's own address."""
        self.socket.sendto(datagram, peer)

    def _serve(self) -> None:
        while True:
            datagram, peer = self.socket.recvfrom(65536)
            if datagram == b"stop":
                return
            self.datagrams += 1
            if self.deaf:
                continue
            request = self.responder.receive(datagram, peer, time.monotonic())
            self._flush()
            if request is not None:
                self.requests.append(request)
                self._act(request)

    def _act(self, request: Request) -> None:
        try:
            if self.on_request is not None:
                self.on_request(self, request)
        except Exception as error:  # noqa: BLE001 - shown when the test ends, not lost in a thread
            self.failure = error

    def _flush(self) -> None:
        for datagram, peer in self.responder.take_output():
            self.socket.sendto(datagram, peer)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"stop", ("127.0.0.1", self.port))
        self._thread.join()
        self.socket.close()
        if self.failure is not None:
            raise self.failure
