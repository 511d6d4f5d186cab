from __future__ import annotations

from miio_lan import DeviceStatus


class Base(DeviceStatus):
    def __init__(self, data: dict[str, object]) -> None:
        self.data = data

    @property
    def power(self) -> str:
        return str(self.data["power"])


class Lamp(Base):
    @property
    def brightness(self) -> object:
        return self.data["bright"]

    @property
    def _hidden(self) -> str:
        return "not shown"

    def method(self) -> str:
        return "not shown"


def test_the_repr_lists_the_properties_and_their_values() -> None:
    assert repr(Lamp({"power": "on", "bright": 55})) == "<Lamp brightness=55 power=on>"


def test_a_value_that_fails_does_not_hide_the_others() -> None:
    assert repr(Lamp({"power": "on"})) == "<Lamp brightness=KeyError power=on>"


def test_a_status_without_properties() -> None:
    assert repr(DeviceStatus()) == "<DeviceStatus>"


def test_a_status_that_contains_itself() -> None:
    class Odd(DeviceStatus):
        @property
        def me(self) -> DeviceStatus:
            return self

    assert repr(Odd()) == "<Odd me=...>"
