"""Bugs planted in an MCU that is none of the package's: each is found by the rules it breaks, and by no other.

The MCU is ``tests/support/foreign_mcu.py``, a process of its own at a pseudo terminal. It is judged twice: asked for
everything by the tester, and listened to while somebody else's module (the package's, which refuses reports at first)
serves callers on the LAN.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Condition
from typing import Any

import pytest
from support import foreign_mcu
from support.ends import PATIENCE, Caller

from miio_lan.acceptance.judging import judgement_of
from miio_lan.acceptance.tester.active import Timing, drive_module
from miio_lan.acceptance.verdict import Outcome, Verdict
from miio_lan.device.description.spec import Spec
from miio_lan.loop import wall_clock
from miio_lan.record import Record
from miio_lan.uart.line import Line
from miio_lan.uart.ports.port import PtyPort
from miio_lan.virtual.host import ModuleHost
from miio_lan.virtual.module.module import Module
from miio_lan.virtual.module.profile import DOCUMENT

PROGRAM = Path(foreign_mcu.__file__)
LAMP = Spec.load(PROGRAM.with_name("foreign_lamp.toml"))
TOKEN = bytes(range(16))
#: Seconds the modules here wait for an answer: what never comes costs little, and a busy machine has time to answer.
#: The rules have their own times.
ANSWER_TIME = 2.0
QUICK = Timing(power_up=20.0, answer=ANSWER_TIME, late=0.1)
PATIENT = Timing(power_up=20.0, late=1.5)
PROFILE = replace(DOCUMENT, answer_time=ANSWER_TIME)
#: A module that goes on sooner than this has had its answer, as far as a listener knows.
WAITS = replace(DOCUMENT, answer_time=4.0)

#: bug -> (rules that fail, rules that warn)
TABLE: dict[str, tuple[set[str], set[str]]] = {
    "quotes": ({"string-quotes"}, set()),
    # One parameter less breaks each of the three layouts.
    "count": ({"get-result", "set-result", "action-result"}, set()),
    "late": ({"answer-time"}, set()),
    "version-once": ({"mcu-version-until-ok"}, set()),
    # Neither of the two came by itself: the power-up that was promised was not seen, which is told.
    "no-boot-report": ({"model-reported", "mcu-version-reported"}, {"test-completed"}),
    "no-version-answer": ({"mcu-version-on-request"}, set()),
    "events": ({"event-rate"}, set()),
    "poll-500": ({"poll-interval"}, set()),
    "poll-20": ({"poll-interval"}, set()),
    "crlf": (set(), {"line-end"}),
    # The code is none that error may carry; and what does not exist is refused, but not by a result with -4003.
    "error-4003": ({"error-form"}, {"no-such-property", "no-such-action"}),
    # No module knows the word, so that it waits for an answer in vain.
    "capital": ({"known-commands", "downlink-answered"}, set()),
    "swapped-ids": ({"action-result"}, set()),
    "mute-unknown": ({"unknown-downlink"}, set()),
    "no-report": ({"set-reported"}, set()),
    "no-effect": ({"set-takes-effect"}, set()),
    "event-argument": ({"event-arguments"}, set()),
    "no-out": ({"action-out"}, set()),
    "flood": ({"report-rate"}, set()),
}
#: A busy machine lets single polls of the program come late, which is no more than a warning.
BUSY = {"poll-interval"}
#: Where it lets the program be late with two answers in a row, the tester gives up, and says so. That is no alarm.
UNDONE = {"test-completed"}
#: What it keeps from being seen, or leaves in doubt, is looked at again.
TIMES = 5
#: What is not answered twice is not asked again by the tester, which is told.
GIVEN_UP = {"capital", "mute-unknown"}
#: What cannot be read is not set by the tester, which is told, too.
NOT_SET = {"count", "quotes"}


@contextmanager
def mcu(path: str, *options: str) -> Iterator[None]:
    """Have the program at the other end of a line."""
    command = [sys.executable, str(PROGRAM), path, *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield
            assert process.poll() in (None, 0), f"the MCU failed: {process.communicate()[1]}"
        finally:
            process.kill()


def names(verdicts: dict[str, Verdict], outcome: Outcome) -> set[str]:
    return {name for name, verdict in verdicts.items() if verdict.outcome is outcome}


# --- asked for everything ------------------------------------------------------------------------------------------


def driven(*options: str) -> dict[str, Verdict]:
    """Let the tester ask the MCU for everything, and give the verdicts by the names of their rules."""
    port = PtyPort()
    timing = PATIENT if "late" in options else QUICK
    with mcu(port.path, *options):
        judgement = drive_module(
            port, spec=LAMP, allow=["writes", "actions"], timing=timing, refusals=1, from_boot=True
        )
    return {verdict.rule.name: verdict for verdict in judgement.verdicts}


# --- listened to ---------------------------------------------------------------------------------------------------


class Heard:
    """What was heard on the line, to wait on."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self._news = Condition()

    def __call__(self, record: Record) -> None:
        with self._news:
            self.records.append(record)
            self._news.notify()

    def until(self, wanted: Callable[[Record], bool], count: int = 1) -> Record:
        """Wait until so many records are wanted, and give the last of them."""

        def found() -> list[Record]:
            return [record for record in self.records if wanted(record)]

        with self._news:
            assert self._news.wait_for(lambda: len(found()) >= count, PATIENCE)
            return found()[count - 1]

    def until_line(self, start: bytes, count: int = 1) -> Record:
        return self.until(lambda record: record.raw.strip(b"\n").startswith(start), count)

    def count(self, start: bytes) -> int:
        return sum(record.raw.strip(b"\n").startswith(start) for record in self.records)

    def until_later(self, record: Record, seconds: float) -> None:
        """Wait until something is heard so long after something else: the MCU always polls."""
        self.until(lambda each: each.instant - record.instant > seconds)


