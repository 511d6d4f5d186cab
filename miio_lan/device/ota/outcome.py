"""How an update went: its phases, its end, and what the end rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

from miio_lan.device.info import DeviceInfo
from miio_lan.device.ota.serving import Served
from miio_lan.errors import InvalidArgument
from miio_lan.given import shown


class Ending(Enum):
    """How an update ended. Only :attr:`Proven` is a success for sure, and only :attr:`Unproven` leaves it open."""

    #: The new version is told, by a module that restarted, or by the MCU itself.
    Proven = "proven"
    #: It may well be installed, but nothing that was seen proves it.
    Unproven = "not proven"
    #: The device did not take the request, or another update was under way.
    Refused = "refused"
    #: The device did not answer before anything was asked of it.
    Unreachable = "unreachable"
    #: Not one request for the file arrived, or the device never began.
    NeverFetched = "never fetched"
    #: It gave up before it had the whole file.
    FetchBrokeOff = "fetch broke off"
    #: It had the whole file, and did not install it.
    FetchedButRefused = "fetched but refused"
    #: It said that the checksum is wrong.
    Checksum = "checksum"
    #: It said that it failed, in words of its own.
    Failed = "failed"
    #: It said or showed that it was done, with the version of before.
    VersionUnchanged = "version unchanged"
    #: It has another version than before, and than the one that was wanted.
    OtherVersion = "other version"
    TimedOut = "timed out"
    Cancelled = "cancelled"


class Phase(Enum):
    """What happened, in an update's own history."""

    Prepared = "prepared"
    Requested = "requested"
    #: The first request for the file.
    Fetching = "fetching"
    #: All of the file was handed over.
    Fetched = "fetched"
    #: The device shows another state.
    State = "state"
    #: Nothing but the progress is new; these are not kept in the result.
    Progress = "progress"
    #: It does not answer, as many do not while they write flash.
    Silent = "silent"
    Answering = "answering"
    Restarted = "restarted"
    #: It tells another version than before.
    Version = "version"
    Ended = "ended"


class Versions(NamedTuple):
    """The versions a device tells; None where it tells none."""

    module: str | None = None
    mcu: str | None = None

    @classmethod
    def of(cls, info: DeviceInfo) -> Versions:
        """Take them from what a device tells of itself. The app ignores a leading ``_``, and so do we."""
        told = (info.firmware_version, info.mcu_firmware_version)
        return cls(*(plain_version(each) or None if each else None for each in told))

    def __str__(self) -> str:
        parts = (f"module {self.module}" if self.module else "", f"MCU {self.mcu}" if self.mcu else "")
        return ", ".join(part for part in parts if part) or "not told"


#: Nothing is told.
UNKNOWN = Versions()


def plain_version(text: str) -> str:
    """Write a version as it is compared."""
    return text.strip().removeprefix("_")


def checked_version(version: Any) -> str | None:
    """Give the version that is to be there after an update; None where it is not known.

    :raises InvalidArgument: for what no device can tell; an empty text would be compared with nothing, or fit nothing
    """
    if version is None or (isinstance(version, str) and plain_version(version)):
        return version
    raise InvalidArgument(
        f"a version is text such as '2.0.1_0042', not {shown(version)}: leave it out where it is not known"
    )


@dataclass(frozen=True)
class UpdatePhase:
    """Something that happened in an update.

    :param phase: what
    :param at: seconds since the update was begun
    :param state: the device's own word for its state, empty before it told one
    :param progress: percentage, 0 to 100; 100 is shown of what is proven only
    :param fetched: bytes of the file that were handed over, 0 where somebody else serves it
    :param text: what happened, in words
    """

    phase: Phase
    at: float
    state: str = ""
    progress: int = 0
    fetched: int = 0
    text: str = ""

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON has it."""
        return {
            "phase": self.phase.value,
            "at": round(self.at, 3),
            "state": self.state,
            "progress": self.progress,
            "fetched": self.fetched,
            "text": self.text,
        }


@dataclass(frozen=True)
class UpdateResult:
    """How an update ended, and what was seen of it.

    :param ending: how
    :param text: the same in a sentence, with what to do next
    :param before: the versions before the update
    :param after: the versions that were told last after the request
    :param wanted: the version that was asked for, None where none was named
    :param restarted: whether the module was seen to have restarted
    :param states: the device's own words for its states, each once, as they first came
    :param served: what was fetched from the file server, None where somebody else served the file
    :param phases: what happened and when
    :param seconds: how long all of it took
    """

    ending: Ending
    text: str
    before: Versions = UNKNOWN
    after: Versions = UNKNOWN
    wanted: str | None = None
    restarted: bool = False
    states: tuple[str, ...] = ()
    served: Served | None = None
    phases: tuple[UpdatePhase, ...] = field(default=(), repr=False)
    seconds: float = 0.0

    @property
    def proven(self) -> bool:
        """Whether the new firmware runs, for sure."""
        return self.ending is Ending.Proven

    @property
    def failed(self) -> bool:
        """Whether it does not, as far as can be told; an update that is not proven is none of the two."""
        return self.ending not in {Ending.Proven, Ending.Unproven}

    def as_json(self) -> dict[str, Any]:
        """Give it as JSON has it, the phases aside."""
        return {
            "ending": self.ending.value,
            "proven": self.proven,
            "text": self.text,
            "before": self.before._asdict(),
            "after": self.after._asdict(),
            "wanted": self.wanted,
            "restarted": self.restarted,
            "states": list(self.states),
            "served": _as_json(self.served),
            "seconds": round(self.seconds, 3),
        }


def _as_json(served: Served | None) -> Mapping[str, Any] | None:
    if served is None:
        return None
    return {
        "size": served.size,
        "fetched": served.covered,
        "complete": served.complete,
        "requests": served.requests,
        "ranges": served.ranges,
        "broken": served.broken,
        "strangers": served.strangers,
    }
