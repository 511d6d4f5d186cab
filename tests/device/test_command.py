from __future__ import annotations

from typing import Any

import click

from miio_lan import Device, command
from miio_lan.device.command import commands_of


def shown(function: Any) -> Any:
    return function


class Lamp(Device):
    @command
    def plain(self) -> str:
        return "plain"

    @command()
    def called(self) -> str:
        return "called"

    @command(click.argument("level", type=int), default_output=shown, name="set-level", help="Set it.")
    def set_level(self, level: int) -> int:
        return level

    @command(click.option("--fast", is_flag=True))
    def blink(self, fast: bool) -> bool:
        return fast

    @command(skip_autodetect=True)
    def quick(self) -> str:
        return "quick"

    def no_command(self) -> str:
        return "none"


class Better(Lamp):
    def plain(self) -> str:
        return "better"

    @command(name="flash")
    def blink(self, fast: bool) -> bool:
        return not fast


def test_methods_stay_as_they_are() -> None:
    lamp = Lamp()
    assert (lamp.plain(), lamp.called(), lamp.set_level(5), lamp.blink(True)) == ("plain", "called", 5, True)
    assert Lamp.set_level.__name__ == "set_level"


def test_commands_are_found_with_their_data() -> None:
    found = commands_of(Lamp)
    assert {
        "plain",
        "called",
        "set-level",
        "blink",
        "quick",
        "info",
        "raw_command",
        "test_properties",
    } == set(found)
    attribute, data = found["set-level"]
    assert attribute == "set_level"
    assert len(data.decorators) == 1
    assert data.default_output is shown
    assert data.settings == {"help": "Set it."}
    assert found["plain"][1].decorators == ()
    assert len(found["blink"][1].decorators) == 1


def test_a_subclass_takes_the_place_of_its_base() -> None:
    found = commands_of(Better)
    assert "blink" not in found
    assert found["flash"][0] == "blink"
    assert getattr(Better(), found["plain"][0])() == "better"
