"""What was read, compared with what was read before."""

from __future__ import annotations

from typing import Any

import pytest

from miio_lan.device.steps.polling import Polling
from miio_lan.errors import DeviceError
from miio_lan.lan.client.incoming.pushes import Push


def test_changes_are_told_in_the_form_of_the_question() -> None:
    polling = Polling([(2, 1), {"siid": 2, "piid": 2}], 5.0)

    def answer(*values: Any) -> list[dict[str, Any]]:
        return [
            {"siid": 2, "piid": number + 1, "code": 0, "value": each} for number, each in enumerate(values)
        ]

    assert polling.read(answer(True, 5), 1.0) is None
    assert polling.read(answer(True, 5), 2.0) is None
    assert polling.read(answer(True, 6), 3.0) == Push(
        "properties_changed", [{"siid": 2, "piid": 2, "value": 6}], 0, 3.0
    )
    push = polling.read(answer(1, 6), 4.0)
    assert push is not None
    assert push.params == [{"siid": 2, "piid": 1, "value": 1}]


def test_what_cannot_be_read_now_is_as_it_was() -> None:
    polling = Polling([(2, 1)], 5.0)
    good = [{"siid": 2, "piid": 1, "code": 0, "value": 5}]
    assert polling.read(good, 1.0) is None
    assert polling.read([{"siid": 2, "piid": 1, "code": -4004}], 2.0) is None
    with pytest.raises(DeviceError, match="left property"):
        polling.read([], 3.0)
    assert polling.read(good, 4.0) is None


def test_legacy_names() -> None:
    polling = Polling(["power", "bright"], 5.0)
    assert polling.read(["on", 5], 1.0) is None
    assert polling.read(["off", 5], 2.0) == Push("props", {"power": "off"}, 0, 2.0)
    assert not polling.fits(["off"])  # whose value is that?
    assert polling.fits(["off", 5])
    assert polling.options == {}


def test_numbers_are_asked_for_by_their_own_command_and_their_answers_say_whose_they_are() -> None:
    polling = Polling([(2, 1), (2, 2)], 5.0)
    assert polling.options == {"property_getter": "get_properties", "max_properties": 15}
    assert polling.fits([])
    polling.read([{"siid": 2, "piid": 1, "code": 0, "value": 5}], 1.0)
    assert polling.read([{"siid": "2", "piid": 1, "code": 0, "value": 6}], 2.0) is not None


def test_a_reading_that_means_nothing_does_not_end_the_silence() -> None:
    polling = Polling([(2, 1)], 5.0)
    told = []
    for now in (0.0, 10.0, 20.0):
        with pytest.raises(DeviceError):
            polling.read([{}], now)
        told.append(polling.failed(now, 20.0))
    assert told == [False, False, True]


def test_failures_are_told_after_the_patience() -> None:
    polling = Polling(["power"], 5.0)
    assert [polling.failed(now, 20.0) for now in (0.0, 10.0, 20.0, 21.0, 40.0)] == [
        False,
        False,
        True,
        False,
        True,
    ]
    polling.read(["on"], 41.0)
    assert not polling.failed(60.0, 20.0)


def test_the_next_reading_is_due_after_the_time_between() -> None:
    polling = Polling(["power"], 5.0)
    assert polling.due == 0.0
    polling.begun(100.0)
    assert polling.due == 105.0
