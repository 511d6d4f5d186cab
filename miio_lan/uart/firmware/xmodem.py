"""Both ends of an XMODEM firmware transfer: the module sends, the MCU receives.

Source: serial document, MCU upgrade; observed module firmware (how long it waits, how often it repeats, how it fills
the last block). No I/O and no clock: bytes and the time come in, bytes and deadlines come out.
"""

from __future__ import annotations

from collections.abc import Callable

from miio_lan.uart.commands import UPLINKS
from miio_lan.uart.document import (
    ACK_WAIT,
    BLOCK_TRIES,
    EOT_TRIES,
    EOT_WAIT,
    ESP_FIRMWARE_LIMIT,
    START_TRIES,
    START_WAIT,
)
from miio_lan.uart.firmware.transfer import ACK, ASK_FOR_CRC, BLOCK_HEAD, CAN, EOT, NAK, SIZES, SOH, check_of

BLOCK = SIZES[SOH]
"""Data bytes of a block the sender makes."""
END = 0x1A
"""The byte behind the last one of the image; the rest of the block is filled with 0xFF."""
BLOCK_SILENCE = 0.2
"""Seconds without a byte after which a block, or noise, is over; a block lasts 12 ms (90 ms if it is a long one)."""

_WORDS = tuple(word.encode() for word in (*UPLINKS, "result"))
_SURELY_A_LINE = 3
"""Letters of a command that noise does not make."""

CANCEL = bytes([CAN] * 3)


def padded(image: bytes) -> bytes:
    """Fill an image up to whole blocks; one that fills them exactly gets one more."""
    marked = image + bytes([END])
    return marked + b"\xff" * (-len(marked) % BLOCK)


def stripped(data: bytes) -> bytes:
    """Take off again what :func:`padded` added."""
    return data.rstrip(b"\xff").removesuffix(bytes([END]))


def block(number: int, data: bytes, *, crc: bool) -> bytes:
    """Make a block of 128 bytes.

    :param number: counted from 1; its lowest eight bits are sent
    :param crc: CRC-16, else the sum of the bytes
    """
    number &= 0xFF
    return bytes([SOH, number, 0xFF - number]) + data + check_of(data, crc=crc)


