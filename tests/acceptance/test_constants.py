"""The numbers of rules and tester, by their literals: whoever changes one means it."""

from __future__ import annotations

from support.constants import unnamed, unpinned

from miio_lan.acceptance.rules.life import boot
from miio_lan.acceptance.tester import plan, script, tester

PINS = {
    "acceptance.rules.life.boot": {
        "BOOT_TIME": 5.0,
        "RETRY_TIME": 5.0,
        "MANY_TRIES": 20,
        "JUST_BEFORE": 1.0,
    },
    "acceptance.rules.values.sets": {
        "REPORT_TIME": 2.0,
    },
    "acceptance.rules.values.reports": {
        "REPORTS_PER_SECOND": 3,
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
        "_LATE_LOOK": 1.0,
        "_IDLE_POLLS": 10,
        "_LONGEST_TRANSFER": 1800.0,
        "GIVE_UP": 2,
    },
    "acceptance.tester.tester": {
        "Timing.power_up": 30.0,
        "Timing.boot": 10.0,
        "Timing.late": 2.0,
        "Timing.transfer": 60.0,
        "_DID": 1,
        "_FIRST_BYTES": 60,
        "_TESTER_TOKEN": b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
    },
    "acceptance.report.html": {
        "_CLASSES": {"fail": "fail", "warning": "warning", "pass": "pass", "not observed": "not"},
        "_HTML_EVIDENCE": 50,
        "_HTML_LINE": 600,
    },
    "acceptance.report.json_": {
        "FORMAT": 1,
    },
    "acceptance.report.junit": {
        "_JUNIT_EVIDENCE": 50,
        "_JUNIT_LINE": 1000,
    },
    "acceptance.report.terminal": {
        "_WIDEST_REPORT": 120,
        "_TERMINAL_EVIDENCE": 6,
        "_TERMINAL_LINE": 400,
    },
    "acceptance.report.timeline_data": {
        "_LONGEST_TEXT": 4000,
    },
    "acceptance.rules.line.answers": {
        "LONG": 480,
    },
    "acceptance.rules.line.polling": {
        "TOLERANCE": 0.01,
        "SLACK": 0.05,
        "STRAY": 0.1,
        "MIN_INTERVALS": 5,
        "SILENCE_TIME": 3.0,
        "_LONGEST_INTERVAL": 2.0,
        "_NEXT": 8,
    },
    "acceptance.rules.torn": {
        "SOON_OVER": 1.0,
        "SELDOM": 2,
    },
    "acceptance.rules.observed": {
        "_ECHO_TIME": 30.0,
        "_MOMENT": 1.0,
        "_REPEATED": 5.0,
    },
    "acceptance.rules.values.effects": {
        "EFFECT_TIME": 10.0,
    },
}


def test_the_constants_are_what_they_were() -> None:
    assert unpinned(PINS) == {}


def test_every_module_with_numbers_is_in_the_table() -> None:
    assert unnamed(PINS, "acceptance") == set()


def test_the_tester_takes_the_times_of_the_rules() -> None:
    assert (script.ANSWER_TIME, boot.REQUEST_TIME) == (4.0, 4.0)
    assert (script.RETRY_TIME, script.REPORT_TIME, script.SILENCE_TIME) == (5.0, 2.0, 3.0)


def test_the_tester_reads_long_lines_and_gives_time() -> None:
    assert tester.TESTER_PROFILE.longest == 2047
    timing = tester.Timing()
    assert (timing.power_up, timing.boot, timing.late, timing.transfer) == (30.0, 10.0, 2.0, 60.0)


def test_a_get_asks_for_16_properties() -> None:
    assert plan.PER_LINE == 16
