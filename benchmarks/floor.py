"""The floor: the least a client in Python has to do, a bare loop of json, struct, hashlib, cryptography and socket.

It keeps its cipher and matches its ids, and that is all: no resends, no checks beyond the sign. Nothing one would want
to use, only to compare with.
"""

from __future__ import annotations

import json
import socket
import struct
import time
from hashlib import md5
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

HEADER = struct.Struct(">HHIII")
MAGIC = 0x2131
HELLO = b"\x21\x31\x00\x20" + b"\xff" * 28
_PADDING = [bytes([size]) * size for size in range(17)]
_TIMEOUT = 5


class Codec:
    """Datagrams of one token: the cipher is made once, an encryptor or a decryptor for each message."""

    def __init__(self, token: bytes) -> None:
        self._token = token
        key = md5(token).digest()
        self._cipher = Cipher(algorithms.AES(key), modes.CBC(md5(key + token).digest()))

    def encode(self, payload: object, device_id: int, stamp: int) -> bytes:
        """Build a datagram."""
        plain = json.dumps(payload).encode()
        return self.seal(plain, device_id, stamp)

    def seal(self, plain: bytes, device_id: int, stamp: int) -> bytes:
        """Build the datagram that carries a text."""
        encrypted = self._cipher.encryptor().update(plain + _PADDING[16 - len(plain) % 16])
        header = HEADER.pack(MAGIC, 32 + len(encrypted), 0, device_id, stamp)
        return header + md5(header + self._token + encrypted).digest() + encrypted

    def decode(self, datagram: bytes) -> Any:
        """Give the payload of a datagram."""
        encrypted = datagram[32:]
        if md5(datagram[:16] + self._token + encrypted).digest() != datagram[16:32]:
            raise ValueError("bad sign")
        plain = self._cipher.decryptor().update(encrypted)
        return json.loads(plain[: -plain[-1]].decode())

    def beginning(self, datagram: bytes, size: int) -> bytes:
        """Give the first bytes of a datagram's text, unchecked; a size of whole blocks."""
        return self._cipher.decryptor().update(datagram[32 : 32 + size])


class FloorClient:
    """Sends a command and waits for the answer with its id."""

    def __init__(self, host: str, port: int, token: bytes) -> None:
        self._codec = Codec(token)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect((host, port))
        # Set once: Python's own time-out would ask the system before each wait.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", _TIMEOUT, 0))
        self._socket.send(HELLO)
        _, _, _, self._device_id, stamp = HEADER.unpack_from(self._socket.recv(4096))
        self._ahead = stamp - time.monotonic()
        self._id = 0

    def send(self, method: str, params: object) -> Any:
        """Send a command and give its result."""
        self._id = number = self._id + 1
        stamp = int(self._ahead + time.monotonic())
        request = {"id": number, "method": method, "params": params}
        self._socket.send(self._codec.encode(request, self._device_id, stamp))
        while True:
            answer = self._codec.decode(self._socket.recv(4096))
            if answer["id"] == number:
                return answer["result"]

    def close(self) -> None:
        """Free the socket."""
        self._socket.close()
