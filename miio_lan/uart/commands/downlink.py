"""Commands from module to MCU: the text after ``down``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import ClassVar, Self

from miio_lan.uart.commands.base import Fielded, present
from miio_lan.uart.commands.cursor import Cursor
from miio_lan.uart.commands.rows import Argument, PropertyId, PropertyValue, check_call, check_rows
from miio_lan.uart.document import (
    ACTION,
    GET_PROPERTIES,
    IDENTITY_REQUESTS,
    NET_STATES,
    OTHER_NET_STATES,
    SET_PROPERTIES,
    UPDATE_FW,
    UPDATE_WAYS,
)
from miio_lan.uart.line import legacy_tokens_of
from miio_lan.uart.values import json_text, read_json, read_value, shown, with_spaces

NOTICES = frozenset({"none", *IDENTITY_REQUESTS, UPDATE_FW, "ble_event", "ble_fastpair", "ble_fastpair_rsp"})
"""Downlinks that carry no JSON parameters: nothing, plain words, or a dual-mode module's Bluetooth data."""

# Several tokens without these are no JSON array; to try and fail costs more than to read them.
_NO_JSON = re.compile(r"[^,\[\]{}]*")
_A_NUMBER = re.compile(r"-?\d++(?:\.\d++)?")
_METHOD = re.compile(r"[A-Za-z0-9_.-]+")


class Down(Fielded):
    """A command from module to MCU.

    Every kind has ``method``; the rest depends on the kind: :class:`GetProperties`, :class:`SetProperties`,
    :class:`Action`, :class:`NetChange`, :class:`Notice` (none, version and model requests, ``update_fw``),
    :class:`Legacy` (any other method), :class:`NoMethod` (a bare ``down``).
    """

    NAME: ClassVar[str] = "down"
    HEAD: ClassVar[int] = 2
    METHOD: ClassVar[str] = ""

    @property
    def method(self) -> str:
        """The method, empty for a bare ``down``."""
        return self.METHOD

    @property
    def wants_result(self) -> bool:
        """Whether the MCU must answer with ``result`` (or ``error``)."""
        return True

    def tokens(self) -> list[str]:
        """Return the tokens."""
        return [self.NAME, self.method, *self.parameters()]

    def reading(self) -> dict[str, object]:
        """Return ``"method"`` and the keys of the kind."""
        return {"method": self.method or None, **self.contents()}


class NoMethod(Down):
    """A ``down`` without a method."""

    wants_result = False
    """Nobody knows what an answer would answer."""

    def check(self) -> Iterator[str]:
        """It never conforms."""
        yield "the method is missing"


@dataclass(frozen=True)
class GetProperties(Down):
    """``down get_properties SIID PIID ...``."""

    METHOD: ClassVar[str] = GET_PROPERTIES
    properties: tuple[PropertyId, ...]

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read the pairs of ids."""
        properties: list[PropertyId] = []
        while ids := cursor.ids(2):
            properties.append(PropertyId(*ids))
        cursor.blame_left("properties come as siid and piid, in pairs")
        return cls(tuple(properties))

    def check(self) -> Iterator[str]:
        """At least one property."""
        return check_rows(self.properties, "there is no property")


@dataclass(frozen=True)
class SetProperties(Down):
    """``down set_properties SIID PIID VALUE ...``."""

    METHOD: ClassVar[str] = SET_PROPERTIES
    properties: tuple[PropertyValue, ...]

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read the triples."""
        return cls(cursor.properties())

    def check(self) -> Iterator[str]:
        """At least one property."""
        return check_rows(self.properties)


@dataclass(frozen=True)
class Action(Down):
    """``down action SIID AIID [PIID VALUE ...]``."""

    METHOD: ClassVar[str] = ACTION
    siid: int | None
    aiid: int | None
    in_: tuple[Argument, ...] = ()

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read the ids and the pairs."""
        return cls(*cursor.call())

    def check(self) -> Iterator[str]:
        """Both ids; arguments may be none at all."""
        return check_call(self.in_, siid=self.siid, aiid=self.aiid)


@dataclass(frozen=True)
class NetChange(Down):
    """``down MIIO_net_change STATE``."""

    METHOD: ClassVar[str] = "MIIO_net_change"
    wants_result = False
    """A net change is not answered."""
    state: str | None
    how: str | None = None

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read the state, and what newer modules say behind ``updating``."""
        state = cursor.word()
        return cls(state, cursor.skip() if state == "updating" and cursor.peek() in UPDATE_WAYS else None)

    def check(self) -> Iterator[str]:
        """One of the six words, or one that modules are known to say beyond the document."""
        if self.state is None:
            yield "the network state is missing"
        elif self.state not in (*NET_STATES, *OTHER_NET_STATES):
            yield f"{shown(self.state)} is not a network state of the document"

    def contents(self) -> dict[str, object]:
        """Return ``"state"``, and ``"how"`` where a module says more; ``"beyond_document"`` where modules alone do."""
        beyond = self.how is not None or self.state in OTHER_NET_STATES
        return present(state=self.state, how=self.how, beyond_document=beyond or None)


