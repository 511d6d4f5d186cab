from __future__ import annotations

import json
import re
import struct
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.device.description.cache import find
from miio_lan.device.description.spec import Code, Property, Spec, shipped_names
from miio_lan.device.description.values import is_same
from miio_lan.errors import SpecError
from miio_lan.uart.document import model_fault


def instance(**prop: Any) -> dict[str, Any]:
    """A description of one service with one property, which the arguments change."""
    entry = {
        "iid": 1,
        "type": "urn:miot-spec-v2:property:on:00000006:x-y:1",
        "format": "bool",
        "access": ["read"],
    }
    entry.update(prop)
    service = {"iid": 2, "type": "urn:miot-spec-v2:service:light:00007802:x-y:1", "properties": [entry]}
    return {"type": "urn:miot-spec-v2:device:light:0000A001:x-y:1", "services": [service]}


def prop(**changes: Any) -> Property:
    found = Spec.from_json(instance(**changes)).property(2, 1)
    assert found is not None
    return found


class TestReading:
    def test_what_an_instance_says_is_what_the_spec_says(self) -> None:
        found = prop(
            type="urn:miot-spec-v2:property:brightness:0000000D:x-y:1",
            description="Brightness",
            format="uint8",
            access=["read", "write", "notify"],
            unit="percentage",
            **{"value-range": [1, 100, 1], "default-value": 7},
        )
        assert (found.siid, found.piid, found.name, found.unit) == (2, 1, "brightness", "percentage")
        assert (found.readable, found.writable, found.notifies) == (True, True, True)
        assert found.range == (1, 100, 1)
        assert found.default() == 7

    def test_the_text_of_a_file_reads_like_its_data(self) -> None:
        assert Spec.from_json(json.dumps(instance())) == Spec.from_json(instance())
        assert hash(Spec.from_json(instance())) == hash(Spec.from_json(instance()))

    def test_model_comes_from_the_urn_when_not_given(self) -> None:
        assert Spec.from_json(instance()).model == "x.light.y"
        assert Spec.from_json({**instance(), "model": "a.b.c"}).model == "a.b.c"
        assert Spec.from_json({**instance(), "type": "urn:whatever"}).model == ""

    def test_lookups(self) -> None:
        spec = Spec.shipped("lamp")
        light = spec.service(2)
        assert light is not None
        assert light.name == "light"
        assert spec.service(99) is None
        assert spec.property(2, 99) is None
        action = spec.action(2, 2)
        assert action is not None
        assert (action.name, action.iid, action.in_, action.out) == ("change-brightness", (2, 2), (10,), (2,))
        event = spec.event(6, 2)
        assert event is not None
        assert (event.name, event.iid, event.arguments) == ("turn", (6, 2), (1, 2))
        assert spec.action(2, 99) is None
        assert spec.event(2, 99) is None
        assert [e.name for e in spec.events()] == ["elapsed", "click", "turn"]
        assert {a.name for a in spec.actions()} == {"toggle", "change-brightness", "play-scene", "start"}
        assert all(p.writable for p in spec.writable())
        assert all(p.readable for p in spec.readable())

    def test_arguments_may_be_written_with_repeat_counts(self) -> None:
        data = instance()
        urn = "urn:miot-spec-v2:action:toggle:00002811:x-y:1"
        data["services"][0]["actions"] = [
            {"iid": 1, "type": urn, "in": [{"piid": 1, "repeat": [1, 1]}], "out": None}
        ]
        action = Spec.from_json(data).action(2, 1)
        assert action is not None
        assert (action.in_, action.out) == ((1,), ())

    def test_integer_ranges_written_as_floats_are_integers(self) -> None:
        found = prop(format="uint8", **{"value-range": [0.0, 10.0, 2.0]})
        assert found.range == (0, 10, 2)
        assert isinstance(found.range[0], int)

    def test_a_range_may_lack_the_step(self) -> None:
        assert prop(format="uint8", **{"value-range": [1, 9]}).check(4) is None

    def test_ranges_of_what_is_no_number_are_ignored(self) -> None:
        assert prop(format="string", **{"value-range": [0, 1, 1]}).range is None


