from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from miio_lan.cli.signals import ended_by_signals
from miio_lan.cli.virtual.run import line_log
from miio_lan.lan.discovery.search import Interface
from miio_lan.record import Record
from miio_lan.virtual.mcu.misbehave import MISBEHAVIOURS
from miio_lan.virtual.product import VirtualProduct


@pytest.fixture
def at_start(monkeypatch):
    """End ``virtual`` by a signal as soon as it runs, and give the products it made."""
    made = []
    start = VirtualProduct.start

    def started(product):
        start(product)
        if product not in made:
            made.append(product)
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(VirtualProduct, "start", started)
    return made


def test_what_runs_is_printed(run, at_start):
    ended = run("virtual", "--port", "0", "--token", "00112233445566778899aabbccddeeff")
    assert (ended.code, ended.err) == (0, "")
    (product,) = at_start
    assert "Token:    00112233445566778899aabbccddeeff\n" in ended.out
    assert f"MIIO_LAN_PORT={product.port}" in ended.out
    assert not product.running


def test_the_did_can_be_fixed_and_is_shown(run, at_start):
    assert "Did:      13646404\n" in run("virtual", "--port", "0", "--did", "13646404").out
    assert at_start[-1].device_id == 13646404
    assert run("virtual", "--port", "0", "--did", str(2**64 - 2), "--json").json["device_id"] == 2**64 - 2
    for wrong in ("0", str(2**64 - 1), "x"):
        assert run("virtual", "--port", "0", "--did", wrong).code == 2


def test_at_all_addresses_it_names_those_of_this_computer(run, at_start, monkeypatch):
    subnet = IPv4Network("192.0.2.0/24")
    local = [Interface("lo", "127.0.0.1", IPv4Network("127.0.0.0/8")), Interface("eth0", "192.0.2.2", subnet)]
    monkeypatch.setattr("miio_lan.lan.discovery.ways.local_interfaces", lambda: local)
    out = run("virtual", "--port", "0", "--host", "0.0.0.0").out
    assert "Address:  192.0.2.2, 127.0.0.1\n" in out
    assert "MIIO_LAN_IP=192.0.2.2 " in out
    assert run("virtual", "--port", "0", "--host", "0.0.0.0", "--json").json["ip"] == "0.0.0.0"


def test_options_make_the_product(run, at_start):
    options = (
        "--port 0 --spec purifier --profile older --unprovisioned --misbehave crlf --misbehave slow --json"
    )
    facts = run("virtual", *options.split()).json
    (product,) = at_start
    assert set(product.mcu.misbehave) == {"crlf", "slow"}
    assert product.module.profile.name == "older"
    assert not product.module.provisioned
    assert (facts["model"], facts["token"]) == (product.spec.model, product.token)
    assert facts["port"] == product.port


@pytest.fixture
def guessed(tmp_path):
    """A description that does not say its model."""
    path = tmp_path / "light.json"
    urn = "urn:miot-spec-v2:device:light:0000A001:yeelink-lamp4:1"
    path.write_text(json.dumps({"type": urn, "services": []}))
    return str(path)


def test_a_guessed_model_is_marked(run, at_start, guessed):
    options = ["virtual", "--port", "0", "--spec", guessed]
    assert "Model:    yeelink.light.lamp4 (a guess); --model gives another\n" in run(*options).out
    assert run(*options, "--json").json["model_guessed"] is True
    facts = run(*options, "--json", "--model", "a.b.c").json
    assert (facts["model"], "model_guessed" in facts) == ("a.b.c", False)
    assert at_start[-1].mcu.model == "a.b.c"


def test_what_is_left_out_of_a_description_is_told(run, at_start, guessed):
    data = json.loads(Path(guessed).read_text())
    odd = {"iid": 2, "type": "light", "properties": [{"iid": 1, "type": "on", "format": "boolean"}]}
    Path(guessed).write_text(
        json.dumps(
            {
                **data,
                "services": [
                    odd,
                    {**odd, "properties": [], "iid": 3, "actions": [{"iid": 1, "type": "toggle"}]},
                ],
            }
        )
    )
    ended = run("virtual", "--port", "0", "--spec", guessed)
    assert ended.code == 0
    assert ended.err.startswith("Warning: ")
    assert "light.json: services[0].properties[0].format: 'boolean' is none of" in ended.err
    assert ended.err.endswith("; it is left out\n")


