"""``device list``, ``device remove`` and ``device import``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from miio_lan.cli.naming.completion import complete_names
from miio_lan.cli.options import DEVICE_OPTIONS, CliSettings, command
from miio_lan.click_common.failures import FAILED, refuse
from miio_lan.click_common.output import echo, echo_json, secrets_are_shown
from miio_lan.device.fleet.named import DevicesFile
from miio_lan.foreign import printable
from miio_lan.lan import PORT
from miio_lan.record.redact import HIDDEN, told_of

if TYPE_CHECKING:
    from miio_lan.device.fleet.importing import Imported
    from miio_lan.device.fleet.named import NamedDevice

_HEADINGS = ("NAME", "ADDRESS", "DID", "MODEL", "TOKEN")
_MOST_IMPORTED = 16 << 20


@command("list", without=DEVICE_OPTIONS)
def list_(settings: CliSettings) -> None:
    """List the devices that have names; tokens are hidden without --show-secrets."""
    file = DevicesFile()
    devices = file.read()
    if settings.json:
        echo_json({name: device.entry() for name, device in devices.items()})
    elif not devices:
        echo(f"No device has a name yet ({file.path}): miio-lan device add NAME, or import FILE.", fold=True)
    else:
        lines = [_HEADINGS, *map(_row, devices.values())]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        for line in lines:
            cells = (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
            echo("  ".join(cells).rstrip(), fold=True)


def _row(device: NamedDevice) -> tuple[str, ...]:
    address = device.ip if device.port == PORT else f"{device.ip} port {device.port}"
    token = str(device.token) if secrets_are_shown() else HIDDEN
    cells = (device.name, address, "-" if device.did is None else str(device.did), device.model or "-")
    return (*map(printable, cells), token)


@command("remove", without=DEVICE_OPTIONS)
@click.argument("names", nargs=-1, required=True, shell_complete=complete_names)
def remove(settings: CliSettings, names: tuple[str, ...]) -> None:
    """Forget devices by their NAMES."""
    file = DevicesFile()
    for name in names:
        file.get(name)
    for name in dict.fromkeys(names):
        file.remove(name)
    _say(settings, {"removed": list(dict.fromkeys(names))}, f"Removed {', '.join(map(printable, names))}.")


@command("import", without=DEVICE_OPTIONS)
@click.argument("file", metavar="FILE")
def import_(settings: CliSettings, file: str) -> None:
    """Take devices from a FILE of JSON, - for stdin.

    Exit code 1 says that nothing in it could be taken.

    It may be what token extractors write, what python-miio's 'cloud list --raw' prints, what 'miio-lan --show-secrets
    --json discover' prints, or another file of named devices. A device that is known by its did keeps its name.
    """
    from miio_lan.device.fleet.importing import Imported, read_candidates, take

    candidates = read_candidates(_content(file), "stdin" if file == "-" else file)
    outcome = Imported()

    def edit(devices: dict[str, NamedDevice]) -> None:
        nonlocal outcome
        outcome = take(devices, candidates)

    DevicesFile().change(edit)
    _say(settings, outcome, _told(outcome))
    if not (outcome.added or outcome.changed or outcome.same):
        click.get_current_context().exit(FAILED)


def _content(name: str) -> bytes:
    from miio_lan.record.redact import as_secret

    try:
        if name == "-":
            if sys.stdin is None:
                refuse("'-' reads standard input, and there is none")
            data: bytes = as_secret(sys.stdin.buffer.read(_MOST_IMPORTED + 1))
        else:
            with Path(name).open("rb") as file:
                data = as_secret(file.read(_MOST_IMPORTED + 1))
    except (OSError, ValueError) as error:
        refuse(f"{name} cannot be read: {getattr(error, 'strerror', None) or error}")
    if len(data) > _MOST_IMPORTED:
        refuse(told_of(name, f"more than {_MOST_IMPORTED >> 20} MiB are no list of devices"))
    return data


def _told(outcome: Imported) -> str:
    lines = [
        f"{word:<9}{printable(name)}"
        for word, names in (("added", outcome.added), ("changed", outcome.changed), ("as was", outcome.same))
        for name in names
    ]
    return "\n".join([*lines, *(f"{'skipped':<9}{printable(name)}: {why}" for name, why in outcome.skipped)])


def _say(settings: CliSettings, document: Any, text: str) -> None:
    if settings.json:
        echo_json(document)
    else:
        echo(text, fold=True)
