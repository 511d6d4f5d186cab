"""The published description of a real product drives the virtual MCU, the module's line and the client: no code.

Everything readable is read, everything writable is written up to its limits and just beyond them, every action is
called and every event raised. The lamp that ships with the package goes through the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
from support.patient import PATIENT

from miio_lan.device.description.names import find_action, find_property, mapping
from miio_lan.device.description.spec import Property, Spec, SpecAction
from miio_lan.device.description.values import FLOAT_FORMATS, INTEGER_LIMITS, TEXT_FORMATS
from miio_lan.device.miot import MiotDevice
from miio_lan.virtual.product import VirtualProduct

NOT_READABLE, NOT_WRITABLE, BAD_VALUE, BAD_ARGUMENT = -4001, -4002, -4005, -4006
LONG = 100
SPECS = {name: Spec.shipped(name) for name in ("purifier", "lamp")}


def things(kind: str) -> list[Any]:
    """Name each property, action or event of each description."""
    return [
        pytest.param(name, thing.iid, id=f"{name} {thing.name} {thing.siid}.{thing.iid[1]}")
        for name, spec in SPECS.items()
        for thing in getattr(spec, kind)()
    ]


def legal(prop: Property) -> list[Any]:
    """Values at the limits of a property."""
    if prop.choices:
        return [value for value, _ in prop.choices]
    if prop.format == "bool":
        return [True, False]
    if prop.format in TEXT_FORMATS:
        return ["", "two words", 'a "quote" and a \\', "空气", "x" * min(LONG, prop.max_length or LONG)]
    if prop.range is None:
        return list(INTEGER_LIMITS.get(prop.format, (-1e6, 0.5, 1e6)))
    low, high, step = prop.range
    last = low + math.floor((high - low) / (step or 1)) * (step or 1)
    return [low, low + step, last]


def illegal(prop: Property) -> list[Any]:
    """Values just beyond the limits, and of other types."""
    if prop.format == "bool":
        return [0, 1, "true"]
    if prop.format in TEXT_FORMATS:
        return [5, True, *(["x" * (prop.max_length + 1)] if prop.max_length else [])]
    wrong: list[Any] = ["1", True]
    if prop.choices:
        numbers = [value for value, _ in prop.choices if isinstance(value, int)]
        return [*wrong, min(numbers) - 1, max(numbers) + 1]
    limits = prop.range or (*INTEGER_LIMITS.get(prop.format, (-math.inf, math.inf)), 1)
    wrong += [limits[0] - (limits[2] or 1), limits[1] + (limits[2] or 1)]
    if prop.format not in FLOAT_FORMATS:
        wrong.append(float(limits[0]))
        wrong += [limits[0] + 1] if limits[2] > 1 else []
    return [value for value in wrong if value not in (math.inf, -math.inf)]


class Household:
    """Each product with a client that knows its names."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.names = mapping(spec)
        self.product = VirtualProduct(spec, profile=PATIENT, mcu_options={"poll_interval": 0.001})
        self.product.start()
        self.device = MiotDevice(
            self.product.host, self.product.token, port=self.product.port, mapping=self.names
        )

    def close(self) -> None:
        self.device.close()
        self.product.close()

    def name(self, iid: tuple[int, int], key: str) -> str:
        [name] = [name for name, ids in self.names.items() if (ids["siid"], ids.get(key)) == iid]
        return name

    def held(self, iid: tuple[int, int]) -> Any:
        return self.product.call(lambda now: self.product.mcu.values[iid])

    def write(self, prop: Property, value: Any) -> int:
        [answer] = self.device.set_property(self.name(prop.iid, "piid"), value)
        code: int = answer["code"]
        return code


@pytest.fixture
def household(spec_name: str) -> Iterator[Household]:
    household = Household(SPECS[spec_name])
    yield household
    household.close()


