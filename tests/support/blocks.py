"""XMODEM blocks as a module sends them."""

from __future__ import annotations

from binascii import crc_hqx


def block(number: int = 1, data: bytes = bytes(range(128)), *, check: str = "crc") -> bytes:
    """Make a block of 128 or 1024 bytes with a CRC or a sum."""
    head = bytes([1 if len(data) == 128 else 2, number, 255 - number])
    tail = crc_hqx(data, 0).to_bytes(2, "big") if check == "crc" else bytes([sum(data) & 0xFF])
    return head + data + tail
