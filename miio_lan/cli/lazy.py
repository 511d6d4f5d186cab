"""Groups whose commands are loaded when they are called, so that one command does not pay for the others."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import click

from miio_lan.click_common.failures import USAGE, GuardedGroup, wants_json
from miio_lan.click_common.output import echo

if TYPE_CHECKING:
    from collections.abc import Mapping


class LazyGroup(GuardedGroup):
    """Commands by name; an underscore in a name does for a dash.

    :param members: name on the command line -> module in ``miio_lan.cli``, and the command's name there
    :param aliases: other name -> name; they are not listed
    """

    def __init__(
        self,
        *args: Any,
        members: Mapping[str, tuple[str, str]],
        aliases: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(*args, **{"no_args_is_help": False, **settings})
        self.members = members
        self.aliases = aliases or {}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own signature
        """Name the commands, in the order people meet them."""
        return list(self.members)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Load a command; None when there is none of that name."""
        name = cmd_name.replace("_", "-")
        found = self.members.get(self.aliases.get(name, name))
        if found is None:
            return None
        module, attribute = found
        command: click.Command = getattr(importlib.import_module(f"miio_lan.cli.{module}"), attribute)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the command that the arguments begin with, and name close ones where there is none."""
        name = args[0]
        if not (ctx.resilient_parsing or name.startswith("-")) and self.get_command(ctx, name) is None:
            import difflib  # for those who mistype

            close = difflib.get_close_matches(name.replace("_", "-"), self.members, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else f" There are {', '.join(self.members)}."
            ctx.fail(f"No such command {name!r}.{hint}")
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options before the command. Without anything, show the help; to a script, it is wrong use."""
        ctx.meta["miio_lan.json"] = ctx.meta.get("miio_lan.json", False) or wants_json(args)
        if not (args or ctx.resilient_parsing or ctx.meta["miio_lan.json"]):
            echo(ctx.get_help())
            ctx.exit(USAGE)
        return super().parse_args(ctx, args)
