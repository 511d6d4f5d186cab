"""An image from the LAN down to the MCU, both ends on a fake clock: every reset behaviour, and every way to fail."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.pair import Pair

from miio_lan.virtual.image import make_image
from miio_lan.virtual.mcu.bootloader import FAULTS, RESETS

IMAGE = make_image("mcu", "0042", bytes(range(256)) * 12)
PROFILES = ["document", "older", "newer"]
WORKS = {(2, 2): 60}


def lines(pair: Pair) -> list[str]:
    """Note the lines that the module says from now on."""
    said: list[str] = []

    def down(data: bytes) -> bytes:
        said.extend(part.decode() for part in data.split(b"\r") if part.startswith(b"down"))
        return data

    pair.down = down
    return said


def answers_again(pair: Pair, version: str) -> None:
    pair.run(70)
    assert pair.mcu.version == pair.module.chip.mcu_version == version
    assert pair.get((2, 2)) == WORKS
    assert pair.mcu.net == pair.module.net == "cloud"


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("crc", [True, False])
def test_it_arrives_bit_for_bit(profile: str, reset: str, crc: bool) -> None:
    pair = Pair(profile)
    pair.mcu.bootloader.reset, pair.mcu.bootloader.crc = reset, crc
    kept: list[bytes] = []
    pair.mcu.on_image = kept.append
    said = lines(pair)
    pair.update(IMAGE)
    assert pair.state() == ("downloaded", 100)
    pair.run(1.2)
    assert pair.state() == ("installed", 101)
    assert pair.mcu.image == IMAGE
    assert kept == [IMAGE]
    assert pair.told[-1] == "installed; the MCU reports version 0042, 0001 before"
    assert pair.module.updates.failed == ""
    notice = said.index("down MIIO_net_change updating")
    assert said.index("down update_fw") > notice
    assert "down MIIO_mcu_version_req" in said[notice:]
    pair.run(5)
    assert (pair.module.life(pair.now) < 7) is (profile == "older")  # it restarts when its MCU is done
    answers_again(pair, "0042")


def test_progress_is_what_was_sent() -> None:
    pair = Pair()
    pair.update(IMAGE)
    seen = []

    def up(data: bytes) -> bytes:
        seen.append((pair.module.update.state, pair.module.update.progress(pair.now)))
        return data

    pair.up = up
    pair.run(2)
    percent = [progress for state, progress in seen if state == "installing" and progress < 100]
    assert percent == sorted(percent)
    assert len(set(percent)) > 20


def test_an_opaque_image_counts_the_version_up() -> None:
    pair = Pair()
    pair.update(b"opaque", over=2)
    answers_again(pair, "0002")


@pytest.mark.parametrize("profile", ["document", "older"])
def test_an_mcu_that_is_busy_is_not_updated(profile: str) -> None:
    pair = Pair(profile)
    pair.mcu.update_answer = "busy"
    said = lines(pair)
    pair.update(IMAGE, over=5)
    assert said.count("down update_fw") == 1
    assert pair.module.updates.failed == "the MCU is busy"
    assert pair.state() == ("failed", 101)
    answers_again(pair, "0001")


def test_the_newer_generation_meets_busy_by_three_offers() -> None:
    pair = Pair("newer")
    pair.mcu.update_answer = "busy"
    said = lines(pair)
    pair.update(IMAGE, over=20)
    assert said.count("down update_fw") == 3
    assert said.count("down MIIO_net_change updating") == 1
    failed = "the MCU is busy, 3 offers were answered by 'result \"busy\"'"
    assert pair.module.updates.failed == failed
    assert pair.told[-1] == f"failed, {failed}"
    assert pair.state() == ("failed", 101)
    answers_again(pair, "0001")


def test_an_mcu_that_is_busy_for_a_while() -> None:
    pair = Pair("newer")
    pair.mcu.update_answer = "busy"
    pair.update(IMAGE, over=1)
    assert pair.get((2, 2)) == WORKS  # it goes on with its work between the offers
    pair.mcu.update_answer = "ready"
    pair.run(5)
    assert pair.state() == ("installed", 101)
    answers_again(pair, "0042")


def test_an_mcu_that_is_silent() -> None:
    pair = Pair()
    pair.mcu.update_answer = None
    pair.update(IMAGE, over=7)
    assert pair.module.updates.failed == 'the MCU did not answer update_fw by "ready" or "busy"'
    answers_again(pair, "0001")


def test_other_words_are_quoted() -> None:
    pair = Pair()
    pair.mcu.update_answer = "battery low"
    pair.update(IMAGE, over=7)
    assert pair.module.updates.failed == (
        'the MCU answered update_fw by \'result "battery low"\', not by "ready" or "busy"'
    )
    answers_again(pair, "0001")


def test_an_error_in_place_of_the_answer_is_quoted() -> None:
    pair = Pair()
    pair.mcu.update_answer = "no"
    pair.up = lambda data: data.replace(b'result "no"', b'error "not while cooking" -5003')
    pair.update(IMAGE, over=3)
    assert pair.module.updates.failed == "the MCU refused: 'error \"not while cooking\" -5003'"
    answers_again(pair, "0001")


def test_an_mcu_that_refuses_the_image_is_quoted() -> None:
    pair = Pair()
    pair.mcu.bootloader.refusal = "signature wrong"
    pair.update(IMAGE, over=3)
    assert pair.module.updates.failed == (
        "the receiver cancelled the transfer, and said 'error \"signature wrong\" -5004'"
    )
    assert pair.state() == ("failed", 101)
    assert pair.mcu.image is None
    answers_again(pair, "0001")


def test_the_bootloader_looks_at_the_image() -> None:
    pair = Pair()
    pair.update(make_image("module", "2.1.0", bytes(500)), over=3)
    assert "image for the module" in pair.module.updates.failed
    answers_again(pair, "0001")


@pytest.mark.parametrize(
    ("fault", "failed"),
    [
        ("mute", "the receiver did not ask for the first block within 32 s"),
        ("cancels", "the receiver cancelled the transfer"),
        (
            "resets",
            "block 8 was not acknowledged, though repeated 25 times; the MCU said 'model miiolan.light.demo1'",
        ),
    ],
)
@pytest.mark.parametrize("reset", RESETS)
def test_what_goes_wrong_in_the_bootloader(fault: str, failed: str, reset: str) -> None:
    assert fault in FAULTS
    pair = Pair()
    pair.mcu.bootloader.fault, pair.mcu.bootloader.reset = fault, reset  # type: ignore[assignment]
    pair.update(IMAGE, over=40)
    assert pair.module.updates.failed == failed
    assert pair.state() == ("failed", 101)
    answers_again(pair, "0001")


def test_words_instead_of_blocks_are_quoted() -> None:
    pair = Pair()

    def began(now: float) -> None:
        pair.up = lambda data: data.replace(b"get_down", b"** flash error 3 **")

    pair.mcu.on_update = began
    pair.update(IMAGE, over=40)
    assert pair.module.updates.failed.endswith("within 32 s; the MCU said '** flash error 3 **'")


def test_a_version_that_never_comes() -> None:
    pair = Pair()
    pair.up = lambda data: b"" if data.startswith((b"model", b"mcu_version")) else data
    pair.update(IMAGE, over=29)
    assert pair.state() == ("installing", 100)
    pair.run(3)
    assert pair.module.updates.failed == "the image was sent, but no version came within 30 s"
    pair.up = bytes
    answers_again(pair, "0042")


def test_the_old_version_and_words_are_a_refusal() -> None:
    pair = Pair()
    pair.mcu.updated_version = "0001"

    def up(data: bytes) -> bytes:
        if b"model " not in data:
            return data
        pair.up = bytes
        return data.replace(b"model ", b"bad image, starting the old one\rmodel ")

    pair.up = up
    pair.update(b"opaque", over=3)
    assert pair.module.updates.failed == (
        "the MCU reports version 0001 as before, and said 'bad image, starting the old one'"
    )
    assert pair.state() == ("failed", 101)


def test_the_old_version_without_words_is_told() -> None:
    pair = Pair()
    pair.mcu.updated_version = "0001"
    pair.update(b"opaque", over=3)
    assert pair.state() == ("installed", 101)
    assert pair.told[-1] == "installed; the MCU reports version 0001, 0001 before"


def test_a_request_in_the_mcus_hands_is_waited_for() -> None:
    pair = Pair()
    pair.mcu.mute_properties.add((3, 1))
    said = lines(pair)
    pair.call("get_properties", [{"did": "d", "siid": 3, "piid": 1}], seconds=1.0)
    pair.update(IMAGE, over=10)
    assert pair.state() == ("installed", 101)
    assert said.index("down update_fw") > said.index("down get_properties 3 1")
    answers_again(pair, "0042")


def test_requests_of_the_lan_do_not_get_between() -> None:
    pair = Pair()
    pair.update(IMAGE)
    reply = pair.call("get_properties", [{"did": "d", "siid": 2, "piid": 1}])
    assert reply is not None
    assert "result" in reply or reply["error"]["code"] == -9999
    answers_again(pair, "0042")


def test_an_mcu_that_never_polls() -> None:
    pair = Pair()
    pair.mcu.misbehave.add("never-polls")
    pair.update(IMAGE, over=70)
    assert pair.module.updates.failed == "the MCU did not fetch update_fw"
    pair.mcu.misbehave.clear()
    answers_again(pair, "0001")


@pytest.mark.parametrize("seconds", [0.05, 0.25, 0.45, 0.6])
def test_the_mcu_is_reset_in_the_middle(seconds: float) -> None:
    pair = Pair()
    pair.update(IMAGE, over=seconds)
    pair.mcu.start(pair.now)
    pair.run(60)
    assert pair.state()[0] in ("failed", "installed")
    answers_again(pair, pair.mcu.version)


@pytest.mark.parametrize("reset", RESETS)
@pytest.mark.parametrize("blocks", [0, 1, 5, 20])
def test_the_module_restarts_in_the_middle(reset: str, blocks: int) -> None:
    pair = Pair()
    pair.mcu.bootloader.reset = reset
    pair.update(IMAGE)
    count = 0

    def down(data: bytes) -> bytes:
        nonlocal count
        count += data[:1] == b"\x01"
        if count == blocks + 1:
            count += 1000
            pair.module.restart(pair.now)
        return data

    pair.down = down
    pair.run(5)
    assert pair.module.updates.failed == "the module restarted"
    pair.run(60)
    answers_again(pair, "0001")


class Noise:
    """Loses, alters and adds bytes now and then."""

    def __init__(self, seed: int, share: float) -> None:
        self.rng = random.Random(seed)
        self.share = share

    def __call__(self, data: bytes) -> bytes:
        if not data or self.rng.random() > self.share:
            return data
        at = self.rng.randrange(len(data))
        kind = self.rng.randrange(4)
        if kind == 0:
            return data[:at] + data[at + 1 :]
        if kind == 1:
            return data[:at] + bytes([data[at] ^ (1 << self.rng.randrange(8))]) + data[at + 1 :]
        if kind == 2:
            return data[:at] + bytes([self.rng.randrange(256)]) + data[at:]
        return b""


@settings(max_examples=25)
@given(
    st.integers(0, 2**32),
    st.sampled_from([0.02, 0.1, 0.3]),
    st.sampled_from(sorted(RESETS)),
    st.binary(min_size=1, max_size=1500),
)
def test_over_a_noisy_line_the_image_arrives_or_the_failure_has_a_name(
    seed: int, share: float, reset: str, content: bytes
) -> None:
    pair = Pair()
    pair.mcu.bootloader.reset = reset
    image = make_image("mcu", "0042", content)
    pair.update(image)
    begun = pair.now
    pair.up, pair.down = Noise(seed, share), Noise(seed + 1, share)
    while pair.module.updates.under_way and pair.now < begun + 300:
        pair.run(1)
    state, failed = pair.module.update.state, pair.module.updates.failed
    assert (state, bool(failed)) in (("installed", False), ("failed", True))
    pair.up = pair.down = bytes
    if state == "installed":
        assert pair.mcu.image == image
    while pair.mcu.image is None and pair.now < begun + 400 and pair.get((2, 2)) != WORKS:
        pair.run(1)
    assert pair.mcu.image in (None, image)
    assert pair.mcu.version == ("0001" if pair.mcu.image is None else "0042")
    assert pair.get((2, 2)) == WORKS
