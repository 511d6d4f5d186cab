"""The virtual MCU's bootloader: it asks for firmware, receives it, checks it, and says so when it does not want it.

Source: serial document, update_fw; observed MCUs (when they reset, how their bootloaders poll), Xiaomi's sample
receiver. No I/O and no clock: bytes and the time come in, bytes and deadlines come out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from miio_lan.errors import SpecError
from miio_lan.given import checked_word
from miio_lan.uart.document import ESP_FIRMWARE_LIMIT, START_TRIES, START_WAIT, UPDATE_FW, UPDATE_READY
from miio_lan.uart.firmware.transfer import CAN
from miio_lan.uart.firmware.xmodem import Receiver
from miio_lan.uart.line import LineReader, seal
from miio_lan.virtual.image import read_image

POLL_EVERY = 0.05
"""Seconds between its polls (observed: faster than every 100 ms)."""
POLL_FOR = 1.0
"""Seconds it polls for ``update_fw`` before it starts the application (observed)."""
REPLY_WAIT = 0.5
"""Seconds it waits for the module's reply to its last words."""
REFUSAL_CODE = -5004
"""The code beside the words that refuse an image."""
TOLD_EVERY = 64 * 1024
"""Bytes between two words about the progress."""

Tell = Callable[[str], object]
RESETS: dict[str, str] = {
    "ready": "answers in the application, and resets once the module has said ok",
    "offer": "resets on update_fw without a word; its bootloader polls, and answers",
    "updating": "resets on MIIO_net_change updating; its bootloader polls, and answers",
}
"""When an MCU leaves its application for its bootloader."""
FAULTS: dict[str, str] = {
    "mute": "never asks for the first block",
    "cancels": "cancels in the middle (CAN CAN)",
    "resets": "loses power in the middle, and starts with the old firmware",
}
"""What may go wrong in a bootloader."""


@dataclass
class BootloaderSettings:
    """How a bootloader behaves; may be changed at any time, and counts from the next update on.

    :param reset: when the MCU leaves for it, one of :data:`RESETS`
    :param crc: it asks for blocks with a CRC; else with a sum
    :param largest: bytes of the largest image it has room for
    :param refusal: the words with which it refuses every image, empty for none
    :param fault: one of :data:`FAULTS`, empty for none
    :param fault_at: bytes after which that happens, where it happens in the middle
    :raises InvalidArgument: for a word that there is not
    """

    reset: str = "ready"
    crc: bool = True
    largest: int = ESP_FIRMWARE_LIMIT
    refusal: str = ""
    fault: Literal["", "mute", "cancels", "resets"] = ""
    fault_at: int = 8 * 128

    def __post_init__(self) -> None:
        checked_word("reset", self.reset, RESETS)
        if self.fault != "":
            checked_word("fault", self.fault, FAULTS)

    def check(self, image: bytes) -> str:
        """Look at a whole image; give the words that refuse it, empty when it is taken."""
        if self.refusal:
            return self.refusal
        if len(image) > self.largest:
            return f"image too large, room for {self.largest} bytes"
        if not image:
            return "empty image"
        head = read_image(image)
        if head.fault:
            return "damaged image head"
        return "image for the module" if head.part == "module" else ""


def refusal_line(words: str) -> bytes:
    """Give the line that refuses an image.

    :raises SpecError: if the words are none for a line
    """
    if not words.isascii() or not words.isprintable() or '"' in words or "\\" in words:
        raise SpecError(f"an MCU refuses in printable ASCII without quotes, not by {words!r}")
    return seal(f'error "{words}" {REFUSAL_CODE}')


