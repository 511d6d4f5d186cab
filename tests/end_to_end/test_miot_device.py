"""Every member of ``MiotDevice`` in a real conversation with the virtual product, and what it became on the line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from support.lines import LineLog

from miio_lan import DeviceError, McuTimeout, MiotDevice, MiotValueType
from miio_lan.errors import InvalidArgument
from miio_lan.lan.responder.responder import ResponderOptions
from miio_lan.virtual.module.profile import DOCUMENT
from miio_lan.virtual.product import VirtualProduct

FAST = {"poll_interval": 0.002}
MAPPING = {
    "power": {"siid": 2, "piid": 1},
    "brightness": {"siid": 2, "piid": 2},
    "name": {"siid": 2, "piid": 11},
    "toggle": {"siid": 2, "aiid": 1},
    "change": {"siid": 2, "aiid": 2},
}


@pytest.fixture
def device(lamp: VirtualProduct, no_resends: None) -> Iterator[MiotDevice]:
    with MiotDevice(lamp.host, lamp.token, port=lamp.port, timeout=30, mapping=MAPPING) as device:
        yield device


def downs(lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith("down")]


class TestPlainValues:
    @pytest.mark.parametrize(
        ("siid", "piid", "value", "written"),
        [
            (2, 1, False, "false"),
            (2, 2, 1, "1"),
            (2, 4, 16777215, "16777215"),
            (2, 11, "over the sofa", '"over the sofa"'),
            (2, 11, "", '""'),
        ],
    )
    def test_written_and_read(
        self,
        lamp: VirtualProduct,
        device: MiotDevice,
        log: LineLog,
        siid: int,
        piid: int,
        value: Any,
        written: str,
    ) -> None:
        device.write(siid, piid, value)
        found = device.read(siid, piid)
        assert (found, type(found)) == (value, type(value))
        assert log.exchange(lamp) == [
            f"down set_properties {siid} {piid} {written}",
            f"result {siid} {piid} 0",
            f"down get_properties {siid} {piid}",
            f"result {siid} {piid} 0 {written}",
        ]

    def test_a_float(self, lamp: VirtualProduct, device: MiotDevice) -> None:
        lamp.call(lambda now: lamp.mcu.set_local(3, 1, 17.5, now))
        assert device.read(3, 1) == 17.5

    def test_an_action(self, lamp: VirtualProduct, device: MiotDevice, log: LineLog) -> None:
        assert device.run(2, 1) == []
        assert lamp.mcu.values[2, 1] is False
        assert device.run(2, 2, [-20]) == [{"piid": 2, "value": 40}]
        assert log.exchange(lamp) == [
            "down action 2 1",
            "result 2 1 0",
            "down action 2 2 10 -20",
            "result 2 2 0 2 40",
        ]

    @pytest.mark.parametrize(
        ("code", "call"),
        [
            (-4001, lambda device: device.read(2, 9)),
            (-4002, lambda device: device.write(2, 6, 1)),
            (-4003, lambda device: device.read(2, 99)),
            (-4003, lambda device: device.run(2, 99)),
            (-4005, lambda device: device.write(2, 2, 101)),
            (-4006, lambda device: device.run(2, 2, ["a lot"])),
        ],
    )
    def test_a_refusal_is_an_error_with_the_document_s_code(
        self, device: MiotDevice, code: int, call: Any
    ) -> None:
        with pytest.raises(DeviceError) as caught:
            call(device)
        assert caught.value.code == code
        assert caught.value.explanation


class TestNumbers:
    def test_a_property(self, lamp: VirtualProduct, device: MiotDevice, log: LineLog) -> None:
        assert device.get_property_by(2, 2) == [
            {"did": "2-2", "siid": 2, "piid": 2, "code": 0, "value": 60},
        ]
        assert device.set_property_by(2, 2, 30) == [{"did": "2-2", "siid": 2, "piid": 2, "code": 0}]
        assert device.set_property_by(2, 2, "35", MiotValueType.Int)[0]["code"] == 0
        assert downs(log.exchange(lamp)) == [
            "down get_properties 2 2",
            "down set_properties 2 2 30",
            "down set_properties 2 2 35",
        ]

    def test_an_action(self, lamp: VirtualProduct, device: MiotDevice, log: LineLog) -> None:
        answer = device.call_action_by(2, 2, [5])
        assert (answer["siid"], answer["aiid"], answer["code"]) == (2, 2, 0)
        assert answer["out"] == [{"piid": 2, "value": 65}]
        assert log.exchange(lamp) == ["down action 2 2 10 5", "result 2 2 0 2 65"]

    def test_refusals_are_answers_and_explained_in_the_log(
        self, device: MiotDevice, caplog: pytest.LogCaptureFixture
    ) -> None:
        assert device.set_property_by(2, 2, 0)[0]["code"] == -4005
        assert device.call_action_by(2, 99)["code"] == -4003
        assert "code -4005, " in caplog.text
        assert "code -4003, " in caplog.text

    def test_numbers_that_are_none(self, lamp: VirtualProduct, device: MiotDevice, log: LineLog) -> None:
        for call in (
            lambda: device.get_property_by(0, 1),
            lambda: device.set_property_by(2, -1, 1),
            lambda: device.call_action_by(True, 1),
        ):
            with pytest.raises(InvalidArgument, match="whole number from 1"):
                call()
        assert log.exchange(lamp) == []


class TestNames:
    def test_properties(self, lamp: VirtualProduct, device: MiotDevice, log: LineLog) -> None:
        assert device.set_property("brightness", 45)[0]["code"] == 0
        found = device.get_properties_for_mapping(max_properties=2)
        assert {item["did"]: item["value"] for item in found} == {
            "power": True,
            "brightness": 45,
            "name": lamp.mcu.values[2, 11],
        }
        assert downs(log.exchange(lamp)) == [
            "down set_properties 2 2 45",
            "down get_properties 2 1 2 2",
            "down get_properties 2 11",
        ]

    def test_actions(self, lamp: VirtualProduct, device: MiotDevice, log: LineLog) -> None:
        assert device.call_action_from_mapping("toggle")["code"] == 0
        assert device.call_action("change", [-1])["out"] == [{"piid": 2, "value": 59}]
        assert downs(log.exchange(lamp)) == ["down action 2 1", "down action 2 2 10 -1"]

    def test_names_nobody_gave(self, lamp: VirtualProduct, device: MiotDevice, log: LineLog) -> None:
        with pytest.raises(InvalidArgument, match="it has power, brightness, name"):
            device.set_property("colour", 1)
        with pytest.raises(InvalidArgument, match="it has toggle, change"):
            device.call_action_from_mapping("power")
        assert log.exchange(lamp) == []


class TestLists:
    def wanted(self, product: VirtualProduct) -> list[dict[str, Any]]:
        return [{"siid": each.siid, "piid": each.piid} for each in product.spec.readable()]

    def test_in_slices(self, lamp: VirtualProduct, device: MiotDevice, log: LineLog) -> None:
        wanted = self.wanted(lamp)
        found = device.get_properties(wanted, max_properties=4)
        values = lamp.mcu.values
        assert [item["value"] for item in found] == [values[item["siid"], item["piid"]] for item in wanted]
        counts = [len(line.split()[2:]) // 2 for line in downs(log.exchange(lamp))]
        assert max(counts) == 4
        assert sum(counts) == len(wanted)

    def test_a_list_too_long_for_the_device_is_halved_and_the_length_remembered(
        self, no_resends: None, log: LineLog
    ) -> None:
        options = ResponderOptions(property_limit=4, property_overflow="timeout")
        with (
            VirtualProduct(
                mcu_options=FAST, module_options={"responder_options": options}, observer=log
            ) as lamp,
            MiotDevice(lamp.host, lamp.token, port=lamp.port, timeout=30) as device,
        ):
            wanted = self.wanted(lamp)
            found = device.get_properties(wanted)
            assert [(item["siid"], item["piid"]) for item in found] == [
                (item["siid"], item["piid"]) for item in wanted
            ]
            assert all(item["code"] == 0 for item in found)
            log.exchange(lamp)
            assert device.get_properties(wanted) == found
            # What was learnt: no request fails any more.
            counts = [len(line.split()[2:]) // 2 for line in downs(log.exchange(lamp))]
            assert max(counts) <= 4
            assert sum(counts) == len(wanted)

    def test_what_is_refused_stands_in_its_place(self, device: MiotDevice) -> None:
        ids = [(2, 1), (2, 99), (2, 9), (2, 2)]
        found = device.get_properties([{"siid": siid, "piid": piid} for siid, piid in ids])
        assert [(item["siid"], item["piid"]) for item in found] == ids
        assert [item["code"] for item in found] == [0, -4003, -4001, 0]
        assert "value" not in found[1]


class TestAnMcuInTrouble:
    @pytest.fixture
    def hanging(self, log: LineLog) -> Iterator[VirtualProduct]:
        """A product whose module waits 100 ms for its MCU, instead of 4 s."""
        with VirtualProduct(
            profile=replace(DOCUMENT, answer_time=0.1), mcu_options=FAST, observer=log
        ) as product:
            log.exchange(product)
            yield product

    def test_no_answer_is_an_error_of_its_own_and_the_next_command_works(
        self, hanging: VirtualProduct, no_resends: None, log: LineLog
    ) -> None:
        with MiotDevice(hanging.host, hanging.token, port=hanging.port, timeout=30) as device:
            device.retry_count = 0
            hanging.call(lambda now: hanging.mcu.misbehave.add("silent"))
            with pytest.raises(McuTimeout) as caught:
                device.run(2, 1)
            assert (caught.value.code, caught.value.method) == (-9999, "action")
            with pytest.raises(McuTimeout):
                device.read(2, 1)
            hanging.call(lambda now: hanging.mcu.misbehave.clear())
            device.retry_count = 3
            # This MCU carries out what it is told, it only does not say so.
            assert device.read(2, 1) is False
            assert downs(log.exchange(hanging))[:3] == [
                "down action 2 1",
                "down get_properties 2 1",
                "down get_properties 2 1",
            ]

    def test_a_read_is_tried_again_an_action_is_not(
        self, hanging: VirtualProduct, no_resends: None, log: LineLog
    ) -> None:
        hanging.call(lambda now: hanging.mcu.mute_properties.add((2, 2)))
        hanging.call(lambda now: hanging.mcu.mute_actions.add((2, 1)))
        with MiotDevice(hanging.host, hanging.token, port=hanging.port, timeout=30) as device:
            device.retry_count = 2
            with pytest.raises(McuTimeout):
                device.read(2, 2)
            with pytest.raises(McuTimeout):
                device.run(2, 1)
        assert downs(log.exchange(hanging)) == ["down get_properties 2 2"] * 3 + ["down action 2 1"]
