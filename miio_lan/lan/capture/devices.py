"""Datagrams of a capture, sorted by the devices whose tokens are known, and read.

Goal: give each device the datagrams that are surely its own, and leave out those of others.

Plan. Every datagram but a hello has a checksum over the token. So a did belongs to a device when the device's token
fits one of the datagrams of that did; nothing else is believed (addresses change, and names of a file may be old). A
hello of a client says no did: it belongs to whom it was sent to.

::

    192.0.2.9:4000 -> 192.0.2.7:54321   hello              to the lamp's address: the lamp's
    192.0.2.7:54321 -> 192.0.2.9:4000   hello, did 5       of the lamp's did
    192.0.2.9:4000 -> 192.0.2.7:54321   encrypted, did 5   the lamp's token fits: did 5 is the lamp
    192.0.2.9:4001 -> 192.0.2.8:54321   encrypted, did 6   fits no token: of others
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from miio_lan.errors import PayloadDecodeException
from miio_lan.lan.capture.layers import Datagram
from miio_lan.lan.overheard import heard, peer_of, record_of
from miio_lan.lan.packet import HEADER_SIZE, MAGIC, UNKNOWN_ID, unwrap
from miio_lan.record import Record

SEEN_TWICE = 0.01
"""Seconds within which the same datagram is the same one, captured at two places. Clients wait longer to repeat it."""


@dataclass(frozen=True)
class KnownDevice:
    """A device whose token is known.

    :param token: 16 bytes; not shown by ``repr``
    :param name: what to call it
    :param did: its device id; None where that is not known
    """

    token: bytes = field(repr=False)
    name: str = ""
    did: int | None = None


@dataclass(eq=False)
class CapturedDevice:
    """What a capture has of one device.

    :param name: what it is called
    :param did: its device id, as the capture shows it
    :param addresses: where it was, in the order in which they were seen
    :param records: its datagrams in the order of time; ``instant`` and ``wall`` are the time of the capture
    """

    name: str
    did: int
    addresses: list[str]
    records: list[Record]

    @property
    def unreadable(self) -> int:
        """How many of its datagrams could not be read."""
        return sum(record.note not in ("", "hello") for record in self.records)


@dataclass(eq=False)
class _Seen:
    """A datagram, and which end of it is the device's."""

    datagram: Datagram
    direction: str
    address: str
    peer: str
    did: int
    encrypted: bool


