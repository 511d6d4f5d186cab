"""Carrying out steps: what is sent for each, and who gets its answer or error."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from miio_lan.device.steps.calls import Ask
from miio_lan.device.steps.carrying import arguments_of, carry_out, carry_out_awaiting
from miio_lan.errors import DeviceError, DeviceException, DeviceTimeout

if TYPE_CHECKING:
    from miio_lan.device.steps.calls import Steps


def test_answers_go_to_the_step_that_asked() -> None:
    def steps() -> Steps[list[Any]]:
        first = yield Ask("one", [])
        second = yield Ask("two", [])
        return [first, second]

    assert carry_out(steps(), lambda ask: ask.method.upper()) == ["ONE", "TWO"]


def test_an_error_goes_to_the_step_that_caused_it() -> None:
    def fail(ask: Ask) -> Any:
        if ask.method == "bad":
            raise DeviceException("no")
        return ask.method

    def steps() -> Steps[list[Any]]:
        try:
            yield Ask("bad", [])
        except DeviceException as error:
            return [str(error), (yield Ask("good", []))]
        return []

    assert carry_out(steps(), fail) == ["no", "good"]


def several() -> Steps[list[Any]]:
    """Three steps, each of which bears that nothing answers the one before it; the last error is the call's."""
    found: list[Any] = []
    for number in range(3):
        try:
            found.append((yield Ask(str(number))))
        except DeviceException:
            if number == 2:
                raise
    return found


OVER = DeviceTimeout("the time for the whole call was over", asked=False)
SILENCE = DeviceTimeout("it does not answer hellos either")
REFUSAL = DeviceError(-4003)


@pytest.mark.parametrize("awaited", [False, True], ids=["blocking", "awaited"])
@pytest.mark.parametrize(
    ("outcomes", "told"),
    [
        ([SILENCE, OVER, OVER], SILENCE),
        ([SILENCE, "answered", OVER], OVER),
        ([SILENCE, REFUSAL, OVER], OVER),
        (["answered", SILENCE, OVER], SILENCE),
        ([OVER, OVER, OVER], OVER),
        ([OVER, SILENCE, REFUSAL], REFUSAL),
    ],
)
def test_a_step_that_there_was_no_time_for_ends_with_the_silence_before_it(
    awaited: bool, outcomes: list[Any], told: DeviceException
) -> None:
    """That the time is over says nothing of the device; a fleet leaves those alone that are silent."""

    def answer(ask: Ask) -> Any:
        outcome = outcomes[int(ask.method)]
        if isinstance(outcome, DeviceException):
            raise outcome
        return outcome

    async def answer_later(ask: Ask) -> Any:
        return answer(ask)

    def call() -> object:
        if awaited:
            return asyncio.run(carry_out_awaiting(several(), answer_later))
        return carry_out(several(), answer)

    with pytest.raises(DeviceException) as caught:
        call()
    assert caught.value is told


def test_an_error_that_no_step_meets_ends_the_call() -> None:
    def fail(_: Ask) -> Any:
        raise DeviceException("no")

    def steps() -> Steps[None]:
        yield Ask("bad", [])

    with pytest.raises(DeviceException, match="no"):
        carry_out(steps(), fail)


def like_python_miio(command: str, parameters: Any = None, retry_count: int | None = None) -> None: ...


def open_to_more(command: str, *args: Any, **more: Any) -> None: ...


@pytest.mark.parametrize(
    ("ask", "send", "expected"),
    [
        (Ask("m", [1]), None, (("m", [1]), {})),
        (Ask("m", [1], retry_count=0), None, (("m", [1], 0), {})),
        (Ask("m", [1], repeat_safe=False), None, (("m", [1]), {"repeat_safe": False})),
        (Ask("m", [1], repeat_safe=False), like_python_miio, (("m", [1]), {})),
        (Ask("m", [1], repeat_safe=True), open_to_more, (("m", [1]), {"repeat_safe": True})),
        (Ask("m", [1], repeat_safe=True), dict, (("m", [1]), {"repeat_safe": True})),
    ],
)
def test_only_what_differs_from_the_default_is_passed(ask: Ask, send: Any, expected: Any) -> None:
    assert arguments_of(ask, send) == expected


def test_whatever_else_ends_a_call_ends_its_steps() -> None:
    ended: list[str] = []

    def steps() -> Steps[None]:
        try:
            yield Ask("one", [])
        except DeviceException:
            ended.append("wrong")
        finally:
            ended.append("closed")

    def interrupted(_: Ask) -> None:
        raise KeyboardInterrupt

    running = steps()
    with pytest.raises(KeyboardInterrupt):
        carry_out(running, interrupted)
    assert ended == ["closed"]
