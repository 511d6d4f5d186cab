"""Commands from MCU to module beyond the serial document: older generations, and what some modules know in addition."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from miio_lan.errors import LineError
from miio_lan.uart.commands.cursor import Cursor
from miio_lan.uart.commands.rows import NO_PROPERTY
from miio_lan.uart.commands.uplink import Uplink
from miio_lan.uart.line import legacy_tokens_of
from miio_lan.uart.values import Value, read_json, read_value, shown, token

EXTRAS = frozenset(
    {
        "arch", "ble_event", "ble_fastpair", "ble_linkage", "call", "config_router", "country_code", "did", "fw_ver",
        "get_arch_platform", "get_pin_level", "get_up", "getwifi", "json_ack", "json_get_down", "json_send",
        "ota_state", "platform", "send_mesh_info", "set_log_level", "set_mcu_auto_ota", "setwifi", "store",
        "update_me", "user_info",
    }
)  # fmt: skip
"""Command words observed on real modules and products that the document does not have."""

_WITH_SUB = frozenset({"ble_event", "ble_fastpair", "ble_linkage"})
_KEY = re.compile(r"[A-Za-z0-9_]{1,31}")
_QUOTED_KEY = "the name {} is in quotes"


def _check_key(name: str | None) -> Iterator[str]:
    if name is None:
        yield "the name is missing"
    elif not _KEY.fullmatch(name):
        yield f"the name {shown(name)} is not 1 to 31 letters, digits or underscores"


@dataclass(frozen=True)
class Props(Uplink):
    """``props NAME VALUE ...``: report properties by name (legacy)."""

    NAME: ClassVar[str] = "props"
    props: tuple[tuple[str, Value], ...]

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read the pairs, divided by spaces or commas."""
        cursor.divide(legacy_tokens_of(cursor.text))
        if len(cursor) % 2:
            last = shown(cursor.left()[-1])
            cursor.blame(f"{last} has no value: properties come as name and value, in pairs")
        props = tuple([(cursor.word(_QUOTED_KEY) or "", cursor.value()) for _ in range(len(cursor) // 2)])
        cursor.rest()
        return cls(props)

    def check(self) -> Iterator[str]:
        """At least one pair, names of word characters."""
        if not self.props:
            yield NO_PROPERTY
        for name, _ in self.props:
            yield from _check_key(name)


@dataclass(frozen=True)
class _Named(Uplink):
    name: str | None
    values: tuple[Value, ...] = ()

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read the name and the values, divided by spaces or commas."""
        cursor.divide(legacy_tokens_of(cursor.text))
        return cls(cursor.word(_QUOTED_KEY), cursor.values())

    def check(self) -> Iterator[str]:
        """A name of word characters."""
        yield from _check_key(self.name)

    def parameters(self) -> list[str]:
        """Return name and values."""
        return [self.name or "", *map(token, self.values)]


@dataclass(frozen=True)
class LegacyEvent(_Named):
    """``event NAME VALUE ...``: report an event by name (legacy)."""

    NAME: ClassVar[str] = "event"


@dataclass(frozen=True)
class Log(_Named):
    """``log NAME VALUE ...``: report a statistic by name (legacy)."""

    NAME: ClassVar[str] = "log"


@dataclass(frozen=True)
class Known(Uplink):
    """A command the document does not have but real modules know.

    :param word: one of :data:`EXTRAS`
    :param arguments: the parameters as they are written, quotes kept
    """

    word: str
    arguments: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """The command word."""
        return self.word

    def check(self) -> Iterator[str]:
        """A word of the list."""
        if self.word not in EXTRAS:
            yield f"{shown(self.word)} is not a command beyond the document that is known"

    def parameters(self) -> list[str]:
        """Return the parameters as they are written."""
        return list(self.arguments)

    def encode(self) -> bytes:
        """Return the line to send, CR included.

        :raises LineError: parameters that would not be read back as they are, too many, or too long a line
        """
        self.refuse()
        text = " ".join(self.tokens())
        if tuple(legacy_tokens_of(text, " ")[1:]) != self.arguments:
            raise LineError(f"{shown(text)} would not be read back with the same parameters")
        return self._sealed(len(self.arguments))

    def contents(self) -> dict[str, object]:
        """Return ``"args"`` and ``"beyond_document"``; ``"sub"`` where the first word says what to do."""
        sub = {"sub": self.arguments[0]} if self.arguments and self.word in _WITH_SUB else {}
        rest = self.arguments[len(sub) :]
        return {**sub, "args": [_argument(text) for text in rest], "beyond_document": True}


def read_known(word: str, cursor: Cursor) -> Known:
    """Read a command of :data:`EXTRAS`; its parameters are divided by spaces, braces and brackets stay together."""
    cursor.rest()
    return Known(word, tuple(legacy_tokens_of(cursor.text, " ")))


def _argument(text: str) -> object:
    if text[0] in "{[":
        try:
            return read_json(text)
        except ValueError:
            return text
    value, fault = read_value(text)
    # passwords and addresses may look like odd numbers; only what reads back as itself is one
    odd = isinstance(value, (int, float)) and not isinstance(value, bool) and str(value) != text
    return text if odd or (fault and not isinstance(value, str)) else value