class Bootloader:
    """One stay in the bootloader.

    :param polls: it was entered without a word, and looks for ``update_fw`` first; else it receives at once
    :param tell: told what happens, in words for people
    :ivar image: the firmware, None until one was taken
    :ivar failed: why there is none; also empty when none was offered
    :ivar over: whether the application is to be started
    """

    def __init__(self, now: float, settings: BootloaderSettings, *, polls: bool, tell: Tell) -> None:
        self.image: bytes | None = None
        self.failed = ""
        self.over = False
        self._settings = settings
        self._tell = tell
        self._told = 0
        self._out = bytearray()
        self._reader = LineReader()
        self._receiver: Receiver | None = None
        self._answered = False
        self._cans = 0
        self._saying_why = False
        self._until = now + POLL_FOR
        self._poll_at: float | None = now if polls else None
        if polls:
            self.tick(now)
        else:
            self._ask(now)

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes from the module."""
        if self._receiver is not None:
            self._receiver.receive(data, now)
            self._go_on(self._receiver, now)
        elif self._poll_at is None and not self._saying_why:
            self._listen(data)
        else:
            for line in self._reader.feed(data, now):
                self._on_line(line.text, now)

    def tick(self, now: float) -> None:
        """Do what is due; see :attr:`deadline`."""
        if self.over:
            return
        if self._receiver is not None:
            self._receiver.tick(now)
            self._go_on(self._receiver, now)
        elif now >= self._until:
            self._give_up()
        elif self._poll_at is not None and now >= self._poll_at:
            self._poll_at = now + POLL_EVERY
            self._answered = False
            self._out += seal("get_down")

    def take_output(self) -> bytes:
        """Drain what is to be sent to the module."""
        data = bytes(self._out)
        self._out.clear()
        return data

    @property
    def deadline(self) -> float | None:
        """When :meth:`tick` is next wanted, monotonic seconds; None once it is over."""
        if self.over:
            return None
        if self._receiver is not None:
            return self._receiver.deadline
        return self._until if self._poll_at is None else min(self._until, self._poll_at)

    def _on_line(self, text: str, now: float) -> None:
        if self.over:
            return
        if self._saying_why:
            self.over = True
        elif text.startswith(f"down {UPDATE_FW}"):
            self._out += seal(f'result "{UPDATE_READY}"')
            self._answered = True
            self._poll_at = self._until = now + POLL_FOR
        elif text == "ok" and self._answered:
            self._poll_at = None
            self._ask(now)

    def _ask(self, now: float) -> None:
        """Begin to receive, or not."""
        if self._settings.fault == "mute":
            self._until = now + 2 * START_TRIES * START_WAIT
            return
        self._tell("receiving an image")
        settings = self._settings
        self._receiver = Receiver(now, crc=settings.crc, largest=settings.largest, check=settings.check)
        self._out += self._receiver.take_output()

    def _listen(self, data: bytes) -> None:
        """Hear the module give up, while it is mute."""
        for byte in data:
            self._cans = self._cans + 1 if byte == CAN else 0
            if self._cans == 2:
                self._give_up()

    def _give_up(self) -> None:
        if not self._saying_why and self._poll_at is None:
            self.failed = "no image came"
        self.over = True

    def _go_on(self, receiver: Receiver, now: float) -> None:
        if self._settings.fault in ("cancels", "resets") and receiver.taken >= self._settings.fault_at:
            if self._settings.fault == "resets":  # not even the last block is acknowledged
                self.failed, self.over, self._receiver = "the power was lost", True, None
                return
            receiver.cancel("it cancelled the transfer")
        self._out += receiver.take_output()
        self._report(receiver)
        if receiver.done:
            self.image, self.over = receiver.image, True
        elif receiver.failed:
            self.failed = receiver.failed
            self._receiver = None
            self._say_why(receiver, now)

    def _say_why(self, receiver: Receiver, now: float) -> None:
        """Tell the module in words what no byte of the transfer says: that the image itself is refused."""
        if receiver.refused:
            self._out += refusal_line(receiver.failed)
            self._saying_why = True
            self._until = now + REPLY_WAIT
        else:
            self.over = True

    def _report(self, receiver: Receiver) -> None:
        if receiver.taken - self._told >= TOLD_EVERY:
            self._told = receiver.taken
            self._tell(f"received {self._told // 1024} KB")
