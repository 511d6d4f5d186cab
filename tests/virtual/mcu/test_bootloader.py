"""The virtual MCU's bootloader, on a fake clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.errors import SpecError
from miio_lan.uart.firmware.transfer import ACK, CAN, EOT
from miio_lan.uart.firmware.xmodem import block, padded
from miio_lan.virtual.image import make_image
from miio_lan.virtual.mcu.bootloader import Bootloader, BootloaderSettings, refusal_line

CANCEL = bytes([CAN] * 3)


class Stay:
    """One stay in the bootloader, and the module's end in our hand."""

    def __init__(self, *, polls: bool = False, **settings: object) -> None:
        self.now = 100.0
        self.told: list[str] = []
        made = BootloaderSettings(**settings)  # type: ignore[arg-type]
        self.boot = Bootloader(self.now, made, polls=polls, tell=self.told.append)

    def said(self) -> bytes:
        return self.boot.take_output()

    def say(self, data: bytes) -> bytes:
        self.boot.receive(data, self.now)
        return self.said()

    def wait(self, seconds: float) -> bytes:
        end, said = self.now + seconds, b""
        while (due := self.boot.deadline) is not None and due <= end:
            self.now = max(self.now, due)
            self.boot.tick(self.now)
            said += self.said()
        self.now = end
        return said

    def send(self, image: bytes, *, crc: bool = True) -> bytes:
        """Send a whole image; give what came back."""
        data, said = padded(image), b""
        for at in range(0, len(data), 128):
            said += self.say(block(at // 128 + 1, data[at : at + 128], crc=crc))
        said += self.say(bytes([EOT]))
        return said + self.wait(0.3)


@pytest.mark.parametrize(("crc", "first"), [(True, b"C"), (False, b"\x15")])
def test_it_asks_and_receives(crc: bool, first: bytes) -> None:
    stay = Stay(crc=crc)
    assert stay.said() == first
    assert stay.send(b"image", crc=crc) == bytes([ACK] * 2)
    assert (stay.boot.image, stay.boot.failed, stay.boot.over, stay.boot.deadline) == (
        b"image",
        "",
        True,
        None,
    )
    assert stay.told == ["receiving an image"]


def test_it_polls_until_it_is_offered_something() -> None:
    stay = Stay(polls=True)
    assert stay.said() == b"get_down\r"
    assert stay.wait(0.12) == b"get_down\r" * 2
    assert stay.say(b"down none\r") == b""
    assert stay.say(b"ok\r") == b""  # to nothing it said
    assert stay.say(b"down update_fw\r") == b'result "ready"\r'
    assert stay.say(b"ok\r") == b"C"
    assert stay.send(b"image") == bytes([ACK] * 2)
    assert stay.boot.image == b"image"


def test_what_newer_modules_say_behind_the_offer() -> None:
    stay = Stay(polls=True)
    stay.said()
    assert stay.say(b"down update_fw auto\r") == b'result "ready"\r'


def test_a_refused_answer_begins_nothing() -> None:
    stay = Stay(polls=True)
    stay.said()
    stay.say(b"down update_fw\r")
    assert stay.say(b"error\r") == b""
    stay.wait(1.0)
    assert stay.boot.over
    assert stay.boot.failed == ""


def test_it_polls_for_a_second_and_starts_the_application() -> None:
    stay = Stay(polls=True)
    said = stay.said() + stay.wait(0.99)
    assert said == b"get_down\r" * 20
    assert not stay.boot.over
    stay.wait(0.01)
    assert (stay.boot.over, stay.boot.failed, stay.boot.image) == (True, "", None)
    assert stay.told == []


@pytest.mark.parametrize(
    ("settings", "image", "words"),
    [
        ({"refusal": "signature wrong"}, b"image", "signature wrong"),
        ({"largest": 4}, b"image", "image too large, room for 4 bytes"),
        ({}, make_image("module", "2.0"), "image for the module"),
        ({}, b"miio-lan firmware mcu 42\n", "damaged image head"),
    ],
)
def test_images_it_does_not_take(settings: dict[str, object], image: bytes, words: str) -> None:
    stay = Stay(**settings)
    stay.said()
    assert stay.send(image) == bytes([ACK]) + CANCEL + f'error "{words}" -5004\r'.encode()
    assert stay.boot.failed == words
    assert stay.boot.image is None
    assert not stay.boot.over
    stay.say(b"\x06ok\r")
    assert stay.boot.over


def test_nobody_has_to_reply_to_its_last_words() -> None:
    stay = Stay(refusal="no")
    stay.send(b"image")
    stay.wait(0.5)
    assert stay.boot.over


@pytest.mark.parametrize("words", ['say "no"', "n\u00e4", "two\rlines", "back\\slash"])
def test_words_that_are_none(words: str) -> None:
    with pytest.raises(SpecError, match="printable ASCII without quotes"):
        refusal_line(words)


def test_one_that_never_asks() -> None:
    stay = Stay(fault="mute")
    assert stay.wait(63.9) == b""
    assert not stay.boot.over
    stay.wait(0.2)
    assert (stay.boot.over, stay.boot.failed) == (True, "no image came")


def test_one_that_never_asks_hears_the_module_give_up() -> None:
    stay = Stay(fault="mute")
    stay.say(bytes([CAN]) + b"x" + bytes([CAN]))
    assert not stay.boot.over
    stay.say(bytes([CAN]))
    assert (stay.boot.over, stay.boot.failed) == (True, "no image came")


def test_one_that_cancels_in_the_middle() -> None:
    stay = Stay(fault="cancels", fault_at=256)
    stay.said()
    assert stay.say(block(1, bytes(128), crc=True)) == bytes([ACK])
    assert stay.say(block(2, bytes(128), crc=True)) == bytes([ACK]) + CANCEL
    assert (stay.boot.over, stay.boot.failed) == (True, "it cancelled the transfer")


def test_one_that_loses_power_in_the_middle() -> None:
    stay = Stay(fault="resets", fault_at=256)
    stay.said()
    stay.say(block(1, bytes(128), crc=True))
    assert stay.say(block(2, bytes(128), crc=True)) == b""
    assert (stay.boot.over, stay.boot.failed) == (True, "the power was lost")


def test_it_tells_every_64_kb() -> None:
    stay = Stay()
    stay.send(bytes(150_000))
    assert stay.told == ["receiving an image", "received 64 KB", "received 128 KB"]


@given(
    st.lists(st.binary(max_size=200), max_size=20),
    st.booleans(),
    st.sampled_from(["", "mute", "cancels", "resets"]),
)
def test_it_survives_anything_and_ends(chunks: list[bytes], polls: bool, fault: str) -> None:
    stay = Stay(polls=polls, fault=fault)
    for chunk in chunks:
        stay.say(chunk)
        stay.wait(0.3)
    stay.wait(200)
    assert stay.boot.over
    assert stay.boot.deadline is None
