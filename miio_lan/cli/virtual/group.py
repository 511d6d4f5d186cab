"""``virtual``: play a product, or one end of the line inside one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miio_lan.cli.lazy import LazyGroup

if TYPE_CHECKING:
    from collections.abc import Mapping

    import click

VIRTUAL_COMMANDS: Mapping[str, tuple[str, str]] = {
    "product": ("virtual.product", "product"),
    "module": ("virtual.ends", "module"),
    "mcu": ("virtual.ends", "mcu"),
}


class _ProductByDefault(LazyGroup):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read ``virtual OPTIONS`` as ``virtual product OPTIONS``."""
        if not args or (args[0].startswith("-") and args[0] != "--help"):
            args = ["product", *args]
        return super().parse_args(ctx, args)


virtual = _ProductByDefault(
    "virtual",
    members=VIRTUAL_COMMANDS,
    help="Play a whole product (the default), or a module or an MCU on a serial port, until Ctrl-C.",
    epilog="miio-lan virtual --port 0 is short for miio-lan virtual product --port 0.",
)
