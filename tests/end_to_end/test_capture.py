"""A product on loopback, its datagrams as a capture of one clock and its line as a recording of another: joined."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner
from support.captures import framed, packet, pcap

from miio_lan import MiotDevice
from miio_lan.cli.program import program
from miio_lan.lan.capture import read_capture
from miio_lan.pairing.clocks import join
from miio_lan.pairing.pairing import pair
from miio_lan.record import Record
from miio_lan.record.recording import FileRecorder, read_recording
from miio_lan.virtual import product as virtual

AHEAD = 7.25
"""Seconds by which the capture's clock is ahead of the recording's."""
SPREAD = 11.0
"""Seconds that are said to have passed after each command: nobody waits for them."""


class Network:
    """Hears the datagrams of a product as a capture does, and its line as a recording does; its time is as told."""

    def __init__(self) -> None:
        self.packets: list[tuple[float, bytes]] = []
        self.lines: list[Record] = []
        self.passed = 0.0
        self.port = 0
        self.token = ""
        self._due = threading.Event()
        self._done = threading.Event()

    def log(self, real: type) -> type:
        network = self

        class Log(real):  # type: ignore[misc]
            def __call__(self, direction: str, datagram: bytes, instant: float, peer: Any) -> None:
                ends = (peer[0], peer[1]), ("127.0.0.1", network.port)
                source, target = ends if direction == "down" else reversed(ends)
                time = instant + network.passed + AHEAD + 1e6
                network.packets.append((time, framed(packet(source, target, datagram))))

        return Log

    def pass_time(self) -> None:
        """Let time pass as soon as nothing is under way on the line."""
        self._done.clear()
        self._due.set()
        assert self._done.wait(20)

    def observe(self, record: Record) -> None:
        instant = record.instant + self.passed
        self.lines.append(replace(record, instant=instant, wall=instant + 1e6))
        if record.raw == b"down none\r" and self._due.is_set():
            self._due.clear()
            self.passed += SPREAD
            self._done.set()


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> Network:
    found = Network()
    monkeypatch.setattr(virtual, "LanLog", found.log(virtual.LanLog))
    with virtual.VirtualProduct(observer=found.observe, lan_observer=lambda _: None) as product:
        found.port = product.port
        with MiotDevice(product.host, product.token, port=product.port) as device:
            for place in range(8):
                device.write(2, 2, 10 + place)
                found.pass_time()
                assert device.read(2, 2) == 10 + place
                found.pass_time()
        found.token = product.token
    return found


@pytest.fixture
def files(network: Network, tmp_path) -> tuple[str, str]:
    capture, line = tmp_path / "lan.pcap", tmp_path / "line.jsonl"
    capture.write_bytes(pcap(sorted(network.packets)))
    with FileRecorder(line) as recorder:
        for record in network.lines:
            recorder(record)
    return str(capture), str(line)


def test_each_command_is_followed_from_the_capture_to_the_line(network, files) -> None:
    capture = read_capture(files[0], token=network.token, port=network.port)
    assert not capture.remarks
    records, clocks = join(capture.device.records, read_recording(files[1]))
    assert clocks.ahead == pytest.approx(AHEAD, abs=clocks.within + 0.06)
    asked = [
        each for each in pair(records) if each.method.endswith("properties") and each.request is not None
    ]
    assert len(asked) == 16
    for each in asked:
        assert each.complete
        assert not each.ambiguous
        value = each.readings["request"]["params"][0].get("value")
        assert value is None or each.down == f"down set_properties 2 2 {value}"


def test_the_same_at_a_shell(network, files, tmp_path) -> None:
    options = ["--token", network.token, "--port", str(network.port)]
    copy = tmp_path / "joined.jsonl"
    watched = CliRunner().invoke(
        program, ["watch", "--replay", files[1], "--pcap", files[0], "-o", str(copy), *options]
    )
    assert watched.exit_code == 0, watched.output
    told = re.search(r"the capture's clock is (\S+) s ahead", watched.output)
    assert told is not None
    assert float(told[1]) == pytest.approx(AHEAD, abs=0.3)
    assert "16 commands have their line" in watched.output
    assert {record.wire for record in read_recording(copy)} == {"lan", "uart"}
    accepted = CliRunner().invoke(
        program, ["--json", "accept", files[1], "--pcap", files[0], "--spec", "lamp", *options]
    )
    judgement = json.loads(accepted.stdout)
    assert sum(each["method"] == "set_properties" for each in judgement["exchanges"]) == 8


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
