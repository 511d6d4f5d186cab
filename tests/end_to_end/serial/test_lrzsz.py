"""The virtual ends and lrzsz's ``rx`` and ``sx``, over pseudo-terminals."""

from __future__ import annotations

import os
import select
import shutil
import socket
import subprocess
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from support.ends import PATIENCE, Hands

from miio_lan.device.description.spec import Spec
from miio_lan.uart.firmware.xmodem import padded
from miio_lan.uart.ports.port import PtyPort
from miio_lan.virtual.host import McuHost, ModuleHost
from miio_lan.virtual.mcu.mcu import Mcu
from miio_lan.virtual.module.module import Module

IMAGE = os.urandom(20_000) + b"x"

pytestmark = pytest.mark.skipif(
    not (shutil.which("rx") and shutil.which("sx")), reason="lrzsz is not installed (rx, sx)"
)


def speak(hands: Hands, *command: str | Path, folder: Path) -> None:
    """Let a program speak at the line.

    It gets a socket in place of the terminal: when they end, these programs throw away what their terminal has not
    passed on yet. A serial port has passed it on by then; a pseudo-terminal loses the last ACK.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        program = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=subprocess.DEVNULL, cwd=folder
        )
        theirs.close()
        due = time.monotonic() + PATIENCE
        while True:
            assert time.monotonic() < due, "it does not end"
            ready, _, _ = select.select([ours, hands.file], [], [], 1.0)
            if ours in ready:
                data = ours.recv(65536)
                if not data:
                    break
                hands.write(data)
            if hands.file in ready:
                said = os.read(hands.file, 65536)
                with suppress(OSError):  # it has ended, and the product goes on
                    ours.sendall(said)
        assert program.wait(PATIENCE) == 0


@pytest.mark.parametrize("options", [("-b",), ("-b", "-c")], ids=["sum", "crc"])
def test_rx_receives_what_the_module_sends(tmp_path: Path, options: tuple[str, ...]) -> None:
    module = Module(device_id=5, token=bytes(16))
    ended: list[str] = []
    over = threading.Event()

    def done(failed: str, _now: float) -> None:
        ended.append(failed)
        over.set()

    with PtyPort() as line, ModuleHost(module, line) as host, Hands(line.path) as hands:
        assert hands.ask(b"model a.b.c") == b"ok\r"
        hands.fetch()
        assert host.call(lambda now: module.send_firmware(IMAGE, now, done))
        assert hands.ask(b"get_down") == b"down update_fw\r"
        assert hands.ask(b'result "ready"') == b"ok\r"
        speak(hands, "rx", *options, "got.bin", folder=tmp_path)
        assert over.wait(PATIENCE)
        assert ended == [""]
        assert hands.ask(b"get_down") == b"down MIIO_mcu_version_req\r"
    assert (tmp_path / "got.bin").read_bytes() == padded(IMAGE)


@pytest.mark.parametrize("crc", [True, False])
@pytest.mark.parametrize("options", [(), ("-k",)], ids=["sx", "sx -k"])
def test_the_mcu_receives_what_sx_sends(tmp_path: Path, options: tuple[str, ...], crc: bool) -> None:
    (tmp_path / "image.bin").write_bytes(IMAGE)
    mcu = Mcu(Spec.shipped("lamp"))
    mcu.bootloader.crc = crc
    with PtyPort() as line, Hands(line.path) as hands, McuHost(mcu, line):
        for said, answer in (
            (b"model miiolan.light.demo1\r", b"ok\r"),
            (b"mcu_version 0001\r", b"ok\r"),
            (b"get_down\r", b"down update_fw\r"),
            (b'result "ready"\r', b"ok\r"),
        ):
            assert hands.line() == said
            hands.write(answer)
        speak(hands, "sx", *options, "image.bin", folder=tmp_path)
        hands.read_until(b"model miiolan.light.demo1\r")
        hands.write(b"ok\r")
        assert hands.line() == b"mcu_version 0002\r"
        assert mcu.image is not None
        assert mcu.image.rstrip(b"\x1a") == IMAGE
