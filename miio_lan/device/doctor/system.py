"""What this computer knows of the way to a device: interfaces, routers, neighbours, pings, sockets of others."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import time
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from miio_lan.device.doctor.observed import Route
from miio_lan.lan.discovery.ways import local_interfaces
from miio_lan.ready import readable

_PROC = Path("/proc/net")
_COMPLETE = 0x2
"""The flag of an entry of Linux's table of neighbours that holds a hardware address."""
_ECHO_REQUEST = 8
_PING_WAIT = 1.0


def way_to(host: str, found: tuple[Any, Any, int, str, Any]) -> Route:
    """Find out how this computer reaches an address.

    :param found: the address, as :func:`socket.getaddrinfo` has it
    """
    family, kind, protocol, _, peer = found
    address = str(peer[0])
    try:
        with socket.socket(family, kind, protocol) as sock:
            sock.connect(peer)  # nothing is sent
            source = str(sock.getsockname()[0])
    except OSError as error:
        return Route(address, trouble=f"there is no way to {host} ({address}): {error.strerror or error}")
    if family != socket.AF_INET:
        return Route(address, source=source, interface="an IPv6 interface")
    mine = next((each for each in local_interfaces() if each.address == source), None)
    subnets = [each.network for each in local_interfaces() if IPv4Address(address) in each.network]
    name = mine.name if mine is not None else ""
    # Part of our subnet may have a route of its own, of a VPN for example.
    gateway = gateway_to(address, longer_than=max((each.prefixlen for each in subnets), default=-1))
    subnet = str(subnets[0]) if subnets and not gateway else ""
    return Route(address, "", source, name, subnet, gateway)


def gateway_to(address: str, table: str | None = None, *, longer_than: int = -1) -> str:
    """Return the router that leads to an address; empty where the system does not tell (only Linux does).

    :param longer_than: bits of the prefix of a route that needs no router
    """
    best, found = longer_than, ""
    for fields in _rows(_read("route") if table is None else table):
        with contextlib.suppress(IndexError, ValueError):
            network = IPv4Network((_hexadecimal(fields[1]), str(_hexadecimal(fields[7]))))
            if IPv4Address(address) in network and network.prefixlen > best:
                best, found = network.prefixlen, str(_hexadecimal(fields[2]))
    return "" if found == "0.0.0.0" else found  # noqa: S104 - no router


def neighbour(address: str, table: str | None = None) -> bool | None:
    """Tell whether somebody at an address of our own subnet answered on the link; None where that is not known."""
    for fields in _rows(_read("arp") if table is None else table):
        with contextlib.suppress(IndexError, ValueError):
            if fields[0] == address:
                return bool(int(fields[2], 16) & _COMPLETE)
    return None


def tied_sockets(address: str, port: int, table: str | None = None) -> int | None:
    """Count the UDP sockets of this computer that are connected to an address; None where the system does not tell."""
    text = _read("udp") if table is None else table
    if not text:
        return None
    count = 0
    for fields in _rows(text):
        with contextlib.suppress(IndexError, ValueError):
            there, _, number = fields[2].partition(":")
            count += str(_hexadecimal(there)) == address and int(number, 16) == port
    return count


def ping(address: str, wait: float = _PING_WAIT) -> bool | None:
    """Tell whether an IPv4 address answers a ping; None where this computer lets us send none."""
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP) as sock:
            sock.connect((address, 0))
            return _pinged(sock, wait)
    return None


def _pinged(sock: socket.socket, wait: float) -> bool:
    mark = os.urandom(16)
    body = struct.pack(">HH", os.getpid() & 0xFFFF, 1) + mark
    checksum = _checksum(struct.pack(">BBH", _ECHO_REQUEST, 0, 0) + body)
    request = struct.pack(">BBH", _ECHO_REQUEST, 0, checksum) + body
    sock.send(request)
    end = time.monotonic() + wait
    while (left := end - time.monotonic()) > 0:
        if not readable(sock, left):
            break
        try:
            data = sock.recv(1024)
        except OSError:
            return False
        # On loopback a raw socket hears the request, too: an answer has another type before the mark.
        if data.endswith(mark) and not data.endswith(request):
            return True
    return False


def _checksum(data: bytes) -> int:
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _read(name: str) -> str:
    try:
        return (_PROC / name).read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""


def _rows(table: str) -> list[list[str]]:
    return [line.split() for line in table.splitlines()[1:]]


def _hexadecimal(text: str) -> IPv4Address:
    """Read an address as Linux writes it there: in the byte order of the machine."""
    return IPv4Address(struct.pack("=I", int(text, 16)))
