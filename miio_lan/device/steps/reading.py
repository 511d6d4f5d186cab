"""Reading many properties of a MIoT product, as steps: slicing that learns, and a second look at what came back odd.

What a device does with a list differs, and most of it looks alike at first: it takes only so many, it leaves some out,
one property makes the whole list fail, or one that cannot be read spoils others beside it (they get -4004; observed:
zhimi.humidifier.ca4). Each is told from the others by asking alone, once, and is remembered for the session. Only a
list that was too long teaches a shorter length.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from miio_lan.device.steps.calls import Ask, Steps, try_list
from miio_lan.device.steps.miot_calls import Item, failed, match, refusal, refused_as_a_whole, values
from miio_lan.device.steps.slices import cut
from miio_lan.errors import (
    DeviceError,
    DeviceException,
    DeviceTimeout,
    InvalidArgument,
    PayloadDecodeException,
)
from miio_lan.foreign import show
from miio_lan.lan import codes
from miio_lan.lan.payload import dump_payload
from miio_lan.uart.document import GET_PROPERTIES

_LOGGER = logging.getLogger(__name__)

#: Properties per request that nearly every product takes.
DEFAULT_LIMIT = 15
#: What a property gets that cannot be read, or that another one spoilt.
SPOILT = -4004
#: Errors that a request for fewer properties may not meet (the texts differ, the numbers do not).
_TOO_MANY = frozenset({-5000, -5005, -9998, -9999, -10000, -30000, -30001, -30011, -32604, -32605})

Key = tuple[Any, Any]


class WantedProperty(NamedTuple):
    """A property to be read, and its place in the list of the caller."""

    place: int
    ids: Mapping[str, Any]

    @property
    def key(self) -> Key:
        """What tells it from other properties."""
        return self.ids.get("siid"), self.ids.get("piid")


@dataclass
class SliceLimit:
    """How one device is read best, as far as this session has learnt.

    :param learnt: the length of a list that works where a longer one did not; None while none was too long
    :param proven: the longest list that was answered so far
    :param room: bytes of the results of that list
    :param mute: properties that were not answered even alone
    :param apart: properties that are asked for alone while they fail, for lists with them fail too, lack or spoil some
    :param loners: properties that are answered alone, and that lists do not bear
    :param hopeless: properties that were spoilt in a list, and alone as well
    :param spoils: whether a property that cannot be read was seen to spoil others in the same list
    """

    learnt: int | None = None
    proven: int = 0
    room: int = 0
    mute: set[Key] = field(default_factory=set)
    apart: set[Key] = field(default_factory=set)
    loners: set[Key] = field(default_factory=set)
    hopeless: set[Key] = field(default_factory=set)
    spoils: bool = False

    def worked(self, length: int, items: Sequence[Item]) -> None:
        """Note a list that was answered."""
        if length > self.proven:
            self.proven, self.room = length, _size(items)
        if self.learnt is not None:
            self.learnt = max(self.learnt, length)

    def too_long(self, length: int, items: Sequence[Item]) -> bool:
        """Tell whether its length can be why a list was not answered as a whole: no longer one ever was.

        :param items: the results, as they came in parts
        """
        return length > self.proven or _size(items) > self.room

    def learn(self, length: int) -> None:
        """Note the length that works."""
        self.learnt = length
        _LOGGER.debug("reading at most %d properties at a time from now on", length)


@dataclass
class _Reading:
    """One read under way: what came back, by place, and whether anything did."""

    limit: SliceLimit
    found: dict[int, Item] = field(default_factory=dict)
    answered: int = 0
    failed_alone: int = 0
    #: Places that were asked for alone.
    alone: set[int] = field(default_factory=set)
    #: Whether the device did not answer in time: nothing more is asked that need not be.
    late: bool = False

    def items(self, part: Sequence[WantedProperty]) -> list[Item]:
        """Give the results for a part, as far as there are any."""
        return [self.found[each.place] for each in part if each.place in self.found]

    def take(self, part: Sequence[WantedProperty], answer: object) -> int:
        """Take an answer, and tell how many results it has."""
        results = values([each.ids for each in part], answer)
        count = 0
        for wanted, item in zip(part, results, strict=True):
            if item is not None:
                self.found[wanted.place] = item
                count += 1
                if not failed(item):
                    self.limit.hopeless.discard(wanted.key)
                    self.limit.apart.discard(wanted.key)
        self.answered += count
        return count


def read_one(ids: Mapping[str, Any]) -> Steps[list[Item]]:
    """Read one property, giving a list with one result (none where the device leaves it out)."""
    answer = yield Ask(GET_PROPERTIES, [dict(ids)])
    return [item for item in values([ids], answer) if item is not None]


def read_properties(
    properties: Sequence[Mapping[str, Any]], limit: SliceLimit, wanted: int = DEFAULT_LIMIT
) -> Steps[list[Item]]:
    """Read properties, each given as an object with ``siid`` and ``piid`` (and a ``did`` of the caller's choice).

    A list the device cannot take is halved, and the length that works is remembered. A property that fails even
    alone is reported with the code of its error; one that is not answered at all is left out.

    :raises DeviceException: if the device answers nothing of it
    """
    if isinstance(wanted, bool) or not isinstance(wanted, int) or wanted < 1:
        raise InvalidArgument(f"max_properties is a whole number, at least 1, not {show(wanted)}")
    reading = _Reading(limit)
    everything = [WantedProperty(place, dict(ids)) for place, ids in enumerate(properties)]
    alone = limit.apart | limit.loners
    yield from _read_slices([each for each in everything if each.key not in alone], reading, wanted)
    for each in [each for each in everything if each.key in alone]:
        yield from _read_part([each], reading)
    return [reading.found[place] for place in sorted(reading.found)]


def _read_slices(rest: list[WantedProperty], reading: _Reading, wanted: int) -> Steps[None]:
    # Cut anew after each slice: the limit may have changed meanwhile.
    while rest:
        length = min(wanted, reading.limit.learnt or wanted)
        part = rest[: len(next(cut([each.ids for each in rest], GET_PROPERTIES, limit=length)))]
        yield from _read_part(part, reading)
        rest = rest[len(part) :]


def _read_part(part: list[WantedProperty], reading: _Reading) -> Steps[None]:
    limit, asked = reading.limit, [each.ids for each in part]
    try:
        if len(part) > max(1, limit.proven):
            answer = yield from try_list(GET_PROPERTIES, asked)
        else:
            answer = yield Ask(GET_PROPERTIES, asked)
    except DeviceException as error:
        if not _may_be_too_many(error) or len(part) == 1:
            _failed_alone(part, error, reading)
        else:
            yield from _read_halves(part, error, reading)
        return
    whole = refused_as_a_whole(answer)
    if whole is not None and len(part) > 1:
        yield from _read_halves(part, refusal(GET_PROPERTIES, whole), reading)
        return
    count = reading.take(part, answer)
    if whole is not None:
        reading.failed_alone += 1
        limit.apart.add(part[0].key)
    missing = [each for each in part if each.place not in reading.found]
    if len(part) == 1:
        limit.mute.update(each.key for each in missing)
    elif count:
        missing = [each for each in missing if each.key not in limit.mute]
        if not missing:
            limit.worked(len(part), reading.items(part))
        yield from _ask_for_left_out(part, missing, reading)
        yield from _ask_for_spoilt(part, reading)
    if len(part) == 1 and count:
        limit.worked(1, reading.items(part))


def _read_halves(part: list[WantedProperty], error: DeviceException, reading: _Reading) -> Steps[None]:
    limit = reading.limit
    if limit.proven == 0:
        yield from _probe([part[0].ids, part[-1].ids], error, limit)
    failed_before = reading.failed_alone
    half = len(part) // 2
    for side in (part[:half], part[half:]):
        yield from _read_part(side, reading)
    if reading.failed_alone != failed_before:
        return
    # Both halves work where the whole did not.
    if limit.too_long(len(part), reading.items(part)):
        limit.learn(min(limit.learnt or len(part), len(part) - half))
    elif half == 1:
        # The length was not the reason, so it is one of these: it does not go with others.
        limit.loners.update(side[0].key for side in (part[:half], part[half:]) if len(side) == 1)
        reading.failed_alone += 1


def _probe(candidates: list[Mapping[str, Any]], error: DeviceException, limit: SliceLimit) -> Steps[None]:
    """Find out with some properties alone whether the device answers at all, before halving."""
    for candidate in candidates:
        try:
            answer = yield Ask(GET_PROPERTIES, [candidate])
        except (DeviceError, PayloadDecodeException) as second:
            if isinstance(second, DeviceError) and second.code == codes.METHOD_NOT_FOUND:
                raise
            continue
        if match([candidate], answer):
            limit.proven = 1
            return
    raise error


def _failed_alone(part: list[WantedProperty], error: DeviceException, reading: _Reading) -> None:
    """Decide what the failure of a request means that cannot be cut further."""
    reading.failed_alone += 1
    nothing_works = reading.answered == 0 and (
        len(part) > 1 or reading.limit.proven == 0 or reading.failed_alone > 1
    )
    if len(part) > 1 or isinstance(error, DeviceTimeout) or nothing_works:
        raise error
    (wanted,) = part
    if isinstance(error, DeviceError) and error.code is not None:
        reading.found[wanted.place] = {**wanted.ids, "code": error.code}
    elif isinstance(error, PayloadDecodeException):
        _LOGGER.warning("%s: %s", wanted.key, error)
    else:
        raise error
    reading.limit.apart.add(wanted.key)


def _ask_for_left_out(
    part: list[WantedProperty], missing: list[WantedProperty], reading: _Reading
) -> Steps[None]:
    """Ask for what a list lacks: some products answer only as many as they can hold."""
    limit = reading.limit
    length = len(part) - len(missing)
    # Only the end of it is lacking where a device could not hold more.
    cut_short = missing == part[length:]
    while missing and not reading.late:
        first, *missing = missing
        yield from _ask_alone(first, reading)
        item = reading.found.get(first.place)
        if item is None or failed(item):
            cut_short = False
        elif cut_short and limit.too_long(len(part), reading.items(part)):
            limit.learn(length)
            yield from _read_slices(missing, reading, length)
            return


def _ask_for_spoilt(part: list[WantedProperty], reading: _Reading) -> Steps[None]:
    """Ask once more, alone, for what a list gave a code for that another property in it may have caused."""
    limit = reading.limit
    refused = [each for each in part if failed(reading.found.get(each.place, {}))]
    for wanted in refused:
        spoilt = reading.found[wanted.place].get("code") == SPOILT and wanted.key not in limit.hopeless
        if spoilt and wanted.place not in reading.alone and not reading.late:
            yield from _ask_alone(wanted, reading)
            if failed(reading.found[wanted.place]):
                limit.hopeless.add(wanted.key)
            elif not limit.spoils:
                limit.spoils = True
                _LOGGER.debug(
                    "a property that cannot be read spoils others: such ones are asked for alone from now on"
                )
    if limit.spoils:
        limit.apart.update(each.key for each in refused if failed(reading.found[each.place]))


def _ask_alone(wanted: WantedProperty, reading: _Reading) -> Steps[None]:
    """Ask for one property beside others that were answered: what comes of it does not end the read."""
    before = reading.found.get(wanted.place)
    reading.alone.add(wanted.place)
    try:
        yield from _read_part([wanted], reading)
    except DeviceException as error:
        reading.late = isinstance(error, DeviceTimeout)
        _LOGGER.debug("%s alone: %s", wanted.key, error)
    if before is not None and reading.late:
        reading.found[wanted.place] = before


def _may_be_too_many(error: DeviceException) -> bool:
    if isinstance(error, DeviceError):
        return error.code in _TOO_MANY
    return isinstance(error, (DeviceTimeout, PayloadDecodeException))


def _size(items: Sequence[Item]) -> int:
    return len(dump_payload(items))
