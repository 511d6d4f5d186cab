"""Telling an observer, and the log, what crosses the wire to a device."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from miio_lan.foreign import printable
from miio_lan.lan.client.transport.telling import Tell, tracer
from miio_lan.record.redact import redact

if TYPE_CHECKING:
    from miio_lan.record import Observer, Record

# Those who ask for the log know it by the name of the blocking device.
_LOGGER = logging.getLogger("miio_lan.device.blocking")


def teller(observer: Observer | None, debug: int, peer: str) -> Tell | None:
    """Give what is told of each datagram; None where nobody asked.

    :param observer: gets the records
    :param debug: above 0, they are logged, secrets hidden
    """
    if observer is None and debug <= 0:
        return None

    def observe(record: Record) -> None:
        if debug > 0:
            arrow = "<-" if record.direction == "up" else "->"
            text = printable(redact(record.raw.decode(errors="replace")))
            _LOGGER.debug("%s %s %s", peer, arrow, text or record.note)
        if observer is not None:
            observer(record)

    return tracer(observe, peer)
