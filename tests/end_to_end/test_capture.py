"""A product on loopback, its datagrams as a capture of one clock and its line as a recording of another: joined."""

from __future__ import annotations

import json
import re
import shlex
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support.captures import framed, packet, pcap

from miio_lan import MiotDevice
from miio_lan.cli.program import program
from miio_lan.lan import PORT
from miio_lan.lan.capture import read_capture
from miio_lan.pairing.clocks import join
from miio_lan.pairing.pairing import pair
from miio_lan.record import Record
from miio_lan.record.recording import FileRecorder, read_recording
from miio_lan.virtual import product as virtual

BENCH = (Path(__file__).parents[2] / "docs" / "bench.md").read_text(encoding="utf-8")
#: The section about captures: what follows it is about something else.
PAGE = BENCH.partition("\n## Captures\n")[2].partition("\n## ")[0]
TOKEN = "00112233445566778899aabbccddeeff"
AHEAD = 7.25
"""Seconds by which the capture's clock is ahead of the recording's."""
SPREAD = 11.0
"""Seconds that are said to have passed after each command: nobody waits for them."""
#: Seconds from the answer to the reply, which takes a few milliseconds.
STALLED = 0.3


class Network:
    """Hears the datagrams of a product as a capture does, and its line as a recording does; its time is as told."""

    def __init__(self) -> None:
        self.packets: list[tuple[float, bytes]] = []
        self.lines: list[Record] = []
        self.passed = 0.0
        self._due = threading.Event()
        self._done = threading.Event()

    def log(self, real: type) -> type:
        network = self

        class Log(real):  # type: ignore[misc]
            def __call__(self, direction: str, datagram: bytes, instant: float, peer: Any) -> None:
                ends = (peer[0], peer[1]), ("127.0.0.1", PORT)
                source, target = ends if direction == "down" else reversed(ends)
                time = instant + network.passed + AHEAD + 1e6
                network.packets.append((time, framed(packet(source, target, datagram))))

        return Log

    def pass_time(self) -> None:
        """Let time pass as soon as nothing is under way on the line."""
        self._done.clear()
        self._due.set()
        assert self._done.wait(100)

    def observe(self, record: Record) -> None:
        instant = record.instant + self.passed
        self.lines.append(replace(record, instant=instant, wall=instant + 1e6))
        if record.raw == b"down none\r" and self._due.is_set():
            self._due.clear()
            self.passed += SPREAD
            self._done.set()


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Network:
    """Let a client set and read a virtual product, and keep both recordings as the page on benches calls them."""
    found = Network()
    monkeypatch.setattr(virtual, "LanLog", found.log(virtual.LanLog))
    with (
        virtual.VirtualProduct(token=TOKEN, observer=found.observe, lan_observer=lambda _: None) as product,
        MiotDevice(product.host, TOKEN, port=product.port) as device,
    ):
        device.retry_count = 0  # each command is one datagram
        device.timeout = 60.0
        for place in range(8):
            device.write(2, 2, 10 + place)
            found.pass_time()
            assert device.read(2, 2) == 10 + place
            found.pass_time()
    (tmp_path / "lamp.pcap").write_bytes(pcap(sorted(found.packets)))
    (tmp_path / "token.txt").write_text(TOKEN)
    (tmp_path / "token.txt").chmod(0o600)
    with FileRecorder(tmp_path / "line.jsonl") as recorder:
        for record in found.lines:
            recorder(record)
    monkeypatch.chdir(tmp_path)
    return found


@pytest.mark.usefixtures("network")
def test_each_command_is_followed_from_the_capture_to_the_line() -> None:
    capture = read_capture("lamp.pcap", token=TOKEN)
    assert not capture.remarks
    records, clocks = join(capture.device.records, read_recording("line.jsonl"))
    assert clocks.ahead == pytest.approx(AHEAD, abs=clocks.within + 0.06)
    asked = [
        each for each in pair(records) if each.method.endswith("properties") and each.request is not None
    ]
    assert len(asked) == 16
    for each in asked:
        assert each.complete
        assert each.reply is not None
        assert each.result is not None
        # Where the machine stalled, others may have said something meanwhile.
        stalled = each.reply.instant - each.result.instant > STALLED
        assert not each.ambiguous or stalled
        value = each.readings["request"]["params"][0].get("value")
        assert value is None or each.down == f"down set_properties 2 2 {value}"


def run(command: str, *more: str) -> Result:
    return CliRunner().invoke(program, [*shlex.split(command)[1:], *more])


@pytest.mark.usefixtures("network")
def test_what_the_page_shows(capsys: pytest.CaptureFixture[str]) -> None:
    decode, watch, accept, _ = re.findall(r"^((?:miio-lan|tcpdump) .+)$", PAGE, re.MULTILINE)
    decoded = run(decode)
    assert decoded.exit_code == 0
    said = [(row.split()[1], " ".join(row.split()[3:])) for row in decoded.stdout.splitlines()]
    assert [text for way, text in said if way == "↓" and text != "[hello]"] == [
        text for place in range(8) for text in (f"set_properties 2.2={10 + place}", "get_properties 2.2")
    ]
    assert said.count(("↑", "2.2: 0")) == 8
    watched = run(watch, "-o", "both.jsonl")
    assert watched.exit_code == 0, watched.output
    told = re.search(r"the capture's clock is (\S+) s ahead of the recording's \(within 0", watched.output)
    assert told is not None
    assert float(told[1]) == pytest.approx(AHEAD, abs=0.3)
    assert "16 commands have their line" in watched.output
    assert {record.wire for record in read_recording("both.jsonl")} == {"lan", "uart"}
    judgement = json.loads(run(accept, "--json", "--spec", "lamp").stdout)
    assert sum(each["method"] == "set_properties" for each in judgement["exchanges"]) == 8
    (code,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    exec(code, {})
    assert re.search(r"^127\.0\.0\.1:\d+ set_properties None$", capsys.readouterr().out, re.MULTILINE)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["watch", "--pcap", "x.pcap"], "it needs --replay"),
        (["watch", "--replay", "x", "--offset", "3"], "--offset is about the clocks"),
        (["watch", "--replay", "-", "--pcap", "-"], "cannot both come from stdin"),
        (["accept", "--virtual", "--pcap", "x.pcap"], "--pcap is joined with a recording"),
        (["accept", "x", "--offset", "3"], "--offset is about the clocks"),
        (["accept", "x", "--token", "0" * 32], "it needs --lan"),
    ],
)
def test_options_that_do_not_fit(arguments: list[str], told: str) -> None:
    ended = CliRunner().invoke(program, arguments)
    assert ended.exit_code == 2
    assert told in " ".join(ended.output.split())
