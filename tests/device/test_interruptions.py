"""Ctrl-C at each line of a blocking device: its later calls do not suffer from it."""

from __future__ import annotations

import linecache
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType
from typing import Any

import pytest
from support.interrupting import interrupted

from miio_lan import Device, DeviceInfo, MiotDevice
from miio_lan.device import blocking

TOKEN = "00112233445566778899aabbccddeeff"
#: Python looks for signals where functions begin and end, so never between the end of a call and this line.
CLEAN_UP = "self._call.deadline = outer"
ACTIONS: dict[str, Callable[[MiotDevice], object]] = {
    "steps": lambda device: device.read(2, 1),
    "one deadline": lambda device: device.set_property("on", 1),
    "within": lambda device: until_soon(device),
    "model": lambda device: device.model,
}


def until_soon(device: Device) -> object:
    with device._within(time.monotonic()):
        return device.raw_command("get_properties", [{}])


class Interrupter:
    """Raises at the so many-th line of the device."""

    def __init__(self, line: int) -> None:
        self.left = line
        self.where = ""

    def __call__(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename == blocking.__file__:
            return self.count
        return self if "contextlib" in frame.f_code.co_filename else None

    def count(self, frame: FrameType, event: str, _: Any) -> Any:
        text = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
        if event == "line" and text != CLEAN_UP:
            self.left -= 1
            if self.left == 0:
                self.where = f"{frame.f_lineno}: {text}"
                sys.settrace(None)
                raise KeyboardInterrupt
        return self.count


def answer(command: str, parameters: Any = None, **_: Any) -> Any:
    if command == "miIO.info":
        return {"model": "a.b.c"}
    return [{**each, "code": 0, "value": 1} for each in parameters]


def at_each_line(act: Callable[[MiotDevice], object]) -> Iterator[tuple[str, MiotDevice]]:
    """Act, with an interruption at one line after the other; gives where that was, and the device."""
    line, reached = 0, True
    while reached:
        line += 1
        device = MiotDevice("127.0.0.1", TOKEN, mapping={"on": {"siid": 2, "piid": 1}})
        device.send = answer  # type: ignore[method-assign]
        interrupter = Interrupter(line)
        interrupted(interrupter, partial(act, device))
        reached = bool(interrupter.where)
        yield interrupter.where, device
    assert line > 3


@pytest.mark.parametrize("name", ACTIONS)
def test_an_interruption_leaves_no_deadline_and_no_half_of_what_was_told(name: str) -> None:
    for where, device in at_each_line(ACTIONS[name]):
        assert getattr(device._call, "deadline", None) is None, where
        assert device.model == "a.b.c", where


def test_a_double_that_only_has_what_was_told_has_its_model() -> None:
    device = Device("127.0.0.1", TOKEN)
    device._info = DeviceInfo({"model": "a.b.c"})
    assert device.model == "a.b.c"
