"""A search for devices: which hello goes where and when, and what comes back. No I/O and no clock.

Goal: find every device, although hellos and answers get lost, without disturbing any (devices that are flooded with
hellos miss commands).

Plan, three kinds of hellos side by side:

* Broadcasts, on each interface: half a second apart at first, then ever more rarely, as long as the search goes on.
  They take turns in two things: the interface's own broadcast address and 255.255.255.255 (a network may carry one of
  them only), and the plain hello and the one with a virtual did (a device says only to that one that it can push, and
  its answer then has no room for a token).
* A sweep: each address of a subnet, at an even pace, and once more for what got lost.
* Single addresses that are known from elsewhere, three times each.

Example, one interface, seconds:

    0.0  plain    192.168.1.255        1.5  virtual  255.255.255.255
    0.5  virtual  192.168.1.255        2.5  plain    192.168.1.255
    1.0  plain    255.255.255.255      4.5  virtual  192.168.1.255     8.5 ...
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from miio_lan.errors import InvalidArgument, PayloadDecodeException
from miio_lan.foreign import show
from miio_lan.lan import PORT
from miio_lan.lan.discovery.announcement import read_announcement
from miio_lan.lan.discovery.findings import Finding, Findings
from miio_lan.lan.packet import HEADER_SIZE, HELLO, unwrap, virtual_hello

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FIRST_GAP = 0.5
"""Seconds between the first broadcasts on an interface."""
EVEN_ROUNDS = 4
"""Rounds of broadcasts before the gap begins to double."""
MAX_GAP = 45.0
"""Seconds of the longest gap, which is what Xiaomi's own integration comes to."""
SWEEP_PACE = 200.0
"""Hellos a second of a sweep: a switch, a router and the system's table of neighbours cope with it."""
SWEEP_PASSES = 2
"""How often each address of a sweep is asked."""
SWEEP_AGAIN = 60.0
"""Seconds from one sweep to the next in a search that goes on."""
MAX_SWEEP = 65536
"""Addresses of the largest sweep."""
SINGLE_GAPS = (0.5, 1.0, math.inf)
"""Seconds after each hello to a single address."""
MAX_SINGLES = 1024
"""Single addresses that are asked at most; announcements of any number of them may come."""
LISTENING = 5.0
"""Seconds that a search takes, if not said otherwise."""
LAST_ANSWERS = 2.0
"""Seconds to listen after the last hello of a sweep."""
_BEHIND = 0.05
_EVERYBODY = "255.255.255.255"


@dataclass(frozen=True)
class Interface:
    """An address of this computer.

    :param name: the interface's name
    :param address: an IPv4 address it has
    :param network: the subnet that this address is in
    """

    name: str
    address: str
    network: IPv4Network

    @property
    def broadcast(self) -> str | None:
        """The subnet's broadcast address; None where a subnet is too small to have one."""
        return str(self.network.broadcast_address) if self.network.prefixlen < 31 else None

    @property
    def is_loopback(self) -> bool:
        """Whether it leads to this computer alone."""
        return IPv4Address(self.address).is_loopback


class Shout(NamedTuple):
    """A datagram to be sent.

    :param way: the number of the interface to send from; None to let the system choose
    """

    datagram: bytes
    way: int | None
    ip: str


