"""What a device answers to ``miIO.info``: every key can be missing, and types move between firmware generations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from miio_lan.foreign import printable


class DeviceInfo:
    """The device's own account of model, firmware and network.

    :param data: the result of ``miIO.info``
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data: dict[str, Any] = dict(data)

    def __repr__(self) -> str:
        from miio_lan.record.redact import redact  # most programs show none

        # The token some devices put into this answer is not shown, wherever they put it.
        told = f"{self.model} v{self.firmware_version} ({self.mac_address}) @ {self.ip_address}"
        return f"<DeviceInfo {printable(redact(told))}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DeviceInfo) and self.data == other.data

    __hash__ = None  # type: ignore[assignment]

    @property
    def model(self) -> str | None:
        """Model, three dotted words, or None."""
        return self._text("model")

    @property
    def firmware_version(self) -> str | None:
        """Version of the Wi-Fi module's firmware, or None."""
        return self._text("fw_ver")

    @property
    def mcu_firmware_version(self) -> str | None:
        """Version of the MCU's firmware (four digits), or None."""
        return self._text("mcu_fw_ver")

    @property
    def hardware_version(self) -> str | None:
        """Kind of module, e.g. ``esp32`` or ``Linux``, or None."""
        return self._text("hw_ver")

    @property
    def mac_address(self) -> str | None:
        """MAC address of the module, or None."""
        return self._text("mac")

    @property
    def ip_address(self) -> str | None:
        """Address the device has on its network, or None."""
        return _text(self.network_interface, "localIp")

    @property
    def network_interface(self) -> dict[str, Any]:
        """The ``netif`` part: localIp, mask, gw; empty where the device tells none."""
        return self._part("netif")

    @property
    def accesspoint(self) -> dict[str, Any]:
        """The ``ap`` part: ssid, bssid, rssi; empty where the device tells none (wired gateways)."""
        return self._part("ap")

    @property
    def token(self) -> str | None:
        """The token as the device gives it, often shortened or masked: not to be learnt from, and never logged."""
        return self._text("token")

    @property
    def raw(self) -> dict[str, Any]:
        """All the device told."""
        return self.data

    def _text(self, key: str) -> str | None:
        return _text(self.data, key)

    def _part(self, key: str) -> dict[str, Any]:
        part = self.data.get(key)
        return part if isinstance(part, dict) else {}


def _text(data: Mapping[str, Any], key: str) -> str | None:
    value = data.get(key)
    return None if value is None else str(value)
