from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from support.ends import PATIENCE
from support.simulated import simulate
from support.talk import talk

from miio_lan.acceptance.report.words import LANGUAGES, words_of
from miio_lan.acceptance.rules.all import RULES
from miio_lan.acceptance.verdict import KINDS
from miio_lan.bench.places.power import CommandPower
from miio_lan.cli import signals
from miio_lan.cli.accept.rules import table_of
from miio_lan.cli.accept.usage import REPORT_LANGUAGES
from miio_lan.device.description.spec import Spec
from miio_lan.errors import PowerError
from miio_lan.loop import wall_clock
from miio_lan.record import write
from miio_lan.uart.listening.overhearing import Overhearing
from miio_lan.uart.ports.port import PtyPort
from miio_lan.virtual.host import McuHost
from miio_lan.virtual.mcu.mcu import Mcu
from miio_lan.virtual.power import VirtualPower
from miio_lan.virtual.product import VirtualProduct

LAMP = Spec.shipped("lamp")
QUICK = {"poll_interval": 0.002}


def failed(document) -> set[str]:
    return {each["name"] for each in document["verdicts"] if each["outcome"] == "fail"}


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recording of an MCU in good order."""
    return recorded(
        tmp_path_factory.mktemp("good") / "good.jsonl", simulate(Mcu(LAMP), LAMP, allow=()).records
    )


def recorded(path: Path, records) -> Path:
    with path.open("w") as file:
        write(file, records)
    return path


class TestRecording:
    def test_a_good_one(self, run, good):
        ended = run("accept", str(good), "--spec", "lamp")
        assert (ended.code, ended.err) == (0, "")
        assert "good.jsonl" in ended.out
        assert "poll-interval" in ended.out
        assert "0 fail" in ended.out

    def test_a_bad_one_ends_with_1(self, run, tmp_path):
        path = recorded(tmp_path / "bad.jsonl", talk("> mcu_version 1\n< error"))
        ended = run("accept", str(path))
        assert ended.code == 1
        assert "mcu-version-valid" in ended.out

    def test_as_json(self, run, tmp_path):
        path = recorded(tmp_path / "bad.jsonl", talk("> mcu_version 1\n< error"))
        ended = run("accept", "--json", str(path))
        assert (ended.code, ended.err) == (1, "")
        assert failed(ended.json) == {"mcu-version-valid"}
        assert ended.json["mode"] == "passive"

    def test_from_stdin(self, run, good):
        ended = run("--json", "accept", "-", "--spec", "lamp", stdin=good.read_text())
        assert ended.code == 0
        assert ended.json["title"] == LAMP.model

    def test_known_to_begin_at_power_up(self, run, tmp_path):
        path = recorded(tmp_path / "late.jsonl", talk("> get_down\n< down none\n9 > get_down"))
        assert run("accept", str(path)).code == 0
        assert failed(run("accept", "--json", "--from-boot", str(path)).json) == {
            "model-reported",
            "mcu-version-reported",
        }

    def test_reports_are_written_beside(self, run, good, tmp_path):
        names = {"html": "<!doctype html", "junit": "<?xml", "json": "{"}
        options = [f"--report={kind}={tmp_path / kind}" for kind in names]
        assert run("accept", str(good), *options).code == 0
        for kind, start in names.items():
            assert (tmp_path / kind).read_text().lstrip().lower().startswith(start)
        assert json.loads((tmp_path / "json").read_text())["ok"] is True

    def test_what_cannot_be_written_is_said(self, run, good, tmp_path):
        ended = run("accept", str(good), "--report", f"html={tmp_path}")
        assert ended.code == 2
        assert "it is a folder" in ended.err

    def test_an_empty_one(self, run, tmp_path):
        ended = run("accept", str(recorded(tmp_path / "empty.jsonl", [])))
        assert ended.code == 1
        assert "holds no records" in ended.err

    def test_one_without_anything_to_judge(self, run, tmp_path):
        ended = run("accept", "--json", str(recorded(tmp_path / "little.jsonl", talk("1 -- "))))
        assert ended.code == 1
        assert "nothing in it could be judged" in ended.err
        assert ended.json["counts"]["pass"] == 0

    def test_one_that_is_none(self, run, tmp_path):
        ended = run("accept", str(tmp_path / "nothing.jsonl"))
        assert ended.code == 2
        assert "cannot be read" in ended.err


class TestUart:
    def test_an_mcu_at_a_port(self, run, tmp_path):
        path = tmp_path / "session.jsonl"
        options = ["--spec", "lamp", "--record", str(path), "--refusals", "1"]
        with PtyPort() as line, McuHost(Mcu(LAMP, **QUICK), line):
            ended = run("accept", "--json", "--uart", line.path, *options)
        assert ended.code == 1
        # It polls without pause, so that this test does not last.
        assert failed(ended.json) == {"poll-interval"}
        assert ended.json["mode"] == "module"
        again = run("accept", "--json", str(path), "--spec", "lamp")
        assert failed(again.json) == {"poll-interval"}

    def test_a_silent_port(self, run):
        with PtyPort() as line:
            line.start(lambda data, now: None)
            ended = run("accept", "--uart", line.path, "--power-up", "0.01")
        assert ended.code == 1
        assert "nothing was heard from the MCU" in ended.err

    def test_a_new_pty_is_named(self, run):
        ended = run("accept", "--uart", "pty", "--power-up", "0.01")
        assert "the MCU's end of the line is /dev/" in ended.err

    def test_a_port_that_does_not_exist(self, run):
        ended = run("accept", "--uart", "/dev/does-not-exist")
        assert ended.code == 1
        assert "/dev/does-not-exist" in ended.err


def test_a_report_in_chinese(run, good, tmp_path):
    assert REPORT_LANGUAGES == LANGUAGES
    path = tmp_path / "report.html"
    ended = run("accept", str(good), "--spec", "lamp", "--lang", "zh", "--report", f"html={path}")
    assert ended.code == 0
    assert words_of("zh")("Acceptance report") in path.read_text(encoding="utf-8")
    assert "poll-interval" in ended.out  # the terminal stays in English


class TestPower:
    """A product that is switched by ``--power``; the command itself is replaced by what it would do."""

    @pytest.fixture
    def switched(self, monkeypatch):
        """Let the command switch whatever ``switch["product"]`` is, and give what was done."""
        switch: dict[str, object] = {"done": []}

        def act(power: CommandPower, action: str) -> None:
            assert power.command == ["hub", "-a", "{action}"]
            switch["done"].append(action)
            switch[action]()

        monkeypatch.setattr(CommandPower, "_switch", act)
        return switch

    OPTIONS = ("--power", "hub -a {action}", "--off-for", "0.001", "--spec", "lamp", "--json")

    def test_an_mcu_at_a_port(self, run, switched):
        with PtyPort() as line:
            host = McuHost(Mcu(LAMP, **QUICK), line)
            switched |= {"off": lambda: None, "on": host.start}
            try:
                ended = run("accept", "--uart", line.path, *self.OPTIONS)
            finally:
                host.close()
        assert switched["done"] == ["off", "on"]
        assert failed(ended.json) == {"poll-interval"}
        outcomes = {each["name"]: each["outcome"] for each in ended.json["verdicts"]}
        assert outcomes["model-reported"] == outcomes["mcu-version-reported"] == "pass"

    def test_an_mcu_that_does_not_report_at_power_up(self, run, switched, monkeypatch):
        monkeypatch.setattr("miio_lan.virtual.mcu.mcu.boot_lines", lambda _mcu: [])
        with PtyPort() as line:
            host = McuHost(Mcu(LAMP, **QUICK), line)
            switched |= {"off": lambda: None, "on": host.start}
            try:
                ended = run("accept", "--uart", line.path, *self.OPTIONS)
            finally:
                host.close()
        # It was switched on, so that nothing is left to doubt.
        assert {"model-reported", "mcu-version-reported"} <= failed(ended.json)

    def test_a_product_that_cannot_be_switched_off_is_not_judged(self, run, switched):
        def fail() -> None:
            raise PowerError("no hub")

        switched["off"] = fail
        ended = run("accept", "--uart", "pty", *self.OPTIONS[:4])
        assert (ended.code, switched["done"]) == (1, ["off"])
        assert "Error: no hub" in ended.err

    def test_a_product_that_is_in_doubt_is_switched_on(self, run, switched, monkeypatch):
        act = CommandPower._switch

        def doubt(power: CommandPower, action: str) -> None:
            act(power, action)
            if action == "off":
                power.is_on, power.in_doubt = None, True
                raise PowerError("nobody knows")

        monkeypatch.setattr(CommandPower, "_switch", doubt)
        switched |= {"off": lambda: None, "on": lambda: None}
        ended = run("accept", "--uart", "pty", *self.OPTIONS[:4])
        assert (ended.code, switched["done"]) == (1, ["off", "on"])
        assert "Error: nobody knows" in ended.err

    def test_it_is_left_on_whatever_happens(self, run, switched):
        switched |= {"off": lambda: None, "on": lambda: None}
        ended = run("accept", "--uart", "pty", "--power-up", "0.01", *self.OPTIONS[:4])
        assert (ended.code, switched["done"]) == (1, ["off", "on"])
        assert "nothing was heard from the MCU" in ended.err

    def test_a_finished_product_with_a_tap(self, run, switched, monkeypatch):
        with VirtualProduct(LAMP, mcu_options=QUICK) as product:
            power = VirtualPower(product)
            switched |= {"off": power.off, "on": power.on}

            def tap(stack, options, observer):
                product._watch = Overhearing(observer, wall=wall_clock, late=False)
                for host in product._hosts:
                    host._heard = functools.partial(product._watch.feed, host.HEARS)

            monkeypatch.setattr("miio_lan.cli.accept.modes.opened_tap", tap)
            where = ("--ip", product.host, "--token", product.token, "--port", str(product.port))
            ended = run("accept", "--lan", *where, "--tap-up", "/dev/up", *self.OPTIONS)
        assert switched["done"] == ["off", "on"]
        outcomes = {each["name"]: each["outcome"] for each in ended.json["verdicts"]}
        assert outcomes["model-reported"] == outcomes["lan-answered"] == "pass"

    def test_a_product_that_does_not_come_back(self, run, switched, monkeypatch):
        monkeypatch.setattr("miio_lan.cli.accept.modes.opened_tap", lambda *_: None)
        with VirtualProduct(LAMP, mcu_options=QUICK) as product:
            switched |= {"off": VirtualPower(product).off, "on": lambda: None}
            where = ("--ip", product.host, "--token", product.token, "--port", str(product.port))
            short = ("--timeout", "0.05", "--retries", "0", "--power-up", "0.1")
            ended = run("accept", "--lan", *where, "--tap-up", "/dev/up", *short, *self.OPTIONS[:4])
        assert ended.code == 1
        assert "was switched on, and did not answer within 0.1 s" in ended.err

    def test_a_line_that_is_listened_to(self, run, switched, monkeypatch):
        heard = talk("> model a.b.c\n< ok")

        def tap(stack, options, observer):
            switched["on"] = lambda: [observer(each) for each in heard]
            return SimpleNamespace(swapped=True)  # what ends the listening at once

        switched["off"] = lambda: None
        monkeypatch.setattr("miio_lan.cli.accept.modes.opened_tap", tap)
        ended = run("accept", "--tap-up", "/dev/up", *self.OPTIONS)
        assert switched["done"] == ["off", "on"]
        # A power-up was seen, and not all of it.
        assert "mcu-version-reported" in failed(ended.json)


class TestVirtual:
    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch):
        monkeypatch.setattr("miio_lan.virtual.mcu.mcu.Mcu", functools.partial(Mcu, **QUICK))

    def test_firmware_is_sent_to_the_virtual_mcu(self, run, tmp_path):
        image = tmp_path / "image.bin"
        image.write_bytes(bytes(range(256)) * 4)
        options = ("accept", "--virtual", "--refusals", "0", "--allow", "ota", "--firmware", str(image))
        ended = run("--json", *options, "--firmware-version", "0002")
        (found,) = [each for each in ended.json["verdicts"] if each["name"] == "update-complete"]
        assert (found["outcome"], found["text"]) == ("pass", "mcu_version 0002")

    def test_the_virtual_mcu(self, run):
        ended = run("accept", "--virtual", "--refusals", "0")
        assert ended.code == 1
        assert "virtual miiolan.light.demo1" in ended.out
        assert "1 fail" in ended.out
        assert "waiting for the MCU" in ended.err
        assert "actions-run" in ended.out

    def test_what_it_recorded_is_judged_as_it_was(self, run, tmp_path):
        path = tmp_path / "check.jsonl"
        live = run("accept", "--virtual", "--json", "--record", str(path))
        again = run("accept", str(path), "--spec", "lamp", "--json")
        assert again.json["mode"] == "module"
        assert again.json["verdicts"] == live.json["verdicts"]
        assert again.err == ""
        without = run("accept", str(path), "--json")
        assert "went by a description of miiolan.light.demo1: give it with --spec" in without.err

    def test_misbehaving(self, run):
        ended = run(
            "accept",
            "--virtual",
            "--json",
            "--refusals",
            "0",
            "--misbehave",
            "quoted-booleans",
            "--allow",
            "reads",
        )
        assert failed(ended.json) == {"poll-interval", "booleans"}
        assert ended.err == ""

    def test_a_misbehaviour_that_does_not_exist(self, run):
        ended = run("accept", "--virtual", "--misbehave", "laughing")
        assert ended.code == 2
        assert "laughing" in ended.err


class TestLan:
    @pytest.fixture
    def running(self) -> Iterator[VirtualProduct]:
        with VirtualProduct(LAMP, mcu_options=QUICK) as product:
            yield product

    def options(self, product):
        return ["--ip", product.host, "--token", product.token, "--port", str(product.port)]

    def test_a_finished_product(self, run, running, tmp_path):
        path = tmp_path / "lan.jsonl"
        ended = run(
            "accept",
            "--lan",
            *self.options(running),
            "--spec",
            "lamp",
            "--allow",
            "all",
            "--json",
            "--record",
            str(path),
        )
        assert ended.code == 0
        assert ended.json["mode"] == "lan"
        assert ended.json["counts"]["fail"] == 0
        assert running.token not in ended.out
        assert path.stat().st_size > 0

    def test_with_the_line_tapped_too(self, run, running, monkeypatch):
        def tap(stack, options, observer):
            assert options["up"] == "/dev/up"
            for record in talk("> get_down\n< down none"):
                observer(dataclasses.replace(record, instant=time.monotonic()))

        monkeypatch.setattr("miio_lan.cli.accept.modes.opened_tap", tap)
        ended = run("accept", "--lan", *self.options(running), "--json", "--tap-up", "/dev/up")
        assert ended.code == 0
        outcomes = {each["name"]: each["outcome"] for each in ended.json["verdicts"]}
        assert outcomes["polls"] == "pass"
        assert outcomes["lan-answered"] == "pass"

    def test_without_address(self, run):
        ended = run("accept", "--lan", env={"MIIO_LAN_IP": "", "MIIO_LAN_TOKEN": ""})
        assert ended.code == 2
        assert "address" in ended.err


class TestTapped:
    def test_a_line_is_listened_to(self, run, tmp_path, monkeypatch):
        path = tmp_path / "heard.jsonl"

        class Stop:
            """Somebody who presses Ctrl-C when enough was heard."""

            def wait(self, seconds: float) -> bool:
                assert 0 < seconds < 5.0
                due = time.monotonic() + PATIENCE
                while len(path.read_text().splitlines()) < 3:
                    assert time.monotonic() < due, "nothing was heard"
                    os.sched_yield()
                return True

        monkeypatch.setattr(signals, "ended_by_signals", lambda: contextlib.nullcontext(Stop()))
        mcu = Mcu(LAMP, misbehave=["ff-bytes"], **QUICK)
        mcu.reply_time = 0.002  # nobody replies: it repeats its model without end
        with PtyPort() as line, McuHost(mcu, line):
            ended = run("accept", "--tap-up", line.path, "--for", "5", "--json", "--record", str(path))
        assert ended.code == 1
        assert failed(ended.json) == {"legal-characters"}
        assert ended.err == f"{line.path} hears the MCU\nlistening\n"

    def test_nothing_to_hear(self, run):
        with PtyPort() as line:
            line.start(lambda data, now: None)
            ended = run("accept", "--tap-down", line.path, "--for", "0.01")
        assert ended.code == 1
        assert "nothing was heard" in ended.err

    def test_one_port_that_does_not_exist(self, run):
        with PtyPort() as line:
            ended = run("accept", "--tap-up", line.path, "--tap-down", "/dev/does-not-exist", "--for", "0.01")
        assert ended.code == 1
        assert "/dev/does-not-exist" in ended.err


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "Nothing to judge"),
        (["file", "--virtual"], "one thing to judge"),
        (["--lan", "--uart", "x"], "one thing to judge"),
        (["--uart", "x", "--tap-up", "y"], "one thing to judge"),
        (["file", "--misbehave", "slow"], "needs --virtual"),
        (["file", "--allow", "writes"], "listening changes nothing"),
        (["--tap-up", "x", "--allow", "writes"], "listening changes nothing"),
        (["--lan", "--firmware", __file__], "--firmware needs --uart or --virtual"),
        (["--uart", "pty", "--firmware", __file__], "and --allow ota"),
        (["--virtual", "--allow", "reads", "--firmware", __file__], "and --allow ota"),
        (["--virtual", "--firmware", "no such file"], "no such file"),
        (["--virtual", "--firmware-version", "0002"], "what --firmware sends"),
        (["--virtual", "--firmware-version", ""], "what --firmware sends"),
        (["--virtual", "--firmware", __file__, "--firmware-version", "abc"], "four digits, such as 0002"),
        (["--virtual", "--firmware", __file__, "--firmware-version", "00012"], "four digits, such as 0002"),
        (["--virtual", "--firmware", __file__, "--firmware-version", "०००१"], "four digits, such as 0002"),
        (["--virtual", "--firmware", "/dev/null"], "/dev/null is empty"),
        (["file", "--for", "3"], "--for is about listening"),
        (["--lan", "--tap-up", "x", "--for", "3"], "--for is about listening"),
        (["file", "--refusals", "2"], "--refusals needs --uart or --virtual"),
        (["--virtual", "--power-up", "30"], "--power-up needs --uart"),
        (["--virtual", "--from-boot"], "--from-boot needs a recording, --uart"),
        (["--virtual", "--lang", "zh", "--report", "json=x"], "--lang is the language of the HTML report"),
        (["--virtual", "--lang", "fr", "--report", "html=x"], "'fr' is not one of 'en', 'zh'"),
        (["--virtual", "--power", "x"], "--power switches a product that is listened to"),
        (["--uart", "pty", "--off-for", "2"], "--off-for is about what --power switches"),
        (["--uart", "pty", "--power", "a 'b"], "--power: the power command"),
        (["--lan", "--power", "x"], "--power with --lan needs --tap-up or --tap-down"),
        (["--lan", "--from-boot"], "--from-boot needs a recording, --uart"),
        (["file", "--rules"], "no device, port or recording goes with it"),
        (["--rules", "--virtual"], "no device, port or recording goes with it"),
        (["--rules", "--uart", "pty"], "no device, port or recording goes with it"),
        (["--rules", "--ip", "127.0.0.1"], "no device, port or recording goes with it"),
        (["--rules", "--record", "x"], "no device, port or recording goes with it"),
        (["--uart", "x", "--ip", "127.0.0.1"], "--ip is about a product on the network"),
        (["file", "--retries", "1"], "--retries is about a product on the network"),
        (["--uart", "x", "--allow", "writes"], "--allow writes needs --spec"),
        (["--lan", "--allow", "actions"], "--allow actions needs --spec"),
        (["--virtual", "--allow", "anything"], "there are reads, writes, actions, ota and all"),
        (["--lan", "--allow", "ota"], "not offered over the LAN"),
        (["file", "--report", "pdf=x"], "html=report.html"),
        (["file", "--report", "html"], "html=report.html"),
        (["file", "--report", "html=/no/such/folder/x.html"], "there is no folder"),
        (["--virtual", "--refusals", "-1"], "refusals"),
    ],
)
def test_wrong_use_is_said_before_anything_is_done(run, arguments, complaint):
    ended = run("accept", *arguments)
    assert ended.code == 2
    assert complaint in " ".join(ended.err.split())


class TestRules:
    def test_each_has_a_line_in_a_pipe(self, run):
        ended = run("accept", "--rules", env={"MIIO_LAN_IP": "", "MIIO_LAN_TOKEN": ""})
        assert (ended.code, ended.err) == (0, "")
        lines = [line.split("\t") for line in ended.out.splitlines()]
        assert [name for name, *_ in lines] == [rule.name for rule in RULES]
        assert ["spacing", "warning", "One space divides parameters", "serial document, separator"] in lines

    def test_as_json(self, run):
        ended = run("accept", "--rules", "--json")
        assert ended.code == 0
        assert ended.json == [rule.as_json() for rule in RULES]
        assert {each["severity"] for each in ended.json} == {
            "failure", "warning", "failure or warning", "none",
        }  # fmt: skip

    def test_the_table_of_a_terminal_has_them_all_below_their_headings(self):
        text = table_of(RULES, width=160)
        places = [text.index(rule.name) for rule in sorted(RULES, key=lambda rule: [*KINDS].index(rule.kind))]
        assert places == sorted(places)
        assert all(heading in text for heading in KINDS.values())
        assert "failure or warning" in text


def test_help_says_what_can_be_allowed(run):
    ended = run("accept", "--help")
    text = " ".join(ended.out.split())
    assert ended.code == 0
    assert "By default it is only read" in text
    for word in ("reads", "writes", "actions", "ota", "all"):
        assert f" {word} " in text
    assert "Exit codes: 0 no rule failed" in text


@pytest.mark.parametrize(
    ("size", "why"), [(0, "is empty"), (1_048_577, "has 1048577 bytes: modules send at most")]
)
def test_an_image_that_no_module_sends_is_refused_before_anything_is_done(run, tmp_path, size, why) -> None:
    (tmp_path / "image").write_bytes(bytes(size))
    ended = run("accept", "--virtual", "--allow", "ota", "--firmware", str(tmp_path / "image"))
    assert (ended.code, ended.out) == (2, "")
    assert why in ended.err
    assert "polling" not in ended.err


def test_a_text_log_is_named_and_told_who_reads_it(run, tmp_path) -> None:
    path = tmp_path / "session.log"
    path.write_text("12:00:01.013 \u2191 get_down\n", encoding="utf-8")
    for command in (("accept",), ("watch", "--replay")):
        ended = run(*command, str(path))
        assert (ended.code, ended.out) == (2, "")
        assert f"{path}: line 1 is no line of a recording" in ended.err
        assert "'miio-lan uart decode'" in ended.err
