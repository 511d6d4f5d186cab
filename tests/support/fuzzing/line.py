"""What reads the line: commands, listeners, both virtual ends, firmware transfers; and texts, as people see them."""

from __future__ import annotations

import json
import random
from contextlib import suppress

from support.fuzzing.material import LINES, TOKEN
from support.hostile import steering

from miio_lan.acceptance.judging import judgement_of
from miio_lan.cli.uart.decode import as_text
from miio_lan.device.description.spec import Spec
from miio_lan.foreign import excerpt, printable, printable_json
from miio_lan.record import Record, as_line
from miio_lan.record.redact import redact, redact_typed
from miio_lan.uart.commands import read
from miio_lan.uart.firmware.xmodem import Receiver, Sender
from miio_lan.uart.line import LineReader, split, split_legacy
from miio_lan.uart.listening.overhearing import Overhearing
from miio_lan.uart.pieces import pieces
from miio_lan.uart.values import read_json, read_value
from miio_lan.virtual.mcu.mcu import Mcu
from miio_lan.virtual.module.module import Module
from miio_lan.virtual.module.profile import PROFILES

_HANDED_OUT = [read(each, direction="down") for each in LINES if each.startswith(b"down ")]
_ASKED = [
    read(each, direction="up") for each in (b"get_down\r", b"net\r", b"help\r", b"time posix\r", b"mac\r")
]
_TASKS = ("get_properties 2 1 2 2", "set_properties 2 1 true", "action 2 1", "set_power 1", "update_fw")


def _is_down(line: bytes, drawn: float) -> bool:
    """Say who says a line: most often, whoever would."""
    return line.startswith((b"down", b"ok", b"error\r")) == (drawn < 0.9)


class Lines:
    """Lines, read in one direction or the other: as an answer or reply to something, and now and then by themselves."""

    def __init__(self, rng: random.Random) -> None:
        self._draw = rng.random
        self._count = rng.randrange(1000)

    def read(self, line: bytes) -> bool:
        number = self._count = self._count + 1
        down = _is_down(line, self._draw())
        if down:
            command = read(line, direction="down", pending=_ASKED[number % len(_ASKED)])
        else:
            command = read(line, direction="up", pending=_HANDED_OUT[number % len(_HANDED_OUT)])
        json.dumps(command.as_json())
        if number % 4 == 0:
            alone = read(line, direction="down" if down else "up")
            hash(repr(alone))
            pieces(alone.line)
        return command.valid

    def end(self) -> None:
        pass


class Listener:
    """Somebody who listens to a line: its bytes become records, and in the end exchanges and a judgement."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._told: list[Record] = []
        self._heard = Overhearing(self._told.append, wall=lambda instant: instant)
        self._shown = 0
        self._now = 0.0

    def read(self, data: bytes) -> bool:
        draw = self._rng.random
        down = _is_down(data, draw())
        self._now += (0.001, 0.05, 0.2, 0.2, 5.0)[int(draw() * 5)]
        at = int(draw() * len(data)) if draw() < 0.3 else len(data)
        for part in (data[:at], data[at:]):
            self._heard.feed("down" if down else "up", part, self._now)
        self._heard.tick(self._now)
        for record in self._told[self._shown :]:
            as_line(record)
            as_text(record)
        heard = len(self._told) - self._shown
        self._shown = len(self._told)
        return heard > 0

    def end(self) -> None:
        self._heard.flush()
        judgement_of(self._told)


class Ends:
    """The virtual module and the virtual MCU, each with a peer who says anything; and both ends of a transfer."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._now = 100.0
        self._module = Module(
            device_id=5, token=TOKEN, profile=rng.choice(sorted(PROFILES)), provisioned=rng.random() < 0.8
        )
        self._mcu = Mcu(Spec.shipped("lamp"), rng=random.Random(1))
        self._module.start(self._now)
        self._mcu.start(self._now)
        self._reader = LineReader()
        self._count = 0
        self._begin_transfers()

    def _begin_transfers(self) -> None:
        self._sender = Sender(b"x" * 300, self._now)
        self._receiver = Receiver(self._now, crc=self._rng.random() < 0.7)

    def read(self, data: bytes) -> bool:
        self._now += 0.1
        self._count += 1
        if self._count % 8 == 0:
            self._task()
        self._module.receive_uart(data, self._now)
        self._mcu.receive(data, self._now)
        for each in (self._module, self._mcu):
            each.tick(self._now)
        self._reader.feed(data, self._now)
        self._transfer(data)
        return bool(self._module.take_uart()) | bool(self._mcu.take_output())

    def _task(self) -> None:
        """Let the MCU be handed something, or the module have firmware to send, or either restart."""
        what = self._rng.randrange(12)
        if what == 0:
            self._module.send_firmware(b"x" * 300, self._now, lambda *_: None)
        elif what == 1:
            self._module.restart(self._now)
        elif what == 2:
            self._mcu.start(self._now)
        elif what == 3:
            self._now += self._rng.choice((2.0, 7.0, 40.0))
        elif self._module.up:
            self._module.hand_out(self._rng.choice(_TASKS), self._now, lambda *_: None)

    def _transfer(self, data: bytes) -> None:
        for end in (self._sender, self._receiver):
            if not end.over:
                end.receive(data, self._now)
                end.tick(self._now)
            end.take_output()
        if self._sender.over or self._receiver.over:
            self._begin_transfers()

    def end(self) -> None:
        self._reader.flush()


class Texts:
    """Any text, as people get to see it and as it is taken apart."""

    def __init__(self, rng: random.Random) -> None:
        pass

    def read(self, data: bytes) -> bool:
        text = data.decode("utf-8", "surrogateescape")
        for shown in (printable(text), printable(text, rows=True), excerpt(text)):
            assert shown.isascii() or not steering(shown)
        printable_json(text)
        hidden = redact(text)
        redact_typed(text, ["hunter2"])
        split(text)
        split_legacy(text)
        pieces(text)
        read_value(text)
        with suppress(ValueError):
            read_json(text)
        return hidden != text

    def end(self) -> None:
        pass
