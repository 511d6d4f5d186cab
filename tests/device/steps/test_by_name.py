from __future__ import annotations

import pytest

from miio_lan.device.spec import Spec
from miio_lan.device.steps.by_name import Names, alone, checked_spec
from miio_lan.errors import InvalidArgument, SpecError

LAMP = Names(Spec.shipped("lamp"))
MAPPED = Names(None, {"light": {"siid": 2, "piid": 1}, "toggle": {"siid": 2, "aiid": 1}})


def test_properties() -> None:
    assert LAMP.property("light:brightness") == (2, 2)
    assert LAMP.property("2.2") == (2, 2)
    assert MAPPED.property("light") == (2, 1)


def test_what_is_no_name() -> None:
    with pytest.raises(SpecError, match="did you mean light:brightness"):
        LAMP.property("light:brigthness")
    with pytest.raises(SpecError, match=r"ambiguous: light:on \(2.1\), indicator-light:on \(5.1\)"):
        LAMP.property("on")
    with pytest.raises(InvalidArgument, match=r"it has light$"):
        MAPPED.property("toggle")


def test_values_are_checked_by_a_description_alone() -> None:
    assert LAMP.assignment("light:brightness", 50) == (2, 2)
    with pytest.raises(SpecError, match=r"1\.\.100.*; write\(2, 2, \.\.\.\) sends it all the same"):
        LAMP.assignment("light:brightness", 101)
    with pytest.raises(SpecError, match=r"50.0 is not an integer"):
        LAMP.assignment("light:brightness", 50.0)
    with pytest.raises(SpecError, match="light:fault is not writable by its description"):
        LAMP.assignment("light:fault", 0)
    assert MAPPED.assignment("light", "anything") == (2, 1)


def test_actions() -> None:
    assert LAMP.action("light:toggle", None) == (2, 1, [])
    assert LAMP.action("delay:start", [5]) == (4, 1, [5])
    assert LAMP.action("delay:start", [{"piid": 2, "value": 500}]) == (4, 1, [{"piid": 2, "value": 500}])
    assert MAPPED.action("toggle", [1, 2]) == (2, 1, [1, 2])
    with pytest.raises(
        SpecError, match=r"delay:start takes 1 arguments \(delay-time\), not 0; run\(4, 1, \.\.\.\)"
    ):
        LAMP.action("delay:start", [])
    with pytest.raises(SpecError, match=r"takes 0 arguments \(none\), not 1"):
        LAMP.action("light:toggle", [1])
    with pytest.raises(SpecError, match=r"1\.\.120.*run\(4, 1"):
        LAMP.action("delay:start", [121])
    with pytest.raises(SpecError, match="has no action"):
        LAMP.action("light:on", [])


def test_a_name_stands_alone() -> None:
    alone("light:on", None)
    with pytest.raises(InvalidArgument, match="'light:on' has another one beside it"):
        alone("light:on", 3)


@pytest.mark.parametrize("spec", ["lamp", "lamp.json", 5, {}, [], True])
def test_what_is_no_description(spec: object) -> None:
    with pytest.raises(InvalidArgument, match="spec is a Spec"):
        checked_spec(spec)


def test_what_is_one() -> None:
    spec = Spec.shipped("lamp")
    assert checked_spec(spec) is spec
    assert checked_spec("cache") == "cache"
    assert checked_spec(None) is None