class Refusing:
    """Refuses each report at power-up once, as the official tool does."""

    def __init__(self) -> None:
        self._left = {"model", "mcu_version"}

    def __call__(self, line: Line, now: float) -> str | None:
        word = line.text.partition(" ")[0]
        if word not in self._left:
            return None
        self._left.remove(word)
        return "error"


def prop(piid: int, **value: object) -> dict[str, object]:
    return {"did": "x", "siid": 2, "piid": piid, **value}


def action(aiid: int, *arguments: int) -> dict[str, object]:
    return {"did": "x", "siid": 2, "aiid": aiid, "in": [{"piid": 4, "value": each} for each in arguments]}


CALLS: list[tuple[str, Any]] = [
    ("get_properties", [prop(1)]),
    ("get_properties", [prop(2), prop(3), prop(5)]),
    ("get_properties", [prop(4)]),
    ("get_properties", [prop(1), prop(77)]),
    ("set_properties", [prop(1, value=False)]),
    ("get_properties", [prop(1)]),
    ("set_properties", [prop(2, value="two words")]),
    ("get_properties", [prop(2)]),
    ("set_properties", [prop(1, value="on")]),
    ("set_properties", [prop(5, value=1)]),
    ("set_properties", [prop(77, value=1)]),
    ("get_properties", [prop(1), prop(2)]),
    ("action", action(77)),
    ("action", action(1, 500)),
    ("unknown_command", []),
    ("action", action(1, 5)),
]
MCU_IS_SILENT = -9999
GIVE_UP = 3


def call_everything(caller: Caller) -> None:
    """Call for everything; an MCU that does not answer three times in a row is let alone."""
    silent = 0
    for method, params in CALLS:
        code = caller.ask(method, params).get("error", {}).get("code")
        silent = silent + 1 if code == MCU_IS_SILENT else 0
        if silent == GIVE_UP:
            return


#: bug -> the line after which it takes some time to show, and that time in seconds
SHOWN_LATER: dict[str, tuple[bytes, float]] = {
    "version-once": (b"mcu_version", 5.0),
    "no-boot-report": (b"get_down", 5.0),
    "no-version-answer": (b"down MIIO_mcu_version_req", 4.0),
    "no-report": (b"down set_properties 2 2", 2.1),
    "late": (b"down action 2 1 4 5", 5.05),
}


