"""A device that is being updated, in simulated time: what it says and does is up to a plan of instants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from miio_lan.device.ota.outcome import Phase, UpdatePhase, UpdateResult
from miio_lan.device.ota.pace import Pace
from miio_lan.device.ota.serving import Served
from miio_lan.device.ota.update import FirmwareImage, PollPause, StopServing, Update
from miio_lan.device.steps.calls import Ask
from miio_lan.errors import DeviceError, DeviceTimeout

SIZE = 1000
MD5 = "0" * 32
ROUND_TRIP = 0.02
START = 5000.0
UNIX = 1_700_000_000.0


class Updated:
    """A device in an update.

    :param plan: seconds after the start -> what happens then
    :param served: whether the file is served from here
    """

    def __init__(
        self,
        plan: dict[float, Callable[[Updated], object]],
        *,
        served: bool = True,
        version: str | None = None,
        pace: Pace | None = None,
        uptime: float = 5000.0,
    ) -> None:
        self.now = START
        self.plan = sorted(plan.items())
        self.state: Any = "idle"
        self.progress: Any = 101
        self.module: str | None = "1.0.0"
        self.mcu: str | None = "0001"
        self.booted = START - uptime
        self.unix = False
        self.tells_life = True
        self.silent = False
        self.answers: dict[str, Any] = {}
        self.asked: list[str] = []
        #: What happens just before the file is served no more.
        self.last_moment: Callable[[Updated], object] = lambda _: None
        self.serving = True
        self.served = Served(SIZE) if served else None
        self.phases: list[UpdatePhase] = []
        image = FirmwareImage("http://10.0.0.2/fw.bin", MD5, version, SIZE if served else None)
        self.update = Update(image, pace or Pace(), START)
        self._clock: tuple[float, float] | None = None

    # --- what a plan may do ---------------------------------------------------------------------------------------

    def fetch(self, begin: int = 0, end: int = SIZE) -> None:
        assert self.served is not None
        if not self.serving:
            return
        self.served.requests += 1
        self.served.took(begin, end, self.now)

    def restart(self) -> None:
        self.booted = self.now
        self.state, self.progress = "idle", 101

    def install(self, module: str | None = "2.0.0", mcu: str | None = "0001") -> None:
        """Restart with other versions."""
        self.restart()
        self.module, self.mcu = module, mcu

    # --- the play -------------------------------------------------------------------------------------------------

    def run(self, limit: float = 2000.0) -> UpdateResult:
        answer: Any = None
        while self.update.result is None:
            served = self.served.copy() if self.served is not None else None
            step = self.update.go_on(answer, self.now, served, self._clock)
            self.phases += self.update.take_phases()
            if isinstance(step, PollPause):
                answer = None
                self._pass(step.seconds)
            elif isinstance(step, StopServing):
                answer = None
                self.last_moment(self)
                self.serving = False
            elif step is not None:
                answer = self._ask(step)
            assert self.now - START < limit, "it has no end"
        return self.update.result

    def names(self) -> list[str]:
        return [each.phase.value for each in self.phases if each.phase is not Phase.Progress]

    def _pass(self, seconds: float) -> None:
        end = self.now + seconds
        while self.plan and START + self.plan[0][0] <= end:
            at, happens = self.plan.pop(0)
            self.now = max(self.now, START + at)
            happens(self)
        self.now = end

    def _ask(self, ask: Ask) -> Any:
        self.asked.append(ask.method)
        self._pass(ROUND_TRIP)
        if self.silent:
            self._pass(3.0)
        if self.silent:
            return DeviceTimeout("no answer", may_have_run=True)
        stamp = UNIX + self.now if self.unix else self.now - self.booted
        self._clock = (float(int(stamp)), self.now)
        if ask.method in self.answers:
            return self.answers[ask.method]
        told: dict[str, Any] = {
            "miIO.ota": ["ok"],
            "miIO.get_ota_state": [self.state],
            "miIO.get_ota_progress": [self.progress],
            "miIO.info": self._info(),
        }
        return told.get(ask.method, DeviceError(-32601))

    def _info(self) -> dict[str, Any]:
        life = {"life": int(self.now - self.booted)} if self.tells_life else {}
        told = {"fw_ver": self.module, "mcu_fw_ver": self.mcu}
        return life | {key: value for key, value in told.items() if value is not None}


def says(state: Any, progress: Any = None) -> Callable[[Updated], None]:
    """Make the device show a state, and a progress with it."""

    def change(device: Updated) -> None:
        device.state = state
        if progress is not None:
            device.progress = progress

    return change


def sets(**attributes: Any) -> Callable[[Updated], None]:
    """Change what the device is."""
    return lambda device: device.__dict__.update(attributes)


def both(*happens: Callable[[Updated], object]) -> Callable[[Updated], None]:
    """Make several things happen at one instant."""

    def all_of_them(device: Updated) -> None:
        for each in happens:
            each(device)

    return all_of_them
