"""``miio-lan update`` as a person and as a script use it."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from support.interfered import product_of

from miio_lan.cli.options import CliSettings
from miio_lan.cli.update.command import _carry_out
from miio_lan.cli.update.showing import Bar, UpdateRows, shown
from miio_lan.device.ota import blocking
from miio_lan.device.ota.outcome import Ending, Phase, UpdatePhase, UpdateResult
from miio_lan.device.ota.pace import Pace
from miio_lan.virtual.image import make_image
from miio_lan.virtual.product import VirtualProduct


@pytest.fixture
def product() -> Iterator[VirtualProduct]:
    with product_of() as running:
        yield running


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the times of an update be those of a product whose life is fast."""
    soon = Pace(every=0.05, answer=0.6, begin=60.0, settle=2.0, confirm=0.3, silence=60.0, total=200.0)
    monkeypatch.setattr(blocking, "paced", lambda pace, timeout: soon)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "lamp.bin"
    path.write_bytes(make_image("mcu", "0042", bytes(2000)))
    return path


def test_a_proven_success_in_rows(ask: Any, image: Path) -> None:
    ended = ask("update", str(image), "--version", "0042")
    assert (ended.code, ended.err) == (0, "")
    rows = ended.out.splitlines()
    assert rows[-1] == "Done: installed: the MCU tells version 0042 (0001 before)"
    words = [row.split()[2] for row in rows[:-1]]
    # A state that was asked for before the device fetched stands before it.
    assert words[:2] == ["prepared", "requested"]
    assert "fetching" in words
    assert all(re.fullmatch(r" +\d+\.\d s  \w+ .*", row) for row in rows[:-1])


def test_json_lines_with_the_result_in_the_last(ask: Any, image: Path) -> None:
    ended = ask("--json", "update", str(image))
    assert ended.code == 0
    *phases, last = [json.loads(row) for row in ended.out.splitlines()]
    words = [each["phase"] for each in phases]
    assert words[:2] == ["prepared", "requested"]
    assert "fetching" in words
    assert last["phase"] == "ended"
    assert (last["progress"], last["result"]["ending"], last["result"]["proven"]) == (100, "proven", True)
    assert last["result"]["served"]["complete"]
    assert last["result"]["after"] == {"module": "2.0.0", "mcu": "0042"}


def test_a_failure_has_its_name_and_exit_code_1(ask: Any, image: Path, product: VirtualProduct) -> None:
    product.call(lambda _: setattr(product.mcu.bootloader, "refusal", "not for me"))
    ended = ask("update", str(image))
    assert ended.code == 1
    assert ended.err.startswith("Error: the update ended as 'fetched but refused': it fetched the whole file")
    assert "Done" not in ended.out
    ended = ask("--json", "update", str(image))
    assert ended.code == 1
    *_, last, error = [json.loads(row) for row in ended.out.splitlines()]
    assert last["result"]["ending"] == "fetched but refused"
    assert (error["error"]["type"], error["error"]["may_have_run"]) == ("UpdateFailed", True)


def test_what_is_not_proven_has_exit_code_3(ask: Any, image: Path) -> None:
    assert ask("update", str(image)).code == 0
    ended = ask("update", str(image), "--version", "0042")
    assert ended.code == 3
    assert "Not proven: it says installed" in ended.out
    ended = ask("--json", "update", str(image), "--version", "0042")
    assert ended.code == 3
    assert json.loads(ended.out.splitlines()[-1])["result"]["ending"] == "not proven"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nosuch.bin"], "'nosuch.bin' cannot be read: No such file"),
        (["EMPTY"], "is empty"),
        (["."], "is no file"),
        (["ftp://10.0.0.2/fw.bin", "--md5", "0" * 32], "looks like http://host/file"),
        (["file:///etc/passwd", "--md5", "0" * 32], "looks like http://host/file"),
        (["http://10.0.0.2/fw.bin"], "needs the file's MD5"),
        (["http://10.0.0.2/fw.bin", "--md5", "abc"], "32 hexadecimal digits"),
        (["http://10.0.0.2/" + "x" * 300, "--md5", "0" * 32], "at most 256 characters"),
        (["http:///fw.bin", "--md5", "0" * 32], "looks like http://host/file"),
        (["http://10.0.0.2/a b", "--md5", "0" * 32], "looks like http://host/file"),
        (["http://10.0.0.2/fw.bin", "--md5", "0" * 32, "--serve-port", "80"], "not served from here"),
        (["IMAGE", "--md5", "0" * 32], "is it whole, and the right one?"),
        (["IMAGE", "--serve-address", "0.0.0.0"], "a device cannot fetch from 0.0.0.0"),
        (["IMAGE", "--serve-address", "lamp"], "is no IP address"),
        (["IMAGE", "--version", ""], "--version': it is empty"),
        (["IMAGE", "--md5="], "--md5': it is empty"),
        (["IMAGE", "--timeout", "0"], "no number of seconds"),
        (["IMAGE", "--serve-port", "0"], "--serve-port"),
    ],
)
def test_what_cannot_be_right_is_refused_before_anything_is_asked(
    ask: Any, image: Path, product: VirtualProduct, tmp_path: Path, arguments: list[str], words: str
) -> None:
    (tmp_path / "empty.bin").write_bytes(b"")
    names = {"IMAGE": str(image), "EMPTY": str(tmp_path / "empty.bin")}
    ended = ask("update", *(names.get(each, each) for each in arguments))
    assert ended.code == 2
    assert words in " ".join(ended.err.split())
    ended = ask("--json", "update", *(names.get(each, each) for each in arguments))
    assert (ended.code, list(json.loads(ended.out))) == (2, ["error"])
    assert product.call(lambda _: product.module.update.state) == "idle"


