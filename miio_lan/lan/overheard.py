"""A datagram that somebody hears who is neither its client nor its device, as a record.

The virtual product and a capture of the network make their records here, so that both read alike: the same a client's
observer gets.
"""

from __future__ import annotations

from typing import NamedTuple

from miio_lan.errors import PayloadDecodeException
from miio_lan.lan.packet import decode
from miio_lan.record import Record


class Heard(NamedTuple):
    """What a datagram says.

    :param raw: the plaintext; the datagram itself where it could not be read; nothing of a hello
    :param reading: its JSON object; None for anything else
    :param note: ``"hello"``, the kind of a :class:`~miio_lan.errors.PayloadDecodeException`, or nothing
    """

    raw: bytes
    reading: dict[str, object] | None
    note: str


def heard(datagram: bytes, token: bytes) -> Heard:
    """Read a datagram with the token of its device; never raises for what somebody sent."""
    try:
        packet = decode(datagram, token)
    except PayloadDecodeException as error:
        return Heard(error.raw or datagram, None, error.kind)
    if packet.is_hello:
        return Heard(b"", None, "hello")
    return Heard(packet.raw, packet.payload if isinstance(packet.payload, dict) else None, "")


def peer_of(address: str, port: int) -> str:
    """Write who was at the other end: ``192.0.2.1:40000``, ``[2001:db8::1]:40000``."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def record_of(said: Heard, direction: str, instant: float, wall: float, peer: str) -> Record:
    """Make the record of a datagram.

    :param direction: ``"down"`` from a client, ``"up"`` from the device
    :param instant: seconds by the clock of whoever heard it
    :param wall: the time of day, seconds
    :param peer: the client
    """
    return Record("lan", direction, instant, wall, said.raw, said.reading, said.note, peer)
