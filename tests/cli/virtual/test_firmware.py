"""What the virtual commands have to do with firmware."""

from __future__ import annotations

import hashlib
import os
import signal
import threading

import pytest
from support.ends import Caller
from support.image_server import ImageServer, whole

from miio_lan.cli.files import replace_file
from miio_lan.cli.virtual.firmware import ImageKeeper
from miio_lan.virtual.host import McuHost
from miio_lan.virtual.image import make_image
from miio_lan.virtual.product import VirtualProduct

PATIENCE = 100.0  # only ever waited for in full when a test fails
IMAGE = make_image("mcu", "0042", bytes(range(256)) * 300)


@pytest.fixture
def made(monkeypatch):
    """End the commands by a signal as soon as their host runs, and give the hosts."""
    hosts = []
    for kind in (McuHost, VirtualProduct):

        def started(host, start=kind.start):
            start(host)
            hosts.append(host)
            os.kill(os.getpid(), signal.SIGINT)

        monkeypatch.setattr(kind, "start", started)
    return hosts


@pytest.mark.parametrize(
    ("word", "answer", "reset"),
    [
        ("ready", "ready", "ready"),
        ("busy", "busy", "ready"),
        ("silent", None, "ready"),
        ("resets", "ready", "offer"),
        ("resets-early", "ready", "updating"),
    ],
)
@pytest.mark.parametrize("command", ["mcu", "product"])
def test_what_it_does_at_update_fw(run, made, command, word, answer, reset):
    port = ("--port", "0") if command == "product" else ()
    assert run("virtual", command, *port, "--update", word).code == 0
    mcu = made[0].mcu
    assert (mcu.update_answer, mcu.bootloader.reset) == (answer, reset)


@pytest.mark.parametrize(
    ("word", "crc", "fault"),
    [
        ("crc", True, ""),
        ("checksum", False, ""),
        ("mute", True, "mute"),
        ("cancels", True, "cancels"),
        ("resets", True, "resets"),
    ],
)
def test_how_its_bootloader_receives(run, made, word, crc, fault):
    assert run("virtual", "mcu", "--transfer", word, "--refuse-firmware", "too old").code == 0
    settings = made[0].mcu.bootloader
    assert (settings.crc, settings.fault, settings.refusal) == (crc, fault, "too old")


@pytest.mark.parametrize("words", ['say "no"', "n\u00e4", "two\rlines"])
def test_words_that_no_line_can_carry(run, words):
    ended = run("virtual", "mcu", "--refuse-firmware", words)
    assert ended.code == 2
    assert "an MCU refuses in printable ASCII without quotes" in ended.err


def test_a_place_where_no_file_can_be(run, tmp_path):
    ended = run("virtual", "mcu", "--save-firmware", str(tmp_path / "none" / "got.bin"))
    assert ended.code == 2
    assert "cannot be written: there is no folder" in ended.err


@pytest.mark.parametrize("part", ["module", "mcu"])
def test_what_plain_images_are_for(run, made, part):
    assert run("virtual", "product", "--port", "0", "--images-for", part).code == 0
    assert made[-1].module.updates.plain_images == part


def test_an_update_is_told_and_kept(run, monkeypatch, tmp_path):
    kept = tmp_path / "got.bin"
    kept.write_bytes(b"an older one")
    start = VirtualProduct.start

    def started(product):
        was_running = product.running
        start(product)
        if was_running:
            return
        with ImageServer(whole(IMAGE)) as server, Caller(product.host, product.port, product.token) as caller:
            md5 = hashlib.md5(IMAGE, usedforsecurity=False).hexdigest()
            assert caller.result("miIO.ota", {"app_url": server.url, "file_md5": md5}) == ["ok"]
            while caller.result("miIO.get_ota_state", []) not in (["installed"], ["failed"]):
                pass
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(VirtualProduct, "start", started)
    ended = run("virtual", "product", "--port", "0", "--save-firmware", str(kept))
    assert ended.code == 0
    assert kept.read_bytes() == IMAGE
    assert [path.name for path in tmp_path.iterdir()] == ["got.bin"]
    told = ended.err.splitlines()
    assert told[0].startswith("update: downloading from 127.0.0.1:")
    assert told[1:] == [
        f"update: downloaded {len(IMAGE)} bytes",
        "firmware: receiving an image",
        "firmware: received 64 KB",
        f"firmware: took {len(IMAGE)} bytes; version 0001 is followed by 0042",
        "update: sent; the MCU is asked for its version",
        "update: installed; the MCU reports version 0042, 0001 before",
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_a_pipe_whose_reader_takes_its_time_keeps_nobody_waiting(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    images = [b"one " * 100_000, b"two " * 100_000]  # more than a pipe holds
    keeper, kept = ImageKeeper(str(path)), threading.Event()

    def keep():
        for image in images:
            keeper.keep(image)
        kept.set()

    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # it is there, and takes nothing yet
    try:
        product = threading.Thread(target=keep, daemon=True)
        product.start()
        assert kept.wait(PATIENCE), "the product waits for the reader of its images"
        os.set_blocking(reader, True)
        assert read_exactly(reader, sum(map(len, images))) == b"".join(images)
        keeper.close()
        product.join()
    finally:
        os.close(reader)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes")
def test_what_the_reader_of_a_pipe_has_not_taken_in_the_end_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("miio_lan.cli.virtual.firmware.READER_TIME", 0.01)
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    keeper = ImageKeeper(str(path))
    keeper.keep(b"one " * 100_000)
    keeper.close()
    assert capsys.readouterr().err == f"Error: {path} cannot be written: its reader takes nothing\n"
    os.close(reader)  # now it is nobody's
    keeper._thread.join()


def read_exactly(file, size):
    found = b""
    while len(found) < size:
        found += os.read(file, size - len(found))
    return found


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "got.bin"
    path.write_bytes(b"old")

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", full)
        with pytest.raises(OSError, match="No space left"):
            replace_file(str(path), b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    replace_file(str(path), b"new")
    assert path.read_bytes() == b"new"
    replace_file(os.devnull, b"new")
    link = tmp_path / "link"
    link.symlink_to(path)
    replace_file(str(link), b"newer")
    assert (link.is_symlink(), path.read_bytes()) == (True, b"newer")
