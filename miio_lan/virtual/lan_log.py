"""What crosses the LAN wire of a virtual module, as records."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from miio_lan.errors import PayloadDecodeException
from miio_lan.lan.packet import decode
from miio_lan.record import Record

if TYPE_CHECKING:
    from collections.abc import Callable

    from miio_lan.lan.responder.responder import Address
    from miio_lan.record import Observer


class LanLog:
    """Makes a record of every datagram, read with the module's token: the same a client's observer gets.

    :param observer: called with each record
    :param token: gives the module's token, which may change
    """

    def __init__(self, observer: Observer, token: Callable[[], bytes]) -> None:
        self._observer = observer
        self._token = token

    def __call__(self, direction: str, datagram: bytes, instant: float, peer: Address) -> None:
        """Record a datagram that came from (``"down"``) or goes to (``"up"``) a client."""
        raw, reading, note = b"", None, "hello"
        try:
            packet = decode(datagram, self._token())
            if not packet.is_hello:
                raw, note = packet.raw, ""
                reading = packet.payload if isinstance(packet.payload, dict) else None
        except PayloadDecodeException as error:
            raw, note = error.raw or datagram, error.kind
        self._observer(
            Record("lan", direction, instant, time.time(), raw, reading, note, f"{peer[0]}:{peer[1]}")
        )
