from __future__ import annotations

import io
from binascii import crc_hqx
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xmodem import XMODEM

from miio_lan.uart.firmware.transfer import ACK, CAN, EOT, NAK, TransferReader
from miio_lan.uart.firmware.xmodem import Receiver, Sender, block, padded, stripped

if TYPE_CHECKING:
    from collections.abc import Callable

    Link = Callable[[bytes], bytes]

IMAGES = [b"", b"x", bytes(127), bytes(128), b"\xff" * 200, b"\x1a" * 128, bytes(range(256)) * 140]


def clean(data: bytes) -> bytes:
    return data


class Wire:
    """Both ends and a clock that jumps to the next deadline when nothing is on the way."""

    def __init__(self, image: bytes, *, crc: bool = True, down: Link = clean, up: Link = clean) -> None:
        self.now = 100.0
        self.sender = Sender(image, self.now)
        self.receiver = Receiver(self.now, crc=crc)
        self.down, self.up = down, up
        self.traffic: list[tuple[str, bytes]] = []

    def run(self) -> Wire:
        while True:
            said = self.sender.take_output()
            answered = self.receiver.take_output()
            if said:
                self.traffic.append(("down", said))
                self.receiver.receive(self.down(said), self.now)
            if answered:
                self.traffic.append(("up", answered))
                self.sender.receive(self.up(answered), self.now)
            if said or answered:
                continue
            deadlines = [end.deadline for end in (self.sender, self.receiver) if end.deadline is not None]
            if not deadlines:
                return self
            self.now = max(self.now, min(deadlines))
            self.sender.tick(self.now)
            self.receiver.tick(self.now)


@pytest.mark.parametrize("image", IMAGES, ids=len)
@pytest.mark.parametrize("crc", [True, False])
def test_image_arrives_whole(image: bytes, crc: bool) -> None:
    wire = Wire(image, crc=crc).run()
    assert wire.sender.done
    assert wire.receiver.done
    assert wire.receiver.image == image
    assert wire.sender.sent == wire.sender.total == len(padded(image))


def test_layout_of_the_last_block() -> None:
    assert padded(b"abc") == b"abc\x1a" + b"\xff" * 124
    assert padded(bytes(128)) == bytes(128) + b"\x1a" + b"\xff" * 127
    assert padded(bytes(127)) == bytes(127) + b"\x1a"


@given(st.binary(max_size=300))
def test_padding_comes_off_again(image: bytes) -> None:
    assert len(padded(image)) % 128 == 0
    assert stripped(padded(image)) == image


def test_layout_of_a_block() -> None:
    data = bytes(range(128))
    assert block(1, data, crc=True) == b"\x01\x01\xfe" + data + crc_hqx(data, 0).to_bytes(2, "big")
    assert block(257, data, crc=False) == b"\x01\x01\xfe" + data + bytes([sum(data) & 0xFF])
    assert len(block(1, data, crc=True)) == 133


def test_first_byte_of_the_receiver_chooses_the_check() -> None:
    for first, size in ((b"C", 133), (b"\x15", 132)):
        sender = Sender(b"x", 0.0)
        sender.receive(b"ok\r" + first + b"C\x06", 1.0)
        assert len(sender.take_output()) == size
        assert sender.sent == 0  # what came in the same breath is flushed


def test_receiver_asks_for_a_crc_first_then_for_sums_then_gives_up() -> None:
    receiver = Receiver(0.0)
    said = receiver.take_output()
    times = []
    while receiver.deadline is not None:
        times.append(receiver.deadline)
        receiver.tick(receiver.deadline)
        said += receiver.take_output()
    assert said == b"C" * 16 + b"\x15" * 16 + bytes([CAN] * 3)
    assert times == [2.0 * count for count in range(1, 33)]
    assert receiver.failed == "no first block came"
    assert receiver.over
    assert not receiver.done


def test_sender_waits_32_seconds_for_the_receiver() -> None:
    sender = Sender(b"x", 10.0)
    assert sender.deadline == 42.0
    sender.tick(41.9)
    assert not sender.over
    sender.tick(42.0)
    assert "first block" in sender.failed
    assert sender.take_output() == bytes([CAN] * 3)
    sender.receive(b"C", 43.0)
    assert sender.take_output() == b""


