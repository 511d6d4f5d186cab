"""The floor: the least that any client has to do, as a bare loop of json, struct, hashlib, cryptography and socket.

No checks beyond the sign, no ids to match, no resends: nothing one would want to use, only to compare with.
"""

from __future__ import annotations

import hashlib
import json
import socket
import struct
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

HEADER = struct.Struct(">HHQI")
MAGIC = 0x2131
HELLO = b"\x21\x31\x00\x20" + b"\xff" * 28


def encode(payload: object, token: bytes, key: bytes, iv: bytes, device_id: int, stamp: int) -> bytes:
    """Build a datagram; the cipher is built for each, as it is in the simplest scripts people write."""
    plain = json.dumps(payload, separators=(",", ":")).encode()
    fill = 16 - len(plain) % 16
    encryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).encryptor()
    ciphertext = encryptor.update(plain + bytes((fill,)) * fill) + encryptor.finalize()
    header = HEADER.pack(MAGIC, 32 + len(ciphertext), device_id, stamp)
    return header + hashlib.md5(header + token + ciphertext).digest() + ciphertext


def decode(datagram: bytes, token: bytes, key: bytes, iv: bytes) -> tuple[int, int, Any]:
    """Take a datagram apart: device id, stamp, payload."""
    _, length, device_id, stamp = HEADER.unpack_from(datagram)
    ciphertext = datagram[32:length]
    if hashlib.md5(datagram[:16] + token + ciphertext).digest() != datagram[16:32]:
        raise ValueError("bad sign")
    decryptor = Cipher(algorithms.AES(key), modes.CBC(iv)).decryptor()
    plain = decryptor.update(ciphertext) + decryptor.finalize()
    return device_id, stamp, json.loads(plain[: -plain[-1]])


def keys(token: bytes) -> tuple[bytes, bytes]:
    """Give key and iv of a token."""
    key = hashlib.md5(token).digest()
    return key, hashlib.md5(key + token).digest()


class FloorClient:
    """Sends a command and takes the next datagram for its answer."""

    def __init__(self, host: str, port: int, token: bytes) -> None:
        self._token = token
        self._key, self._iv = keys(token)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(5)
        self._socket.connect((host, port))
        self._socket.send(HELLO)
        _, _, self._device_id, self._stamp = HEADER.unpack_from(self._socket.recv(4096))
        self._id = 0

    def send(self, method: str, params: object) -> Any:
        """Send a command and give its result."""
        self._id += 1
        request = {"id": self._id, "method": method, "params": params}
        datagram = encode(request, self._token, self._key, self._iv, self._device_id, self._stamp)
        self._socket.send(datagram)
        answer = self._socket.recv(4096)
        # The device's clock is taken from its answer: cheaper than asking the system for the time.
        _, self._stamp, payload = decode(answer, self._token, self._key, self._iv)
        return payload["result"]

    def close(self) -> None:
        """Free the socket."""
        self._socket.close()
