from __future__ import annotations

from typing import Any

import pytest

from miio_lan import DeviceError, McuTimeout, MiotDevice, MiotValueType, UnsupportedFeatureException
from miio_lan.errors import InvalidArgument

MAPPING: dict[str, dict[str, Any]] = {
    "power": {"siid": 2, "piid": 1},
    "mode": {"siid": 2, "piid": 5},
    "toggle": {"siid": 2, "aiid": 3},
}


class Scripted(MiotDevice):
    def __init__(self, *answers: Any, **options: Any) -> None:
        super().__init__("127.0.0.1", "0" * 32, **options)
        self.answers = list(answers)
        self.sent: list[tuple[str, Any]] = []

    def send(self, command: str, parameters: Any = None, *args: Any, **kwargs: Any) -> Any:
        self.sent.append((command, parameters))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def item(code: int = 0, **more: Any) -> dict[str, Any]:
    return {"did": "1", "siid": 2, "piid": 1, "code": code, **more}


def test_a_property_by_its_numbers() -> None:
    device = Scripted([item(value=True)])
    assert device.get_property_by(2, 1) == [{"did": "2-1", "siid": 2, "piid": 1, "code": 0, "value": True}]
    assert device.sent == [("get_properties", [{"did": "2-1", "siid": 2, "piid": 1}])]


def test_setting_a_property_by_its_numbers() -> None:
    device = Scripted([item()], [item()], [item(-4005)])
    assert device.set_property_by(2, 1, 25)[0]["code"] == 0
    assert device.sent[-1] == ("set_properties", [{"did": "2-1", "siid": 2, "piid": 1, "value": 25}])
    device.set_property_by(2, 1, "true", MiotValueType.Bool)
    assert device.sent[-1][1][0]["value"] is True
    assert device.set_property_by(2, 1, 999)[0]["code"] == -4005


def test_actions_by_number_and_by_name() -> None:
    device = Scripted({"code": 0, "out": []}, {"code": 0}, {"code": 0}, mapping=MAPPING)
    device.call_action_by(2, 3, [5])
    assert device.sent[-1] == ("action", {"did": "call-2-3", "siid": 2, "aiid": 3, "in": [5]})
    device.call_action_from_mapping("toggle")
    assert device.sent[-1] == ("action", {"did": "call-toggle", "siid": 2, "aiid": 3, "in": []})
    device.call_action("toggle", [1])
    assert device.sent[-1][1]["in"] == [1]


def test_plain_values() -> None:
    device = Scripted([item(value=55)], [item(1)], {"code": 0, "out": [7]}, {"code": 1}, "ok", [item()])
    assert device.read(2, 1) == 55
    device.write(2, 1, 5)
    assert device.run(2, 1) == [7]
    assert device.run(2, 1) == []
    assert device.run(2, 1) == []
    device.write(2, 1, 5)


@pytest.mark.parametrize("answer", [["ok"], "ok", "OK ", 0, [0], {"code": 0}, [{"code": 0}], {"code": 1}])
def test_every_way_to_say_yes(answer: Any) -> None:
    device = Scripted(answer, answer, answer)
    device.write(2, 1, 5)
    assert device.run(2, 1) == []
    code = answer["code"] if isinstance(answer, dict) else 0
    assert device.set_property_by(2, 1, 5) == [{"did": "2-1", "siid": 2, "piid": 1, "code": code}]


def test_arguments_of_an_action() -> None:
    device = Scripted({"code": 0}, {"code": 0})
    device.run(2, 1, {"piid": 1, "value": 5})  # type: ignore[arg-type]
    device.run(2, 1, ["abc"])
    assert [sent[1]["in"] for sent in device.sent] == [[{"piid": 1, "value": 5}], ["abc"]]
    with pytest.raises(InvalidArgument, match=r"a list, such as \['abc'\], not 'abc'"):
        device.run(2, 1, "abc")


