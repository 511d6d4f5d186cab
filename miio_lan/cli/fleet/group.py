"""``fleet``: ask all devices of a file at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miio_lan.cli.lazy import LazyGroup

if TYPE_CHECKING:
    from collections.abc import Mapping

FLEET_COMMANDS: Mapping[str, tuple[str, str]] = {
    "info": ("fleet.commands", "info"),
    "get": ("fleet.commands", "get"),
    "set": ("fleet.commands", "set_"),
    "raw-command": ("fleet.commands", "raw_command"),
}

fleet = LazyGroup(
    "fleet",
    members=FLEET_COMMANDS,
    help="Ask many devices at once: a line for each, as its answer comes.",
    epilog="The devices are those that have names (miio-lan device), or those of another file: "
    '{"lamp": {"ip": "192.168.1.9", "token": "..."}}. Exit code 1 when any of them failed.',
)
