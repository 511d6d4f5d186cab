"""What the virtual commands share: options, running until Ctrl-C, and orders typed meanwhile."""

from __future__ import annotations

import contextlib
import logging
import secrets
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from miio_lan.cli import completion
from miio_lan.cli.options import CliCommand
from miio_lan.click_common.failures import refuse
from miio_lan.click_common.layout import rows_of
from miio_lan.click_common.numbers import SECONDS, Between
from miio_lan.click_common.output import echo
from miio_lan.errors import DeviceException, InvalidArgument
from miio_lan.lan.discovery.announcement import MAX_DID
from miio_lan.record.lanes import said

if TYPE_CHECKING:
    from miio_lan.cli.signals import Stop
    from miio_lan.lan.responder.responder import ResponderOptions
    from miio_lan.record import Observer, Record
    from miio_lan.virtual.hosting import Host
    from miio_lan.virtual.mcu.mcu import Mcu
    from miio_lan.virtual.module.network import Timings

_LOGGER = logging.getLogger(__name__)

#: Gets what stands behind the order's word, and gives what to show.
Order = Callable[[str], str]


class ListsMisbehaviours(CliCommand):
    """Lists the misbehaviours in its help, without loading them for anything else."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list."""
        from miio_lan.virtual.mcu.misbehave import MISBEHAVIOURS

        with formatter.section("Misbehaviours"):
            formatter.write_dl(list(MISBEHAVIOURS.items()))


SPEC = click.option(
    "--spec",
    metavar="FILE|NAME",
    default="lamp",
    show_default=True,
    shell_complete=completion.descriptions,
    help="What the product is.",
)
MODEL = click.option(
    "--model", metavar="COMPANY.PRODUCT.VERSION", help="Its model, in place of the description's."
)
PROFILE = click.option(
    "--profile",
    type=click.Choice(["document", "older", "newer"]),
    default="document",
    show_default=True,
    help="How its Wi-Fi module behaves.",
)
BOOT_TIME = click.option(
    "--boot-time",
    type=SECONDS,
    metavar="SECONDS",
    help="Its way into the network from power-up: offline, local and cloud one after the other; at once by default, in "
    "2 s with --unprovisioned.",
)
MISBEHAVE = click.option(
    "--misbehave",
    metavar="NAME",
    multiple=True,
    shell_complete=completion.misbehaviours,
    help="How its MCU misbehaves, see below; repeatable.",
)
HOST = click.option(
    "--host",
    "--ip",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen at; 0.0.0.0 is all of this computer's, and hears broadcasts.",
)
TOKEN = click.option("--token", help="32 hexadecimal digits; random by default.")
DID = click.option(
    "--did", type=click.IntRange(1, MAX_DID), metavar="NUMBER", help="Its device id; random by default."
)
UNPROVISIONED = click.option(
    "--unprovisioned",
    is_flag=True,
    help="Not set up yet: it shows its token to everybody, and waits for 'miio-lan provision'.",
)


