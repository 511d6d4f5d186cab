"""The interfaces of this computer, the sockets that searches use, and a search made for them."""

from __future__ import annotations

import contextlib
import logging
import math
import secrets
import socket
import sys
from dataclasses import dataclass
from importlib import import_module
from ipaddress import IPv4Address, IPv4Network
from typing import TYPE_CHECKING, Any

from miio_lan.errors import DeviceException, InvalidArgument, UnsupportedFeatureException
from miio_lan.foreign import show
from miio_lan.given import checked_flag
from miio_lan.lan.discovery.search import Interface, Search, listed, needed_for, parse_subnets
from miio_lan.lan.sockets import made_socket

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LOGGER = logging.getLogger(__name__)

# Bytes that may wait in a socket: everybody answers at once. The system may give less.
_ROOM = 1 << 20
_IP_BOUND_IF = 25  # macOS


@dataclass(frozen=True)
class SearchPlan:
    """A search, and the sockets it wants.

    :param search: its rules
    :param announced_at: own addresses to listen for announcements at; empty where they are not wanted
    """

    search: Search
    announced_at: tuple[str, ...]


def local_interfaces() -> list[Interface]:
    """Return the IPv4 addresses of this computer, as the system has them now.

    :raises DeviceException: if the system does not tell
    """
    try:
        return _read_interfaces()
    except OSError as error:
        reason = error.strerror or error
        raise DeviceException(f"the interfaces of this computer cannot be read: {reason}") from None


def _read_interfaces() -> list[Interface]:
    # Each version of it has other types.
    netifaces: Any = import_module("netifaces")
    found = []
    for name in netifaces.interfaces():
        for entry in netifaces.ifaddresses(name).get(netifaces.AF_INET, ()):
            # netifaces2 calls it "mask" from 0.0.20 on.
            address, mask = entry.get("addr"), entry.get("netmask") or entry.get("mask")
            with contextlib.suppress(ValueError):
                found.append(Interface(name, address, IPv4Network(f"{address}/{mask or 32}", strict=False)))
    return found


def chosen(wanted: Iterable[str] | None, local: Sequence[Interface]) -> list[Interface]:
    """Return the interfaces that somebody asked for by name or by address; by default all but loopback.

    :raises InvalidArgument: (a ``ValueError``) naming what there is, if one is not there
    """
    if wanted is None:
        return [each for each in local if not each.is_loopback]
    found = []
    for name in listed("interfaces", wanted):
        matching = [each for each in local if str(name) in (each.name, each.address)]
        if not matching:
            others = ", ".join(f"{each.name} ({each.address})" for each in local) or "none"
            raise InvalidArgument(
                f"there is no interface {show(name)} with an IPv4 address; there are {others}"
            )
        found += [each for each in matching if each not in found]
    return found


def plan(
    timeout: float | None,
    *,
    interfaces: Iterable[str] | None,
    subnets: Iterable[str | IPv4Network] | str,
    mdns: bool | None,
    port: int,
    begin: float,
    hosts: Iterable[str] = (),
) -> SearchPlan:
    """Make a search; see :func:`miio_lan.lan.discovery.blocking.discover`, whose arguments these are.

    :raises InvalidArgument: (a ``ValueError``) for what cannot be right
    :raises UnsupportedFeatureException: for mDNS without zeroconf
    :raises DeviceException: if this computer has no interface to search
    """
    _check_numbers(timeout, port)
    sweep = parse_subnets(subnets)
    singles = _checked_hosts(hosts)
    local = local_interfaces()
    ways = [] if (sweep or singles) and interfaces is None else chosen(interfaces, local)
    if not (ways or sweep or singles):
        raise DeviceException("this computer has no network interface with an IPv4 address to search from")
    announced_at = tuple(each.address for each in ways if not each.is_loopback)
    search = Search(
        ways,
        sweep=sweep,
        singles=singles,
        local=local,
        port=port,
        virtual_did=secrets.randbits(63) | 1,
        begin=begin,
        timeout=timeout,
    )
    return SearchPlan(search, announced_at if _wants_mdns(mdns) else ())


def _check_numbers(timeout: Any, port: Any) -> None:
    """Refuse a time and a port that are none.

    :raises InvalidArgument: for them
    """
    if timeout is not None and (
        isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not timeout > 0
    ):
        raise InvalidArgument(f"timeout is a number of seconds above 0, not {show(timeout)}")
    if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65536:
        raise InvalidArgument(f"a UDP port is 1 to 65535, not {show(port)}")


