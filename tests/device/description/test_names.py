from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.device.description import names
from miio_lan.device.description.spec import Event, Property, Spec, SpecAction
from miio_lan.errors import SpecError

LAMP = Spec.shipped("lamp")


class TestFinding:
    @pytest.mark.parametrize("name", ["light:mode", "mode", "2.5", "2:5", "2/5", " 2 5 ", " mode "])
    def test_one_property_has_many_names(self, name: str) -> None:
        assert names.find_property(LAMP, name).iid == (2, 5)

    def test_actions_and_events(self) -> None:
        assert names.find_action(LAMP, "toggle").iid == (2, 1)
        assert names.find_action(LAMP, "delay:start").iid == (4, 1)
        assert names.find_event(LAMP, "knob:turn").iid == (6, 2)
        assert names.find_event(LAMP, "6.1").name == "click"

    def test_ambiguous_names_list_the_rivals(self) -> None:
        with pytest.raises(
            SpecError, match=r"'on' .* is ambiguous: light:on \(2\.1\), indicator-light:on \(5\.1\)"
        ):
            names.find_property(LAMP, "on")

    def test_near_misses_are_hinted_at(self) -> None:
        with pytest.raises(SpecError, match=r"no property 'colour'; did you mean color"):
            names.find_property(LAMP, "colour")
        with pytest.raises(SpecError, match=r"no action 'zzzzzz'$"):
            names.find_action(LAMP, "zzzzzz")
        with pytest.raises(SpecError, match=r"no event '9\.9'$"):
            names.find_event(LAMP, "9.9")

    @pytest.mark.parametrize("spec", [LAMP, Spec.shipped("purifier")])
    def test_full_names_find_their_thing_again(self, spec: Spec) -> None:
        for prop in spec.properties():
            assert names.find_property(spec, names.full_name(spec, prop)) is prop
        for action in spec.actions():
            assert names.find_action(spec, names.full_name(spec, action)) is action
        for event in spec.events():
            assert names.find_event(spec, names.full_name(spec, event)) is event

    def test_services_of_the_same_name_fall_back_to_numbers(self) -> None:
        text = """
        [[service]]
        siid = 2
        name = "switch"
        property = [{piid = 1, name = "on", format = "bool", access = "r"}]
        action = [{aiid = 1, name = "on"}]
        [[service]]
        siid = 3
        name = "switch"
        property = [{piid = 1, name = "on", format = "bool", access = "r"}]
        """
        spec = Spec.from_toml(text)
        assert [names.full_name(spec, p) for p in spec.properties()] == ["2.1", "3.1"]
        with pytest.raises(
            SpecError, match=r"of the product is ambiguous: switch:on \(2\.1\), switch:on \(3\.1\)"
        ):
            names.find_property(spec, "switch:on")

    def test_mapping(self) -> None:
        mapping = names.mapping(LAMP)
        assert mapping["light:brightness"] == {"siid": 2, "piid": 2}
        assert mapping["light:toggle"] == {"siid": 2, "aiid": 1}
        assert len(mapping) == len(list(LAMP.properties())) + len(list(LAMP.actions()))

    def test_an_action_called_like_a_property_keeps_apart(self) -> None:
        text = """
        [[service]]
        siid = 2
        name = "switch"
        property = [{piid = 1, name = "on", format = "bool", access = "r"}]
        action = [{aiid = 4, name = "on"}]
        """
        expected = {"switch:on": {"siid": 2, "piid": 1}, "action 2.4": {"siid": 2, "aiid": 4}}
        assert names.mapping(Spec.from_toml(text)) == expected


