"""The virtual MCU behind the virtual module, on a fake clock: what a LAN caller makes of a product that misbehaves."""

from __future__ import annotations

import random

import pytest
from support.pair import Pair

from miio_lan.device.description.spec import Spec
from miio_lan.errors import InvalidArgument
from miio_lan.virtual.mcu.mcu import MISBEHAVIOURS

LAMP = Spec.shipped("lamp")
PROFILES = ["document", "older", "newer"]


@pytest.mark.parametrize("profile", PROFILES)
def test_every_property_comes_through_as_it_is(profile: str) -> None:
    pair = Pair(profile)
    readable = [prop.iid for prop in LAMP.readable()]
    for start in range(0, len(readable), 6):
        chunk = readable[start : start + 6]
        assert pair.get(*chunk) == {iid: pair.mcu.values[iid] for iid in chunk}


def test_a_real_products_description_is_all_it_takes() -> None:
    pair = Pair(spec=Spec.shipped("purifier"))
    assert pair.get((2, 5), (3, 6), (3, 8), (10, 8)) == {(2, 5): 0, (3, 6): 12, (3, 8): 22.4, (10, 8): 852}
    reply = pair.call("set_properties", [{"did": "d", "siid": 2, "piid": 5, "value": 9}])
    assert reply is not None
    assert reply["result"][0]["code"] == -4005
    reply = pair.call("action", {"did": "d", "siid": 8, "aiid": 1, "in": []})
    assert reply is not None
    assert reply["result"]["code"] == 0
    assert pair.get((2, 2)) == {(2, 2): False}


def test_one_mute_property_times_out_while_the_rest_works() -> None:
    pair = Pair()
    pair.mcu.mute_properties.add((3, 1))
    reply = pair.call("get_properties", [{"did": "d", "siid": 3, "piid": 1}])
    assert reply is not None
    assert reply["error"]["code"] == -9999
    assert pair.get((2, 1)) == {(2, 1): True}


@pytest.mark.untraced
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", sorted(MISBEHAVIOURS))
def test_no_misbehaviour_makes_a_wrong_answer_or_outlasts_itself(profile: str, name: str) -> None:
    pair = Pair(profile)
    pair.mcu.misbehave.add(name)
    for value in (7, 70):
        pair.call("set_properties", [{"did": "d", "siid": 2, "piid": 2, "value": value}])
        answered = pair.get((2, 2), (2, 11)) or {}
        right = {(2, 2): pair.mcu.values[2, 2], (2, 11): "Desk lamp"}
        assert all(got in (right[iid], -4004) for iid, got in answered.items())
    pair.mcu.misbehave.discard(name)
    pair.run(10)
    assert pair.get((2, 2), (2, 1)) == {(2, 2): pair.mcu.values[2, 2], (2, 1): True}


@pytest.mark.untraced
def test_many_commands_while_misbehaviour_comes_and_goes() -> None:
    rng = random.Random(20)
    pair = Pair()
    pair.mcu.poll_interval = 0.005
    counts = {"right": 0, "failed": 0}
    for _ in range(400):
        if rng.random() < 0.2:
            pair.mcu.misbehave.clear()
            for name in rng.sample(sorted(MISBEHAVIOURS), rng.randint(0, 2)):
                pair.mcu.misbehave.add(name)
        pair.mcu.set_local(2, 2, rng.randint(1, 100), pair.now)
        answered = pair.get((2, 2)) or {}
        right = answered.get((2, 2)) == pair.mcu.values[2, 2]
        assert right or answered.get((2, 2), -4004) == -4004
        assert pair.id in pair.replies, "a command was lost without an error"
        counts["right" if right else "failed"] += 1
    assert counts["right"] > 100
    assert counts["failed"] > 20
    pair.mcu.misbehave.clear()
    pair.run(10)
    assert pair.get((2, 2)) == {(2, 2): pair.mcu.values[2, 2]}


class TestFirmware:
    IMAGE = bytes(range(256)) * 5

    def send(self, pair: Pair, seconds: float = 70.0) -> list[str]:
        ended: list[str] = []
        assert pair.module.send_firmware(self.IMAGE, pair.now, lambda failed, _: ended.append(failed))
        assert not pair.module.send_firmware(self.IMAGE, pair.now, lambda failed, _: ended.append("again"))
        pair.run(seconds)
        return ended

    def test_it_arrives_and_the_new_version_is_reported(self) -> None:
        pair = Pair()
        assert self.send(pair) == [""]
        assert pair.mcu.image == self.IMAGE
        assert pair.module.chip.mcu_version == pair.mcu.version == "0002"
        assert pair.get((2, 2)) == {(2, 2): 60}

    def test_a_busy_mcu_is_left_alone(self) -> None:
        pair = Pair()
        pair.mcu.update_answer = "busy"
        assert self.send(pair) == ["the MCU is busy"]
        assert pair.mcu.image is None
        assert pair.get((2, 2)) == {(2, 2): 60}

    def test_another_answer_is_refused_until_the_time_is_over(self) -> None:
        pair = Pair()
        pair.mcu.update_answer = "later"
        assert self.send(pair) == [
            'the MCU answered update_fw by \'result "later"\', not by "ready" or "busy"'
        ]
        assert pair.mcu.counters["refused"] > 2

    def test_an_mcu_that_refuses_is_quoted(self) -> None:
        pair = Pair()
        ended: list[str] = []
        pair.mcu.update_answer = None
        pair.module.send_firmware(self.IMAGE, pair.now, lambda failed, _: ended.append(failed))
        pair.run(1)
        pair.module.receive_uart(b'error "not now" -5003\r', pair.now)
        assert ended == ["the MCU refused: 'error \"not now\" -5003'"]
        assert pair.module.take_uart().endswith(b"ok\r")

    @pytest.mark.parametrize(("size", "limit"), [(0, 10), (11, 10), (1024 * 1024 + 1, None)])
    def test_what_no_module_sends(self, size: int, limit: int | None) -> None:
        pair = Pair()
        pair.module.firmware_limit = limit or pair.module.firmware_limit
        with pytest.raises(InvalidArgument, match=f"firmware of {size} bytes: this module sends 1 to"):
            pair.module.send_firmware(bytes(size), pair.now, lambda *_: None)

    def test_an_mcu_that_does_not_poll(self) -> None:
        pair = Pair()
        pair.mcu.misbehave.add("never-polls")
        assert self.send(pair) == ["the MCU did not fetch update_fw"]

    def test_a_transfer_that_never_begins(self) -> None:
        pair = Pair()
        pair.mcu.on_update = lambda now: None
        (failed,) = self.send(pair)
        assert "did not ask for the first block" in failed
        assert pair.get((2, 2)) == {(2, 2): 60}

    def test_reports_are_refused_meanwhile_and_come_later(self) -> None:
        pair = Pair()
        pair.mcu.update_answer = None
        ended: list[str] = []
        pair.module.send_firmware(self.IMAGE, pair.now, lambda failed, _: ended.append(failed))
        pair.module.receive_uart(b"mac\r", pair.now)
        assert pair.module.take_uart() == b"error\r"
        pair.module.restart(pair.now)
        pair.run(20)
        assert ended == ["the module restarted"]
        assert pair.get((2, 2)) == {(2, 2): 60}
