"""``fleet info``, ``fleet get``, ``fleet set`` and ``fleet raw-command``."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from miio_lan.cli import completion
from miio_lan.cli.device.basic import check_method, read_params
from miio_lan.cli.naming.completion import complete_names
from miio_lan.cli.options import CliSettings, command
from miio_lan.click_common.numbers import SECONDS
from miio_lan.click_common.output import plain, without_secrets
from miio_lan.click_common.tokens import TOKEN_OPTIONS
from miio_lan.errors import SpecError

if TYPE_CHECKING:
    from miio_lan.cli.device.target import Target
    from miio_lan.cli.fleet.asking import FleetAnswer
    from miio_lan.device.description.spec import Spec
    from miio_lan.device.miot_aio import AsyncMiotDevice

Command = TypeVar("Command", bound=Callable[..., Any])
Made = TypeVar("Made")

# The devices of a fleet have their own.
_UNUSED = ("device", "ip", "port", *TOKEN_OPTIONS)
_SPEC = click.option(
    "--spec",
    metavar="FILE|MODEL",
    shell_complete=completion.models,
    help="A description that all devices share. By default each has that of its model, if it was fetched.",
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
    from miio_lan.cli.fleet.asking import FleetAnswer, ask_all

    async def ask(device: AsyncMiotDevice) -> FleetAnswer:
        found = await device.info()
        told = (found.model, found.firmware_version, found.ip_address)
        return FleetAnswer(plain(found), " ".join(each for each in told if each))

    ask_all(settings, options, ask)


@command("get", without=_UNUSED)
@click.argument("properties", nargs=-1, shell_complete=completion.properties)
@_SPEC
@_fleet_options
def get(settings: CliSettings, properties: tuple[str, ...], spec: str | None, **options: Any) -> None:
    """Read PROPERTIES of each device: SIID.PIID each, or names of its description (without any: all of them)."""
    from miio_lan.cli.device.properties import wanted_properties
    from miio_lan.cli.fleet.asking import ask_all
    from miio_lan.uart.document import GET_PROPERTIES

    wanted = _for_each(spec, properties, lambda found: wanted_properties(properties, found))

    async def ask(device: AsyncMiotDevice) -> FleetAnswer:
        targets = await wanted(device)
        results = await device.get_properties([one.ids() for one in targets])
        return _items(targets, results, GET_PROPERTIES)

    ask_all(settings, options, ask)


@command("set", without=_UNUSED)
@click.argument("assignments", nargs=-1, required=True, shell_complete=completion.assignments)
@_SPEC
@_fleet_options
def set_(settings: CliSettings, assignments: tuple[str, ...], spec: str | None, **options: Any) -> None:
    """Set properties of each device: SIID.PIID VALUE, or any number of SIID.PIID=VALUE.

    VALUE is written as for 'miio-lan set'.
    """
    from miio_lan.cli.device.properties import assigned, wanted_assignments
    from miio_lan.cli.fleet.asking import ask_all
    from miio_lan.device.steps import miot_calls
    from miio_lan.uart.document import SET_PROPERTIES

    wanted = _for_each(spec, assigned(assignments), lambda found: wanted_assignments(assignments, found))

    async def ask(device: AsyncMiotDevice) -> FleetAnswer:
        pairs = await wanted(device)
        targets = [one for one, _ in pairs]
        answer = await device.send(SET_PROPERTIES, [{**one.ids(), "value": value} for one, value in pairs])
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
    from miio_lan.cli.fleet.asking import FleetAnswer, ask_all

    async def ask(device: AsyncMiotDevice) -> FleetAnswer:
        result = await device.raw_command(method, parameters)
        return FleetAnswer(plain(result), json.dumps(without_secrets(plain(result)), ensure_ascii=False))

    ask_all(settings, options, ask)


def _for_each(
    spec: str | None, words: Sequence[str], read: Callable[[Spec | None], Made]
) -> Callable[[AsyncMiotDevice], Awaitable[Made]]:
    """Make what finds out for a device what was typed: once for all with ``--spec`` or numbers, else for each model.

    :param read: makes it of a description
    :raises SpecError: now, for what is the same for all; for a device, when it is asked
    """
    from miio_lan.cli.device.described import is_number, load_spec
    from miio_lan.device.description.cache import cached

    by_model: dict[str, Made] = {}
    shared = spec is not None or (bool(words) and all(map(is_number, words)))
    for_all = read(load_spec(spec)) if shared else None

    async def find(device: AsyncMiotDevice) -> Made:
        if for_all is not None:
            return for_all
        model = await device.model()
        if model not in by_model:
            try:
                by_model[model] = read(cached(model))
            except click.UsageError as error:  # wrong for a device of this model alone
                raise SpecError(error.message) from None
        return by_model[model]

    return find


def _items(targets: Sequence[Target], results: Sequence[dict[str, Any]], method: str) -> FleetAnswer:
    """Make an answer of the results of several properties; one of them that failed makes it a failure."""
    from miio_lan.cli.device.target import entry_of, line_of
    from miio_lan.cli.fleet.asking import FleetAnswer
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
    return FleetAnswer(
        [entry_of(target, result) for target, result in found], text, errors[0] if errors else None
    )
