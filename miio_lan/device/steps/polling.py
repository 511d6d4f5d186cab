"""Changes of a device that does not tell them: its properties are read now and then, and compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from miio_lan.device.arguments import checked_ids, checked_list, checked_wait
from miio_lan.device.steps.miot_calls import failed, no_answer, values
from miio_lan.device.steps.reading import DEFAULT_LIMIT
from miio_lan.errors import InvalidArgument
from miio_lan.given import shown
from miio_lan.lan.client.incoming.pushes import Push
from miio_lan.uart.document import GET_PROPERTIES

#: Seconds between two readings, unless told otherwise, and the least.
READ_EVERY, LEAST_EVERY = 5.0, 0.1
#: What stands for a value that was not told.
UNTOLD = object()
#: How properties that are named by numbers are read, also by an object that reads names otherwise.
_BY_NUMBERS: Mapping[str, Any] = {"property_getter": GET_PROPERTIES, "max_properties": DEFAULT_LIMIT}


class Polling:
    """What was read last, and when to read again.

    :param properties: as the device's ``get_properties`` takes them; a pair of numbers stands for siid and piid
    :param every: seconds between two readings
    """

    def __init__(self, properties: Sequence[Any], every: float) -> None:
        self.properties = [_named(each) for each in properties]
        self._miot = all(isinstance(each, Mapping) and "piid" in each for each in self.properties)
        #: More for the device's ``get_properties``.
        self.options = _BY_NUMBERS if self._miot else {}
        self.every = every
        #: Whether each name is asked for alone: the values of several were more or fewer than the names.
        self.alone = False
        #: When to read next, monotonic seconds; at once for the first time.
        self.due = 0.0
        self._known: list[Any] = [UNTOLD] * len(self.properties)
        self._silent_since: float | None = None

    def begun(self, now: float) -> None:
        """Note that a reading begins."""
        self.due = now + self.every

    def failed(self, now: float, patience: float) -> bool:
        """Note that a reading failed, and tell whether that goes on for so long that the caller is to know.

        :param patience: seconds; counted anew after that
        """
        if self._silent_since is None:
            self._silent_since = now
        if now - self._silent_since < patience:
            return False
        self._silent_since = now
        return True

    def fits(self, answer: Sequence[Any]) -> bool:
        """Tell whether it is known which value of an answer is whose: those of names only have their order."""
        return self._miot or len(answer) == len(self.properties)

    def read(self, answer: Sequence[Any], now: float) -> Push | None:
        """Take an answer that fits, and give what changed; see :meth:`take`.

        :raises DeviceError: if it is about none of the properties
        """
        return self.take(_by_property(self.properties, answer) if self._miot else answer, now)

    def take(self, found: Sequence[Any], now: float) -> Push | None:
        """Take what was read, and give what changed since the reading before, in the form in which devices tell it.

        The first one is what later ones are compared with. What cannot be read just now is as it was.

        :param found: a value for each property, or :data:`UNTOLD`
        """
        self._silent_since = None
        changed = []
        for place, value in enumerate(found):
            known = self._known[place]
            if value is UNTOLD:
                continue
            self._known[place] = value
            if known is not UNTOLD and (known != value or type(known) is not type(value)):
                changed.append((self.properties[place], value))
        if not changed:
            return None
        if self._miot:
            told = [{"siid": each["siid"], "piid": each["piid"], "value": value} for each, value in changed]
            return Push("properties_changed", told, 0, now)
        return Push("props", {str(name): value for name, value in changed}, 0, now)


def chosen(
    callback: Callable[[Push], object] | None, poll: Sequence[Any] | None, every: float | None
) -> Polling | None:
    """Check what ``subscribe`` was given, and give what to do where the device does not tell, if anything.

    :raises InvalidArgument: for what cannot be
    """
    if callback is not None and not callable(callback):
        raise InvalidArgument(f"callback is a function, not {shown(callback)}")
    wanted = None if poll is None else checked_list("poll", poll)
    seconds = checked_wait(READ_EVERY if every is None else every)
    if seconds < LEAST_EVERY:
        raise InvalidArgument(f"every is at least {LEAST_EVERY} seconds, not {shown(every)}")
    return Polling(wanted, seconds) if wanted else None


def _named(each: Any) -> Any:
    if isinstance(each, (tuple, list)) and len(each) == 2:
        siid, piid = each
        checked_ids(siid=siid, piid=piid)
        return {"did": f"{siid}-{piid}", "siid": siid, "piid": piid}
    if not isinstance(each, (str, Mapping)):  # most likely one pair, in the place of a list of them
        raise InvalidArgument(
            f"poll has names of properties, or pairs of siid and piid as in [(2, 1)], not {shown(each)}"
        )
    return each


def _by_property(properties: Sequence[Any], answer: Sequence[Any]) -> list[Any]:
    items = values(properties, list(answer))
    if not any(items):
        raise no_answer(GET_PROPERTIES, properties[0]["siid"], properties[0]["piid"])
    return [
        UNTOLD if item is None or failed(item) or "value" not in item else item["value"] for item in items
    ]
