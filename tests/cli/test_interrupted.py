"""What is said about a command that was interrupted."""

from __future__ import annotations

import json
import subprocess
import sys

import click
import pytest

from miio_lan.cli import _tell_interrupted
from miio_lan.click_common.failures import tell

PATIENCE = 100
#: Runs the command line, and interrupts it when it comes to load a module.
INTERRUPTED_LOADING = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            os.kill(os.getpid(), signal.SIGINT)

module = sys.argv.pop(1)
sys.meta_path.insert(0, Interrupting())
from miio_lan.cli import main
main()
"""
LEFT = "property 2.1 (on) could not be set back to true"


@pytest.mark.parametrize("wrapped", [False, True])
def test_what_an_interruption_left_behind_is_told(wrapped: bool, capsys: pytest.CaptureFixture[str]) -> None:
    error: BaseException = KeyboardInterrupt()
    error.add_note(LEFT)
    if wrapped:  # as click does
        abort = click.Abort()
        abort.__cause__ = error
        error = abort
    assert tell(error, json=False) == 130
    assert tuple(capsys.readouterr()) == ("", f"interrupted; {LEFT}\n")
    assert tell(error, json=True) == 130
    assert json.loads(capsys.readouterr().out)["error"]["message"] == f"interrupted; {LEFT}"


def test_otherwise_it_is_told_in_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    assert tell(click.Abort(), json=False) == 130
    assert capsys.readouterr().err == "interrupted\n"


@pytest.mark.parametrize(
    "module",
    [
        "miio_lan.cli.program",
        "click",
        "miio_lan.cli.lazy",
        "miio_lan.click_common.failures",
        "miio_lan.record.redact.texts",
        "miio_lan.cli.device.basic",  # when the command line is read already
    ],
)
@pytest.mark.parametrize(
    "words", [["info", "--json"], ["--json", "info"], ["info"], ["info", "--", "--json"]]
)
def test_while_its_modules_are_loaded(module: str, words: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_LOADING, module, *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 130
    if "--json" in words and "--" not in words:
        said = {"type": "Interrupted", "message": "interrupted", "code": None, "method": None}
        assert (json.loads(ended.stdout), ended.stderr.strip()) == ({"error": said}, "")
    else:
        assert (ended.stdout, ended.stderr.strip()) == ("", "interrupted")


def test_it_is_told_in_the_same_form_whatever_was_loaded(capsys: pytest.CaptureFixture[str]) -> None:
    tell(KeyboardInterrupt(), json=True)
    told = capsys.readouterr().out
    _tell_interrupted(["info", "--json"])
    assert capsys.readouterr().out == told


def test_nobody_need_read_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        def write(self, text: str) -> None:
            raise BrokenPipeError

    for stream in (None, Gone()):
        monkeypatch.setattr(sys, "stdout", stream)
        _tell_interrupted(["info", "--json"])
