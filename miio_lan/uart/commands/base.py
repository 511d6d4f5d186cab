"""What all commands of the serial line have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Self

from miio_lan.errors import LineError
from miio_lan.uart.commands.rows import row_tokens
from miio_lan.uart.line import check_count, join, seal

_MOST_PROBLEMS = 8
# They are tuples, by their types; but a caller may have them in a list, and that says the same.
_ROWS = (tuple, list)


@dataclass(frozen=True, kw_only=True)
class Command:
    """A line that was read, or is to be written.

    :param faults: how the line as it came in departs from the document, in plain words
    :param unread: tokens for which the layout of the command has no place
    :param line: the printable text the command was read from
    """

    NAME: ClassVar[str | None] = None
    HEAD: ClassVar[int] = 1
    """How many tokens stand before the parameters."""

    faults: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    line: str = field(default="", compare=False, repr=False)

    @property
    def command(self) -> str | None:
        """The command word; None for what is no command."""
        return self.NAME

    def amended(self, **changes: object) -> Self:
        """Give the same command with other fields: ``dataclasses.replace`` at a tenth of its cost, once per line."""
        made = object.__new__(type(self))
        # Problem and JSON were found in what is replaced.
        made.__dict__.update(self.__dict__, problem=None, kept_json=None, **changes)
        return made

    def check(self) -> Iterator[str]:
        """Name what in the contents the document does not allow."""
        yield from ()

    @property
    def problem(self) -> str:
        """Why the line does not conform to the document, in plain words; empty when it does."""
        # By hand: what functools offers takes a lock each time, in Python 3.11, and asks a dozen things.
        found: str | None = self.__dict__.get("problem")
        if found is None:
            problems = list(dict.fromkeys((*self.faults, *self.check())))
            if (more := len(problems) - _MOST_PROBLEMS) > 0:
                problems[_MOST_PROBLEMS:] = [f"and {more} more"]
            found = self.__dict__["problem"] = "; ".join(problems)
        return found

    @property
    def valid(self) -> bool:
        """Whether the line conforms to the document (line-end and spacing variants tolerated)."""
        return not self.problem

    def tokens(self) -> list[str]:
        """Return the tokens the command is written with.

        :raises LineError: a value has no token
        """
        return [self.command or ""]

    def encode(self) -> bytes:
        """Return the line to send, CR included.

        :raises LineError: the document does not allow such a line
        """
        self.refuse()
        return join(self.tokens(), head=self.HEAD)

    def _sealed(self, parameters: int) -> bytes:
        """Return the line of a command whose parameters its tokens do not tell; there are so many of them."""
        self.refuse()
        check_count(parameters)
        return seal(" ".join(self.tokens()))

    def refuse(self) -> None:
        """Refuse contents that the document does not allow.

        :raises LineError: naming all that is wrong
        """
        if wrong := "; ".join(self.check()):
            raise LineError(f"{self.command or 'noise'} cannot be sent: {wrong}")

    def reading(self) -> dict[str, object]:
        """Return the keys that :meth:`as_json` has between ``"command"`` and ``"valid"``."""
        return {}

    def as_json(self) -> dict[str, object]:
        """Return the neutral reading: JSON values only, ``"problem"`` only when ``"valid"`` is false."""
        data: dict[str, object] = {"command": self.command, **self.reading()}
        if self.unread:
            data["unread"] = list(self.unread)
        problem = self.problem
        data["valid"] = not problem
        if problem:
            data["problem"] = problem
        return data

    @property
    def kept_json(self) -> Mapping[str, object]:
        """What :meth:`as_json` gives, made once and not to be changed: a line at rest is the same command each time."""
        found: dict[str, object] | None = self.__dict__.get("kept_json")
        if found is None:
            found = self.__dict__["kept_json"] = self.as_json()
        return found


class Fielded(Command):
    """A command whose fields are its layout: it is written in their order, and read under their names."""

    __match_args__: ClassVar[tuple[str, ...]]
    """The names of these fields, as dataclasses give them: without those of all commands, which have no place."""

    def tokens(self) -> list[str]:
        """Return the tokens."""
        return [self.command or "", *self.parameters()]

    def parameters(self) -> list[str]:
        """Return the tokens behind the command: the fields that are given, words and ids as they are."""
        texts: list[str] = []
        for each in [getattr(self, name) for name in self.__match_args__]:
            if each is not None:
                texts += row_tokens(each) if isinstance(each, _ROWS) else [str(each)]
        return texts

    def reading(self) -> dict[str, object]:
        """Return the keys of the contents."""
        return self.contents()

    def contents(self) -> dict[str, object]:
        """Return the fields that are given, by their names (``in_`` by ``in``)."""
        found: dict[str, object] = {}
        for name in self.__match_args__:
            each = getattr(self, name)
            if isinstance(each, _ROWS):
                found[name.removesuffix("_")] = [list(row) if isinstance(row, tuple) else row for row in each]
            elif each is not None:
                found[name] = each
        return found


@dataclass(frozen=True)
class Noise(Command):
    """What is no command: garbage, banners, empty lines, words nobody knows."""

    text: str = ""
    reason: str = "no command of the serial document"

    def check(self) -> Iterator[str]:
        """Noise never conforms, and is never sent; a line of nothing, as an LF behind a CR makes one, is no fault."""
        if self.reason:
            yield self.reason

    @property
    def word(self) -> str:
        """The first word, where there is one: what an unknown command is called."""
        return self.text.partition(" ")[0]

    def refuse(self) -> None:
        """Refuse it.

        :raises LineError: always
        """
        raise LineError(f"noise cannot be sent: {self.reason or 'an empty line'}")


def present(**keys: object) -> dict[str, object]:
    """Return the keys the line gave."""
    return {key: value for key, value in keys.items() if value is not None}
