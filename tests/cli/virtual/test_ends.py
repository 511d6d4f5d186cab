from __future__ import annotations

import io
import os
import queue
import re
import signal
import threading

import pytest

from miio_lan import MiotDevice
from miio_lan.cli.virtual.orders import _ARGUMENT, mcu_orders, module_orders
from miio_lan.cli.virtual.run import _orders_source, _take_orders, obey
from miio_lan.uart.ports.port import PtyPort
from miio_lan.virtual.host import McuHost, ModuleHost
from miio_lan.virtual.mcu.mcu import Mcu
from miio_lan.virtual.module.requests.requests import request_of
from miio_lan.virtual.product import VirtualProduct


@pytest.fixture
def at_start(monkeypatch):
    """End the command by a signal as soon as its host runs, and give the hosts it made."""
    made = []
    for kind in (McuHost, ModuleHost):

        def started(host, start=kind.start):
            start(host)
            made.append(host)
            os.kill(os.getpid(), signal.SIGINT)

        monkeypatch.setattr(kind, "start", started)
    return made


def test_a_module_on_a_pty_of_its_own(run, at_start):
    ended = run("virtual", "module", "--udp-port", "0", "--token", "0123456789abcdef0123456789abcdef")
    assert (ended.code, ended.err) == (0, "")
    assert re.search(r"Virtual module on /dev/\S+, 115200 8N1\.", ended.out)
    assert f"MIIO_LAN_PORT={at_start[0].port} MIIO_LAN_TOKEN=0123456789abcdef0123456789abcdef" in ended.out
    assert not at_start[0].running


def test_the_did_of_a_module_can_be_fixed_and_is_shown(run, at_start):
    assert "\nDid: 13646404\n" in run("virtual", "module", "--udp-port", "0", "--did", "13646404").out
    assert run("virtual", "module", "--udp-port", "0", "--did", "5", "--json").json["device_id"] == 5
    assert at_start[-1].module.chip.device_id == 5


def test_an_mcu_on_a_pty_of_its_own(run, at_start):
    facts = run("virtual", "mcu", "--spec", "purifier", "--misbehave", "crlf", "--json").json
    assert facts["model"] == "zhimi.airpurifier.mb3"
    assert facts["line"].startswith("/dev/")


def test_the_two_ends_find_each_other(run, monkeypatch):
    """The MCU's command runs against a module that another program made the line for."""
    with PtyPort() as line:
        from miio_lan.loop import wall_clock
        from miio_lan.virtual.module.module import Module

        module = Module(device_id=5, token=bytes(16), mac="020000000001", wall=wall_clock)
        reported = threading.Event()
        seen = []

        def observe(record):
            seen.append(record.raw)
            if record.raw == b"mcu_version 0042\r":
                reported.set()

        with ModuleHost(module, line, observer=observe) as host:
            start = McuHost.start

            def started(mcu_host):
                start(mcu_host)
                assert reported.wait(30)
                with MiotDevice(host.host, "0" * 32, port=host.port) as device:
                    assert device.read(2, 1) is True
                os.kill(os.getpid(), signal.SIGTERM)

            monkeypatch.setattr(McuHost, "start", started)
            options = ["--port", line.path, "--mcu-version", "0042", "--poll-interval", "0.01"]
            assert run("virtual", "mcu", *options).code == 0
    assert b"model miiolan.light.demo1\r" in seen


def test_options_of_the_ends(run, at_start):
    run("virtual", "mcu", "--update", "busy", "--json")
    run("virtual", "mcu", "--update", "silent", "--json")
    run("virtual", "module", "--udp-port", "0", "--boot-time", "6", "--firmware-limit", "1000", "--json")
    busy, silent, module = (host for host in at_start)
    assert (busy.mcu.update_answer, silent.mcu.update_answer) == ("busy", None)
    assert (module.module.timings.join, module.module.timings.cloud) == (3.0, 3.0)
    assert module.module.firmware_limit == 1000


