"""Showing results: for people, and as JSON.

Whatever a device sends can be shown: Unicode as it is, control characters as escapes (a device does not steer the
reader's terminal), lone surrogates without an error.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import json
import math
import sys
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Any

import click

from miio_lan.click_common.layout import columns, folded, rows_of
from miio_lan.device.info import DeviceInfo
from miio_lan.device.status import DeviceStatus
from miio_lan.device.steps.calls import PropertyTest
from miio_lan.errors import DeviceException
from miio_lan.foreign import printable, printable_json
from miio_lan.record.redact import HIDDEN, is_secret, redact_value

SHOW_SECRETS = "miio_lan.show_secrets"
"""Where a command line's context says, in its ``meta``, that secrets are to be shown."""

_WIDE = 76
# Python refuses to write longer integers in decimal.
_MAX_BITS = 13_000
Format = str | Callable[..., str]


# --- writing -------------------------------------------------------------------------------------------------------


class OutputLost(Exception):
    """Standard output cannot be written; a reader who left (``BrokenPipeError``) is another matter."""


def echo(
    text: object = "",
    *,
    err: bool = False,
    end: str = "\n",
    styled: bool = False,
    fold: bool | None = None,
) -> None:
    """Print a text; characters the stream cannot take, and those that steer a terminal, become escapes.

    All that a command line says passes here, so that nothing a device, a file or an argument holds can steer.

    :param styled: the text has colours of our own; what is foreign in it was made printable before
    :param fold: fold long rows to the width of a terminal; by default sentences on stderr are
    :raises OutputLost: if stdout cannot be written; for stderr, there would be nowhere to say so
    :raises BrokenPipeError: if who read stdout has gone
    """
    stream = sys.stderr if err else sys.stdout
    encoding = getattr(stream, "encoding", None) or "utf-8"
    harmless = str(text) if styled else printable(str(text), rows=True)
    if not styled and (err if fold is None else fold):
        harmless = folded(harmless, columns(stream) if err else rows_of(stream))
    shown = harmless.encode(encoding, "backslashreplace").decode(encoding)
    try:
        click.echo(shown + end, err=err, nl=False)
    except BrokenPipeError:
        if not err:
            raise
    except OSError as error:
        if not err:
            raise OutputLost(f"standard output cannot be written: {error.strerror or error}") from error


def secrets_are_shown() -> bool:
    """Tell whether the running command was told to show secrets."""
    context = click.get_current_context(silent=True)
    return context is not None and bool(context.meta.get(SHOW_SECRETS))


def without_secrets(value: object) -> Any:
    """Give a value that JSON can express, or a text, as it may be seen; as it is for those who asked for secrets."""
    return value if secrets_are_shown() else redact_value(value)


def echo_json(document: object, *, secrets: bool = False) -> None:
    """Print one JSON document in UTF-8, or in pure ASCII where stdout cannot take UTF-8.

    :param secrets: show secrets in any case
    """
    echo(json_line(plain(document) if secrets else without_secrets(plain(document))))


def with_mended(document: object, mended: Sequence[str]) -> object:
    """Let a document for ``--json`` say what was mended in the replies it comes from.

    An object gets a further key, and so does each entry of a list of objects with codes; anything else becomes the
    ``result`` of an object. Where nothing was mended, it stays what it is.
    """
    if not mended:
        return document
    told = {"mended": list(mended)}
    shown = plain(document)
    if isinstance(shown, dict):
        return {**shown, **told}
    if isinstance(shown, list) and shown and all(isinstance(each, dict) and "code" in each for each in shown):
        return [{**each, **told} for each in shown]
    return {"result": shown, **told}


def json_line(value: object) -> str:
    """Write plain JSON values for stdout: Unicode where stdout takes it, but nothing that steers a terminal."""
    encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "").replace("_", "")
    return printable_json(json.dumps(value, ensure_ascii=not encoding.startswith("utf"), allow_nan=False))


# --- forms of results ----------------------------------------------------------------------------------------------


