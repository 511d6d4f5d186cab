"""The line between module and MCU, for tests: waiting for what is said, and expecting that something is not."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self, overload

from miio_lan.bench.expecting.expectation import TIMEOUT
from miio_lan.bench.expecting.never import Never
from miio_lan.bench.expecting.values import is_wanted
from miio_lan.bench.recorder import Mark, Recorder, is_between
from miio_lan.bench.snapshot import BOTH, unseen
from miio_lan.bench.trace import ExpectationFailed, trace
from miio_lan.errors import InvalidArgument
from miio_lan.foreign import show
from miio_lan.given import checked_seconds, checked_word
from miio_lan.record import Record
from miio_lan.uart.commands import UPLINKS
from miio_lan.uart.order import OBSERVED_WITHIN, in_order

# Of words that both may say, such as "error", both directions matter.
_SAID_BY = {
    **dict.fromkeys({*UPLINKS, "result"} - {"error"}, frozenset({"up"})),
    **dict.fromkeys(("down", "ok"), frozenset({"down"})),
}

What = str | re.Pattern[str] | Callable[[Record], bool]


@dataclass(frozen=True, slots=True, eq=False)
class MatchedLine(Record):
    """A line with what a pattern found in it: a record that has the groups of the match.

    :param match: the whole of the match
    :param record: the line as it was recorded
    """

    match: re.Match[str] = field(kw_only=True, repr=False)
    record: Record = field(kw_only=True, repr=False)

    @classmethod
    def of(cls, record: Record, match: re.Match[str]) -> Self:
        """Make it of a line and what was found in it."""
        held = (record.wire, record.direction, record.instant, record.wall, record.raw)
        return cls(*held, record.reading, record.note, record.peer, match=match, record=record)

    def __getitem__(self, group: int | str) -> str | Any:
        """Give a group by its number or name, as ``re.Match`` does; None where it took no part."""
        return self.match[group]

    def group(self, *groups: int | str) -> str | Any:
        """Give groups as ``re.Match.group`` does."""
        return self.match.group(*groups)

    def groups(self, default: Any = None) -> tuple[str | Any, ...]:
        """Give all groups, as ``re.Match.groups`` does."""
        return self.match.groups(default)

    def groupdict(self, default: Any = None) -> dict[str, str | Any]:
        """Give the named groups, as ``re.Match.groupdict`` does."""
        return self.match.groupdict(default)


class ObservedLine:
    """The UART between module and MCU, as it is observed.

    :param recorder: collects the records
    :param hears: the directions that are heard
    """

    def __init__(self, recorder: Recorder, hears: Collection[str] = BOTH) -> None:
        self._recorder = recorder
        self._hears = hears
        self._given: list[Record] = []
        self._giving = threading.Lock()

    @property
    def records(self) -> list[Record]:
        """All that crossed the line in this test, in the order of time."""
        return [record for record in self._recorder.records if record.wire == "uart"]

    def lines(self, direction: Literal["up", "down"] | None = None) -> list[str]:
        """Give the texts of the lines in this test: of both directions, or ``"up"`` (MCU) or ``"down"`` (module)."""
        checked_direction(direction)
        return [each.text for each in self.records if direction in (None, each.direction) and each.raw]

    @overload
    def wait_for(
        self,
        what: re.Pattern[str],
        *,
        direction: Literal["up", "down"] | None = ...,
        timeout: float = ...,
        since: Record | None = ...,
        **reading: object,
    ) -> MatchedLine: ...
    @overload
    def wait_for(
        self,
        what: str | Callable[[Record], bool] | None = ...,
        *,
        direction: Literal["up", "down"] | None = ...,
        timeout: float = ...,
        since: Record | None = ...,
        **reading: object,
    ) -> Record: ...
    def wait_for(
        self,
        what: What | None = None,
        *,
        direction: Literal["up", "down"] | None = None,
        timeout: float = TIMEOUT,
        since: Record | None = None,
        **reading: object,
    ) -> Record:
        r"""Give the next line like this in this test, waiting for it where it has not come yet.

        Each line is given once: asking again waits for another one. What came before the call counts.

        .. code-block:: python

            found = line.wait_for(re.compile(r"properties_changed 2 2 (\d+)"))
            assert int(found[1]) > 50

        :param what: the line, or its first words; a pattern to be found in it, which makes the line give the groups of
            the match, too; or a function that says yes to a record
        :param direction: ``"up"`` for lines of the MCU, ``"down"`` for lines of the module
        :param timeout: seconds to wait
        :param since: only what came after this record: of a line, in the order in which the lines were said
        :param reading: keys and values its reading must have, such as ``command="properties_changed"``
        :raises ExpectationFailed: when it does not come, showing what did
        """

        __tracebackhide__ = True
        wanted = WantedLine(what, direction, reading)
        checked_seconds("timeout", timeout, zero=True, endless=True)
        if since is not None and not isinstance(since, Record):
            raise InvalidArgument(f"since is a record, not {show(since)}")

        def look() -> Record | None:
            told = self.records if since is None else behind(since, self.records)
            return next((each for each in told if wanted.is_met_by(each) and self._give(each)), None)

        found = self._recorder.wait(look, timeout)
        if found is None:
            missed = f" ({unseen(self._hears)})" if unseen(self._hears) else ""
            raise ExpectationFailed(
                f"no line like {wanted} came within {timeout:g} s{missed}\n{trace(self._recorder.records)}"
            )
        match = what.search(found.text) if isinstance(what, re.Pattern) else None
        return found if match is None else MatchedLine.of(found, match)

    def _give(self, record: Record) -> bool:
        """Take a line for whoever asked, False where it was given before: threads of a test may ask at once."""
        with self._giving:
            if any(record is each for each in self._given):
                return False
            self._given.append(record)
            return True

    def expect_none(
        self,
        what: What | None = None,
        *,
        direction: Literal["up", "down"] | None = None,
        **reading: object,
    ) -> Never[Record]:
        """Expect that no such line is said while the block runs.

        .. code-block:: python

            with line.expect_none("properties_changed 2 2"):
                device.read(2, 2)

        The parameters are those of :meth:`wait_for`. The block ends when the MCU asks for work again, or a second
        later: what it reports of a command comes after its answer. Lines that are told late are waited for.

        Where such a line could not have been heard, it fails, too: where nobody listens in its direction, and where
        a receiver was away. The direction is known by the first word (``properties_changed``, ``down``), or by
        ``command=``; for a pattern or a function, ``direction`` names it.

        :raises ExpectationFailed: at the end of the block, when one was said, or that cannot be known; showing both
            wires
        """
        wanted = WantedLine(what, direction, reading)

        def inside(begun: Mark, ended: Mark) -> list[Record]:
            return [
                each for each in self.records if wanted.is_met_by(each) and is_between(begun, each, ended)
            ]

        def tell(problem: str) -> str:
            missed = f"\n({unseen(self._hears)})" if unseen(self._hears) else ""
            return f"{problem}{missed}\n{trace(self._recorder.records)}"

        what_not = f"a line like {wanted}"
        return Never(
            self._recorder,
            self._hears,
            what_not,
            inside,
            tell,
            line=wanted.directions,
            until_poll=bool(self._hears),
        )


def behind(since: Record, records: Sequence[Record]) -> list[Record]:
    """Give the lines that came after a record, in the order in which they were said.

    Lines that were read at once have one instant, and two receivers are late by different times: instants alone do
    not tell which line came first. They do for a record that is not among the lines, such as one of the LAN.

    :param records: the lines, in the order of time
    """
    own = since.record if isinstance(since, MatchedLine) else since
    if not any(own is each for each in records):
        return [each for each in records if each.instant > own.instant]
    near = in_order(each for each in records if abs(each.instant - own.instant) <= OBSERVED_WITHIN)
    place = next(place for place, each in enumerate(near) if each is own)
    return [*near[place + 1 :], *(each for each in records if each.instant > own.instant + OBSERVED_WITHIN)]


def _checked_what(what: Any) -> What | None:
    if isinstance(what, str):
        fits = bool(what)
    elif isinstance(what, re.Pattern):
        fits = isinstance(what.pattern, str)
    else:
        fits = what is None or callable(what)
    if fits:
        return what  # type: ignore[no-any-return]
    raise InvalidArgument(f"a line is its first words, a pattern of text or a function, not {show(what)}")


def checked_direction(direction: object) -> str | None:
    """Give a direction of the line, or None for both.

    :raises InvalidArgument: for any other word: no line would ever be said there
    """
    return None if direction is None else checked_word("direction", direction, ("up", "down"))


class WantedLine:
    """What a line has to be like.

    :param what: the line or its first words, a pattern, or a function; None for any
    :param direction: ``"up"`` or ``"down"``, None for both
    :param reading: keys and values its reading must have
    :raises InvalidArgument: for what no line can be like
    """

    def __init__(self, what: What | None, direction: str | None, reading: Mapping[str, object]) -> None:
        self._what = _checked_what(what)
        self._direction = checked_direction(direction)
        self._reading = reading

    @property
    def directions(self) -> frozenset[str]:
        """The directions in which such a line may be said."""
        if self._direction is not None:
            return frozenset({self._direction})
        command = self._reading.get("command")
        word = command if isinstance(command, str) else ""
        if isinstance(self._what, str):
            word = self._what.partition(" ")[0]
        return _SAID_BY.get(word, BOTH)

    def is_met_by(self, record: Record) -> bool:
        """Tell whether a line is like this."""
        if self._direction not in (None, record.direction) or not record.raw:
            return False
        have = record.reading or {}
        if any(key not in have or not is_wanted(value, have[key]) for key, value in self._reading.items()):
            return False
        what = self._what
        if what is None:
            return True
        if isinstance(what, str):
            return record == what or record.startswith(f"{what} ")
        if isinstance(what, re.Pattern):
            return what.search(record.text) is not None
        return bool(what(record))

    def __str__(self) -> str:
        what = self._what
        named = [f"{key}={value!r}" for key, value in self._reading.items()]
        if isinstance(what, re.Pattern):
            named.insert(0, repr(what.pattern))
        elif what is not None:
            named.insert(0, repr(what) if isinstance(what, str) else getattr(what, "__name__", repr(what)))
        return " ".join(named) or "any line"
