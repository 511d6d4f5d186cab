"""The commands of the serial line, one class per row of the serial document, and :func:`read`, which finds it.

Reading never raises: what is no command is :class:`Noise`. Every command tells whether the line conformed
(``valid``, ``problem``), gives its neutral reading (``as_json()``), and writes itself strictly (``encode()``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Literal

from miio_lan.uart.commands.base import Command, Fielded, Noise
from miio_lan.uart.commands.cursor import Cursor
from miio_lan.uart.commands.downlink import (
    Action,
    Down,
    GetProperties,
    Legacy,
    NetChange,
    NoMethod,
    Notice,
    SetProperties,
    read_down,
)
from miio_lan.uart.commands.extras import EXTRAS, Known, LegacyEvent, Log, Props, read_known
from miio_lan.uart.commands.reply import ERROR, OK, Reply, has_form
from miio_lan.uart.commands.result import Result, read_result
from miio_lan.uart.commands.rows import Argument, PropertyId, PropertyResult, PropertyValue
from miio_lan.uart.commands.uplink import (
    BleConfig,
    Echo,
    Error,
    EventOccured,
    Factory,
    GetDown,
    Help,
    Mac,
    McuVersion,
    Model,
    Net,
    PropertiesChanged,
    Reboot,
    Restore,
    Time,
    Uplink,
    Version,
)
from miio_lan.uart.document import LINE_LIMIT, NET_STATES, STATUS_CODES, model_fault, version_fault
from miio_lan.uart.line import MAX_LINE, MAX_PARAMETERS, clean, past_prompt, tokens_of
from miio_lan.uart.values import MISSING, MissingValue, Value, shown

__all__ = [
    "ERROR", "EXTRAS", "MISSING", "NET_STATES", "OK", "STATUS_CODES", "UPLINKS", "Action", "Argument",
    "BleConfig", "Command", "Direction", "Down", "Echo", "Error", "EventOccured", "Factory", "Fielded",
    "GetDown", "GetProperties", "Help", "Known", "Legacy", "LegacyEvent", "Log", "Mac", "McuVersion",
    "MissingValue", "Model", "Net", "NetChange", "NoMethod", "Noise", "Notice", "PropertiesChanged",
    "PropertyId", "PropertyResult", "PropertyValue", "Props", "Reboot", "Reply", "Restore", "Result",
    "SetProperties", "Time", "Uplink", "Value", "Version", "has_form", "model_fault", "read",
    "version_fault",
]  # fmt: skip

Direction = Literal["up", "down"]
Text = bytes | bytearray | memoryview | str

UPLINKS: dict[str, Callable[[Cursor], Command]] = {
    kind.NAME: kind.parse
    for kind in (
        Model, McuVersion, BleConfig, GetDown, Error, PropertiesChanged, EventOccured, Echo, Reboot, Restore, Factory,
        Net, Time, Mac, Version, Help, Props, LegacyEvent, Log,
    )
}  # fmt: skip

_FIRST_NUL = re.compile(r"\s*([A-Za-z_]+)\x00(?=[ -~])")


def read(line: Text, *, direction: Direction, pending: Command | Text | None = None) -> Command:
    """Read one line, with or without its end. Never raises on anything a line can hold.

    :param direction: ``"up"`` for a line from MCU to module, ``"down"`` for one from module to MCU
    :param pending: what the line may answer: for ``"up"`` the downlink that waits for its ``result``, for ``"down"``
        the uplink command just sent; as a command, or as the line of the other direction
    :raises ValueError: ``direction`` is neither
    """
    if direction not in ("up", "down"):
        raise ValueError(f'direction is "up" or "down", not {direction!r}')
    other = _pending(pending, direction)
    text, faults = _text(line, several_lines=isinstance(other, Help) and direction == "down")
    if not text:
        return Noise(reason="no printable text" if faults else "")
    said = past_prompt(text) if direction == "down" else text
    command = _read_up(said, other) if direction == "up" else _read_down(said, other)
    if not isinstance(command, Noise):
        prompted = ("the prompt of echo mode stands before the line",) if said != text else ()
        faults = (*faults, *prompted, *command.faults, *_limits(text, command))
    return command.amended(faults=faults, line=text)


def _pending(pending: Command | Text | None, direction: Direction) -> Command | None:
    """Return the command a line may answer, whatever form it was given in."""
    if pending is not None and not isinstance(pending, Command):
        pending = _pending_down(pending) if direction == "up" else read(pending, direction="up")
    if direction == "up":
        return pending if isinstance(pending, Down) and not isinstance(pending, NoMethod) else None
    return None if isinstance(pending, (Down, Reply, Noise)) else pending


def _pending_down(pending: Text) -> Command:
    """Read a downlink that may come without the word ``down`` before it."""
    text, _ = _text(pending, several_lines=False)
    word = text.partition(" ")[0]
    bare = word not in UPLINKS and word not in ("down", "result", OK)
    return read(f"down {text}" if bare else text, direction="down")


def _text(line: Text, *, several_lines: bool) -> tuple[str, tuple[str, ...]]:
    """Return the printable text of the line and what had to be repaired."""
    if not isinstance(line, str):
        line = bytes(line).decode("utf-8", "surrogateescape")
    if line.isascii() and (text := line.strip("\r\n")).isprintable():
        return text.strip(" "), ()  # so it is nearly always: nothing to clean
    if several_lines:
        parts = [clean(part) for part in line.strip("\r\n").split("\r")]
        return "\r\n".join(text for text, _ in parts), tuple(fault for _, faults in parts for fault in faults)
    nul = _FIRST_NUL.match(line)
    if nul and (nul[1] in UPLINKS or nul[1] in ("result", "down")):
        text, faults = clean(line[: nul.end() - 1] + " " + line[nul.end() :])
        return text, ("a NUL byte where the first space belongs (an artefact of some logs)", *faults)
    return clean(line)


def _limits(text: str, command: Command) -> list[str]:
    """Say which limits of the document the line exceeds."""
    faults: list[str] = []
    if isinstance(command, Reply):
        return faults
    if len(text) > MAX_LINE:
        faults.append(f"the line has {len(text)} characters, fewer than {LINE_LIMIT} are allowed")
    if isinstance(command, Legacy):
        count = len(command.params)
    elif isinstance(command, Result):
        count = len(command.values)
    elif text.count(" ") <= MAX_PARAMETERS:
        count = 0  # no more than that, at any rate
    else:
        count = len(tokens_of(text)) - command.HEAD
    if count > MAX_PARAMETERS:
        faults.append(f"the line has {count} parameters, at most {MAX_PARAMETERS} are allowed")
    return faults


def _read_up(text: str, pending: Command | None) -> Command:
    tokens = tokens_of(text)
    word, cursor = tokens[0], Cursor(tokens[1:], text[len(tokens[0]) :].strip(" "))
    if word == "result":
        return _finish(read_result(cursor, pending if isinstance(pending, Down) else None), cursor)
    if word in UPLINKS:
        return _finish(UPLINKS[word](cursor), cursor)
    if word in EXTRAS:
        return _finish(read_known(word, cursor), cursor)
    return Noise(text=text, reason=_unknown(word))


def _unknown(word: str) -> str:
    if word in ("down", "ok"):
        return f"{word} is what a module says, not an MCU"
    if word.lower() in UPLINKS or word.lower() == "result":
        return f"{shown(word)} is no command: commands are written in lower case"
    return f"{shown(word)} is no command of the serial document"


def _read_down(text: str, pending: Command | None) -> Command:
    tokens = tokens_of(text)
    if tokens[0] == "down":
        cursor = Cursor(tokens[1:], text[len("down") :].strip(" "))
        return _finish(read_down(cursor), cursor)
    if pending is None and not has_form(text):
        return Noise(text=text, reason=f"{shown(text)} is no reply of the serial document")
    return Reply(text, pending)


def _finish(command: Command, cursor: Cursor) -> Command:
    """Add what the cursor has found out to what was read."""
    if not len(cursor) and not cursor.faults:
        return command
    unread, faults = cursor.left(), tuple(cursor.faults)
    if not faults:
        name = command.method if isinstance(command, Down) else command.command
        faults = (f"{shown(' '.join(unread))} is left over: {name} takes no more parameters",)
    return command.amended(faults=faults, unread=unread)
