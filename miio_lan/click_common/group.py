"""A device class as a group of commands: one for each method marked with ``@command``."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import click
from click.core import ParameterSource

from miio_lan.click_common.compat import GlobalContextObject
from miio_lan.click_common.failures import GuardedGroup, PartlyFailed, refuse
from miio_lan.click_common.logs import log_to_stderr
from miio_lan.click_common.numbers import SECONDS
from miio_lan.click_common.output import SHOW_SECRETS, echo_json, format_output
from miio_lan.click_common.parameters import arguments_of, parameters_of
from miio_lan.click_common.tokens import TOKEN_OPTIONS, TokenSource, token_options
from miio_lan.device.command import CommandData, commands_of
from miio_lan.device.steps import miot_calls
from miio_lan.device.steps.calls import PropertyTest
from miio_lan.uart.document import ACTION
from miio_lan.variables import IP_VARIABLE, PORT_VARIABLE, TOKEN_VARIABLE

if TYPE_CHECKING:
    from miio_lan.device.blocking import Device
    from miio_lan.errors import DeviceException


@dataclass(frozen=True)
class _GroupRun:
    """What the group's options said, for the command that follows."""

    make: Callable[[], Device]
    json: bool


class DeviceGroup(GuardedGroup):
    """The command line of a device class.

    Its commands print what they are decorated to print, else their result; ``--json`` prints the result as JSON.

    :param device_class: the class; an object of it is made for each run
    :param name: the name of the group; the class's in lower case by default
    :param callback: makes the device instead, and keeps it in ``ctx.obj``; it gets what ``params`` brings, and nothing
        else. A class written for python-miio does so, with :attr:`DEFAULT_PARAMS` and options of its own
    :param result_callback_pass_device: whether ``result_callback`` is given the device first
    :param settings: further arguments for ``click.Group``
    """

    #: The options that python-miio's groups have: address, token and model.
    DEFAULT_PARAMS: ClassVar[list[click.Parameter]] = []

    def __init__(
        self,
        device_class: type[Device],
        name: str | None = None,
        *,
        callback: Callable[..., Any] | None = None,
        result_callback: Callable[..., Any] | None = None,
        result_callback_pass_device: bool = True,
        **settings: Any,
    ) -> None:
        self.device_class = device_class
        #: Gives the device to a function as its first argument.
        self.device_pass = click.make_pass_decorator(device_class)
        settings.setdefault("help", _first_paragraph(device_class))
        given = settings.pop("params", None)
        if callback is None:
            callback = self._open
            usual = [each for each in given or () if each not in self.DEFAULT_PARAMS]
            given = [*connection_options(), *usual]
        if result_callback is not None and result_callback_pass_device:
            result_callback = self.device_pass(result_callback)
        params = self.DEFAULT_PARAMS if given is None else given
        super().__init__(
            name or device_class.__name__.lower(),
            callback=callback,
            result_callback=result_callback,
            params=params,
            **settings,
        )
        for command_name, (attribute, data) in commands_of(device_class).items():
            self.add_command(_command(getattr(device_class, attribute), command_name, attribute, data))

    def _open(self, **given: Any) -> None:
        ctx = click.get_current_context()
        above = ctx.find_object(GlobalContextObject)
        given["debug"] = given["debug"] or (above.debug if above is not None else 0)
        if given["debug"]:
            log_to_stderr(ctx)
        ctx.meta[SHOW_SECRETS] = given["show_secrets"]
        source = _token_source(ctx, given)

        def make() -> Device:
            device = self._device(given, source)
            ctx.call_on_close(device.close)
            return device

        ctx.obj = _GroupRun(make, bool(given["json"]))

    def _device(self, given: dict[str, Any], source: TokenSource) -> Device:
        # Not required by click: it would refuse even ``COMMAND --help`` without them.
        if not given["ip"]:
            refuse(f"Missing option '--ip' (or the environment variable {IP_VARIABLE}).")
        token = source.get()
        if not token:
            refuse(f"Missing option '--token' (or the environment variable {TOKEN_VARIABLE}).")
        options = {name: given[name] for name in ("debug", "timeout", "model", "port") if given[name]}
        known = inspect.signature(self.device_class).parameters.values()
        if not any(each.kind is each.VAR_KEYWORD for each in known):
            # Constructors written for python-miio know no port.
            for unknown in options.keys() - {each.name for each in known}:
                refuse(f"{self.device_class.__name__} does not take '--{unknown}'.")
        device = self.device_class(given["ip"], token, **options)
        if given["retries"] is not None:
            device.retry_count = given["retries"]
        return device


