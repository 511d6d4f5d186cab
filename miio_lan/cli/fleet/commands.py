"""``fleet info``, ``fleet get``, ``fleet set`` and ``fleet raw-command``."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from miio_lan.cli import completion
from miio_lan.cli.device.basic import check_method, read_params
from miio_lan.cli.naming.completion import complete_names
from miio_lan.cli.options import CliSettings, command
from miio_lan.click_common.numbers import SECONDS
from miio_lan.click_common.output import plain, without_secrets
from miio_lan.click_common.tokens import TOKEN_OPTIONS

if TYPE_CHECKING:
    from miio_lan.cli.device.target import Target
    from miio_lan.cli.fleet.asking import Answer
    from miio_lan.device.miot_aio import AsyncMiotDevice

Command = TypeVar("Command", bound=Callable[..., Any])

# The devices of a fleet have their own.
_UNUSED = ("device", "ip", "port", *TOKEN_OPTIONS)
_SPEC = click.option(
    "--spec",
    metavar="FILE|NAME",
    shell_complete=completion.descriptions,
    help="A description that all devices share: names, value checks.",
)


def _fleet_options(function: Command) -> Command:
    for option in (
        click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Devices asked at one time."),
        click.option("--within", type=SECONDS, metavar="SECONDS", help="Time for all devices together."),
        click.option(
            "--only",
            multiple=True,
            metavar="NAME",
            shell_complete=complete_names,
            help="This device; repeat.",
        ),
        click.option("--file", metavar="FILE", help="The devices; by default those that have names."),
    ):
        function = option(function)
    return function


@command("info", without=_UNUSED)
@_fleet_options
def info(settings: CliSettings, **options: Any) -> None:
    """Show model, versions and address of each device."""
    from miio_lan.cli.fleet.asking import Answer, ask_all

    async def ask(device: AsyncMiotDevice) -> Answer:
        found = await device.info()
        told = (found.model, found.firmware_version, found.ip_address)
        return Answer(plain(found), " ".join(each for each in told if each))

    ask_all(settings, options, ask)


@command("get", without=_UNUSED)
@click.argument("properties", nargs=-1)
@_SPEC
@_fleet_options
def get(settings: CliSettings, properties: tuple[str, ...], spec: str | None, **options: Any) -> None:
    """Read PROPERTIES of each device: SIID.PIID each, or names with --spec (without any: all of them)."""
    from miio_lan.cli.device.properties import load_spec, wanted_properties
    from miio_lan.cli.fleet.asking import ask_all
    from miio_lan.uart.document import GET_PROPERTIES

    wanted = wanted_properties(properties, load_spec(spec))

    async def ask(device: AsyncMiotDevice) -> Answer:
        results = await device.get_properties([one.ids() for one in wanted])
        return _items(wanted, results, GET_PROPERTIES)

    ask_all(settings, options, ask)


@command("set", without=_UNUSED)
@click.argument("assignments", nargs=-1, required=True)
@_SPEC
@_fleet_options
def set_(settings: CliSettings, assignments: tuple[str, ...], spec: str | None, **options: Any) -> None:
    """Set properties of each device: SIID.PIID VALUE, or any number of SIID.PIID=VALUE.

    VALUE is written as for 'miio-lan set'.
    """
    from miio_lan.cli.device.properties import load_spec, wanted_assignments
    from miio_lan.cli.fleet.asking import ask_all
    from miio_lan.device.steps import miot_calls
    from miio_lan.uart.document import SET_PROPERTIES

    wanted = wanted_assignments(assignments, load_spec(spec))
    values = [{**one.ids(), "value": value} for one, value in wanted]
    targets = [one for one, _ in wanted]

    async def ask(device: AsyncMiotDevice) -> Answer:
        answer = await device.send(SET_PROPERTIES, values)
        return _items(targets, miot_calls.done([one.ids() for one in targets], answer), SET_PROPERTIES)

    ask_all(settings, options, ask)


@command("raw-command", without=_UNUSED)
@click.argument("method")
@click.argument("params", nargs=-1)
@_fleet_options
def raw_command(settings: CliSettings, method: str, params: tuple[str, ...], **options: Any) -> None:
    """Send any METHOD with PARAMS to each device; written as for 'miio-lan raw-command'."""
    check_method(method)
    parameters = read_params(params)
    from miio_lan.cli.fleet.asking import Answer, ask_all

    async def ask(device: AsyncMiotDevice) -> Answer:
        result = await device.raw_command(method, parameters)
        return Answer(plain(result), json.dumps(without_secrets(plain(result)), ensure_ascii=False))

    ask_all(settings, options, ask)


def _items(targets: Sequence[Target], results: Sequence[dict[str, Any]], method: str) -> Answer:
    """Make an answer of the results of several properties; one of them that failed makes it a failure."""
    from miio_lan.cli.device.target import entry_of, line_of
    from miio_lan.cli.fleet.asking import Answer
    from miio_lan.device.steps import miot_calls

    found = list(zip(targets, miot_calls.matched([one.ids() for one in targets], results), strict=True))
    errors = [
        miot_calls.no_answer(method, target.siid, target.piid)
        if result is None
        else miot_calls.refusal(method, result)
        for target, result in found
        if result is None or miot_calls.failed(result)
    ]
    text = ", ".join(f"{target.name}: {line_of(target, result, method)}" for target, result in found)
    return Answer([entry_of(target, result) for target, result in found], text, errors[0] if errors else None)
