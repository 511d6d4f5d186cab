"""What crosses the LAN wire of a virtual module, as records."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from miio_lan.lan.overheard import heard, peer_of, record_of

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
        said = heard(datagram, self._token())
        self._observer(record_of(said, direction, instant, time.time(), peer_of(peer[0], peer[1])))
