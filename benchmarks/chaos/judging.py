"""Holds what callers were told against what the MCU did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.chaos.commands import UNSAFE, Command
from benchmarks.chaos.kinds import Kind
from benchmarks.chaos.ledger import Ledger, Run
from miio_lan.errors import OutcomeUnknown

#: Seconds a call may take beyond its deadline.
GRACE = 0.5
#: What must never happen, in the order of the report.
FAULTS = {
    "wrong": "values that the MCU did not have, or answers to another command",
    "twice": "commands that must not run twice, and did",
    "untrue ok": "commands told as done that never ran",
    "untrue no": "refused or timed out without may_have_run, and ran",
    "stale": "newer sets undone by an older one's resends",
    "pushes": "pushes handed over twice, otherwise than sent, or after the end; denied subscriptions",
    "late": "calls that ended more than 0.5 s after their deadline",
}


@dataclass
class Tally:
    """The figures of a run.

    :param faults: by name, see :data:`FAULTS`
    :param stories: one line on each fault, the first of them
    :param unsafe: by kind of device: commands that must not run twice
    :param unknown: how many of them ended as ``OutcomeUnknown``
    :param ok: how many of them were told as done
    :param others: what is worth knowing and no fault
    """

    commands: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    stories: list[str] = field(default_factory=list)
    unsafe: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    ok: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Add the figures of another run."""
        self.commands += other.commands
        self.stories += other.stories
        for name in ("faults", "unsafe", "unknown", "ok", "others"):
            getattr(self, name).update(getattr(other, name))

    def fault(self, name: str, kind: Kind, command: Command, story: str) -> None:
        """Count a fault of a command."""
        told = (
            f"{command.sort} {command.number} (timeout {command.timeout:g}, retry_count {command.retry_count}"
        )
        self._count(name, kind, f"{told}, {command.copies} sent)", story)

    def pushed(self, kind: Kind, story: str) -> None:
        """Count a fault of what was told unasked."""
        self._count("pushes", kind, "unasked", story)

    def _count(self, name: str, kind: Kind, what: str, story: str) -> None:
        self.faults[name] += 1
        device = f"{kind}, {kind.stamp}, {kind.profile}{', busy' if kind.busy else ''}"
        self.stories.append(f"{name}: {what} to {device}: {story}")


def judge(kind: Kind, commands: Sequence[Command], ledger: Ledger) -> Tally:
    """Judge all commands to one device, after everything under way has arrived."""
    tally = Tally(commands=len(commands))
    for command in commands:
        _deadline(tally, kind, command)
        if command.is_read:
            _read(tally, kind, command, ledger)
        else:
            _change(tally, kind, command, ledger)
    for iid in ((2, 2), (2, 3)):
        _stale(tally, kind, commands, ledger, iid)
    _pushes(tally, kind, ledger)
    toggles = sum(len(ledger.runs[each.number]) for each in commands if each.sort == "toggle")
    if ledger.confused or toggles != ledger.toggled:
        raise AssertionError("the harness does not know which command the MCU carried out")
    return tally


def _deadline(tally: Tally, kind: Kind, command: Command) -> None:
    if command.ended is None:
        tally.fault("late", kind, command, "it never ended")
    elif command.ended > command.deadline + GRACE:
        tally.fault("late", kind, command, f"{command.ended - command.deadline:.2f} s late")


def _read(tally: Tally, kind: Kind, command: Command, ledger: Ledger) -> None:
    tally.others["reads"] += 1
    if command.error is not None:
        tally.others["reads that failed"] += 1
        return
    foreign = command.sort == "read" and command.result not in ledger.replies[command.number]
    if foreign or not command.echoes:
        tally.fault("wrong", kind, command, f"{command.result} was the answer to another command")
        return
    if command.sort != "read" or not isinstance(command.result, list):
        return
    for item in command.result:
        value = {"true": True, "false": False}.get(str(item.get("value")), item.get("value"))
        iid = (item["siid"], item["piid"])
        if "value" in item and not ledger.held(iid, value, command.began, command.ended or 0.0):
            tally.fault("wrong", kind, command, f"{iid} was not {value!r} then")