def _token_source(ctx: click.Context, given: dict[str, Any]) -> TokenSource:
    source = TokenSource()
    for name in TOKEN_OPTIONS:
        from_environment = ctx.get_parameter_source(name) is ParameterSource.ENVIRONMENT
        source.take(name, given.pop(name), from_environment=from_environment)
    source.check()
    return source


def connection_options() -> list[click.Option]:
    """Make the options that say which device, and how to speak to it."""
    ports = click.IntRange(1, 65535)
    return [
        click.Option(
            ["ip", "--ip", "--host"], envvar=IP_VARIABLE, help=f"Address or name; or {IP_VARIABLE}."
        ),
        *token_options(variable=True),
        click.Option(["--model"], help="Model, where the device does not tell it."),
        click.Option(["--timeout"], type=SECONDS, help="Seconds per attempt."),
        click.Option(["--retries"], type=click.IntRange(min=0), help="Attempts after the first one."),
        click.Option(["--port"], type=ports, envvar=PORT_VARIABLE, help=f"UDP port; or {PORT_VARIABLE}."),
        click.Option(["--json"], is_flag=True, help="Print results and errors as JSON."),
        click.Option(["debug", "-d", "--debug"], count=True, help="Log what crosses the wire to stderr."),
        click.Option(["--show-secrets"], is_flag=True, help="Do not hide tokens and passwords in results."),
    ]


DeviceGroup.DEFAULT_PARAMS = [
    option for option in connection_options() if option.name in ("ip", "token", "model")
]


def _command(method: Callable[..., Any], name: str, attribute: str, data: CommandData) -> click.Command:
    def call(*args: Any, **kwargs: Any) -> None:
        run = _run_of(click.get_current_context())
        bound = getattr(run.make(), attribute)

        def perform(*args: Any, **kwargs: Any) -> Any:
            if data.decorators:
                return bound(*args, **kwargs)
            given, named = arguments_of(method, kwargs)
            return bound(*given, **named)

        if run.json:
            result = perform(*args, **kwargs)
            error = first_refusal(result)
            if error is not None:
                raise PartlyFailed(error, result)
            echo_json(result)
        else:
            result = (data.default_output or format_output())(perform)(*args, **kwargs)
            error = first_refusal(result)
            if error is not None:
                raise error

    settings: dict[str, Any] = {"help": _first_paragraph(method), **data.settings}
    if not data.decorators:
        return click.Command(name, callback=call, params=parameters_of(method), **settings)
    for decorator in reversed(data.decorators):
        call = decorator(call)
    finish: Any = click.command(name, **settings)
    made: click.Command = finish(call)
    return made


def _run_of(ctx: click.Context) -> _GroupRun:
    """Give what the group's callback, ours or another, has left for its command."""
    run = ctx.find_object(_GroupRun)
    if run is not None:
        return run
    group = ctx.parent.command if ctx.parent is not None else None
    device = ctx.find_object(group.device_class) if isinstance(group, DeviceGroup) else None
    if device is None:
        refuse("the callback of this group leaves no device in ctx.obj")
    return _GroupRun(lambda: device, json=False)


def first_refusal(result: object) -> DeviceException | None:
    """Give the error for the first MIoT result that is a failure, or for properties all refused; None for success.

    The methods python-miio has return such results as they are, but an exit code has to say no.
    """
    if isinstance(result, PropertyTest):
        return result.refusal
    for item in result if isinstance(result, list) else [result]:
        if isinstance(item, dict) and "siid" in item and miot_calls.failed(item):
            # Whether a property was read or set, its result does not tell.
            return miot_calls.refusal(ACTION if "aiid" in item else "", item)
    return None


def _first_paragraph(thing: object) -> str:
    """Give what a docstring says before it turns to programmers."""
    text = re.split(r"\n\n|(?:^|\n):", inspect.getdoc(thing) or "", maxsplit=1)[0]
    return re.sub(r":\w+:`~?([^`]+)`", r"\1", text).replace("``", "")
