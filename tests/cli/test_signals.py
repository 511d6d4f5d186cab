"""Ctrl-C, ``kill`` and the end of a terminal end a command that runs for long, and it leaves nothing behind."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from miio_lan.cli.accept import modes
from miio_lan.cli.signals import calling, ended_by_signals, killed_is_interrupted

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no terminal hangs up there")

KILLS = [signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
ALL = [signal.SIGINT, *KILLS]


@pytest.fixture(autouse=True)
def _as_in_a_terminal() -> Iterator[None]:
    """Whatever the program that runs the tests has ignored."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in ALL}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ALL)
def test_each_of_them_says_that_it_is_time_to_end(number: signal.Signals) -> None:
    with ended_by_signals() as stop:
        assert not stop.is_set()
        signal.raise_signal(number)
        assert stop.is_set()
    told: list[str] = []
    with calling(lambda: told.append("end")):
        signal.raise_signal(number)
    assert told == ["end"]
    assert signal.getsignal(number) is signal.default_int_handler


@pytest.mark.parametrize("number", KILLS)
def test_what_kills_interrupts(number: signal.Signals) -> None:
    signal.signal(number, signal.SIG_DFL)  # it would end the tests
    with pytest.raises(KeyboardInterrupt), killed_is_interrupted():
        signal.raise_signal(number)
    assert signal.getsignal(number) is signal.SIG_DFL


def test_under_nohup_the_end_of_the_terminal_ends_nothing() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with ended_by_signals() as stop, killed_is_interrupted():
        signal.raise_signal(signal.SIGHUP)
        assert not stop.is_set()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN


def test_the_end_of_the_terminal_is_told_twice_and_interrupts_once() -> None:
    stages = []

    def check() -> None:
        with killed_is_interrupted():
            try:
                signal.raise_signal(signal.SIGHUP)
            finally:
                stages.append("putting back")
                signal.raise_signal(signal.SIGHUP)
                stages.append("put back")

    with pytest.raises(KeyboardInterrupt):
        check()
    assert stages == ["putting back", "put back"]
    assert signal.getsignal(signal.SIGHUP) is signal.default_int_handler


@pytest.mark.parametrize("number", KILLS)
def test_a_check_that_is_killed_writes_its_reports(
    number: signal.Signals, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal.signal(number, signal.SIG_DFL)

    def progress(_: object) -> Callable[[str], object]:
        stages: list[str] = []

        def on_stage(stage: str) -> None:
            stages.append(stage)
            if len(stages) == 2:
                signal.raise_signal(number)

        return on_stage

    monkeypatch.setattr(modes, "_progress", progress)
    report = tmp_path / "check.json"
    ended = run("accept", "--virtual", "--report", f"json={report}")
    assert ended.code == 130
    told = {each["name"]: each["outcome"] for each in json.loads(report.read_text())["verdicts"]}
    assert told["test-completed"] == "fail"
