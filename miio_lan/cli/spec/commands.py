"""``spec show``, ``spec names`` and ``spec fetch``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from miio_lan.cli import completion
from miio_lan.cli.device.described import chosen_model, chosen_spec
from miio_lan.cli.options import CliSettings, command
from miio_lan.click_common.numbers import SECONDS
from miio_lan.click_common.output import echo, echo_json
from miio_lan.foreign import printable
from miio_lan.variables import SERVICE_VARIABLE

if TYPE_CHECKING:
    from miio_lan.device.description.cache import Fetched
    from miio_lan.device.description.spec import Spec

_MODEL = click.argument("model", required=False, shell_complete=completion.models)


@command("show")
@_MODEL
def show(settings: CliSettings, model: str | None) -> None:
    """Show what a product can do, as its description says: services, properties, actions, events.

    MODEL is a model whose description was fetched, a file, or a shipped description (lamp); with -d NAME, it is the
    model of that device. r, w, n: a property can be read, can be written, is told when it changes.
    """
    spec = chosen_spec(settings, model)
    from miio_lan.cli.spec.text import document, rows

    if settings.json:
        echo_json(document(spec))
        return
    _say(rows(spec))


@command("names")
@_MODEL
def names(settings: CliSettings, model: str | None) -> None:
    """Show the names that get, set, action and listen take, each with its numbers.

    MODEL as for 'spec show'.
    """
    spec = chosen_spec(settings, model)
    from miio_lan.cli.spec.text import name_rows, named

    if settings.json:
        echo_json({"model": spec.stated_model or None, **named(spec)})
        return
    _say(name_rows(spec))


@command("fetch")
@_MODEL
@click.option(
    "--service",
    metavar="URL",
    envvar=SERVICE_VARIABLE,
    show_envvar=True,
    help="The service; by default https://miot-spec.org/miot-spec-v2.",
)
@click.option("--within", type=SECONDS, metavar="SECONDS", help="Time for each document, 60 s by default.")
def fetch(settings: CliSettings, model: str | None, service: str | None, within: float | None) -> None:
    """Get the description of MODEL from the public MIoT service, and keep it.

    It is there without a network from then on. It is the newest released version. With -d NAME, MODEL is that of the
    device.
    """
    from miio_lan.device.description import cache

    found = cache.fetch(chosen_model(settings, model), base=service, timeout=within)
    if settings.json:
        echo_json(_document(found))
        return
    echo(f"{found.spec.model}: version {found.version}, {_counts(found.spec)}.", fold=True)
    echo(f"Kept in {found.path}", fold=True)


def _say(rows: list[str]) -> None:
    for row in rows:
        echo(printable(row), fold=True)


def _document(found: Fetched) -> dict[str, object]:
    spec = found.spec
    return {
        "model": spec.model,
        "type": spec.type,
        "version": found.version,
        "from": found.source,
        "path": str(found.path),
        "left_out": list(spec.warnings),
    }


def _counts(spec: Spec) -> str:
    counts = {
        "service": len(spec.services),
        "property": len(list(spec.properties())),
        "action": len(list(spec.actions())),
        "event": len(list(spec.events())),
    }
    plurals = {"property": "properties"}
    return ", ".join(
        f"{count} {what if count == 1 else plurals.get(what, f'{what}s')}" for what, count in counts.items()
    )
