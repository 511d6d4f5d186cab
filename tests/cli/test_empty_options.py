"""What comes of an unset variable of a shell, ``--version "$VERSION"``, does not pass for what was not given."""

from __future__ import annotations

import json
from typing import Any

import pytest

EMPTY = [
    ["-d", "", "info"],
    ["info", "-d", ""],
    ["info", "--ip="],
    ["update", "x.bin", "--version", ""],
    ["doctor", "--ip", "127.0.0.1", "--did", ""],
    ["device", "add", "q", "--ip", "127.0.0.1", "--model", ""],
    ["provision", "--ssid", "x", "--open", "--did", ""],
    ["provision", "--ssid", "x", "--open", "--ip", ""],
    ["fleet", "set", "2.1", "true", "--file", ""],
    ["fleet", "get", "2.1", "--only", ""],
    ["accept", "--lan", "--ip", "127.0.0.1", "--tap-up", ""],
    ["accept", "recording.jsonl", "--pcap", ""],
]


@pytest.mark.parametrize("arguments", EMPTY, ids=" ".join)
def test_an_empty_option_is_wrong_use(
    run: Any, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setenv("MIIO_LAN_IP", "127.0.0.1")
    ended = run(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert "it is empty; leave the option out" in " ".join(ended.err.split())


@pytest.mark.parametrize(
    "arguments",
    [
        ["spec", "show", ""],
        ["spec", "names", ""],
        ["spec", "fetch", ""],
        ["get", "2.1", ""],
        ["listen", ""],
        ["test-properties", ""],
        ["raw-command", ""],
        ["action", ""],
        ["device", "add", ""],
        ["device", "remove", ""],
        ["device", "import", ""],
        ["update", ""],
        ["uart", "decode", ""],
        ["lan", "decode", ""],
        ["bench", "check", ""],
        ["accept", ""],
    ],
    ids=" ".join,
)
def test_so_is_an_empty_argument(run: Any, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    """It is neither the device of the environment, nor the folder one is in."""
    monkeypatch.setenv("MIIO_LAN_IP", "127.0.0.1")
    ended = run(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert "it is empty" in " ".join(ended.err.split())


def test_a_value_may_be_empty(ask: Any) -> None:
    assert ask("set", "--spec", "lamp", "light:name", "").out == "ok\n"
    assert ask("get", "--json", "--spec", "lamp", "light:name").json[0]["value"] == ""


@pytest.mark.parametrize(
    "arguments", [["doctor", "--ip", "127.0.0.1"], ["accept", "a.jsonl", "--pcap", "a.pcap"]]
)
def test_an_empty_token_is_missing(run: Any, arguments: list[str]) -> None:
    ended = run(*arguments, "--token", "")
    assert (ended.code, ended.out) == (2, "")
    assert "The token is missing: what --token gives is empty." in " ".join(ended.err.split())


def test_json_says_it_too(run: Any) -> None:
    ended = run("--json", "update", "x.bin", "--version", "")
    assert ended.code == 2
    assert json.loads(ended.out)["error"]["type"] == "UsageError"


def test_an_empty_variable_says_nothing(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIIO_LAN_IP", "")
    assert "Missing the device's address" in run("info").err