def test_firmware_that_is_too_large_is_refused(run, tmp_path):
    (tmp_path / "image").write_bytes(bytes(1001))
    options = ["--firmware", str(tmp_path / "image"), "--firmware-limit", "1000"]
    ended = run("virtual", "module", "--udp-port", "0", *options)
    assert (ended.code, ended.out) == (2, "")
    assert "firmware of 1001 bytes: --firmware-limit is 1000" in ended.err
    (tmp_path / "image").write_bytes(b"")
    ended = run("virtual", "module", "--udp-port", "0", *options)
    assert (ended.code, ended.out) == (2, "")
    assert "image is empty: that is no firmware" in ended.err


@pytest.mark.parametrize(
    ("words", "code", "why"),
    [
        (["module", "--port", "/dev/nothing-here", "--udp-port", "0"], 1, "/dev/nothing-here"),
        (["mcu", "--port", "/dev/nothing-here"], 1, "/dev/nothing-here"),
        (["mcu", "--spec", "nope"], 2, "nope"),
        (["mcu", "--mcu-version", "1"], 2, "4-digit number"),
        (["mcu", "--misbehave", "nope"], 2, "nope"),
        (["module", "--token", "x"], 2, "token"),
        (["module", "--udp-port", "0", "--host", "192.0.2.77"], 1, "192.0.2.77"),
        (["nothing"], 2, "product, module, mcu"),
    ],
)
def test_wrong_use(run, words, code, why):
    ended = run("virtual", *words)
    assert (ended.code, ended.out) == (code, "")
    assert why in ended.err
    assert "Traceback" not in ended.err


def test_the_group_explains_itself(run):
    shown = run("virtual", "--help").out
    assert all(name in shown for name in ("product", "module", "mcu"))


@pytest.fixture
def lamp():
    with VirtualProduct(mcu_options={"poll_interval": 0.01}) as product:
        yield product


def test_orders_for_an_mcu(lamp):
    orders = mcu_orders(lamp, lamp.mcu, lamp.spec)
    assert obey(orders, "misbehave crlf slow") == "misbehaving: crlf, slow"
    assert obey(orders, "behave slow") == "misbehaving: crlf"
    assert obey(orders, "behave") == "misbehaving: not at all"
    assert obey(orders, "set light:brightness 33") == "2.2 = 33"
    assert obey(orders, "set 2.11 My lamp") == "2.11 = 'My lamp'"
    assert "2.2 = 33" in obey(orders, "show")
    assert obey(orders, "event knob:click") == "event 6.1"
    assert obey(orders, "event knob:turn 1=90 2=0.5") == "event 6.2"
    with MiotDevice(lamp.host, lamp.token, port=lamp.port) as device:
        assert device.read(2, 11) == "My lamp"


def test_what_is_in_quotes_stays_as_it_is(lamp):
    orders = mcu_orders(lamp, lamp.mcu, lamp.spec)
    assert obey(orders, 'set 2.11 "My  lamp"\n') == "2.11 = 'My  lamp'"
    assert obey(orders, 'set 2.11 "a \\"b\\"  c"') == "2.11 = 'a \"b\"  c'"
    assert obey(orders, 'set  2.11  "no" end') == "2.11 = '\"no\" end'"
    assert obey(orders, "set 2.11 a  b") == "2.11 = 'a  b'"
    assert obey(module_orders(lamp, lamp.module), 'down x "a  b"  "c"') == 'handing out: x "a  b"  "c"'


def test_arguments_of_events_may_have_spaces():
    assert _ARGUMENT.findall('1=90  2="two  words" 3="a \\" b" "x') == [
        "1=90",
        '2="two  words"',
        '3="a \\" b"',
        '"x',
    ]


def test_orders_come_from_a_pipe_and_its_end_ends_nothing(lamp):
    reader, writer = os.pipe()
    done = threading.Event()
    given: list[str] = []

    def note(text: str) -> str:
        given.append(text)
        if text == "last":
            done.set()
        return "noted"

    os.write(writer, b'note "a  b"\n\nnonsense\nnote \xff\nnote last')
    os.close(writer)
    _take_orders(reader, {"note": note})
    os.close(reader)
    assert given == ['"a  b"', "\N{REPLACEMENT CHARACTER}", "last"]
    _take_orders(reader, {"note": note})  # closed: nothing comes, nothing goes wrong
    assert len(given) == 3


