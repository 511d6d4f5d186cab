"""``spec``: show the description of a product, its names, and get it from the public service."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miio_lan.cli.lazy import LazyGroup

if TYPE_CHECKING:
    from collections.abc import Mapping

SPEC_COMMANDS: Mapping[str, tuple[str, str]] = {
    "show": ("spec.commands", "show"),
    "names": ("spec.commands", "names"),
    "fetch": ("spec.commands", "fetch"),
}

spec = LazyGroup(
    "spec",
    members=SPEC_COMMANDS,
    help="Descriptions of products: what they can do, under which names.",
    epilog="With the description of its model on this computer, miio-lan -d lamp get light:brightness needs no "
    "numbers. Only 'spec fetch' goes to the internet.",
)
