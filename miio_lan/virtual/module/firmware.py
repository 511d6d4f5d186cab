"""A firmware update of the MCU, from the module's side: the offer, the transfer if it is taken, and what the MCU says.

Source: serial document, MCU upgrade; observed module firmware (6 s, what is served meanwhile, three offers). No I/O and
no clock.
"""

from __future__ import annotations

from collections.abc import Callable

from miio_lan.uart import commands as c
from miio_lan.uart.document import (
    OFFER_TIME,
    OLDER_ECHO_ANSWER_TIME,
    UPDATE_BUSY,
    UPDATE_FW,
    UPDATE_READY,
)
from miio_lan.uart.firmware.transfer import ACK, ASK_FOR_CRC, NAK
from miio_lan.uart.firmware.xmodem import Sender
from miio_lan.uart.line import Line, LineReader
from miio_lan.uart.values import shown

OFFER = f"down {UPDATE_FW}"
NOTICE = "down MIIO_net_change updating"
_READY, _BUSY = f'"{UPDATE_READY}"', f'"{UPDATE_BUSY}"'

OFFER_PAUSE = 2.0
"""Seconds between the offers to an MCU that is busy."""
LAST_WORDS = 1.0
"""Seconds an MCU that broke off has to say why."""
FEWEST_LETTERS = 4
"""Characters of what is taken for words in the middle of a transfer."""
_ANSWERS = tuple(bytes([each]) for each in (ACK, NAK, ASK_FOR_CRC))
FIRST_OFFER_TIME = OLDER_ECHO_ANSWER_TIME
"""Seconds that a request before the first offer may take; no module gives its MCU longer for an answer."""


class FirmwareTransfer:
    """Offers an image and sends it.

    :param image: the firmware
    :param done: for whoever drives it, called when it is over
    :param notice: the MCU is told ``MIIO_net_change updating`` before the first offer
    :param offers: how often it is offered while the MCU is busy
    :param is_free: whether no request is in the MCU's hands; the offer waits for that
    :ivar failed: why it ended early, empty while it did not
    :ivar told: whether the MCU was told that the network is ``updating``
    """

    def __init__(
        self,
        image: bytes,
        now: float,
        done: Callable[[str, float], None],
        *,
        notice: bool = False,
        offers: int = 1,
        is_free: Callable[[], bool] = lambda: True,
    ) -> None:
        self.done = done
        self.failed = ""
        self.offered = False
        self.told = False
        self._image = image
        self._notice = notice
        self._offers = self._offers_left = offers
        self._is_free = is_free
        self._sender: Sender | None = None
        #: When it is offered again, None while it is; until then the module does what it always does.
        self._again_at: float | None = now
        self._until = now + OFFER_TIME
        self._give_up_at = now + FIRST_OFFER_TIME
        self._said = ""
        self._words = ""
        self._reader = LineReader()
        self._ending = ""
        self._over = False
        if is_free():
            self._offer(now)

    @property
    def over(self) -> bool:
        """Whether it came to an end, good or bad."""
        return self._over or bool(self.failed)

    @property
    def progress(self) -> int | None:
        """Percent that were sent; None while nothing is to be sent yet."""
        return None if self._sender is None else 100 * self._sender.sent // self._sender.total

    def reply(self, line: Line, now: float) -> str | None:
        """Answer a line of the MCU; None leaves it to the module."""
        if self.over:
            return None
        if self._ending:
            return self._hear_why(line)
        if self._again_at is not None:
            if now < self._again_at or not self._is_free():
                return None
            self._offer(now)
        command = c.read(line.text, direction="up")
        if isinstance(command, c.GetDown):
            return self._hand_out()
        if not self.offered or not isinstance(command, (c.Result, c.Error)):
            return "error"
        if isinstance(command, c.Error):
            self.failed = f"the MCU refused: {shown(line.text)}"
            return "ok"
        return self._on_result(line, now)

    def _offer(self, now: float) -> None:
        self._again_at = None
        self._until = now + OFFER_TIME
        self._offers_left -= 1

    def _hand_out(self) -> str:
        if self._notice:
            self._notice, self.told = False, True
            return NOTICE
        self.offered = True
        return OFFER

    def _on_result(self, line: Line, now: float) -> str:
        answer = line.text.partition(" ")[2].strip()
        if answer == _READY:
            self._sender = Sender(self._image, now)
        elif answer == _BUSY:
            if self._offers_left:
                self.offered, self._again_at = False, now + OFFER_PAUSE
                self._give_up_at = self._again_at + FIRST_OFFER_TIME
            else:
                times = (
                    f", {self._offers} offers were answered by {shown(line.text)}" if self._offers > 1 else ""
                )
                self.failed = f"the MCU is busy{times}"
        else:
            self._said = shown(line.text)
            return "error"
        return "ok"

    def _hear_why(self, line: Line) -> str | None:
        """Take what an MCU says right after it broke the transfer off: why, or that it starts again."""
        command = c.read(line.text, direction="up")
        known = not isinstance(command, c.Noise)
        if known and not isinstance(command, c.Error):
            self.failed = self._ending
            return None
        if not line.text:
            return None
        self.failed = f"{self._ending}, and said {shown(line.text)}"
        return "ok" if known else "error"

    def receive(self, data: bytes, now: float) -> bytes:
        """Take bytes of the MCU; returned are those that are lines."""
        if self._sender is None or self._ending or self.over:
            return data
        rest = self._sender.receive(data, now)
        self._overhear(data[: len(data) - len(rest)], now)
        self._look_at(self._sender, now)
        return rest

    def take_output(self) -> bytes:
        """Drain the blocks to be sent."""
        return self._sender.take_output() if self._sender is not None else b""

    @property
    def deadline(self) -> float | None:
        """When :meth:`tick` is next wanted, monotonic seconds; None for never."""
        if self._sender is not None and not self._ending:
            return self._sender.deadline
        return self._until if self._again_at is None or self._ending else self._give_up_at

    def tick(self, now: float) -> None:
        """Do what is due."""
        if self.over:
            return
        if self._ending:
            if now >= self._until:
                self.failed = self._ending
        elif self._sender is not None:
            self._sender.tick(now)
            self._look_at(self._sender, now)
        elif self._again_at is not None:
            if now >= self._give_up_at:
                self.failed = "the MCU did not fetch update_fw"
        elif now >= self._until:
            self.failed = self._unanswered()

    def _overhear(self, data: bytes, now: float) -> None:
        """Look for words among the bytes of the transfer: some bootloaders print why they do not go on."""
        if data in _ANSWERS or self._words:
            return
        for line in self._reader.feed(data, now):
            text = line.text.lstrip("C ")
            if len(text) >= FEWEST_LETTERS:
                self._words = f"; the MCU said {shown(text)}"
                return

    def _look_at(self, sender: Sender, now: float) -> None:
        self._over = sender.done
        failed = sender.failed and sender.failed + self._words
        if sender.cancelled:
            self._ending = failed
            self._until = now + LAST_WORDS
        else:
            self.failed = failed

    def _unanswered(self) -> str:
        if self._said:
            return f"the MCU answered update_fw by {self._said}, not by {_READY} or {_BUSY}"
        if self.offered:
            return f"the MCU did not answer update_fw by {_READY} or {_BUSY}"
        return "the MCU did not fetch update_fw"
