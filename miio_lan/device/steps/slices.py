"""Cutting lists of properties into requests a device can take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeVar

from miio_lan.errors import DeviceException, InvalidArgument
from miio_lan.foreign import show
from miio_lan.lan.packet import MAX_REQUEST, sealed_size
from miio_lan.lan.payload import dump_payload

Item = TypeVar("Item")

_ID_DIGITS = 10


def cut(
    items: Sequence[Item], method: str, *, limit: int | None, extra: Mapping[str, object] | None = None
) -> Iterator[list[Item]]:
    """Cut a list of parameters into lists that fit one request each.

    :param limit: items per request at most, None for as many as fit the datagram
    :raises InvalidArgument: for a limit below 1
    :raises DeviceException: for items without a JSON form
    """
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
        raise InvalidArgument(f"max_properties is a whole number, at least 1, not {show(limit)}")
    empty = len(_dump({"id": 10 ** (_ID_DIGITS - 1), "method": method, "params": [], **(extra or {})}))
    part: list[Item] = []
    size = empty
    for item in items:
        width = len(_dump(item)) + 1
        full = sealed_size(size + width) > MAX_REQUEST or (limit is not None and len(part) >= limit)
        # A single item that does not fit goes out alone, and is refused with its size.
        if part and full:
            yield part
            part, size = [], empty
        part.append(item)
        size += width
    if part:
        yield part


def _dump(value: object) -> bytes:
    try:
        return dump_payload(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise DeviceException(f"the parameters have no JSON form: {error}") from None
