"""The binary bytes of an XMODEM firmware transfer, told from the lines around them.

A transfer shares the line with text (serial document, MCU upgrade; 128-byte blocks with CRC-16 or an 8-bit sum), and
its blocks contain every byte, CR included. What belongs to it is cut out, so that the lines before and after stay
whole. A block is recognised by its three first bytes, which no line contains, also by a listener who came late. No I/O
and no clock.
"""

from __future__ import annotations

import re
from binascii import crc_hqx
from dataclasses import dataclass

from miio_lan.uart.commands import Direction

SOH, STX, EOT, ACK, NAK, CAN = 0x01, 0x02, 0x04, 0x06, 0x15, 0x18
ASK_FOR_CRC = 0x43
"""``C``: the receiver asks for blocks with a CRC."""

SIZES = {SOH: 128, STX: 1024}
"""Data bytes of a block by its first byte."""

HANDSHAKE = 60.0
"""Seconds from ``down update_fw`` within which a transfer may begin (observed: the sender waits 32 s after ``ok``)."""
LULL = 40.0
"""Seconds without a byte of it after which a transfer is over."""
BLOCK_PATIENCE = 0.5
"""Seconds of silence after which the rest of a block is not coming; a block lasts 12 ms (90 ms if it is a long one)."""

BLOCK_HEAD = 3
CHECKS = {"crc": 2, "sum": 1}
"""Bytes of a block's check by its kind."""
_NAMES = {ASK_FOR_CRC: "C", EOT: "EOT", ACK: "ACK", NAK: "NAK", CAN: "CAN"}
_CONTROLS: dict[Direction, re.Pattern[bytes]] = {
    # The receiver, the MCU, asks, acknowledges and refuses; the sender ends, aborts, and acknowledges being cancelled.
    "up": re.compile(rb"([C\x06\x15\x18])\1*"),
    "down": re.compile(rb"([\x04\x06\x18])\1*"),
}
_START = re.compile(rb"[\x01\x02]")


@dataclass(frozen=True, slots=True)
class Piece:
    """Some bytes of one direction: text, or a part of a transfer.

    :param instant: monotonic seconds of the read that brought the first byte
    :param reading: what the part of a transfer is; None for text
    """

    raw: bytes
    instant: float
    reading: dict[str, object] | None = None


