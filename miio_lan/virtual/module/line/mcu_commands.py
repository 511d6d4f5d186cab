"""The module's replies to what its MCU says, one method per command of the serial document."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Protocol

from miio_lan.uart import commands as c
from miio_lan.uart.document import BLE_PIDS, UNDEFINED_CODE
from miio_lan.uart.line import OVERLONG, Line, split
from miio_lan.virtual.module.chip import Chip
from miio_lan.virtual.module.line.console import MAX_LINE_BYTES
from miio_lan.virtual.module.line.mcu_queue import McuQueue
from miio_lan.virtual.module.line.reports import ReportPacer
from miio_lan.virtual.module.profile import Profile

HELP = (
    ("model", "[<model_name_string>]"),
    ("mcu_version", "<mcu_version_string>"),
    ("ble_config", "set <pid> <ble_version> | dump"),
    ("get_down", ""),
    ("result", "<value1> <value2> ..."),
    ("error", '"<message>" <error_code>'),
    ("properties_changed", "<siid> <piid> <value> ..."),
    ("event_occured", "<siid> <eiid> [<piid> <value> ...]"),
    ("echo", "on | off"),
    ("reboot", ""),
    ("restore", ""),
    ("factory", ""),
    ("net", ""),
    ("time", "[posix]"),
    ("mac", ""),
    ("version", ""),
    ("help", ""),
)


_DROPPED = bytes(byte for byte in range(256) if not 0x20 <= byte <= 0x7E)


class UartBoard(Protocol):
    """What the commands need of the module around them."""

    chip: Chip
    profile: Profile
    queue: McuQueue
    reports: ReportPacer

    @property
    def net(self) -> str:
        """The network state."""

    def schedule(self, what: str, now: float) -> None:
        """Have ``reboot``, ``restore`` or ``factory`` happen after its time."""

    def set_echo(self, on: bool) -> None:
        """Send back what is received from now on, or no longer."""

    def wall(self, now: float) -> float:
        """Seconds since 1970."""

    def report(self, method: str, params: object, now: float) -> None:
        """Note a legacy report."""


class McuCommands:
    """Answers the lines of the MCU."""

    def __init__(self, board: UartBoard) -> None:
        self._board = board
        self._strict = board.profile.strict
        self._handlers: dict[type[c.Command], Callable[..., str | None]] = {
            c.Model: self._model,
            c.McuVersion: self._mcu_version,
            c.BleConfig: self._ble_config,
            c.GetDown: self._get_down,
            c.Error: self._error,
            c.PropertiesChanged: self._properties_changed,
            c.EventOccured: self._event_occured,
            c.Echo: self._echo,
            c.Reboot: self._control,
            c.Restore: self._control,
            c.Factory: self._control,
            c.Net: self._net,
            c.Time: self._time,
            c.Mac: self._mac,
            c.Version: self._version,
            c.Help: self._help,
        }
        if board.profile.legacy_reports:
            self._handlers |= dict.fromkeys((c.Props, c.LegacyEvent, c.Log), self._legacy_report)

    def answer(self, line: Line, now: float) -> str | None:
        """Give the reply to a line, None where there is none."""
        # What is not printable is dropped before it counts; spaces at the end are not.
        kept = len(line.raw.translate(None, _DROPPED))
        too_long = kept > self._board.profile.longest or len(line.raw) >= MAX_LINE_BYTES
        if OVERLONG in line.problems and too_long:
            # Firmware throws such a line away without a word; the document knows only ok and error.
            return "error" if self._strict else None
        command = c.read(line.text, direction="up")
        if isinstance(command, c.Result):
            return _ok(self._board.queue.answer(line.text.partition(" ")[2], now))
        handler = self._handlers.get(type(command))
        if handler is None:
            return self._unknown(line.text)
        if self._strict and not command.valid:
            return "error"
        reply: str | None = handler(command, now)
        return reply

    def _unknown(self, text: str) -> str:
        word = text.partition(" ")[0]
        profile = self._board.profile
        if word in profile.extras:
            return profile.extras[word].format(fw=self._board.chip.firmware)
        if word == "store" and profile.legacy_reports:
            return "ok"
        return profile.unknown_reply.format(word)

    def _model(self, command: c.Model, now: float) -> str | None:  # noqa: ARG002 - every handler has the same form
        chip = self._board.chip
        if command.name is None:
            # A reply of no length is never sent; the document has no word for "no model".
            return chip.model or (None if self._board.profile.silent_queries else "error")
        if c.model_fault(command.name):
            return "error"
        chip.model = command.name
        return "ok"

    def _mcu_version(self, command: c.McuVersion, now: float) -> str:  # noqa: ARG002
        if c.version_fault(command.version):
            return "error"
        self._board.chip.mcu_version = command.version
        return "ok"

    def _ble_config(self, command: c.BleConfig, now: float) -> str | None:  # noqa: ARG002
        chip = self._board.chip
        if not chip.dual_mode:
            chip.missed_bluetooth = True
            return self._unknown("ble_config")
        if command.sub == "dump":
            return chip.ble_dump
        if command.sub is None and self._board.profile.silent_queries:
            return None
        if command.sub != "set" or command.pid is None or command.pid not in BLE_PIDS:
            return "error"
        version = command.version
        wrong = version is not None and (c.version_fault(version) or chip.mcu_version not in {None, version})
        if wrong:
            return "error"
        chip.set_ble(command.pid, version)
        return "ok"

    def _get_down(self, command: c.GetDown, now: float) -> str:  # noqa: ARG002
        return self._board.queue.get_down(now)

    def _error(self, command: c.Error, now: float) -> str:
        profile = self._board.profile
        code, message = command.code, command.message
        if code is None or code not in profile.error_codes:
            code = UNDEFINED_CODE
        if not message or '"' not in command.line:
            message = profile.undefined_text
        return _ok(self._board.queue.refuse(code, message, now))

    def _properties_changed(self, command: c.PropertiesChanged, now: float) -> str:
        if not command.changes or (len(split(command.line)) - 1) % 3:
            return "error"
        return _ok(self._board.reports.change(command.changes, now))

    def _event_occured(self, command: c.EventOccured, now: float) -> str:
        if command.siid is None or command.eiid is None or (len(split(command.line)) - 1) % 2:
            return "error"
        return _ok(self._board.reports.event(command.siid, command.eiid, command.args, now))

    def _legacy_report(self, command: c.Props | c.LegacyEvent | c.Log, now: float) -> str:
        if not command.valid:
            return "error"
        if isinstance(command, c.Props):
            self._board.report("props", dict(command.props), now)
        else:
            self._board.report(f"{command.NAME}.{command.name}", list(command.values), now)
        return "ok"

    def _echo(self, command: c.Echo, now: float) -> str:  # noqa: ARG002
        if command.state not in {"on", "off"}:
            return "error"
        self._board.set_echo(command.state == "on")
        return "ok"

    def _control(self, command: c.Reboot | c.Restore | c.Factory, now: float) -> str:
        self._board.schedule(command.NAME, now)
        return "ok"

    def _net(self, command: c.Net, now: float) -> str:  # noqa: ARG002
        return self._board.net

    def _time(self, command: c.Time, now: float) -> str:
        seconds = self._board.wall(now)
        if command.posix:
            return str(int(seconds))
        hours = self._zone(command.line)
        moment = datetime.fromtimestamp(int(seconds), tz=timezone(timedelta(hours=hours)))
        hour = f"{moment.hour:02}" if self._board.profile.padded_hour else str(moment.hour)
        return f"{moment:%Y-%m-%d} {hour}:{moment:%M:%S}"

    def _zone(self, line: str) -> int:
        """The zone number newer modules take; out of range means China's."""
        asked = split(line)[1:]
        if not asked or not self._board.profile.zone_argument:
            return self._board.chip.zone
        try:
            zone = int(asked[0])
        except ValueError:
            return 8
        return zone if -12 <= zone <= 12 else 8

    def _mac(self, command: c.Mac, now: float) -> str:  # noqa: ARG002
        return self._board.chip.mac

    def _version(self, command: c.Version, now: float) -> str:  # noqa: ARG002
        return self._board.profile.protocol_version or self._board.chip.firmware

    def _help(self, command: c.Help, now: float) -> str:  # noqa: ARG002
        columns, dual_mode = self._board.profile.help_indent, self._board.chip.dual_mode
        known = [each for each in HELP if dual_mode or each[0] != "ble_config"]
        return "\r\n".join(f"{name:<{columns}} {parameters}".strip() for name, parameters in known)


def _ok(accepted: bool) -> str:
    return "ok" if accepted else "error"