class Sorting:
    """Takes the datagrams of a capture, and sorts them.

    :param port: the devices' port
    :param address: of the only device that is looked at; None looks at all
    """

    def __init__(self, port: int, address: str | None = None) -> None:
        self._port = port
        self._address = address
        self._seen: list[_Seen] = []
        self._both: list[tuple[Datagram, int, bool]] = []
        #: What was left out, counted by its reason.
        self.left_out: Counter[str] = Counter()

    @property
    def encrypted(self) -> int:
        """How many datagrams are encrypted."""
        return sum(each.encrypted for each in self._seen)

    @property
    def dids(self) -> dict[int, list[str]]:
        """The device ids of encrypted datagrams, each with its addresses."""
        found: dict[int, dict[str, None]] = {}
        for each in self._seen:
            if each.encrypted:
                found.setdefault(each.did, {})[each.address] = None
        return {did: list(addresses) for did, addresses in found.items()}

    def take(self, datagram: Datagram) -> None:
        """Take a datagram."""
        data = datagram.data
        if data[:2] != MAGIC or len(data) < HEADER_SIZE:
            self.left_out["no miIO"] += 1
            return
        did, encrypted = int.from_bytes(data[4:12], "big"), int.from_bytes(data[2:4], "big") > HEADER_SIZE
        from_port, to_port = datagram.source[1] == self._port, datagram.target[1] == self._port
        if from_port and to_port:
            self._both.append((datagram, did, encrypted))
        else:
            self._add(datagram, did, encrypted=encrypted, up=from_port)

    def _add(self, datagram: Datagram, did: int, *, encrypted: bool, up: bool) -> None:
        device, client = (datagram.source, datagram.target) if up else (datagram.target, datagram.source)
        if self._address is not None and device[0] != self._address:
            self.left_out["others"] += 1
            return
        direction = "up" if up else "down"
        self._seen.append(_Seen(datagram, direction, device[0], peer_of(*client), did, encrypted))

    def finish(self) -> None:
        """Sort out which end is the device's where both have the port."""
        devices = {each.address for each in self._seen if each.direction == "up"}
        # Only a device answers a hello with its did.
        devices |= {
            one.source[0] for one, did, encrypted in self._both if not encrypted and did != UNKNOWN_ID
        }
        for datagram, did, encrypted in self._both:
            up, down = datagram.source[0] in devices, datagram.target[0] in devices
            if up == down:
                self.left_out["both ends"] += 1
            else:
                self._add(datagram, did, encrypted=encrypted, up=up)
        self._both.clear()
        self._seen.sort(key=lambda each: each.datagram.time)
        before = len(self._seen)
        self._seen = _without_copies(self._seen)
        self.left_out["twice"] += before - len(self._seen)

    def devices(self, known: Sequence[KnownDevice]) -> list[CapturedDevice]:
        """Give the devices that are known by their tokens, with their records, in the order of ``known``.

        A token that fits several dids gives several devices. Call it once.
        """
        by_did: dict[int, list[_Seen]] = {}
        for each in self._seen:
            by_did.setdefault(each.did, []).append(each)
        owners = {did: _owner(did, seen, known) for did, seen in by_did.items() if did != UNKNOWN_ID}
        found = {
            did: CapturedDevice(owner.name, did, _addresses(by_did[did]), [])
            for did, owner in owners.items()
            if owner is not None
        }
        at: dict[str, list[int]] = {}
        for did, device in found.items():
            for address in device.addresses:
                at.setdefault(address, []).append(did)
        for each in self._seen:
            here = at.get(each.address, []) if each.did == UNKNOWN_ID else [each.did]
            owner = owners.get(here[0]) if len(here) == 1 else None
            if owner is None:
                self.left_out["others"] += 1
                continue
            time = each.datagram.time
            said = heard(each.datagram.data, owner.token)
            found[here[0]].records.append(record_of(said, each.direction, time, time, each.peer))
        order = {id(one): place for place, one in enumerate(known)}
        return sorted(found.values(), key=lambda one: order[id(owners[one.did])])


def _without_copies(seen: Sequence[_Seen]) -> list[_Seen]:
    """Leave out what was captured at two places, also where a router gave the client another address in between.

    ::

        172.17.0.2:40000 -> lamp   encrypted      the client's own address: kept
        192.0.2.9:61000 -> lamp    the same       behind the router: left out

    What is encrypted is said once. Hellos are all alike: they need the same client, or two addresses of one.

    :param seen: in the order of time
    """
    relayed: set[frozenset[str]] = set()
    left_out: set[int] = set()
    for encrypted in (True, False):
        last: dict[object, _Seen] = {}
        for each in seen:
            if each.encrypted is not encrypted:
                continue
            said = (each.address, each.direction, each.datagram.data)
            first = next(
                (last[key] for key in ((said, each.peer), said) if _is_now(last.get(key), each)), None
            )
            ends = frozenset((each.peer, first.peer)) if first is not None else frozenset()
            if first is None or not (encrypted or len(ends) == 1 or ends in relayed):
                last[said] = last[said, each.peer] = each
                continue
            left_out.add(id(each))
            relayed.add(ends)
            if each.direction == "up":
                first.peer = each.peer  # the client's own address is the last
    return [each for each in seen if id(each) not in left_out]


def _is_now(last: _Seen | None, each: _Seen) -> bool:
    return last is not None and each.datagram.time - last.datagram.time <= SEEN_TWICE


def _addresses(seen: Iterable[_Seen]) -> list[str]:
    return list(dict.fromkeys(each.address for each in seen))


def _owner(did: int, seen: Sequence[_Seen], known: Sequence[KnownDevice]) -> KnownDevice | None:
    """Find the device whose token fits a datagram of this did."""
    sealed = [each.datagram.data for each in seen if each.encrypted and each.datagram.whole]
    for one in known:
        if one.did in (None, did) and any(_fits(data, one.token) for data in sealed):
            return one
    return None


def _fits(data: bytes, token: bytes) -> bool:
    try:
        unwrap(data, token)
    except PayloadDecodeException:
        return False
    return True
