"""How a command line ends when something went wrong: exit codes, messages, and JSON errors.

0 is done, 1 means that the device refused or did not answer, 2 wrong use, 130 interrupted.
"""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from miio_lan.click_common.output import (
    OutputLost,
    echo,
    echo_json,
    error_fields,
    plain,
    secrets_are_shown,
)
from miio_lan.errors import DeviceException, DeviceTimeout
from miio_lan.record.redact import redact, redact_known, redact_typed, redact_value

if TYPE_CHECKING:
    from typing import NoReturn

_LOGGER = logging.getLogger(__name__)

FAILED = 1
USAGE = 2
INTERRUPTED = 130


class PartlyFailed(Exception):
    """Some of what was asked for failed, or all of it, and everything is to be shown.

    :param error: the first failure
    :param results: everything, as the JSON document has it beside the error
    :param text: everything, for people
    :param message: what is to be said, if not what the first failure says
    """

    def __init__(self, error: Exception, results: object, text: str = "", *, message: str = "") -> None:
        super().__init__(message or str(error))
        self.error = error
        # It is shown when the command, and what it was told of secrets, is over.
        self.secrets = secrets_are_shown()
        self.results = results if self.secrets else redact_value(plain(results))
        self.text = text


# Where these come from says nothing more, least of all of a reader who left.
_UNDERSTOOD = (
    click.exceptions.Exit,
    click.ClickException,
    click.Abort,
    DeviceException,
    PartlyFailed,
    OutputLost,
    BrokenPipeError,
)


class GuardedGroup(click.Group):
    """A group of commands that ends with an exit code and a message, never with a traceback.

    With ``--json`` among the arguments, stdout holds one JSON document in any case.
    """

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run, and end the process with the exit code (unless ``standalone_mode`` is off, for embedding)."""
        given = args[0] if args else extra.pop("args", None)
        arguments = list(sys.argv[1:] if given is None else given)
        parent: Any = super()
        if not standalone_mode:
            return parent.main(arguments, *args[1:], standalone_mode=False, **extra)
        json = wants_json(arguments)
        if sys.stdout is None:
            # Before anything is done: what came of it could not be told.
            echo("Error: standard output is closed. To see nothing, send it to /dev/null.", err=True)
            sys.exit(USAGE)
        try:
            # What is returned is the code of ctx.exit(), as after --help; commands themselves return None.
            code = parent.main(arguments, *args[1:], standalone_mode=False, **extra)
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - no failure may show a traceback
            from miio_lan.click_common.tokens import typed_tokens  # it imports this file

            sys.exit(_ended(error, json=json, typed=typed_tokens(arguments)))
        sys.exit(code if isinstance(code, int) else 0)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; where a failure comes from is logged for those who asked for the log."""
        try:
            return super().invoke(ctx)
        except _UNDERSTOOD:
            raise
        except Exception:
            _LOGGER.debug("failed", exc_info=True)
            raise


def wants_json(arguments: Sequence[str]) -> bool:
    """Tell whether ``--json`` is among the arguments; needed before, and whether or not, they can be parsed."""
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in options


def _ended(error: BaseException, *, json: bool, typed: Sequence[str]) -> int:
    """Show a failure, if there is anybody to see it, and give the exit code."""
    try:
        return tell(error, json=json, typed=typed)
    except BrokenPipeError:
        return exit_code(error)
    except OutputLost as lost:
        return tell(lost, json=json)


def tell(error: BaseException, *, json: bool, typed: Sequence[str] = ()) -> int:
    """Show a failure where it belongs, and give the exit code.

    :param typed: what was typed in the place of secrets, right or wrong: it is not shown
    """
    if isinstance(error, OutputLost):
        echo(f"Error: {error}", err=True)
        return FAILED
    if isinstance(error, PartlyFailed):
        return _tell_parts(error, json=json, typed=typed)
    message = _without_secrets(_message(error), error, typed)
    if json:
        echo_json({"error": _fields(error, message)})
    elif isinstance(error, (click.Abort, KeyboardInterrupt)):
        echo(message, err=True)
    elif isinstance(error, click.UsageError):
        error.format_message = lambda: message  # type: ignore[method-assign]
        usage = io.StringIO()  # what was typed, or stands in a file, may be part of it
        error.show(usage)
        echo(usage.getvalue(), err=True, end="")
    else:
        echo(f"Error: {message}", err=True)
        for note in getattr(error, "__notes__", ()) if isinstance(error, DeviceTimeout) else ():
            echo(_without_secrets(note, error, typed), err=True)
    return exit_code(error)


def _tell_parts(error: PartlyFailed, *, json: bool, typed: Sequence[str]) -> int:
    message = _without_secrets(str(error), error.error, typed)
    if json:
        told = redact_value(error_fields(error.error)) | {"message": message}
        echo_json({"error": told, "results": error.results}, secrets=True)
    else:
        echo(error.text)
        echo(f"Error: {message}", err=True)
    return exit_code(error.error)


def _without_secrets(message: str, error: BaseException, typed: Sequence[str]) -> str:
    """Hide secrets in a message; in one about what was typed, also what was meant to be a token."""
    return redact_typed(message, typed) if exit_code(error) == USAGE else redact(redact_known(message, typed))


def exit_code(error: BaseException) -> int:
    """Give the exit code for a failure."""
    if isinstance(error, (click.Abort, KeyboardInterrupt)):
        return INTERRUPTED
    if isinstance(error, click.ClickException):
        return error.exit_code
    # The errors of the tree that are also a ValueError are those of bad input: no device was asked.
    return USAGE if isinstance(error, DeviceException) and isinstance(error, ValueError) else FAILED


def _fields(error: BaseException, message: str) -> dict[str, Any]:
    if isinstance(error, (click.Abort, KeyboardInterrupt)):
        kind = "Interrupted"
    elif isinstance(error, click.UsageError):
        kind = "UsageError"
    else:
        kind = type(error).__name__
    prefix = f"{kind}: "
    return error_fields(error) | {"type": kind, "message": message.removeprefix(prefix)}


def _message(error: BaseException) -> str:
    if isinstance(error, (click.Abort, KeyboardInterrupt)):
        # Click makes an error of its own of it.
        notes = (getattr(each, "__notes__", ()) for each in (error, error.__cause__))
        return "; ".join(["interrupted", *(note for found in notes for note in found)])
    if isinstance(error, click.ClickException):
        return error.format_message()
    if isinstance(error, DeviceException):
        return str(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def refuse(message: str) -> NoReturn:
    """End with a usage error.

    :raises click.UsageError: always
    """
    raise click.UsageError(message, ctx=click.get_current_context(silent=True))
