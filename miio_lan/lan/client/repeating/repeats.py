"""May a command go out again, and why: the one place that decides it.

Reads and absolute sets may, at any time. Anything else must not run twice, on any device, so it goes out again only

1. when the device said that it has no room for it, to the only copy that left us;
2. when a stamp proves that the device had restarted before the command was sent, so that it dropped it;
3. under the same id, when this device was seen to ignore or to replay repeated ids
   (:mod:`miio_lan.lan.client.repeating.memory`), and has not restarted since, which would have made it forget.
"""

from __future__ import annotations

from miio_lan.errors import DeviceError
from miio_lan.lan import codes
from miio_lan.lan.client.call import MAY_HAVE_RUN, Call
from miio_lan.lan.client.clock import DeviceClock
from miio_lan.lan.client.repeating.memory import IdMemory

#: Seconds after which a device is not trusted to remember an id any more.
REMEMBERED_FOR = 15.0


def after_error(call: Call, error: DeviceError) -> bool:
    """Tell whether an error of the device may be answered with another attempt."""
    if call.retries <= 0 or error.code not in codes.RECOVERABLE:
        return False
    return call.safe or (error.code == codes.QUEUE_FULL and call.copies_out == 0)


def after_restart(call: Call, clock: DeviceClock) -> bool:
    """Tell whether a command may go out again after the device's clock changed."""
    if call.once or call.first_sent is None:
        return False
    return call.safe or clock.surely_dropped(call.first_sent, call.first_stamp)


def may_ask(call: Call) -> bool:
    """Tell whether it is worthwhile to look what the device does with repeated ids."""
    return not (call.safe or call.once or call.method is None or call.first_sent is None)


def under_its_id(call: Call, memory: IdMemory, clock: DeviceClock, life: float | None, now: float) -> bool:
    """Tell whether a command may go out again under the id it has.

    :param life: what the device just told of its seconds of operation, None if nothing
    """
    if call.first_sent is None or call.once or memory.remembers is not True:
        return False
    remembered = memory.in_reach(call.place - call.overtaken) or memory.is_asked_for(call.place)
    if now - call.first_sent > REMEMBERED_FOR or not remembered:
        return False
    return is_running_since(call.first_sent, clock, life, now)


def is_running_since(instant: float, clock: DeviceClock, life: float | None, now: float) -> bool:
    """Tell whether it is proven that the device has been running since before an instant."""
    if not clock.steady_since(instant):
        return False
    by_stamp = clock.surely_running_since(instant) if clock.counts_from_boot else None
    by_life = None if life is None else now - life < instant
    return by_stamp is not False and by_life is not False and bool(by_stamp or by_life)


def is_busy(error: DeviceError) -> bool:
    """Tell whether a device said that it has no room for a command just now."""
    return error.code == codes.QUEUE_FULL


def note_refusal(call: Call, number: int, error: DeviceError) -> None:
    """Write down what an error says of whether the command ran.

    "Busy" proves that nothing ran only where one copy left us: of several, another may be what keeps the device busy.
    """
    sent_once = call.sent_at[number] == call.sent_at[number]
    if is_busy(error) and sent_once and call.copies_out == 1:
        call.copies_out = 0
        call.refused |= {number}
    elif codes.may_have_run(error.code) or call.copies_out > 1:
        error.doubt("" if call.is_read else MAY_HAVE_RUN)


def why_not(memory: IdMemory) -> str:
    """Say why a command that was sent once did not go out again."""
    if memory.remembers is False:
        return "it was not sent again, because this product executes what is repeated"
    if memory.remembers is None:
        return "it was not sent again, because it is not known what this product does with what is repeated"
    return ""
