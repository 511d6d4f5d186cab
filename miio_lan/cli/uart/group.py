"""``uart``: commands for the serial line itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miio_lan.cli.lazy import LazyGroup

if TYPE_CHECKING:
    from collections.abc import Mapping

UART_COMMANDS: Mapping[str, tuple[str, str]] = {
    "console": ("uart.console", "console"),
    "decode": ("uart.decode", "decode"),
    "record": ("uart.wire", "record"),
    "bridge": ("uart.wire", "bridge"),
}

uart = LazyGroup(
    "uart",
    members=UART_COMMANDS,
    aliases={"tap": "record"},
    help="Type on a serial line, read logs of one, listen to one, stand in the middle.",
    epilog="tap is another name of record.",
)
