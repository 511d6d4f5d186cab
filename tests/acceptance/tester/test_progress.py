from __future__ import annotations

import json
from dataclasses import replace

import pytest

from miio_lan.acceptance.tester.progress import Progress
from miio_lan.device.description.spec import Spec
from miio_lan.errors import RecordError

LAMP = Spec.shipped("lamp")


def test_it_says_the_same_when_it_comes_back_from_json() -> None:
    (first, second, *_) = LAMP.writable()
    course = Progress(cut="interrupted", transfer_failed="the MCU is busy", firmware_version="0002")
    course.leave_out("reading", "it does not answer", told=True)
    course.leave_out("reading", "it does not answer", told=True)
    course.will_change(first, True)
    course.will_change(second, None)
    again = Progress.from_json(json.loads(json.dumps(course.as_json())))
    assert (again.stopped, again.told, again.cut) == ("it does not answer", True, "interrupted")
    assert (again.transfer_failed, again.firmware_version) == ("the MCU is busy", "0002")
    assert again.remains == course.remains == "reading (2)"
    assert again.owed == course.owed == [f"property 2.1 ({first.name}) could not be set back to true"]
    assert again.still_changed == course.still_changed
    assert len(again.still_changed) == 2
    assert again.to_put_back == [], "nobody can put it back from a file"


def test_what_is_changed_is_told_while_the_test_goes_on() -> None:
    (first, second, *_) = LAMP.writable()
    course = Progress()

    class Siid(int):
        """A number that takes long to be written: the test goes on meanwhile."""

        def __format__(self, form: str) -> str:
            course.put_back(second)
            return super().__format__(form)

    course.will_change(replace(first, siid=Siid(first.siid)), True)
    course.will_change(second, 60)
    assert course.still_changed[0] == f"property 2.1 ({first.name}) could not be set back to true"
    assert len(course.still_changed) == 1


def test_of_nothing_it_is_that_of_a_test_that_left_nothing_out() -> None:
    assert Progress.from_json({}) == Progress()
    assert Progress.from_json(Progress().as_json()) == Progress()


@pytest.mark.parametrize(
    "data",
    [
        {"stopped": 5},
        {"transfer_failed": ["x"]},
        {"left_out": [1]},
        {"left_out": {"reading": "many"}},
        {"changed": 5},
        {"changed": [5]},
        {"changed": [{"siid": 2}]},
        {"changed": [{"siid": 2, "piid": 1, "name": "on", "before": []}]},
    ],
)
def test_what_is_none_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(RecordError, match="progress: "):
        Progress.from_json(data)