def plan_for(known: str | None, *, timeout: float, patience: float, port: int, begin: float) -> Search:
    """Make a search for one device: at the address it was last seen at, and then everywhere."""
    local = local_interfaces()
    singles = [known] if known is not None and _is_address(known) else []
    only = bool(singles) and IPv4Address(singles[0]).is_loopback
    ways = [each for each in local if each.is_loopback == only]
    return Search(
        ways,
        singles=singles,
        local=local,
        port=port,
        virtual_did=secrets.randbits(63) | 1,
        begin=begin,
        timeout=timeout,
        patience=patience if singles else 0.0,
    )


def interfaces_around(address: str) -> list[str]:
    """Return the interfaces by which everybody is asked for a device that was at an address.

    One on loopback is asked for on loopback, which leads nowhere else; all others everywhere else. It is no error that
    there is none at the moment.
    """
    loopback = _is_address(address) and IPv4Address(address).is_loopback
    return list(dict.fromkeys(each.name for each in local_interfaces() if each.is_loopback == loopback))


def gateways(interfaces: Iterable[str] | None = None) -> list[str]:
    """Return the IPv4 addresses of the routers that these interfaces lead to; an access point mostly is one.

    :param interfaces: names or own addresses; by default all but loopback
    :raises InvalidArgument: (a ``ValueError``) if one is not there
    """
    netifaces: Any = import_module("netifaces")
    names = {each.name for each in chosen(interfaces, local_interfaces())}
    found = [each[:2] for each in netifaces.gateways().get(netifaces.AF_INET, ())]
    return [address for address, name in found if name in names and _is_address(str(address))]


def _checked_hosts(hosts: Iterable[str]) -> list[str]:
    found = [str(each) for each in listed("hosts", hosts)]
    if wrong := [each for each in found if not _is_address(each)]:
        raise InvalidArgument(f"{show(wrong[0])} is no IPv4 address such as '192.168.1.9'")
    return found


def _is_address(text: str) -> bool:
    with contextlib.suppress(OSError, ValueError):
        socket.inet_pton(socket.AF_INET, text)
        return True
    return False


def _wants_mdns(mdns: bool | None) -> bool:
    if mdns is not None and not checked_flag("mdns", mdns):
        return False
    from importlib.util import find_spec

    there = find_spec("zeroconf") is not None
    if mdns and not there:
        raise UnsupportedFeatureException("mDNS needs zeroconf: pip install 'miio-lan[mdns]'")
    return there


class Sockets:
    """The sockets of a search: one for each interface, and one for single addresses.

    :raises DeviceException: if none of the interfaces can be used
    """

    def __init__(self, search: Search) -> None:
        self._by_way: dict[int | None, socket.socket] = {}
        try:
            self._by_way[None] = open_socket(None)
            self._open(search)
        except BaseException:
            self.close()
            raise

    def _open(self, search: Search) -> None:
        trouble: DeviceException | None = None
        for way, interface in enumerate(search.ways):
            try:
                self._by_way[way] = open_socket(interface)
            except DeviceException as error:  # one that has just gone
                trouble = error
                _LOGGER.warning("%s", error)
        if trouble is not None and len(self._by_way) == 1:
            raise trouble

    def items(self) -> list[tuple[int | None, socket.socket]]:
        """Return the sockets, each with the number of its interface; None for single addresses."""
        return list(self._by_way.items())

    def send(self, search: Search) -> None:
        """Send what the search wants sent. What cannot be sent is lost, as datagrams are."""
        for datagram, way, ip in search.take_output():
            sock = self._by_way.get(way)
            if sock is not None:
                with contextlib.suppress(OSError):
                    sock.sendto(datagram, (ip, search.port))

    def close(self) -> None:
        """Close them."""
        for sock in self._by_way.values():
            sock.close()


def open_socket(way: Interface | None) -> socket.socket:
    """Open a socket that never blocks, bound to an interface where one is given.

    :raises DeviceException: if the interface has gone, or there can be no socket
    """
    sock = made_socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)
        if way is not None:
            _tie(sock, way.name)
            sock.bind((way.address, 0))
        else:
            sock.bind(("", 0))
    except BaseException as error:
        sock.close()
        if isinstance(error, OSError):
            by = "" if way is None else f" by {way.name} ({way.address})"
            raise DeviceException(f"cannot send{by}: {error.strerror or error}") from None
        raise
    return sock


def _tie(sock: socket.socket, name: str) -> None:
    """Tie a socket to an interface, so that 255.255.255.255 goes out there; where the system lets us."""
    with contextlib.suppress(OSError, AttributeError):
        if sys.platform == "linux":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, name.encode() + b"\0")
        else:
            sock.setsockopt(socket.IPPROTO_IP, _IP_BOUND_IF, socket.if_nametoindex(name))


def advice(search: Search) -> str:
    """Say what of a sweep was not done, and what would help; empty when all was done."""
    if not search.unasked:
        return ""
    enough = math.ceil(needed_for(search.subnets))
    return f"{search.unasked} addresses were not asked: the sweep needs {enough} s in all"