def plain(value: object) -> Any:
    """Reduce a result to what JSON can express."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value) if value.bit_length() < _MAX_BITS else hex(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    return _plain_container(value)


def _plain_container(value: object) -> Any:
    if isinstance(value, DeviceInfo):
        return without_secrets(plain(value.raw))
    if isinstance(value, DeviceStatus):
        return {name: plain(item) for name, item in status_items(value)}
    if isinstance(value, PropertyTest):
        return {**_plain_values(value.values), "max_properties": value.max_properties}
    if isinstance(value, Mapping):
        return {str(plain(key)): plain(item) for key, item in value.items()}
    if isinstance(value, (Sequence, AbstractSet)):
        return [plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    return str(value)


def _plain_values(values: Mapping[str, Any]) -> dict[str, Any]:
    answered = {name: plain(each) for name, each in values.items() if not isinstance(each, DeviceException)}
    refused = {name: error_fields(each) for name, each in values.items() if isinstance(each, DeviceException)}
    return {"values": answered, "refused": refused}


def error_fields(error: BaseException) -> dict[str, Any]:
    """Give what an error knows, as plain JSON values."""
    known = ("code", "method", "id", "exe_time", "sent", "elapsed", "kind")
    told = {name: plain(getattr(error, name)) for name in known if getattr(error, name, None) is not None}
    told |= {"may_have_run": error.may_have_run} if isinstance(error, DeviceException) else {}
    told |= {"mended": list(mended)} if (mended := getattr(error, "mended", ())) else {}
    return {"type": type(error).__name__, "message": str(error), "code": None, "method": None} | told


def status_items(status: DeviceStatus) -> list[tuple[str, object]]:
    """Give the properties of a status container; one that fails shows its error."""
    found = inspect.getmembers_static(type(status), lambda member: isinstance(member, property))
    names = [name for name, _ in found if not name.startswith("_")]
    return [(name, _attempt(status, name)) for name in names]


def _attempt(status: DeviceStatus, name: str) -> object:
    try:
        return getattr(status, name)
    except Exception as error:  # noqa: BLE001 - any error of a user's property belongs into the picture
        return type(error).__name__


def render(value: object) -> str:
    """Write a result for people; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, DeviceInfo):
        return _table(_info_rows(value))
    if isinstance(value, DeviceStatus):
        return _table([(name, item) for name, item in status_items(value)])
    if isinstance(value, PropertyTest):
        return _property_test(value)
    if isinstance(value, (Mapping, list, tuple)):
        shown = without_secrets(plain(value))
        short = json.dumps(shown, ensure_ascii=False)
        fits = len(short) <= min(_WIDE, rows_of(sys.stdout) or _WIDE)
        whole = short if fits else json.dumps(shown, ensure_ascii=False, indent=2)
        return printable(whole, rows=True)
    return printable(without_secrets(str(value)), rows=True)


def render_named(name: str, value: object) -> str:
    """Write what has a name, for people."""
    return HIDDEN if is_secret(name, value) and not secrets_are_shown() else render(value)


def _table(rows: Sequence[tuple[str, object]]) -> str:
    width = max((len(name) for name, _ in rows), default=0) + 2
    laid = (f"{name + ':':<{width}}{render_named(name, item)}".rstrip() for name, item in rows)
    most = rows_of(sys.stdout)
    return "\n".join(folded(row, most, " " * min(width, (most or 0) // 2)) for row in laid)


def _info_rows(info: DeviceInfo) -> list[tuple[str, object]]:
    point = info.accesspoint
    rows = [
        ("Model", info.model),
        ("Hardware version", info.hardware_version),
        ("Firmware version", info.firmware_version),
        ("MCU firmware version", info.mcu_firmware_version),
        ("MAC address", info.mac_address),
        ("IP address", info.ip_address),
        ("Access point", point.get("ssid")),
        ("Signal", f"{point['rssi']} dBm" if point.get("rssi") is not None else None),
        ("Uptime", f"{info.raw['life']} s" if info.raw.get("life") is not None else None),
    ]
    return [(name, item) for name, item in rows if item is not None]


def _property_test(test: PropertyTest) -> str:
    rows = [
        (name, f"refused ({value})" if isinstance(value, DeviceException) else value)
        for name, value in test.values.items()
    ]
    limit = f"{len(test.supported)} of {len(rows)} answered; {test.max_properties} fit into one request"
    return f"{_table(rows)}\n{limit}"


# --- python-miio's decorator -----------------------------------------------------------------------------------------


def format_output(
    msg_fmt: Format = "", result_msg_fmt: Format = "{result}"
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make a decorator that prints a message before a call, and the result after it.

    :param msg_fmt: a text formatted with the call's parameters, or a function that is given them; printed before the
        call unless empty
    :param result_msg_fmt: the same for after the call, with ``result`` among the parameters
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def show(*args: Any, **kwargs: Any) -> Any:
            if msg_fmt:
                _say(_formatted(msg_fmt, kwargs))
            result = function(*args, **kwargs)
            if result_msg_fmt == "{result}":
                _say(render(result))
            elif result_msg_fmt:
                _say(_formatted(result_msg_fmt, {**kwargs, "result": result}))
            return result

        return show

    return decorate


def _formatted(form: Format, values: Mapping[str, Any]) -> str:
    said = without_secrets(str(form(**values)) if callable(form) else form.format(**values))
    return printable(said, rows=True)


def _say(text: str) -> None:
    if text:
        echo(text.removesuffix("\n"))
