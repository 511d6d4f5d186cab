"""Where a command line gets the device's token from: an option, a file, a prompt, or a variable.

A token on the command line is seen by whoever lists the processes, and kept in the shell's history. The other ways are
for those who mind. What was typed, right or wrong, is never shown.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, field
from getpass import GetPassWarning
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import click

from miio_lan.click_common.failures import refuse
from miio_lan.click_common.output import echo
from miio_lan.errors import InvalidTokenException
from miio_lan.record.redact import Secret, as_secret, told_of
from miio_lan.variables import TOKEN_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

TOKEN_OPTIONS = ("token", "token_file", "ask_token")
TOKEN_HELP = (
    "Its token, 32 hexadecimal digits. Other users of this machine see it: see --token-file, --ask-token."  # noqa: S105 - help
)
FILE_HELP = "Read the token from a file; its permissions should be 600."
ASK_HELP = "Ask for the token, without showing what is typed."


@dataclass
class TokenSource:
    """What was said about where the token comes from.

    :param typed: the token itself, of the option
    :param variable: the token itself, of the environment
    :param file: the name of a file with it
    :param ask: whether to ask for it
    """

    typed: Secret | None = field(default=None, repr=False)
    variable: Secret | None = field(default=None, repr=False)
    file: str | None = None
    ask: bool = False
    _found: Secret | None = field(default=None, repr=False, compare=False)

    def take(self, name: str, value: Any, *, from_environment: bool = False) -> None:
        """Take up what an option says; what says nothing changes nothing."""
        if value is None or value is False or (from_environment and not value):
            return
        if name == "token":
            setattr(self, "variable" if from_environment else "typed", Secret(value))
        elif name == "token_file":
            self.file = value
        elif name == "ask_token":
            self.ask = True

    def check(self) -> None:
        """See that at most one of the options was given, and says something; each of them goes before the variable.

        :raises click.UsageError: if there are two, or an empty one
        """
        if self.typed == "":  # somebody meant to give one
            refuse("The token is missing: what --token gives is empty.")
        given = [
            name
            for name, is_given in (
                ("--token", self.typed is not None),
                ("--token-file", self.file is not None),
                ("--ask-token", self.ask),
            )
            if is_given
        ]
        if len(given) > 1:
            refuse(f"{' and '.join(given)} are {len(given)} ways to give one thing: use one of them.")

    def get(self) -> Secret | None:
        """Give the token, None where none was given. A file is read, and a person asked, when this is first called.

        :raises click.UsageError: if there is no token in the file, or nobody to be asked
        :raises InvalidTokenException: if there is none in the variable, naming it
        """
        self.check()
        if self._found is None:
            if self.file is not None:
                self._found = _read(self.file)
            elif self.ask:
                self._found = _asked()
            else:
                self._found = _of_variable(self.variable) if self.typed is None else self.typed
        return self._found


def token_options(*, variable: bool, **settings: Any) -> list[click.Option]:
    """Make the three options.

    :param variable: whether the environment variable stands for ``--token``
    :param settings: further arguments for each of the options
    """
    from_environment: dict[str, Any] = {"envvar": TOKEN_VARIABLE, "show_envvar": True} if variable else {}
    return [
        click.Option(["--token"], help=TOKEN_HELP, **from_environment, **settings),
        click.Option(["--token-file"], metavar="FILE", help=FILE_HELP, **settings),
        click.Option(["--ask-token"], is_flag=True, help=ASK_HELP, **settings),
    ]


def typed_tokens(arguments: Sequence[str]) -> list[str]:
    """Give what was typed in the place of a token, also on a command line that cannot be read, and in the variable."""
    after = [
        value for option, value in pairwise(arguments) if option == "--token" and not value.startswith("--")
    ]
    joined = [each.partition("=")[2] for each in arguments if each.startswith("--token=")]
    return [*after, *joined, os.environ.get(TOKEN_VARIABLE, "")]


def _read(name: str) -> Secret:
    return _checked(read_private("--token-file", name), f"--token-file: {name}")


def read_private(option: str, name: str) -> bytes:
    """Give the first bytes of a file with a secret; one that is open to others is warned of.

    :param option: the option that named it
    :raises click.UsageError: if it cannot be read
    """
    from miio_lan.keeping import MOST_TOKEN_BYTES, open_to_others  # most commands are given no file

    try:
        with open(name, "rb") as file:  # noqa: PTH123 - its permissions are those of what was opened
            about = os.fstat(file.fileno())
            data: bytes = as_secret(file.read(MOST_TOKEN_BYTES + 1))
    except (OSError, ValueError) as error:
        refuse(f"{option}: {name} cannot be read: {getattr(error, 'strerror', None) or error}")
    if warning := open_to_others(about):
        echo(f"Warning: {name} {warning}", err=True)
    return data


def _of_variable(value: Secret | None) -> Secret | None:
    """Check what the variable says: nobody typed it, so an error has to say where it stands.

    :raises InvalidTokenException: if it is no token, without showing it
    """
    if value is None:
        return None
    from miio_lan.lan.cipher import parse_token  # most commands need no token

    problem = ""
    try:
        parse_token(value)
    except InvalidTokenException as error:  # nothing of it is to be found in what follows
        problem = str(error)
    if problem:
        raise InvalidTokenException(told_of(TOKEN_VARIABLE, problem))
    return value


def _checked(data: bytes, where: str) -> Secret:
    """Give the token in what was read.

    :raises click.UsageError: if it is none, without showing it
    """
    from miio_lan.keeping import MOST_TOKEN_BYTES
    from miio_lan.lan.cipher import parse_token  # most commands need no token

    text = Secret(data.decode("utf-8-sig", "replace").strip())
    problem = "is empty" if not text else "holds more than one line" if len(text.splitlines()) > 1 else ""
    if len(data) > MOST_TOKEN_BYTES:
        problem = f"holds more than {MOST_TOKEN_BYTES} bytes"
    if not problem:
        try:
            parse_token(text)
        except InvalidTokenException as error:
            problem = f"holds no token ({error})"
    if problem:
        refuse(f"{where} {problem}")
    return text


def ask_private(question: str, option: str, otherwise: str) -> str:
    """Ask for a secret, without showing what is typed.

    :param option: the option that wants it asked for
    :param otherwise: what to do without a terminal
    :raises click.UsageError: without a terminal, or if what is typed is no text
    """
    answer: str | None = None
    try:
        with warnings.catch_warnings():
            # It would be shown as it is typed.
            warnings.simplefilter("error", GetPassWarning)
            answer = as_secret(click.prompt(question, hide_input=True, err=True, type=str))
    except GetPassWarning:
        refuse(f"{option} needs a terminal; without one, {otherwise}.")
    except UnicodeDecodeError:  # it has in it what was typed: nobody is to find it in what follows
        pass
    if answer is None:
        refuse(f"{option}: what was typed is no text")
    return answer


def _asked() -> Secret:
    answer = ask_private("Token", "--ask-token", f"use --token-file, or set {TOKEN_VARIABLE}")
    return _checked(answer.encode("utf-8", "replace"), "--ask-token: what was typed")