TOML = """
model = "acme.lamp.v1"
description = "A lamp"
[[service]]
siid = 2
name = "light"
  [[service.property]]
  piid = 1
  name = "on"
  format = "bool"
  access = "rwn"
  [[service.property]]
  piid = 2
  name = "mode"
  format = "uint8"
  access = ["read"]
  choices = [[0, "Day"], [1, "Night"], 2]
  default = 1
  [[service.property]]
  piid = 3
  name = "label"
  format = "string"
  access = "rw"
  max_length = 5
  [[service.action]]
  aiid = 1
  name = "toggle"
  out = [1]
  [[service.event]]
  eiid = 1
  name = "click"
  arguments = [2]
"""


class TestToml:
    def test_it_holds_the_same_facts(self) -> None:
        spec = Spec.from_toml(TOML)
        assert (spec.model, spec.type) == ("acme.lamp.v1", "")
        on, mode, label = spec.properties()
        assert on.access == {"read", "write", "notify"}
        assert mode.choices == ((0, "Day"), (1, "Night"), (2, ""))
        assert mode.default() == 1
        assert label.check("123456") == Code.BAD_VALUE
        action, event = next(spec.actions()), next(spec.events())
        assert (action.name, action.out, event.name, event.arguments) == ("toggle", (1,), "click", (2,))

    def test_a_byte_order_mark_and_ends_of_other_systems_are_no_part_of_it(self, tmp_path: Path) -> None:
        shipped = (files("miio_lan.virtual") / "specs" / "lamp.json").read_text(encoding="utf-8")
        for text, plain, name in (
            (TOML, Spec.from_toml(TOML), "x.toml"),
            (shipped, Spec.shipped("lamp"), "x.json"),
        ):
            (tmp_path / name).write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
            assert list(Spec.load(tmp_path / name).properties()) == list(plain.properties())

    def test_errors_use_its_own_keys(self) -> None:
        with pytest.raises(SpecError, match=r"description: service\[0\]\.siid: 'x' is not a number"):
            Spec.from_toml("[[service]]\nsiid = 'x'")

    def test_what_is_not_toml_is_said_with_its_line(self) -> None:
        with pytest.raises(SpecError, match=r"not TOML: .*line 2"):
            Spec.from_toml("a = 1\nb =\n")


ODD_ENTRIES = [
    ({"format": "uint7"}, r"services\[0\]\.properties\[0\]\.format: 'uint7' is none of"),
    ({"format": None}, r"properties\[0\]\.format: missing"),
    ({"iid": 0}, r"properties\[0\]\.iid: 0 is not a number"),
    ({"iid": True}, r"properties\[0\]\.iid: True is not a number"),
    ({"type": 5}, r"properties\[0\]\.type: 5 is not a text"),
    ({"type": ""}, r"properties\[0\]\.type: '' is not a text"),
    ({"access": ["read", "burn"]}, r"properties\[0\]\.access: .* is not a list of read, write, notify"),
    ({"access": 3}, r"properties\[0\]\.access"),
    ({"access": [[]]}, r"properties\[0\]\.access"),
    ({"description": 4}, r"properties\[0\]\.description: 4 is not a text"),
]
ODD_LIMITS = [
    ({"format": "uint8", "value-range": [1]}, r"value-range: \[1\] is not \[lowest, highest, step\]"),
    ({"format": "uint8", "value-range": [1, "x", 1]}, r"value-range"),
    ({"format": "uint8", "value-range": [9, 1, 1]}, r"value-range: .*lowest must not exceed"),
    ({"format": "uint8", "value-range": [1, 9, -1]}, r"value-range: .*negative"),
    ({"format": "uint8", "value-range": [1, 9, 0.5]}, r"value-range: .*fractions"),
    ({"format": "uint8", "value-range": [-9, -1, 1]}, r"value-range: leaves no legal value"),
    (
        {"format": "float", "value-range": [0, 10**301, 1]},
        r"value-range: .* is not \[lowest, highest, step\]",
    ),
    ({"format": "uint8", "value-list": 3}, r"value-list: 3 is not a list"),
    ({"format": "uint8", "value-list": [{"value": "x"}]}, r"value-list\[0\]: 'x' is not an integer"),
    ({"format": "string", "max-length": -1}, r"max-length: -1 is not a number of characters"),
    ({"format": "uint8", "default-value": 300}, r"default-value: 300 is outside 0\.\.255"),
]