class TransferReader:
    """One direction of the line, cut into text and parts of a transfer. Holds back a block at most.

    :param direction: controls differ: the MCU receives, the module sends
    """

    def __init__(self, direction: Direction) -> None:
        self._controls = _CONTROLS[direction]
        self._block = b""
        self._began = 0.0
        self._last = 0.0
        self._mid_line = False
        self._check = ""  # the kind that the blocks of this transfer have, as far as is known
        self._sure = False  # whether blocks have shown it
        self._begun = True  # whether a block may have come: who listens late does not know

    @property
    def deadline(self) -> float | None:
        """When :meth:`tick` is next wanted, monotonic seconds; None while no block is begun."""
        return self._last + BLOCK_PATIENCE if self._block else None

    def is_text(self, data: bytes, *, expected: bool) -> bool:
        """Tell at little cost whether bytes, which come next, are all text; nearly always they are.

        They need not be fed then.
        """
        if expected or self._block or b"\x01" in data or b"\x02" in data:
            return False
        self._mid_line = data[-1:] != b"\r"
        return True

    def feed(self, data: bytes, now: float, *, expected: bool) -> list[Piece]:
        """Take bytes read at ``now``.

        :param expected: whether a transfer is going on or announced: only then single letters can belong to it
        """
        pieces = self.tick(now)
        if self.is_text(data, expected=expected):
            return [*pieces, Piece(data, now)]
        if not self._block:
            self._began = now
        data = self._block + data
        self._last = now
        while data and (piece := self._first(data, now, expected)) is not None:
            pieces.append(piece)
            data = data[len(piece.raw) :]
            expected = expected or piece.reading is not None
            self._mid_line = piece.reading is None and not piece.raw.endswith(b"\r")
            self._began = now
        self._block = data
        return pieces

    def reset(self) -> None:
        """Expect another kind of check: the next transfer may have one."""
        self._check, self._sure, self._begun = "", False, False

    def asked(self, part: object) -> None:
        """Learn from a part that the receiver said which check it wants: by ``C`` a CRC, by a NAK at first a sum."""
        if part == _NAMES[ASK_FOR_CRC]:
            self._check, self._sure, self._begun = "crc", False, False
        elif part == _NAMES[NAK] and not self._begun:
            self._check = "sum"

    def tick(self, now: float) -> list[Piece]:
        """Give up a block whose rest is not coming."""
        return [] if self.deadline is None or now < self.deadline else self.flush()

    def flush(self) -> list[Piece]:
        """Give up what is incomplete, whatever the time."""
        data, self._block = self._block, b""
        if not data:
            return []
        if not _is_head(data):  # one or two bytes of noise after all
            return [Piece(data, self._began)]
        piece = self._first_block(data, over=True)
        return [] if piece is None else [piece]

    def _first(self, data: bytes, now: float, expected: bool) -> Piece | None:
        """Give the piece that the bytes begin with; None while it is not complete."""
        if _is_head(data):
            return self._first_block(data)
        if expected and not self._mid_line and (controls := self._controls.match(data)):
            raw = controls[0]
            if raw[0] in (EOT, CAN):
                self.reset()
            return Piece(raw, now, _reading(_NAMES[raw[0]], count=len(raw)))
        start = head_at(data)
        if start == 0:
            return None
        end = len(data) if start is None else start
        if expected and (cr := data.find(b"\r", 0, end)) >= 0:
            end = cr + 1
        return Piece(data[:end], now)

    def _first_block(self, data: bytes, *, over: bool = False) -> Piece | None:
        """Give the block that the bytes begin with; None while it is not complete.

        :param over: whether the rest is not coming: it is given as it is
        """
        self._begun = True
        body = BLOCK_HEAD + SIZES[data[0]]
        if len(data) <= body and not over:
            return None
        need = body + CHECKS[self._check or "crc"]
        kind = self._kind_of(data[BLOCK_HEAD:body], data[body : body + CHECKS["crc"]], over)
        if kind is None:
            return None
        if kind:
            self._check = kind
            return self._of_block(data[: body + CHECKS[kind]])
        # Bytes were lost or changed. Where another block begins inside, the rest belongs to that one.
        again = None if over else head_at(data[:need], BLOCK_HEAD)
        end = again or min(need, len(data))
        return self._of_block(data[:end], "wrong check" if end == need else f"cut off after {end} bytes")

    def _kind_of(self, said: bytes, check: bytes, over: bool) -> str | None:
        """Tell of which kind the check behind a block's data is; empty where it is wrong, None while that is open.

        A CRC does not fit by accident. A sum does, for one damaged block in 256, or is the first byte of a CRC whose
        second one was lost: so it shows nothing where a CRC was seen, and little where one was asked for.
        """
        crc, total = check_of(said, crc=True), check_of(said, crc=False)
        fits = check[:1] == total
        # Where both kinds begin alike, as in a block of zeros, only the next byte tells them apart.
        if self._check == "sum" and (self._sure or (fits and crc[:1] != total)):
            self._sure = True
            return "sum" if fits else ""
        if len(check) < CHECKS["crc"] and not over:
            return None
        if check == crc:
            self._sure = True
            return "crc"
        if fits and self._check != "crc":
            return "sum"
        if fits and not self._sure:
            self._check = ""  # they may be sums all the same: the next block shows it
        return ""

    def _of_block(self, raw: bytes, problem: str = "") -> Piece:
        more = {"valid": False, "problem": problem} if problem else {"check": self._check}
        return Piece(raw, self._began, _reading("block", number=raw[1], size=SIZES[raw[0]], **more))


class TransferPhase:
    """Whether a transfer is announced or going on; shared by both directions."""

    def __init__(self) -> None:
        self._until: float | None = None

    def expected(self, now: float) -> bool:
        """Whether bytes read now may belong to a transfer."""
        return self._until is not None and now <= self._until

    def announced(self, now: float) -> None:
        """The module has said ``down update_fw``."""
        self._until = max(self._until or now, now + HANDSHAKE)

    def seen(self, now: float) -> None:
        """A part of a transfer has crossed the line."""
        self._until = max(self._until or now, now + LULL)

    def over(self) -> None:
        """The MCU talks in lines again."""
        self._until = None


def check_of(data: bytes, *, crc: bool) -> bytes:
    """Give what stands behind the data of a block: their CRC-16, else the sum of the bytes."""
    return crc_hqx(data, 0).to_bytes(2, "big") if crc else bytes([sum(data) & 0xFF])


def _reading(part: str, **more: object) -> dict[str, object]:
    # "command" as in the readings of lines, so that nobody who asks for it falls over a block.
    return {"command": None, "valid": True, "transfer": part, **more}


def _is_head(data: bytes) -> bool:
    return len(data) >= BLOCK_HEAD and data[0] in SIZES and data[1] ^ data[2] == 0xFF


def head_at(data: bytes, start: int = 0) -> int | None:
    """Give the place where a block begins, or may begin once the next bytes are known."""
    for found in _START.finditer(data, start):
        at = found.start()
        if len(data) - at < BLOCK_HEAD or _is_head(data[at : at + BLOCK_HEAD]):
            return at
    return None
