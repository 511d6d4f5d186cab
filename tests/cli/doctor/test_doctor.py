"""``doctor`` on loopback, and its text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.fake_device import FakeDevice

from miio_lan.cli.doctor.text import TITLES, rows
from miio_lan.device.doctor.findings import STEPS, CheckedStep, Diagnosis, StepVerdict
from miio_lan.device.fleet.named import DevicesFile, NamedDevice
from miio_lan.virtual.product import VirtualProduct

TOKEN = "00112233445566778899aabbccddeeff"


def test_a_product_in_good_order(ask: Callable, product: VirtualProduct) -> None:
    ended = ask("doctor")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[0] == f"127.0.0.1, UDP port {product.port}, miiolan.light.demo1"
    assert [line[:11].strip() for line in ended.out.splitlines() if line[:1].strip()][1:-1] == ["good"] * 10
    assert ended.out.endswith("\n\nCommands get through to the product.\n")
    assert product.token not in ended.out


def test_a_named_device_that_is_silent(run: Callable, tmp_path: Path) -> None:
    path = tmp_path / "devices.json"
    with FakeDevice(deaf=True) as device:
        DevicesFile(path).put(NamedDevice("lamp", "127.0.0.1", TOKEN, port=device.port))
        found = run("--json", "-d", "lamp", "doctor", "--within", "1", env={"MIIO_LAN_DEVICES": str(path)})
    assert found.code == 1
    assert (found.json["name"], found.json["healthy"], found.json["ends_at"]) == ("lamp", False, "hello")
    assert [each["step"] for each in found.json["findings"]] == list(STEPS)
    assert {"step", "verdict", "done", "seen", "next"} == set(found.json["findings"][1])
    assert TOKEN not in found.out


def test_without_a_token(run: Callable, product: VirtualProduct) -> None:
    ended = run("doctor", "--ip", product.host, "--port", str(product.port), "--did", "7", "--within", "1")
    assert ended.code == 1
    assert f"The did {product.device_id} answered, not 7" in ended.out.replace("\n           ", " ")
    bare = run("doctor", "--ip", product.host, "--port", str(product.port), "--within", "2")
    assert bare.code == 1
    assert bare.out.endswith("Not all was tried: Token.\n")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ([], "Missing the device's address: give --ip, -d NAME"),
        (["--ip", "1.2.3"], "is not an IPv4 address"),
        (["--ip", "127.0.0.1", "--property", "2"], "--property is two numbers such as 2.1, not '2'"),
        (["--ip", "127.0.0.1", "--did", "x"], "--did: did is a number"),
        (["--ip", "127.0.0.1", "--token", "zz"], "token"),
        (["--ip", "127.0.0.1", "--within", "0"], "--within"),
        (["--ip", "127.0.0.1", "-d", "lamp"], "two ways to say which device"),
        (["-d", "nosuch"], "nosuch"),
    ],
)
def test_wrong_use(run: Callable, words: list[str], reason: str, tmp_path: Path) -> None:
    path = tmp_path / "devices.json"
    path.write_text(json.dumps({"lamp": {"ip": "127.0.0.1", "token": TOKEN}}))
    path.chmod(0o600)
    ended = run("doctor", *words, env={"MIIO_LAN_DEVICES": str(path)})
    assert ended.code == 2
    assert reason in ended.err


def test_who_gets_no_answer_is_told_of_it(run: Callable, tmp_path: Path) -> None:
    path = tmp_path / "devices.json"
    with FakeDevice(deaf=True) as device:
        DevicesFile(path).put(NamedDevice("lamp", "127.0.0.1", TOKEN, port=device.port))
        where = ["--timeout", "0.1", "--retries", "0"]
        named = run("-d", "lamp", *where, "info", env={"MIIO_LAN_DEVICES": str(path)})
        address = ["--ip", "127.0.0.1", "--port", str(device.port), "--token", TOKEN]
        bare = run(*address, *where, "get", "2.1")
        as_json = run("--json", *address, *where, "info")
    assert named.err.splitlines()[-1] == "miio-lan doctor -d lamp says where it ends, and what to do next."
    assert bare.err.splitlines()[-1] == "miio-lan doctor says where it ends, and what to do next."
    assert as_json.err == ""
    assert as_json.json["error"]["type"] == "DeviceTimeout"


def long_finding(step: str, verdict: StepVerdict) -> CheckedStep:
    words = "a word and another \x1b[31mword " * 6
    return CheckedStep(step, verdict, words, words, words)


@pytest.mark.parametrize("columns", ["60", "40", "200"])
def test_rows_are_no_longer_than_the_terminal(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert set(TITLES) == set(STEPS)
    verdicts = [*StepVerdict, *StepVerdict, *StepVerdict][: len(STEPS)]
    findings = tuple(long_finding(step, each) for step, each in zip(STEPS, verdicts, strict=True))
    told = rows(Diagnosis("lamp.home.example", 54321, findings, 5, "a.b.c"), "the lamp")
    assert max(map(len, told)) <= min(int(columns), 76)
    assert "\x1b" not in "".join(told)
    assert told[-1].startswith("It ends at: Hello")
    # What was not tried has no doing.
    assert "\n".join(told).count("a word and another") > 4


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (StepVerdict.IN_DOUBT, "It may end at: Token. See there what to do next."),
        (StepVerdict.NOT_TRIED, "Not all was tried: Token."),
        (StepVerdict.BAD, "It ends at: Token."),
        (StepVerdict.GOOD, "Commands get through to the product."),
    ],
)
def test_where_it_ends(verdict: StepVerdict, words: str) -> None:
    findings = tuple(
        CheckedStep(each, verdict if each == "token" else StepVerdict.GOOD, "x", "y") for each in STEPS
    )
    found = Diagnosis("lamp", 54321, findings)
    assert " ".join(rows(found)[rows(found).index("", 2) + 1 :]).endswith(words)
    assert found.healthy is (verdict is StepVerdict.GOOD)
    with pytest.raises(KeyError):
        found["nosuch"]
