"""Answers with id 0: a camera application gives them to the two questions about a firmware update.

They are taken only where they cannot be the answer to anything else: one of the two questions is all that is open,
nothing of ended calls is under way, what was told has the shape of an answer to it, and the device's clock says that
it is not old. Source: published camera firmware. No I/O and no clock.
"""

from __future__ import annotations

from collections.abc import Mapping

from miio_lan.lan.client.call import Call
from miio_lan.lan.client.clock import CLOCK_TOLERANCE
from miio_lan.lan.client.incoming.open_calls import OpenCalls

STATE = "miIO.get_ota_state"
PROGRESS = "miIO.get_ota_progress"
#: What robots say by themselves after their start, and what every setter is answered with: no state of an update.
_NO_STATE = frozenset({"", "ok"})


def owner(calls: OpenCalls, payload: Mapping[str, object], age: float, now: float) -> Call | None:
    """Find the question about an update that an answer with id 0 belongs to; None where that is not sure.

    :param age: by how many seconds the device's clock is past the stamp of the answer
    """
    sent = [call for call in calls.all if call.first_sent is not None or call.active]
    if len(sent) != 1 or calls.checks or calls.afoot.anything(now) or age > CLOCK_TOLERANCE:
        return None
    call = sent[0]
    return call if call.first_sent is not None and _fits(call.method, payload) else None


def _fits(method: str | None, payload: Mapping[str, object]) -> bool:
    """Tell whether an answer has the shape of an answer to that question."""
    told = payload.get("result")
    if payload.get("error") is not None or not isinstance(told, list) or len(told) != 1:
        return False
    if method == PROGRESS:
        return isinstance(told[0], int) and not isinstance(told[0], bool)
    return method == STATE and isinstance(told[0], str) and told[0].strip().lower() not in _NO_STATE


def settle(call: Call, calls: OpenCalls) -> None:
    """Note that one copy of a question was answered: what is left are the others, if there are any."""
    calls.by_id.pop(next(iter(call.sent_at)), None)
