"""What a module is and has been told, apart from what it is doing. It survives a restart."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from miio_lan.errors import DeviceException, InvalidArgument
from miio_lan.foreign import show
from miio_lan.given import checked_number
from miio_lan.lan.discovery.announcement import MAX_DID


@dataclass(slots=True)
class Chip:
    """Identity and memory of one module.

    :param device_id: the 64-bit did
    :param mac: 12 hexadecimal digits, with or without colons
    :param model: the model the MCU reported last; None before the first report
    :param firmware: what ``version`` and ``fw_ver`` show
    :param mcu_version: the version the MCU reported last
    :param dual_mode: whether the module has Bluetooth, and so knows ``ble_config``
    :param ssid: the network it was told to join
    :param zone: hours its local time is ahead of UTC
    :param auth_failures: how often a network refused the password
    :param connection_failures: how often the network it was told to join was not there
    :raises DeviceException: if the mac is none
    """

    device_id: int
    mac: str = "34ce00892ab7"
    model: str | None = "xiaomi.dev.v1"
    firmware: str = "2.0.0"
    mcu_version: str | None = None
    dual_mode: bool = True
    ble_pid: int = 190
    ble_firmware: str = "1.3.0"
    ble_version: str = "0000"
    ssid: str = "home"
    password: str = field(default="", repr=False)
    uid: int = 0
    address: str = "127.0.0.1"
    zone: int = 8
    auth_failures: int = 0
    connection_failures: int = 0
    #: Whether its MCU sent ``ble_config`` although it has no Bluetooth.
    missed_bluetooth: bool = False

    def __post_init__(self) -> None:
        checked_number("device_id", self.device_id, 0, MAX_DID)
        for what, text in (("mac", self.mac), ("model", self.model), ("firmware", self.firmware)):
            if not isinstance(text, str) and (what != "model" or text is not None):
                raise InvalidArgument(f"{what} is text, not {show(text)}")
        digits = re.sub(r"[:-]", "", self.mac).lower()
        if not re.fullmatch(r"[0-9a-f]{12}", digits):
            raise DeviceException(f"{self.mac!r} is not a MAC address: it has 12 hexadecimal digits")
        self.mac = digits

    @property
    def mac_with_colons(self) -> str:
        """The address as ``miIO.info`` writes it."""
        return ":".join(self.mac[at : at + 2] for at in range(0, 12, 2)).upper()

    @property
    def access_point(self) -> str:
        """The name of its own access point: the model with dashes, and the end of its mac."""
        return f"{(self.model or 'miio').replace('.', '-')}_miap{self.mac[-4:]}"

    def count_failure(self, *, known: bool) -> None:
        """Count that a network could not be joined.

        :param known: whether there is a network of that name, so that the password was wrong
        """
        self.auth_failures += known
        self.connection_failures += not known

    def set_ble(self, pid: int, version: str | None) -> None:
        """Keep what ``ble_config set`` tells."""
        self.ble_pid = pid
        self.ble_version = version or self.ble_version

    @property
    def ble_dump(self) -> str:
        """The reply to ``ble_config dump``: not JSON, though it looks so (serial document, ble_config)."""
        return f'["product id":{self.ble_pid},"version":{self.ble_firmware}_{self.ble_version}]'
