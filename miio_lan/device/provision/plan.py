"""What is to be done with a device, checked before anything is sent. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import Any, TypedDict, Unpack

from miio_lan.device.arguments import checked_address, checked_members, checked_port, checked_whole
from miio_lan.device.steps.calls import wifi_parameters
from miio_lan.errors import InvalidArgument
from miio_lan.foreign import show
from miio_lan.given import checked_seconds
from miio_lan.lan.discovery.announcement import DID_RANGE, MAX_DID
from miio_lan.lan.discovery.search import listed, parse_subnets
from miio_lan.lan.packet import PORT
from miio_lan.record.redact.secret import Secret, as_secret

SHORTEST_WPA = 8
"""Characters of the shortest WPA2 password (IEEE 802.11)."""
KEY_DIGITS = 64
"""Hexadecimal digits of a WPA2 key; a password of that length is one."""
JOIN_TIME = 60.0
"""Seconds from the order until a device is to be found on the new network."""
FIND_TIME = 5.0
"""Seconds that a device in AP mode is looked for."""
MAX_OFFSET = 14 * 3600
"""Seconds of the largest difference of a time zone to UTC."""
_COUNTRY = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True)
class ProvisionPlan:
    """What is to be done; see :func:`miio_lan.device.provision.blocking.provision`.

    :param parameters: of ``miIO.config_router``; the password in it is not shown
    :param hosts: where the device in AP mode is asked for; empty for everywhere
    :param new_hosts: where it is asked for on the new network; empty for everywhere
    :param owner: the did that the name belongs to; 0 for a device without one, None where the name is free
    """

    ssid: str
    parameters: Mapping[str, Any] = field(repr=False)
    did: int | None = None
    hosts: tuple[str, ...] = ()
    new_hosts: tuple[str, ...] = ()
    interfaces: tuple[str, ...] | None = None
    subnets: tuple[IPv4Network, ...] = ()
    port: int = PORT
    timeout: float = JOIN_TIME
    find_time: float = FIND_TIME
    name: str | None = None
    owner: int | None = None
    warnings: tuple[str, ...] = ()
    debug: int = 0


class Wishes(TypedDict, total=False):
    """What may be said about setting up a device; all of it may be left out.

    :param uid: the owner's account, 0 for local use
    :param tz: its time zone, such as ``"Europe/Berlin"``
    :param gmt_offset: seconds by which its time is ahead of UTC
    :param country: two capital letters; sent as ``cc``
    :param extra_params: further parameters of ``miIO.config_router``, such as ``country_domain``
    :param did: the device that is meant, where several may wait to be set up
    :param address: the IPv4 address it has at its own access point, where that is known; nobody else is asked then
    :param new_address: the address it will have, where that is known; nobody else is asked for it then
    :param interfaces: interfaces of this computer to search by; by default all but loopback
    :param subnets: subnets to sweep for it as well, such as ``"192.168.20.0/24"``
    :param port: the UDP port of devices
    :param timeout: seconds from the order until it is to be found on the new network, 60 by default
    :param find_time: seconds that it is looked for at its access point, 5 by default
    :param debug: above 0, commands and their answers are logged (secrets hidden) at level DEBUG
    """

    uid: int
    tz: str | None
    gmt_offset: int | None
    country: str | None
    extra_params: Mapping[str, Any] | None
    did: int | None
    address: str | None
    new_address: str | None
    interfaces: Iterable[str] | None
    subnets: Iterable[str | IPv4Network] | str
    port: int
    timeout: float | None
    find_time: float | None
    debug: int


def make_plan(
    ssid: str, password: str, *, name: str | None = None, owner: int | None = None, **wishes: Unpack[Wishes]
) -> ProvisionPlan:
    """Check what is wanted.

    :param name: the name it gets
    :param owner: the did that the name belongs to; 0 for a device without one, None where the name is free
    :raises InvalidArgument: (a ``ValueError``) saying what is wrong; never with the password
    """
    ssid, password = as_secret(ssid), as_secret(password)
    extra = checked_members("extra_params", wishes.get("extra_params")) or {}
    if twice := {"ssid", "passwd", "uid"} & set(extra):
        raise InvalidArgument(f"extra_params are further parameters, not {min(twice)}")
    more = {**_places(wishes.get("tz"), wishes.get("gmt_offset"), wishes.get("country")), **extra}
    parameters = wifi_parameters(ssid, password, wishes.get("uid", 0), more)
    for what, text in (("name", ssid), ("password", password)):
        if "\0" in text:
            raise InvalidArgument(f"a Wi-Fi {what} with a NUL would be cut there by the device")
    interfaces, subnets = wishes.get("interfaces"), wishes.get("subnets", ())
    timeout, find_time = wishes.get("timeout"), wishes.get("find_time")
    return ProvisionPlan(
        str(ssid),
        parameters,
        _did(wishes.get("did")),
        _hosts("address", wishes.get("address")),
        _hosts("new_address", wishes.get("new_address")),
        None if interfaces is None else tuple(listed("interfaces", interfaces)),
        tuple(parse_subnets(subnets)),
        checked_port(wishes.get("port", PORT)),
        JOIN_TIME if timeout is None else checked_seconds("timeout", timeout),
        FIND_TIME if find_time is None else checked_seconds("find_time", find_time),
        name,
        owner,
        tuple(password_warnings(password)),
        checked_whole("debug", wishes.get("debug", 0)),
    )


def _did(did: int | None) -> int | None:
    if did is not None and (isinstance(did, bool) or not isinstance(did, int) or not 0 < did <= MAX_DID):
        raise InvalidArgument(f"{DID_RANGE}, not {show(did)}")
    return did


def password_warnings(password: str) -> list[str]:
    """Say what makes a password unlikely to be right, without showing it.

    A WPA2 password has 8 to 63 printable ASCII characters, or is a key of 64 hexadecimal digits. Devices take anything
    up to 64 bytes, and WEP had shorter ones, so this is no error.
    """
    password = Secret(password)
    if not password:
        return ["there is no password, so the device will look for an open network"]
    if len(password) < SHORTEST_WPA:
        return [
            f"the password is shorter than {SHORTEST_WPA} characters: no WPA2 password is, only those of WEP are"
        ]
    if len(password.encode()) == KEY_DIGITS and re.fullmatch(r"[0-9a-fA-F]{64}", password) is None:
        return [
            f"the password has {KEY_DIGITS} bytes: in WPA2, that is a key of hexadecimal digits, and these are not"
        ]
    if not (password.isascii() and password.isprintable()):
        return ["the password has characters other than printable ASCII, which WPA2 does not allow for"]
    return []


def _places(tz: str | None, gmt_offset: int | None, country: str | None) -> dict[str, Any]:
    """Give the parameters that say where the device is: ``tz``, ``gmt_offset`` in seconds, ``cc``."""
    found: dict[str, Any] = {}
    if tz is not None:
        if not isinstance(tz, str) or not tz or not tz.isascii() or not tz.isprintable() or len(tz) > 64:
            raise InvalidArgument(f"tz is the name of a time zone such as 'Europe/Berlin', not {show(tz)}")
        found["tz"] = tz
    if gmt_offset is not None:
        whole = isinstance(gmt_offset, int) and not isinstance(gmt_offset, bool)
        if not whole or not -MAX_OFFSET <= gmt_offset <= MAX_OFFSET:
            raise InvalidArgument(
                f"gmt_offset is a number of seconds, at most {MAX_OFFSET} to either side, not {show(gmt_offset)}"
            )
        found["gmt_offset"] = gmt_offset
    if country is not None:
        if not isinstance(country, str) or _COUNTRY.fullmatch(country) is None:
            raise InvalidArgument(
                f"country is a code of two capital letters such as 'DE', not {show(country)}"
            )
        found["cc"] = country
    return found


def _hosts(what: str, address: str | None) -> tuple[str, ...]:
    if address is None:
        return ()
    try:
        # As a text: a number would be an address, too (5 is 0.0.0.5).
        return (str(IPv4Address(checked_address(address))),)
    except ValueError:
        raise InvalidArgument(
            f"{what} is an IPv4 address such as '192.168.8.1', not {show(address)}"
        ) from None