def test_results_that_are_failures_are_logged_in_words(caplog: pytest.LogCaptureFixture) -> None:
    refused = {"siid": 2, "aiid": 3, "code": -4006}
    device = Scripted([item(-4005)], [item(-4002)], refused, refused, {"code": 1}, mapping=MAPPING)
    device.set_property_by(2, 1, 5)
    assert "property 2.1: code -4005, the value is out of range" in caplog.text
    device.set_property("power", 5)
    assert "not writable" in caplog.text
    caplog.clear()
    device.call_action_by(2, 3)
    device.call_action("toggle")
    assert caplog.text.count("action 2.3: code -4006, wrong action argument") == 2
    caplog.clear()
    device.call_action("toggle")
    assert caplog.text == ""


@pytest.mark.parametrize(
    ("call", "answer", "code", "words"),
    [
        (("read", 2, 1), [item(-4001)], -4001, "not readable"),
        (("read", 2, 1), [], None, "the device left property 2.1 out of its answer"),
        (("write", 2, 1, 5), [], None, "the device left property 2.1 out of its answer"),
        *((("write", 2, 1, 5), answer, -4004, "-4004") for answer in ({"code": -4004}, -4004, [-4004])),
        (("write", 2, 1, 5), {"did": "x", "siid": 2, "piid": 1, "code": -4002}, -4002, "not writable"),
        (("write", 2, 1, 5), -1, -1, "code -1"),
        (("write", 2, 1, 5), ["error"], None, "set_properties: error: property 2.1"),
        (("run", 2, 1), -1, -1, "code -1"),
        (("run", 2, 1), ["error"], None, "action: error: action 2.1"),
        (("run", 2, 1), [{"siid": 2, "aiid": 1, "code": -4003}], -4003, "-4003"),
        (("write", 2, 1, 5), [item(-4002)], -4002, "not writable"),
        (("run", 2, 1), {"code": -4006}, -4006, "wrong action argument"),
    ],
)
def test_refusals_are_errors_in_words(
    call: tuple[Any, ...], answer: Any, code: int | None, words: str
) -> None:
    device = Scripted(answer)
    with pytest.raises(DeviceError, match=words) as caught:
        getattr(device, call[0])(*call[1:])
    assert caught.value.code == code


SAYS_NOTHING = [None, False, True, "fail", ["unknown_cmd"], [], [None], {}, [{}], {"exe_time": 5}]


@pytest.mark.parametrize("answer", SAYS_NOTHING)
def test_what_does_not_say_that_it_was_done_is_no_success(answer: Any) -> None:
    for call, words in (
        (("run", 2, 1), "the device's answer does not say what became of action 2.1"),
        (("write", 2, 1, 5), "the device left property 2.1 out of its answer"),
    ):
        with pytest.raises(DeviceError, match=words) as caught:
            getattr(Scripted(answer), call[0])(*call[1:])
        assert caught.value.may_have_run


@pytest.mark.parametrize(
    "answer", [*SAYS_NOTHING, [{"siid": 2, "piid": 1}], [{"siid": 2, "piid": 1, "code": None}]]
)
def test_an_item_without_value_and_code_is_no_value(answer: Any) -> None:
    with pytest.raises(DeviceError, match="left property"):
        Scripted(answer).read(2, 1)
    assert Scripted(answer).get_property_by(2, 1) == []


@pytest.mark.parametrize("more", [{"value": None}, {"code": 0}, {"code": 0, "value": None}])
def test_nothing_may_be_a_value(more: dict[str, Any]) -> None:
    assert Scripted([more]).read(2, 1) is None


def test_an_mcu_that_does_not_answer_is_an_error_for_a_single_property() -> None:
    with pytest.raises(McuTimeout):
        Scripted(McuTimeout(-9999)).read(2, 1)
    with pytest.raises(McuTimeout):
        Scripted(McuTimeout(-9999)).get_property_by(2, 1)


