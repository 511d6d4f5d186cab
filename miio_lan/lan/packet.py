"""One UDP datagram of the LAN wire: its header, its kinds, and the way from a payload to bytes and back.

The device id is one 64-bit number. The layouts are declared in :mod:`miio_lan.lan.layouts`.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from miio_lan.errors import DeviceException, InvalidArgument, PayloadDecodeException
from miio_lan.given import checked_number
from miio_lan.lan import PORT
from miio_lan.lan.cipher import BLOCK_SIZE, TOKEN_SIZE, TokenCipher, give_back, take_cipher
from miio_lan.lan.payload import Payload, dump_payload, parse_payload, read_payload

__all__ = [
    "HEADER_SIZE",
    "HELLO",
    "MAX_REQUEST",
    "PORT",
    "Packet",
    "Payload",
    "PushAbility",
    "decode",
    "dump_payload",
    "encode",
    "hello_reply",
    "parse_payload",
    "push_ability",
    "push_sign",
    "read_payload",
    "seal",
    "sealed_size",
    "shown_token",
    "unseal",
    "unwrap",
    "virtual_did_of",
    "virtual_hello",
]

HEADER_SIZE = 32
#: Bytes of the largest datagram that every known device accepts.
MAX_REQUEST = 1000
#: Bytes to receive with: no datagram is larger.
LARGEST_DATAGRAM = 65536
MAGIC = b"\x21\x31"
UNKNOWN_ID = 0xFFFF_FFFF_FFFF_FFFF
UNKNOWN_STAMP = 0xFFFF_FFFF
NO_SIGN = b"\xff" * TOKEN_SIZE

#: ``layouts.HEADER``: magic, length, device id, stamp, sign. And the same without the sign.
_HEADER = struct.Struct(">2sHQI16s")
_SIGNED = struct.Struct(">2sHQI")
_PROBE_MARK = b"MDID"
_WILDCARD = 0xFE


class Packet:
    """A datagram, taken apart.

    :param device_id: the 64-bit did
    :param stamp: the device's clock, seconds
    :param payload: the JSON value; None in a hello, and where no token was given
    :param raw: the plaintext as decrypted; empty in a hello; the ciphertext where no token was given
    :param sign: the 16 bytes of the checksum field; in a hello reply they are something else (token, push mark)
    :param repairs: what was mended while reading the JSON
    """

    __slots__ = ("device_id", "is_hello", "payload", "raw", "repairs", "sign", "stamp")

    def __init__(
        self,
        device_id: int,
        stamp: int,
        payload: object = None,
        raw: bytes = b"",
        sign: bytes = NO_SIGN,
        repairs: tuple[str, ...] = (),
        *,
        is_hello: bool = False,
    ) -> None:
        self.device_id = device_id
        self.stamp = stamp
        self.payload = payload
        self.raw = raw
        self.sign = sign
        self.repairs = repairs
        self.is_hello = is_hello

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Packet):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__slots__)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        # The sign of a hello reply may be the device's token: it is not shown.
        kind = "hello" if self.is_hello else repr(self.payload if self.payload is not None else self.raw)
        return f"<Packet did={self.device_id} stamp={self.stamp} {kind}>"


class PushAbility(NamedTuple):
    """What a push-capable device says of itself in its answer to a hello with a virtual did.

    :param sub_ts: the stamp of the subscription it holds for us; any other number than ours where there is none
    :param type: 0, 1 or 4 where subscribing is possible
    :param wildcard: whether it understands the ``sub_method`` ``"."``
    """

    sub_ts: int
    type: int
    wildcard: bool


def _hello(device_id: int, stamp: int, sign: bytes) -> bytes:
    return _HEADER.pack(MAGIC, HEADER_SIZE, device_id, stamp, sign)


#: The 32 bytes every device answers: discovery and handshake.
HELLO = _hello(UNKNOWN_ID, UNKNOWN_STAMP, NO_SIGN)


def hello_reply(*, device_id: int, stamp: int, sign: bytes = NO_SIGN) -> bytes:
    """Build what a device answers to a hello.

    :param sign: the token while the device shows it, else 16 x 00 (older) or 16 x ff (newer firmware)
    :raises InvalidArgument: for numbers that have no place in a header
    """
    try:
        return _hello(device_id, stamp & 0xFFFF_FFFF, sign)
    except (struct.error, TypeError) as error:
        raise _no_header(error) from None


def _no_header(error: Exception) -> InvalidArgument:
    return InvalidArgument(
        f"a header has a did of 64 bits, a stamp in whole seconds and a sign of bytes: {error}"
    )


def virtual_hello(virtual_did: int) -> bytes:
    """Build the hello that tells a device our own (virtual) did; old devices answer it like a plain one.

    :raises InvalidArgument: if that is no number of 64 bits
    """
    from miio_lan.lan.layouts import VIRTUAL_HELLO  # most programs never say one

    checked_number("a virtual did", virtual_did, 0, UNKNOWN_ID)
    return bytes(VIRTUAL_HELLO.build({"virtual_did": virtual_did}))


def virtual_did_of(datagram: bytes) -> int | None:
    """Read the virtual did out of such a hello, None out of any other datagram."""
    fixed = datagram[:16] == HELLO[:16] and datagram[16:20] == _PROBE_MARK and len(datagram) == HEADER_SIZE
    return int.from_bytes(datagram[20:28], "big") if fixed else None


def push_sign(ability: PushAbility) -> bytes:
    """Build the sign field of a hello reply that announces push."""
    from miio_lan.lan.layouts import PUSH_SIGN

    fields = {
        "sub_ts": ability.sub_ts & 0xFFFF_FFFF,
        "type": ability.type,
        "wildcard": _WILDCARD if ability.wildcard else 0,
        "rest": bytes(3),
    }
    return bytes(PUSH_SIGN.build(fields))


def push_ability(sign: bytes) -> PushAbility | None:
    """Read the sign field of a hello reply as a push announcement, None where it is none."""
    if len(sign) != TOKEN_SIZE or sign[:4] != b"MSUB" or sign[8:11] != b"PUB":
        return None
    from miio_lan.lan.layouts import PUSH_SIGN

    fields = PUSH_SIGN.parse(sign)
    return PushAbility(sub_ts=fields.sub_ts, type=fields.type, wildcard=fields.wildcard == _WILDCARD)


def shown_token(packet: Packet) -> bytes | None:
    """Give the token a hello reply shows (unprovisioned devices do), None where it shows none.

    All 00 and all ff mean "not shown"; any other byte repeated is no token either, nor is the mark of our own hello,
    should it come back.
    """
    sign = packet.sign
    if not packet.is_hello or sign[:4] == _PROBE_MARK or push_ability(sign) is not None:
        return None
    return None if len(set(sign)) == 1 else sign


def sealed_size(plain_length: int) -> int:
    """Give the size of the datagram that carries a plaintext of that length: padding always adds a byte."""
    return HEADER_SIZE + (plain_length // BLOCK_SIZE + 1) * BLOCK_SIZE


def encode(payload: object, *, token: bytes, device_id: int, stamp: int) -> bytes:
    """Build the datagram that carries a payload.

    :param payload: a JSON value, or ``bytes`` taken as they are
    :param token: 16 bytes
    :param device_id: the 64-bit did
    :param stamp: the device's clock, seconds
    :raises InvalidTokenException: if the token has not 16 bytes
    :raises DeviceException: if the payload has no JSON form or does not fit a datagram at all, and for numbers that
        have no place in a header
    """
    plain = payload if isinstance(payload, bytes) else _dump(payload)
    cipher = take_cipher(token)
    try:
        return seal(plain, cipher, device_id, stamp)
    except (struct.error, TypeError) as error:
        raise _no_header(error) from None
    finally:
        give_back(token, cipher)


def seal(plain: bytes, cipher: TokenCipher, device_id: int, stamp: int) -> bytes:
    """Build the datagram that carries a plaintext; see :func:`encode`."""
    ciphertext = cipher.encrypt(plain)
    length = HEADER_SIZE + len(ciphertext)
    if length > 0xFFFF:
        raise DeviceException(f"a packet of {length} bytes does not fit a datagram")
    header = _SIGNED.pack(MAGIC, length, device_id, stamp & 0xFFFF_FFFF)
    return header + cipher.sign(header, ciphertext) + ciphertext


def _dump(payload: object) -> bytes:
    try:
        return dump_payload(payload)
    except (TypeError, ValueError, RecursionError) as error:
        raise DeviceException(f"the payload has no JSON form: {error}") from None


def decode(datagram: bytes, token: bytes | None) -> Packet:
    """Take a datagram apart and read its JSON leniently.

    :param token: 16 bytes, or None to read only the header
    :raises PayloadDecodeException: of any kind its docstring names
    :raises InvalidTokenException: if the token has not 16 bytes
    """
    if token is None:
        return unseal(datagram, None)
    cipher = take_cipher(token)
    try:
        return unseal(datagram, cipher)
    finally:
        give_back(token, cipher)


def unseal(datagram: bytes, cipher: TokenCipher | None) -> Packet:
    """Take a datagram apart and read its JSON; see :func:`decode`."""
    packet = _open(datagram, cipher)
    if cipher is not None and not packet.is_hello:
        packet.payload, packet.repairs = read_payload(packet.raw)
    return packet


def unwrap(datagram: bytes, token: bytes | None) -> Packet:
    """Take a datagram apart without reading its JSON: ``payload`` is None, ``raw`` the plaintext.

    The sign is checked before anything is decrypted. Bytes beyond the header's length are ignored, as devices do.

    :param token: 16 bytes, or None to leave the content encrypted
    :raises PayloadDecodeException: kind ``"not ours"``, ``"truncated"``, ``"bad sign"`` or ``"bad padding"``
    """
    if token is None:
        return _open(datagram, None)
    cipher = take_cipher(token)
    try:
        return _open(datagram, cipher)
    finally:
        give_back(token, cipher)


def _open(datagram: bytes, cipher: TokenCipher | None) -> Packet:
    if len(datagram) < HEADER_SIZE:
        raise _misfit(datagram)
    magic, length, device_id, stamp, sign = _HEADER.unpack_from(datagram)
    if magic != MAGIC:
        raise _misfit(datagram)
    if length == HEADER_SIZE:
        return Packet(device_id, stamp, sign=sign, is_hello=True)
    if not HEADER_SIZE < length <= len(datagram):
        raise PayloadDecodeException(
            f"truncated: the header speaks of {length} bytes, {len(datagram)} arrived",
            kind="truncated",
            raw=datagram,
        )
    raw = datagram[HEADER_SIZE:length]
    if cipher is not None:
        if cipher.sign(datagram[:16], raw) != sign:
            raise PayloadDecodeException(
                "bad sign: another token, or a reply that was damaged or overflowed",
                kind="bad sign",
                raw=datagram,
            )
        raw = cipher.decrypt(raw)
    return Packet(device_id, stamp, None, raw, sign)


def _misfit(datagram: bytes) -> PayloadDecodeException:
    """Build the error for what has no header of ours."""
    if datagram[:2] != MAGIC[: len(datagram)]:
        return PayloadDecodeException(
            "not ours: the datagram does not begin with 21 31", kind="not ours", raw=datagram
        )
    return PayloadDecodeException(
        f"truncated: {len(datagram)} bytes are less than a header of {HEADER_SIZE}",
        kind="truncated",
        raw=datagram,
    )
