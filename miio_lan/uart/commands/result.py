"""``result``: the MCU's answer to a downlink, read in the layout of what it answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from miio_lan.uart.commands.base import Command, present
from miio_lan.uart.commands.cursor import Cursor
from miio_lan.uart.commands.downlink import Action, Down, GetProperties, SetProperties, read_params
from miio_lan.uart.commands.layout import Found, any_order, fit
from miio_lan.uart.commands.rows import Argument, PropertyResult, check_call, check_rows, row_tokens
from miio_lan.uart.document import (
    ACTION,
    GET_PROPERTIES,
    SET_PROPERTIES,
    STATUS_CODES,
    UPDATE_BUSY,
    UPDATE_FW,
    UPDATE_READY,
)
from miio_lan.uart.values import MISSING, Value, json_text, read_values, shown, token

UPDATE_ANSWERS = ((UPDATE_READY,), (UPDATE_BUSY,))
_SCALARS = (bool, int, float, str)


@dataclass(frozen=True)
class Result(Command):
    """``result ...``.

    Build one with :meth:`for_get`, :meth:`for_set`, :meth:`for_action` or :meth:`for_values`.

    :param answers: the method of the downlink this answers; None when that is not known
    :param values: the parameters in order, as values
    :param results: per property, when it answers ``get_properties`` or ``set_properties``
    :param siid: with ``aiid``, ``code`` and ``out``, when it answers ``action``
    :param readings: every reading the values allow, when it is not known what they answer
    """

    NAME: ClassVar[str] = "result"
    answers: str | None
    values: tuple[object, ...]
    results: tuple[PropertyResult, ...] = ()
    siid: int | None = None
    aiid: int | None = None
    code: int | None = None
    out: tuple[Argument, ...] = ()
    readings: tuple[Result, ...] = ()

    @classmethod
    def for_get(
        cls, results: Iterable[PropertyResult | tuple[int, int, int] | tuple[int, int, int, Value]]
    ) -> Self:
        """Answer ``get_properties``: siid, piid, code, and the value where the code is 0."""
        return cls._properties(GET_PROPERTIES, results)

    @classmethod
    def for_set(cls, results: Iterable[PropertyResult | tuple[int, int, int]]) -> Self:
        """Answer ``set_properties``: siid, piid, code."""
        return cls._properties(SET_PROPERTIES, results)

    @classmethod
    def _properties(cls, answers: str, results: Iterable[Iterable[object]]) -> Self:
        rows = tuple(PropertyResult(*row) for row in results)  # type: ignore[arg-type]
        return cls(answers, tuple(each for row in rows for each in row if each is not MISSING), rows)

    @classmethod
    def for_action(
        cls, siid: int, aiid: int, code: int = 0, out: Iterable[Argument | tuple[int, Value]] = ()
    ) -> Self:
        """Answer ``action``: the ids, the code, and what the action gives back."""
        pairs = tuple(Argument(*pair) for pair in out)
        flat = (each for pair in pairs for each in pair)
        return cls(ACTION, (siid, aiid, code, *flat), siid=siid, aiid=aiid, code=code, out=pairs)

    @classmethod
    def for_values(cls, values: Iterable[object], answers: str | None = None) -> Self:
        """Answer a method of the product, or ``update_fw`` (with ``"ready"`` or ``"busy"``)."""
        return cls(answers, tuple(values))

    def check(self) -> Iterator[str]:
        """Name what the layout does not allow."""
        if self.answers in (GET_PROPERTIES, SET_PROPERTIES):
            yield from self._check_results()
        elif self.answers == ACTION:
            yield from check_call(self.out, siid=self.siid, aiid=self.aiid)
            yield from _check_code(self.code)
        elif not self.values:
            yield "a result without any value"
        elif self.answers == UPDATE_FW and self.values not in UPDATE_ANSWERS:
            yield 'update_fw is answered with "ready" or "busy"'

    def _check_results(self) -> Iterator[str]:
        yield from check_rows(self.results, "no property is answered")
        for siid, piid, code, value in self.results:
            if code not in STATUS_CODES:
                yield from _check_code(code)
            if value is MISSING:
                if self.answers == GET_PROPERTIES and code == 0:
                    yield f"property {siid}.{piid} has no value although its code is 0"
            elif self.answers == SET_PROPERTIES:
                yield f"property {siid}.{piid} has a value, which the answer to a set does not carry"
            elif code not in (0, None):
                yield f"property {siid}.{piid} has a value although its code is not 0"

    def tokens(self) -> list[str]:
        """Return the tokens."""
        if self.answers in (GET_PROPERTIES, SET_PROPERTIES):
            rows = [(*map(str, row[:3]), *map(token, row[3:])) for row in self._rows()]
            return [self.NAME, *(text for row in rows for text in row)]
        if self.answers == ACTION:
            return [self.NAME, str(self.siid), str(self.aiid), str(self.code), *row_tokens(self.out)]
        if all(isinstance(each, _SCALARS) for each in self.values):
            return [self.NAME, *map(token, self.values)]
        return [self.NAME, ",".join(map(json_text, self.values))]

    def _rows(self) -> list[tuple[object, ...]]:
        """Give the properties as a line has them: one without a value ends with its code."""
        return [row[:3] if row.value is MISSING else row for row in self.results]

    def encode(self) -> bytes:
        """Return the line to send, CR included.

        :raises LineError: the document does not allow such a line
        """
        return self._sealed(len(self.values))

    def reading(self) -> dict[str, object]:
        """Return ``"answers"`` and what its layout gives; ``"readings"`` when it is not known what is answered."""
        if self.readings:
            return {"answers": None, "readings": [each.reading() for each in self.readings]}
        if self.answers in (GET_PROPERTIES, SET_PROPERTIES):
            return {"answers": self.answers, "results": [list(row) for row in self._rows()]}
        if self.answers == ACTION:
            ids = present(siid=self.siid, aiid=self.aiid, code=self.code)
            return {"answers": self.answers, **ids, "out": [list(pair) for pair in self.out]}
        return {"answers": self.answers, "values": list(self.values), "legacy": True}


def _check_code(code: int | None) -> Iterator[str]:
    if code is None:
        yield "a status code is missing"
    elif code not in STATUS_CODES:
        yield f"{shown(str(code))} is not a status code of the document"


def read_result(cursor: Cursor, pending: Down | None) -> Result:
    """Read a ``result`` as the answer to ``pending``, or in every way it can be read. Never raises."""
    if pending is None or not pending.wants_result:
        if pending is not None:
            cursor.blame(f"down {pending.method} is not answered with a result")
        return _read_all(cursor)
    if isinstance(pending, GetProperties):
        return _read_properties(cursor, GET_PROPERTIES, pending.properties)
    if isinstance(pending, SetProperties):
        return _read_properties(cursor, SET_PROPERTIES, [each[:2] for each in pending.properties])
    if isinstance(pending, Action):
        return _read_action(cursor, pending)
    return Result.for_values(read_params(cursor), pending.method)


def _read_properties(cursor: Cursor, answers: str, asked: Sequence[tuple[int, int]]) -> Result:
    values = cursor.values()
    found = fit(values, asked, with_values=answers == GET_PROPERTIES)
    _compare(cursor, found, asked)
    if found.taken < len(values):
        cursor.back_to(found.taken)
        unfit = shown(cursor.peek())
        cursor.blame(f"{unfit} and what follows cannot be read in the layout of a {answers} answer")
    return Result(answers, values, found.results)


def _compare(cursor: Cursor, found: Found, asked: Sequence[tuple[int, int]]) -> None:
    given = {row[:2] for row in found.results}
    if given == set(asked):
        return
    for siid, piid in dict.fromkeys(asked):
        if (siid, piid) not in given:
            cursor.blame(f"property {siid}.{piid} is not answered")
    for siid, piid in sorted(given.difference(asked) if asked else ()):
        cursor.blame(f"property {siid}.{piid} was not asked for")


def _read_action(cursor: Cursor, pending: Action) -> Result:
    result = _action(cursor)
    given, asked = (result.siid, result.aiid), (pending.siid, pending.aiid)
    if given != asked and given[0] is not None and asked[0] is not None:
        cursor.blame(f"action {given[0]}.{given[1]} was not asked for, {asked[0]}.{asked[1]} was")
    return result


def _action(cursor: Cursor) -> Result:
    values = tuple([value for value, _ in read_values(cursor.left())])
    siid, aiid = cursor.integer(), cursor.integer()
    code = cursor.integer() if _is_coded(values) else None
    out = () if aiid is None else cursor.pairs()
    return Result(ACTION, values, siid=siid, aiid=aiid, code=code, out=out)


def _is_coded(values: Sequence[Value]) -> bool:
    """Whether a code stands behind the ids of an action: the rest is even then; what is no piid always is one."""
    third = values[2] if len(values) > 2 else None
    return len(values) % 2 == 1 or (type(third) is int and third <= 0)


def _read_all(cursor: Cursor) -> Result:
    """Read without knowing what is answered: every layout that fits exactly, and the legacy one always."""
    texts = list(cursor.left())
    values = tuple([value for value, _ in read_values(texts)])
    readings = [
        Result(answers, values, rows)
        for answers in (GET_PROPERTIES, SET_PROPERTIES)
        if (rows := any_order(values, with_values=answers == GET_PROPERTIES))
    ]
    if _is_coded(values):
        trial = Cursor(texts, cursor.text)
        action = _action(trial)
        if not len(trial) and action.valid:
            readings.append(action)
    # Where another reading fits, what departs from a legacy line is no fault.
    legacy = Result.for_values(read_params(Cursor(texts, cursor.text) if readings else cursor))
    if readings:
        cursor.values()  # for the faults of single tokens
    if legacy.values in UPDATE_ANSWERS:
        readings.append(Result.for_values(legacy.values, UPDATE_FW))
    return Result(None, legacy.values, readings=(*readings, legacy)) if texts else legacy
