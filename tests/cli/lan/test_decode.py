from __future__ import annotations

import json
import time

import pytest
from support.captures import NOON, OTHER_TOKEN, TOKEN, on_link, packet, pcap, sealed, talk

from miio_lan.record import Record

ONE = f"--token={TOKEN.hex()}"
SHELF = ("192.0.2.8", 54321)


@pytest.fixture
def capture(tmp_path) -> str:
    path = tmp_path / "lamp.pcap"
    path.write_bytes(pcap(on_link([*talk(), *talk(OTHER_TOKEN, 5, SHELF, begin=NOON + 1)])))
    return str(path)


@pytest.fixture
def names(tmp_path, monkeypatch):
    path = tmp_path / "devices.json"
    monkeypatch.setenv("MIIO_LAN_DEVICES", str(path))

    def write(**devices: dict[str, object]) -> None:
        path.write_text(json.dumps(devices))
        path.chmod(0o600)

    return write


def test_a_capture_for_people(run, capture) -> None:
    ended = run("lan", "decode", capture, ONE)
    noon = time.strftime("%H:%M:%S", time.localtime(NOON))
    assert (ended.code, ended.err) == (0, "4 datagrams: of other devices, left out\n")
    assert ended.out.splitlines() == [
        f"{noon}.000 ↓ 192.0.2.9:40000 [hello]",
        f"{noon}.010 ↑ 192.0.2.9:40000 [hello]",
        f"{noon}.020 ↓ 192.0.2.9:40000 get_properties 2.1",
        f"{noon}.200 ↑ 192.0.2.9:40000 2.1=true",
    ]


def test_a_capture_for_programs_is_a_recording(run, capture) -> None:
    rows = [json.loads(row) for row in run("--json", "lan", "decode", capture, ONE).out.splitlines()]
    assert [(row["device"], row["did"], row["direction"]) for row in rows] == [
        ("", 77, way) for way in ("down", "up", "down", "up")
    ]
    records = [Record.from_json(row) for row in rows]
    assert records[2].reading == {"id": 1, "method": "get_properties", "params": [{"siid": 2, "piid": 1}]}


def test_devices_with_names_are_told_apart(run, capture, names) -> None:
    names(
        lamp={"ip": "192.0.2.99", "token": TOKEN.hex()},
        shelf={"ip": "192.0.2.8", "token": OTHER_TOKEN.hex(), "did": 5},
    )
    rows = run("lan", "decode", capture).out.splitlines()
    assert [row.split()[2] for row in rows] == ["lamp"] * 4 + ["shelf"] * 4
    alone = run("lan", "decode", capture, "-d", "shelf")
    assert len(alone.out.splitlines()) == 4
    assert [row.split()[2] for row in alone.out.splitlines()] == ["shelf"] * 4


def test_one_device_with_a_name_is_called_by_it(run, capture, names) -> None:
    names(lamp={"ip": "192.0.2.99", "token": TOKEN.hex()})
    rows = run("lan", "decode", capture).out.splitlines()
    assert [row.split()[2] for row in rows] == ["lamp"] * 4


def test_a_wrong_token_is_told(run, capture) -> None:
    ended = run("lan", "decode", capture, "--token=" + "0" * 32)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(
        f"Error: nothing in {capture} could be decrypted: the token fits none of 4 datagrams"
    )
    as_json = run("lan", "decode", "--json", capture, "--token=" + "0" * 32)
    assert as_json.code == 2
    assert "could be decrypted" in json.loads(as_json.out)["error"]["message"]


def test_secrets_are_hidden(run, tmp_path) -> None:
    body = {"id": 1, "method": "miIO.config_router", "params": {"ssid": "home", "passwd": "hunter2"}}
    path = tmp_path / "lamp.pcap"
    path.write_bytes(
        pcap(on_link([*talk(), (NOON + 1, packet(("192.0.2.9", 4000), ("192.0.2.7", 54321), sealed(body)))]))
    )
    for options in ((), ("--json",)):
        assert "hunter2" not in run("lan", "decode", str(path), ONE, *options).out
        assert "hunter2" in run("lan", "decode", str(path), ONE, *options, "--show-secrets").out


def test_what_somebody_sent_does_nothing_to_the_terminal(run, tmp_path) -> None:
    body = {"id": 1, "method": "\x1b[31mred\nnext", "params": ["\x9b0m\u202e"]}
    path = tmp_path / "lamp.pcap"
    path.write_bytes(pcap(on_link([(NOON, packet(("192.0.2.9", 4000), ("192.0.2.7", 54321), sealed(body)))])))
    for options in ((), ("--json",)):
        out = run("lan", "decode", str(path), ONE, *options).out
        assert len(out.splitlines()) == 1
        assert not {"\x1b", "\x9b", "\u202e"} & set(out)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ((), 2, "token of the captured device is missing"),
        (("-d", "nobody"), 2, "no device is named 'nobody'"),
        (("-d", "lamp", ONE), 2, "two ways to say which device"),
        ((ONE, "--ip", "lamp.local"), 2, "a capture knows addresses, not names"),
        ((ONE, "--ip", "192.0.2.50"), 2, "no command for UDP port 54321 at 192.0.2.50 among its 8 packets"),
        ((ONE, "--port", "5"), 2, "no command for UDP port 5 among its 8 packets"),
    ],
)
def test_what_cannot_be_done_is_said(run, capture, names, arguments, code, told) -> None:
    ended = run("lan", "decode", capture, *arguments)
    assert (ended.code, ended.out) == (code, "")
    assert told in ended.err


def test_what_is_no_capture(run, tmp_path) -> None:
    ended = run("lan", "decode", str(tmp_path / "none"), ONE)
    assert ended.code == 2
    assert "none cannot be read: No such file or directory" in ended.err
