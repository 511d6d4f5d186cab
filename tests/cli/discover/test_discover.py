"""``discover`` on loopback."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from rich.text import Text

from miio_lan.cli.discover.table import HEADINGS, Live, cells, rows
from miio_lan.device.fleet.named import DevicesFile, NamedDevice
from miio_lan.lan.discovery import ways
from miio_lan.lan.discovery.findings import Finding
from miio_lan.record.redact import Secret
from miio_lan.virtual.product import VirtualProduct

DID = 0x1234_5678
PATIENCE = 100
TOKEN = "00112233445566778899aabbccddeeff"


@pytest.fixture(scope="module")
def product() -> Iterator[VirtualProduct]:
    with VirtualProduct(
        host="0.0.0.0", device_id=DID, provisioned=False, mcu_options={"poll_interval": 0.01}
    ) as running:
        yield running


def loopback() -> str:
    return next(each.name for each in ways.local_interfaces() if each.is_loopback)


def by_broadcast(product: VirtualProduct) -> list[str]:
    return ["discover", "--interface", loopback(), "--port", str(product.port)]


def test_as_a_table(run: Callable, product: VirtualProduct) -> None:
    ended = run(*by_broadcast(product), "--timeout", "2.5")
    assert (ended.code, ended.err) == (0, "")
    headings, line = ended.out.splitlines()
    assert headings.split() == ["DID", "ADDRESS", "INTERFACE", "MODEL", "MAC", "TOKEN", "PUSH", "AGE", "NAME"]
    known = [str(DID), "127.0.0.1", loopback(), "-", "-", "(hidden)", "-"]
    assert line.split()[:7] == known
    assert re.search(r"  \d+ s  -$", line)
    assert product.token in run(*by_broadcast(product), "--timeout", "2.5", "--show-secrets").out


def test_as_json(run: Callable, product: VirtualProduct, tmp_path: Path) -> None:
    path = tmp_path / "devices.json"
    DevicesFile(path).put(NamedDevice("lamp", "192.0.2.9", TOKEN, DID))
    where = ["discover", "--subnet", "127.0.0.7", "--port", str(product.port), "--timeout", "2.5"]
    found = run("--json", *where, env={"MIIO_LAN_DEVICES": str(path)}).json
    assert (found["did"], found["ip"], found["token"], found["name"]) == (
        DID,
        "127.0.0.7",
        "(hidden)",
        "lamp",
    )
    # What it prints can be imported.
    shown = run("--json", "--show-secrets", *where).out
    assert run("device", "import", "-", stdin=shown, env={"MIIO_LAN_DEVICES": str(path)}).code == 0
    assert DevicesFile(path).get("lamp") == NamedDevice(
        "lamp", "127.0.0.7", product.token, DID, port=product.port
    )


def test_a_broken_file_of_names_is_told_and_the_search_goes_on(
    run: Callable, product: VirtualProduct, tmp_path: Path
) -> None:
    path = tmp_path / "devices.json"
    path.write_text("{")
    path.chmod(0o600)
    ended = run(*by_broadcast(product), "--timeout", "2.5", env={"MIIO_LAN_DEVICES": str(path)})
    assert ended.code == 0
    assert ended.err.startswith(f"Warning: {path}: is not JSON")


@pytest.mark.parametrize("options", [["--subnet", "127.0.0.7"], ["--interface", "lo"]])
def test_nobody(run: Callable, options: list[str]) -> None:
    options = [loopback() if each == "lo" else each for each in options]
    ended = run("discover", *options, "--timeout", "0.1", "--port", "9")
    assert ended.code == 1
    assert (
        "no device answered at UDP port 9 on 127.0.0." in ended.err
        or f"on {loopback()} (127.0.0.0/8)" in ended.err
    )
    assert ("try --subnet" in ended.err) is ("--interface" in options)
    assert (
        run("--json", "discover", *options, "--timeout", "0.1", "--port", "9").json["error"]["type"]
        == "DeviceTimeout"
    )


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["--watch", "--timeout", "3"], "--watch goes on until Ctrl-C"),
        (["--subnet", "x"], "'x' is no IPv4 subnet"),
        (["--subnet", "10.0.0.0/8"], "at most 65536 addresses"),
        (["--interface", "eth77"], "there is no interface 'eth77'"),
        (["--ip", "192.0.2.9"], "No such option"),
    ],
)
def test_wrong_use(run: Callable, options: list[str], reason: str) -> None:
    ended = run("discover", *options)
    assert ended.code == 2
    assert reason in ended.err


def test_a_sweep_that_is_cut_short_is_told(run: Callable, product: VirtualProduct) -> None:
    ended = run("discover", "--subnet", "127.0.0.0/24", "--port", str(product.port), "--timeout", "0.1")
    assert "addresses were not asked: the sweep needs 6 s in all" in ended.err


def test_watching_ends_in_good_order(product: VirtualProduct) -> None:
    for options, number in (([], signal.SIGINT), (["--json"], signal.SIGTERM)):
        command = [sys.executable, "-m", "miio_lan", *options, *by_broadcast(product), "--watch"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            if not options:
                assert process.stdout.readline().startswith("DID ")
            line = process.stdout.readline()
            process.send_signal(number)
            assert process.wait(PATIENCE) == 0
            assert process.stderr.read() == ""
        assert str(DID) in line
        assert not options or json.loads(line)["did"] == DID


def test_a_terminal_shows_a_table_that_lives(product: VirtualProduct) -> None:
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "miio_lan", *by_broadcast(product), "--watch"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "160", "LINES": "20"}
    try:
        with subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment) as process:
            os.close(slave)
            text = ""
            while str(DID) not in text:
                text += os.read(master, 65536).decode()
            process.send_signal(signal.SIGINT)
            try:
                while data := os.read(master, 65536).decode():
                    text += data
            except OSError:
                pass  # the other end is closed
            assert process.wait(PATIENCE) == 0
    finally:
        os.close(master)
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)
    assert re.search(rf"{DID}\s+127\.0\.0\.1\s+{loopback()}", plain)
    # The cursor that it hid is back.
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_ctrl_c_ends_watching_and_interrupts_a_search(run: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    def search(*args: object, **how: object) -> Iterator[Finding]:
        yield HOSTILE
        yield replace(HOSTILE, did=6)
        raise KeyboardInterrupt

    monkeypatch.setattr("miio_lan.lan.discovery.blocking.search", search)
    watched = run("discover", "--watch")
    assert (watched.code, watched.err) == (0, "")
    assert [row.split()[0] for row in watched.out.splitlines()] == ["DID", "5", "6"]
    lines = run("--json", "discover", "--watch").out.splitlines()
    assert [json.loads(line)["did"] for line in lines] == [5, 6]
    ended = run("discover")
    assert (ended.code, ended.out.split()[0], len(ended.out.splitlines())) == (130, "DID", 3)
    *found, error = run("--json", "discover").out.splitlines()
    assert [json.loads(line)["did"] for line in found] == [5, 6]
    assert json.loads(error)["error"]["type"] == "Interrupted"


HOSTILE = Finding(
    5, "192.0.2.9", 54321, "eth0", "a\x1b[31mb", "[red]x", Secret(TOKEN), False, answered=False, heard=1.0
)


def test_what_a_device_says_steers_nothing() -> None:
    shown = cells(HOSTILE, {5: "la\x07mp"}, 4.2, secrets=False)
    assert shown == (
        *(
            "5",
            "192.0.2.9 (announced)",
            "eth0",
            r"a\x1b[31mb",
            "[red]x",
            "(hidden)",
            "no",
            "3 s",
            r"la\x07mp",
        ),
    )
    assert cells(HOSTILE, {}, 4.2, secrets=True)[5] == TOKEN
    assert rows([HOSTILE], {}, 1.0)[1].startswith("5 ")


def test_the_live_table_takes_words_as_they_are() -> None:
    assert Live({}, {})._table().caption == "nobody yet"
    table = Live({5: HOSTILE}, {})._table()
    assert [str(cell) for column in table.columns for cell in column.cells][3:5] == [r"a\x1b[31mb", "[red]x"]


LAMP = Finding(
    13646404,
    "192.168.100.109",
    54321,
    "wlan0",
    "yeelink.light.mono1",
    "F0:B4:29:AA:BB:0C",
    Secret(TOKEN),
    True,
    answered=True,
    heard=1.0,
)
LONGEST = replace(LAMP, did=(1 << 64) - 2, model="x" * 23, answered=False)
NAMES = {LAMP.did: "the lamp in the bedroom"}


@pytest.mark.parametrize("width", [40, 50, 60, 61, 70, 80, 100, 120, 132])
@pytest.mark.parametrize("secrets", [False, True])
@pytest.mark.parametrize("found", [[LAMP], [LAMP, LONGEST], [LONGEST]], ids=["usual", "both", "longest"])
def test_all_that_is_known_is_readable_at_any_width(found: list[Finding], width: int, secrets: bool) -> None:
    lines = rows(found, NAMES, 4.0, width=width, secrets=secrets)
    assert [line for line in lines if len(line) > width] == []
    text = "\n".join(lines)
    for each in found:
        assert {str(each.did), each.ip, each.model, TOKEN if secrets else "(hidden)"} <= set(
            text.replace(",", "").split()
        )
        assert text.count(str(each.did)) == 1
    assert "the lamp in the bedroom" in " ".join(text.split()) or found == [LONGEST]
    assert text.count("F0:B4:29:AA:BB:0C") == len(found)


def test_sixty_columns() -> None:
    assert rows([LAMP], {LAMP.did: "lamp"}, 4.0, width=60, secrets=False) == [
        "DID       ADDRESS          MODEL                TOKEN",
        "13646404  192.168.100.109  yeelink.light.mono1  (hidden)",
        "  name lamp, interface wlan0, mac F0:B4:29:AA:BB:0C, push",
        "  yes, age 3 s",
    ]
    wide = rows([LAMP], {LAMP.did: "lamp"}, 4.0, width=200, secrets=False)
    assert wide == rows([LAMP], {LAMP.did: "lamp"}, 4.0, secrets=False)
    assert wide[0].split() == list(HEADINGS)
    assert len(wide) == 2


def test_the_live_table_is_narrow_where_the_terminal_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for width, narrow in ((60, True), (200, False)):
        monkeypatch.setenv("COLUMNS", str(width))
        live = Live({LAMP.did: LAMP}, {})
        assert isinstance(live._shown(), Text) is narrow
        with live._console.capture() as capture:
            live._console.print(live._shown())
        shown = capture.get().splitlines()
        assert max(map(len, shown)) <= width
        assert "192.168.100.109" in capture.get()
        assert "yeelink.light.mono1" in capture.get()
