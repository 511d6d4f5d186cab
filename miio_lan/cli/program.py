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

#: What the commands are for -> name on the command line -> module in this package, the command's name there, and what
#: it does in at most 37 characters: so it is read whole on a terminal of 60 columns.
SECTIONS: Mapping[str, Mapping[str, tuple[str, str, str]]] = {
    "Find devices and keep them well": {
        "discover": ("discover.command", "discover", "Find the devices of this network"),
        "device": ("naming.group", "device", "Give devices names"),
        "provision": ("provision.command", "provision", "Get a new device into the Wi-Fi"),
        "update": ("update.command", "update", "Install a firmware, and prove it"),
        "doctor": ("doctor.command", "doctor", "Say why a device does not answer"),
    },
    "Speak to them": {
        "info": ("device.basic", "info", "Show model, versions and network"),
        "get": ("device.properties", "get", "Read properties"),
        "set": ("device.properties", "set_", "Set properties"),
        "action": ("device.properties", "action", "Call an action"),
        "listen": ("listen.command", "listen", "Show what a device tells by itself"),
        "fleet": ("fleet.group", "fleet", "Ask many devices at once"),
        "spec": ("spec.group", "spec", "Fetch and show what products can do"),
        "raw-command": ("device.basic", "raw_command", "Send any method, show the result"),
        "test-properties": ("device.basic", "test_properties", "Find out what a legacy product knows"),
    },
    "Without hardware": {
        "demo": ("demo.command", "demo", "See it all work"),
        "virtual": ("virtual.group", "virtual", "Play a product, a module or an MCU"),
    },
    "Both wires": {
        "uart": ("uart.group", "uart", "Use, record or bridge a serial line"),
        "lan": ("lan.group", "lan", "Read captures of the network"),
        "watch": ("watch.command", "watch", "Watch both wires live, side by side"),
        "accept": ("accept.command", "accept", "Judge a product by the serial rules"),
        "bench": ("bench.group", "bench", "See what of a bench file is there"),
    },
}


class Program(LazyGroup):
    """All commands; its help shows them in sections, and loads none of them for that."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the sections, all with one width."""
        widest = max(map(len, self.members))
        for heading, commands in SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(widest), does) for name, (_, _, does) in commands.items()])


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
    members={
        name: (module, attribute)
        for commands in SECTIONS.values()
        for name, (module, attribute, _) in commands.items()
    },
    params=[*shared_options(with_variables=True), _VERSION],
    help="Speak to Xiaomi miIO/MIoT products on the local network, or play one.",
    epilog="Options may also follow the command; one that it has no use for is refused in both places. Exit codes: "
    "0 done, 1 the device refused or did not answer, 2 wrong use, 130 interrupted. Without a device: miio-lan demo.",
)

# Commands say themselves what of it is shown; logging's own last resort would show it all once more.
logging.getLogger("miio_lan").addHandler(logging.NullHandler())
