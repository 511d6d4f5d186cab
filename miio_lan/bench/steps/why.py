"""Why a step of a command was not seen, in a few words."""

from __future__ import annotations

from collections.abc import Collection

from miio_lan.pairing import exchange as at
from miio_lan.pairing.exchange import Exchange
from miio_lan.uart.document import ANSWER_TIME

NOBODY_ASKED = "nobody on the LAN is seen to have asked"
_UNHEARD = {
    "down": "the module was not heard",
    "up": "the MCU was not heard",
}
_STEPS_OF_TIMES = {
    "fetch_time": ("request", "down"),
    "mcu_time": ("down", "result"),
    "total_time": ("request", "reply"),
}


def why_no_step(name: str, exchange: Exchange, hears: Collection[str]) -> str | None:
    """Say why a step is missing, or the time between two.

    :param name: one of :data:`~miio_lan.pairing.exchange.STEPS`, or ``fetch_time``, ``mcu_time``, ``total_time``
    :param exchange: the command
    :param hears: the directions of the line that are heard
    :return: None where that is no name of one
    """
    if name in _STEPS_OF_TIMES:
        absent = [each for each in _STEPS_OF_TIMES[name] if getattr(exchange, each) is None]
        step = absent[0] if absent else _STEPS_OF_TIMES[name][1]
        return f"no {step}, {why_no_step(step, exchange, hears)}"
    reasons = {
        "request": lambda: NOBODY_ASKED,
        "down": lambda: _no_down(exchange, hears),
        "result": lambda: _no_result(exchange, hears),
        "acknowledgement": lambda: _no_acknowledgement(exchange, hears),
        "reply": lambda: _no_reply(exchange),
    }
    return reasons[name]() if name in reasons else None


def _no_down(exchange: Exchange, hears: Collection[str]) -> str:
    if "down" not in hears:
        return _UNHEARD["down"]
    if exchange.method.startswith("miIO."):
        return f"the module answers {exchange.method} by itself"
    if exchange.stopped_at == at.NOT_FETCHED:
        return "not fetched yet" if exchange.open else "not fetched by the MCU"
    if exchange.stopped_at == at.REFUSED:
        return "no line was seen, and the client was refused"
    return "no line was seen"


def _no_result(exchange: Exchange, hears: Collection[str]) -> str:
    if "up" not in hears:
        return _UNHEARD["up"]
    if exchange.down is None:
        return _no_down(exchange, hears)
    if exchange.stopped_at != at.NOT_ANSWERED:
        return "no answer was seen"
    if exchange.reply is not None:
        waited = exchange.reply.instant - exchange.down.instant
        return f"not answered within {waited:.2g} s"
    return "not answered yet" if exchange.open else f"not answered within {ANSWER_TIME:g} s"


def _no_acknowledgement(exchange: Exchange, hears: Collection[str]) -> str:
    if "down" not in hears:
        return _UNHEARD["down"]
    if exchange.result is None:
        return _no_result(exchange, hears)
    return (
        "the module said nothing to the answer yet"
        if exchange.open
        else "the module said nothing to the answer"
    )


def _no_reply(exchange: Exchange) -> str:
    if exchange.request is None:
        return NOBODY_ASKED
    if exchange.open:
        return "nothing reached the client yet"
    if exchange.stopped_at == at.REPLY_LOST:
        return "the MCU answered, and nothing reached the client"
    return "nothing reached the client"