class TestManyNames:
    """Published descriptions have hundreds of properties, and what is shown has the name of each."""

    @staticmethod
    def spec(services: int) -> Spec:
        return Spec.from_json({"services": [
            {"iid": siid, "type": f"service-{siid // 2}", "properties": [
                {"iid": piid, "type": f"property-{piid}", "format": "bool"} for piid in range(1, 11)
            ]}
            for siid in range(1, services + 1)
        ]})  # fmt: skip

    def test_each_is_looked_at_a_few_times(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = []
        original = Spec.long_name

        def counted(self: Spec, thing: Property | SpecAction | Event) -> str:
            asked.append(thing)
            return original(self, thing)

        monkeypatch.setattr(Spec, "long_name", counted)
        spec = self.spec(60)
        every = list(spec.properties())
        found = [names.full_name(spec, each) for each in every]
        assert [names.find_property(spec, name) for name in found if name[0].isdigit()] == every[10:590]
        assert len(asked) <= 4 * len(every)

    def test_what_two_services_share_is_called_by_its_numbers(self) -> None:
        spec = self.spec(3)
        found = [names.full_name(spec, each) for each in spec.properties()]
        assert (found[0], found[10], found[20]) == ("service-0:property-1", "2.1", "3.1")
        assert spec.service(2) is spec.services[1]
        assert spec.service(4) is None

    def test_kinds_are_apart(self) -> None:
        both = {"iid": 1, "type": "same", "format": "bool"}
        service = {"iid": 1, "type": "one", "properties": [both], "actions": [both], "events": [both]}
        spec = Spec.from_json({"services": [service]})
        things = (*spec.properties(), *spec.actions(), *spec.events())
        assert {names.full_name(spec, each) for each in things} == {"one:same"}


def find(name: str) -> Property:
    return names.find_property(LAMP, name)


class TestValues:
    @pytest.mark.parametrize(
        ("name", "text", "value"),
        [
            ("light:on", "true", True),
            ("light:on", "OFF", False),
            ("light:on", "1", True),
            ("light:brightness", "60", 60),
            ("light:mode", "reading", 2),
            ("light:mode", "2", 2),
            ("color", "0xFF8800", 0xFF8800),
            ("illumination", "12.5", 12.5),
            ("knob:angle", "-90", -90),
            ("light:name", " two words ", " two words "),
            ("light:name", "true", "true"),
        ],
    )
    def test_what_people_type(self, name: str, text: str, value: object) -> None:
        found = names.parse_value(find(name), text)
        assert found == value
        assert type(found) is type(value)

    @pytest.mark.parametrize(
        ("name", "text", "why"),
        [
            ("light:on", "maybe", r"on \(2\.1\): 'maybe' is not true or false"),
            ("light:brightness", "1.5", r"brightness \(2\.2\): '1\.5' is not an integer"),
            (
                "light:on",
                '"true"',
                r"not true or false \(on, off\): its quotes make it a text, write true without",
            ),
            ("light:on", "'On'", r"its quotes make it a text, write on without them"),
            ("light:on", '""', r"is not true or false \(on, off\) \(published"),
            (
                "light:brightness",
                '"50"',
                r"is not an integer: its quotes make it a text, write 50 without them",
            ),
            ("light:brightness", "101", r"101 is outside 1\.\.100"),
            ("light:brightness", "500", r"500 is outside 1\.\.100 \(published"),  # not the format's 0..255
            ("light:mode", "500", r"500 is not one of 0 \(White\)"),
            ("light:mode", "7", r"7 is not one of 0 \(White\)"),
            ("color-temperature", "2750", "not a step of 100"),
            ("illumination", "bright", r"'bright' is not a number"),
            ("illumination", "nan", "not a number"),
            ("light:name", "x" * 31, "31 characters are more than 30"),
        ],
    )
    def test_what_is_refused(self, name: str, text: str, why: str) -> None:
        with pytest.raises(SpecError, match=why):
            names.parse_value(find(name), text)

    @pytest.mark.parametrize(
        ("name", "text", "published"),
        [
            (
                "light:brightness",
                "101",
                r"as value-range in shipped description 'lamp': services\[1\]\.properties\[1\]",
            ),
            ("light:brightness", "1.5", r"as format uint8, value-range 1\.\.100 in shipped"),
            ("light:mode", "7", "as value-list in shipped"),
            ("light:name", "x" * 31, "as max-length in shipped"),
            ("light:on", "maybe", "as format bool in shipped"),
        ],
    )
    def test_a_refusal_says_what_was_published_where(self, name: str, text: str, published: str) -> None:
        with pytest.raises(SpecError, match=f"published {published}"):
            names.parse_value(find(name), text)
        assert find(name).limit(find(name).default()) == ""

    def test_what_was_published_comes_before_what_the_format_holds(self) -> None:
        assert find("light:brightness").problem(500) == "500 is outside 1..100"
        assert find("light:mode").problem(500).startswith("500 is not one of")
        open_ended = replace(find("light:brightness"), range=None)
        assert open_ended.problem(500) == "500 is outside 0..255 (uint8)"
        assert "format uint8 in" in open_ended.limit(500)
        assert open_ended.limit("500").startswith("format uint8 in")

    def test_a_word_for_several_values(self) -> None:
        mode = replace(find("light:mode"), choices=((101, "Silent"), (102, "Basic"), (105, "silent")))
        assert names.parse_value(mode, "basic") == 102
        with pytest.raises(
            SpecError,
            match=r"mode \(2\.\d+\): 'Silent' is ambiguous, it may be any of 101, 105: write one of these",
        ):
            names.parse_value(mode, "Silent")

    @pytest.mark.parametrize(
        ("choices", "text", "why"),
        [
            (((0, "1"), (1, "2"), (2, "3")), "1", "'1' is ambiguous, it is the value 1 and describes 0"),
            (((1, "0x2"), (2, "")), "0x2", "it is the value 2 and describes 1"),
        ],
    )
    def test_a_value_that_describes_another_one(
        self, choices: tuple[tuple[int, str], ...], text: str, why: str
    ) -> None:
        mode = replace(find("light:mode"), choices=choices)
        with pytest.raises(SpecError, match=why):
            names.parse_value(mode, text)

    def test_a_number_that_describes_itself_or_is_no_other_value(self) -> None:
        mode = replace(find("light:mode"), choices=((0, "Off"), (1, "1"), (2, "3")))
        assert names.parse_value(mode, "1") == 1
        assert names.parse_value(mode, "3") == 2  # there is no value 3

    def test_a_switch_whose_words_are_the_other_way_round(self) -> None:
        alarm = replace(find("light:on"), choices=((True, "Off"), (False, "On")))
        with pytest.raises(SpecError, match="'off' is ambiguous, it is the value False and describes True"):
            names.parse_value(alarm, "off")
        assert names.parse_value(alarm, "true") is True

    def test_no_text_is_no_word(self) -> None:
        mode = replace(find("light:mode"), choices=((0, ""), (1, "Day")))
        with pytest.raises(SpecError, match="'' is not an integer"):
            names.parse_value(mode, "")

    def test_check_value(self) -> None:
        names.check_value(find("light:brightness"), 50)
        with pytest.raises(SpecError, match=r"brightness \(2\.2\): 25\.0 is not an integer"):
            names.check_value(find("light:brightness"), 25.0)

    @given(st.sampled_from(list(LAMP.properties())), st.text())
    def test_any_text_is_a_legal_value_or_refused(self, prop: Property, text: str) -> None:
        try:
            value = names.parse_value(prop, text)
        except SpecError:
            return
        assert prop.check(value) is None

    @given(st.sampled_from(list(LAMP.properties())))
    def test_defaults_written_are_read_back(self, prop: Property) -> None:
        value = prop.default()
        text = str(value).lower() if isinstance(value, bool) else str(value)
        assert names.parse_value(prop, text) == value

    @pytest.mark.parametrize("text", ["2", "2.", "a.b", "2.1.3", "²:1", ""])
    def test_what_are_no_numbers(self, text: str) -> None:
        assert names.parse_numbers(text) is None
