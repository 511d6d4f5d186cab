"""The cursor that reads the parameters of a line."""

from __future__ import annotations

from miio_lan.uart.commands.rows import Argument, PropertyValue
from miio_lan.uart.values import Value, read_value, read_values, shown


class Cursor:
    """Walks over the parameters of a line and remembers what was wrong with them. Never raises.

    :param tokens: the parameters
    :param text: the same, as the text after the command word
    """

    def __init__(self, tokens: list[str], text: str) -> None:
        self.divide(tokens)
        self.text = text
        self.faults: list[str] = []

    def divide(self, tokens: list[str]) -> None:
        """Start, or start again, with the parameters divided in this way."""
        self._tokens = tokens
        self._read: list[tuple[Value, str]] | None = None
        self._at = 0

    @property
    def _values(self) -> list[tuple[Value, str]]:
        """All parameters as values: read together, because one at a time they cost several times as much."""
        if self._read is None:
            self._read = read_values(self._tokens)
        return self._read

    def __len__(self) -> int:
        """How many parameters are still unread."""
        return len(self._tokens) - self._at

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
        taken = self.skip()
        if not taken.startswith('"'):
            return taken or None
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
