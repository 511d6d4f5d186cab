"""The UDP socket of a virtual module: it answers from the address it was asked at.

A socket bound to one address does so anyway. One bound to all of them (``0.0.0.0``, ``::``) leaves it to the system,
which takes the address of the way out; a client drops what comes from another address than it asked. So the address is
learnt with each datagram, and used for what goes back, where the system can tell it (Linux).
"""

from __future__ import annotations

import ipaddress
import socket
import struct
from collections import OrderedDict
from contextlib import suppress
from typing import TYPE_CHECKING

from miio_lan.errors import DeviceException, InvalidArgument
from miio_lan.foreign import show
from miio_lan.lan.client.transport.resolving import in_numbers

if TYPE_CHECKING:
    from miio_lan.lan.responder.responder import Address

MAX_PEERS = 256
"""Clients whose way back is remembered; the one that was silent the longest gives way."""
_MAX_DATAGRAM = 65536

# Linux: interface, local address, header's destination; and address, interface.
_IP_PKTINFO = getattr(socket, "IP_PKTINFO", 8)
_INFO4, _INFO6 = struct.Struct("=I4s4s"), struct.Struct("=16sI")


class BoundSocket:
    """A bound UDP socket, which never blocks.

    :param host: the address to listen at, IPv4 or IPv6
    :param port: the UDP port, 0 for any free one
    :raises DeviceException: naming what cannot be had
    """

    def __init__(self, host: str, port: int) -> None:
        self.socket = _listen(host, port)
        bound, self.port = self.socket.getsockname()[:2]
        self._ways: OrderedDict[Address, tuple[int, int, bytes]] = OrderedDict()
        address = ipaddress.ip_address(bound.partition("%")[0])
        self._address = "" if address.is_unspecified else str(address)
        self._room = 0  # bytes of what the system tells with a datagram
        self._told = address.is_unspecified and self._tell_addresses()

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()

    def receive(self) -> tuple[bytes, Address, str]:
        """Take a datagram.

        :returns: it, who sent it, and the address it was sent to; empty where that is not known
        :raises OSError: if there is none for now, or a datagram of ours was refused
        """
        if not self._told:
            datagram, peer = self.socket.recvfrom(_MAX_DATAGRAM)
            return datagram, peer, self._address
        datagram, notes, _, peer = self.socket.recvmsg(_MAX_DATAGRAM, self._room)
        return datagram, peer, self._learn(peer, notes)

    def send(self, datagram: bytes, peer: Address) -> None:
        """Send a datagram, from where its receiver asked us.

        :raises OSError: if it cannot be sent
        """
        way = self._ways.get(peer)
        if way is None:
            self.socket.sendto(datagram, peer)
        else:
            self.socket.sendmsg([datagram], [way], 0, peer)

    def _tell_addresses(self) -> bool:
        """Have the system tell with each datagram at which address it came; tell whether it does."""
        with suppress(AttributeError, OSError):  # another system has neither the way nor the words
            self._room = socket.CMSG_SPACE(_INFO4.size) + socket.CMSG_SPACE(_INFO6.size)
            if self.socket.family == socket.AF_INET6:
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            else:
                self.socket.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
            return True
        return False

    def _learn(self, peer: Address, notes: list[tuple[int, int, bytes]]) -> str:
        for level, kind, data in notes:
            if (level, kind) == (socket.IPPROTO_IP, _IP_PKTINFO) and len(data) >= _INFO4.size:
                interface, local, _ = _INFO4.unpack_from(data)
                back = _INFO4.pack(interface, local, bytes(4))
            elif (level, kind) == (socket.IPPROTO_IPV6, getattr(socket, "IPV6_PKTINFO", None)):
                local, interface = _INFO6.unpack_from(data)
                back = _INFO6.pack(local, interface)
            else:
                continue
            address = ipaddress.ip_address(local)
            if address.is_multicast:
                return ""
            self._ways[peer] = (level, kind, back)
            self._ways.move_to_end(peer)
            while len(self._ways) > MAX_PEERS:
                self._ways.popitem(last=False)
            return str(address)
        return ""


def checked_host(name: str, host: object) -> str:
    """Give an address to listen at.

    :raises InvalidArgument: if it is none; the system would listen for everybody
    """
    if not isinstance(host, str) or not host:
        raise InvalidArgument(f"{name} is an address such as '127.0.0.1', not {show(host)}")
    return host


def in_the_way(host: str, other: str) -> bool:
    """Tell whether nobody can listen at two addresses, at one port: they are one, or one of them stands for all.

    Names are looked up; one that means nothing is in nobody's way, and listening says what is wrong with it.
    """
    try:
        first, second = _meant(host), _meant(other)
    except (OSError, UnicodeError):
        return False
    if first == second:
        return True
    return any(
        everybody.is_unspecified and (everybody.version == 6 or each.version == 4)
        for everybody, each in ((first, second), (second, first))
    )


def _meant(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Give the address that would be listened at.

    :raises OSError: (or a ``UnicodeError``) if there is none
    """
    found = socket.getaddrinfo(host, 0, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE)
    parsed = ipaddress.ip_address(in_numbers(found[0][4]))
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return mapped or parsed


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port < 65536:  # getaddrinfo takes the lower bits of whatever it gets
        raise DeviceException(
            f"the virtual module cannot listen at UDP port {port}: ports go from 0 to 65535"
        )
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setblocking(False)
            listening.bind(address)
        except BaseException:
            listening.close()
            raise
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise DeviceException(
            f"the virtual module cannot listen at {host!r}, UDP port {port}: {reason}"
        ) from error
    return listening
