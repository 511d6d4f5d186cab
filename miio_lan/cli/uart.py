"""``uart``: commands for the serial line itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miio_lan.cli.lazy import LazyGroup

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMANDS: Mapping[str, tuple[str, str]] = {
    "console": ("uart_console", "console"),
    "decode": ("uart_decode", "decode"),
    "record": ("uart_wire", "record"),
    "bridge": ("uart_wire", "bridge"),
}

uart = LazyGroup(
    "uart",
    members=COMMANDS,
    aliases={"tap": "record"},
    help="Type on a serial line, read logs of one, listen to one, stand in the middle.",
    epilog="tap is another name of record.",
)
