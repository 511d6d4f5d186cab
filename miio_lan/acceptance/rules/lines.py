"""How a line is written, as far as several rules ask for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from miio_lan.foreign import show
from miio_lan.uart import commands as c
from miio_lan.uart.line import tokens_of
from miio_lan.uart.turns import Downlink, Turn
from miio_lan.uart.values import QUOTED, read_value

_VALUED = (c.Result, c.PropertiesChanged, c.EventOccured)
#: Downlinks whose ``result`` consists of values of the document, rather than of the inside of a JSON array.
_SPEC_METHODS = frozenset({"get_properties", "set_properties", "action", "update_fw"})

_C = TypeVar("_C", bound=c.Command)
_Said = TypeVar("_Said", Turn, Downlink)


def of_kind(lines: Iterable[_Said], kind: type[_C]) -> Iterator[tuple[_Said, _C]]:
    """Go through those lines of the MCU, or downlinks, that are of one kind, each with its command."""
    for said in lines:
        if isinstance(said.command, kind):
            yield said, said.command


def asked_by(said: Turn) -> c.Down | None:
    """Give the command that a line answers; None where it answers nothing."""
    return said.answers.command if said.answers is not None else None


def count_of(said: Turn) -> int:
    """Count the parameters of a line."""
    return len(tokens_of(said.text)) - 1


def value_tokens(said: Turn) -> list[str]:
    """Give the parameters that are values of the server: they are numbers, booleans and quoted strings."""
    down = asked_by(said)
    legacy = down is not None and down.method not in _SPEC_METHODS
    return [] if legacy or not isinstance(said.command, _VALUED) else tokens_of(said.text)[1:]


def values_told(said: Turn) -> dict[tuple[int, int], object]:
    """Give the properties that a report tells, with the values; none of one that is garbled."""
    report = said.command
    told = report.changes if isinstance(report, c.PropertiesChanged) and not is_garbled(said) else ()
    return {(siid, piid): value for siid, piid, value in told}


def in_threes(said: Turn) -> bool:
    """Whether the parameters of a report are siid, piid and value, so that what follows means anything."""
    report = said.command
    return not isinstance(report, c.PropertiesChanged) or count_of(said) == 3 * len(report.changes)


def is_garbled(said: Turn) -> bool:
    """Whether nobody knows what a report tells: of which properties, or because bytes of its values were dropped."""
    plain = has_layout(said) and in_threes(said) and said.record.raw.isascii()
    return isinstance(said.command, c.PropertiesChanged) and not plain


def is_bare_word(token: str) -> bool:
    """Whether a token is a string without its quotes."""
    value, fault = read_value(token)
    return bool(fault) and isinstance(value, str) and not token.startswith('"')


def is_ill_quoted(token: str) -> bool:
    """Whether a token is a string that does not end, or goes on after its end: where it ends is not known."""
    return token.startswith('"') and QUOTED.fullmatch(token) is None


def has_layout(said: Turn) -> bool:
    """Whether each string of a line is known to begin and end where it seems to; without quotes it may hold spaces."""
    return not any(is_bare_word(token) or is_ill_quoted(token) for token in value_tokens(said))


def written(value: object) -> str:
    """Write a value for people, booleans and ``null`` as the MCU's programmer knows them."""
    words = {True: "true", False: "false", None: "null"}
    return words[value] if value is None or isinstance(value, bool) else show(value)


def is_identity(command: c.Command) -> bool:
    """Whether a line tells who the product is, rather than asking for it."""
    if isinstance(command, c.Model):
        return command.name is not None
    return isinstance(command, c.McuVersion) or (isinstance(command, c.BleConfig) and command.sub == "set")
