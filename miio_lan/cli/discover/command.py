"""``discover``: find the devices of the local network."""

from __future__ import annotations

import contextlib
import math
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from miio_lan.cli.options import CliSettings, command
from miio_lan.click_common.failures import refuse
from miio_lan.click_common.layout import columns
from miio_lan.click_common.numbers import SECONDS
from miio_lan.click_common.output import echo, echo_json
from miio_lan.click_common.tokens import TOKEN_OPTIONS
from miio_lan.lan import PORT

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from typing import NoReturn

    from miio_lan.lan.discovery.findings import Finding


@command("discover", without=("ip", *TOKEN_OPTIONS, "timeout", "retries", "device"))
@click.option(
    "--interface",
    "interfaces",
    metavar="NAME|ADDRESS",
    multiple=True,
    help="Interface to search by, repeatable; by default all but loopback.",
)
@click.option(
    "--subnet",
    "subnets",
    metavar="NETWORK",
    multiple=True,
    help="Ask each address of it, such as 192.168.1.0/24; repeatable. Without --interface, nobody else is asked.",
)
@click.option(
    "--timeout", type=SECONDS, metavar="SECONDS", help="How long; 5 s, or as long as a sweep needs."
)
@click.option("--watch", is_flag=True, help="Go on until Ctrl-C; changes are shown.")
@click.option(
    "--mdns/--no-mdns", default=None, help="Listen for announcements; by default where zeroconf is installed."
)
def discover(settings: CliSettings, **options: Any) -> None:
    """Find the devices of the local network: address, did, and what they show of themselves.

    Every interface's broadcast address is asked, a few times, and announcements (mDNS) are listened for. What cannot be
    reached by a broadcast, behind a router for example, is found by --subnet.

    With --json, each device is one line of JSON; with --watch, each that is new or changed. The token that a device
    shows before it is set up is hidden, as everywhere, without --show-secrets.
    """
    if options["watch"] and options["timeout"] is not None:
        refuse("--watch goes on until Ctrl-C: --timeout has no effect.")
    found: dict[int, Finding] = {}
    names = _names()
    try:
        _search(settings, options, found, names)
    except KeyboardInterrupt:
        if not options["watch"]:
            raise
        return  # its ordinary end
    if not found:
        _complain(settings, options)


def _search(
    settings: CliSettings, options: Mapping[str, Any], found: dict[int, Finding], names: Mapping[int, str]
) -> None:
    """Search, and show what is found: as it comes, at a terminal and with ``--watch``; else when the search is over.

    Whoever ends it by Ctrl-C sees what was found so far.
    """
    from miio_lan.cli.discover.table import Live
    from miio_lan.cli.signals import killed_is_interrupted

    live = not settings.json and sys.stdout.isatty()
    searched = _findings(settings, options)
    try:
        with (
            killed_is_interrupted(),
            contextlib.closing(searched),
            Live(found, names) if live else contextlib.nullcontext(),
        ):
            for finding in searched:
                first = not found
                found[finding.did] = finding
                if options["watch"] and not live:
                    _tell(settings, [finding], names, heading=first)
    finally:
        if found and not live and not options["watch"]:
            _tell(settings, list(found.values()), names)


def _findings(settings: CliSettings, options: Mapping[str, Any]) -> Generator[Finding, None, None]:
    from miio_lan.lan.discovery.blocking import search

    return search(
        math.inf if options["watch"] else options["timeout"],
        interfaces=options["interfaces"] or None,
        subnets=options["subnets"],
        mdns=options["mdns"],
        port=settings.port or PORT,
    )


def _names() -> dict[int, str]:
    """Return the names that devices have, by did; a file that cannot be read is told, and none have."""
    from miio_lan.device.fleet.named import DevicesFile
    from miio_lan.errors import DevicesFileError

    try:
        return {each.did: each.name for each in DevicesFile().read().values() if each.did is not None}
    except DevicesFileError as error:
        echo(f"Warning: {error}", err=True)
        return {}


def _tell(
    settings: CliSettings, findings: list[Finding], names: Mapping[int, str], *, heading: bool = True
) -> None:
    from miio_lan.cli.discover.table import rows

    now = time.monotonic()
    if settings.json:
        for finding in findings:
            echo_json({**finding.as_json(now), "name": names.get(finding.did)})
    else:
        echo("\n".join(rows(findings, names, now, width=columns(sys.stdout))[0 if heading else 1 :]))
    sys.stdout.flush()


def _complain(settings: CliSettings, options: Mapping[str, Any]) -> NoReturn:
    """Say that nobody was found, and what may be the reason.

    :raises DeviceTimeout: always
    """
    from miio_lan.errors import DeviceTimeout
    from miio_lan.lan.discovery.ways import chosen, local_interfaces

    where = ", ".join(options["subnets"])
    if not where or options["interfaces"]:
        by = chosen(options["interfaces"] or None, local_interfaces())
        where = ", ".join([*([where] if where else []), *(f"{each.name} ({each.network})" for each in by)])
    hint = "" if options["subnets"] else " Behind a router, broadcasts do not reach them: try --subnet."
    port = f" at UDP port {settings.port}" if settings.port else ""
    raise DeviceTimeout(
        f"no device answered{port} on {where}. A firewall, a guest network or a device that is switched off would "
        f"explain it.{hint}"
    )
