"""What is a report at power-up, and what only the answer to a request."""

from __future__ import annotations

import pytest
from support.talk import outcome, verdict

from miio_lan.acceptance.rules import boot
from miio_lan.acceptance.verdict import Outcome

PASS, FAIL, WARNING, UNSEEN = Outcome.PASS, Outcome.FAIL, Outcome.WARNING, Outcome.NOT_OBSERVED

POLL = "> get_down\n< down none"
ASK_MODEL = "> get_down\n< down MIIO_model_req"
ASK_VERSION = "> get_down\n< down MIIO_mcu_version_req"
VERSION = "0 > mcu_version 0001\n< ok"


def test_the_times_are_those_of_the_rules() -> None:
    assert (boot.BOOT_TIME, boot.RETRY_TIME, boot.REQUEST_TIME, boot.PROMPTED) == (5.0, 5.0, 4.0, 5.0)


@pytest.mark.parametrize(
    ("expected", "script"),
    [
        # The version came by itself, the model only when it was asked for.
        (FAIL, f"{VERSION}\n5.2 {ASK_MODEL}\n> model a.b.c\n< ok\n9 {POLL}"),
        # A late answer is an answer, too.
        (FAIL, f"{VERSION}\n5.2 {ASK_MODEL}\n9.9 > model a.b.c\n< ok\n12 {POLL}"),
        # So is its repetition, as long as the module does not take it.
        (FAIL, f"{VERSION}\n5.1 {ASK_MODEL}\n> model a.b.c\n< error\n> model a.b.c\n< ok\n12 {POLL}"),
        # Where the module asked before the time was over, nobody knows.
        (UNSEEN, f"{VERSION}\n1 {ASK_MODEL}\n> model a.b.c\n< ok\n9 {POLL}"),
        (UNSEEN, f"{VERSION}\n1 {ASK_MODEL}\n> model a.b.c\n< error\n> model a.b.c\n< ok\n9 {POLL}"),
        # One that came by itself counts, before a request or after its answer.
        (PASS, f"{VERSION}\n0.5 > model a.b.c\n< ok\n1 {ASK_MODEL}\n> model a.b.c\n< ok\n9 {POLL}"),
        (PASS, f"{VERSION}\n1 {ASK_MODEL}\n> model a.b.c\n< ok\n2 > model a.b.c\n< ok\n9 {POLL}"),
        # A query is no report.
        (FAIL, f"{VERSION}\n1 > model\n< x.y.z\n9 {POLL}"),
        # The request of the other one does not matter.
        (PASS, f"{VERSION}\n1 {ASK_VERSION}\n> model a.b.c\n< ok\n> mcu_version 0001\n< ok\n9 {POLL}"),
        # No power-up was seen: who answers alone has not started.
        (
            UNSEEN,
            f"{POLL}\n5.2 {ASK_VERSION}\n> mcu_version 0001\n< ok\n{ASK_MODEL}\n> model a.b.c\n12 {POLL}",
        ),
    ],
)
def test_answers_to_a_request_are_no_boot_report(expected: Outcome, script: str) -> None:
    assert outcome("model-reported", script) is expected
    other = script.replace("MIIO_model_req", "X").replace("MIIO_mcu_version_req", "MIIO_model_req")
    other = other.replace("X", "MIIO_mcu_version_req").replace("mcu_version 0001", "Y")
    other = other.replace("model a.b.c", "mcu_version 0001").replace("Y", "model a.b.c")
    if "> model\n" not in script:
        assert outcome("mcu-version-reported", other) is expected


def test_whoever_reports_nothing_by_itself_fails_where_the_power_up_was_seen() -> None:
    script = (
        f"{POLL}\n5.3 {ASK_VERSION}\n> mcu_version 0001\n< ok\n{ASK_MODEL}\n> model a.b.c\n< ok\n9 {POLL}"
    )
    for name in ("model-reported", "mcu-version-reported"):
        assert outcome(name, script) is UNSEEN
        found = verdict(name, script, from_boot=True)
        assert found.outcome is FAIL
        assert found.text.endswith("by itself within 5 s after power-up")
        assert found.evidence[0].record is not None


def test_the_time_begins_with_the_mcus_first_line() -> None:
    script = f"0 < ok\n4 {POLL}\n8.5 > model a.b.c\n< ok\n> mcu_version 0001\n< ok\n20 {POLL}"
    assert outcome("model-reported", script, from_boot=True) is PASS
    silent = f"0 < ok\n4 {POLL}\n8.5 {POLL}"
    assert outcome("model-reported", silent, from_boot=True) is UNSEEN, "too soon to tell"
    assert outcome("model-reported", silent, from_boot=True, ended=110.0) is FAIL


@pytest.mark.parametrize(
    ("name", "expected", "script"),
    [
        # An unknown downlink is to be answered by error, and the document does not know this one.
        ("model-on-request", PASS, f'{ASK_MODEL}\n> error "unknown" -5000\n< error\n5 {POLL}'),
        ("model-on-request", WARNING, f'{ASK_MODEL}\n5 > error "unknown" -5000\n< error\n9 {POLL}'),
        # That error was for something else.
        (
            "model-on-request",
            WARNING,
            f'{ASK_MODEL}\n> get_down\n< down unknown_command\n> error "unknown" -5000\n< ok\n9 {POLL}',
        ),
        ("mcu-version-on-request", FAIL, f'{ASK_VERSION}\n> error "unknown" -5000\n< error\n5 {POLL}'),
        # What was reported before the request is no answer to it.
        ("mcu-version-on-request", FAIL, f"0 > mcu_version 0001\n< ok\n0.01 {ASK_VERSION}\n5 {POLL}"),
        ("mcu-version-on-request", PASS, f"0 {ASK_VERSION}\n3.9 > mcu_version 0001\n< ok"),
        ("mcu-version-on-request", FAIL, f"0 {ASK_VERSION}\n4.1 > mcu_version 0001\n< ok"),
    ],
)
def test_requests(name: str, expected: Outcome, script: str) -> None:
    found = verdict(name, script)
    assert found.outcome is expected, found


@pytest.mark.parametrize(
    ("name", "script", "missed"),
    [
        ("model-reported", f"{VERSION}\n0.3 > model a.b.c\n< ok\n9 {POLL}", "> model a.b.c"),
        ("model-until-ok", f"> model a.b.c\n< error\n> model a.b.c\n< ok\n9 {POLL}", "> model a.b.c"),
        (
            "mcu-version-on-request",
            f"{ASK_VERSION}\n> mcu_version 0001\n< ok\n9 {POLL}",
            "> mcu_version 0001",
        ),
        ("model-on-request", f"{ASK_MODEL}\n> model a.b.c\n< ok\n9 {POLL}", "> model a.b.c"),
    ],
)
def test_a_line_that_was_missed_is_no_missing_line(name: str, script: str, missed: str) -> None:
    line = missed.partition("> ")[2]
    head, _, tail = script.rpartition(f"> {line}\n")
    head = head.removesuffix("0.3 ")
    assert outcome(name, f"{head}{tail}") is UNSEEN, "the module's ok tells that something was said"
    assert outcome(name, f"{head}{tail.partition(chr(10))[2]}") in (FAIL, WARNING)
