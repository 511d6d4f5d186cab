"""What is known of a device while it is set up, and of the phases so far. No I/O and no clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import miio_lan.device.provision.result as r
from miio_lan.device.provision.result import PhaseName, Provisioned, ProvisionPhase
from miio_lan.foreign import show
from miio_lan.record.redact import redact, redact_known

if TYPE_CHECKING:
    from miio_lan.device.info import DeviceInfo
    from miio_lan.device.provision.plan import ProvisionPlan
    from miio_lan.record.redact.secret import Secret


class Failures(NamedTuple):
    """How often a device failed to join, by the reason: password, connection, address."""

    auth: int = 0
    conn: int = 0
    dhcp: int = 0


class Run:
    """One device that is set up.

    :param plan: what is wanted
    :param now: when it begins, monotonic seconds
    :param told: called with each phase when it begins (its outcome is empty) and when it is over
    """

    def __init__(
        self, plan: ProvisionPlan, now: float, told: Callable[[ProvisionPhase], object] = lambda _phase: None
    ) -> None:
        self.plan = plan
        self.did: int | None = None
        self.ip: str | None = None
        self.token: Secret | None = None
        self.info: DeviceInfo | None = None
        #: Whether the device was told, and may have understood.
        self.was_told = False
        self._told = told
        self.failed_before: Failures | None = None
        self.now = self._since = now
        self._phases: list[ProvisionPhase] = []
        self._name: PhaseName = "find"

    @property
    def over(self) -> bool:
        """Whether it failed, or is done."""
        return bool(self._phases) and (self._phases[-1].failed or self._phases[-1].name == "check")

    @property
    def worth_keeping(self) -> bool:
        """Whether its token would be lost if nobody kept it: it was told, and is not known to wait to be told again."""
        return self.was_told and not any(each.outcome in (r.REFUSED, r.NOT_JOINED) for each in self._phases)

    def result(self, name: str | None = None) -> Provisioned:
        """Give what became of it so far.

        :param name: the name it is kept under
        """
        return Provisioned(
            self.plan.ssid,
            tuple(self._phases),
            self.did,
            self.ip,
            self.plan.port,
            self.token,
            self.info,
            name,
        )

    def begins(self, name: PhaseName, text: str, now: float | None = None) -> None:
        """Note that a phase begins."""
        self.now = self.now if now is None else now
        self._name, self._since = name, self.now
        self._told(ProvisionPhase(name, "", text))

    def ends(self, outcome: str, text: str, now: float | None = None, **more: Any) -> None:
        """Note how it ended."""
        self.now = self.now if now is None else now
        made = ProvisionPhase(self._name, outcome, text, self.now - self._since, more)
        self._phases.append(made)
        self._told(made)

    def quoted(self, words: object) -> str:
        """Give what a device said, without what it may have repeated of secrets."""
        secrets = [str(self.plan.parameters["passwd"]), str(self.token or "")]
        return redact_known(redact(words if isinstance(words, str) else show(words)), secrets)
