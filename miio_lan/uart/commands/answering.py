"""Whether an answer of the MCU names what a downlink asked for: by its ids, for the line has no numbers."""

from __future__ import annotations

from miio_lan.uart.commands.base import Command
from miio_lan.uart.commands.downlink import Action, Down, GetProperties, SetProperties
from miio_lan.uart.commands.result import Result
from miio_lan.uart.commands.uplink import Error
from miio_lan.uart.document import UPDATE_READY


def fits(answer: Result | Error, down: Down) -> bool:
    """Tell whether an answer names what the line asked for. ``error``, and values without ids, name nothing."""
    if isinstance(answer, Error) or (not answer.results and answer.siid is None):
        return isinstance(answer, Error) or not has_to_name(down)
    if isinstance(down, (GetProperties, SetProperties)):
        asked = {(each[0], each[1]) for each in down.properties}
        return not asked.isdisjoint((row.siid, row.piid) for row in answer.results)
    return isinstance(down, Action) and (answer.siid, answer.aiid) == (down.siid, down.aiid)


def takes_firmware(answer: Command) -> bool:
    """Tell whether an answer says that a firmware may come: the line is the transfer's then."""
    return isinstance(answer, Result) and answer.values == (UPDATE_READY,)


def has_to_name(down: Down) -> bool:
    """Tell whether a ``result`` for this line has to carry the ids of what it answers."""
    return isinstance(down, (GetProperties, SetProperties, Action))


def ids_to_name(down: Down) -> tuple[tuple[object, object], ...]:
    """Give the ids of which a ``result`` for this line has to carry some; empty where it has to name nothing."""
    if isinstance(down, (GetProperties, SetProperties)):
        return tuple([each[:2] for each in down.properties])
    return ((down.siid, down.aiid),) if isinstance(down, Action) else ()


def codes_of(answer: Result) -> list[int]:
    """Return the status codes of an answer that has some."""
    codes = (answer.code, *[row.code for row in answer.results])
    return [code for code in codes if code is not None]