@dataclass(frozen=True)
class Notice(Down):
    """A downlink of :data:`NOTICES`; ``args`` are plain words, as they are written."""

    word: str
    args: tuple[str, ...] = ()

    @property
    def method(self) -> str:
        """The method."""
        return self.word

    @property
    def wants_result(self) -> bool:
        """Only ``update_fw`` is answered with a ``result``."""
        return self.word == UPDATE_FW

    def check(self) -> Iterator[str]:
        """A method of the list, and no parameters where the document has none."""
        if self.word not in NOTICES:
            yield f"{shown(self.word)} is not a notice; use Legacy for a method of the product"
        elif self.args and not self._is_beyond:
            yield f"{self.word} takes no parameters"

    def parameters(self) -> list[str]:
        """Return the tokens after the method."""
        return list(self.args)

    @property
    def _is_beyond(self) -> bool:
        """Whether modules are known to say this, though the document does not have it."""
        way = self.word == UPDATE_FW and len(self.args) == 1 and self.args[0] in UPDATE_WAYS
        return way or self.word.startswith("ble_")

    def contents(self) -> dict[str, object]:
        """Return ``"args"`` where there are any; ``"beyond_document"`` marks those that modules alone know."""
        return present(args=list(self.args) or None, beyond_document=self._is_beyond or None)


@dataclass(frozen=True)
class Legacy(Down):
    """``down METHOD PARAMS``: a method of the product, its parameters the inside of a JSON array."""

    name: str
    params: tuple[object, ...] = ()

    @classmethod
    def read(cls, name: str, cursor: Cursor) -> Self:
        """Read the parameters, divided by commas (or spaces)."""
        params = read_params(cursor)
        if len(params) == 1 and isinstance(params[0], list):
            cursor.blame(
                f"{shown(cursor.text)} has the brackets of a JSON array: a line has what is inside of them"
            )
        return cls(name, params)

    @property
    def method(self) -> str:
        """The method."""
        return self.name

    def check(self) -> Iterator[str]:
        """A method of word characters that has no layout of its own."""
        if not _METHOD.fullmatch(self.name):
            yield f"the method {shown(self.name)} is not made of letters, digits, underscores, dots and hyphens"
        elif _A_NUMBER.fullmatch(self.name):
            yield f"the method is a number, {self.name}: a word such as {GET_PROPERTIES} is missing before it"
        if self.name in NOTICES or self.name in LAYOUTS:
            yield f"{self.name} has a layout of its own"

    def encode(self) -> bytes:
        """Return the line to send, CR included; the parameters keep the commas of the JSON array.

        :raises LineError: the document does not allow such a line
        """
        return self._sealed(len(self.params))

    def parameters(self) -> list[str]:
        """Return the parameters as one token."""
        return [",".join(map(json_text, self.params))] if self.params else []

    def contents(self) -> dict[str, object]:
        """Return ``"params"``."""
        return {"params": list(self.params)}


LAYOUTS: dict[str, type[GetProperties | SetProperties | Action | NetChange]] = {
    kind.METHOD: kind for kind in (GetProperties, SetProperties, Action, NetChange)
}
"""The downlinks whose parameters have a layout of their own."""


def read_params(cursor: Cursor) -> tuple[object, ...]:
    """Take all parameters of a legacy line: JSON values divided by commas, or by spaces where that is no JSON."""
    several = len(cursor.rest()) > 1
    if not (several and _NO_JSON.fullmatch(cursor.text)):
        with suppress(ValueError):
            return tuple(read_json(f"[{with_spaces(cursor.text)}]"))
    return tuple([_read_param(text, cursor) for text in legacy_tokens_of(cursor.text)])


def _read_param(text: str, cursor: Cursor) -> object:
    if text[0] in "{[":
        try:
            return read_json(with_spaces(text))
        except ValueError:
            cursor.blame(f"{shown(text)} is not JSON")
            return text
    value, fault = read_value(text)
    if fault and value is not None:
        cursor.blame(fault)
    return value


def read_down(cursor: Cursor) -> Down:
    """Read what follows ``down``; the method is the first token. Never raises."""
    if not len(cursor):
        return NoMethod()
    method = cursor.skip()
    cursor.text = cursor.text[len(method) :].strip(" ")
    if method in LAYOUTS:
        return LAYOUTS[method].parse(cursor)
    if method in NOTICES:
        return Notice(method, cursor.rest())
    return Legacy.read(method, cursor)
