"""A device whose every answer is full of secrets in odd forms, and everything that the command line prints of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from support.fake_device import TOKEN as OWN_TOKEN
from support.fake_device import FakeDevice, Request

from miio_lan.record import Record
from miio_lan.record.recording import FileRecorder, read_recording
from miio_lan.uart.listening.watch import LineWatch

TOKEN = "fedcba55566677700123456789abcdef"
PIECES = [TOKEN[at : at + 2] for at in range(0, 32, 2)]
INSIDE = json.dumps({"ssid": "home", "passwd": "QXZinner"})

SECRETS: dict[str, object] = {
    "token": "QXZ",
    "bind_key": "QXZ",
    "ltmk": "QXZ",
    "ssecurity": "QXZ==",
    "pw": "QXZ",
    "psk": 555666777,
    "a": TOKEN,
    "b": ":".join(PIECES),
    "c": base64.b64encode(bytes.fromhex(TOKEN)).decode(),
    "d": base64.b64encode(INSIDE.encode()).decode(),
    "e": INSIDE,
    "f": "https://cdn.example/fw?Expires=5&Signature=QXZ%3D&sign=QXZ",
    "g": "https://s3/x?X-Amz-Signature=QXZ&X-Amz-Credential=QXZ",
    "h": "joined; password: QXZ sesame",
    "i": "ftp://user:QXZ@host/x",
    "j": [{"name": "wifi_password", "value": "QXZ"}, {"did": "token", "siid": 1, "piid": 1, "value": "QXZ"}],
    "k": json.dumps(json.dumps({"x": json.dumps({"beaconkey": "QXZ"})})),
    "l": INSIDE.encode().hex(),
    "m": f"{TOKEN[:16]}\n{TOKEN[16:]}",
    "n": int("9" * 32),
    "o": "Authorization: Bearer QXZQXZQXZ",
    f"{TOKEN}": 1,
}
INFO = {
    "model": "lamp token=QXZ",
    "fw_ver": f"1 {TOKEN}",
    "hw_ver": {"passwd": "QXZ"},
    "mac": "00:11:22:33:44:55",
    "life": "password: QXZ",
    "ap": {"ssid": "home psk=QXZ", "bssid": "x", "passwd": "QXZ", "rssi": INSIDE},
    "netif": {"localIp": "ftp://u:QXZ@h"},
    **SECRETS,
}
FORBIDDEN = [
    OWN_TOKEN,
    "QXZ",
    "sesame",
    "555666777",
    TOKEN,
    TOKEN[:16],
    TOKEN[16:],
    ":".join(PIECES),
    str(SECRETS["c"]),
    str(SECRETS["d"]),
    INSIDE.encode().hex(),
    "9" * 32,
    base64.b64encode(b"QXZ").decode()[:4],
]


def no_secret(text: str) -> None:
    for secret in FORBIDDEN:
        assert secret not in text
        assert json.dumps(secret)[1:-1] not in text


def answer(request: Request) -> Any:
    if request.method == "miIO.info":
        return {"result": INFO}
    if request.method == "get_properties":
        return {"result": [{**each, "code": 0, "value": json.dumps(SECRETS)} for each in request.params]}
    if request.method in ("set_properties", "action", "refuse"):
        return {"error": (-5001, f"no: {json.dumps(SECRETS)}, passwd=QXZ {TOKEN}")}
    if request.method == "get_prop":
        return {"result": [SECRETS for _ in request.params]}
    return {"result": SECRETS}


@pytest.fixture
def ask(run) -> Iterator[Callable[..., Any]]:
    with FakeDevice(lambda device, request: device.reply(request, **answer(request))) as device:
        variables = {
            "MIIO_LAN_IP": "127.0.0.1",
            "MIIO_LAN_PORT": str(device.port),
            "MIIO_LAN_TOKEN": OWN_TOKEN,
        }
        yield lambda *arguments, **more: run(*arguments, env=variables, **more)


COMMANDS = [
    ["info"],
    ["raw-command", "miIO.info"],
    ["raw-command", "anything", json.dumps([{"psk": "QXZ", "a": TOKEN}])],
    ["raw-command", "miIO.config_router", '{"ssid": "home", "passwd": "QXZ", "uid": 0}'],
    ["raw-command", "refuse"],
    ["test-properties", "power", "token"],
    ["get", "2.1"],
    ["get", "2.1", "2.2"],
    ["set", "2.1", "5"],
    ["set", "2.1=1", "2.2=2"],
    ["action", "2.1", "5"],
    ["watch", "--send", "miIO.info", "--seconds", "0.5", "--every", "0.1"],
    ["watch", "--send", "refuse", "--seconds", "0.5", "--every", "0.1"],
]


@pytest.mark.parametrize("options", [[], ["--json"], ["-v"], ["-vv", "--json"]])
@pytest.mark.parametrize("arguments", COMMANDS)
def test_nothing_that_is_printed_tells_a_secret(ask, arguments, options):
    ended = ask(*arguments, *options)
    assert ended.code in (0, 1)
    no_secret(ended.out + ended.err)


@pytest.mark.parametrize("options", [[], ["--json"]])
@pytest.mark.parametrize("arguments", [COMMANDS[1], COMMANDS[2], COMMANDS[6], COMMANDS[7]])
def test_who_asks_for_secrets_sees_them(ask, arguments, options):
    for given in ([*arguments, *options, "--show-secrets"], ["--show-secrets", *options, *arguments]):
        ended = ask(*given)
        assert ended.code == 0
        assert "QXZ" in ended.out
        assert TOKEN in ended.out
        assert "(hidden)" not in ended.out


def test_the_info_is_whole_for_who_asks(ask):
    assert ask("--json", "--show-secrets", "info").json == INFO
    assert ask("--json", "--show-secrets", "raw-command", "miIO.info").json == INFO


# --- the line, and recordings --------------------------------------------------------------------------------------


def recorded() -> list[Record]:
    found: list[Record] = []
    watch = LineWatch(found.append, wall=lambda instant: 1000 + instant)
    text = json.dumps(json.dumps(SECRETS))
    now = 1.0
    for down, up in (
        (f"down set_properties 2 1 {text}", f"result 2 1 0 {text}"),
        (f"down miIO.config {INSIDE}", f"error {text} -5001"),
        ("down none", 'setwifi "home" "QXZ sesame"'),
        ("ok", f"props passwd QXZ token {TOKEN} pw QXZ"),
        ("error", f"properties_changed 2 1 {SECRETS['d']} 2 2 {SECRETS['c']}"),
        ("ok", "nonsense password: QXZ sesame"),
        ("error", f"log https://h/x?sign=QXZ&token=QXZ {SECRETS['b']}"),
    ):
        for direction, line in (("up", "get_down"), ("down", down), ("up", up), ("down", "ok")):
            now += 0.05
            watch.feed(direction, line.encode() + b"\r", now)
    info = json.dumps({"id": 5, "result": INFO})
    call = json.dumps({"id": 5, "method": "miIO.config_router", "params": {"ssid": "home", "passwd": "QXZ"}})
    found.append(Record("lan", "down", now, now, call.encode(), json.loads(call), "note token=QXZ"))
    found.append(Record("lan", "up", now + 0.1, now, info.encode(), json.loads(info), peer="a://u:QXZ@h"))
    return found


@pytest.fixture
def recording(tmp_path) -> str:
    path = tmp_path / "recording.jsonl"
    with FileRecorder(path) as recorder:
        for record in recorded():
            recorder(record)
    return str(path)


@pytest.mark.parametrize("options", [[], ["--json"], ["-v"]])
def test_nothing_that_is_shown_of_a_recording_tells_a_secret(run, recording, tmp_path, options):
    reports = {kind: tmp_path / f"report.{kind}" for kind in ("html", "json", "junit")}
    written = [each for kind, path in reports.items() for each in ("--report", f"{kind}={path}")]
    for arguments in (
        ["watch", "--replay", recording],
        ["watch", "--replay", recording, "--polls", "--clock"],
        ["uart", "decode", recording],
        ["accept", recording, *written],
    ):
        ended = run(*options, *arguments)
        assert ended.code in (0, 1)
        no_secret(ended.out + ended.err)
    for path in reports.values():
        no_secret(path.read_text())


def test_a_copy_keeps_everything_and_is_its_owners(run, recording, tmp_path):
    copy = tmp_path / "copy.jsonl"
    assert run("watch", "--replay", recording, "-o", str(copy), "--polls").code == 0
    assert list(read_recording(copy)) == list(read_recording(recording))
    for path in (copy, tmp_path / "recording.jsonl"):
        assert path.stat().st_mode & 0o777 == 0o600
