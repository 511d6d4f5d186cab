"""The options every command shares: accepted before the command and after it, the latter winning."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from miio_lan.cli.naming.completion import complete_names
from miio_lan.click_common.failures import refuse
from miio_lan.click_common.logs import log_to_stderr, warn_on_stderr
from miio_lan.click_common.numbers import SECONDS
from miio_lan.click_common.output import SHOW_SECRETS
from miio_lan.click_common.tokens import TOKEN_OPTIONS, TokenSource, token_options
from miio_lan.errors import DeviceException
from miio_lan.variables import IP_VARIABLE, PORT_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from miio_lan.device.blocking import Device
    from miio_lan.record.redact import Secret

# What a device refuses is shown as what comes of the command.
_UNSAID = ("miio_lan.device.miot", "miio_lan.device.steps.reading")
# Arguments that name files, which may be called by any bytes.
_FILES = frozenset({"file", "source", "recording", "model"})
_OPTION_LIKE = re.compile(r"--?[A-Za-z]")
# A password may be empty: the network has none. So may values. The others have errors of their own for that.
_MAY_BE_EMPTY = frozenset(
    {"wifi_password", "ssid", "token", "firmware_version", "record"} | {"assignments", "arguments", "params"}
)


@dataclass
class CliSettings:
    """What the shared options say; None where they say nothing.

    :param device: the name of a device
    :param timeout: seconds per attempt
    :param retries: attempts after the first one
    :param opened: the device that the command speaks to, once it does
    :param typed: the names of the options that were typed, before the command or behind it: others may come from the
        environment
    """

    device: str | None = None
    ip: str | None = None
    token_source: TokenSource = field(default_factory=TokenSource)
    timeout: float | None = None
    retries: int | None = None
    port: int | None = None
    json: bool = False
    verbose: int = 0
    show_secrets: bool = False
    typed: set[str] = field(default_factory=set)
    opened: Device | None = None

    @property
    def mended(self) -> tuple[str, ...]:
        """What had to be mended in the replies of the device; empty for most."""
        return () if self.opened is None else self.opened.mended

    @property
    def token(self) -> Secret | None:
        """The token, from wherever it comes; see :meth:`TokenSource.get`."""
        return self.token_source.get()

    @property
    def names_twice(self) -> str:
        """Another option that says which device is meant, beside its name; empty where there is none."""
        source = self.token_source
        given = {
            "--ip": "ip" in self.typed,
            "--port": "port" in self.typed,
            "--token": source.typed is not None,
            "--token-file": source.file is not None,
            "--ask-token": source.ask,
        }
        return next((option for option, is_given in given.items() if is_given), "") if self.device else ""


def _refuse_empty(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    """See that what was typed says something: an unset variable of a shell would pass for not given, or for a folder.

    :raises click.BadParameter: if it is empty
    """
    typed = ctx.get_parameter_source(param.name or "") is ParameterSource.COMMANDLINE
    if (
        typed
        and (value == "" or (isinstance(value, tuple) and "" in value))
        and param.name not in _MAY_BE_EMPTY
    ):
        advice = "" if param.required else f"; leave the {param.param_type_name} out where it is not meant"
        raise click.BadParameter(f"it is empty{advice}.", ctx, param)


def _store_token(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    name = param.name or ""
    source = ctx.get_parameter_source(name)
    settings = ctx.ensure_object(CliSettings)
    settings.token_source.take(name, value, from_environment=source is ParameterSource.ENVIRONMENT)
    if source is ParameterSource.COMMANDLINE:
        settings.typed.add(name)


def _store_show_secrets(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    _store(ctx, param, value)
    if value:
        ctx.meta[SHOW_SECRETS] = True


def _store(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    _refuse_empty(ctx, param, value)
    absent = value is None or value is False or (param.name == "verbose" and value == 0)
    if param.name and not absent:
        settings = ctx.ensure_object(CliSettings)
        setattr(settings, param.name, value)
        if ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE:
            settings.typed.add(param.name)


def was_typed(ctx: click.Context, name: str) -> bool:
    """Tell whether an option of a command was typed; a shared one may stand before the command.

    What a variable of the environment says is not meant for this command alone.
    """
    behind = ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE
    return behind or name in ctx.ensure_object(CliSettings).typed


DEVICE_OPTIONS = ("device", "ip", *TOKEN_OPTIONS, "timeout", "retries", "port")


def shared_options(*, with_variables: bool = False, without: Collection[str] = ()) -> list[click.Parameter]:
    """Make the shared options.

    :param with_variables: whether environment variables stand for them; once is enough
    :param without: names of options a command has itself, or has no use for
    """

    def option(*names: str, variable: str | None = None, **settings: Any) -> click.Option:
        if with_variables and variable:
            settings |= {"envvar": variable, "show_envvar": True}
        return click.Option(list(names), **{"expose_value": False, "callback": _store, **settings})

    made = [
        option(
            "device",
            "-d",
            "--device",
            metavar="NAME",
            shell_complete=complete_names,
            help="A device by its name, in the place of address and token; see 'miio-lan device'.",
        ),
        option(
            "ip",
            "--ip",
            "--host",
            variable=IP_VARIABLE,
            help="Address or host name of the device.",
        ),
        *token_options(variable=with_variables, expose_value=False, callback=_store_token),
        option("--timeout", type=SECONDS, metavar="SECONDS", help="Time per attempt, 5 by default."),
        option("--retries", type=click.IntRange(min=0), metavar="N", help="Further attempts, 3 by default."),
        option(
            "--port", type=click.IntRange(1, 65535), metavar="PORT", variable=PORT_VARIABLE, help="UDP port."
        ),
        option("--json", is_flag=True, help="JSON on stdout, one document or one a line, also for errors."),
        option("verbose", "-v", "--verbose", count=True, help="Log what crosses the wire to stderr."),
        option(
            "--show-secrets",
            is_flag=True,
            callback=_store_show_secrets,
            help="Do not hide tokens and passwords in what is printed to stdout.",
        ),
    ]
    return [each for each in made if each.name not in without]


class CliCommand(click.Command):
    """A command that takes the shared options too, and negative numbers as arguments.

    :param without: see :func:`shared_options`; before the command, too, they are refused
    :param before: those of them that the command uses where they stand before it: behind it, another option has the
        name
    :param unsaid: names of loggers of whose warnings the command tells otherwise
    """

    def __init__(
        self,
        *args: Any,
        without: Collection[str] = (),
        before: Collection[str] = (),
        unsaid: Collection[str] = (),
        **settings: Any,
    ) -> None:
        super().__init__(*args, **settings)
        self.unused = tuple(name for name in without if name not in before)
        self.unsaid = (*_UNSAID, *unsaid)
        self.params = [*self.params, *shared_options(without=without)]
        # Without arguments nothing can be a negative number, and click's own complaint about options is better.
        self.ignore_unknown_options = any(isinstance(each, click.Argument) for each in self.params)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; what looks like an option and is none is refused, unless it stands after ``--``."""
        marked = args[args.index("--") :] if "--" in args else []
        rest = super().parse_args(ctx, args)
        if ctx.resilient_parsing:  # a shell asks what may follow: it is no place to complain
            return rest
        for param in self.params:
            _refuse_empty(ctx, param, ctx.params.get(param.name or ""))
        for name, value in self._argument_values(ctx):
            if not (value.isascii() or name in _FILES or value.startswith("@")):
                from miio_lan.click_common.types import no_text  # rarely needed

                if problem := no_text(value):
                    refuse(f"{problem}.")
            if _OPTION_LIKE.match(value) and value not in marked:
                import difflib  # for those who mistype

                known = [name for param in self.params for name in param.opts if name.startswith("--")]
                close = difflib.get_close_matches(value.split("=")[0], known)
                raise click.NoSuchOption(value.split("=")[0], possibilities=close, ctx=ctx)
        return rest

    def _argument_values(self, ctx: click.Context) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        for param in self.params:
            name = param.name or ""
            value = ctx.params.get(name) if isinstance(param, click.Argument) else None
            found += [(name, each) for each in ([value] if isinstance(value, str) else value or ())]
        return found

    def invoke(self, ctx: click.Context) -> None:
        """Run the command."""
        self._refuse_unused(ctx)
        settings = ctx.ensure_object(CliSettings)
        settings.token_source.check()
        if settings.verbose:
            log_to_stderr(ctx.find_root())
        else:
            warn_on_stderr(ctx.find_root(), self.unsaid)
        try:
            super().invoke(ctx)
        except DeviceException as error:
            error.mended = error.mended or settings.mended
            raise

    def _refuse_unused(self, ctx: click.Context) -> None:
        """See that no option stands before the command that it has no use for.

        Whoever names a device there means that one, not all of them.

        :raises click.UsageError: for the first that does
        """
        typed = ctx.ensure_object(CliSettings).typed
        for option in shared_options():
            if option.name in self.unused and option.name in typed:
                own = [each for param in self.params for each in param.opts if each in option.opts]
                hint = f": its own {own[0]} stands behind it" if own else ""
                refuse(f"{'/'.join(option.opts)} has no effect before {ctx.command_path!r}{hint}.")


def option_of(name: str) -> str:
    """Give the spelling of a shared option."""
    return f"--{name.replace('_', '-')}"


def command(
    name: str,
    *,
    without: Collection[str] = (),
    before: Collection[str] = (),
    unsaid: Collection[str] = (),
) -> Callable[[Callable[..., None]], CliCommand]:
    """Make a function a command with the shared options; it gets the :class:`CliSettings` first."""

    def decorate(function: Callable[..., None]) -> CliCommand:
        made: Any = click.command(name, cls=CliCommand, without=without, before=before, unsaid=unsaid)
        finished: CliCommand = made(click.make_pass_decorator(CliSettings, ensure=True)(function))
        return finished

    return decorate
