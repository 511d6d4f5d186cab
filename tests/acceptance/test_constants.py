"""The numbers of rules and tester, by their literals: whoever changes one means it."""

from __future__ import annotations

from support.constants import unpinned

from miio_lan.acceptance.rules.life import boot
from miio_lan.acceptance.tester import plan, script, tester

PINS = {
    "acceptance.rules.life.boot": {
        "BOOT_TIME": 5.0,
        "RETRY_TIME": 5.0,
    },
    "acceptance.rules.values.sets": {
        "REPORT_TIME": 2.0,
    },
    "acceptance.rules.values.reports": {
        "_STAMPS": 0.04,
    },
    "acceptance.rules.rulebook": {
        "MAX_EVIDENCE": 20,
        "SAMPLES": 3,
    },
    "acceptance.rules.check": {
        "SOON": 1.0,
    },
    "acceptance.tester.active": {
        "_SLICE": 0.2,
        "PUT_BACK": 10.0,
    },
    "acceptance.tester.plan": {
        "_MOST_CHOICES": 8,
        "_LONG_TEXT": 120,
    },
    "acceptance.tester.script": {
        "_MARGIN": 0.2,
        "_IDLE_POLLS": 10,
        "_LONGEST_TRANSFER": 1800.0,
        "GIVE_UP": 2,
    },
    "acceptance.tester.tester": {
        "_DID": 1,
        "_TESTER_TOKEN": b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
    },
}


def test_the_constants_are_what_they_were() -> None:
    assert unpinned(PINS, whole=False) == {}


def test_the_tester_takes_the_times_of_the_rules() -> None:
    assert (script.ANSWER_TIME, script.RETRY_TIME, script.REPORT_TIME, boot.REQUEST_TIME) == (
        4.0,
        5.0,
        2.0,
        4.0,
    )


def test_the_tester_reads_long_lines_and_gives_time() -> None:
    assert tester.TESTER_PROFILE.longest == 2047
    timing = tester.Timing()
    assert (timing.power_up, timing.boot, timing.late, timing.transfer) == (30.0, 10.0, 2.0, 60.0)


def test_a_get_asks_for_16_properties() -> None:
    assert plan.PER_LINE == 16