def _change(tally: Tally, kind: Kind, command: Command, ledger: Ledger) -> None:
    runs = ledger.runs[command.number]
    if command.sort in UNSAFE:
        tally.unsafe[str(kind)] += 1
        tally.ok[str(kind)] += command.said_ok
        _once(tally, kind, command, ledger)
        if isinstance(command.error, OutcomeUnknown):
            tally.unknown[str(kind)] += 1
            tally.others["outcome unknown, and ran" if runs else "outcome unknown, and did not run"] += 1
    if command.said_ok and not runs:
        tally.fault("untrue ok", kind, command, f"told {command.result}, never ran")
    if command.error is None and not command.echoes:
        tally.fault("wrong", kind, command, f"{command.result} was the answer to another command")
    if command.error is None:
        return
    may = getattr(command.error, "may_have_run", isinstance(command.error, OutcomeUnknown))
    if runs and not may and _half_refused(runs, ledger):
        tally.others["told busy, and the network's second copy ran"] += 1
    elif runs and not may:
        tally.fault("untrue no", kind, command, f"ran {len(runs)} times; {command.error!r}")
    elif may and not runs:
        tally.others["may have run, and did not"] += 1
    elif not may:
        tally.others["surely did not run, and did not"] += 1


def _pushes(tally: Tally, kind: Kind, ledger: Ledger) -> None:
    tally.others["pushes sent"] += len(ledger.pushes.sent)
    tally.others["pushes handed over"] += len(ledger.pushes.heard)
    for story in ledger.pushes.faults():
        tally.pushed(kind, story)


def _half_refused(runs: Sequence[Run], ledger: Ledger) -> bool:
    """Whether the network doubled what ran, and the module was busy for the other copy: nobody can tell that here."""
    return all(run.source.send in ledger.refused for run in runs)


def _once(tally: Tally, kind: Kind, command: Command, ledger: Ledger) -> None:
    runs = ledger.runs[command.number]
    sends = list(dict.fromkeys(run.source.send for run in runs))
    if len(sends) > 1 and ledger.refused.issuperset(sends[:-1]):
        # The last one may have been doubled as well.
        tally.others["ran twice because one of two copies of a datagram was told busy"] += 1
    elif len(sends) > 1:
        times = ", ".join(f"{run.instant - command.began:.2f} s" for run in runs)
        busy = "".join(f", datagram {send} was told busy" for send in sends if send in ledger.refused)
        tally.fault("twice", kind, command, f"ran after {times}, by datagrams {sends}{busy}")
    elif len(runs) > 1:
        tally.others["ran twice because the network doubled the one datagram"] += 1


def _stale(
    tally: Tally, kind: Kind, commands: Sequence[Command], ledger: Ledger, iid: tuple[int, int]
) -> None:
    """Find sets that undid a newer one: one whose call began after the older one's call had ended."""
    by_number = {command.number: command for command in commands}
    newest: Command | None = None
    told: set[int] = set()
    for instant, number in ledger.sets(iid):
        command = by_number[number]
        undone = newest is not None and command.ended is not None and command.ended <= newest.began
        if undone and number not in told:
            told.add(number)
            assert newest is not None
            if command.copies > 1 and not _came_twice(ledger, number, instant):
                story = f"undid {newest.number}, {instant - (command.ended or 0):.2f} s after its own end"
                tally.fault("stale", kind, command, story)
            else:
                tally.others["a newer set undone by an older one's late or doubled datagram"] += 1
        if newest is None or command.began > newest.began:
            newest = command


def _came_twice(ledger: Ledger, number: int, instant: float) -> bool:
    """Whether the datagram that ran at an instant had run before: the network doubled it, and was late with it."""
    sends = [run.source.send for run in ledger.runs[number] if run.instant <= instant]
    return sends[-1] in sends[:-1]
