"""What pairing makes of a recording written by hand."""

from __future__ import annotations

from collections.abc import Iterable

from support.tape import Tape

from miio_lan.pairing.exchange import Exchange
from miio_lan.pairing.pairing import Pairer, pair
from miio_lan.record import Record


def the(tape: Tape) -> Exchange:
    """Give the exchange of a tape that holds no other."""
    (exchange,) = pair(tape.records)
    return exchange


def asked(tape: Tape) -> list[Exchange]:
    """Give the exchanges that somebody on the LAN asked for."""
    return [each for each in pair(tape.records) if each.request is not None]


def fed(records: Iterable[Record]) -> Pairer:
    """Give a pairer that took the records one by one, and waits for more."""
    pairer = Pairer()
    for record in records:
        pairer.feed(record)
    return pairer