class TestOddEntries:
    """A published instance cannot be mended by whoever uses it."""

    @pytest.mark.parametrize(("change", "place"), ODD_ENTRIES)
    def test_an_odd_property_is_left_out(
        self, change: dict[str, Any], place: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        data = instance(**change)
        good = {**instance()["services"][0]["properties"][0], "iid": 7}
        data["services"][0]["properties"].append(good)
        spec = Spec.from_json(data)
        assert [each.iid for each in spec.properties()] == [(2, 7)]
        assert [re.search(place, each) is not None for each in spec.warnings] == [True]
        assert [record.getMessage() for record in caplog.records] == list(spec.warnings)
        assert spec.warnings[0].endswith("; it is left out")

    @pytest.mark.parametrize("key", ["type", "description"])
    def test_an_odd_text_of_the_whole_is_left_out_alone(self, key: str) -> None:
        spec = Spec.from_json({**instance(), key: 5})
        assert getattr(spec, key) == ""
        assert spec.properties()
        (warning,) = spec.warnings
        assert f"{key}: 5 is not a text; it is left out" in warning

    @pytest.mark.parametrize(("change", "place"), ODD_LIMITS)
    def test_an_odd_limit_is_left_out_alone(self, change: dict[str, Any], place: str) -> None:
        spec = Spec.from_json(instance(**change))
        found = spec.property(2, 1)
        assert found is not None
        assert (found.range, found.choices, found.max_length, found.initial) == (None, (), None, None)
        assert [re.search(place, each) is not None for each in spec.warnings] == [True]

    def test_good_choices_stay_beside_an_odd_one(self) -> None:
        given = [{"value": 1, "description": "Low"}, {"value": "two"}, {"value": 3, "description": "High"}]
        assert prop(format="uint8", **{"value-list": given}).choices == ((1, "Low"), (3, "High"))

    @pytest.mark.parametrize("odd", [{"value": 3, "description": 7}, [3, 7]])
    def test_a_choice_is_one_without_its_description(self, odd: object) -> None:
        spec = Spec.from_json(instance(format="uint8", **{"value-list": [{"value": 1}, odd]}))
        found = spec.property(2, 1)
        assert found is not None
        assert found.choices == ((1, ""), (3, ""))
        assert found.check(3) is None
        (warning,) = spec.warnings
        assert "value-list[1].description: 7 is not a text; it is left out" in warning

    def test_what_refers_to_a_property_that_was_left_out_goes_too(self) -> None:
        data = instance()
        services = data["services"][0]
        services["properties"].append({**services["properties"][0], "iid": 2, "format": "odd"})
        services["actions"] = [{"iid": 1, "type": "start", "in": [2]}, {"iid": 2, "type": "stop", "in": [1]}]
        spec = Spec.from_json(data)
        assert [each.name for each in spec.actions()] == ["stop"]
        assert len(spec.warnings) == 2

    def test_the_second_of_two_with_one_number(self) -> None:
        data = instance()
        data["services"].append(data["services"][0])
        spec = Spec.from_json(data)
        assert len(spec.services) == 1
        assert "services[1].iid: 2 is used twice, first in services[0]" in spec.warnings[0]

    @pytest.mark.parametrize(("change", "place"), ODD_ENTRIES)
    def test_a_file_of_nothing_else_is_refused(self, change: dict[str, Any], place: str) -> None:
        with pytest.raises(SpecError, match=place + ".*nothing else is there"):
            Spec.from_json(instance(**change))

    def test_what_its_author_can_mend_is_refused(self) -> None:
        with pytest.raises(
            SpecError, match=r"service\[0\]\.property\[1\]\.choices\[0\]: 'x' is not an integer"
        ):
            Spec.from_toml(TOML.replace('[0, "Day"]', '["x", "Day"]'))


class TestGuessedModels:
    @pytest.mark.parametrize(
        ("urn", "model"),
        [
            ("urn:miot-spec-v2:device:light:0000A001:yeelink-lamp4:1", "yeelink.light.lamp4"),
            # Cut in its middle, for a model has 23 characters at most.
            ("urn:miot-spec-v2:device:air-conditioner:0000A004:lumi-mcn02:1", "lumi.aircondition.mcn02"),
        ],
    )
    def test_it_is_marked(self, urn: str, model: str) -> None:
        spec = Spec.from_json({**instance(), "type": urn})
        assert (spec.model, spec.model_guessed, spec.stated_model) == (model, True, "")
        assert spec.shown_model == f"{model} (a guess)"
        assert not model_fault(spec.model)

    def test_one_that_is_given_is_none(self) -> None:
        spec = Spec.from_json({**instance(), "model": "a.b.c"})
        assert (spec.model_guessed, spec.stated_model, spec.shown_model) == (False, "a.b.c", "a.b.c")

    @pytest.mark.parametrize(
        "urn",
        ["urn:a:device:light:0000A001:somevendorsname-andaproduct:1", "urn:a:device:light:1:nodash:1", "x"],
    )
    def test_where_none_can_be_made_there_is_none(self, urn: str) -> None:
        spec = Spec.from_json({**instance(), "type": urn})
        assert (spec.model, spec.model_guessed, spec.shown_model) == ("", False, "")


class TestNull:
    @pytest.mark.parametrize("key", ["properties", "actions", "events"])
    def test_a_service_without_some_of_it(self, key: str) -> None:
        data = instance()
        data["services"].append({"iid": 3, "type": "urn:miot-spec-v2:service:x:00000001:x-y:1", key: None})
        spec = Spec.from_json(data)
        assert ([each.siid for each in spec.services], spec.warnings) == ([2, 3], ())

    def test_a_property_without_access(self) -> None:
        assert prop(access=None).access == frozenset()


class TestRefusals:
    def test_a_file_that_is_not_there_is_called_one(self, tmp_path: Path) -> None:
        for name in ("lamp", "lamp.v1"):
            with pytest.raises(SpecError, match=f"there is no file {re.escape(str(tmp_path / name))}$"):
                find(str(tmp_path / name))
        with pytest.raises(SpecError, match=r"lamp\.json cannot be read: No such file or directory$"):
            find(str(tmp_path / "lamp.json"))

    def test_things_of_the_wrong_shape(self) -> None:
        with pytest.raises(SpecError, match="top level: a list where an object is expected"):
            Spec.from_json([])
        with pytest.raises(SpecError, match="top level: null where an object is expected"):
            Spec.from_json("null")
        with pytest.raises(SpecError, match="services: missing"):
            Spec.from_json({})
        with pytest.raises(SpecError, match="description: nested too deeply"):
            Spec.from_json("[" * 100_000)
        with pytest.raises(SpecError, match="services: an object where a list is expected"):
            Spec.from_json({"services": {}})
        with pytest.raises(SpecError, match=r"services\[0\]: a number where"):
            Spec.from_json({"services": [1]})
        with pytest.raises(SpecError, match="not JSON"):
            Spec.from_json("{")
        with pytest.raises(SpecError, match="not JSON"):
            Spec.from_json(b"\xff")

    def test_arguments_that_are_no_properties(self) -> None:
        data = instance()
        urn = "urn:miot-spec-v2:action:toggle:00002811:x-y:1"
        for bad in ([2], 7, [True], [{"piid": 9}]):
            data["services"][0]["actions"] = [{"iid": 1, "type": urn, "in": bad}]
            spec = Spec.from_json(data)
            assert list(spec.actions()) == []
            assert re.search(r"actions\[0\]\.in: .* is no property of this service", spec.warnings[0])

    def test_an_illegal_model(self) -> None:
        with pytest.raises(SpecError, match=r"model: the model 'plug' is not company\.product\.version"):
            Spec.from_json({**instance(), "model": "plug"})

    def test_integers_too_long_to_be_written(self) -> None:
        spec = Spec.from_json(instance(format="uint8", **{"default-value": 10**5000}))
        assert "thousands of digits" in spec.warnings[0]


class TestFiles:
    def test_suffix_decides(self, tmp_path: Any) -> None:
        (tmp_path / "a.json").write_text(json.dumps(instance()))
        (tmp_path / "a.toml").write_text(TOML)
        assert Spec.load(tmp_path / "a.json").model == "x.light.y"
        assert Spec.load(str(tmp_path / "a.toml")).model == "acme.lamp.v1"

    def test_errors_name_the_file(self, tmp_path: Any) -> None:
        broken = tmp_path / "broken.json"
        broken.write_text(json.dumps(instance(format="nothing")))
        with pytest.raises(SpecError, match=r"broken\.json: services\[0\]\.properties\[0\]\.format"):
            Spec.load(broken)
        with pytest.raises(SpecError, match=r"absent\.json cannot be read"):
            Spec.load(tmp_path / "absent.json")
        with pytest.raises(SpecError, match=r"lamp\.yaml: a description is a \.json"):
            Spec.load(tmp_path / "lamp.yaml")


class TestShipped:
    @pytest.mark.parametrize("name", shipped_names())
    def test_everything_shipped_is_consistent(self, name: str) -> None:
        spec = Spec.shipped(name)
        assert not model_fault(spec.model)
        assert all(p.check(p.default()) is None for p in spec.properties())

    def test_the_lamp_shows_every_kind_of_thing(self) -> None:
        lamp = Spec.shipped()
        assert len(list(lamp.readable())) >= 20
        assert {"bool", "uint8", "float", "string"} <= {p.format for p in lamp.properties()}
        assert any(p.writable and not p.readable for p in lamp.properties())
        assert any(p.readable and not p.writable for p in lamp.properties())
        assert any(p.choices for p in lamp.properties())
        assert any(a.in_ and a.out for a in lamp.actions())
        assert any(not a.in_ and not a.out for a in lamp.actions())
        serial = lamp.property(1, 5)
        assert serial is not None
        assert serial.notifies

    def test_an_unknown_name(self) -> None:
        with pytest.raises(SpecError, match=r"'toaster'; there are: .*lamp"):
            Spec.shipped("toaster")


class TestValues:
    @pytest.mark.parametrize("value", [True, False])
    def test_a_bool_is_a_bool(self, value: bool) -> None:
        assert prop().check(value) is None

    @pytest.mark.parametrize("value", [0, 1, "true", None, 1.0, []])
    def test_nothing_else_is(self, value: object) -> None:
        assert prop().check(value) == Code.BAD_VALUE == -4005

    @pytest.mark.parametrize(
        ("format_", "good", "bad"),
        [
            ("uint8", [0, 255], [-1, 256, 25.0, True, "1", None]),
            ("int8", [-128, 127], [-129, 128]),
            ("uint16", [65535], [65536]),
            ("int32", [-(2**31)], [2**31]),
            ("uint64", [2**64 - 1], [2**64]),
            ("float", [0, -1.5, 23], [True, "1.5", float("nan"), float("inf"), 10**400]),
            ("string", ["", "a b"], [1, True, None]),
            ("hex", ["00ff"], [255]),
        ],
    )
    def test_formats(self, format_: str, good: list[object], bad: list[object]) -> None:
        found = prop(format=format_)
        assert [value for value in good if found.check(value) is not None] == []
        assert [value for value in bad if found.check(value) is None] == []

    def test_range_and_step(self) -> None:
        found = prop(format="uint16", **{"value-range": [2700, 6500, 100]})
        assert found.check(2700) is None
        assert found.check(6500) is None
        assert "outside 2700..6500" in found.problem(2600)
        assert "not a step of 100 from 2700" in found.problem(4050)

    def test_decimal_steps_are_not_fooled_by_binary(self) -> None:
        found = prop(format="float", **{"value-range": [-40, 125, 0.1]})
        assert all(found.check(tenths / 10) is None for tenths in range(-400, 1251))
        assert found.check(23.65) == Code.BAD_VALUE

    @pytest.mark.parametrize("tenths", range(-400, 1251, 7))
    def test_what_a_product_makes_of_decimals_is_on_its_step_and_in_its_range(self, tenths: int) -> None:
        value = tenths / 10
        kept = struct.unpack("f", struct.pack("f", value))[0]
        for said in (kept, float(f"{kept:f}"), float(f"{kept:.7g}")):
            assert prop(format="float", **{"value-range": [-40, 125, 0.1]}).check(said) is None
            assert prop(format="float", **{"value-range": [value, 200, 0.1]}).check(said) is None
            assert prop(format="float", **{"value-range": [-50, value, 0]}).check(said) is None
            assert prop(format="float", **{"value-list": [value, 1000]}).check(said) is None

    @pytest.mark.parametrize("value", [15.9, 15.9999, 30.1, 30.0001, 22.75, 22.7001, 22.69])
    def test_what_is_beside_a_step_or_a_range_is_refused(self, value: float) -> None:
        assert prop(format="float", **{"value-range": [16, 30, 0.1]}).check(value) == Code.BAD_VALUE

    def test_values_that_are_the_same(self) -> None:
        assert is_same(20, 20.0)
        assert is_same("20", "20")
        assert not is_same("20.0", 20.0)
        assert not is_same(10**400, 1.5)
        assert not is_same(float("nan"), float("nan"))
        assert not is_same(20, 21)
        assert not is_same(1.5, [1.5])

    def test_a_step_beyond_the_floats_refuses_nothing(self) -> None:
        assert prop(format="float", **{"value-range": [-1e9, 1e9, 5e-324]}).check(3.25) is None

    def test_value_list(self) -> None:
        found = prop(format="uint8", **{"value-list": [{"value": 1, "description": "Low"}, {"value": 3}]})
        assert found.check(3) is None
        assert found.problem(2) == "2 is not one of 1 (Low), 3"
        assert found.default() == 1

    def test_max_length(self) -> None:
        found = prop(format="string", **{"max-length": 3})
        assert found.check("abc") is None
        assert found.problem("abcd") == "4 characters are more than 3"

    def test_defaults(self) -> None:
        assert prop(format="int8", **{"value-range": [-10, 10, 5]}).default() == 0
        assert prop(format="uint8", **{"value-range": [1, 10, 1]}).default() == 1
        assert prop(format="string").default() == ""
        assert prop().default() is False
        default = prop(format="float", **{"value-range": [5, 10, 1]}).default()
        assert default == 5.0
        assert isinstance(default, float)

    def test_long_values_are_shortened_in_errors(self) -> None:
        assert len(prop(format="uint8").problem("x" * 5000)) < 150


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)
KEYS = [
    "iid",
    "type",
    "format",
    "access",
    "value-range",
    "value-list",
    "max-length",
    "default-value",
    "unit",
    "in",
]


