"""Switching a product's power by commands and by drivers."""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path

import pytest

from miio_lan.bench.places import power as power_module
from miio_lan.bench.places.power import (
    ACTION,
    LONGEST,
    OFF_FOR,
    CommandPower,
    LabgridPower,
    switch_off_and_on,
)
from miio_lan.errors import InvalidArgument, PowerError


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    times: list[float] = []
    monkeypatch.setattr("miio_lan.bench.places.power.sleep", times.append)
    return times


def noting(tmp_path: Path) -> tuple[list[str], Path]:
    """Give a command that writes down what it is called with."""
    file = tmp_path / "called"
    program = "import sys; open(sys.argv[1], 'a').write(' '.join(sys.argv[2:]) + '\\n')"
    return [sys.executable, "-c", program, str(file)], file


def test_the_numbers() -> None:
    assert (OFF_FOR, LONGEST, ACTION, power_module._MOST_SAID) == (2.0, 60.0, "{action}", 300)


def test_a_command_switches(tmp_path: Path, slept: list[float]) -> None:
    command, file = noting(tmp_path)
    power = CommandPower([*command, "-a", "{action}", "to={action}"])
    assert power.is_on is None
    power.off()
    assert power.is_on is False
    power.on()
    assert power.is_on is True
    power.cycle()
    power.cycle(0.5)
    each = "-a off to=off\n-a on to=on\n"
    assert file.read_text() == each * 3
    assert slept == [2.0, 0.5]


def test_the_action_stands_at_the_end_where_it_is_not_written(tmp_path: Path) -> None:
    command, file = noting(tmp_path)
    CommandPower([*command, "two words"]).on()
    assert file.read_text() == "two words on\n"


def test_a_command_is_written_as_in_a_shell_and_run_without_one() -> None:
    assert CommandPower("switch 'the lamp' -a {action}; ls").command == [
        "switch",
        "the lamp",
        "-a",
        "{action};",
        "ls",
    ]
    assert repr(CommandPower("switch 'the lamp'")) == "<CommandPower switch 'the lamp' '{action}'>"


@pytest.mark.parametrize(
    ("command", "why"), [("", "is empty"), ([], "is empty"), ("switch 'x", "odd quotes")]
)
def test_what_is_no_command(command: str | list[str], why: str) -> None:
    with pytest.raises(InvalidArgument, match=why):
        CommandPower(command)


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (["/nowhere/switch"], r"was not switched off: /nowhere/switch off cannot be run: No such file"),
        (
            [sys.executable, "-c", "raise SystemExit('no\\x1bhub')"],
            r"ended with code 1 and said '?no\\x1bhub",
        ),
        (
            [sys.executable, "-c", "print('to stdout'); raise SystemExit(3)"],
            "ended with code 3 and said '?to stdout",
        ),
        ([sys.executable, "-c", "raise SystemExit(4)"], "ended with code 4$"),
        (["\0"], "cannot be run"),
    ],
)
def test_a_command_that_fails(command: list[str], why: str) -> None:
    power = CommandPower(command)
    with pytest.raises(PowerError, match=why):
        power.off()
    assert power.is_on is None


def test_a_command_that_does_not_end() -> None:
    with pytest.raises(PowerError, match=r"did not end within 0\.2 s"):
        CommandPower([sys.executable, "-c", "import signal; signal.pause()"], timeout=0.2).on()


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


def test_what_stays_in_the_background_is_not_waited_for(fifo: Path) -> None:
    power = CommandPower(["sh", "-c", 'cat "$0" & exit 0', str(fifo)], timeout=100)
    power.on()
    assert power.is_on is True
    fifo.write_bytes(b"")  # the background has an end, too


def test_a_command_that_does_not_end_leaves_no_child_that_switches_later(fifo: Path) -> None:
    reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    power = CommandPower(["sh", "-c", 'exec >"$0"; sleep 60 & wait', str(fifo)], timeout=1)
    power.is_on = True
    with pytest.raises(PowerError, match=r"^it is not known whether the product was switched off: sh -c "):
        power.off()
    assert (power.is_on, power.in_doubt) == (None, True)
    try:
        found = os.read(reader, 1)  # nobody has it open
    except BlockingIOError:  # somebody is about to end
        found = os.read(reader, 1) if select.select([reader], [], [], 100)[0] else b"a child is still there"
    os.close(reader)
    assert found == b""
    power.command = ["true"]
    power.on()
    assert (power.is_on, power.in_doubt) == (True, False)


def test_a_product_that_failed_to_be_switched_off_is_switched_on(slept: list[float]) -> None:
    driver = Driver()
    driver.off = Driver(OSError("no relay")).off  # type: ignore[method-assign]
    power = LabgridPower(driver)
    with pytest.raises(PowerError, match="not switched off"):
        power.cycle(1.0)
    assert (driver.done, slept) == (["on"], [])
    assert (power.is_on, power.in_doubt) == (True, False)


class Driver:
    """What labgrid calls a PowerProtocol."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.done: list[str] = []
        self.fault = fault

    def _do(self, what: str) -> None:
        if self.fault is not None:
            raise self.fault
        self.done.append(what)

    def on(self) -> None:
        self._do("on")

    def off(self) -> None:
        self._do("off")

    def cycle(self, off_for: float | None = None) -> None:
        self._do("cycle")


def test_a_driver_of_labgrid(slept: list[float]) -> None:
    driver = Driver()
    power = LabgridPower(driver)
    assert (power.is_on, repr(power)) == (None, "<LabgridPower Driver>")
    power.off()
    assert power.is_on is False
    power.on()
    power.off()
    power.cycle()
    assert power.is_on is True
    power.cycle(3.0)
    assert driver.done == ["off", "on", "off", "cycle", "off", "on"]
    assert slept == [3.0]


def test_a_driver_that_fails() -> None:
    power = LabgridPower(Driver(OSError("no \x1b relay")))
    for switch, what in ((power.on, "on"), (power.off, "off"), (power.cycle, "off and on")):
        with pytest.raises(PowerError, match=rf"not switched {what}: .*no \\x1b relay"):
            switch()
    assert power.is_on is None


def test_it_is_on_also_after_an_interruption(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("miio_lan.bench.places.power.sleep", interrupted)
    driver = Driver()
    with pytest.raises(KeyboardInterrupt):
        switch_off_and_on(driver, 1.0)
    assert driver.done == ["off", "on"]
