"""``doctor``: look at a device that does not answer, and say where it ends and what to do next."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from miio_lan.cli.options import CliSettings, command
from miio_lan.click_common.failures import FAILED, refuse
from miio_lan.click_common.numbers import SECONDS
from miio_lan.click_common.output import echo, echo_json
from miio_lan.device.doctor.examining import EXAMINING_TIME
from miio_lan.lan import PORT
from miio_lan.variables import IP_VARIABLE

if TYPE_CHECKING:
    from miio_lan.device.doctor.findings import Diagnosis
    from miio_lan.record.redact import Secret


@command("doctor", without=("timeout", "retries"))
@click.option(
    "--within",
    type=SECONDS,
    default=EXAMINING_TIME,
    show_default=True,
    metavar="SECONDS",
    help="Time for all of it.",
)
@click.option("--did", metavar="NUMBER", help="The did it should have; with -d NAME, it is known.")
@click.option(
    "--property",
    "prop",
    metavar="SIID.PIID",
    help="A property that the product surely has: read to see whether its MCU answers.",
)
def doctor(settings: CliSettings, within: float, did: str | None, prop: str | None) -> None:
    """Look at a device that does not answer: where does it end, and what to do next?

    Route, hello, token, clock, subnet, others, firewall, repeated ids, MCU and cloud are looked at, in this order.
    Nothing that is sent changes anything. Without a token, only what needs none is tried.

    Exit code 0 says that commands get through; 1 that they do not, or that it is in doubt.
    """
    host, token, port, known = _target(settings)
    number = _did(did) or known
    wanted = _property(prop)
    from miio_lan.device.doctor.examining import diagnose

    if sys.stderr is not None and sys.stderr.isatty():
        echo(f"Looking at {host}, at most {within:g} s (Ctrl-C to give up)", err=True)
    found = diagnose(host, token, port=port, did=number, within=within, prop=wanted)
    if settings.json:
        echo_json({**({"name": settings.device} if settings.device else {}), **found.as_json()})
    else:
        _show(found, settings.device)
    if not found.healthy:
        click.get_current_context().exit(FAILED)


def _target(settings: CliSettings) -> tuple[str, Secret | str | None, int, int | None]:
    """Return address, token, port and did of the device that is meant.

    :raises click.UsageError: if none is, or two
    """
    if settings.names_twice:
        refuse(
            f"-d {settings.device} and {settings.names_twice} are two ways to say which device: use one of them."
        )
    if settings.device:
        from miio_lan.device.fleet.named import DevicesFile

        named = DevicesFile().get(settings.device)
        return named.ip, named.token, named.port, named.did
    if not settings.ip:
        refuse(f"Missing the device's address: give --ip, -d NAME, or set {IP_VARIABLE}.")
    from miio_lan.cli.device.connect import address_problem

    if problem := address_problem(settings.ip):
        refuse(problem)
    return settings.ip, settings.token, settings.port or PORT, None


def _did(text: str | None) -> int | None:
    from miio_lan.device.fleet.named import did_of
    from miio_lan.errors import InvalidArgument

    try:
        return did_of(text)
    except InvalidArgument as error:
        refuse(f"--did: {error}")


def _property(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    siid, dot, piid = text.partition(".")
    if not (dot and siid.isdecimal() and piid.isdecimal() and siid.isascii() and piid.isascii()):
        refuse(f"--property is two numbers such as 2.1, not {text!r}.")
    return int(siid), int(piid)


def _show(found: Diagnosis, name: str | None) -> None:
    from miio_lan.cli.doctor.text import rows

    told: Any = rows(found, name, sys.stdout)
    echo("\n".join(told))
