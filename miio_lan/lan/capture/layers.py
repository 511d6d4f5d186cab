"""From a frame to the UDP datagram in it: link layer, VLAN tags, IPv4, IPv6, fragments.

Read by hand: of a router's traffic nearly nothing is for this port, and dpkt would take apart whatever else is in it,
by the readers of sixty protocols, before that is known. Here a packet of others costs a look at a few of its bytes.
"""

from __future__ import annotations

import ipaddress
import struct
from collections import Counter
from typing import NamedTuple

from miio_lan.lan.capture.fragments import Fragments

#: Link type -> where the type of what it carries stands, and where that begins.
_TYPED_LINKS = {1: (12, 14), 113: (14, 16), 276: (0, 20)}
#: Link type -> where IP begins.
_IP_LINKS = {0: 4, 108: 4, 12: 0, 14: 0, 101: 0, 228: 0, 229: 0}
_WIRELESS = {105, 119, 127, 163}
_IPV4, _IPV6 = 0x0800, 0x86DD
_VLAN = {0x8100, 0x88A8, 0x9100}
_MAX_TAGS = 8
_UDP = 17
_SKIPPED = {0, 43, 60, 135, 139, 140}
"""Headers of IPv6 that say their length in units of eight bytes."""
_FRAGMENT = 44
_MAX_HEADERS = 16

LINKS = frozenset({*_TYPED_LINKS, *_IP_LINKS})
"""The link types that are read."""


class Datagram(NamedTuple):
    """One UDP datagram.

    :param time: seconds since 1970; of the last fragment, where there are several
    :param source: address and port, ``target`` likewise
    :param whole: whether the capture has all of it
    """

    time: float
    source: tuple[str, int]
    target: tuple[str, int]
    data: bytes
    whole: bool = True


class Layers:
    """Takes frames in the order of the capture, and gives the datagrams of one port.

    :param port: that of either end
    """

    def __init__(self, port: int) -> None:
        self._port = port
        self._fragments = Fragments()
        #: What was not read, counted by its reason.
        self.unread: Counter[str] = Counter()

    def take(self, time: float, link: int, data: bytes) -> Datagram | None:
        """Take a frame; give the datagram that it is, or completes."""
        if link not in LINKS:
            self.unread["wireless" if link in _WIRELESS else "link"] += 1
            return None
        packet = _ip_of(link, data)
        if not packet:
            return None
        version = packet[0] >> 4
        if version == 4:
            return self._ipv4(time, packet)
        return self._ipv6(time, packet) if version == 6 else None

    def finish(self) -> None:
        """Count the datagrams of which fragments are missing."""
        self.unread["fragments"] += sum(self._is_ours(first) for first in self._fragments.unfinished())

    def _is_ours(self, header: bytes) -> bool:
        return len(header) >= 4 and self._port in struct.unpack_from(">HH", header)

    def _ipv4(self, time: float, packet: bytes) -> Datagram | None:
        if len(packet) < 20 or packet[9] != _UDP:
            return None
        begin, total = (packet[0] & 0x0F) * 4, int.from_bytes(packet[2:4], "big")
        total = total or len(packet)  # as a network card that cuts by itself hands it over
        if begin < 20 or total < begin:
            self.unread["damaged"] += 1
            return None
        part = int.from_bytes(packet[6:8], "big")
        ends = packet[12:16], packet[16:20]
        body, whole = packet[begin:total], len(packet) >= total
        if not part & 0x3FFF:
            return self._udp(time, ends, body, whole=whole)
        return self._part(
            time, (*ends, packet[4:6]), (part & 0x1FFF) * 8, body, more=bool(part & 0x2000), whole=whole
        )

    def _ipv6(self, time: float, packet: bytes) -> Datagram | None:
        if len(packet) < 40:
            return None
        total = 40 + int.from_bytes(packet[4:6], "big")
        kind, at, ends = packet[6], 40, (packet[8:24], packet[24:40])
        whole = len(packet) >= total
        packet = packet[:total]
        for _ in range(_MAX_HEADERS):
            if kind == _UDP:
                return self._udp(time, ends, packet[at:], whole=whole)
            if len(packet) < at + 8:
                return None
            if kind in _SKIPPED:
                kind, at = packet[at], at + 8 * (packet[at + 1] + 1)
            elif kind == _FRAGMENT:
                kind, part = packet[at], int.from_bytes(packet[at + 2 : at + 4], "big")
                key, at = (*ends, packet[at + 4 : at + 8]), at + 8
                if not part & 0xFFF9:
                    continue  # the whole in one fragment
                if kind != _UDP:
                    return None
                return self._part(time, key, part & 0xFFF8, packet[at:], more=bool(part & 1), whole=whole)
            else:
                return None
        return None

    def _part(
        self, time: float, key: tuple[bytes, bytes, bytes], at: int, data: bytes, *, more: bool, whole: bool
    ) -> Datagram | None:
        if not whole:
            self.unread["cut"] += int(at == 0 and self._is_ours(data))
            return None
        given_up = self._fragments.take(time, key, at, data, more=more)
        self.unread["fragments"] += sum(self._is_ours(first) for first in given_up)
        joined = self._fragments.joined
        return None if joined is None else self._udp(time, (key[0], key[1]), joined, whole=True)

    def _udp(self, time: float, ends: tuple[bytes, bytes], packet: bytes, *, whole: bool) -> Datagram | None:
        if not self._is_ours(packet):
            return None
        if len(packet) < 8:
            self.unread["cut" if not whole else "damaged"] += 1
            return None
        source, target, length = struct.unpack_from(">HHH", packet)
        if length < 8 or (whole and length > len(packet)):
            self.unread["damaged"] += 1
            return None
        if len(packet) < length:
            self.unread["cut"] += 1
        return Datagram(
            time,
            (_address(ends[0]), source),
            (_address(ends[1]), target),
            packet[8:length],
            whole=len(packet) >= length,
        )


def _ip_of(link: int, data: bytes) -> bytes:
    """Give the IP packet in a frame; nothing where it carries something else."""
    if link in _IP_LINKS:
        return data[_IP_LINKS[link] :]
    at, begin = _TYPED_LINKS[link]
    for _ in range(_MAX_TAGS):
        kind = int.from_bytes(data[at : at + 2], "big")
        if kind in (_IPV4, _IPV6):
            return data[begin:]
        if kind not in _VLAN:
            return b""
        at, begin = begin + 2, begin + 4
    return b""


def _address(packed: bytes) -> str:
    return str(ipaddress.ip_address(packed))
