"""Updates of the module itself, on a fake clock: what the LAN is told, and what the module is afterwards."""

from __future__ import annotations

import hashlib

import pytest

from miio_lan.virtual.image import make_image
from miio_lan.virtual.module.download import UpdateTimes
from miio_lan.virtual.module.updates import following

URL = "http://10.0.0.2:8000/image"
IMAGE = make_image("module", "2.1.0_0042", bytes(1000))


class Updating:
    """A bench whose module is given what it wants to fetch."""

    def __init__(self, bench, **options):
        self.chip = bench(**options)
        self.module = self.chip.module
        self.told = []
        self.module.updates.on_told = self.told.append

    def ask(self, key="app_url", image=IMAGE, **more):
        params = {key: URL, "file_md5": hashlib.md5(image, usedforsecurity=False).hexdigest(), **more}
        assert self.chip.call("miIO.ota", params) == ["ok"]

    def serve(self, image=IMAGE):
        updates, now = self.module.updates, self.chip.now
        wanted = updates.wanted
        updates.answered(wanted.number, 0, len(image), now)
        updates.received(wanted.number, image, now)
        updates.ended(wanted.number, "", now)

    def seen(self):
        return (self.chip.call("miIO.get_ota_state")[0], self.chip.call("miIO.get_ota_progress")[0])


@pytest.fixture
def updating(bench):
    return lambda **options: Updating(bench, **options)