def test_block_is_repeated_25_times() -> None:
    sender = Sender(b"x", 0.0)
    sender.receive(b"C", 0.0)
    first = sender.take_output()
    for count in range(1, 26):
        sender.tick(float(count))
        assert sender.take_output() == first
    sender.tick(26.0)
    assert "block 1 was not acknowledged" in sender.failed
    assert sender.take_output() == bytes([CAN] * 3)


def test_end_is_said_10_times() -> None:
    sender = Sender(b"x", 0.0)
    sender.receive(b"C", 0.0)
    sender.receive(bytes([ACK]), 0.0)
    said = sender.take_output()[133:]
    for count in range(1, 11):
        sender.tick(2.0 * count)
        said += sender.take_output()
    assert said == bytes([EOT] * 10 + [CAN] * 3)
    assert "end was not acknowledged" in sender.failed


def test_refused_block_is_repeated_at_once() -> None:
    sender = Sender(b"x", 0.0)
    sender.receive(b"C", 0.0)
    first = sender.take_output()
    sender.receive(bytes([NAK]), 0.1)
    assert sender.take_output() == first
    assert sender.deadline == 1.1


def ending() -> Sender:
    """A sender that has said its end and waits for the last ACK."""
    sender = Sender(b"x", 0.0)
    sender.receive(b"C", 0.1)
    sender.receive(bytes([ACK]), 0.2)
    assert sender.take_output()[-1:] == bytes([EOT])
    return sender


@pytest.mark.parametrize(
    "line", [b"model a.b.c\r", b"mcu_version 0002\r", b"get_down\r", b"\xff\x00ble_config dump\r"]
)
@pytest.mark.parametrize("size", [1, 5, 100])
def test_lines_behind_an_end_whose_ack_was_lost_are_lines(line: bytes, size: int) -> None:
    sender = ending()
    text = line + b"get_down\r"
    rest = b"".join(sender.receive(text[at : at + size], 1.0 + at / 100) for at in range(0, len(text), size))
    assert sender.done
    assert rest == text.lstrip(b"\xff\x00")


@pytest.mark.parametrize("noise", [b"mo\x00de", b"C", b"gx", b"** boot **"])
def test_noise_is_no_line(noise: bytes) -> None:
    sender = ending()
    assert sender.receive(noise, 1.0) == b""
    assert not sender.over
    sender.receive(bytes([ACK]), 1.1)
    assert sender.done


def test_one_can_is_noise_and_two_end_the_sender() -> None:
    sender = Sender(b"x", 0.0)
    sender.receive(bytes([CAN]) + b"?" + bytes([CAN]), 0.0)
    assert not sender.over
    assert sender.receive(bytes([CAN]) + b"get_down\r", 0.0) == b"get_down\r"
    assert sender.failed == "the receiver cancelled the transfer"
    assert sender.take_output() == bytes([ACK])
    assert sender.deadline is None


def test_two_cans_right_behind_an_ack_end_the_sender() -> None:
    sender = Sender(bytes(300), 0.0)
    sender.receive(b"C", 0.0)
    sender.take_output()
    assert sender.receive(bytes([ACK, CAN, CAN]) + b"get_down\r", 0.1) == b"get_down\r"
    assert sender.cancelled
    assert sender.take_output() == bytes([ACK])  # and no block


@pytest.mark.parametrize("words", ["", "too old"])
def test_an_image_is_looked_at_before_its_end_is_acknowledged(words: str) -> None:
    seen: list[bytes] = []

    def check(image: bytes) -> str:
        seen.append(image)
        return words

    receiver = Receiver(0.0, check=check)
    receiver.receive(block(1, padded(b"image"), crc=True), 0.0)
    assert receiver.taken == 128
    receiver.receive(bytes([EOT]), 0.1)
    receiver.take_output()
    receiver.tick(0.4)
    assert seen == [b"image"]
    assert (receiver.failed, receiver.refused) == (words, bool(words))
    assert receiver.take_output() == (bytes([CAN] * 3) if words else bytes([ACK]))


def test_the_receiver_may_break_off() -> None:
    receiver = Receiver(0.0)
    receiver.take_output()
    receiver.cancel("enough")
    receiver.cancel("again")
    assert receiver.failed == "enough"
    assert receiver.take_output() == bytes([CAN] * 3)


