"""Reading and writing properties: the requests that may be cut into several lines.

Reads go out with at most 16 properties per line, so that the answer (four values each) fits into its 64 parameters.
Source: serial document, get_properties and set_properties; observed module firmware.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from miio_lan.lan.responder.subscriptions import INVALID_PARAM, TOO_COMPLEX
from miio_lan.uart.document import GET_PROPERTIES, GET_RESULT_SIZE, SET_PROPERTIES, SET_SIZE, Code
from miio_lan.uart.line import MAX_LINE, MAX_PARAMETERS, split
from miio_lan.uart.values import read_value
from miio_lan.virtual.module.profile import Profile
from miio_lan.virtual.module.requests.request import (
    BROKEN_ANSWER,
    McuRequest,
    Refused,
    RequestOutcome,
    ResultCheck,
    echo_of,
    iid_of,
    integer_of,
    is_code,
    token_of,
)

MAX_GET = MAX_PARAMETERS // GET_RESULT_SIZE
MAX_SET = MAX_PARAMETERS // SET_SIZE
#: What a property is worth that the MCU did not mention (observed: newer firmware).
NOT_MENTIONED = int(Code.INTERNAL)


@dataclass(slots=True)
class _Entry:
    echo: dict[str, object]
    key: tuple[int, int]
    text: str
    answer: dict[str, object]


def entries_of(params: object, *, need_value: bool) -> list[_Entry]:
    """Read the items of a request.

    :raises Refused: if one of them is none, or there is none at all
    """
    if not isinstance(params, list) or not params:
        raise Refused(INVALID_PARAM)
    return [_entry(item, need_value) for item in params]


def _entry(item: object, need_value: bool) -> _Entry:
    if not isinstance(item, Mapping):
        raise Refused(INVALID_PARAM)
    siid, piid = iid_of(item.get("siid")), iid_of(item.get("piid"))
    text = f"{siid} {piid}"
    if need_value:
        text += f" {token_of(item.get('value'))}"
    return _Entry(echo_of(item, siid=siid, piid=piid), (siid, piid), text, {"code": NOT_MENTIONED})


class _Properties(McuRequest):
    METHOD = ""
    PER_LINE = 0

    def __init__(
        self,
        entries: list[_Entry],
        profile: Profile,
        now: float,
        finish: Callable[[RequestOutcome, float], None],
    ) -> None:
        super().__init__(profile, now, finish)
        self._entries = entries
        self._next = 0
        self._parts = self._cut()

    def _cut(self) -> list[list[_Entry]]:
        parts: list[list[_Entry]] = []
        room = 0
        for entry in self._entries:
            if room < len(entry.text) + 1 or len(parts[-1]) == self.PER_LINE:
                parts.append([])
                room = MAX_LINE - len(f"down {self.METHOD}")
            if room < len(entry.text) + 1:
                raise Refused(TOO_COMPLEX)
            parts[-1].append(entry)
            room -= len(entry.text) + 1
        return parts

    def line(self) -> str:
        return " ".join([self.METHOD, *(entry.text for entry in self._parts[self._next])])

    def _settle(self, *, accepted: bool) -> ResultCheck:
        self._next += 1
        if self._next < len(self._parts):
            return ResultCheck(accepted, None)
        return ResultCheck(
            accepted, RequestOutcome([{**entry.echo, **entry.answer} for entry in self._entries])
        )

    def refusal(self, code: int, message: str) -> ResultCheck:
        if self.profile.error_to_properties:
            return super().refusal(code, message)
        return ResultCheck(False, RequestOutcome(silent=True))

    def _asked(self) -> set[tuple[int, int]]:
        return {entry.key for entry in self._parts[self._next]}

    def _is_stray(self, keys: set[tuple[int, int]]) -> bool:
        """Whether an answer names properties, but none of those asked for."""
        return self.profile.strict and bool(keys) and keys.isdisjoint(self._asked())

    def _note(self, key: tuple[int, int], answer: dict[str, object]) -> None:
        for entry in self._parts[self._next]:
            if entry.key == key:
                entry.answer = answer


class GetRequest(_Properties):
    """``get_properties``: each property gets what the answer says of it, or -4004."""

    METHOD = GET_PROPERTIES
    PER_LINE = MAX_GET

    def answer(self, text: str) -> ResultCheck:
        """Walk ``siid piid code [value]``; what is not mentioned, or cannot be read, stays -4004.

        Behind a parameter that is missing, ids pass for values and values for ids. Firmware does not mind; where
        strict, an answer that does not come out even, or names what was not asked for, says nothing at all: nobody
        gets a wrong value.
        """
        tokens = split(text)
        whole, broken, at = bool(tokens), False, 0
        named: set[tuple[int, int]] = set()
        found: list[tuple[tuple[int, int], dict[str, object]]] = []
        while at < len(tokens):
            head = [integer_of(each) for each in tokens[at : at + 3]]
            if len(head) < 3 or None in head or not is_code(head[2], self.profile):
                whole = False
                break
            siid, piid, code = (number for number in head if number is not None)
            at += 3
            named.add((siid, piid))
            if code:
                found.append(((siid, piid), {"code": code}))
                continue
            if at == len(tokens):
                whole = False
                break
            value, fault = read_value(tokens[at])
            at += 1
            if fault:
                whole, broken = False, True
            else:
                found.append(((siid, piid), {"code": 0, "value": value}))
        if self._is_stray(named):
            return ResultCheck(False, stray=True)
        if broken and not self.profile.strict:
            return ResultCheck(True, RequestOutcome(error=BROKEN_ANSWER))
        fits = len(tokens) <= MAX_PARAMETERS and named <= self._asked()
        accepted = (whole and fits) or not self.profile.strict
        if accepted:
            for key, answer in found:
                self._note(key, answer)
        return self._settle(accepted=accepted)


class SetRequest(_Properties):
    """``set_properties``: a wrong count spoils the whole answer, as newer firmware sees it.

    Where strict, so do too many parameters, a code that the document does not have, and properties nobody asked for.
    """

    METHOD = SET_PROPERTIES
    PER_LINE = MAX_SET

    def answer(self, text: str) -> ResultCheck:
        """Match ``siid piid code`` by their ids."""
        numbers = [integer_of(each) for each in split(text)]
        whole = bool(numbers) and len(numbers) % 3 == 0 and None not in numbers
        if whole:
            clean = [number for number in numbers if number is not None]
            triples = list(zip(clean[::3], clean[1::3], clean[2::3], strict=True))
            named = {(siid, piid) for siid, piid, _ in triples}
            if self._is_stray(named):
                return ResultCheck(False, stray=True)
            if self.profile.strict:
                whole = len(numbers) <= MAX_PARAMETERS and named <= self._asked()
                whole = whole and all(is_code(code, self.profile) for _, _, code in triples)
            for siid, piid, code in triples if whole else ():
                self._note((siid, piid), {"code": code})
        return self._settle(accepted=whole or not self.profile.strict)
