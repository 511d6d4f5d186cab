"""A product of a bench: where it is, and what is to be known of it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field

from miio_lan.lan import PORT
from miio_lan.record.redact import Secret
from miio_lan.uart.ports.remote import is_remote

MOST_RETRIES = 100
"""Further attempts of a command: more would be minutes."""
SLOWEST_POLL = 60.0
QUICKEST_POLL = 0.001
"""Seconds between polls of a virtual MCU, at most and at least."""


@dataclass(frozen=True)
class ProductEntry:
    """A product of a bench.

    :param virtual: whether it is a virtual one, to be started
    :param host: the address of a real one; None where only its line is there
    :param token: its token; not shown by ``repr``
    :param port: its UDP port; 0 for a virtual one at any free port
    :param did: its device id, where that is known
    :param uart: a receiver at the UART: of the module's TX where ``uart_up`` is given, else of either TX
    :param uart_up: a second receiver, at the MCU's TX
    :param spec: its description: a file, a model, or the name of a shipped one
    :param power: the command that switches it
    :param retries: further attempts of a command
    :param profile: how the module of a virtual one behaves
    :param misbehave: how the MCU of a virtual one misbehaves
    :param poll_interval: seconds between polls of the MCU of a virtual one
    :param labgrid: the place of labgrid where it is, or ``FILE.yaml:TARGET``; who opens it finds the rest there
    :param coordinator: labgrid's coordinator, ``HOST[:PORT]``
    """

    name: str
    virtual: bool = False
    host: str | None = None
    token: Secret | None = field(default=None, repr=False)
    port: int = PORT
    did: int | None = None
    uart: str | None = None
    uart_up: str | None = None
    spec: str | None = None
    power: str | None = None
    retries: int | None = None
    profile: str | None = None
    misbehave: tuple[str, ...] = ()
    poll_interval: float | None = None
    labgrid: str | None = None
    coordinator: str | None = None

    def describe(self) -> str:
        """Say in words where it is."""
        if self.virtual:
            return "virtual"
        if self.labgrid is not None:
            return f"labgrid: {self.labgrid}"
        lines = " and ".join(each for each in (self.uart, self.uart_up) if each)
        return ", ".join(each for each in (self.host, f"UART {lines}" if lines else None) if each)

    @property
    def exclusive(self) -> dict[str, str]:
        """What nobody else may use at the same time, by the key that names it; nothing of a virtual product."""
        if self.virtual:
            return {}
        if self.labgrid is not None:  # the coordinator keeps users apart, not the workers of one user
            return {"labgrid": f"labgrid: {self.coordinator or ''} {self.labgrid}"}
        lines = {"uart": self.uart, "uart_up": self.uart_up}
        found = {key: port_key(url) for key, url in lines.items() if url}
        return {"host": f"{self.host.lower()}:{self.port}", **found} if self.host else found


KEYS = frozenset({*ProductEntry.__dataclass_fields__, "token_file", "device"} - {"name"})
"""What may stand under the name of a product."""


def port_key(url: str) -> str:
    """Give a serial port under one name, however it is written: a link stands for what it leads to.

    At another computer it is the port of the server there, whatever the options say.
    """
    if url.startswith("/"):
        return os.path.realpath(url)
    if is_remote(url):
        return f"tcp {url.partition('://')[2].partition('?')[0].lower()}"
    return url.upper() if re.fullmatch(r"(?i)com\d+", url) else url