def test_an_address_that_is_not_ours_is_told(ask: Any, image: Path) -> None:
    ended = ask("update", str(image), "--serve-address", "192.0.2.1")
    assert ended.code == 1
    assert "cannot serve the file at 192.0.2.1" in " ".join(ended.err.split())


def test_help_names_the_exit_codes(run: Any) -> None:
    text = " ".join(run("update", "--help").out.split())
    assert "Exit code 0: proven. 1: it failed" in text
    assert "3: it seems to be installed" in text


SLOW = "from miio_lan.cli import main; main()"


def started(product: VirtualProduct, image: Path, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "MIIO_LAN_IP": product.host,
        "MIIO_LAN_TOKEN": product.token,
        "MIIO_LAN_PORT": str(product.port),
        "TERM": "xterm",
    }
    command = [sys.executable, "-c", SLOW, *arguments, "update", str(image)]
    return subprocess.Popen(command, env=environment, **options)


@pytest.mark.parametrize("json_wanted", [False, True])
def test_ctrl_c_says_what_the_device_may_still_do(
    product: VirtualProduct, image: Path, json_wanted: bool
) -> None:
    product.call(
        lambda _: setattr(product.mcu.bootloader, "fault", "mute")
    )  # it never comes to an end by itself
    arguments = ["--json"] if json_wanted else []
    with started(product, image, *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        while b"installing" not in (row := process.stdout.readline()):
            assert row
        process.send_signal(signal.SIGINT)
        out, err = process.stdout.read(), process.stderr.read()
        assert process.wait(60) == 130
    said = (out if json_wanted else err).decode()
    assert "interrupted; cancelled here; the device has the whole file, and may still install it" in " ".join(
        said.split()
    )
    if json_wanted:
        ended, error = (json.loads(row) for row in out.splitlines()[-2:])
        assert (ended["phase"], ended["result"]["ending"]) == ("ended", "cancelled")
        assert error["error"]["type"] == "Interrupted"


def test_a_bar_on_a_terminal(product: VirtualProduct, image: Path) -> None:
    master, slave = pty.openpty()
    with started(product, image, stdin=slave, stdout=slave, stderr=slave) as process:
        os.close(slave)
        shown, end = b"", time.monotonic() + 60
        while time.monotonic() < end:
            try:
                piece = os.read(master, 65536)
            except OSError:
                break
            shown += piece
        assert process.wait(60) == 0
    os.close(master)
    text = shown.decode()
    assert "prepared   before: module 2.0.0, MCU 0001" in text
    assert "100 %" in text
    assert "━" in text
    assert "Done: installed: the MCU tells version 0042" in text


def test_the_bar_shows_rows_state_bytes_and_percent(monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.StringIO()
    monkeypatch.setattr(
        "miio_lan.cli.device.show.terminal",
        lambda: Console(file=text, force_terminal=True, width=100, color_system=None),
    )
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    with shown(CliSettings()) as bar:
        assert isinstance(bar, Bar)
        bar.phase(UpdatePhase(Phase.Requested, 0.1, text="ok [bold]"), None)
        bar.phase(UpdatePhase(Phase.Progress, 0.2, "downloading\x1b[2J", 40, 1234), None)
        bar.phase(UpdatePhase(Phase.Ended, 0.3, "installed", 100, 5000), None)
    assert "0.1 s  requested  ok [bold]" in text.getvalue()
    assert "installed, 5000 bytes" in text.getvalue()
    assert "100 %" in text.getvalue()
    assert "\x1b[2J" not in text.getvalue()


def test_rows_tell_the_progress_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    rows = UpdateRows()
    for percent in range(0, 100, 3):
        rows.phase(UpdatePhase(Phase.Progress, 1.0, "downloading", percent, 10 * percent), None)
    told = capsys.readouterr().out.splitlines()
    assert [row.split()[3] for row in told] == ["12", "21", "30", "42", "51", "60", "72", "81", "90"]
    assert told[0] == "    1.0 s  progress   12 %, 120 bytes fetched"


class Interrupted:
    """An update in which Ctrl-C is pressed."""

    result = UpdateResult(Ending.Cancelled, "cancelled here; it may go on")

    def __iter__(self) -> Iterator[UpdatePhase]:
        yield UpdatePhase(Phase.Requested, 0.1)
        raise KeyboardInterrupt


def test_an_interruption_carries_what_the_device_may_still_do() -> None:
    with pytest.raises(KeyboardInterrupt) as caught:
        _carry_out(Interrupted(), UpdateRows())  # type: ignore[arg-type]
    assert caught.value.__notes__ == ["cancelled here; it may go on"]
