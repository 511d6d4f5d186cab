"""What has to be done while a device is set up: orders to who carries the steps out. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ipaddress import IPv4Network

    from miio_lan.lan.discovery.findings import Finding
    from miio_lan.record.redact.secret import Secret


class Look(NamedTuple):
    """Search for devices; the answer is a list of findings, the last of each device.

    :param hosts: single addresses to ask
    :param everywhere: ask everybody, too
    :param near: an address; one of loopback has everybody on loopback be asked, and nobody else
    :param enough: whether a finding ends the search
    """

    seconds: float
    hosts: tuple[str, ...]
    everywhere: bool
    enough: Callable[[Finding], bool]
    near: str = ""
    subnets: tuple[IPv4Network, ...] = ()
    announcements: bool = False


class SendHello(NamedTuple):
    """Greet an address; the answer is the packet it answers with."""

    ip: str
    seconds: float


class SendCommand(NamedTuple):
    """Send a command that may be executed twice; the answer is its result."""

    ip: str
    token: Secret
    method: str
    params: Any
    seconds: float
    retries: int


class AskInfo(NamedTuple):
    """Ask who a device is; the answer is a :class:`DeviceInfo`."""

    ip: str
    token: Secret
    seconds: float


class Delay(NamedTuple):
    """Do nothing for a while."""

    seconds: float


Order = Look | SendHello | SendCommand | AskInfo | Delay
Steps = Generator[Order, Any, None]
