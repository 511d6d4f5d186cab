from __future__ import annotations

import pytest
from support.tape import Tape

from miio_lan.bench.bench import Bench, Recorder
from miio_lan.cli.demo import command as demo_module
from miio_lan.cli.demo import steps as demo_steps
from miio_lan.cli.demo.command import StepOutcome, missing_lines, perform
from miio_lan.cli.demo.steps import DemoStep
from miio_lan.click_common.layout import colour_system
from miio_lan.device.miot import MiotDevice
from miio_lan.errors import DeviceError, McuTimeout
from miio_lan.virtual.product import VirtualProduct

QUICK = ("--answer-time", "0.3")


@pytest.fixture
def quick(monkeypatch):
    """The demonstration with an MCU that polls without pause."""

    class Quick(VirtualProduct):
        def __init__(self, **options):
            super().__init__(**options, mcu_options={"poll_interval": 0.002})

    monkeypatch.setattr("miio_lan.virtual.product.VirtualProduct", Quick)


@pytest.mark.usefixtures("quick")
class TestDemo:
    def test_all_steps_end_as_expected(self, run):
        ended = run("demo", *QUICK)
        assert (ended.code, ended.err) == (0, "")
        assert "All 9 steps ended as expected." in ended.out
        assert "FAILED" not in ended.out
        assert "\x1b" not in ended.out
        assert all(len(line) <= 80 for line in ended.out.splitlines())
        for line in (
            "→ down get_properties 2 1 2 2 2 3", "← result 2 2 0", "→ down action 2 1", "← properties_changed 2 2 80",
            "← error -9999 user ack timeout", "← 2.99: -4003", "← 2.2: -4005",
        ):  # fmt: skip
            assert line in ended.out

    def test_as_json(self, run):
        ended = run("--json", "demo", *QUICK)
        assert (ended.code, ended.err) == (0, "")
        document = ended.json
        assert document["ok"] is True
        assert all(step["ok"] for step in document["steps"])
        silent = document["steps"][7]
        assert (silent["error"]["type"], silent["error"]["code"]) == ("McuTimeout", -9999)
        read = document["steps"][1]
        assert [each["value"] for each in read["result"]] == [True, 60, 4000, "Desk lamp", 312.5]
        lines = [record["raw"] for record in read["uart"]]
        assert "down get_properties 2 11 3 1\r" in lines
        assert read["lan"][0]["ms"] == 0
        times = [record["ms"] for record in read["lan"]]
        assert times == sorted(times)

    def test_a_step_that_goes_wrong_is_marked(self, run, monkeypatch):
        def read(piid):
            return lambda device: device.read(2, piid)

        def steps(product):
            return [
                DemoStep("Wrong value", "read", "61", read(2), lambda value: value == 61),
                DemoStep("Wrong error", "read", "a value", read(99), lambda value: True),
                DemoStep("No error", "read", "McuTimeout", read(2), error=(McuTimeout, -9999)),
                DemoStep("Good", "read", "true", read(1), lambda value: value is True),
            ]

        monkeypatch.setattr(demo_steps, "steps_for", steps)
        ended = run("demo")
        assert ended.code == 1
        assert ended.out.count("FAILED: ") == 3
        assert "came: 60" in ended.out
        assert "came: DeviceError: " in ended.out
        assert "McuTimeout with code -9999 was expected" in ended.out
        assert "3 of 4 steps did not end as expected." in ended.out
        as_json = run("demo", "--json")
        assert as_json.code == 1
        assert as_json.json["ok"] is False
        assert [step["ok"] for step in as_json.json["steps"]] == [False, False, False, True]
        assert as_json.json["steps"][0]["problem"]

    def test_lines_that_do_not_cross_are_a_failure(self, product, monkeypatch):
        monkeypatch.setattr(demo_module, "LINE_TIMEOUT", 0.0)
        recorder = Recorder()
        step = DemoStep("x", "x", "x", lambda device: device.info(), lambda info: True, uart=["never"])
        with MiotDevice(product.host, product.token, port=product.port, observer=recorder.observe) as device:
            outcome = perform(step, Bench(device, recorder))
        assert isinstance(outcome, StepOutcome)
        assert outcome.problem == "on the UART was expected: never"
        assert [record.wire for record in outcome.records] == ["lan"] * 4


@pytest.mark.parametrize(
    ("lines", "wanted", "found"),
    [
        (["a 1", "ok", "b 2", "ok"], ["a", "ok", "b", "ok"], True),
        (["a 1", "b 2", "ok"], ["a", "ok", "b"], False),
        (["x", "a 1", "y"], ["a 1"], True),
        ([], ["a"], False),
        ([], [], True),
    ],
)
def test_lines_are_missing_that_do_not_come_in_order(lines, wanted, found, monkeypatch):
    monkeypatch.setattr(demo_module, "LINE_TIMEOUT", 0.0)
    recorder = Recorder()
    for record in Tape().up(*lines).records:
        recorder.observe(record)
    with MiotDevice("127.0.0.1", "0" * 32) as device:
        missing = missing_lines(Bench(device, recorder), wanted)
    assert missing == ("" if found else f"on the UART was expected: {', '.join(wanted)}")


def test_a_step_is_shown_from_its_first_datagram_on():
    tape = Tape().fetch("none").ask(1, "get_properties", [{"siid": 2, "piid": 1}])
    tape.wait(0.04).fetch("get_properties 2 1").wait(0.0004).up("result 2 1 0 true").fetch("none")
    rows = [*demo_module._rows(tape.records)]
    indent = " " * 47
    assert rows == [
        "       0.0  → get_properties 2.1",
        "      50.0".ljust(47) + "← get_down",
        "      60.0".ljust(47) + "→ down get_properties 2 1",
        "      70.4".ljust(47) + "← result 2 1 0 true",
        indent + "(1 polls that fetched nothing)",
    ]
    assert [*demo_module._rows([])] == []
    assert all(len(row) <= 80 for row in [*rows, demo_module._lanes().header])


def test_an_error_of_another_code_is_not_the_expected_one():
    step = DemoStep("x", "x", "x", lambda device: None, error=(DeviceError, -4003))
    assert demo_module._problem(step, None, DeviceError(-4003)) == ""
    assert demo_module._problem(step, None, DeviceError(-4004)) != ""


def test_colours_are_for_those_who_want_them(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b[" in demo_module._styled("x", fg="red")
    assert colour_system() == "auto"
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        with monkeypatch.context() as patched:
            patched.setenv(name, value)
            assert demo_module._styled("x", fg="red") == "x"
            assert colour_system() is None


def test_arrows_where_they_cannot_be_written(monkeypatch):
    class Stdout:
        encoding = "ascii"

    monkeypatch.setattr(demo_module.sys, "stdout", Stdout)
    assert demo_module._readable("a → b ← c") == "a > b < c"
    Stdout.encoding = "utf-8"
    assert demo_module._readable("a → b ← c") == "a → b ← c"