def test_a_model_that_cannot_be_guessed_is_asked_for(run, tmp_path):
    (tmp_path / "tv.json").write_text('{"services": []}')
    ended = run("virtual", "--port", "0", "--spec", str(tmp_path / "tv.json"))
    assert (ended.code, ended.out) == (2, "")
    assert (
        "tv.json: model: it has no model, as company.product.version: give one (--model, in Python"
        in ended.err
    )


@pytest.mark.parametrize(
    ("option", "code"),
    [
        (["--misbehave", "nope"], 2),
        (["--token", "x"], 2),
        (["--spec", "nope"], 2),
        (["--profile", "nope"], 2),
        (["--host", "192.0.2.77"], 1),
    ],
)
def test_wrong_use(run, option, code):
    ended = run("virtual", "--port", "0", *option)
    assert (ended.code, ended.out) == (code, "")
    assert "Traceback" not in ended.err


def test_a_port_that_is_taken(run, product):
    ended = run("virtual", "--port", str(product.port))
    assert ended.code == 1
    assert str(product.port) in ended.err


def test_the_default_port_is_the_real_one_and_needs_no_variable(run, at_start, monkeypatch):
    monkeypatch.setattr(VirtualProduct, "port", property(lambda self: 54321))
    ended = run("virtual", "--port", "0")
    assert "MIIO_LAN_PORT" not in ended.out
    assert "54321 (UDP)" in ended.out


def test_a_failure_in_the_product_ends_it(run, monkeypatch):
    def failing(product, function):
        raise ZeroDivisionError("in the product")

    monkeypatch.setattr(VirtualProduct, "call", failing)
    monkeypatch.setattr("miio_lan.cli.signals.Stop.wait", lambda stop, seconds: False)
    monkeypatch.setattr(VirtualProduct, "start", lambda product: None)
    ended = run("virtual", "--port", "0")
    assert ended.code == 1
    assert "ZeroDivisionError: in the product" in ended.err


def test_help_lists_the_misbehaviours(run):
    shown = run("virtual", "product", "--help").out
    for name in MISBEHAVIOURS:
        assert name in shown


def test_signal_handlers_are_put_back():
    before = signal.getsignal(signal.SIGINT)
    with ended_by_signals() as stop:
        assert signal.getsignal(signal.SIGINT) is not before
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.is_set()
        assert stop.wait(60)
        assert stop.is_set()
    assert signal.getsignal(signal.SIGINT) is before


def test_a_signal_may_come_at_any_moment_of_the_wait():
    """A signal at each step of it, in a process of its own: one that holds a lock then would wait for itself."""
    code = """
import os, signal, sys
from miio_lan.cli.signals import ended_by_signals

def handled(frame):
    return frame is not None and (frame.f_code.co_name == "end" or handled(frame.f_back))

def step(frame, event, arg):
    if handled(frame):
        return None
    os.kill(os.getpid(), signal.SIGTERM)
    return step

with ended_by_signals() as stop:
    sys.settrace(step)
    while not stop.wait(60):
        pass
    sys.settrace(None)
print(stop.is_set())
"""
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.stdout, ended.stderr) == ("True\n", "")


def test_the_uart_can_be_watched(run, at_start):
    ended = run("virtual", "--port", "0", "-v")
    (product,) = at_start
    assert ended.code == 0
    assert f"MCU -> model {product.mcu.model}\n" in ended.err
    assert "MCU <- ok\n" in ended.err
    assert product.token not in ended.err


@pytest.mark.parametrize(("verbose", "polls"), [(1, []), (2, ["MCU -> get_down", "MCU <- down none"])])
def test_idle_polls_are_for_those_who_ask_twice(caplog, verbose, polls):
    caplog.set_level("INFO", logger="miio_lan")
    log = line_log(verbose)
    for direction, raw in (("up", b"get_down\r"), ("down", b"down none\r"), ("up", b"\x1b?\xff\r")):
        log(Record("uart", direction, 0.0, 0.0, raw, note="noise" if raw[0] == 0x1B else ""))
    assert caplog.messages == [*polls, "MCU -> \\x1b?\\xff (noise)"]


