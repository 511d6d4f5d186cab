from __future__ import annotations

import pytest

from miio_lan.cli.device import connect
from miio_lan.cli.device.connect import SILENCE, Patience, address_problem
from miio_lan.record import Record


class Timers:
    """Timers and a clock in our hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.running: list[Timer] = []

    def clock(self) -> float:
        return self.now

    def __call__(self, seconds, function):
        return Timer(self, self.now + seconds, function)

    def advance(self, seconds):
        self.now += seconds
        due = [timer for timer in self.running if timer.at <= self.now]
        for timer in due:
            self.running.remove(timer)
            timer.function()


class Timer:
    def __init__(self, timers, at, function):
        self.timers, self.at, self.function = timers, at, function

    def start(self):
        self.timers.running.append(self)

    def cancel(self):
        if self in self.timers.running:
            self.timers.running.remove(self)

    def join(self):
        pass


def record(direction: str) -> Record:
    return Record("lan", direction, 0.0, 0.0, b"")


@pytest.fixture
def timers():
    return Timers()


@pytest.fixture
def patience(timers):
    return Patience("the lamp", clock=timers.clock, timer=timers)


class TestPatience:
    def test_silence_is_told_once(self, patience, timers, capsys):
        with patience:
            timers.advance(SILENCE - 0.1)
            assert capsys.readouterr().err == ""
            timers.advance(0.2)
            assert "waiting for the lamp" in capsys.readouterr().err
            timers.advance(60)
        assert capsys.readouterr() == ("", "")

    def test_what_is_heard_starts_the_time_anew(self, patience, timers, capsys):
        with patience:
            timers.advance(SILENCE - 0.5)
            patience.observe(record("up"))
            timers.advance(0.6)
            assert capsys.readouterr().err == ""
            timers.advance(SILENCE)
        assert "waiting for the lamp" in capsys.readouterr().err

    def test_what_we_send_is_no_answer(self, patience, timers, capsys):
        with patience:
            timers.advance(SILENCE - 0.5)
            patience.observe(record("down"))
            timers.advance(0.6)
        assert "waiting" in capsys.readouterr().err

    def test_nothing_is_told_after_the_end(self, patience, timers, capsys):
        with patience:
            patience.observe(record("up"))
        assert timers.running == []
        patience._look()
        assert timers.running == []
        assert capsys.readouterr().err == ""

    def test_real_timers_end_with_the_block(self, capsys):
        with Patience("the lamp"):
            pass
        assert capsys.readouterr().err == ""

    def test_it_is_for_terminals_only(self, ask, monkeypatch):
        made = []

        class Listening(Patience):
            def __init__(self, peer):
                super().__init__(peer)
                made.append(peer)

        monkeypatch.setattr(connect, "Patience", Listening)
        assert ask("info").code == 0
        assert made == []

        class Terminal:
            class stderr:  # noqa: N801 - stands for sys.stderr
                isatty = staticmethod(lambda: True)

        monkeypatch.setattr(connect, "sys", Terminal)
        assert ask("info").code == 0
        assert made == ["127.0.0.1"]


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "::1", "fe80::1%eth0", "lamp", "lamp.local", "my_lamp-2", "lämpchen.example", "1password"],
)
def test_addresses_and_names_that_may_be(address):
    assert address_problem(address) == ""


@pytest.mark.parametrize(
    "address", ["1", "1.2.3", "256.1.1.1", "1.2.3.4.5", "a:b", ":", "a b", "a/b", "a\x00b", "a\n"]
)
def test_addresses_that_cannot_be(address):
    assert "not" in address_problem(address) or "neither" in address_problem(address)
