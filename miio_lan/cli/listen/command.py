"""``listen``: property changes and events of a device, live."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from miio_lan.cli import completion
from miio_lan.cli.device.described import described, is_number, load_spec, stored_model
from miio_lan.cli.device.properties import _SPEC, wanted_properties
from miio_lan.cli.device.target import hidden_by, property_of
from miio_lan.cli.options import CliSettings, command
from miio_lan.click_common.numbers import SECONDS, Between
from miio_lan.click_common.output import echo, echo_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from miio_lan.cli.device.target import Target
    from miio_lan.device.description.spec import Spec
    from miio_lan.device.miot import MiotDevice
    from miio_lan.lan.client.incoming.pushes import Push

#: Seconds that the end of a subscription may take, and one wait.
_END_TIME, _ONE_WAIT = 1.0, 3600.0
#: Seconds in which a device says at the end that it is still there: enough for four hellos, as some may get lost.
_LAST_WORD = 3.0


@command("listen")
@click.argument("properties", nargs=-1, shell_complete=completion.properties)
@_SPEC
@click.option(
    "--for", "seconds", type=SECONDS, metavar="SECONDS", help="End after that time; by default, at Ctrl-C."
)
@click.option(
    "--every",
    type=Between(0.1, 10_000_000),
    metavar="SECONDS",
    help="Time between two readings, 5 s by default, where the device does not tell changes.",
)
def listen(
    settings: CliSettings,
    properties: tuple[str, ...],
    spec: str | None,
    seconds: float | None,
    every: float | None,
) -> None:
    """Show what a device tells by itself, property changes and events, as it tells it.

    A device that cannot tell changes is read instead, now and then: those PROPERTIES, SIID.PIID each or names of its
    description (without any: all of them). What it tells has names where its description is known.

    With --json, each message of the device is one line of JSON: time (Unix seconds), method, params, id (0 for what was
    read). A device that falls silent is told of on stderr, and waited for; it is an error if it is still silent when
    the time of --for is over: a last hello finds that out.
    """
    description = _description(settings, spec, properties)
    wanted = wanted_properties(properties, description) if properties or description is not None else []
    from miio_lan.cli.device.connect import opened
    from miio_lan.cli.signals import killed_is_interrupted
    from miio_lan.device.miot import MiotDevice

    with (
        killed_is_interrupted(),
        # Silence is nothing that a person need be told of here.
        opened(settings, MiotDevice, observer=lambda _: None) as device,
        contextlib.suppress(KeyboardInterrupt),
    ):
        _listen(settings, device, wanted, description, seconds, every)


def _description(settings: CliSettings, spec: str | None, properties: tuple[str, ...]) -> Spec | None:
    """Give the description: one that is needed must be here; without names, that of a known model is used if it is."""
    from miio_lan.device.description.cache import cached
    from miio_lan.errors import SpecUnavailable

    if spec is not None:
        return load_spec(spec)
    if not all(map(is_number, properties)):
        return described(settings, None, properties)
    model = stored_model(settings)
    with contextlib.suppress(SpecUnavailable):
        return cached(model) if model else None
    return None


def _listen(
    settings: CliSettings,
    device: MiotDevice,
    wanted: Sequence[Target],
    spec: Spec | None,
    seconds: float | None,
    every: float | None,
) -> None:
    from miio_lan.errors import DeviceException

    device.subscribe(poll=[each.ids() for each in wanted] or None, every=every)
    end = None if seconds is None else time.monotonic() + seconds
    trouble: DeviceException | None = None
    try:
        while end is None or time.monotonic() < end:
            wait = _ONE_WAIT if end is None else max(0.0, end - time.monotonic())
            try:
                push = device.next_push(wait)
            except DeviceException as error:
                trouble = error
                echo(f"Warning: {error}", err=True)
                continue
            if push is not None:
                trouble = None
                _show(settings, push, spec)
    finally:
        device.timeout, device.retry_count = _END_TIME, 0
        with contextlib.suppress(DeviceException):
            device.unsubscribe()
    if trouble is not None:
        raise trouble
    # Silence is no trouble before the device would have been waited for in vain, which may take longer than this did.
    device.timeout = _LAST_WORD
    device.send_handshake()


def _show(settings: CliSettings, push: Push, spec: Spec | None) -> None:
    told = time.time() - (time.monotonic() - push.instant)
    if settings.json:
        params = hidden_by(spec, push.params)
        document = {"time": round(told, 3), "method": push.method, "params": params, "id": push.id}
        echo_json(document)
    else:
        clock = time.strftime("%H:%M:%S", time.localtime(told)) + f".{int(told * 1000) % 1000:03d}"
        for row in rows(push, spec):
            echo(f"{clock}  {row}", fold=True)
    sys.stdout.flush()


def rows(push: Push, spec: Spec | None) -> Iterator[str]:
    """Give a row for each property or event that was told.

    :param spec: the product's description, for names
    """
    items: list[Any] = hidden_by(spec, push.params if isinstance(push.params, list) else [push.params])
    shaped = bool(items) and all(isinstance(each, dict) and "siid" in each for each in items)
    if push.method == "properties_changed" and shaped:
        for each in items:
            yield f"{_property(each, spec)}: {_value(each.get('value'), _property(each, spec))}"
    elif push.method == "event_occured" and shaped:
        for each in items:
            yield f"{_event(each, spec)}{_arguments(each, spec)}"
    else:
        yield f"{push.method} {_value(push.params, push.method)}"


def _property(item: dict[str, Any], spec: Spec | None) -> str:
    numbers = item.get("siid"), item.get("piid")
    if spec is not None and (prop := property_of(spec, *numbers)) is not None:
        from miio_lan.device.description import names

        return names.full_name(spec, prop)
    return f"{numbers[0]}.{numbers[1]}"


def _event(item: dict[str, Any], spec: Spec | None) -> str:
    siid, eiid = item.get("siid"), item.get("eiid")
    found = (
        each for each in (spec.events() if spec is not None else ()) if (each.siid, each.eiid) == (siid, eiid)
    )
    event = next(found, None)
    return f"event {siid}.{eiid}" + (f" ({event.name})" if event is not None else "")


def _arguments(item: dict[str, Any], spec: Spec | None) -> str:
    arguments = item.get("arguments")
    if not arguments:
        return ""
    if not isinstance(arguments, list):
        arguments = [arguments]
    shown = []
    for each in arguments:
        if isinstance(each, dict) and "piid" in each:
            name = _property({"siid": item.get("siid"), **each}, spec)
            shown.append(f"{name}={_value(each.get('value'), name)}")
        else:
            shown.append(_value(each, ""))
    return ": " + ", ".join(shown)


def _value(value: object, name: str) -> str:
    """Write a value in one row, as JSON, secrets hidden."""
    from miio_lan.click_common.output import json_line, plain, without_secrets

    return json_line(without_secrets({name: plain(value)})[name])
