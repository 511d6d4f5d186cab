"""The tester in front of an MCU, on a clock of their own: minutes of a session in the time it takes to compute them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from miio_lan.acceptance.rules.all import judge
from miio_lan.acceptance.tester.plan import allowed
from miio_lan.acceptance.tester.script import script_for
from miio_lan.acceptance.tester.tester import Tester
from miio_lan.acceptance.verdict import Outcome, Verdict
from miio_lan.device.description.spec import Spec
from miio_lan.record import Record
from miio_lan.uart.listening.overhearing import Overhearing
from miio_lan.virtual.mcu.mcu import Mcu

BEGAN = 1000.0


@dataclass
class Simulated:
    """A session that was played to its end."""

    tester: Tester
    mcu: Mcu
    spec: Spec | None
    records: list[Record] = field(default_factory=list)
    ended: float = BEGAN
    _judged: tuple[int, float, dict[str, Verdict]] | None = None

    @property
    def seconds(self) -> float:
        return self.ended - BEGAN

    def verdicts(self) -> dict[str, Verdict]:
        # Judging takes half as long as playing: once for what is there.
        if self._judged is None or self._judged[:2] != (len(self.records), self.ended):
            course = self.tester.course
            verdicts = judge(self.records, spec=self.spec, driven=True, ended=self.ended, course=course)
            found = {verdict.rule.name: verdict for verdict in verdicts}
            self._judged = (len(self.records), self.ended, found)
        return dict(self._judged[2])

    def with_outcome(self, outcome: Outcome) -> set[str]:
        return {name for name, verdict in self.verdicts().items() if verdict.outcome is outcome}

    def lines(self, direction: str) -> list[str]:
        return [record.raw.decode().strip("\r\n") for record in self.records if record.direction == direction]


def simulate(
    mcu: Mcu,
    spec: Spec | None = None,
    *,
    allow: tuple[str, ...] = ("all",),
    refusals: int = 2,
    mcu_at: float = 0.5,
    hasty: bool = False,
    meanwhile: Callable[[Mcu, float], None] | None = None,
    interrupt: Callable[[Simulated], bool] | None = None,
    firmware: bytes | None = None,
) -> Simulated:
    """Play a session.

    :param mcu_at: seconds after the tester at which the MCU is switched on; a negative time leaves it on from before
    :param hasty: whether the MCU is on a moment earlier, so that its first line is heard by nobody who could reply
    :param meanwhile: called once with the MCU and the time when it has polled for a while
    :param interrupt: when the script is told to put back what it has set, and to end
    """
    tester = Tester(script_for(spec, allowed(allow), firmware), refusals=refusals)
    session = Simulated(tester, mcu, spec)
    watch = Overhearing(session.records.append, wall=lambda now: now, late=False)
    now = BEGAN
    if mcu_at < 0:
        mcu.start(now + mcu_at)
        mcu.take_output()
    elif hasty:
        mcu.start(now)
        deque(carry(mcu, tester, watch, now), maxlen=0)
    tester.start(now)
    off = mcu_at >= 0 and not hasty
    while not tester.done:
        if off and now >= BEGAN + mcu_at:
            off = False
            mcu.start(now)
        if meanwhile is not None and tester.heard["get_down"] > 5:
            meanwhile(mcu, now)
            meanwhile = None
        for _ in carry(mcu, tester, watch, now):
            if interrupt is not None and interrupt(session):
                interrupt = None
                tester.interrupt(now)
        times = [*([BEGAN + mcu_at] if off else []), mcu.deadline, tester.deadline, watch.deadline]
        now = max(now, min(each for each in times if each is not None))
        for machine in (mcu, tester, watch):
            machine.tick(now)
    watch.flush()
    session.ended = now
    return session


def carry(mcu: Mcu, tester: Tester, watch: Overhearing, now: float) -> Iterator[None]:
    """Carry bytes between the ends until both are silent; whoever wants to may do something in between."""
    while True:
        up = mcu.take_output()
        if up:
            watch.feed("up", up, now)
            tester.receive(up, now)
        down = tester.take_output()
        if down:
            watch.feed("down", down, now)
            mcu.receive(down, now)
        yield
        if not up and not down:
            return