@pytest.mark.parametrize("stdin", [None, io.StringIO("note x")])
def test_without_a_standard_input_nothing_is_read(monkeypatch, stdin):
    monkeypatch.setattr("sys.stdin", stdin)
    assert _orders_source() is None


def test_a_module_with_a_description_names_the_arguments_of_actions(run, at_start):
    for spec in ((), ("--spec", "lamp")):
        assert run("virtual", "module", "--udp-port", "0", *spec).code == 0
    params = {"siid": 2, "aiid": 3, "in": [50]}
    lines = [
        request_of("action", params, each.module.profile, 0.0, print, each.module._requests._inputs).line()
        for each in at_start
    ]
    # Without one, places count from 1.
    assert lines == ["action 2 3 1 50", "action 2 3 9 50"]


@pytest.mark.parametrize(
    ("order", "why"),
    [
        ("misbehave nope", "nope"),
        ("set light:nope 5", "nope"),
        ("set light:brightness 500", "500 is outside"),
        ("set", "needs more"),
        ("event knob:turn 1", "PIID=VALUE"),
        ("event knob:turn 9=1", "PIID=VALUE"),
        ("dance", "There are: misbehave"),
    ],
)
def test_orders_that_make_no_sense(lamp, order, why):
    assert why in obey(mcu_orders(lamp, lamp.mcu, lamp.spec), order)


def test_orders_for_a_module(lamp):
    orders = module_orders(lamp, lamp.module)
    assert obey(orders, "net") == "net: cloud"
    assert obey(orders, "net local") == "net: local"
    assert "offline" in obey(orders, "net nowhere")
    assert obey(orders, "down unknown_command 1") == "handing out: unknown_command 1"
    assert obey(orders, "restart") == "restarting"


@pytest.fixture
def told(monkeypatch):
    """What is said when an order has come to its end."""
    said: queue.SimpleQueue[str] = queue.SimpleQueue()
    monkeypatch.setattr("miio_lan.cli.virtual.orders.echo", lambda text, err: said.put(text))
    return lambda: said.get(timeout=60)


def test_firmware_is_sent_on_order(lamp, told):
    image = bytes(range(256)) * 3
    orders = module_orders(lamp, lamp.module, image)
    assert obey(orders, "down update_fw") == "offering firmware of 768 bytes"
    assert "being sent already" in obey(orders, "down update_fw")
    assert told() == "firmware: sent; the MCU is asked for its version"
    assert lamp.call(lambda _now: lamp.mcu.image) == image


def test_firmware_that_the_mcu_does_not_want(lamp, told):
    lamp.call(lambda _now: setattr(lamp.mcu, "update_answer", "busy"))
    assert obey(module_orders(lamp, lamp.module, b"x"), "down update_fw") == "offering firmware of 1 bytes"
    assert told() == "firmware: failed, the MCU is busy"


def test_firmware_that_was_not_given(lamp):
    said = obey(module_orders(lamp, lamp.module), "down update_fw")
    assert said == "Error: update_fw needs an image to send: start the module with --firmware FILE"


def test_the_firmware_of_the_command_line_is_the_one_sent(run, at_start, monkeypatch, tmp_path):
    given = []
    monkeypatch.setattr(
        "miio_lan.cli.virtual.orders.module_orders", lambda *words: given.append(words[2]) or {}
    )
    (tmp_path / "mcu.bin").write_bytes(b"\r\n\x00image")
    assert run("virtual", "module", "--udp-port", "0", "--firmware", str(tmp_path / "mcu.bin")).code == 0
    assert given == [b"\r\n\x00image"]
    ended = run("virtual", "module", "--udp-port", "0", "--firmware", str(tmp_path / "none.bin"))
    assert ended.code == 2
    assert "none.bin" in ended.err


def test_an_mcu_checks_its_version():
    spec = VirtualProduct().spec
    with pytest.raises(ValueError, match="4-digit number"):
        Mcu(spec, version="x")