@given(json_values)
def test_any_json_is_a_spec_or_a_spec_error(data: object) -> None:
    try:
        spec = Spec.from_json(data)
    except SpecError:
        return
    assert spec.services == tuple(spec.services)


@given(
    st.dictionaries(
        st.sampled_from(KEYS),
        json_values | st.sampled_from(["uint8", "float", "string", "bool", ["read"], [0, 9, 1]]),
    )
)
def test_any_property_is_one_with_a_legal_default_or_a_spec_error(changes: dict[str, Any]) -> None:
    try:
        spec = Spec.from_json(instance(**changes))
    except SpecError:
        return
    assert all(p.check(p.default()) is None for p in spec.properties())


@given(st.text() | st.binary())
def test_any_text_is_a_spec_or_a_spec_error(text: str | bytes) -> None:
    with pytest.raises(SpecError):
        Spec.from_json(text)


@given(st.text())
def test_any_toml_text_is_a_spec_or_a_spec_error(text: str) -> None:
    with pytest.raises(SpecError):
        Spec.from_toml(text)


@pytest.mark.parametrize("place", ["model", "siid", "default", "range"])
def test_an_integer_of_thousands_of_digits_is_a_declared_error(place):
    digits = "9" * 5000
    with pytest.raises(SpecError):
        Spec.from_toml(f"{place} = {digits}\n")
    with pytest.raises(SpecError):
        Spec.from_json(f'{{"{place}": {digits}}}')
