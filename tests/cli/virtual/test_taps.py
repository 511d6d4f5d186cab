from __future__ import annotations

import contextlib
import json
import queue
import re
import signal
import subprocess
import sys

import pytest

from miio_lan.cli.virtual.taps import Taps
from miio_lan.record import Record
from miio_lan.uart.listening.tap import Tap
from miio_lan.uart.ports.port import PtyPort, open_port

TOKEN = "00112233445566778899aabbccddeeff"


def test_a_tap_hears_each_direction_at_a_port_of_its_own():
    heard: queue.SimpleQueue[Record] = queue.SimpleQueue()
    with Taps() as taps:
        with Tap(heard.put, down=open_port(taps.down), up=open_port(taps.up)):
            for direction, raw in (("up", b"get_down\r"), ("down", b"down none\r")):
                taps.observe(Record("uart", direction, 0.0, 0.0, raw))
            found = {(each.direction, each.raw) for each in (heard.get(timeout=60), heard.get(timeout=60))}
        assert found == {("up", b"get_down\r"), ("down", b"down none\r")}
    taps.observe(Record("uart", "up", 0.0, 0.0, b"get_down\r"))  # nobody can hear that any more


def test_what_was_opened_is_closed_when_there_is_no_second(monkeypatch):
    opened = []

    def only_one():
        if opened:
            raise ZeroDivisionError
        opened.append(PtyPort())
        return opened[0]

    monkeypatch.setattr("miio_lan.cli.virtual.taps.PtyPort", only_one)
    with pytest.raises(ZeroDivisionError):
        Taps()
    assert opened[0].closed


@contextlib.contextmanager
def running(*more):
    command = [sys.executable, "-m", "miio_lan", "--json", "virtual", "product", "--port", "0", "--tap"]
    with subprocess.Popen(
        [*command, "--token", TOKEN, *more], stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        try:
            yield json.loads(process.stdout.readline())
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
        finally:
            process.kill()


def test_the_bench_can_be_rehearsed(pytester, monkeypatch):
    monkeypatch.setenv("MIIO_LAN_TOKEN", TOKEN)
    pytester.makepyfile("""
        def test_it(miio_bench):
            for _ in range(10):  # where the machine stops for a while, what was heard late leaves a doubt
                with miio_bench.expect("get_properties", siid=2, piid=1) as exchange:
                    miio_bench.device.read(2, 1)
                if not exchange.ambiguous:
                    break
            assert (exchange.stopped_at, exchange.ambiguous, miio_bench.spec) == (None, False, None)
            assert exchange.down.raw == b"down get_properties 2 1\\r"
            assert exchange.result.raw == b"result 2 1 0 true\\r"
            assert exchange.acknowledgement.raw == b"ok\\r"
    """)
    with running() as facts:
        options = (
            f"--miio-host={facts['ip']}",
            f"--miio-port={facts['port']}",
            f"--miio-uart={facts['tap_down']}",
            f"--miio-uart-up={facts['tap_up']}",
        )
        pytester.runpytest_inprocess("-p", "no:randomly", *options).assert_outcomes(passed=1)


def test_the_ports_are_printed(run, monkeypatch):
    monkeypatch.setattr("miio_lan.cli.virtual.run.run_until", lambda *_: None)
    said = run("virtual", "product", "--port", "0", "--tap", "-v")
    assert said.code == 0
    assert re.search(r"^Taps:     /dev/\S+ hears the module, /dev/\S+ the MCU$", said.out, re.MULTILINE)
    assert "MCU -> model" in said.err
    assert "Taps" not in run("virtual", "product", "--port", "0").out
