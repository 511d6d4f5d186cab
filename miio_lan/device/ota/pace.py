"""The times of an update. No I/O and no clock."""

from __future__ import annotations

from dataclasses import dataclass, replace

from miio_lan.device.arguments import checked_timeout
from miio_lan.errors import InvalidArgument
from miio_lan.given import shown


@dataclass(frozen=True)
class Pace:
    """The times of an update, in seconds.

    :param every: between two looks at the device
    :param answer: what one question may take
    :param begin: in which the device has to begin; some think for a while
    :param settle: for which a device that seems to be done is watched: a restart comes up to 8 s after the last state,
        and a start takes its time
    :param confirm: for which a failure has to stay: some devices fetch a file three times
    :param silence: after which a silent device is given up; installing takes up to 180 s
    :param total: for all of it; a question that is under way then may take its own time still
    """

    every: float = 1.0
    answer: float = 3.0
    begin: float = 60.0
    settle: float = 20.0
    confirm: float = 5.0
    silence: float = 240.0
    total: float = 900.0


def paced(pace: Pace | None, timeout: float | None) -> Pace:
    """Give the times of an update, with another total where one is given.

    :raises InvalidArgument: if that is no number of seconds above 0, or the pace is none
    """
    pace = Pace() if pace is None else pace
    if not isinstance(pace, Pace):
        raise InvalidArgument(f"pace is a Pace, such as Pace(every=2.0), not {shown(pace)}")
    return pace if timeout is None else replace(pace, total=checked_timeout(timeout))
