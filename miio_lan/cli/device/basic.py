"""Commands every product knows: ``info``, ``raw-command``, ``test-properties``."""

from __future__ import annotations

import json
import re
import sys
from typing import Any

import click

from miio_lan.cli.files import shown_name
from miio_lan.cli.options import CliSettings, command
from miio_lan.click_common.failures import PartlyFailed, refuse
from miio_lan.click_common.output import echo, echo_json, render, with_mended
from miio_lan.click_common.types import read_literal, shell_quoted, suggestion

_MOST_PARAMS = 1 << 20  # bytes, blanks included
_NO_METHOD = re.compile(r"""[\s\[\]{}()"',]""")


@command("info")
def info(settings: CliSettings) -> None:
    """Show model, versions and network of a device."""
    from miio_lan.cli.device.connect import opened
    from miio_lan.device.blocking import Device

    with opened(settings, Device) as device:
        found = device.info()
    if not settings.json and not render(found):
        echo("The device tells nothing of itself.")
    else:
        show(settings, found)


@command("raw-command")
@click.argument("method")
@click.argument("params", nargs=-1)
def raw_command(settings: CliSettings, method: str, params: tuple[str, ...]) -> None:
    """Send any METHOD with PARAMS and show the result.

    PARAMS is JSON, or a Python literal; '-' reads it from stdin, '@FILE' from a file. Without it, [] is sent.
    """
    check_method(method)
    parameters = read_params(params)
    from miio_lan.cli.device.connect import opened
    from miio_lan.device.blocking import Device

    with opened(settings, Device) as device:
        show(settings, device.raw_command(method, parameters))


@command("test-properties")
@click.argument("properties", nargs=-1, required=True)
def test_properties(settings: CliSettings, properties: tuple[str, ...]) -> None:
    """Find out which PROPERTIES a legacy product knows, and how many fit into one request.

    It fails when every property is refused; some refused are a finding.
    """
    from miio_lan.cli.device.connect import opened
    from miio_lan.device.blocking import Device

    with opened(settings, Device) as device:
        found = device.test_properties(properties)
    if found.refusal is not None:
        message = f"the device refused every property ({', '.join(found.values)}): {found.refusal}"
        raise PartlyFailed(found.refusal, found, render(found), message=message)
    show(settings, found)


def show(settings: CliSettings, result: object) -> None:
    """Print a result as the options have it."""
    if settings.json:
        echo_json(with_mended(result, settings.mended))
    elif text := render(result):
        echo(text)


def check_method(method: str) -> None:
    """Refuse what is no method, in particular one that parameters were pasted to.

    :raises click.UsageError: with what was probably meant
    """
    found = _NO_METHOD.search(method)
    if found is None and method:
        return
    name = method[: found.start()] if found else ""
    rest = method[found.start() :].strip() if found else ""
    hint = ""
    if name and rest:
        hint = (
            f" Put a space between method and parameters: raw-command {name} {shell_quoted(suggestion(rest))}"
        )
    refuse(f"{method!r} is not a method name.{hint}")


def read_params(words: tuple[str, ...]) -> Any:
    """Read the parameters of a command as they were typed; None for none.

    :raises click.UsageError: saying what is wrong, and what JSON would look like
    """
    if not words:
        return None
    if len(words) == 1:
        return read_value(_source(words[0]))
    # A shell took quotes, or a person left them out: the whole may still be JSON.
    text = " ".join(words)
    try:
        return read_value(text)
    except click.UsageError:
        if text[0] in "[{":
            raise
        meant = suggestion("[" + ", ".join(words) + "]")
        refuse(f"{len(words)} parameters where one is expected; as JSON, they are {shell_quoted(meant)}")


def _source(word: str) -> str:
    if word != "-" and not word.startswith("@"):
        return word
    name = shown_name(word.removeprefix("@"))
    try:
        data = _read(word)
    except OSError as error:
        refuse(f"{name or 'a file without a name'} cannot be read: {error.strerror or error}")
    if len(data) > _MOST_PARAMS:
        refuse(f"{name} holds more than {_MOST_PARAMS >> 20} MiB: no device takes such parameters")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        refuse(f"{name} cannot be read: {error}")


def _read(word: str) -> bytes:
    """Read what a word for parameters stands for, though not all of what has no end.

    :raises OSError: if it cannot be read
    """
    if word != "-":
        with open(word[1:], "rb") as file:  # noqa: PTH123 - pathlib takes an empty name for the folder one is in
            return file.read(_MOST_PARAMS + 1)
    if sys.stdin is None:
        refuse("'-' reads standard input, and there is none")
    return sys.stdin.buffer.read(_MOST_PARAMS + 1)


def read_value(text: str) -> Any:
    """Read JSON or a Python literal.

    :raises click.UsageError: if it is neither, or a literal that JSON cannot express
    """
    try:
        value = read_literal(text)
        json.dumps(value, allow_nan=False)
    except TypeError as error:
        refuse(f"{text!r} has no JSON form: {error}")
    except (ValueError, RecursionError) as error:
        refuse(str(error))
    return value
