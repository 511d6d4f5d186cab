from __future__ import annotations

import pickle

import pytest

from miio_lan import errors
from miio_lan.click_common.output import error_fields


def tree() -> list[type[errors.DeviceException]]:
    found = [value for value in vars(errors).values() if isinstance(value, type)]
    return [value for value in found if issubclass(value, errors.DeviceException)]


def test_everything_is_in_one_tree_and_in_its_picture() -> None:
    kinds = tree()
    assert len(kinds) > 10
    assert errors.__doc__ is not None
    for kind in kinds:
        assert kind.__name__ in errors.__doc__


@pytest.mark.parametrize(
    ("kind", "built_in"),
    [
        (errors.DeviceTimeout, TimeoutError),
        (errors.OutcomeUnknown, TimeoutError),
        (errors.InvalidTokenException, ValueError),
        (errors.InvalidArgument, ValueError),
        (errors.RequestTooLong, ValueError),
        (errors.SpecError, ValueError),
        (errors.RecordError, ValueError),
        (errors.LineError, ValueError),
        (errors.PortError, OSError),
    ],
)
def test_errors_are_also_what_python_calls_them(kind: type[Exception], built_in: type[Exception]) -> None:
    assert issubclass(kind, built_in)


def test_an_error_of_the_device_tells_all_it_knows() -> None:
    error = errors.McuTimeout(
        -9999, "user ack timeout", method="get_prop", id=7, exe_time=4000, explanation="why"
    )
    assert (
        str(error) == "get_prop was refused by the device (code -9999, 'user ack timeout' after 4000 ms): why"
    )
    assert str(errors.DeviceError(-1)) == "refused by the device (code -1)"


def test_errors_travel_between_processes() -> None:
    refused = errors.McuTimeout(-9999, "x", method="get_prop", id=7, exe_time=4.5, explanation="why")
    again = pickle.loads(pickle.dumps(refused))
    assert type(again) is errors.McuTimeout
    assert vars(again) == vars(refused)
    assert str(again) == str(refused)
    late = errors.OutcomeUnknown("late", method="toggle", sent=3, elapsed=2.5)
    again = pickle.loads(pickle.dumps(late))
    assert (str(again), vars(again)) == ("late", vars(late))
    odd = pickle.loads(pickle.dumps(errors.PayloadDecodeException("odd", kind="empty", raw=b"\0")))
    assert (odd.kind, odd.raw) == ("empty", b"\0")


@pytest.mark.parametrize("kind", tree())
def test_every_error_says_whether_the_command_may_have_run(kind: type[errors.DeviceException]) -> None:
    assert kind.may_have_run is (kind is errors.OutcomeUnknown)


def test_a_doubt_is_told_in_the_text_travels_and_stands_in_json() -> None:
    error = errors.DeviceError(-9998, "user ack invalid", method="toggle", explanation="why")
    error.doubt("Look first")
    assert str(error) == (
        "toggle was answered with an error by the device (code -9998, 'user ack invalid'): why. Look first"
    )
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.may_have_run) == (str(error), True)
    assert error_fields(error)["may_have_run"] is True
    assert error_fields(errors.DeviceTimeout("late"))["may_have_run"] is False
    assert error_fields(errors.OutcomeUnknown("late"))["may_have_run"] is True


@pytest.mark.parametrize(
    ("code", "words", "theirs"),
    [
        (-9999, "user ack timeout", True),
        (-9999, " Uart timeout. ", True),
        (-9999, "", True),
        (-9999, "user ack invalid", False),
        (-9999, "filter missing", False),
        (-9998, "user ack invalid", True),
        (-9998, "user ack timeout", False),
        (-10000, "filter missing", True),
        (None, "filter missing", True),
    ],
)
def test_two_numbers_of_modules_are_theirs_in_their_words_alone(
    code: int | None, words: str, theirs: bool
) -> None:
    assert errors.is_the_modules(code, words) is theirs


def test_the_code_of_a_silent_mcu() -> None:
    assert errors.McuTimeout.CODE == -9999