@pytest.mark.parametrize(("verbose", "logged"), [(1, []), (2, ["MCU <- block 7, 128 bytes (xmodem)"])])
def test_blocks_of_firmware_are_for_those_who_ask_twice(caplog, verbose, logged):
    caplog.set_level("INFO", logger="miio_lan")
    reading = {"transfer": "block", "number": 7, "size": 128}
    line_log(verbose)(Record("uart", "down", 0.0, 0.0, bytes(133), reading, "xmodem"))
    assert caplog.messages == logged


@pytest.mark.parametrize(("verbose", "polls"), [(1, []), (2, ["MCU -> get_down"])])
def test_each_line_of_the_line_is_one_of_the_log(caplog, verbose, polls):
    caplog.set_level("INFO", logger="miio_lan")
    log = line_log(verbose)
    for raw in (b"\nget_down\r", b"\nresult 2 1 0\r", b"a\nb\r"):
        log(Record("uart", "up", 0.0, 0.0, raw))
    assert caplog.messages == [*polls, "MCU -> result 2 1 0", "MCU -> a\\nb"]


def test_a_taken_port_names_the_way_out(run, product):
    assert "--port 0" in run("virtual", "--port", str(product.port)).err
    assert "--port 0" not in run("virtual", "--port", "0", "--host", "192.0.2.77").err


def test_one_that_waits_to_be_set_up(run, at_start):
    ended = run("virtual", "--port", "0", "--unprovisioned", "--wifi-ssid", "attic", "--renew-token")
    assert ended.code == 0
    (product,) = at_start
    assert f"Not set up: it is the access point {product.module.chip.access_point}\n" in ended.out
    # It shows its token, which need not be given.
    assert "MIIO_LAN_TOKEN" not in ended.out
    assert "miio-lan provision --ssid NAME --ask-password" in ended.out
    timings = product.module.timings
    assert (timings.join, timings.cloud, timings.give_up) == (1.0, 1.0, 2.0)
    token = product.token
    product.module.schedule("restore", 0.0)
    product.module.restart(1.0)
    assert product.token != token


def test_its_network_and_its_times_can_be_given(run, at_start):
    options = "--port 0 --wifi-ssid attic --boot-time 4 --json"
    assert run("virtual", *options.split(), "--wifi-password", "a right one").json["provisioned"] is True
    (product,) = at_start
    assert (product.module.chip.ssid, product.module.chip.password) == ("attic", "a right one")
    assert product.module.timings.give_up == 4.0


@pytest.mark.parametrize("profile", ["document", "older"])
def test_how_long_it_runs_and_whom_it_heeds(run, at_start, profile):
    options = f"--port 0 --json --profile {profile} --uptime 5000 --own-subnet 192.0.2.7/24"
    run("virtual", *options.split())
    run("virtual", *options.split()[:5])
    aloof, usual = (product.module for product in at_start)
    assert aloof.responder.options == replace(usual.responder.options, own_subnet="192.0.2.0/24")
    assert aloof.life(time.monotonic()) >= 5000 > usual.life(time.monotonic())
    assert run("virtual", "--own-subnet", "fd00::/8").code == 2


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, loopback has one address")
def test_its_address_until_then_is_told(run, at_start):
    command = ["virtual", "--port", "0", "--ap-host", "127.0.8.1", "--json"]
    assert run(*command, "--unprovisioned").json["ip"] == "127.0.8.1"
    assert run(*command).json["ip"] == "127.0.0.1"


def test_a_password_is_that_of_a_network(run, at_start):
    for command in (["virtual"], ["virtual", "module"]):
        ended = run(*command, "--wifi-password", "x")
        assert (ended.code, "give its name with --wifi-ssid" in ended.err) == (2, True)


@pytest.mark.parametrize(
    ("host", "ap_host"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::1", "0:0::1"), ("localhost", "localhost")],
)
def test_its_address_until_then_has_to_be_another(run, at_start, host, ap_host):
    for command in (["virtual", "--port", "0", "--tap"], ["virtual", "module", "--port", "/dev/none-such"]):
        ended = run(*command, "--unprovisioned", "--host", host, "--ap-host", ap_host)
        assert (ended.code, ended.out) == (2, "")
        assert f"--ap-host {ap_host} is the address of another network" in ended.err
        assert "--port 0" not in ended.err
