"""A firmware update as it looks from outside: state and progress, told by who really updates, or by a script.

Source: observed modules: ``ok`` before anything happens, progress 101 when there is no update, a restart at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from miio_lan.device.ota import NOT_UPDATING

IDLE_STATE = "idle"


@dataclass(frozen=True, slots=True)
class UpdateStep:
    """One state of an update.

    :param state: the word ``miIO.get_ota_state`` shows
    :param seconds: how long it lasts
    :param progress: the progress at its beginning and end
    """

    state: str
    seconds: float
    progress: tuple[int, int] = (100, 100)


@dataclass(frozen=True, slots=True)
class UpdateScript:
    """The course of an update.

    :param ending: ``"restart"``, or the state the module stays in (``"failed"``, ``"idle"``, ...)
    :param jump: seconds between two values of the progress; older modules show a new one every 2.5 s
    """

    steps: tuple[UpdateStep, ...] = (
        UpdateStep("downloading", 3.0, (0, 100)),
        UpdateStep("downloaded", 0.5),
        UpdateStep("installing", 2.0),
    )
    ending: str = "restart"
    jump: float = 0.25


class FirmwareUpdate:
    """Plays a script, or shows what somebody who really updates reports.

    :param script: what :meth:`start` plays
    """

    def __init__(self, script: UpdateScript | None = None) -> None:
        self.script = script or UpdateScript()
        self.state = IDLE_STATE
        self.active = False
        self._progress = NOT_UPDATING
        self._steps: list[UpdateStep] = []
        self._since = 0.0

    @property
    def scripted(self) -> bool:
        """Whether the script is being played."""
        return bool(self._steps)

    def start(self, now: float) -> None:
        """Begin the script; nothing happens while an update is going on."""
        if not self.active:
            self.active = True
            # A script without steps is over at once.
            self._steps = list(self.script.steps) or [UpdateStep(IDLE_STATE, 0.0)]
            self._since = now
            self.state = self._steps[0].state
            if self.script.ending != "restart":  # that is for whoever ticks it
                self.tick(now)

    def report(self, state: str, progress: int = NOT_UPDATING) -> None:
        """Show a state and progress of an update that somebody else does."""
        self.active = state not in {IDLE_STATE, "failed", "installed"}
        self._steps = []
        self.state, self._progress = state, progress

    def reset(self) -> None:
        """Forget everything, as a restart does."""
        self.report(IDLE_STATE)

    def progress(self, now: float) -> int:
        """Give the progress: 0 to 100, or 101 when there is no update."""
        if not self._steps:
            return self._progress
        step = self._steps[0]
        first, last = step.progress
        spent = (
            (now - self._since) // self.script.jump * self.script.jump
            if self.script.jump
            else now - self._since
        )
        share = min(1.0, max(0.0, spent / step.seconds)) if step.seconds else 1.0
        return round(first + (last - first) * share)

    @property
    def deadline(self) -> float | None:
        """When :meth:`tick` is next wanted, monotonic seconds; None for never."""
        return self._since + self._steps[0].seconds if self._steps else None

    def tick(self, now: float) -> Literal["restart"] | None:
        """Enter the state that is due.

        :return: ``"restart"`` when the update ends with one
        """
        while self._steps and self._since + self._steps[0].seconds <= now:
            self._since += self._steps.pop(0).seconds
            if not self._steps:
                return self._end()
        if self._steps:
            self.state = self._steps[0].state
        return None

    def _end(self) -> Literal["restart"] | None:
        if self.script.ending == "restart":
            return "restart"
        self.report(self.script.ending)
        return None
