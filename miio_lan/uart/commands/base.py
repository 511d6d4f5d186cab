"""What all commands of the serial line have in common, and the cursor that reads their parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple, Self

from miio_lan.errors import LineError
from miio_lan.uart.line import join
from miio_lan.uart.values import MISSING, MissingValue, Value, read_value, read_values, shown, token

_MOST_PROBLEMS = 8


class PropertyId(NamedTuple):
    """Which property."""

    siid: int
    piid: int


class PropertyValue(NamedTuple):
    """A property and its value."""

    siid: int
    piid: int
    value: Value


class PropertyResult(NamedTuple):
    """What a ``result`` says about one property.

    ``code`` is None where the line left it out, ``value`` is :data:`~miio_lan.uart.values.MISSING` where
    there is none.
    """

    siid: int
    piid: int
    code: int | None
    value: Value | MissingValue = MISSING


class Argument(NamedTuple):
    """An argument of an action or event."""

    piid: int
    value: Value


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

    def amended(self, **fields: object) -> Self:
        """Give the same command with other fields: ``dataclasses.replace`` at a tenth of its cost, once per line."""
        made = object.__new__(type(self))
        made.__dict__.update(self.__dict__, **fields)
        for derived in ("problem", "kept_json"):  # they were found in what is replaced
            made.__dict__.pop(derived, None)
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


class Cursor:
    """Walks over the parameters of a line and remembers what was wrong with them. Never raises.

    :param tokens: the parameters
    :param text: the same, as the text after the command word
    """

    def __init__(self, tokens: list[str], text: str) -> None:
        self.divide(tokens)
        self.text = text
        self.faults: list[str] = []

    @property
    def _values(self) -> list[tuple[Value, str]]:
        """All parameters as values: read together, because one at a time they cost several times as much."""
        if self._read is None:
            self._read = read_values(self._tokens)
        return self._read

    def __len__(self) -> int:
        """How many parameters are still unread."""
        return len(self._tokens) - self._at

    def divide(self, tokens: list[str]) -> None:
        """Start, or start again, with the parameters divided in this way."""
        self._tokens = tokens
        self._read: list[tuple[Value, str]] | None = None
        self._at = 0

    def back_to(self, taken: int) -> None:
        """Give back all but the first ``taken`` parameters."""
        self._at = taken

    def blame(self, fault: str) -> None:
        """Remember a fault."""
        self.faults.append(fault)

    def blame_left(self, how: str) -> None:
        """Remember that the next parameter has no place, and how they come; nothing where none is left."""
        if len(self):
            self.blame(f"{shown(self.peek())} is left over: {how}")

    def peek(self) -> str:
        """Return the next parameter without taking it; empty behind the end."""
        return self._tokens[self._at] if len(self) else ""

    def skip(self) -> str:
        """Take the next parameter as it is; empty, and nothing taken, behind the end."""
        taken = self.peek()
        self._at = min(self._at + 1, len(self._tokens))
        return taken

    def rest(self) -> tuple[str, ...]:
        """Take all that is left, as it is."""
        rest = self.left()
        self._at = len(self._tokens)
        return rest

    def left(self) -> tuple[str, ...]:
        """Return what is unread without taking it."""
        return tuple(self._tokens[self._at :])

    def word(self, quoted: str = "{} is in quotes, which only the server commands have") -> str | None:
        """Take a word of a local command, which has no quotes; None when there is none left.

        :param quoted: what to say of one that has quotes
        """
        if not len(self):
            return None
        taken = self.skip()
        if not taken.startswith('"'):
            return taken
        self.blame(quoted.format(shown(taken)))
        return str(read_value(taken)[0])

    def value(self) -> Value:
        """Take a value of a server command; a missing one, and nothing taken, behind the end."""
        values, at = self._values, self._at
        self._at = min(at + 1, len(values))
        value, fault = values[at] if at < len(values) else read_value("")
        if fault:
            self.faults.append(fault)
        return value

    def values(self) -> tuple[Value, ...]:
        """Take all that is left as values of a server command."""
        left = self._values[self._at :]
        self._at = len(self._tokens)
        self.faults += [fault for _, fault in left if fault]
        return tuple([value for value, _ in left])

    def ahead(self, distance: int = 0) -> int | None:
        """Return the integer that stands ahead, without taking it; None where something else stands."""
        values, at = self._values, self._at + distance
        value = values[at][0] if at < len(values) else None
        return value if type(value) is int else None

    def integer(self) -> int | None:
        """Take an integer; None, and nothing taken, when the next parameter is none."""
        number = self.ahead()
        if number is not None:
            self.value()  # remembers a spelling that JSON does not have
        return number

    def ids(self, count: int) -> tuple[int, ...] | None:
        """Take so many ids; None, and nothing taken, when there are not so many."""
        found = self._values[self._at : self._at + count]
        numbers = [value for value, _ in found if type(value) is int and value >= 0]
        if len(numbers) < count:
            return None
        self._at += count
        self.faults += [fault for _, fault in found if fault]
        return tuple(numbers)

    def properties(self, *, coded: bool = False, word: str = "") -> tuple[PropertyValue, ...]:
        """Take properties, each as siid, piid and value, up to the end, or to the first that is none.

        :param coded: whether a status code stands before each value
        :param word: what may stand between two of them, though it should not
        """
        values, at = self._values, self._at
        width = 4 if coded else 3
        rows: list[PropertyValue] = []
        # Not by ids() and value(): most of what crosses a line is read here, and it is a third of their cost.
        while at + width <= len(values):
            (siid, first), (piid, second), (value, third) = values[at], values[at + 1], values[at + width - 1]
            if type(siid) is int and type(piid) is int and siid >= 0 and piid >= 0:
                if first or second or third:
                    self.faults += [fault for fault in (first, second, third) if fault]
                rows.append(PropertyValue(siid, piid, value))
                at += width
            elif self._tokens[at] == word:
                self.blame("the command word is repeated inside the line")
                at += 1
            else:
                break
        self._at = at
        self.blame_left("properties come as siid, piid and value, in threes")
        return tuple(rows)

    def pairs(self) -> tuple[Argument, ...]:
        """Take ``piid value`` pairs up to the end, or to the first that is none."""
        pairs: list[Argument] = []
        while len(self) >= 2 and (ids := self.ids(1)):
            pairs.append(Argument(ids[0], self.value()))
        if len(self) > 1:
            self.blame(f"{shown(self.peek())} stands where a piid belongs")
        else:
            self.blame_left("arguments come as piid and value, in pairs")
        return tuple(pairs)

    def call(self) -> tuple[int | None, int | None, tuple[Argument, ...]]:
        """Take the ids of an action or event, and its arguments; what does not begin with the ids has none."""
        siid, iid = self.integer(), self.integer()
        return siid, iid, () if iid is None else self.pairs()


def present(**keys: object) -> dict[str, object]:
    """Return the keys the line gave."""
    return {key: value for key, value in keys.items() if value is not None}


def check_ids(**ids: object) -> Iterator[str]:
    """Name the ids that are none: a siid, piid, aiid or eiid is a whole number from 0."""
    for name, number in ids.items():
        if number is None:
            yield f"the {name} is missing"
        elif not isinstance(number, int) or isinstance(number, bool) or number < 0:
            yield f"the {name} {shown(str(number))} is not a whole number from 0"


def are_ids(siid: object, piid: object) -> bool:
    """Tell whether both surely are ids; :func:`check_ids` names what is wrong, but costs a multiple for each row."""
    return type(siid) is int and type(piid) is int and siid >= 0 and piid >= 0


NO_PROPERTY = "there is no property with its value"
"""What is wrong with a report or a set of nothing."""


def check_rows(rows: Sequence[tuple[object, ...]], none: str = NO_PROPERTY) -> Iterator[str]:
    """Name what is wrong with the ids of properties: each row begins with siid and piid.

    :param none: what to say where there is no row at all
    """
    if not rows:
        yield none
    for row in rows:
        if not are_ids(row[0], row[1]):
            yield from check_ids(siid=row[0], piid=row[1])


def check_call(arguments: tuple[Argument, ...], **ids: object) -> Iterator[str]:
    """Name what is wrong with the ids of an action or event, and with the piids of its arguments."""
    yield from check_ids(**ids)
    for piid, _ in arguments:
        yield from check_ids(piid=piid)


def row_tokens(rows: Iterable[PropertyValue | Argument]) -> list[str]:
    """Write properties as ``siid piid value`` triples, arguments as ``piid value`` pairs."""
    return [text for *ids, value in rows for text in (*map(str, ids), token(value))]
