"""The group of all commands, and how they are found without loading the others."""

from __future__ import annotations

import difflib
import importlib
import logging
from typing import TYPE_CHECKING, Any

import click

from miio_lan._version import VERSION
from miio_lan.cli.options import shared_options
from miio_lan.click_common.failures import GuardedGroup, wants_json
from miio_lan.click_common.output import echo, echo_json

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Name on the command line -> module in this package, and the command's name there.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "info": ("basic", "info"),
    "raw-command": ("basic", "raw_command"),
    "test-properties": ("basic", "test_properties"),
    "get": ("properties", "get"),
    "set": ("properties", "set_"),
    "action": ("properties", "action"),
    "demo": ("demo", "demo"),
    "virtual": ("virtual", "virtual"),
}


class Program(GuardedGroup):
    """Commands by name, each loaded when it is called; ``raw_command`` is also ``raw-command``."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own signature
        """Name the commands, in the order people meet them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Load a command; None when there is none of that name."""
        found = COMMANDS.get(cmd_name.replace("_", "-"))
        if found is None:
            return None
        module, attribute = found
        command: click.Command = getattr(importlib.import_module(f"miio_lan.cli.{module}"), attribute)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the command that the arguments begin with, and name close ones where there is none."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            close = difflib.get_close_matches(name.replace("_", "-"), COMMANDS, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else f" There are {', '.join(COMMANDS)}."
            ctx.fail(f"No such command {name!r}.{hint}")
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options before the command."""
        ctx.meta["miio_lan.json"] = wants_json(args)
        return super().parse_args(ctx, args)


def _show_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:  # noqa: ARG001
    if not value or ctx.resilient_parsing:
        return
    if ctx.meta["miio_lan.json"]:
        echo_json({"version": VERSION})
    else:
        echo(f"miio-lan {VERSION}")
    ctx.exit()


_VERSION = click.Option(
    ["--version"],
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)

program = Program(
    "miio-lan",
    params=[*shared_options(with_variables=True), _VERSION],
    no_args_is_help=False,
    help="Speak to Xiaomi miIO/MIoT products on the local network, or play one.",
    epilog="Options may also follow the command. Exit codes: 0 done, 1 the device refused or did not answer, "
    "2 wrong use, 130 interrupted. Without a device: miio-lan demo.",
)

# Refusals are shown as errors; the library's warnings about the same need no second line on stderr.
logging.getLogger("miio_lan").addHandler(logging.NullHandler())