class _End:
    """What both ends have.

    :ivar done: everything was transferred
    :ivar failed: why it ended early, empty while it did not
    """

    def __init__(self) -> None:
        self.done = False
        self.failed = ""
        self.deadline: float | None = None
        self._out = bytearray()
        self._tries = 0

    @property
    def over(self) -> bool:
        """Whether it came to an end, good or bad."""
        return self.done or bool(self.failed)

    def take_output(self) -> bytes:
        """Drain what is to be sent to the other end."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def _finish(self) -> None:
        self.done = True
        self.deadline = None

    def _fail(self, reason: str, farewell: bytes = CANCEL) -> None:
        self.failed = reason
        self.deadline = None
        self._out += farewell


class Sender(_End):
    """The module's end.

    :param image: the firmware
    :param now: monotonic seconds from which the receiver has 32 s to ask for the first block
    :ivar sent: bytes that were acknowledged, padding included
    :ivar total: bytes there are to send, padding included
    :ivar cancelled: whether the receiver broke it off
    """

    def __init__(self, image: bytes, now: float) -> None:
        super().__init__()
        self._data = padded(image)
        self.sent = 0
        self.total = len(self._data)
        self._crc: bool | None = None
        self._cans = 0  # without anything between them
        self.cancelled = False
        self._ending = False
        self._line = bytearray()  # of the line that the receiver seems to say behind the end
        self.deadline = now + START_TRIES * START_WAIT

    def receive(self, data: bytes, now: float) -> bytes:
        """Take bytes from the receiver.

        :return: those behind the end of the transfer, which are lines again
        """
        for at, byte in enumerate(data):
            if self.over:
                return data[at:]
            if self._ending and self._is_line(byte):
                self._finish()
                return bytes(self._line) + data[at + 1 :]
            self._cans = self._cans + 1 if byte == CAN else 0
            if self._cans == 2:
                self._cancel()
            elif self._answered(byte, now) and not self.over:
                # What came before a block went out is not about that block, but may end them all.
                _, cans, rest = data[at + 1 :].partition(bytes([CAN, CAN]))
                if cans:
                    self._out.clear()
                    self._cancel()
                return rest
        return b""

    def _cancel(self) -> None:
        self.cancelled = True
        self._fail("the receiver cancelled the transfer", bytes([ACK]))

    def _is_line(self, byte: int) -> bool:
        """Tell whether a byte shows that the receiver has begun to say lines: it has all, its last word was lost."""
        self._line.append(byte)
        if not any(word.startswith(bytes(self._line)) for word in _WORDS):
            self._line.clear()
        return len(self._line) >= _SURELY_A_LINE

    def _answered(self, byte: int, now: float) -> bool:
        """Do what a byte asks for; whether something was sent."""
        if self._crc is None:
            if byte not in (ASK_FOR_CRC, NAK):
                return False
            self._crc = byte == ASK_FOR_CRC
            self._send(now)
        elif byte == ACK and self._ending:
            self._finish()
        elif byte == ACK:
            self._tries = 0
            self.sent += BLOCK
            self._ending = self.sent >= self.total
            self._send(now)
        elif byte == NAK:
            self._again(now)
        else:
            return False
        return True

    def tick(self, now: float) -> None:
        """Repeat, or give up, what was not answered in time."""
        if self.deadline is None or now < self.deadline:
            return
        if self._crc is None:
            self._fail(f"the receiver did not ask for the first block within {START_TRIES * START_WAIT:g} s")
        else:
            self._again(now)

    def _again(self, now: float) -> None:
        self._tries += 1
        if self._ending and self._tries >= EOT_TRIES:
            self._fail(f"the end was not acknowledged {EOT_TRIES} times")
        elif self._tries > BLOCK_TRIES:
            self._fail(
                f"block {self.sent // BLOCK + 1} was not acknowledged, though repeated {BLOCK_TRIES} times"
            )
        else:
            self._send(now)

    def _send(self, now: float) -> None:
        if self._ending:
            self._out.append(EOT)
            self.deadline = now + EOT_WAIT
        else:
            part = self._data[self.sent : self.sent + BLOCK]
            self._out += block(self.sent // BLOCK + 1, part, crc=bool(self._crc))
            self.deadline = now + ACK_WAIT


class Receiver(_End):
    """The MCU's end.

    :param now: monotonic seconds; it asks for the first block at once
    :param crc: ask for blocks with a CRC first; False for one that only knows sums
    :param largest: bytes of the largest image it has room for
    :param check: looks at the whole image before its end is acknowledged; the words it gives refuse it
    :ivar refused: whether it failed by those words
    """

    def __init__(
        self,
        now: float,
        *,
        crc: bool = True,
        largest: int = ESP_FIRMWARE_LIMIT,
        check: Callable[[bytes], str] | None = None,
    ) -> None:
        super().__init__()
        self._crc = crc
        self._largest = largest
        self._check = check
        self.refused = False
        self._image = bytearray()
        self._buffer = bytearray()
        self._noise = False
        self._expected = 1
        self._ask(now)

    @property
    def image(self) -> bytes:
        """What came, without the padding once it is :attr:`done`."""
        return stripped(bytes(self._image)) if self.done else bytes(self._image)

    @property
    def taken(self) -> int:
        """Bytes that were acknowledged, padding included."""
        return len(self._image)

    def cancel(self, reason: str) -> None:
        """Break it off, whatever is under way."""
        if not self.over:
            self._fail(reason)

    def receive(self, data: bytes, now: float) -> None:
        """Take bytes from the sender."""
        if self.over or not data:
            return
        self._buffer += data
        self.deadline = now + BLOCK_SILENCE
        if not self._noise:
            self._take(now)

    def tick(self, now: float) -> None:
        """Ask again, refuse what is incomplete, or give up."""
        if self.deadline is None or now < self.deadline:
            return
        buffer, noise = bytes(self._buffer), self._noise
        self._buffer.clear()
        self._noise = False
        if not noise and buffer == bytes([EOT]) and self._image:
            # Not before nothing follows: an altered first byte of a block may look like it.
            self._end()
        else:
            self._ask(now)

    def _end(self) -> None:
        """Take the image, or refuse it: a sender that hears CAN knows that nothing will be done with it."""
        if self._check is not None and (words := self._check(stripped(bytes(self._image)))):
            self.refused = True
            self._fail(words)
        else:
            self._out.append(ACK)
            self._finish()

    def _ask(self, now: float) -> None:
        self._tries += 1
        self.deadline = now + START_WAIT
        begun = bool(self._image)
        if self._crc and not begun and self._tries > START_TRIES:
            self._crc = False
            self._tries = 1
        if self._tries <= (BLOCK_TRIES if begun else START_TRIES):
            self._out.append(ASK_FOR_CRC if self._crc and not begun else NAK)
        elif begun:
            self._fail(f"no whole block {self._expected} came, though asked for {BLOCK_TRIES} times")
        else:
            self._fail("no first block came")

    def _take(self, now: float) -> None:
        buffer = self._buffer
        while buffer and not self.over and not self._noise:
            if buffer[:2] == bytes([CAN, CAN]):
                self._fail("the sender cancelled the transfer", bytes([ACK]))
            elif buffer[0] in SIZES and (len(buffer) < BLOCK_HEAD or buffer[1] ^ buffer[2] == 0xFF):
                body = BLOCK_HEAD + SIZES[buffer[0]]
                need = body + (2 if self._crc else 1)
                if len(buffer) < need:
                    return
                number, data, check = buffer[1], bytes(buffer[BLOCK_HEAD:body]), buffer[body:need]
                del buffer[:need]
                self._noise = check != check_of(data, crc=self._crc)
                if not self._noise:
                    self._on_block(number, data, now)
            else:
                # A lone EOT or CAN waits for what follows, or does not.
                self._noise = not (len(buffer) == 1 and buffer[0] in (EOT, CAN))
                return

    def _on_block(self, number: int, data: bytes, now: float) -> None:
        if number == self._expected & 0xFF:
            if len(self._image) + len(data) > self._largest + max(SIZES.values()):
                self._fail(f"the image is larger than {self._largest} bytes")
                return
            self._image += data
            self._expected += 1
        elif not self._image or number != (self._expected - 1) & 0xFF:
            self._fail(f"block {number} came instead of {self._expected & 0xFF}")
            return
        self._tries = 0
        self.deadline = now + START_WAIT
        self._out.append(ACK)