def test_two_cans_end_the_receiver() -> None:
    receiver = Receiver(0.0)
    receiver.take_output()
    receiver.receive(bytes([CAN]), 0.0)
    assert not receiver.over
    receiver.receive(bytes([CAN, CAN]), 0.0)
    assert receiver.failed == "the sender cancelled the transfer"
    assert receiver.take_output() == bytes([ACK])
    receiver.receive(block(1, bytes(128), crc=True), 0.0)
    assert receiver.take_output() == b""


def test_receiver_takes_long_blocks_and_numbers_that_wrap() -> None:
    receiver = Receiver(0.0)
    receiver.take_output()
    data = bytes(range(256)) * 4
    for number in range(1, 300):
        head = bytes([2, number & 0xFF, 0xFF - (number & 0xFF)])
        receiver.receive(head + data + crc_hqx(data, 0).to_bytes(2, "big"), 0.0)
        assert receiver.take_output() == bytes([ACK])
    receiver.receive(bytes([EOT]), 1.0)
    assert not receiver.done  # something may follow
    receiver.tick(1.2)
    assert receiver.done
    assert receiver.image == data * 298 + data[:-1]  # the last byte looks like filling


def test_repeated_block_is_acknowledged_and_kept_once() -> None:
    receiver = Receiver(0.0)
    receiver.take_output()
    data = bytes(range(128))
    for _ in range(3):
        receiver.receive(block(1, data, crc=True), 0.0)
        assert receiver.take_output() == bytes([ACK])
    assert receiver.image == data


@pytest.mark.parametrize("number", [0, 2, 200])
def test_block_out_of_order_ends_the_transfer(number: int) -> None:
    receiver = Receiver(0.0)
    receiver.take_output()
    receiver.receive(block(number, bytes(128), crc=True), 0.0)
    assert receiver.failed == f"block {number} came instead of 1"
    assert receiver.take_output() == bytes([CAN] * 3)


def test_bad_block_is_refused_after_silence() -> None:
    receiver = Receiver(0.0)
    receiver.receive(block(1, bytes(128), crc=True), 0.0)
    receiver.take_output()
    bad = bytearray(block(2, bytes(128), crc=True))
    bad[50] ^= 4
    receiver.receive(bytes(bad), 1.0)
    receiver.receive(b"more of it", 1.1)
    assert receiver.take_output() == b""
    assert receiver.deadline == pytest.approx(1.3)
    receiver.tick(1.2)
    assert receiver.take_output() == b""
    receiver.tick(1.31)
    assert receiver.take_output() == bytes([NAK])


def test_receiver_gives_up_a_sender_that_went_away() -> None:
    receiver = Receiver(0.0)
    receiver.receive(block(1, bytes(128), crc=True), 0.0)
    receiver.take_output()
    said = b""
    while receiver.deadline is not None:
        receiver.tick(receiver.deadline)
        said += receiver.take_output()
    assert said == bytes([NAK] * 25 + [CAN] * 3)
    assert "block 2" in receiver.failed


def test_image_that_is_too_large() -> None:
    receiver = Receiver(0.0, largest=0)
    number = 0
    while not receiver.over:
        number += 1
        receiver.receive(block(number, bytes(128), crc=True), 0.0)
    assert number == 9
    assert receiver.failed == "the image is larger than 0 bytes"


def test_tap_reads_what_the_sender_writes() -> None:
    wire = Wire(bytes(range(200)), crc=True).run()
    readers = {"down": TransferReader("down"), "up": TransferReader("up")}
    parts = []
    for way, data in wire.traffic:
        pieces = readers[way].feed(data, 0.0, expected=True)
        parts += [piece.reading["transfer"] for piece in pieces]
        assert all(piece.reading["valid"] for piece in pieces)
    assert parts == ["C", "block", "ACK", "block", "ACK", "EOT", "ACK"]


