"""``_protocol`` of a device: classes written for python-miio look there, and their test doubles put theirs there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from miio_lan.device.blocking import Device


class ProtocolView:
    """What such classes read of the wire; nothing is sent by it."""

    def __init__(self, device: Device) -> None:
        # Not the device, which keeps this: one that nobody uses any more is closed at once. A double has no connection.
        self._connection = getattr(device, "_connection", None)

    @property
    def raw_id(self) -> int:
        """Last used message id; 0 where there is no wire."""
        return 0 if self._connection is None else self._connection.session.last_id
