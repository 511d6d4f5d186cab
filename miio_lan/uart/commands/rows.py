"""The rows a line is made of, properties and arguments: what they are, how they are written, and their faults."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from miio_lan.uart.values import MISSING, MissingValue, Value, shown, token


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


def row_tokens(rows: Iterable[tuple[object, ...]]) -> list[str]:
    """Write rows one behind the other: ids as they are, and the last of each row as a value."""
    return [text for *ids, value in rows for text in (*map(str, ids), token(value))]
