"""What a device tells of itself by mDNS, service ``_miio._udp.local.``.

The instance is ``<model with dashes>_miio<did>``, the TXT record has ``epoch=1`` and ``mac=<12 hexadecimal digits>``.
Some devices write the lengths in the TXT record wrong, so that its entries run into each other; others have a plain
host name as their instance. Source: observed announcements.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

SERVICE = "_miio._udp.local."
MAX_DID = 0xFFFF_FFFF_FFFF_FFFE
"""The largest did: 64 bits, and all ones means "unknown"."""
DID_RANGE = f"did is a number from 1 to {MAX_DID}"
"""How the error for anything else begins."""
MAX_TEXT = 4096
"""Bytes of a TXT record, and characters of an instance, that are looked at."""

# Two instances of one name are told apart by what mDNS appends: "name (2)" or "name-2".
_INSTANCE = re.compile(r"([^\s]*)_miio([0-9]{1,20})(?: \([0-9]{1,3}\)|-[0-9]{1,3})?", re.ASCII)
_MODEL = re.compile(r"[A-Za-z0-9]+(?:[-._][A-Za-z0-9]+)*", re.ASCII)
_MAC = re.compile(
    rb"mac=([0-9a-f]{12}|[0-9a-f]{2}(?::[0-9a-f]{2}){5}|[0-9a-f]{2}(?:-[0-9a-f]{2}){5})", re.IGNORECASE
)


class Announcement(NamedTuple):
    """What an announcement says; None for what it does not say.

    :param model: a hint at the model: a dash in the instance may have been a dot or a dash of the model
    :param did: the device id
    :param mac: the MAC address, ``"F0:B4:29:AA:BB:CC"``
    """

    model: str | None = None
    did: int | None = None
    mac: str | None = None


def read_announcement(instance: str, txt: object = b"") -> Announcement:
    """Read an announcement; whatever it holds, nothing is raised.

    :param instance: the name of the instance, with or without the service behind it
    :param txt: the TXT record: its bytes, its entries (bytes or text), or a mapping of keys to values
    """
    name = (
        str(instance)[:MAX_TEXT].removesuffix(".").removesuffix(SERVICE.removesuffix(".")).removesuffix(".")
    )
    found = _INSTANCE.fullmatch(name)
    model = did = None
    if found is not None:
        if _MODEL.fullmatch(found[1]) and len(found[1]) <= 64:
            model = found[1].replace("-", ".")
        number = int(found[2])
        did = number if 0 < number <= MAX_DID else None
    return Announcement(model, did, _mac(_flat(txt)))


def _mac(record: bytes) -> str | None:
    """Find the MAC address anywhere in a record; one repeated digit is no address."""
    for match in _MAC.finditer(record):
        digits = match[1].decode().upper().replace(":", "").replace("-", "")
        if len(set(digits)) > 1:
            return ":".join(digits[at : at + 2] for at in range(0, 12, 2))
    return None


def _flat(txt: object) -> bytes:
    """Give a TXT record as bytes, whatever form it came in."""
    if isinstance(txt, (bytes, bytearray, memoryview)):
        return bytes(txt)[:MAX_TEXT]
    if isinstance(txt, str):
        return txt[:MAX_TEXT].encode("utf-8", "replace")
    parts: list[bytes] = []
    if isinstance(txt, Mapping):
        parts = [_bytes(key) + b"=" + _bytes(value) for key, value in txt.items()]
    elif isinstance(txt, Iterable):
        parts = [_bytes(entry) for entry in txt]
    return b"\0".join(parts)[:MAX_TEXT]


def _bytes(value: object) -> bytes:
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    return value.encode("utf-8", "replace") if isinstance(value, str) else b""
