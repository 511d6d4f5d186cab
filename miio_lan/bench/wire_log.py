"""Both wires as messages of :mod:`logging`: ``miio_lan.wire.lan`` and ``miio_lan.wire.uart``; secrets are hidden."""

from __future__ import annotations

import contextlib
import logging
import time

from miio_lan.bench.trace import NO_WORK, POLL
from miio_lan.record import Observer, Record

LOGGERS = {wire: logging.getLogger(f"miio_lan.wire.{wire}") for wire in ("lan", "uart")}
"""What each wire is told to. INFO is all that means something, DEBUG also the polls that fetch nothing."""

_HELLO = "hello"


def log(record: Record) -> None:
    """Tell a record to the logger of its wire, if anybody wants it: when it crossed, which way, and what it says.

    Two threads tell of the two wires: the time of day in the message is that of the wire, whenever it is told. A poll
    and its ``down none`` are told at DEBUG, as greetings are: there are several of them each second.
    """
    logger = LOGGERS[record.wire]
    if not logger.isEnabledFor(logging.INFO):
        return
    idle = record.note == _HELLO or (record.wire == "uart" and record.text in (POLL, NO_WORK))
    level = logging.DEBUG if idle else logging.INFO
    if not logger.isEnabledFor(level):
        return
    from miio_lan.record.lanes import said

    # What a handler fails at must not end the thread that reads the wire. Not every handler keeps to that.
    with contextlib.suppress(Exception):
        logger.log(level, "%s %s %s", _time(record.wall), arrow(record), said(record))


def arrow(record: Record) -> str:
    """Give the way of a record: ``→`` to the product and to the MCU, ``←`` from them."""
    return "→" if record.direction == "down" else "←"


def _time(wall: float) -> str:
    whole = int(wall)
    return f"{time.strftime('%H:%M:%S', time.localtime(whole))}.{int((wall - whole) * 1000):03d}"


def logged(observer: Observer) -> Observer:
    """Make an observer that tells each record to the loggers first: what a test has seen is in its log."""

    def observe(record: Record) -> None:
        log(record)
        observer(record)

    return observe
