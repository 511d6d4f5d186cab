"""``update``: install a firmware, and prove that it runs."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

import click

from miio_lan.cli.options import CliSettings, command
from miio_lan.click_common.numbers import SECONDS
from miio_lan.click_common.output import echo

if TYPE_CHECKING:
    from miio_lan.cli.update.showing import Shown
    from miio_lan.device.ota.blocking import FirmwareInstall
    from miio_lan.device.ota.outcome import UpdateResult

#: Exit code where nothing failed, and nothing proves that the firmware runs.
NOT_PROVEN = 3


# Before it, --timeout is the time per attempt.
@command("update", without=("timeout",), before=("timeout",))
@click.argument("source", metavar="FILE|URL")
@click.option(
    "--md5", metavar="HEX", help="MD5 of the firmware; a URL needs it, a file is checked against it."
)
@click.option(
    "--version", metavar="TEXT", help="The version the firmware has: no other one is a success then."
)
@click.option("--timeout", type=SECONDS, metavar="SECONDS", help="Time for all of it, 900 s by default.")
@click.option(
    "--serve-address",
    metavar="ADDRESS",
    help="This computer's address that the device is told; by default the one of the route to it.",
)
@click.option(
    "--serve-port",
    type=click.IntRange(1, 65535),
    metavar="PORT",
    help="TCP port the file is served at; by default a free one. Early firmware takes 80 alone.",
)
def update(settings: CliSettings, source: str, **options: Any) -> None:
    """Install a firmware on a device, and prove that it runs.

    A FILE is served to the device, and to no other address, until the update ends. The device is asked to fetch it, and
    followed: what it says, what it fetches, its silence, its restart. Success is told when the new version is.

    Exit code 0: proven. 1: it failed, and the message says how. 3: it seems to be installed, but nothing proves it, as
    where the version was the same before. Ctrl-C gives up here; the device may go on with what it has.

    With --json, each phase is one line of JSON. The one named "ended" has the result; a failure's error follows it.
    """
    from miio_lan.cli.device.connect import opened
    from miio_lan.cli.signals import killed_is_interrupted
    from miio_lan.cli.update.showing import shown
    from miio_lan.device.blocking import Device

    where: dict[str, Any] = {"address": options.pop("serve_address"), "port": options.pop("serve_port") or 0}
    with (
        killed_is_interrupted(),
        # Silence is part of an update, and told as a phase.
        opened(settings, Device, observer=lambda _: None) as device,
    ):
        install = device.installing(source, **options, **where)
        with shown(settings) as show:
            _carry_out(install, show)
    _conclude(settings, install.result)


def _carry_out(install: FirmwareInstall, show: Shown) -> None:
    """Follow it to its end. Whoever interrupts is told what the device may still do."""
    try:
        with contextlib.closing(iter(install)) as phases:
            for phase in phases:
                show.phase(phase, install.result)
    except KeyboardInterrupt as interruption:
        if install.result is not None:
            for phase in install.result.phases[-1:]:  # it came with the interruption, to nobody
                show.phase(phase, install.result)
            interruption.add_note(install.result.text)
        raise


def _conclude(settings: CliSettings, result: UpdateResult | None) -> None:
    """Say how it ended, and end with the exit code for that.

    :raises UpdateFailed: if it failed
    """
    from miio_lan.device.ota.verdicts import error_of

    if result is None:
        return
    if result.failed:
        raise error_of(result)
    if not settings.json:
        echo(f"{'Done' if result.proven else 'Not proven'}: {result.text}", fold=True)
        sys.stdout.flush()
    if not result.proven:
        click.get_current_context().exit(NOT_PROVEN)
