"""What becomes of setting up a device: one phase after the other, each with its outcome and its time. No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from miio_lan.device.info import DeviceInfo

PhaseName = Literal["find", "tell", "join", "check", "store"]
DONE = "done"
UNKNOWN = "unknown"
"""The device was told, and did not answer: it may have understood."""

NO_ANSWER = "no answer"
TOKEN_HIDDEN = "token hidden"  # noqa: S105 - an outcome
SEVERAL = "several devices"
OTHER_DEVICE = "another device"
NAME_TAKEN = "name taken"
REFUSED = "refused"
NOT_JOINED = "not joined"
NOT_FOUND = "not found"
NOT_CHECKED = "not checked"
OTHER_NETWORK = "another network"
NOT_STORED = "not stored"
FAILURES: Mapping[str, str] = {
    NO_ANSWER: "nobody answered where a device in AP mode was looked for, or the device fell silent before it was told",
    TOKEN_HIDDEN: "a device answered, and does not show its token, because it is set up already",
    SEVERAL: "several devices show their tokens, and it was not said which one is meant",
    OTHER_DEVICE: "at the address that was given, another device answered",
    NAME_TAKEN: "the name belongs to another device",
    REFUSED: "the device refused, in its own words",
    NOT_JOINED: "the device is an access point again, or still: it did not join",
    NOT_FOUND: "the device was told, and did not answer on the new network in time",
    NOT_CHECKED: "it was found on the new network, and does not answer with this token",
    OTHER_NETWORK: "it was found, and says that it is in another network",
    NOT_STORED: "all was done, and the file of names could not be written",
}
"""Every way in which setting up a device fails, and what it means."""


@dataclass(frozen=True)
class ProvisionPhase:
    """One part of it, when it is over; or, with an empty outcome, when it begins.

    :param name: ``"find"``, ``"tell"``, ``"join"``, ``"check"``, ``"store"``
    :param outcome: ``"done"``, ``"unknown"``, or one of :data:`FAILURES`; empty while it goes on
    :param text: the same as a sentence for people; what others said in it is as they said it
    :param seconds: how long it took
    :param more: what was found out, by name
    """

    name: PhaseName
    outcome: str
    text: str
    seconds: float = 0.0
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether nothing comes after it."""
        return self.outcome in FAILURES

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object."""
        return {
            "phase": self.name,
            "outcome": self.outcome,
            "seconds": round(self.seconds, 1),
            "text": self.text,
            **self.more,
        }


@dataclass(frozen=True)
class Provisioned:
    """What became of it.

    :param ssid: the network that the device was to join
    :param phases: what was done, in order; the last one tells of the failure if there is one
    :param did: the device; None where none was found
    :param ip: where it was found last; its own access point until it was found on the new network
    :param port: its UDP port
    :param token: its token, 32 hexadecimal digits; not shown by ``repr``
    :param info: what it told of itself on the new network
    :param name: the name it is kept under; None where it is not kept
    """

    ssid: str
    phases: tuple[ProvisionPhase, ...]
    did: int | None = None
    ip: str | None = None
    port: int = 0
    token: str | None = field(default=None, repr=False)
    info: DeviceInfo | None = None
    name: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the device was found in the new network, and answered there."""
        return bool(self.phases) and not any(each.failed for each in self.phases)

    @property
    def failure(self) -> str | None:
        """Which of :data:`FAILURES` it ended with; None for success."""
        return next((each.outcome for each in self.phases if each.failed), None)

    @property
    def error(self) -> str:
        """The failure as a sentence, empty for success."""
        return next((each.text for each in self.phases if each.failed), "")

    def as_json(self) -> dict[str, Any]:
        """Return it as a JSON object; the token included."""
        return {
            "ok": self.ok,
            "failure": self.failure,
            "did": self.did,
            "ip": self.ip,
            "port": self.port,
            "token": self.token,
            "model": None if self.info is None else self.info.model,
            "name": self.name,
        }
