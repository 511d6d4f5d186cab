"""The group of all commands, and how they are found without loading the others."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import click

from miio_lan._version import VERSION
from miio_lan.cli.lazy import LazyGroup
from miio_lan.cli.options import shared_options
from miio_lan.click_common.output import echo, echo_json

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Name on the command line -> module in this package, and the command's name there.
TOP_COMMANDS: Mapping[str, tuple[str, str]] = {
    "info": ("device.basic", "info"),
    "raw-command": ("device.basic", "raw_command"),
    "test-properties": ("device.basic", "test_properties"),
    "get": ("device.properties", "get"),
    "set": ("device.properties", "set_"),
    "action": ("device.properties", "action"),
    "update": ("update.command", "update"),
    "discover": ("discover.command", "discover"),
    "device": ("naming.group", "device"),
    "doctor": ("doctor.command", "doctor"),
    "provision": ("provision.command", "provision"),
    "fleet": ("fleet.group", "fleet"),
    "bench": ("bench.group", "bench"),
    "spec": ("spec.group", "spec"),
    "demo": ("demo.command", "demo"),
    "virtual": ("virtual.group", "virtual"),
    "uart": ("uart.group", "uart"),
    "lan": ("lan.group", "lan"),
    "accept": ("accept.command", "accept"),
    "listen": ("listen.command", "listen"),
    "watch": ("watch.command", "watch"),
}


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

program = LazyGroup(
    "miio-lan",
    members=TOP_COMMANDS,
    params=[*shared_options(with_variables=True), _VERSION],
    help="Speak to Xiaomi miIO/MIoT products on the local network, or play one.",
    epilog="Options may also follow the command. Exit codes: 0 done, 1 the device refused or did not answer, "
    "2 wrong use, 130 interrupted. Without a device: miio-lan demo.",
)

# Commands say themselves what of it is shown; logging's own last resort would show it all once more.
logging.getLogger("miio_lan").addHandler(logging.NullHandler())