def test_an_update_of_the_module(updating):
    up = updating()
    assert up.seen() == ("idle", 101)
    up.ask()
    assert up.seen() == ("downloading", 0)
    assert up.chip.uart("net") == "updating\r"
    wanted = up.module.updates.wanted
    assert wanted.url == URL
    up.module.updates.answered(wanted.number, 0, len(IMAGE), up.chip.now)
    up.module.updates.received(wanted.number, IMAGE[: len(IMAGE) // 2], up.chip.now)
    assert up.seen() == ("downloading", 50)
    up.module.updates.received(wanted.number, IMAGE[len(IMAGE) // 2 :], up.chip.now)
    up.module.updates.ended(wanted.number, "", up.chip.now)
    assert up.seen() == ("installing", 100)
    up.chip.wait(1.9)
    assert up.seen() == ("installing", 100)
    up.chip.wait(0.1)
    assert not up.module.up
    up.chip.wait(0.5)
    assert up.seen() == ("idle", 101)
    info = up.chip.call("miIO.info")
    assert (info["fw_ver"], info["life"]) == ("2.1.0_0042", 1)
    assert "mcu_fw_ver" not in info
    assert up.told == [
        "downloading from 10.0.0.2:8000, as app_url",
        f"downloaded {len(IMAGE)} bytes",
        "installing, for the module itself",
        "restarting, firmware 2.0.0 is followed by 2.1.0_0042",
    ]


def test_the_mcu_hears_nothing_of_an_update_of_the_module(updating):
    up = updating()
    up.chip.drain()
    up.ask()
    up.serve()
    assert up.chip.uart("get_down") == "down none\r"


@pytest.mark.parametrize(
    ("image", "options", "version"),
    [
        (b"opaque", {}, "2.0.1"),
        (b"opaque", {"next_firmware": "9.9.9"}, "9.9.9"),
        (IMAGE, {"next_firmware": "9.9.9"}, "2.1.0_0042"),
        (b"opaque", {"firmware": "3.5.8_6299"}, "3.5.8_6300"),
    ],
)
def test_the_version_an_image_brings(updating, image, options, version):
    up = updating(**options)
    up.ask(image=image)
    up.serve(image)
    up.chip.wait(3)
    assert up.chip.call("miIO.info")["fw_ver"] == version


@pytest.mark.parametrize(
    ("version", "after"),
    [("2.0.9", "2.0.10"), ("1.2.4_16", "1.2.4_17"), ("0009b", "0010b"), ("beta", "beta")],
)
def test_the_next_version(version, after):
    assert following(version) == after


@pytest.mark.parametrize(
    ("key", "image", "options", "part"),
    [
        ("app_url", b"opaque", {}, "module"),
        ("wifi_url", b"opaque", {}, "module"),
        ("app_url", b"opaque", {"plain_images": "mcu"}, "mcu"),
        ("app_url", make_image("mcu", "0042"), {}, "mcu"),
        ("app_url", IMAGE, {"plain_images": "mcu"}, "module"),
        ("mcu_url", b"opaque", {}, "mcu"),
        ("mcu_url", IMAGE, {}, "mcu"),
    ],
)
def test_which_part_is_updated(updating, key, image, options, part):
    up = updating(**options)
    up.ask(key, image)
    up.serve(image)
    assert up.seen()[0] == ("installing" if part == "module" else "downloaded")


def test_a_wrong_checksum(updating):
    up = updating()
    up.ask(file_md5="0" * 32)
    up.serve()
    assert up.seen() == ("failed", 101)
    assert up.module.updates.failed.startswith("the MD5 of what came is ")
    assert up.told[-1] == f"failed, {up.module.updates.failed}"
    assert up.chip.uart("net") == "cloud\r"


def test_an_older_module_compares_none(updating):
    up = updating(profile="older")
    up.ask(file_md5="0" * 32)
    up.serve()
    assert up.seen() == ("installing", 100)


@pytest.mark.parametrize(
    ("failure", "final", "seconds"),
    [("the server answered 404 Not Found", True, 0), ("Connection refused", False, 2)],
)
def test_what_cannot_be_fetched(updating, failure, final, seconds):
    up = updating()
    up.ask()
    for _ in range(3):
        if (wanted := up.module.updates.wanted) is not None:
            up.module.updates.ended(wanted.number, failure, up.chip.now, final=final)
            up.chip.wait(seconds)
    assert up.seen() == ("failed", 101)
    assert up.module.updates.failed.startswith(failure)


def test_a_server_that_says_nothing(updating):
    up = updating()
    up.ask()
    up.chip.wait(59)
    assert up.seen() == ("downloading", 0)
    up.chip.wait(1)
    assert up.seen() == ("failed", 101)
    assert up.module.updates.failed == "nothing came for 60 s, 0 bytes came before"
    assert up.module.updates.wanted is None


@pytest.mark.parametrize(
    ("image", "failed"),
    [
        (bytes(2 * 1024 * 1024 + 1), "the image is too large, 2097152 bytes are taken at most"),
        (b"miio-lan firmware module\n", "the image is none: its first line is not "),
    ],
)
def test_images_that_are_none(updating, image, failed):
    up = updating()
    up.ask(image=image)
    up.serve(image)
    assert up.module.updates.failed.startswith(failed)
    assert up.seen() == ("failed", 101)


def test_an_image_too_large_for_the_mcu(updating):
    up = updating(firmware_limit=100)
    up.ask("mcu_url")
    up.serve()
    assert up.module.updates.failed == f"an image of {len(IMAGE)} bytes is too large: 100 are taken at most"


def test_https(updating):
    up = updating()
    assert up.chip.call("miIO.ota", {"app_url": "https://host/image"}) == ["ok"]
    assert up.seen() == ("failed", 101)
    assert up.module.updates.failed == "https is not supported: the module downloads by http alone"


def test_a_second_request_meanwhile_changes_nothing(updating):
    up = updating()
    up.ask()
    wanted = up.module.updates.wanted
    up.ask("mcu_url", b"another")
    assert up.module.updates.wanted is wanted
    up.serve()
    assert up.seen() == ("installing", 100)


def test_after_a_failure_another_update_works(updating):
    up = updating()
    up.ask()
    first = up.module.updates.wanted
    up.module.updates.ended(first.number, "gone", up.chip.now, final=True)
    up.ask()
    second = up.module.updates.wanted
    assert second.number > first.number
    up.module.updates.ended(first.number, "late", up.chip.now, final=True)
    up.serve()
    up.chip.wait(3)
    assert up.chip.call("miIO.info")["fw_ver"] == "2.1.0_0042"


def test_a_reboot_ends_the_download(updating):
    up = updating()
    up.ask()
    assert up.chip.call("miIO.reboot") == ["ok"]
    up.chip.wait(1)
    assert up.seen() == ("idle", 101)
    assert up.module.updates.wanted is None
    assert up.module.updates.failed == "the module restarted"
    assert up.chip.call("miIO.info")["fw_ver"] == "2.0.0"


def test_an_older_module_does_not_reboot_meanwhile(updating):
    up = updating(profile="older")
    up.ask()
    assert up.chip.call("miIO.reboot") == ["ok"]
    up.chip.wait(1)
    assert up.seen() == ("downloading", 0)


def test_power_lost_while_it_installs(updating):
    up = updating()
    up.ask()
    up.serve()
    up.module.restart(up.chip.now)
    up.chip.wait(5)
    assert up.chip.call("miIO.info")["fw_ver"] == "2.0.0"
    assert up.chip.call("miIO.info")["life"] == 5


def test_silence_while_it_writes_its_flash(updating):
    up = updating(update_times=UpdateTimes(silent=True, flash=4.0))
    up.ask()
    up.serve()
    up.chip.send("miIO.get_ota_state")
    assert up.chip.replies() == []
    up.chip.wait(4.5)
    assert up.seen() == ("idle", 101)


def test_it_cannot_send_firmware_meanwhile(updating):
    up = updating()
    up.ask()
    assert not up.module.send_firmware(b"x", up.chip.now, lambda *_: None)
