"""Where the command line gets the token from, and that it shows no token, right or wrong."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

WRONG = "00112233445566778899aabbccddeef"
PATIENCE = 100


@pytest.fixture
def where(product) -> dict[str, str]:
    return {"MIIO_LAN_IP": product.host, "MIIO_LAN_PORT": str(product.port)}


@pytest.fixture
def token_file(product, tmp_path) -> Path:
    file = tmp_path / "token"
    file.write_text(f"{product.token}\n")
    file.chmod(0o600)
    return file


class TestFile:
    @pytest.mark.parametrize("form", ["{}", "{}\n", "  {}\r\n\n", "\ufeff{}\n"])
    def test_it_is_read(self, run, product, where, token_file, form):
        token_file.write_text(form.format(product.token), encoding="utf-8")
        for arguments in (["--token-file", str(token_file), "info"], ["info", f"--token-file={token_file}"]):
            ended = run(*arguments, env=where)
            assert (ended.code, ended.err) == (0, "")
            assert product.mcu.model in ended.out

    def test_it_goes_before_the_variable(self, run, where, token_file):
        assert run("info", "--token-file", str(token_file), env={**where, "MIIO_LAN_TOKEN": WRONG}).code == 0

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
    def test_one_that_is_open_to_others_is_warned_of(self, run, where, token_file, mode):
        token_file.chmod(mode)
        ended = run("--json", "info", "--token-file", str(token_file), env=where)
        assert ended.code == 0
        assert ended.json["model"]
        assert (
            ended.err
            == f"Warning: {token_file} is open to others (mode {mode:03o}): chmod 600 keeps it private\n"
        )

    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            (b"", "is empty"),
            (b" \n", "is empty"),
            (
                WRONG.encode(),
                "holds no token (a token has 32 hexadecimal digits, this one has 31 characters)",
            ),
            (WRONG.encode() + b"x", "this one has other letters"),
            (b"a" * 32 + b"\n" + b"b" * 32, "holds more than one line"),
            (b"\xff\xfe" * 16, "this one has other characters"),
            (b"a" * 5000, "holds more than 4096 bytes"),
        ],
    )
    def test_one_without_a_token(self, run, where, token_file, content, problem):
        token_file.write_bytes(content)
        for option in ([], ["--json"]):
            ended = run(*option, "info", "--token-file", str(token_file), env=where)
            assert ended.code == 2
            assert problem in ended.out + ended.err
            assert str(token_file) in ended.out + ended.err
            assert WRONG not in ended.out + ended.err

    def test_one_that_cannot_be_read(self, run, where, tmp_path):
        for name, reason in (
            (tmp_path / "none", "No such file"),
            (tmp_path, "directory"),
            ("", "No such file"),
        ):
            ended = run("info", "--token-file", str(name), env=where)
            assert ended.code == 2
            assert "cannot be read" in ended.err
            assert reason in ended.err

    def test_a_command_that_has_no_use_for_one_reads_none(self, run):
        ended = run("--token-file", "/nowhere/at/all", "uart", "decode", "-", stdin="get_down\n")
        assert ended.code == 2
        assert "--token-file has no effect before 'miio-lan uart decode'" in " ".join(ended.err.split())


class TestAsked:
    def test_what_is_typed_is_the_token(self, run, product, where):
        ended = run("info", "--ask-token", stdin=f"{product.token}\n", env={**where, "MIIO_LAN_TOKEN": WRONG})
        assert ended.code == 0
        assert ended.err.startswith("Token:")
        assert product.token not in ended.out + ended.err

    def test_what_is_none_is_not_shown(self, run, where):
        ended = run("info", "--ask-token", stdin=f"{WRONG}\n", env=where)
        assert ended.code == 2
        assert "--ask-token: what was typed holds no token" in ended.err
        assert WRONG not in ended.out + ended.err

    def test_without_an_address_nobody_is_asked(self, run):
        ended = run("info", "--ask-token", stdin="")
        assert ended.code == 2
        assert "address" in ended.err
        assert "Token:" not in ended.err


def test_two_ways_are_one_too_many(run, where, token_file):
    ways = {"--token": [WRONG], "--token-file": [str(token_file)], "--ask-token": []}
    for first in ways:
        for second in ways:
            if first < second:
                for arguments in (
                    [first, *ways[first], "info", second, *ways[second]],
                    ["info", first, *ways[first], second, *ways[second]],
                ):
                    ended = run(*arguments, env=where)
                    assert ended.code == 2
                    assert "are 2 ways to give one thing: use one of them" in ended.err
                    assert WRONG not in ended.err


def test_an_empty_option_does_not_fall_back_to_the_variable(ask):
    ended = ask("info", "--token", "")
    assert ended.code == 2
    assert "token is missing" in ended.err


def test_the_help_says_who_sees_a_token(run):
    shown = " ".join(run("info", "--help").out.split())
    assert "Other users of this machine see it" in shown
    assert {"--token-file", "--ask-token", "--show-secrets"} <= set(shown.replace(",", "").split())


@pytest.mark.parametrize(
    "arguments",
    [
        ["info", "--token", WRONG],
        [f"--token={WRONG}", "info"],
        ["info", "--token", "hunter sesame"],
        ["info", "--tokn", WRONG],
        ["info", f"--tokn={WRONG}"],
        ["info", "--ip", "127.0.0.1", WRONG],
        ["info", f"--token{WRONG}"],
        ["info", "--token", "0011", WRONG[4:]],
        [WRONG],
        ["--token", "info", WRONG],
        ["raw-command", WRONG.replace("0", "O") + "{}", "--token", "x"],
        ["info", "--port", WRONG],
        ["info", "--ip", WRONG + "/", "--token", WRONG],
        ["info", "--token-file", WRONG],
        ["watch", "--send", f"miIO.info {WRONG}"],
    ],
)
def test_a_mistyped_token_is_not_shown(run, arguments):
    for option in ([], ["--json"]):
        ended = run(*option, *arguments, env={"MIIO_LAN_IP": "127.0.0.1"})
        assert ended.code == 2
        for piece in (WRONG, WRONG[4:], WRONG.replace("0", "O"), "hunter", "sesame"):
            assert piece not in ended.out + ended.err
    assert (
        run(*arguments[:1], env={"MIIO_LAN_IP": "127.0.0.1", "MIIO_LAN_TOKEN": "hunter sesame"}).err.count(
            "hunter"
        )
        == 0
    )


def answered(process: subprocess.Popen[bytes], ours: int, question: bytes, typed: bytes) -> tuple[int, bytes]:
    """Type something when a command asks at its terminal; give its exit code, and all that was shown there."""
    shown = b""
    try:
        while not shown.endswith(question):  # from its space on, what is typed is not thrown away
            shown += os.read(ours, 1000)
        os.write(ours, typed)
        code = process.wait(PATIENCE)
        with suppress(OSError):  # the terminal is closed
            while piece := os.read(ours, 1000):
                shown += piece
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    return code, shown


def test_a_token_is_typed_at_a_terminal_and_not_shown(product, tmp_path):
    """In a real terminal: what the keyboard sends does not come back."""
    ours, terminal = pty.openpty()
    command = [sys.executable, "-m", "miio_lan", "--json", "info", "--ask-token"]
    environment = {**os.environ, "MIIO_LAN_IP": product.host, "MIIO_LAN_PORT": str(product.port)}
    out = tmp_path / "out"
    with out.open("wb") as file:
        # The terminal becomes the process's own, so that it is found at /dev/tty.
        process = subprocess.Popen(
            ["setsid", "--ctty", *command], stdin=terminal, stdout=file, stderr=terminal, env=environment
        )
    os.close(terminal)
    code, shown = answered(process, ours, b"Token: ", f"{product.token}\n".encode())
    assert code == 0
    assert product.token.encode() not in shown
    assert json.loads(out.read_text())["model"] == product.mcu.model


@pytest.mark.parametrize(
    "arguments",
    [["info", "--ask-token"], ["provision", "--ssid", "home", "--ask-password"]],
)
def test_what_is_typed_and_no_text_is_not_shown_either(arguments):
    ours, terminal = pty.openpty()
    environment = {**os.environ, "MIIO_LAN_IP": "127.0.0.1", "PYTHONUTF8": "1"}
    process = subprocess.Popen(
        ["setsid", "--ctty", sys.executable, "-m", "miio_lan", *arguments],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env=environment,
    )
    os.close(terminal)
    code, shown = answered(process, ours, b": ", b"\xfchunter\n")
    assert code == 2
    assert f"{arguments[-1]}: what was typed is no text".encode() in b" ".join(shown.split())
    assert not any(each in shown for each in (b"hunter", b"fc", b"\xfc", b"Unicode"))


def test_without_a_terminal_nobody_can_be_asked(product):
    ended = subprocess.run(
        [sys.executable, "-m", "miio_lan", "info", "--ask-token", "--ip", product.host],
        input=f"{product.token}\n",
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        start_new_session=True,
    )
    assert ended.returncode == 2
    assert "--ask-token needs a terminal" in ended.stderr
    assert product.token not in ended.stderr + ended.stdout


@pytest.mark.parametrize("value", ["zz", "hunter sesame" * 3, "x" * 32])
def test_a_variable_without_a_token_is_named_and_not_shown(run, value):
    where = {"MIIO_LAN_IP": "127.0.0.1", "MIIO_LAN_TOKEN": value}
    ended = run("get", "2.1", env=where)
    assert (ended.code, ended.out) == (2, "")
    assert "MIIO_LAN_TOKEN" in ended.err
    assert "a token has 32 hexadecimal digits" in ended.err
    assert value not in ended.err
    as_json = run("--json", "get", "2.1", env=where).json["error"]
    assert (as_json["type"], "MIIO_LAN_TOKEN" in as_json["message"]) == ("InvalidTokenException", True)
    assert value not in as_json["message"]
