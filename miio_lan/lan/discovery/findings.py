"""What answers to hellos and announcements mean, put together by did. No I/O and no clock.

A device may answer twice, from two addresses, or from an address that another device had before; anybody may answer in
the name of others, or of a million devices. So what is remembered is bounded, and a device keeps its address as long as
it goes on to answer from there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from miio_lan.lan import PORT
from miio_lan.lan.packet import UNKNOWN_ID, Packet, push_ability, shown_token
from miio_lan.record.redact import Secret

if TYPE_CHECKING:
    from miio_lan.lan.discovery.announcement import Announcement

MAX_DEVICES = 10_000
"""Devices that are remembered; further ones are dropped."""
MAX_PER_ADDRESS = 16
"""Devices that one address may speak for."""
MAX_ADDRESSES = 8
"""Addresses that are remembered of one device."""
MOVED_AFTER = 2
"""Rounds of hellos after which an address that has not answered gives way to another one."""
#: Types of a push announcement with which subscribing is possible.
PUSH_TYPES = frozenset({0, 1, 4})


@dataclass(frozen=True)
class Finding:
    """A device that was found.

    :param ip: its address
    :param interface: the interface of ours that leads to it; empty where that is not known
    :param model: a hint at its model, from an announcement; empty where there was none
    :param mac: its MAC address, ``"F0:B4:29:AA:BB:CC"``; empty where it is not known
    :param token: the token it shows, 32 hexadecimal digits; None where it shows none. Not shown by ``repr``
    :param push: whether it can tell changes by itself; None where it did not say yet
    :param stamp: its clock when it answered, seconds
    :param answered: whether it answered a hello; False for what was only announced
    :param also_at: other addresses it answered from
    :param heard: when it was last heard (monotonic seconds)
    """

    did: int
    ip: str
    port: int = PORT
    interface: str = ""
    model: str = ""
    mac: str = ""
    token: str | None = field(default=None, repr=False)
    push: bool | None = None
    stamp: int | None = field(default=None, compare=False)
    answered: bool = True
    also_at: tuple[str, ...] = ()
    heard: float = field(default=0.0, compare=False)

    def age(self, now: float) -> float:
        """Return the seconds since it was last heard."""
        return max(0.0, now - self.heard)

    def as_json(self, now: float) -> dict[str, Any]:
        """Return it as a JSON object; the token included, where the device shows it."""
        return {
            "did": self.did,
            "ip": self.ip,
            "port": self.port,
            "interface": self.interface or None,
            "model": self.model or None,
            "mac": self.mac or None,
            "token": self.token,
            "push": self.push,
            "stamp": self.stamp,
            "answered": self.answered,
            "also_at": list(self.also_at),
            "age": round(self.age(now), 1),
        }


@dataclass
class _SeenDevice:
    """What is known of one device; its first address is the one it is at."""

    did: int
    ip: str
    answered: bool
    interface: str = ""
    model: str = ""
    mac: str = ""
    token: str | None = None
    push: bool | None = None
    stamp: int | None = None
    heard: float = 0.0
    #: Address -> the last round in which it answered from there.
    rounds: dict[str, int] = field(default_factory=dict)


class Findings:
    """All devices found so far.

    :param port: where they listen
    """

    def __init__(self, port: int = PORT) -> None:
        self._port = port
        self._seen: dict[int, _SeenDevice] = {}
        self._claims: dict[str, int] = {}
        self._hints: dict[str, Announcement] = {}
        #: What was not understood or not believed, and left out.
        self.dropped = 0

    def all(self) -> list[Finding]:
        """Return the devices, in the order in which they were found."""
        return [self._finding(seen) for seen in self._seen.values()]

    def get(self, did: int) -> Finding | None:
        """Return a device by its did, None if it was not found."""
        seen = self._seen.get(did)
        return None if seen is None else self._finding(seen)

    def hello(self, packet: Packet, ip: str, interface: str, round_: int, now: float) -> Finding | None:
        """Take an answer to a hello.

        :param ip: where it came from
        :param interface: the interface it came in by; empty where that is not known
        :param round_: how many rounds of hellos went out before
        :returns: the device, if it is new, or anything but its clock changed
        """
        if not packet.is_hello or packet.device_id in (0, UNKNOWN_ID):
            self.dropped += 1
            return None
        seen = self._known(packet.device_id, ip, answered=True)
        if seen is None:
            self.dropped += 1
            return None
        before = self._finding(seen) if seen.rounds else None
        self._place(seen, ip, interface, round_)
        seen.answered, seen.heard = True, now
        if ip == seen.ip:
            self._learn(seen, packet)
            if (hint := self._hints.get(ip)) is not None:
                seen.model, seen.mac = hint.model or seen.model, hint.mac or seen.mac
        after = self._finding(seen)
        return None if after == before else after

    def announced(self, announcement: Announcement, ip: str, now: float) -> Finding | None:
        """Take an announcement; one without a did is kept until the device at its address answers a hello.

        :returns: the device, if it is new or changed
        """
        if announcement.did is None:
            if len(self._hints) < MAX_DEVICES:
                self._hints[ip] = announcement
            return None
        fresh = announcement.did not in self._seen
        seen = self._known(announcement.did, ip, answered=False)
        if seen is None:
            self.dropped += 1
            return None
        before = None if fresh else self._finding(seen)
        seen.model, seen.mac = announcement.model or seen.model, announcement.mac or seen.mac
        if not seen.answered:
            seen.ip, seen.heard = ip, now
        after = self._finding(seen)
        return None if after == before else after

    def _known(self, did: int, ip: str, *, answered: bool) -> _SeenDevice | None:
        """Return what is known of a device, new if need be; None where that is too much."""
        seen = self._seen.get(did)
        if seen is not None:
            return seen
        if len(self._seen) >= MAX_DEVICES or self._claims.get(ip, 0) >= MAX_PER_ADDRESS:
            return None
        self._claims[ip] = self._claims.get(ip, 0) + 1
        seen = self._seen[did] = _SeenDevice(did, ip, answered)
        return seen

    def _place(self, seen: _SeenDevice, ip: str, interface: str, round_: int) -> None:
        """Note where a device answered from, and whether it has moved there."""
        last = seen.rounds.get(seen.ip)
        if last is None or round_ - last >= MOVED_AFTER:
            seen.ip = ip
        if ip == seen.ip:
            seen.interface = interface or seen.interface
        if ip in seen.rounds or len(seen.rounds) < MAX_ADDRESSES or ip == seen.ip:
            seen.rounds[ip] = round_
        if len(seen.rounds) > MAX_ADDRESSES:
            del seen.rounds[
                min((each for each in seen.rounds if each != seen.ip), key=seen.rounds.__getitem__)
            ]

    def _learn(self, seen: _SeenDevice, packet: Packet) -> None:
        """Learn what the sign field of an answer says: a token, that it pushes, or nothing."""
        seen.stamp = packet.stamp
        ability = push_ability(packet.sign)
        if ability is not None:
            seen.push = ability.type in PUSH_TYPES
            return
        token = shown_token(packet)
        seen.token = None if token is None else Secret(token.hex())

    def _finding(self, seen: _SeenDevice) -> Finding:
        return Finding(
            seen.did,
            seen.ip,
            self._port,
            seen.interface,
            seen.model,
            seen.mac,
            seen.token,
            seen.push,
            seen.stamp,
            seen.answered,
            tuple(each for each in seen.rounds if each != seen.ip),
            seen.heard,
        )