def _network(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """Check an IPv4 network."""
    if value is None:
        return None
    from miio_lan.lan.responder.subnets import own_network

    try:
        return str(own_network(value))
    except InvalidArgument as error:
        raise click.BadParameter(f"{error}.") from error


UNPROVISIONED_BOOT_TIME = 2.0
"""Seconds from being set up to the cloud, if not said otherwise: its MCU is to see each network state."""
MODULE_OPTIONS = (
    click.option(
        "--uptime",
        type=Between(0, 1e9),
        default=1.0,
        show_default=True,
        metavar="SECONDS",
        help="How long it has been running when it begins. A restart of what has hardly begun to run cannot be seen.",
    ),
    click.option(
        "--own-subnet",
        metavar="NETWORK",
        callback=_network,
        help="Ignore whoever is not in this network, such as 192.168.1.0/24, as some products do.",
    ),
    click.option(
        "--ap-host",
        metavar="ADDRESS",
        help="Address to listen at while it is not set up, and only then, as if that were another network.",
    ),
    click.option(
        "--wifi-ssid",
        metavar="NAME",
        help="The one Wi-Fi network there is; by default it joins any. If it cannot, it waits to be set up again.",
    ),
    click.option(
        "--wifi-password", metavar="TEXT", help="The password of that network, which need not be secret."
    ),
    click.option("--renew-token", is_flag=True, help="Each reset gives it another token."),
)


def module_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add the options for the life of a module: how long it runs, whom it heeds, how it is set up."""
    for option in reversed(MODULE_OPTIONS):
        function = option(function)
    return function


def check_addresses(options: Mapping[str, Any]) -> None:
    """See that the address until it is set up is another one: it listens at both, at one port.

    :raises click.UsageError: if it is not
    """
    from miio_lan.virtual.endpoint import in_the_way

    host, ap_host = options["host"], options["ap_host"]
    if ap_host is None or not in_the_way(host, ap_host):
        return
    refuse(
        f"--ap-host {ap_host} is the address of another network: it has to differ from --host, which is {host}."
    )


def module_settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """Give the arguments of a module that these options mean.

    :raises click.UsageError: for a password without a network
    """
    ssid, password = options["wifi_ssid"], options["wifi_password"]
    if password is not None and ssid is None:
        refuse("--wifi-password is that of a network: give its name with --wifi-ssid.")
    boot_time = options["boot_time"]
    if boot_time is None and options["unprovisioned"]:
        boot_time = UNPROVISIONED_BOOT_TIME
    return {
        "uptime": options["uptime"],
        "responder_options": _responder_options(options["profile"], options["own_subnet"]),
        "timings": timings_of(boot_time),
        "networks": None if ssid is None else {ssid: password or ""},
        "next_token": (lambda: secrets.token_bytes(16)) if options["renew_token"] else None,
    }


def _responder_options(profile: str, own_subnet: str | None) -> ResponderOptions | None:
    """Give the profile's, with the network that alone is heeded; None where it is the profile's as they are."""
    if own_subnet is None:
        return None
    from miio_lan.virtual.module.profile import profile_of

    return replace(profile_of(profile).options, own_subnet=own_subnet)


def shown_model(mcu: Mcu) -> str:
    """Give the model for people: what was only guessed is marked, with the way to say better."""
    return f"{mcu.spec.shown_model}; --model gives another" if mcu.model_guessed else mcu.model


def exports(variables: Mapping[str, str]) -> list[str]:
    """Give the command that sets ``MIIO_LAN_`` variables in a shell: one, or several where one is too wide."""
    assignments = [f"MIIO_LAN_{name}={value}" for name, value in variables.items()]
    whole = f"  export {' '.join(assignments)}"
    if len(whole) <= (rows_of(sys.stdout) or len(whole)):
        return [whole]
    return [f"  export {each}" for each in assignments]


def addresses_of(host: str) -> list[str]:
    """Return where a product is reached that listens there; ``0.0.0.0`` is every address of this computer."""
    if host != "0.0.0.0":  # noqa: S104 - it is what was asked for
        return [host]
    from miio_lan.lan.discovery.ways import local_interfaces

    local = local_interfaces()
    # Those that others can reach come first.
    return [each.address for each in sorted(local, key=lambda each: each.is_loopback)] or [host]


def timings_of(boot_time: float | None) -> Timings | None:
    """Make the times of a module that takes so long from power-up to the cloud, half of it to the router.

    It tries as long to join a network that it cannot join.
    """
    if boot_time is None:
        return None
    from miio_lan.virtual.module.network import Timings

    return Timings(join=boot_time / 2, cloud=boot_time / 2, give_up=boot_time)


def line_log(verbose: int) -> Observer:
    """Make the observer that logs the line: without idle polls and blocks of firmware, unless asked for twice."""
    idle = () if verbose > 1 else ("get_down", "down none")

    def log(record: Record) -> None:
        text = said(replace(record, note=""))
        blocks = record.note.startswith("xmodem") and verbose < 2
        if text not in idle and not blocks:
            arrow = "MCU <-" if record.direction == "down" else "MCU ->"
            _LOGGER.info("%s %s%s", arrow, text, f" ({record.note})" if record.note else "")

    return log


def run_until(stop: Stop, host: Host, orders: dict[str, Order] | None = None) -> None:
    """Wait until told to stop; meanwhile, orders may be typed, or come from a pipe, whose end is not ours.

    :raises DeviceException: what the host's own thread failed with
    """
    if orders and (source := _orders_source()) is not None:
        # Of the daemon kind: nothing can interrupt a read of the keyboard.
        threading.Thread(target=_take_orders, args=(source, orders), daemon=True).start()
    # Waited for in slices: a failure in the host's own thread is to be seen.
    while not stop.wait(1.0):
        host.call(lambda _now: None)


def orders_are_typed() -> bool:
    """Tell whether somebody at a terminal may type orders, and is to be told which there are."""
    return sys.stdin is not None and sys.stdin.isatty()


def _orders_source() -> int | None:
    """Give the descriptor that orders come from; None where there is no standard input."""
    try:
        return None if sys.stdin is None else sys.stdin.fileno()
    except (OSError, ValueError):
        return None


def _take_orders(source: int, orders: dict[str, Order]) -> None:
    # Not through sys.stdin: whoever reads it while Python ends holds a lock that the end needs.
    with (
        contextlib.suppress(OSError),
        open(source, encoding="utf-8", errors="replace", closefd=False) as lines,
    ):
        for line in lines:
            if line.strip():
                echo(obey(orders, line), err=True)


def obey(orders: dict[str, Order], line: str) -> str:
    """Carry out one typed order, and give what to show for it."""
    word, _, text = line.strip().partition(" ")
    if word not in orders:
        return f"{word!r} is no order. There are: {', '.join(orders)}"
    try:
        return orders[word](text.strip())
    except IndexError:
        return f"Error: {word} needs more than that"
    except (DeviceException, ValueError) as error:
        return f"Error: {error}"
