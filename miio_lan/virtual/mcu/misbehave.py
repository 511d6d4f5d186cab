"""The misbehaviour menu of the virtual MCU: faults seen in real products, each switched by its name.

What concerns the writing of a line is done here; what concerns when and whether to write is up to the MCU's rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableSet
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from miio_lan.errors import SpecError
from miio_lan.foreign import show
from miio_lan.given import checked_words
from miio_lan.uart.line import CR, MAX_LINE, MAX_PARAMETERS, join, token

if TYPE_CHECKING:
    from miio_lan.virtual.mcu.table import Group

MISBEHAVIOURS: dict[str, str] = {
    "slow": "answers downlinks later than the 4 s a module waits",
    "silent": "answers no downlink at all",
    "wrong-counts": "leaves the last parameter of every result out",
    "missing-code": "leaves the code out of what it answers to get_properties",
    "quoted-booleans": "writes booleans as strings",
    "unquoted-strings": "writes strings without their quotes",
    "crlf": "ends lines with CR LF",
    "banners": "prints lines of debugging text at boot and before every answer",
    "ff-bytes": "sends two 0xFF bytes before every line",
    "report-before-result": "reports what a set changed before it answers the set",
    "overlong-lines": "makes every result longer than 511 characters",
    "merged-lines": "forgets the CR after every answer and report, so that the next line runs into it",
    "never-polls": "never sends get_down after boot",
    "polls-too-fast": "polls every 20 ms",
    "boots-once": "sends model, mcu_version and ble_config once, whatever the reply",
    "no-report": "does not report what a set changed",
    "ignores-unknown": "leaves unknown downlinks unanswered",
    "ignores-version-request": "leaves MIIO_mcu_version_req and MIIO_model_req unanswered",
}
BANNER = b"*** Application debug text, build 0815 ***"


class Misbehaviours(MutableSet[str]):
    """The names that are switched on; a name that is not on the menu is refused."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._names: set[str] = set()
        for name in checked_words("misbehaviours", names, "['slow']"):
            self.add(name)

    def add(self, value: str) -> None:
        """Switch one on.

        :raises SpecError: no such name
        """
        if not isinstance(value, str) or value not in MISBEHAVIOURS:
            raise SpecError(f"no misbehaviour is called {show(value)}; there are: {', '.join(MISBEHAVIOURS)}")
        self._names.add(value)

    def discard(self, value: str) -> None:
        """Switch one off, whether it was on or not."""
        self._names.discard(value)

    def __contains__(self, value: object) -> bool:
        return value in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._names))

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return f"Misbehaviours({sorted(self._names)})"


@dataclass(frozen=True)
class OutgoingLine:
    """One line the MCU wants to send: the command word, bare words after it, then groups of values.

    :param kind: the command word
    :param answers: the downlink a ``result`` or ``error`` answers, empty for all else
    :param tries: how often it may still be sent again when no reply comes; None is without end
    """

    kind: str
    groups: tuple[Group, ...] = ()
    words: tuple[str, ...] = ()
    answers: str = ""
    tries: int | None = 0

    @property
    def is_answer(self) -> bool:
        """Whether it answers a downlink."""
        return bool(self.answers)

    def tokens(self) -> list[str]:
        """The line as the document has it."""
        return [self.kind, *self.words, *(token(value) for group in self.groups for value in group)]

    def fits(self) -> bool:
        """Whether the document allows the line: at most 64 parameters, fewer than 512 characters."""
        tokens = self.tokens()
        return len(tokens) - 1 <= MAX_PARAMETERS and len(" ".join(tokens)) <= MAX_LINE


def fitting(uplink: OutgoingLine, groups: Iterable[Group]) -> tuple[OutgoingLine, list[Group]]:
    """Fill a line with as many groups as the document allows; return it and the groups that are left over."""
    left = list(groups)
    while left:
        longer = replace(uplink, groups=(*uplink.groups, left[0]))
        if not longer.fits():
            break
        uplink = longer
        del left[0]
    return uplink, left


def write(uplink: OutgoingLine, active: Misbehaviours) -> bytes:
    """Write a line with its end, in good order or as the active misbehaviours have it.

    :raises LineError: the line would break the document's rules although nothing told it to
    """
    tokens = [uplink.kind, *uplink.words, *_value_tokens(uplink, active)]
    is_result = uplink.kind == "result"
    if is_result and "wrong-counts" in active and len(tokens) > 1:
        del tokens[-1]
    # Bare words with spaces are no tokens: only the careless writer puts them on the line.
    careless = "unquoted-strings" in active
    text = " ".join(tokens).encode("ascii") if careless else join(tokens)[: -len(CR)]
    if is_result and "overlong-lines" in active:
        # Spaces are no parameters: the length is all that is wrong with the line.
        text = text.replace(b" ", b" " * (MAX_LINE + 1), 1)
    if "ff-bytes" in active:
        text = b"\xff\xff" + text
    if "banners" in active and uplink.is_answer:
        text = BANNER + end_of_line(active) + text
    return text if runs_on(uplink, active) else text + end_of_line(active)


def end_of_line(active: Misbehaviours) -> bytes:
    """What ends a line."""
    return CR + b"\n" if "crlf" in active else CR


def runs_on(uplink: OutgoingLine, active: Misbehaviours) -> bool:
    """Whether the line loses its end and the next one runs into it."""
    return "merged-lines" in active and (
        uplink.is_answer or uplink.kind in ("properties_changed", "event_occured")
    )


def _value_tokens(uplink: OutgoingLine, active: Misbehaviours) -> Iterator[str]:
    for group in uplink.groups:
        values = group
        if "missing-code" in active and uplink.answers == "get_properties":
            values = (*group[:2], *group[3:])
        for value in values:
            if isinstance(value, bool) and "quoted-booleans" in active:
                yield token(str(value).lower())
            elif isinstance(value, str) and "unquoted-strings" in active:
                yield token(value)[1:-1]
            else:
                yield token(value)
