"""``provision``: find a device at its own access point, tell it which Wi-Fi to join, find it again, give it a name."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from miio_lan.cli.options import CliSettings, command
from miio_lan.cli.provision.password import given_password
from miio_lan.click_common.failures import PartlyFailed, refuse
from miio_lan.click_common.numbers import SECONDS
from miio_lan.click_common.output import echo, echo_json
from miio_lan.click_common.tokens import TOKEN_OPTIONS
from miio_lan.foreign import printable
from miio_lan.lan import PORT
from miio_lan.variables import IP_VARIABLE, WIFI_PASSWORD_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from miio_lan.device.provision.result import Provisioned, ProvisionPhase


def _no_password(ctx: click.Context, param: click.Parameter, value: str | None) -> None:  # noqa: ARG001
    if value is not None and not ctx.resilient_parsing:
        refuse(
            f"A password on the command line is seen by the other users of this machine: give --password-file or "
            f"--ask-password, or set {WIFI_PASSWORD_VARIABLE}."
        )


@command("provision", without=(*TOKEN_OPTIONS, "timeout", "retries", "device"))
@click.option("--ssid", required=True, metavar="NAME", help="The Wi-Fi network to join, 1 to 32 bytes.")
@click.option(
    "--password-file", metavar="FILE", help="Read its password from a file, without the line's end."
)
@click.option("--ask-password", is_flag=True, help="Ask for the password, without showing what is typed.")
@click.option("--open", "is_open", is_flag=True, help="It has no password.")
@click.option("--password", hidden=True, expose_value=False, callback=_no_password)
@click.option(
    "--name", metavar="NAME", help="The name to keep it under; by default one made of its model and did."
)
@click.option("--replace", "replacing", is_flag=True, help="Take the name from the device that has it.")
@click.option("--did", metavar="NUMBER", help="The device that is meant, where several wait to be set up.")
@click.option(
    "--uid", type=click.IntRange(0, (1 << 64) - 1), default=0, metavar="NUMBER", help="Owner's account."
)
@click.option("--tz", metavar="ZONE", help="Its time zone, such as Europe/Berlin.")
@click.option("--gmt-offset", type=int, metavar="SECONDS", help="By which its time is ahead of UTC.")
@click.option("--country", metavar="CODE", help="Two capital letters such as DE (sent as cc).")
@click.option(
    "--cloud-region", metavar="CODE", help="The cloud it is to use, such as de (sent as country_domain)."
)
@click.option(
    "--new-ip",
    metavar="ADDRESS",
    help="Its address on the network, where that is known; nobody else is asked.",
)
@click.option(
    "--interface", "interfaces", metavar="NAME|ADDRESS", multiple=True, help="Search by this one; repeatable."
)
@click.option(
    "--subnet", "subnets", metavar="NETWORK", multiple=True, help="Sweep it for the device, too; repeatable."
)
@click.option(
    "--timeout",
    type=SECONDS,
    metavar="SECONDS",
    help="From the order until it is to be found on the network, 60 by default.",
)
def provision(settings: CliSettings, **options: Any) -> None:
    """Set up a device: tell it which Wi-Fi to join, and see that it does.

    Reset it, join its access point (..._miap1234) with this computer, and call this; go back to the network when the
    device was told. It is found at its access point by itself, or at --ip, and shows its token there, which is kept.

    The password comes from --password-file, --ask-password or the variable MIIO_LAN_WIFI_PASSWORD, and is never shown.
    With --json, each phase is one line of JSON when it is over, and the last line says what became of it.
    """
    from miio_lan.cli.signals import killed_is_interrupted
    from miio_lan.device.provision.blocking import provision as set_up
    from miio_lan.device.provision.plan import password_warnings

    password = given_password(options)
    wishes = _wishes(settings, options)
    if not options["is_open"]:
        for warning in password_warnings(password):
            echo(f"Warning: {warning}", err=True)
    with killed_is_interrupted():
        made = set_up(
            options["ssid"],
            password,
            name=options["name"],
            store=True,
            replace=options["replacing"],
            callback=_JsonLines() if settings.json else _PhaseLines(),
            **wishes,
        )
    _finish(settings, made)


def _wishes(settings: CliSettings, options: Mapping[str, Any]) -> dict[str, Any]:
    from miio_lan.device.fleet.named import did_of
    from miio_lan.errors import InvalidArgument

    try:
        did = did_of(options["did"])
    except InvalidArgument as error:
        refuse(f"--did: {error}")
    region = options["cloud_region"]
    return {
        "uid": options["uid"],
        "tz": options["tz"],
        "gmt_offset": options["gmt_offset"],
        "country": options["country"],
        "extra_params": None if region is None else {"country_domain": region},
        "did": did,
        "address": settings.ip,
        "new_address": options["new_ip"],
        "interfaces": options["interfaces"] or None,
        "subnets": options["subnets"],
        "port": settings.port or PORT,
        "timeout": options["timeout"],
        "debug": settings.verbose,
    }


class _PhaseLines:
    """Shows the phases to people: each when it is over, and at a terminal what is being waited for."""

    def __call__(self, phase: ProvisionPhase) -> None:
        if not phase.outcome:
            if sys.stderr is not None and sys.stderr.isatty():
                echo(f"{phase.name:<6} ... {printable(phase.text)}", err=True)
        elif not phase.failed:
            echo(f"{phase.name:<6} {printable(phase.text)} ({phase.seconds:.1f} s)", fold=True)
            sys.stdout.flush()


class _JsonLines:
    """Shows the phases to programs, each when it is over."""

    def __call__(self, phase: ProvisionPhase) -> None:
        if phase.outcome:
            echo_json(phase.as_json())
            sys.stdout.flush()


def _finish(settings: CliSettings, made: Provisioned) -> None:
    """Say what became of it.

    :raises PartlyFailed: if it failed
    :raises DeviceException: the same for people
    """
    from miio_lan.device.provision.result import TOKEN_HIDDEN
    from miio_lan.errors import DeviceException

    if made.ok:
        if settings.json:
            echo_json(made.as_json())
        return
    message = made.error
    if made.failure == TOKEN_HIDDEN and settings.ip and "ip" not in settings.typed:
        message += f". (The address comes from the variable {IP_VARIABLE})"
    error = DeviceException(message)
    error.may_have_run = any(each.name == "tell" and not each.failed for each in made.phases)
    if settings.json:
        raise PartlyFailed(error, made.as_json())
    raise error
