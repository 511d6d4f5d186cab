"""The layouts of the LAN wire's fixed fields, declared with construct. All numbers are big-endian.

:mod:`miio_lan.lan.packet` reads and writes the header by ``struct``: it does so for every datagram, and most programs
need nothing else of this. ``tests/lan/test_layouts.py`` holds the two together.
Source: observed packets; published firmware.
"""

from __future__ import annotations

from construct import Bytes, Const, Int8ub, Int16ub, Int32ub, Int64ub, Struct

HEADER = Struct(
    "magic" / Const(b"\x21\x31"),
    "length" / Int16ub,
    "device_id" / Int64ub,
    "stamp" / Int32ub,
    "sign" / Bytes(16),
)

#: A hello that tells our own did.
VIRTUAL_HELLO = Struct(
    "magic" / Const(b"\x21\x31"),
    "length" / Const(32, Int16ub),
    "unknown" / Const(b"\xff" * 12),
    "mark" / Const(b"MDID"),
    "virtual_did" / Int64ub,
    "rest" / Const(bytes(4)),
)

#: The sign field of a hello reply that announces push.
PUSH_SIGN = Struct(
    "mark" / Const(b"MSUB"),
    "sub_ts" / Int32ub,
    "pub" / Const(b"PUB"),
    "type" / Int8ub,
    "wildcard" / Int8ub,
    "rest" / Bytes(3),
)
