"""A firmware update of the MCU, from the module's side: the offer, and the transfer when it is taken.

Source: serial document, MCU upgrade; observed module firmware (6 s, what is served meanwhile). No I/O and no clock.
"""

from __future__ import annotations

from collections.abc import Callable

from miio_lan.uart import commands as c
from miio_lan.uart.document import OFFER_TIME, UPDATE_BUSY, UPDATE_FW, UPDATE_READY
from miio_lan.uart.firmware.xmodem import Sender
from miio_lan.uart.line import Line
from miio_lan.uart.values import shown
from miio_lan.virtual.module.update import FirmwareUpdate

OFFER = f"down {UPDATE_FW}"
_READY, _BUSY = f'"{UPDATE_READY}"', f'"{UPDATE_BUSY}"'


class FirmwareTransfer:
    """Offers an image and sends it.

    :param image: the firmware
    :param done: for whoever drives it, called when it is over
    :ivar failed: why it ended early, empty while it did not
    """

    def __init__(self, image: bytes, now: float, done: Callable[[str, float], None]) -> None:
        self.done = done
        self.failed = ""
        self.offered = False
        self._image = image
        self._sender: Sender | None = None
        self._until = now + OFFER_TIME
        self._said = ""

    @property
    def over(self) -> bool:
        """Whether it came to an end, good or bad."""
        return bool(self.failed) or (self._sender is not None and self._sender.done)

    def show(self, update: FirmwareUpdate) -> None:
        """Say how far it is where the LAN asks for it; an update that runs by itself there is left alone."""
        if update.scripted:
            return
        if self.failed:
            update.report("failed")
        elif self.over:
            update.report("installed")
        elif self._sender is not None:
            update.report("installing", 100 * self._sender.sent // self._sender.total)

    def reply(self, line: Line, now: float) -> str | None:
        """Answer a line of the MCU; None leaves it to the module."""
        if self.over:
            return None
        command = c.read(line.text, direction="up")
        if isinstance(command, c.GetDown):
            self.offered = True
            return OFFER
        if not self.offered or not isinstance(command, (c.Result, c.Error)):
            return "error"
        if isinstance(command, c.Error):
            self.failed = f"the MCU refused: {shown(line.text)}"
            return "ok"
        answer = line.text.partition(" ")[2].strip()
        if answer == _READY:
            self._sender = Sender(self._image, now)
        elif answer == _BUSY:
            self.failed = "the MCU is busy"
        else:
            self._said = f", but said {shown(line.text)}"
            return "error"
        return "ok"

    def receive(self, data: bytes, now: float) -> bytes:
        """Take bytes of the MCU; returned are those that are lines."""
        if self._sender is None:
            return data
        rest = self._sender.receive(data, now)
        self.failed = self._sender.failed
        return rest

    def take_output(self) -> bytes:
        """Drain the blocks to be sent."""
        return self._sender.take_output() if self._sender is not None else b""

    @property
    def deadline(self) -> float | None:
        """When :meth:`tick` is next wanted, monotonic seconds; None for never."""
        return self._until if self._sender is None else self._sender.deadline

    def tick(self, now: float) -> None:
        """Do what is due."""
        if self._sender is not None:
            self._sender.tick(now)
            self.failed = self._sender.failed
        elif not self.failed and now >= self._until:
            self.failed = (
                f"the MCU did not answer update_fw by {_READY} or {_BUSY}{self._said}"
                if self.offered
                else "the MCU did not fetch update_fw"
            )
