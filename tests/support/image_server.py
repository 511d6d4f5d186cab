"""A web server with one firmware image, which misbehaves on demand."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Self

Answer = Callable[[socket.socket, bytes], object]


def whole(image: bytes) -> Answer:
    """Give the image, or the part of it that is asked for."""

    def answer(client: socket.socket, request: bytes) -> None:
        _, found, rest = request.partition(b"\r\nRange: bytes=")
        start = int(rest.partition(b"-")[0]) if found else 0
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(image)}\r\n\r\n"
        if found:
            head = (
                f"HTTP/1.1 206 Partial Content\r\nContent-Length: {len(image) - start}\r\n"
                f"Content-Range: bytes {start}-{len(image) - 1}/{len(image)}\r\n\r\n"
            )
        client.sendall(head.encode() + image[start:])

    return answer


def cut(image: bytes, size: int) -> Answer:
    """Announce all of it, and give the first bytes alone."""
    return raw(f"HTTP/1.1 200 OK\r\nContent-Length: {len(image)}\r\n\r\n".encode() + image[:size])


def raw(text: bytes) -> Answer:
    """Say these bytes, whatever is asked."""
    return lambda client, _request: client.sendall(text)


class ImageServer:
    """Listens on loopback; each connection gets the next answer, the last one for ever. A context manager."""

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/some/image?key=1"
        #: What was asked for, a request each.
        self.requests: list[bytes] = []
        #: Where they came from.
        self.clients: list[str] = []
        #: Keeps connections open until it is set.
        self.hold = threading.Event()
        self.hold.set()
        self.asked = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        while True:
            try:
                client, (address, _) = self._listening.accept()
            except OSError:
                return
            with client:
                request = b""
                while b"\r\n\r\n" not in request:
                    data = client.recv(4096)
                    if not data:
                        break
                    request += data
                if not request:
                    continue
                self.requests.append(request)
                self.clients.append(address)
                answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                try:
                    answer(client, request)
                    self.asked.set()
                    self.hold.wait(100)
                except OSError:  # the other end has enough
                    self.asked.set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.hold.set()
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join()
