"""Files whose names are those of secrets: what is wrong with them can be read, and no secret that is in them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TOKEN = "00112233445566778899aabbccddeeff"
BROKEN = "0123456789abcdef0123456789abcde"
#: What people call their files; a suffix says what is in it where a command goes by that.
NAMES = (
    "lamp.token",
    "tokens",
    "passwd",
    "wifi.password",
    "my-token",
    "password.json",
    "token.toml",
    "lamp token",
)
#: The words of a command, with the file in its place.
COMMANDS: dict[str, tuple[str, ...]] = {
    "device import": ("device", "import", "{}"),
    "fleet info": ("fleet", "info", "--file", "{}"),
    "fleet get": ("fleet", "get", "2.1", "--spec", "{}"),
    "bench check": ("bench", "check", "{}"),
    "spec show": ("spec", "show", "{}"),
    "get": ("get", "2.1", "--spec", "{}"),
    "raw-command": ("raw-command", "get_prop", "@{}"),
    "token file": ("info", "--token-file", "{}"),
    "password file": ("provision", "--ssid", "attic", "--password-file", "{}"),
    "replay": ("watch", "--replay", "{}"),
    "pcap": ("watch", "--replay", "-", "--pcap", "{}"),
    "accept": ("accept", "{}"),
    "accept spec": ("accept", "-", "--spec", "{}"),
    "accept firmware": ("accept", "--virtual", "--allow", "ota", "--firmware", "{}"),
    "uart decode": ("uart", "decode", "{}"),
    "uart port": ("uart", "console", "--port", "{}"),
    "lan decode": ("lan", "decode", "{}"),
    "update": ("update", "{}"),
    "virtual": ("virtual", "--port", "0", "--spec", "{}"),
    "virtual module": ("virtual", "module", "--udp-port", "0", "--firmware", "{}"),
}
#: Of these, whatever is in the file is right.
ANYTHING = ("password file", "accept firmware", "update", "virtual module")
#: The same for files that are written.
WRITING: dict[str, tuple[str, ...]] = {
    "watch": ("watch", "--virtual", "-o", "{}"),
    "record": ("accept", "--virtual", "--record", "{}"),
    "report": ("accept", "--virtual", "--report", "html={}"),
    "firmware": ("virtual", "--port", "0", "--save-firmware", "{}"),
}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in (("IP", "127.0.0.1"), ("TOKEN", TOKEN), ("PORT", "9"), ("DEVICES", "none.json")):
        monkeypatch.setenv(f"MIIO_LAN_{name}", value)


def missing(path: Path) -> None:
    """Leave it out."""


def folder(path: Path) -> None:
    path.mkdir()


def empty(path: Path) -> None:
    path.touch()


def other(path: Path) -> None:
    """Something else, which has a secret in it."""
    path.write_text(f'{{"lamp": {{"token": "{BROKEN}", "token": "{TOKEN}"}}}} = [')


def binary(path: Path) -> None:
    path.write_bytes(b"\xff\xfe" + bytes(100))


MAKERS = (missing, folder, empty, other, binary)


def refused(run: Callable[..., Any], command: str, path: str) -> list[str]:
    """Run a command with the file, for people and for programs, and give what both are told."""
    words = [word.format(path) for word in {**COMMANDS, **WRITING}[command]]
    told = []
    for json in ([], ["--json"]):
        ended = run(*json, *words, stdin="")
        told.append(ended.json["error"]["message"] if json and ended.code else ended.out + ended.err)
    return told


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_what_is_wrong_can_be_read(
    run: Callable[..., Any], command: str, make: Callable[[Path], None]
) -> None:
    if command in ANYTHING and make not in (missing, folder):
        pytest.skip("nothing is wrong with it")
    shown = '"token": "(hidden)"'  # the content is what was given
    for name in NAMES:
        make(Path(name))
        for path in (name, f"./{name}"):
            for told in refused(run, command, path):
                assert BROKEN not in told
                assert TOKEN not in told
                assert "(hidden)" not in told.replace(shown, "")
                if make in (missing, folder):
                    assert name in told


@pytest.mark.parametrize("command", WRITING)
def test_what_cannot_be_written(run: Callable[..., Any], command: str) -> None:
    for name in NAMES:
        folder(Path(name))
        for told in refused(run, command, name):
            assert f"{name} cannot be written: " in " ".join(told.split())
            assert "(hidden)" not in told


@pytest.mark.parametrize("name", ["lamp.token", "tokens", "passwd", "wifi.password"])
def test_the_file_of_names(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("MIIO_LAN_DEVICES", name)
    for content, reason in (
        ("[]", "is expected, not a list"),
        (f'{{"token": {{"ip": "192.0.2.1", "token": "{BROKEN}"}}}}', "this one has 31 characters"),
        ('{"my password": {"ip": "192.0.2.1"}}', "token is missing"),
        (f'{{"a": 1, "a": "{BROKEN}"}}', "'a' is there twice"),
    ):
        Path(name).write_text(content)
        for words in (["device", "list"], ["-d", "token", "info"], ["device", "remove", "token"]):
            ended = run(*words)
            assert ended.code == 2
            assert reason in " ".join(ended.err.split())
            assert "(hidden)" not in ended.err
            assert BROKEN not in ended.err


def test_a_device_with_such_a_name(run: Callable[..., Any]) -> None:
    Path("none.json").write_text(f'{{"lamp": {{"ip": "192.0.2.1", "token": "{TOKEN}"}}}}')
    for name in ("token", "my password"):
        assert f"no device is named {name!r} - there are 'lamp'" in run("-d", name, "info").err


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            f'host = "192.0.2.1"\ntoken = "{BROKEN}"',
            "the token is wrong (a token has 32 hexadecimal digits, this one",
        ),
        (
            'host = "192.0.2.1"\ntoken = "zz"',
            "the token is wrong (a token has 32 hexadecimal digits, this one has 2",
        ),
        ('host = "192.0.2.1"', "host needs the token of the product: give token_file, or token"),
        (
            'host = "192.0.2.1"\ntoken_file = "lamp.token"',
            "token_file - lamp.token holds no token (a token has 32",
        ),
        ('host = "192.0.2.1"\ntoken_file = "passwd"', "passwd - there is no such file"),
        ('host = "192.0.2.1"\nmy_token = "x"', "there is no key 'my_token' - did you mean"),
        ('spec = "passwd.json"\nvirtual = true', "there is no file passwd.json"),
        ("[products]\ntoken = 5", "'token' - a table [products.NAME] is expected"),
    ],
)
@pytest.mark.parametrize("name", ["miio.toml", "tokens"])
def test_a_bench_file(run: Callable[..., Any], name: str, content: str, reason: str) -> None:
    Path("lamp.token").write_text(BROKEN)
    Path("lamp.token").chmod(0o600)
    Path(name).write_text(content if content.startswith("[") else f"[products.token]\n{content}")
    Path(name).chmod(0o600)
    for words in (["bench", "check", name], ["--json", "bench", "check", name]):
        ended = run(*words)
        told = " ".join((ended.json["error"]["message"] if "--json" in words else ended.err).split())
        assert ended.code == 2
        assert reason in told
        assert "(hidden)" not in told
        assert BROKEN not in told