@pytest.mark.parametrize("spec_name", SPECS)
def test_everything_readable_is_read_in_one_go(household: Household, spec_name: str) -> None:
    answers = household.device.get_properties_for_mapping()
    properties = list(household.spec.properties())
    assert [(answer["siid"], answer["piid"]) for answer in answers] == [prop.iid for prop in properties]
    for prop, answer in zip(properties, answers, strict=True):
        assert answer["did"] == household.name(prop.iid, "piid")
        if prop.readable:
            assert (answer["code"], answer["value"]) == (0, household.held(prop.iid))
        else:
            assert answer["code"] == NOT_READABLE
    assert household.device.info().model == household.spec.model


@pytest.mark.parametrize("spec_name", SPECS)
def test_every_property_is_read_by_its_numbers(household: Household, spec_name: str) -> None:
    for prop in household.spec.readable():
        assert household.device.read(*prop.iid) == household.held(prop.iid)


@pytest.mark.parametrize("spec_name", SPECS)
def test_names_lead_to_the_same_things_on_both_sides(household: Household, spec_name: str) -> None:
    for name, ids in household.names.items():
        if "piid" in ids:
            assert find_property(household.spec, name).iid == (ids["siid"], ids["piid"])
        elif not name.startswith("action "):
            assert find_action(household.spec, name).iid == (ids["siid"], ids["aiid"])


@pytest.mark.parametrize(("spec_name", "iid"), things("properties"))
def test_a_property_up_to_its_limits_and_beyond(
    household: Household, spec_name: str, iid: tuple[int, int]
) -> None:
    prop = household.spec.property(*iid)
    assert prop is not None
    before = household.held(iid)
    if not prop.writable:
        assert household.write(prop, prop.default()) == NOT_WRITABLE
        assert household.held(iid) == before
        return
    for value in legal(prop):
        assert household.write(prop, value) == 0
        assert household.held(iid) == value
        if prop.readable:
            assert household.device.read(*iid) == value
    before = household.held(iid)
    for value in illegal(prop):
        assert household.write(prop, value) == BAD_VALUE, value
        assert household.held(iid) == before


@pytest.mark.parametrize(("spec_name", "iid"), things("actions"))
def test_an_action(household: Household, spec_name: str, iid: tuple[int, int]) -> None:
    action = household.spec.action(*iid)
    assert isinstance(action, SpecAction)
    name = household.name(iid, "aiid")
    inputs = [household.spec.property(action.siid, piid) for piid in action.in_]
    arguments = [prop.default() for prop in inputs if prop is not None]
    answer = household.device.call_action_from_mapping(name, arguments)
    assert answer["code"] == 0
    assert [out["piid"] for out in answer.get("out", [])] == list(action.out)
    for out in answer.get("out", []):
        assert out["value"] == household.held((action.siid, out["piid"]))
    spoilt = [{"piid": 99, "value": 1}]
    assert household.device.call_action_from_mapping(name, [*arguments, *spoilt])["code"] == BAD_ARGUMENT
    for at, prop in enumerate(inputs):
        assert prop is not None
        wrong = [*arguments[:at], illegal(prop)[0], *arguments[at + 1 :]]
        assert household.device.call_action_from_mapping(name, wrong)["code"] == BAD_ARGUMENT


@pytest.mark.parametrize(("spec_name", "iid"), things("events"))
def test_an_event_leaves_the_module(household: Household, spec_name: str, iid: tuple[int, int]) -> None:
    event = household.spec.event(*iid)
    assert event is not None
    product = household.product
    assert product.call(lambda now: product.mcu.raise_event(*iid, None, now))
    # One answer may come before the event, when the request met a poll already under way; the second comes after it.
    for _ in range(2):
        household.device.read(1, 2)
    [told] = product.call(lambda now: [told for told in product.module.reported if "event" in told.method])
    assert told.method == "event_occured"
    [arguments] = [told.params["arguments"]] if isinstance(told.params, dict) else []
    assert [each["piid"] for each in arguments] == list(event.arguments)
    for each in arguments:
        assert each["value"] == household.held((iid[0], each["piid"]))
