"""The command as a process: exit codes, what goes where, signals, pipes."""

from __future__ import annotations

import json
import os
import pty
import re
import shlex
import signal
import socket
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

TOKEN = "00112233445566778899aabbccddeeff"
PATIENCE = 100
COMMAND = [sys.executable, "-m", "miio_lan"]


def end(*arguments: str, **more) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        encoding="utf-8",
        **more,
    )


@contextmanager
def started(*arguments: str, **more) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **more,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
        device.bind(("127.0.0.1", 0))
        device.settimeout(PATIENCE)
        yield device


def connection(product) -> list[str]:
    return ["--ip", product.host, "--token", product.token, "--port", str(product.port)]


def test_done(product):
    ended = end("info", *connection(product))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert product.mcu.model in ended.stdout


def test_json_is_one_document_for_other_programs(product):
    command = " ".join([*COMMAND, "--json", "info", *connection(product)])
    tool = f"{command} | {sys.executable} -m json.tool"
    ended = subprocess.run(tool, shell=True, capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert json.loads(ended.stdout)["model"] == product.mcu.model


def test_refused(product):
    ended = end("raw-command", "nope", *connection(product))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("Error: nope was refused")
    as_json = end("raw-command", "nope", *connection(product), "--json")
    assert (as_json.returncode, as_json.stderr) == (1, "")
    assert json.loads(as_json.stdout)["error"]["code"] == -5000


def test_wrong_use():
    ended = end("info", "--ip", "127.0.0.1", "--token", "x")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "Traceback" not in ended.stderr
    as_json = end("--json", "info", "--nope")
    assert (as_json.returncode, as_json.stderr) == (2, "")
    assert json.loads(as_json.stdout)["error"]["type"] == "UsageError"


def in_a_shell(command: str, product, *arguments: str) -> tuple[int, str, str]:
    """Run ``{}`` with arguments in a shell command, and give exit code, stdout and stderr."""
    words = shlex.join([*COMMAND, *arguments, *connection(product)])
    ended = subprocess.run(
        command.format(words), shell=True, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    return ended.returncode, ended.stdout, ended.stderr


@pytest.mark.parametrize("words", [["set", "2.2=7", "2.99=1"], ["set", "2.2", "7", "--json"], ["--help"]])
def test_a_closed_stdout_is_wrong_use(product, words):
    code, _, err = in_a_shell("{} >&-", product, *words)
    assert (code, err) == (2, "Error: standard output is closed. To see nothing, send it to /dev/null.\n")
    assert product.call(lambda now: product.mcu.values[2, 2]) == 60


@pytest.mark.parametrize("words", [["info", "--json"], ["info"], ["get", "2.1", "2.99"], ["nope", "--json"]])
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk(product, words):
    code, _, err = in_a_shell("{} >/dev/full", product, *words)
    assert (code, err) == (1, "Error: standard output cannot be written: No space left on device\n")


@pytest.mark.parametrize("words", [["get", "2.1"], ["get", "2.1", "2.99"], ["get", "2.99", "--json"]])
def test_a_reader_that_has_gone_is_no_trouble(product, words):
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as nowhere:  # noqa: PTH123 - no path
        ended = subprocess.run(
            [*COMMAND, *words, *connection(product)],
            stdout=nowhere,
            stderr=subprocess.PIPE,
            timeout=PATIENCE,
            check=False,
        )
    assert (ended.returncode, ended.stderr) == (1, b"")


@pytest.mark.parametrize("kind", ["product --port 0", "module --udp-port 0", "mcu"])
def test_a_virtual_end_runs_without_standard_input(kind):
    words = shlex.join([*COMMAND, "virtual", *kind.split()])
    with subprocess.Popen(
        f"exec {words} <&-", shell=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            while (line := process.stdout.readline()) and "Ctrl-C ends it" not in line:
                pass
            assert line
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=PATIENCE) == ("", "")
        finally:
            process.kill()
    assert process.returncode == 0


def test_an_image_from_standard_input_needs_one():
    words = shlex.join([*COMMAND, "virtual", "module", "--firmware", "-"])
    ended = subprocess.run(
        f"{words} <&-", shell=True, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert ended.returncode == 2
    assert "there is no standard input to read" in ended.stderr


def test_a_failure_that_nobody_can_be_told(product):
    assert in_a_shell("{} 2>&-", product, "get", "2.99") == (1, "", "")


def test_unicode_without_a_unicode_terminal(product):
    product.call(lambda now: product.mcu.put(2, 11, "灯"))
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    shown = end("get", "2.11", *connection(product), env=ascii_only)
    assert (shown.returncode, shown.stdout) == (0, "\\u706f\n")
    as_json = end("get", "2.11", "--json", *connection(product), env=ascii_only)
    assert json.loads(as_json.stdout)[0]["value"] == "灯"


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_ctrl_c_while_waiting_for_a_device(silent, option):
    options = ["--ip", "127.0.0.1", "--port", str(silent.getsockname()[1]), "--token", TOKEN, *option]
    with started("info", *options) as process:
        silent.recv(100)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "Traceback" not in err
    if option:
        assert json.loads(out)["error"]["type"] == "Interrupted"
        assert err.strip() == ""
    else:
        assert (out, err.strip()) == ("", "interrupted")


@pytest.mark.parametrize("option", [[], ["--json"]])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_acceptance_test_that_is_killed_says_so(number, option):
    with started("accept", "--uart", "pty", *option) as process:
        assert "the MCU's end of the line" in process.stderr.readline()
        if not option:
            assert "waiting for the MCU" in process.stderr.readline()
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    if option:
        assert json.loads(out)["error"]["type"] == "Interrupted"
        assert err.strip() == ""
    else:
        assert (out, err.strip()) == ("", "interrupted")


def test_ctrl_c_while_loading(monkeypatch, capsys):
    from miio_lan.cli import main, program

    def interrupted(**_):
        raise KeyboardInterrupt

    monkeypatch.setattr(program.program, "main", interrupted)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    assert capsys.readouterr().err.strip() == "interrupted"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_virtual_product_runs_until_it_is_ended(number):
    with started("virtual", "--port", "0", "--token", TOKEN) as virtual:
        assert virtual.stdout is not None
        found: dict[str, str] = {}
        while "Ctrl-C" not in (line := virtual.stdout.readline()):
            assert line
            found |= dict(re.findall(r"(MIIO_LAN_\w+)=(\S+)", line))
        assert found["MIIO_LAN_TOKEN"] == TOKEN
        asked = end("get", "2", "1", env={**os.environ, **found})
        assert (asked.stdout, asked.returncode) == ("true\n", 0)
        virtual.send_signal(number)
        _, err = virtual.communicate(timeout=PATIENCE)
    assert (virtual.returncode, err) == (0, "")


def test_a_virtual_product_as_json():
    with started("virtual", "--port", "0", "--json", "--misbehave", "crlf") as virtual:
        assert virtual.stdout is not None
        facts = json.loads(virtual.stdout.readline())
        asked = end(
            "get", "2", "1", "--ip", facts["ip"], "--port", str(facts["port"]), "--token", facts["token"]
        )
        assert asked.stdout == "true\n"
        virtual.send_signal(signal.SIGINT)
        virtual.communicate(timeout=PATIENCE)
    assert virtual.returncode == 0


@pytest.mark.parametrize("words", [["--help"], ["-v", "spec", "names", "lamp"]], ids=" ".join)
def test_a_reader_that_goes_away_is_no_trouble(words):
    with started(*words) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_the_command_loads_what_it_needs(fresh_python: Callable[[str], str]):
    code = (
        "import sys; from miio_lan.cli.program import program\n"
        "program.main(['info', '--ip', '127.0.0.1', '--token', 'x'], standalone_mode=False)"
    )
    guarded = f"try:\n    exec({code!r})\nexcept Exception: pass\nprint(*sorted(sys.modules), sep='\\n')"
    loaded = set(fresh_python("import sys\n" + guarded).split())
    assert "miio_lan.device.blocking" in loaded
    unwanted = {
        "rich",
        "pytest",
        "serial",
        "asyncio",
        "miio_lan.virtual",
        "miio_lan.uart",
        "miio_lan.cli.demo.command",
    }
    assert loaded.isdisjoint(unwanted)


def test_watch_ends_with_ctrl_c_and_leaves_a_whole_recording(tmp_path):
    path = tmp_path / "wires.jsonl"
    with started("watch", "--virtual", "--polls", "-o", str(path)) as process:
        assert "LAN" in process.stdout.readline()
        out = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert "Traceback" not in err
    unfolded = " ".join(err.split())  # as wide as the terminal, however long the file's name is
    assert f"{len(path.read_text().splitlines())} records in {path}" in unfolded
    assert all(json.loads(line) for line in path.read_text().splitlines())
    assert "model" in out + rest or "get_down" in out + rest


def test_watch_ends_when_the_reader_leaves():
    command = " ".join([*COMMAND, "watch", "--virtual", "--polls"])
    ended = subprocess.run(
        f"{command} | head -3", shell=True, capture_output=True, text=True, timeout=PATIENCE, check=True
    )
    assert len(ended.stdout.splitlines()) == 3
    assert "Traceback" not in ended.stderr
    assert "Error" not in ended.stderr


def test_a_line_is_recorded_from_a_pty_until_killed(tmp_path):
    path = tmp_path / "line.jsonl"
    with started("uart", "record", "--up", "pty", "-o", str(path)) as process:
        name = process.stderr.readline().split()[0]
        assert process.stdout.readline()
        mcu = os.open(name, os.O_RDWR | os.O_NOCTTY)
        try:
            os.write(mcu, b"net\r")
            assert process.stdout.readline().split() == ["0.000", "net"]
            # Whatever happens now: what was heard is in the file.
            assert json.loads(path.read_text())["raw"] == "net\r"
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=PATIENCE)
        finally:
            os.close(mcu)
    assert process.returncode == 0


CONSOLE = """
import select, sys
from miio_lan.cli.uart.console import ConsoleView
from miio_lan.cli import main

def say(self, line):
    print("said", line, flush=True)
    select.select([0], [], [])

ConsoleView.say = say
sys.argv[1:] = ["uart", "console", "--port", "pty"]
main()
"""


def test_ctrl_d_between_two_prompts_of_a_console():
    ours, terminal = pty.openpty()
    before = termios.tcgetattr(terminal)
    with subprocess.Popen(
        [sys.executable, "-c", CONSOLE], stdin=terminal, stdout=terminal, stderr=subprocess.PIPE
    ) as process:
        try:
            shown = b""
            for wanted, typed in ((b"> ", b"mac\n"), (b"said mac", b"\x04")):
                while wanted not in shown:
                    shown += os.read(ours, 65536)
                os.write(ours, typed)
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
    assert termios.tcgetattr(terminal) == before
    os.close(ours)
    os.close(terminal)
