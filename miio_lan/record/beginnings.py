"""What a file is that cannot be read, by its first bytes, so that whoever gave it knows what to do. No I/O."""

from __future__ import annotations

_PACKED = "it is compressed ({}): unpack it first"
_WIDE = "it is text in UTF-16, as PowerShell's > writes it: save it as UTF-8"
_COMPRESSED = {
    b"\x1f\x8b": _PACKED.format("gzip"),
    b"\x28\xb5\x2f\xfd": _PACKED.format("zstd"),
    b"\x04\x22\x4d\x18": _PACKED.format("lz4"),
    b"\xfd7zXZ": _PACKED.format("xz"),
    b"BZh": _PACKED.format("bzip2"),
    b"PK\x03\x04": _PACKED.format("zip"),
}
ENOUGH = max(map(len, _COMPRESSED))
"""Bytes that are enough to know."""


def if_compressed(data: bytes) -> str:
    """Say what is to be done about a compressed file that begins so; empty for any other."""
    return next((told for begin, told in _COMPRESSED.items() if data.startswith(begin)), "")


def if_no_text(data: bytes) -> str:
    """Say what is to be done about a file that begins so, and is no UTF-8; empty where that is not known."""
    return _WIDE if data.startswith((b"\xff\xfe", b"\xfe\xff")) else if_compressed(data)
