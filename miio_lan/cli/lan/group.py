"""``lan``: commands for what crossed the network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miio_lan.cli.lazy import LazyGroup

if TYPE_CHECKING:
    from collections.abc import Mapping

LAN_COMMANDS: Mapping[str, tuple[str, str]] = {"decode": ("lan.decode", "decode")}

lan = LazyGroup(
    "lan",
    members=LAN_COMMANDS,
    help="Read captures of the network: what other clients and a device said to each other.",
    epilog="'watch --replay FILE --pcap FILE' and 'accept FILE --pcap FILE' join a capture with a recording of the "
    "line.",
)
