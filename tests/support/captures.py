"""Captures made byte by byte: packets, the links they cross, and the files of tcpdump and Wireshark."""

from __future__ import annotations

import io
import ipaddress
import struct
from collections.abc import Iterable

import dpkt

from miio_lan.lan.packet import HELLO, encode, hello_reply

TOKEN = bytes.fromhex("00112233445566778899aabbccddeeff")
OTHER_TOKEN = b"another token ok"
DID = 77
LAMP = ("192.0.2.7", 54321)
CLIENT = ("192.0.2.9", 40000)
NOON = 1_700_000_000.0

EN10MB, NULL, RAW, SLL, LOOP, SLL2, IPV4, IPV6 = 1, 0, 101, 113, 108, 276, 228, 229

End = tuple[str, int]
Packet = tuple[float, bytes]


def udp(source: End, target: End, data: bytes) -> bytes:
    return struct.pack(">HHHH", source[1], target[1], 8 + len(data), 0) + data


def ipv4(source: End, target: End, data: bytes, *, at: int = 0, more: bool = False, number: int = 1) -> bytes:
    """An IPv4 packet with the given payload (the datagram, or a piece of it)."""
    ends = ipaddress.IPv4Address(source[0]).packed + ipaddress.IPv4Address(target[0]).packed
    part = (0x2000 if more else 0) | at // 8
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(data), number, part, 64, 17, 0) + ends + data


def ipv6(source: End, target: End, data: bytes, *, before: bytes = b"", first: int = 17) -> bytes:
    """An IPv6 packet; ``before`` are extension headers, ``first`` the kind of the first one."""
    ends = ipaddress.IPv6Address(source[0]).packed + ipaddress.IPv6Address(target[0]).packed
    return struct.pack(">IHBB", 6 << 28, len(before + data), first, 64) + ends + before + data


def packet(source: End, target: End, data: bytes, number: int = 1) -> bytes:
    """A whole UDP datagram in IP of either version."""
    inner = udp(source, target, data)
    return ipv6(source, target, inner) if ":" in source[0] else ipv4(source, target, inner, number=number)


def framed(ip: bytes, link: int = EN10MB, *, tags: Iterable[int] = ()) -> bytes:
    """Put an IP packet onto a link; ``tags`` are the types of VLAN tags in front."""
    kind = 0x86DD if ip[0] >> 4 == 6 else 0x0800
    vlan = b"".join(struct.pack(">HH", tag, 5) for tag in tags)
    typed = vlan + struct.pack(">H", kind)
    if link == EN10MB:
        return bytes(12) + typed + ip
    if link == SLL:
        return bytes(14) + typed + ip
    if link == SLL2:
        return struct.pack(">H", kind) + bytes(18) + ip
    if link in (NULL, LOOP):
        return struct.pack("<I", 2) + ip
    return ip


def pcap(packets: Iterable[Packet], link: int = EN10MB, *, nano: bool = False) -> bytes:
    file = io.BytesIO()
    writer = dpkt.pcap.Writer(file, linktype=link, nano=nano)
    for time, data in packets:
        writer.writepkt(data, ts=time)
    return file.getvalue()


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    """A block of a pcapng file."""
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", 12 + len(body))
    return struct.pack(order + "I", kind) + length + body + length


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(
    link: int, *, resolution: int | None = None, offset: int | None = None, order: str = "<"
) -> bytes:
    options = b""
    if resolution is not None:
        options += struct.pack(order + "HHBxxx", 9, 1, resolution)
    if offset is not None:
        options += struct.pack(order + "HHq", 14, 8, offset)
    return block(1, struct.pack(order + "HHI", link, 0, 0) + options, order)


def enhanced(place: int, stamp: int, data: bytes, order: str = "<") -> bytes:
    fields = struct.pack(order + "IIIII", place, stamp >> 32, stamp & 0xFFFFFFFF, len(data), len(data))
    return block(6, fields + data, order)


def sealed(body: object, token: bytes = TOKEN, did: int = DID) -> bytes:
    return encode(body, token=token, device_id=did, stamp=100)


def talk(
    token: bytes = TOKEN, did: int = DID, lamp: End = LAMP, client: End = CLIENT, begin: float = NOON
) -> list[Packet]:
    """A hello, its answer, a request and its reply, as IP packets."""
    request = {"id": 1, "method": "get_properties", "params": [{"siid": 2, "piid": 1}]}
    reply = {"id": 1, "result": [{"siid": 2, "piid": 1, "code": 0, "value": True}]}
    return [
        (begin, packet(client, lamp, HELLO, 1)),
        (begin + 0.01, packet(lamp, client, hello_reply(device_id=did, stamp=100), 2)),
        (begin + 0.02, packet(client, lamp, sealed(request, token, did), 3)),
        (begin + 0.2, packet(lamp, client, sealed(reply, token, did), 4)),
    ]


def on_link(packets: Iterable[Packet], link: int = EN10MB) -> list[Packet]:
    return [(time, framed(data, link)) for time, data in packets]
