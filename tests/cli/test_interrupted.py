"""What is said about a command that was interrupted."""

from __future__ import annotations

import json

import click
import pytest

from miio_lan.click_common.failures import tell

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
