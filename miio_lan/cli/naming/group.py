"""``device``: add, list, remove and import devices with names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miio_lan.cli.lazy import LazyGroup

if TYPE_CHECKING:
    from collections.abc import Mapping

DEVICE_COMMANDS: Mapping[str, tuple[str, str]] = {
    "add": ("naming.add", "add"),
    "list": ("naming.commands", "list_"),
    "remove": ("naming.commands", "remove"),
    "import": ("naming.commands", "import_"),
}

device = LazyGroup(
    "device",
    members=DEVICE_COMMANDS,
    help="Give devices names: miio-lan -d lamp info needs neither address nor token then.",
    epilog="Names are kept in one file of yours, tokens included, which nobody else may read. MIIO_LAN_DEVICES names "
    "another one. A device that is known by its did is found again when its address changes.",
)
