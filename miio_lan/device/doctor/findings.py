"""Findings about a device that is looked at, and what they come to."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class StepVerdict(StrEnum):
    """What is thought of one thing that was looked at."""

    GOOD = "good"
    BAD = "bad"
    IN_DOUBT = "in doubt"
    NOT_TRIED = "not tried"


@dataclass(frozen=True)
class CheckedStep:
    """One thing that was looked at.

    :param step: ``"route"``, ``"hello"``, ... as in :data:`STEPS`
    :param done: what was done; for ``NOT_TRIED``, what would have been
    :param seen: what was seen; for ``NOT_TRIED``, why not
    :param next: what to do next; empty where nothing is to be done
    """

    step: str
    verdict: StepVerdict
    done: str
    seen: str
    next: str = ""

    def as_json(self) -> dict[str, str]:
        """Return it as JSON has it."""
        told = {"step": self.step, "verdict": self.verdict.value, "done": self.done, "seen": self.seen}
        return {**told, "next": self.next}


STEPS = ("route", "hello", "token", "stamp", "subnet", "others", "firewall", "memory", "mcu", "cloud")
"""What is looked at, in this order."""

ESSENTIAL = ("route", "hello", "token", "mcu")
"""What has to be good for commands to get through."""


@dataclass(frozen=True)
class Diagnosis:
    """What came of looking at a device.

    :param host: what was looked at
    :param did: the did that answered; None where none did
    :param model: its model, where it told
    :param findings: one for each of :data:`STEPS`
    :param seconds: how long it took
    """

    host: str
    port: int
    findings: tuple[CheckedStep, ...]
    did: int | None = None
    model: str | None = None
    seconds: float = 0.0

    def __getitem__(self, step: str) -> CheckedStep:
        """Return the finding of a step.

        :raises KeyError: if there is no such step
        """
        for each in self.findings:
            if each.step == step:
                return each
        raise KeyError(step)

    @property
    def healthy(self) -> bool:
        """Whether commands get through: all that is essential is good, and nothing is bad."""
        bad = any(each.verdict is StepVerdict.BAD for each in self.findings)
        return not bad and all(self[step].verdict is StepVerdict.GOOD for step in ESSENTIAL)

    @property
    def culprit(self) -> CheckedStep | None:
        """Where it ends: the first that is bad, else the first essential one that is not good; None when healthy."""
        bad = (each for each in self.findings if each.verdict is StepVerdict.BAD)
        doubtful = (self[step] for step in ESSENTIAL if self[step].verdict is not StepVerdict.GOOD)
        return next(bad, None) or next(doubtful, None)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON has it."""
        culprit = self.culprit
        return {
            "host": self.host,
            "port": self.port,
            "did": self.did,
            "model": self.model,
            "healthy": self.healthy,
            "ends_at": None if culprit is None else culprit.step,
            "seconds": round(self.seconds, 1),
            "findings": [each.as_json() for each in self.findings],
        }