class Lossy:
    """Loses or alters what crosses it, as drawn; harmless when nothing is left to do."""

    def __init__(self, faults: list[tuple[int, str, int]]) -> None:
        self.faults = {at: (kind, where) for at, kind, where in faults}
        self.count = 0

    def __call__(self, data: bytes) -> bytes:
        self.count += 1
        kind, where = self.faults.get(self.count, ("", 0))
        where %= len(data)
        if kind == "lose":
            return b""
        if kind == "cut":
            return data[:where]
        if kind == "skip":
            return data[:where] + data[where + 1 :]
        if kind == "alter":
            return data[:where] + bytes([data[where] ^ 0xFF]) + data[where + 1 :]
        if kind == "add":
            return data[:where] + b"\xaa" + data[where:]
        return data


FAULTS = st.lists(
    st.tuples(
        st.integers(1, 30), st.sampled_from(["lose", "cut", "skip", "alter", "add"]), st.integers(0, 132)
    ),
    max_size=12,
)


@given(st.binary(max_size=600), FAULTS, FAULTS)
def test_image_arrives_whole_over_a_bad_line_or_is_known_to_be_missing(
    image: bytes, down: list[tuple[int, str, int]], up: list[tuple[int, str, int]]
) -> None:
    """XMODEM's end can be misunderstood when several bytes go wrong there: then the receiver says so."""
    wire = Wire(image, down=Lossy(down), up=Lossy(up)).run()
    assert wire.receiver.done != bool(wire.receiver.failed)
    if wire.receiver.done:
        assert wire.receiver.image == image
    else:
        assert len(down) + len(up) > 1, "one fault is always mended"


@given(st.lists(st.binary(max_size=300), max_size=20), st.booleans())
def test_receiver_survives_anything(chunks: list[bytes], crc: bool) -> None:
    receiver = Receiver(0.0, crc=crc)
    sender = Sender(b"image", 0.0)
    for number, chunk in enumerate(chunks):
        now = number * 0.3
        for end in (receiver, sender):
            end.tick(now)
            end.receive(chunk, now)
    for end in (receiver, sender):
        while end.deadline is not None:
            before = end.deadline
            end.tick(before)
            assert end.deadline is None or end.deadline > before
        assert end.done != bool(end.failed)


class Driver:
    """The getc and putc of the package ``xmodem``, against one of our ends; its waiting is our clock."""

    def __init__(self, end: Sender | Receiver) -> None:
        self.end = end
        self.now = 0.0
        self.heard = bytearray()

    def getc(self, size: int, timeout: float = 1) -> bytes | None:
        limit = self.now + timeout
        while True:
            self.heard += self.end.take_output()
            if len(self.heard) >= size:
                break
            due = self.end.deadline
            if due is None or due > limit:
                self.now = limit
                break
            self.now = max(self.now, due)
            self.end.tick(self.now)
        got = bytes(self.heard[:size])
        del self.heard[:size]
        return got or None

    def putc(self, data: bytes, timeout: float = 1) -> int:
        self.end.receive(data, self.now)
        return len(data)

    def finish(self) -> None:
        while self.end.deadline is not None:
            self.end.tick(self.end.deadline)


@pytest.mark.parametrize("crc", [1, 0])
def test_their_receiver_takes_what_our_sender_sends(crc: int) -> None:
    image = bytes(range(251)) * 200
    driver = Driver(Sender(image, 0.0))
    stream = io.BytesIO()
    received = XMODEM(driver.getc, driver.putc).recv(stream, crc_mode=crc, delay=0, quiet=True)
    assert received == len(padded(image))
    assert stripped(stream.getvalue()) == image
    assert driver.end.done


@pytest.mark.parametrize("mode", ["xmodem", "xmodem1k"])
@pytest.mark.parametrize("crc", [True, False])
def test_our_receiver_takes_what_their_sender_sends(mode: str, crc: bool) -> None:
    image = bytes(range(251)) * 200
    receiver = Receiver(0.0, crc=crc)
    driver = Driver(receiver)
    assert XMODEM(driver.getc, driver.putc, mode=mode).send(io.BytesIO(image), quiet=True)
    assert receiver.done
    assert receiver.image.rstrip(b"\x1a") == image


def test_their_sender_cancels() -> None:
    receiver = Receiver(0.0)
    driver = Driver(receiver)
    XMODEM(driver.getc, driver.putc).abort()
    assert receiver.failed == "the sender cancelled the transfer"
