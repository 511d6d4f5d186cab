"""Answers with id 0: taken for a question about an update where nothing else is possible, and nowhere else."""

from __future__ import annotations

from typing import Any

import pytest
from support.link import DEVICE_ID, TOKEN, Link

from miio_lan.errors import DeviceTimeout
from miio_lan.lan.packet import encode
from miio_lan.lan.responder.responder import Request

STATE, PROGRESS = "miIO.get_ota_state", "miIO.get_ota_progress"


class Camera(Link):
    """A device that answers with id 0, with what a test has it tell."""

    told: dict[str, Any] = {STATE: ["downloading"], PROGRESS: [40]}
    stamp_error = 0

    def answer(self, request: Request) -> None:
        told = self.told.get(request.method, ["ok"])
        self.say({"result": told, "id": 0})

    def say(self, payload: dict[str, Any], *, delay: float = 0.0) -> None:
        stamp = int(self.now - self.booted) + self.stamp_error
        datagram = encode(device_id=DEVICE_ID, stamp=stamp, token=TOKEN, payload=payload)
        self._plan(0.002 + delay, "to_session", datagram)


@pytest.mark.parametrize(("method", "answer"), [(STATE, ["downloading"]), (PROGRESS, [40])])
def test_a_question_about_an_update_is_answered(method: str, answer: list[object]) -> None:
    link = Camera()
    assert link.call(method).outcome() == answer
    assert len(link.sent) == 2  # one hello, one question: nothing was asked twice


def test_one_question_after_the_other() -> None:
    link = Camera()
    for _ in range(20):
        assert link.call(STATE).outcome() == ["downloading"]
        assert link.call(PROGRESS).outcome() == [40]
    assert len(link.sent) == 41


@pytest.mark.parametrize("method", ["get_prop", "miIO.ota", "miIO.get_ota", "set_properties", "miIO.reboot"])
def test_nothing_else_is(method: str) -> None:
    with pytest.raises(DeviceTimeout):
        Camera().call(method).outcome()


@pytest.mark.parametrize(
    ("method", "told"),
    [
        (STATE, [40]),
        (STATE, ["ok"]),
        (STATE, [" OK "]),
        (STATE, [""]),
        (STATE, "downloading"),
        (STATE, ["idle", "idle"]),
        (STATE, []),
        (STATE, None),
        (PROGRESS, ["40"]),
        (PROGRESS, ["downloading"]),
        (PROGRESS, [True]),
        (PROGRESS, 40),
        (PROGRESS, [4.5]),
    ],
)
def test_what_has_another_shape_is_no_answer(method: str, told: object) -> None:
    link = Camera()
    link.told = {method: told}
    with pytest.raises(DeviceTimeout):
        link.call(method).outcome()


def test_an_error_is_no_answer() -> None:
    link = Camera()
    link.answer = lambda _: link.say({"error": {"code": -1, "message": ""}, "id": 0})  # type: ignore[method-assign]
    with pytest.raises(DeviceTimeout):
        link.call(STATE).outcome()


def test_not_while_another_command_is_under_way() -> None:
    link = Camera(max_in_flight=2)
    other = link.start("get_prop", timeout=1.0, retry_count=0)
    call = link.start(STATE, timeout=0.5, retry_count=0)
    link.run()
    with pytest.raises(DeviceTimeout):
        call.outcome()
    with pytest.raises(DeviceTimeout):
        other.outcome()


def test_not_while_an_answer_to_an_ended_command_may_be_under_way() -> None:
    link = Camera()
    link.call("get_prop", timeout=0.5, retry_count=0)
    late = link.start(STATE, timeout=0.5, retry_count=0)
    link.run()
    with pytest.raises(DeviceTimeout):
        late.outcome()
    link.pass_time(3.0)
    assert link.call(STATE).outcome() == ["downloading"]


def test_a_doubled_answer_is_not_the_answer_to_the_other_question() -> None:
    link = Camera()
    link.told = {STATE: ["downloading"], PROGRESS: [7]}
    link.call(STATE)
    link.say({"result": ["downloading"], "id": 0})
    assert link.call(PROGRESS).outcome() == [7]


def test_after_a_question_asked_twice_the_answer_to_the_second_copy_is_not_taken_for_the_next() -> None:
    link = Camera()
    link.call(STATE)
    lost = iter([[], [0.002], [0.002]])
    link.fate = lambda direction: next(lost, [0.002]) if direction == "down" else [0.002]
    call = link.start(STATE)
    link.run()
    assert call.sends == 2
    assert call.outcome() == ["downloading"]
    link.told = {STATE: ["installing"]}
    link.say({"result": ["downloading"], "id": 0})
    following = link.call(STATE)
    assert following.outcome() == ["installing"]


def test_an_old_answer_that_somebody_sends_again_is_none() -> None:
    link = Camera()
    link.stamp_error = -60
    with pytest.raises(DeviceTimeout):
        link.call(STATE).outcome()


def test_an_answer_with_id_0_sets_no_clock() -> None:
    link = Camera()
    link.call(STATE)
    stamp = link.session.clock.stamp(link.now)
    link.stamp_error = 50
    assert link.call(STATE).outcome() == ["downloading"]
    assert abs(link.session.clock.stamp(link.now) - stamp) <= 1


def test_the_right_id_is_better() -> None:
    link = Link()
    link.replies[STATE] = lambda _: {"result": ["idle"]}
    assert link.call(STATE).outcome() == ["idle"]
