"""The commands of a test so far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from miio_lan.bench.steps.missing import Missing, Tell
from miio_lan.bench.steps.seen import SeenExchange


class History:
    """Commands of a test that are like something, in order, as far as they are known at one moment.

    :param found: the commands
    :param what: what they are like, in words
    :param tell: makes the text of a failure
    """

    def __init__(self, found: Sequence[SeenExchange], what: str, tell: Tell) -> None:
        self._found = tuple(found)
        self._what = what
        self._tell = tell

    @property
    def count(self) -> int:
        """How many there are. A command that its client sent again counts once; :attr:`datagrams` counts those."""
        return len(self._found)

    @property
    def datagrams(self) -> int:
        """How many datagrams carried them."""
        down = (record for each in self._found for record in each.records if record.wire == "lan")
        return sum(record.direction == "down" for record in down)

    @property
    def first(self) -> SeenExchange | Missing:
        """The first one; falsy where there is none."""
        return self._found[0] if self._found else self._missing()

    @property
    def last(self) -> SeenExchange | Missing:
        """The last one; falsy where there is none."""
        return self._found[-1] if self._found else self._missing()

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[SeenExchange]:
        return iter(self._found)

    def __getitem__(self, place: int) -> SeenExchange:
        return self._found[place]

    def __repr__(self) -> str:
        return f"<History of {self._what}: {list(self._found)}>"

    def _missing(self) -> Missing:
        return Missing("command", f"{self._what} did not happen", self._tell)