class Search:
    """One search, of any length.

    :param ways: the interfaces that broadcasts go out by; numbers in :class:`Shout` count them
    :param sweep: the subnets to sweep
    :param singles: addresses to ask first
    :param local: all interfaces of this computer: they tell what leads to an address
    :param virtual_did: a random 64-bit number
    :param begin: when it begins, monotonic seconds
    :param timeout: seconds it takes; infinity to go on; None for as long as it needs
    :param patience: seconds before the first broadcast, for what the single addresses are likely to answer
    """

    def __init__(
        self,
        ways: Sequence[Interface] = (),
        *,
        sweep: Sequence[IPv4Network] = (),
        singles: Sequence[str] = (),
        local: Sequence[Interface] = (),
        port: int = PORT,
        virtual_did: int,
        begin: float,
        timeout: float | None = None,
        patience: float = 0.0,
    ) -> None:
        self.ways = [each for each in ways if each.broadcast is not None]
        self.port = port
        self.findings = Findings(port)
        self._local = [*ways, *local]
        self._hellos = (HELLO, virtual_hello(virtual_did))
        self.subnets = list(sweep)
        self.end = begin + (needed_for(sweep) if timeout is None else timeout)
        self._output: list[Shout] = []
        #: Rounds of broadcasts that went out, or would have.
        self.round = 0
        self._next_round = begin + patience
        self._singles: dict[str, tuple[float, int]] = {}
        for ip in singles:
            self._ask(ip, begin)
        self._pass = 0
        self._left = addresses_of(self.subnets)
        self._first_pass_left = count(self.subnets)
        self._next_swept = begin if self.subnets else math.inf
        self._swept_from = begin

    # --- in ----------------------------------------------------------------------------------------------------

    def receive(self, datagram: bytes, ip: str, port: int, way: int | None, now: float) -> Finding | None:
        """Take a datagram; what is no answer to a hello is counted and dropped.

        :param way: the number of the interface whose socket it came to; None for that of single addresses
        :returns: a device that is new or changed
        """
        if port != self.port or len(datagram) != HEADER_SIZE:
            self.findings.dropped += 1
            return None
        try:
            packet = unwrap(datagram, None)
        except PayloadDecodeException:
            self.findings.dropped += 1
            return None
        interface = self.ways[way].name if way is not None else self._leads_to(ip)
        # A device that moves is noticed by the rounds of broadcasts, or by the passes of a sweep.
        return self.findings.hello(packet, ip, interface, self.round if self.ways else self._pass, now)

    def announced(self, instance: str, addresses: Iterable[str], txt: object, now: float) -> list[Finding]:
        """Take an announcement; its addresses are asked whether it is true.

        :param addresses: as text; what is no IPv4 address of a host is left out
        :returns: devices that are new or changed
        """
        announcement = read_announcement(instance, txt)
        found = []
        for ip in islice(filter(_is_host, addresses), 4):
            changed = self.findings.announced(announcement, ip, now)
            if changed is not None:
                found.append(changed)
            self._ask(ip, now)
        return found

    # --- out ---------------------------------------------------------------------------------------------------

    @property
    def deadline(self) -> float:
        """When :meth:`tick` is wanted next, monotonic seconds; not after the end."""
        singles = min((due for due, _ in self._singles.values()), default=math.inf)
        rounds = self._next_round if self.ways or self._singles else math.inf
        return min(self.end, rounds, singles, self._next_swept)

    def tick(self, now: float) -> None:
        """Queue what is due."""
        if now >= self._next_round:
            self._broadcast(now)
        for ip, (due, asked) in list(self._singles.items()):
            if now >= due:
                self._output.append(Shout(self._hellos[asked % 2], None, ip))
                self._singles[ip] = (now + SINGLE_GAPS[min(asked, len(SINGLE_GAPS) - 1)], asked + 1)
        self._next_swept = max(self._next_swept, now - _BEHIND)
        while now >= self._next_swept:
            self._sweep(now)

    def take_output(self) -> list[Shout]:
        """Return the datagrams queued since the last call."""
        output, self._output = self._output, []
        return output

    @property
    def unasked(self) -> int:
        """Addresses of the sweep that were not asked at all so far."""
        return self._first_pass_left

    def _broadcast(self, now: float) -> None:
        hello = self._hellos[self.round % 2]
        for way, interface in enumerate(self.ways):
            own = self.round % 4 < 2 or interface.is_loopback
            self._output.append(Shout(hello, way, str(interface.broadcast) if own else _EVERYBODY))
        self.round += 1
        doubled = max(0, self.round + 1 - EVEN_ROUNDS)
        self._next_round = now + min(MAX_GAP, FIRST_GAP * 2.0 ** min(doubled, 16))
        if self.end == math.inf and doubled:
            # A search that goes on asks single addresses along with everybody.
            self._singles = {ip: (min(due, now), asked) for ip, (due, asked) in self._singles.items()}

    def _ask(self, ip: str, now: float) -> None:
        if ip not in self._singles and len(self._singles) < MAX_SINGLES:
            self._singles[ip] = (now, 0)

    def _sweep(self, now: float) -> None:
        address = next(self._left, None)
        if address is not None:
            self._output.append(Shout(self._hellos[self._pass % 2], None, str(address)))
            self._first_pass_left -= self._pass == 0
            self._next_swept += 1 / SWEEP_PACE
            return
        self._pass += 1
        if self._pass % SWEEP_PASSES:
            self._next_swept = max(now, self._swept_from + 2 * FIRST_GAP)
        elif self.end == math.inf:
            self._next_swept = self._swept_from = now + SWEEP_AGAIN
        else:
            self._next_swept = math.inf
        self._left = addresses_of(self.subnets)

    def _leads_to(self, ip: str) -> str:
        """Name the interface whose subnet has an address; empty where it is behind a router."""
        address = IPv4Address(ip)
        return next((each.name for each in self._local if address in each.network), "")


def needed_for(sweep: Sequence[IPv4Network]) -> float:
    """Return the seconds that a search takes which is to be complete."""
    swept = SWEEP_PASSES * count(sweep) / SWEEP_PACE + 2 * FIRST_GAP + LAST_ANSWERS if sweep else 0.0
    return max(LISTENING, swept)


def listed(what: str, given: Any) -> list[Any]:
    """Give as a list what may be one text, address or network, or several of them.

    :param what: what is given, as the subject of a sentence
    :raises InvalidArgument: (a ``ValueError``) for anything else
    """
    if isinstance(given, (str, IPv4Address, IPv4Network)):
        return [given]
    if isinstance(given, (bytes, Mapping)) or not isinstance(given, Iterable):
        raise InvalidArgument(f"{what} are a text or a list of texts, not {show(given)}")
    return list(given)


def parse_subnets(subnets: Iterable[str | IPv4Network] | str | IPv4Network) -> list[IPv4Network]:
    """Read subnets such as ``192.168.1.0/24``; an address alone is one of one address.

    :raises InvalidArgument: (a ``ValueError``) for what is none, or too large to be swept
    """
    found = []
    for subnet in listed("subnets", subnets):
        try:
            # A number would be an address, too: 5 is 0.0.0.5.
            found.append(
                subnet if isinstance(subnet, IPv4Network) else IPv4Network(str(subnet), strict=False)
            )
        except ValueError as error:
            raise InvalidArgument(
                f"{show(subnet)} is no IPv4 subnet such as '192.168.1.0/24': {error}"
            ) from None
    if count(found) > MAX_SWEEP:
        raise InvalidArgument(
            f"a sweep has at most {MAX_SWEEP} addresses, not {count(found)}: give smaller subnets"
        )
    return found


def count(subnets: Iterable[IPv4Network]) -> int:
    """Return how many hosts there can be."""
    return sum(each.num_addresses - (2 if each.prefixlen < 31 else 0) for each in subnets)


def addresses_of(subnets: Iterable[IPv4Network]) -> Iterator[IPv4Address]:
    """Return the addresses of all possible hosts, one after the other."""
    for each in subnets:
        yield from each.hosts()


def _is_host(text: str) -> bool:
    try:
        address = IPv4Address(text)
    except ValueError:
        return False
    return not (address.is_multicast or address.is_unspecified or address.is_reserved)
