"""``virtual``: play a product, or one end of the line inside one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from miio_lan.cli.lazy import LazyGroup

if TYPE_CHECKING:
    from collections.abc import Mapping

    import click
    from click.shell_completion import CompletionItem

VIRTUAL_COMMANDS: Mapping[str, tuple[str, str]] = {
    "product": ("virtual.product", "product"),
    "module": ("virtual.ends", "module"),
    "mcu": ("virtual.ends", "mcu"),
}


class _ProductByDefault(LazyGroup):
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read ``virtual OPTIONS`` as ``virtual product OPTIONS``."""
        if ctx.resilient_parsing and not args:  # a shell asks what may follow: the other commands, too
            return super().parse_args(ctx, args)
        if not args or (args[0].startswith("-") and args[0] != "--help"):
            args = ["product", *args]
        return super().parse_args(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Offer the options of ``virtual product`` beside what the group has."""
        found = super().shell_complete(ctx, incomplete)
        product = self.get_command(ctx, "product")
        if product is not None and incomplete.startswith("-"):
            found += [each for each in product.shell_complete(ctx, incomplete) if each.value != "--help"]
        return found


virtual = _ProductByDefault(
    "virtual",
    members=VIRTUAL_COMMANDS,
    help="Play a whole product (the default), or a module or an MCU on a serial port, until Ctrl-C.",
    epilog="miio-lan virtual --port 0 is short for miio-lan virtual product --port 0.",
)