def listened_to(*options: str) -> dict[str, Verdict]:
    """Listen to the MCU and a module that is asked for everything, and judge what was heard."""
    heard = Heard()
    bugs = set(options)
    port = PtyPort()
    profile = WAITS if bugs & GIVEN_UP else PROFILE
    module = Module(device_id=1, token=TOKEN, profile=profile, wall=wall_clock, on_line=Refusing())
    with ModuleHost(module, port, observer=heard) as host, mcu(port.path, *options):
        heard.until_line(b"down none")
        with Caller(host.host, host.port, TOKEN.hex()) as caller:
            call_everything(caller)
        heard.until_line(b"properties_changed 2 3 ", 5 if "flood" in bugs else 1)
        heard.until_line(b"event_occured", 4 if "events" in bugs else 1)
        # What is asked for now is no report of the MCU's own.
        for bug in bugs & {"version-once", "no-boot-report", "late"}:
            wait_for(heard, bug)
        for request, word in (("MIIO_mcu_version_req", b"mcu_version "), ("MIIO_model_req", b"model ")):
            known = heard.count(word)
            host.call(lambda _, request=request: module.notify(request))
            if word == b"model " or "no-version-answer" not in bugs:
                heard.until_line(word, known + 1)
        for bug in bugs & {"no-version-answer", "no-report"}:
            wait_for(heard, bug)
    judgement = judgement_of(heard.records, spec=LAMP, from_boot=True)
    return {verdict.rule.name: verdict for verdict in judgement.verdicts}


def wait_for(heard: Heard, bug: str) -> None:
    start, seconds = SHOWN_LATER[bug]
    heard.until_later(heard.until_line(start), seconds)


# --- the tests -----------------------------------------------------------------------------------------------------


def test_the_table_is_complete() -> None:
    assert set(TABLE) == set(foreign_mcu.BUGS)


def test_the_program_is_a_stranger() -> None:
    assert "miio_lan" not in PROGRAM.read_text()


def both(*options: str) -> tuple[dict[str, Verdict], dict[str, Verdict]]:
    """Judge two such MCUs at the same time, for both do little but wait: one is driven, one is listened to."""
    with ThreadPoolExecutor(2) as pool:
        active, passive = pool.submit(driven, *options), pool.submit(listened_to, *options)
        return active.result(), passive.result()


@pytest.mark.parametrize(
    "options",
    [(), ("--poll", "0.2"), ("--poll", "0.1", "--steady")],
    ids=lambda each: " ".join(each) or "usual",
)
def test_there_is_no_false_alarm(options: tuple[str, ...]) -> None:
    wanted = set().union(*(failed | warned for failed, warned in TABLE.values())) - BUSY
    # Each rule of the table is looked at, in both ways; who only listens has nothing to complete.
    left = [wanted, wanted - UNDONE]
    for _ in range(TIMES):
        for place, verdicts in enumerate(both(*options)):
            assert names(verdicts, Outcome.FAIL) - UNDONE == set()
            assert names(verdicts, Outcome.WARNING) - BUSY == set()
            left[place] -= names(verdicts, Outcome.PASS)
        if not any(left):
            break
    assert left == [set(), set()]


@pytest.mark.untraced
@pytest.mark.parametrize("bug", TABLE)
def test_a_bug_breaks_its_rules_and_no_other(bug: str) -> None:
    failed, warned = TABLE[bug]
    wanted = [
        (failed, warned | ({"test-completed"} if bug in GIVEN_UP | NOT_SET else set())),
        (failed, warned),
    ]
    left = [set().union(*each) for each in wanted]  # what is still to be found, in both ways
    for _ in range(TIMES):
        for place, verdicts in enumerate(both(bug)):
            found = names(verdicts, Outcome.FAIL), names(verdicts, Outcome.WARNING) - BUSY
            assert found[0] - UNDONE <= wanted[place][0]
            assert found[1] <= wanted[place][1]
            left[place] -= found[0] | found[1]
        if not any(left):
            break
    assert left == [set(), set()]
