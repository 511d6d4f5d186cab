"""Commands from MCU to module: the rows of the serial document, and what is known beyond it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Self

from miio_lan.uart.commands.base import Fielded, present
from miio_lan.uart.commands.cursor import Cursor
from miio_lan.uart.commands.rows import Argument, PropertyValue, check_call, check_rows
from miio_lan.uart.document import BLE_PIDS, ERROR_CODES, STATUS_CODES, model_fault, version_fault
from miio_lan.uart.line import legacy_tokens_of
from miio_lan.uart.values import shown, token


class Uplink(Fielded):
    """A command from MCU to module."""

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read the parameters: a word for each field."""
        return cls(*[cursor.word() for _ in cls.__match_args__])


@dataclass(frozen=True)
class Model(Uplink):
    """``model``: report the product's model, or ask for it (``name`` None)."""

    NAME: ClassVar[str] = "model"
    name: str | None = None

    def check(self) -> Iterator[str]:
        """Three parts, 23 characters at most."""
        if self.name is not None and (fault := model_fault(self.name)):
            yield fault

    def contents(self) -> dict[str, object]:
        """Return ``"model"`` where the line names one."""
        return present(model=self.name)


@dataclass(frozen=True)
class McuVersion(Uplink):
    """``mcu_version``: report the MCU's firmware version, four digits (a string: zeros lead)."""

    NAME: ClassVar[str] = "mcu_version"
    version: str | None

    def check(self) -> Iterator[str]:
        """Four digits."""
        if fault := version_fault(self.version):
            yield fault


@dataclass(frozen=True)
class BleConfig(Uplink):
    """``ble_config set PID VERSION`` or ``ble_config dump``."""

    NAME: ClassVar[str] = "ble_config"
    sub: str | None
    pid: int | None = None
    version: str | None = None

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read the word, and what follows a ``set``."""
        sub = cursor.word()
        return cls(sub, cursor.integer(), cursor.word()) if sub == "set" else cls(sub)

    def check(self) -> Iterator[str]:
        """A ``set`` has a pid below 65536 and the MCU's version, a ``dump`` has nothing."""
        if self.sub == "set":
            if self.pid is None:
                yield "the pid is missing, or not a number"
            elif self.pid not in BLE_PIDS:
                yield f"the pid {shown(str(self.pid))} is not between {BLE_PIDS[0]} and {BLE_PIDS[-1]}"
            if fault := version_fault(self.version):
                yield fault
        elif self.sub != "dump":
            yield "ble_config is followed by set or dump"

    def parameters(self) -> list[str]:
        """Return the word, and what follows a ``set``."""
        return super().parameters() if self.sub == "set" else [self.sub or ""]


class GetDown(Uplink):
    """``get_down``: is there a command for me?"""

    NAME: ClassVar[str] = "get_down"


class Reboot(Uplink):
    """``reboot``: restart the module."""

    NAME: ClassVar[str] = "reboot"


class Restore(Uplink):
    """``restore``: forget the network and restart the module."""

    NAME: ClassVar[str] = "restore"


class Factory(Uplink):
    """``factory``: enter the factory test mode."""

    NAME: ClassVar[str] = "factory"


class Net(Uplink):
    """``net``: ask for the network state."""

    NAME: ClassVar[str] = "net"


class Mac(Uplink):
    """``mac``: ask for the module's MAC address."""

    NAME: ClassVar[str] = "mac"


class Version(Uplink):
    """``version``: ask for the module's firmware version."""

    NAME: ClassVar[str] = "version"


class Help(Uplink):
    """``help``: ask for the list of commands."""

    NAME: ClassVar[str] = "help"


@dataclass(frozen=True)
class Time(Uplink):
    """``time`` (date and time) or ``time posix`` (seconds since 1970)."""

    NAME: ClassVar[str] = "time"
    posix: bool = False

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read the word ``posix``, if it is there."""
        if cursor.peek() != "posix":
            return cls()
        cursor.skip()
        return cls(posix=True)

    def parameters(self) -> list[str]:
        """Return the word, where it is there."""
        return ["posix"] if self.posix else []


@dataclass(frozen=True)
class Echo(Uplink):
    """``echo on`` or ``echo off``."""

    NAME: ClassVar[str] = "echo"
    state: str | None

    def check(self) -> Iterator[str]:
        """On or off."""
        if self.state not in ("on", "off"):
            yield "echo is followed by on or off"


@dataclass(frozen=True)
class Error(Uplink):
    """``error "message" code``: the MCU cannot do what the downlink asks."""

    NAME: ClassVar[str] = "error"
    message: str | None
    code: int | None

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read message and code, also without quotes, with a comma between, or the other way round."""
        texts = legacy_tokens_of(cursor.text)
        if texts != list(cursor.left()):
            cursor.divide(texts)
            cursor.blame("a comma stands where a space belongs")
        code = cursor.integer()
        if not len(cursor):
            cursor.blame("the message is missing")
            return cls(None, code)
        if code is not None:
            cursor.blame("the code stands before the message")
        return cls(_message(cursor), cursor.integer() if code is None else code)

    def check(self) -> Iterator[str]:
        """A code between -9999 and -5000."""
        if self.code is None:
            yield "the code is missing, or not a number"
        elif self.code not in ERROR_CODES:
            yield f"the code {shown(str(self.code))} is not between {ERROR_CODES[0]} and {ERROR_CODES[-1]}"

    def parameters(self) -> list[str]:
        """Return message and code."""
        return [token(self.message or ""), str(self.code)]


def _message(cursor: Cursor) -> str:
    if cursor.peek().startswith('"'):
        return str(cursor.value())
    words = [cursor.skip()]
    while len(cursor) and cursor.ahead() is None:
        words.append(cursor.skip())
    text = " ".join(words)
    cursor.blame(f"the message {shown(text)} is not in quotes")
    return text


@dataclass(frozen=True)
class PropertiesChanged(Uplink):
    """``properties_changed``: report what changed."""

    NAME: ClassVar[str] = "properties_changed"
    changes: tuple[PropertyValue, ...]

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read the triples, also where a status code or the command word slipped in between."""
        count = len(cursor)
        # Values that come in fours may be read as siid, piid, code and value (observed: hobby switches).
        fours = count % 3 != 0 and count % 4 == 0 and cursor.ahead() is not None
        coded = fours and all(cursor.ahead(at) in STATUS_CODES for at in range(2, count, 4))
        if coded:
            cursor.blame("a status code stands between the ids and the value")
        return cls(cursor.properties(coded=coded, word=cls.NAME))

    def check(self) -> Iterator[str]:
        """At least one property."""
        return check_rows(self.changes)

    def contents(self) -> dict[str, object]:
        """Return ``"properties"``."""
        return {"properties": [list(change) for change in self.changes]}


@dataclass(frozen=True)
class EventOccured(Uplink):
    """``event_occured``: report an event."""

    NAME: ClassVar[str] = "event_occured"
    siid: int | None
    eiid: int | None
    args: tuple[Argument, ...] = ()

    @classmethod
    def parse(cls, cursor: Cursor) -> Self:
        """Read the ids and the pairs."""
        return cls(*cursor.call())

    def check(self) -> Iterator[str]:
        """Both ids; arguments may be none at all."""
        return check_call(self.args, siid=self.siid, eiid=self.eiid)
