"""Carrying out the steps of a call: what is sent for each, and who gets its answer or error."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from miio_lan.device.steps.calls import Ask, Steps
from miio_lan.errors import DeviceException, DeviceTimeout

Result = TypeVar("Result")


def carry_out(steps: Steps[Result], ask_for: Callable[[Ask], Any]) -> Result:
    """Carry out the steps of a call; errors go to the step that caused them.

    Whatever else ends it (Ctrl-C) ends the steps where they are.

    :param ask_for: sends what a step asks for and gives the reply, or raises
    """
    before: DeviceException | None = None
    try:
        ask = next(steps)
        while True:
            try:
                answer = ask_for(ask)
            except DeviceException as error:
                before = _telling(error, before)
                ask = steps.throw(before)
            else:
                before = None
                ask = steps.send(answer)
    except StopIteration as end:
        result: Result = end.value
        return result
    finally:
        steps.close()


async def carry_out_awaiting(steps: Steps[Result], ask_for: Callable[[Ask], Awaitable[Any]]) -> Result:
    """Carry out the steps of a call as :func:`carry_out` does, waiting for each reply without a thread.

    A caller that gives up (a cancelled task) ends the steps where they are.
    """
    before: DeviceException | None = None
    try:
        ask = next(steps)
        while True:
            try:
                answer = await ask_for(ask)
            except DeviceException as error:
                before = _telling(error, before)
                ask = steps.throw(before)
            else:
                before = None
                ask = steps.send(answer)
    except StopIteration as end:
        result: Result = end.value
        return result
    finally:
        steps.close()


def _telling(error: DeviceException, before: DeviceException | None) -> DeviceException:
    """Give the error of a step that was not sent, because the time for all was over: the silence before it says why.

    :param before: the error of the step before, None where that was answered
    """
    unsent = isinstance(error, DeviceTimeout) and not error.asked
    return before if unsent and isinstance(before, DeviceTimeout) else error


def arguments_of(ask: Ask, send: Callable[..., Any] | None) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Give the arguments that ``send`` gets for a step, as one would give them by hand.

    Only what differs from the default is passed: ``send`` may be overridden, or stood in for, with the signature
    that python-miio's has.

    :param send: what stands in for a device's own ``send``; None where nothing does
    """
    more: dict[str, Any] = {} if ask.repeat_safe is None else {"repeat_safe": ask.repeat_safe}
    if more and send is not None and not _takes(send, "repeat_safe"):
        more = {}
    if ask.retry_count is not None:
        return (ask.method, ask.params, ask.retry_count), more
    return (ask.method, ask.params), more


def _takes(function: Callable[..., Any], name: str) -> bool:
    """Tell whether a function takes an argument of that name; what cannot be looked into does."""
    import inspect  # few programs override it

    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return True
    return name in parameters or any(each.kind is each.VAR_KEYWORD for each in parameters.values())