def test_the_mapping_names_properties() -> None:
    results = [item(value="on"), {"siid": 2, "piid": 5, "code": 0, "value": 3}]
    device = Scripted(results, [item()], mapping=MAPPING)
    assert {entry["did"]: entry["value"] for entry in device.get_properties_for_mapping()} == {
        "power": "on",
        "mode": 3,
    }
    device.set_property("power", False)
    assert device.sent[-1] == ("set_properties", [{"did": "power", "siid": 2, "piid": 1, "value": False}])


def test_a_mapping_per_model() -> None:
    class Lamp(Scripted):
        _mappings = {"lamp.one.v1": MAPPING, "lamp.two.v1": {}}

    assert Lamp.supported_models == ["lamp.one.v1", "lamp.two.v1"]
    device = Lamp([item()], model="lamp.one.v1")
    device.set_property("power", True)
    with pytest.raises(UnsupportedFeatureException, match="no names are known"):
        Scripted().set_property("power", True)


@pytest.mark.parametrize(
    ("name", "kind"), [("colour", "property"), ("toggle", "property"), ("power", "action")]
)
def test_names_the_mapping_does_not_have(name: str, kind: str) -> None:
    device = Scripted(mapping=MAPPING)
    call = device.set_property if kind == "property" else device.call_action
    with pytest.raises(InvalidArgument, match=f"no {kind} '{name}'; it has"):
        call(name, [])


@pytest.mark.parametrize("numbers", [(0, 1), (2, 0), ("2", 1), (2, True), (2, 1.0), (-1, 1)])
def test_numbers_that_name_nothing(numbers: tuple[Any, Any]) -> None:
    device = Scripted()
    for call in (device.get_property_by, device.call_action_by, device.read):
        with pytest.raises(InvalidArgument, match="whole number from 1"):
            call(*numbers)
    with pytest.raises(InvalidArgument):
        device.set_property_by(*numbers, value=1)
    assert device.sent == []


def test_lists_of_objects_are_read_in_learnt_slices_and_names_the_old_way() -> None:
    device = Scripted([item(value=1)], ["on"], [5])
    assert device.get_properties([{"siid": 2, "piid": 1}])[0]["value"] == 1
    assert device.get_properties(["power"]) == ["on"]
    assert device.sent[-1] == ("get_prop", ["power"])
    assert device.get_properties([{"a": 1}], property_getter="get_other", max_properties=3) == [5]
    with pytest.raises(InvalidArgument, match="max_properties"):
        device.get_properties([{"siid": 2, "piid": 1}], max_properties=0)


@pytest.mark.parametrize(
    ("kind", "given", "value"),
    [
        (MiotValueType.Int, "5", 5),
        (MiotValueType.Float, "2.5", 2.5),
        (MiotValueType.Str, 5, "5"),
        (MiotValueType.Bool, "off", False),
        (MiotValueType.Bool, 1, True),
    ],
)
def test_text_becomes_a_value(kind: MiotValueType, given: Any, value: Any) -> None:
    assert kind.convert(given) == value
    assert type(kind.convert(given)) is type(value)


@pytest.mark.parametrize(
    ("kind", "given"), [(MiotValueType.Int, "x"), (MiotValueType.Bool, "x"), (MiotValueType.Float, None)]
)
def test_text_that_is_no_such_value(kind: MiotValueType, given: Any) -> None:
    with pytest.raises(InvalidArgument):
        kind.convert(given)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (MiotValueType.Int, float("inf")),
        (MiotValueType.Int, float("nan")),
        pytest.param(MiotValueType.Float, 10**400, id="large"),
        (MiotValueType.Float, "nan"),
        (MiotValueType.Float, "inf"),
        pytest.param(MiotValueType.Str, 10**5000, id="many digits"),
    ],
)
def test_what_has_no_form_of_that_type(kind: MiotValueType, value: object) -> None:
    with pytest.raises(InvalidArgument, match=f"is no {kind.value}"):
        kind.convert(value)
