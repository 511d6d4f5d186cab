"""What is a report at power-up, and what only the answer to a request."""

from __future__ import annotations

import pytest
from support.talk import outcome, talk, verdict

from miio_lan.acceptance.rules.life import boot
from miio_lan.acceptance.rules.observed import Observed
from miio_lan.acceptance.verdict import Outcome

PASS, FAIL, WARNING, UNSEEN = Outcome.PASS, Outcome.FAIL, Outcome.WARNING, Outcome.NOT_OBSERVED

POLL = "> get_down\n< down none"
ASK_MODEL = "> get_down\n< down MIIO_model_req"
ASK_VERSION = "> get_down\n< down MIIO_mcu_version_req"
LISTENING = "-2 < down none"
VERSION = f"{LISTENING}\n0 > mcu_version 0001\n< ok"


def test_the_times_are_those_of_the_rules() -> None:
    assert (boot.BOOT_TIME, boot.RETRY_TIME, boot.REQUEST_TIME) == (5.0, 5.0, 4.0)


@pytest.mark.parametrize(
    ("expected", "script"),
    [
        # The version came by itself, the model only when it was asked for.
        (FAIL, f"{VERSION}\n5.2 {ASK_MODEL}\n> model a.b.c\n< ok\n9 {POLL}"),
        # A late answer is an answer, too.
        (FAIL, f"{VERSION}\n5.2 {ASK_MODEL}\n9.9 > model a.b.c\n< ok\n12 {POLL}"),
        # So is its repetition, as long as the module does not take it.
        (FAIL, f"{VERSION}\n5.1 {ASK_MODEL}\n> model a.b.c\n< error\n> model a.b.c\n< ok\n12 {POLL}"),
        # A query in between does not answer it.
        (FAIL, f"{VERSION}\n4.6 {ASK_MODEL}\n> model\n< x.y.z\n5.1 > model a.b.c\n< ok\n12 {POLL}"),
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


NO_MODEL = f"> mcu_version 0001\n< ok\n9 {POLL}"


@pytest.mark.parametrize(
    ("expected", "before", "options"),
    [
        (UNSEEN, "0 ", {}),
        (UNSEEN, "-0.5 < ok\n0 ", {}),
        (UNSEEN, "-0.5 < down none\n0 ", {}),
        (UNSEEN, "-2 < down none\n-0.5 -- x\n0 ", {}),
        (UNSEEN, "-2 < down none\n-0.5 -- x\n0 ", {"from_boot": True}),
        (FAIL, "-2 < down none\n0 ", {}),
        (FAIL, "0 ", {"from_boot": True}),
        (FAIL, "0 ", {"driven": True}),
    ],
)
def test_who_begins_to_listen_in_the_middle_of_a_power_up_may_have_missed_the_model(
    expected: Outcome, before: str, options: dict[str, bool]
) -> None:
    assert outcome("model-reported", f"{before}{NO_MODEL}", **options) is expected


def test_whoever_has_heard_the_model_has_missed_no_version() -> None:
    assert outcome("mcu-version-reported", f"0 > model a.b.c\n< ok\n9 {POLL}") is FAIL


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


def test_a_version_with_something_behind_it_is_no_other_version() -> None:
    assert outcome("mcu-version-constant", f"{VERSION}\n5 > mcu_version 0001 x\n< ok") is PASS
    assert outcome("mcu-version-constant", f"{VERSION}\n5 > mcu_version 0002\n< ok") is FAIL
    updated = f'{VERSION}\n1 > get_down\n< down update_fw\n> result "ready"\n< ok'
    assert outcome("mcu-version-constant", f"{updated}\n5 > mcu_version 0002\n< ok") is PASS


# --- reports that the module does not take --------------------------------------------------------------------------


def tries(count: int, said: str, reply: str = "error", begin: float = 0.0) -> str:
    heard = f"\n< {reply}" if reply else ""
    return "\n".join(f"{begin + number * 0.2:.3f} > {said}{heard}" for number in range(count))


@pytest.mark.parametrize("reply", ["error", ""])
def test_an_mcu_that_repeats_one_report_has_not_come_to_the_next(reply: str) -> None:
    refused = tries(35, "model a.b.c", reply)
    taken = f"{refused}\n7 > model a.b.c\n< ok"
    polls = "\n".join(f"{8 + number * 0.2:.3f} {POLL}" for number in range(40))
    assert outcome("mcu-version-reported", f"{taken}\n7.1 > mcu_version 0001\n< ok\n{polls}") is PASS
    assert outcome("mcu-version-reported", f"{taken}\n{polls}") is FAIL
    assert outcome("model-reported", f"{taken}\n{polls}") is PASS
    # As long as it repeats it, it need not ask for work either.
    assert outcome("polls", refused) is UNSEEN
    assert outcome("mcu-version-reported", refused) is UNSEEN
    assert outcome("polls", f"{taken}\n12 > net\n< cloud") is FAIL


@pytest.mark.parametrize(("count", "expected"), [(20, FAIL), (21, WARNING), (30, WARNING)])
@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("model-until-ok", "model a.b.c"),
        ("mcu-version-until-ok", "mcu_version 0001"),
        ("ble-config-until-ok", "ble_config set 1 0001"),
    ],
)
def test_whoever_has_repeated_a_report_often_may_give_up(
    rule: str, said: str, count: int, expected: Outcome
) -> None:
    polls = "\n".join(f"{8 + number * 0.2:.3f} {POLL}" for number in range(40))
    found = verdict(rule, f"{tries(count, said)}\n{polls}")
    assert found.outcome is expected, found
    # After a pause the count begins anew.
    again = f"{tries(15, said)}\n{tries(15, said, begin=20.0)}\n40 {POLL}"
    assert verdict(rule, again).broken == 2


def test_a_report_that_crosses_the_ok_to_the_one_before_need_not_be_repeated() -> None:
    polls = "\n".join(f"{1 + number * 0.2:.3f} {POLL}" for number in range(40))
    both = "0 > mcu_version 0001\n> mcu_version 0001"
    assert verdict("mcu-version-until-ok", f"{both}\n< ok\n< error\n{polls}").broken == 0
    # It was said after the module had taken the first: a report of its own.
    assert verdict(
        "mcu-version-until-ok", f"0 > mcu_version 0001\n< ok\n{both[2:]}\n< error\n< error\n{polls}"
    ).broken


# --- another version -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expected", "between"),
    [
        (FAIL, f"1 {POLL}"),
        (UNSEEN, "1 --"),
        (PASS, '1 > get_down\n< down update_fw\n> result "ready"\n< ok'),
        # Its offer was missed, its answer was not.
        (PASS, '1 > result "ready"\n< ok'),
    ],
)
def test_another_version_after_what_may_have_been_an_update(expected: Outcome, between: str) -> None:
    found = verdict("mcu-version-constant", f"{VERSION}\n{between}\n5 > mcu_version 0002\n< ok")
    assert (found.broken, found.outcome is FAIL) == ((1, True) if expected is FAIL else (0, False))
    assert found.kept == (2 if expected is PASS else 1)
    # What belongs to a version is compared with that of its own time.
    ble = f"0.1 > ble_config set 1 0001\n< ok\n{between}\n5 > ble_config set 1 0002\n< ok"
    assert outcome("ble-config-valid", f"{VERSION}\n{ble}") is (FAIL if expected is FAIL else PASS)
    assert outcome("ble-config-valid", f"{VERSION}\n{ble}\n> mcu_version 0003\n< ok") is FAIL


def test_where_the_module_is_not_heard_nobody_knows_of_updates() -> None:
    assert outcome("mcu-version-constant", "> mcu_version 0001\n5 > mcu_version 0001") is PASS
    assert verdict("mcu-version-constant", "> mcu_version 0001\n5 > mcu_version 0002").broken == 0


# --- what shows a power-up ------------------------------------------------------------------------------------------

STEADY = "\n".join(f"{number * 0.2:.3f} {POLL}" for number in range(30))
"""Polls until 5.8 s."""
MODEL = "> model a.b.c\n< ok"


@pytest.mark.parametrize(
    ("seen", "script"),
    [
        (True, MODEL),
        (True, f"> properties_changed 2 1 true\n< ok\n0.3 {MODEL}"),
        (True, f"{STEADY}\n7 {MODEL}"),
        (False, f"{STEADY}\n5.9 {MODEL}"),
        (False, f"{STEADY}\n6.7 {MODEL}"),
        (False, f"0 {POLL}\n0.2 {MODEL}"),
        # An answer is a sign of life, too, and so is what a module does not take.
        (False, f"{ASK_MODEL.replace('MIIO_model_req', 'x')}\n3.5 > result 0\n< ok\n3.6 {MODEL}"),
        # What repeats a report, or goes on with it, is no other one.
        (
            False,
            f"{STEADY}\n5.9 > model a.b.c\n< error\n7.5 > model a.b.c\n< error\n9.5 {MODEL}\n> mcu_version 0001\n< ok",
        ),
        (True, f"{STEADY}\n5.9 {MODEL}\n6 {POLL}\n20 {MODEL}"),
        (True, f"{STEADY}\n5.9 {MODEL}\n20 {MODEL}"),
        # Nobody served the MCU, so that the module may have started with it.
        (True, f"0 > get_down\n0.2 > get_down\n0.4 {MODEL}"),
        # Something in between may be the cause of a start.
        (True, f"{STEADY}\n5.9 -- \n6 {MODEL}"),
        (True, f'{STEADY}\n5.9 > get_down\n< down update_fw\n> result "ready"\n< ok\n6.2 {MODEL}'),
        (True, f"{STEADY}\n5.9 > get_down\n< down update_fw\n6.2 {MODEL}"),
    ],
)
def test_only_an_mcu_that_was_not_served_right_before_has_been_switched_on(seen: bool, script: str) -> None:
    assert (Observed(talk(script)).booted is not None) is seen
    assert Observed(talk(script), from_boot=True).booted is not None, "that was promised"


def test_polls_speak_against_a_power_up_where_only_the_mcu_was_heard() -> None:
    alone = [record for record in talk(f"{STEADY}\n5.9 {MODEL}") if record.direction == "up"]
    assert Observed(alone).booted is None


def test_a_report_in_the_middle_of_polling_makes_no_power_up_to_judge() -> None:
    later = "\n".join(f"{7 + number * 0.2:.3f} {POLL}" for number in range(40))
    script = f"{STEADY}\n5.9 {MODEL}\n{later}"
    for name in ("model-reported", "mcu-version-reported"):
        assert verdict(name, script).text == "no power-up was seen"
    assert outcome("mcu-version-reported", f"{STEADY}\n7 {MODEL}\n8 {later}") is FAIL
    assert outcome("mcu-version-reported", script, from_boot=True) is FAIL


@pytest.mark.parametrize(
    ("broken", "warned", "script"),
    [
        (0, 1, rf"-1 > \xff\xffmodel a.b.c\n< ok\n{STEADY}"),
        (
            0,
            2,
            rf"> \xff\xffmodel a.b.c\n< ok\n1 > mcu_version 0001\n< ok\n2 {POLL}\n9 > \xffmodel a.b.c\n< ok",
        ),
        (2, 1, r"> \xffmodel a.b.c\n> \xffmodel a.b.c\n> \xffmodel a.b.c"),
        (1, 0, rf"{STEADY}\n9 > model a.b.c\xff"),
        (1, 0, rf"{STEADY}\n9 > \xff\xff\xffmodel a.b.c"),
        (1, 0, rf"{STEADY}\n9 > \xffget_down"),
    ],
)
def test_what_comes_from_power_up_stands_before_the_first_report_alone(
    broken: int, warned: int, script: str
) -> None:
    found = verdict("legal-characters", script.replace(r"\n", "\n"))
    assert (found.broken, found.warned) == (broken, warned), found


BOOT = "0 > model a.b.c\n< ok\n> mcu_version 0001\n< ok\n0.2 > get_down\n< down none\n"
SERVED = "0.4 > get_down\n< down get_properties 2 1\n"
AGAIN = "> model a.b.c\n< ok\n> mcu_version 0001\n< ok\n> get_down\n< down none"


@pytest.mark.parametrize(
    ("times", "script"),
    [
        (1, f"{SERVED}1.6 {AGAIN}"),
        (1, f"{SERVED}> result 2 1 0 true\n< ok\n1.6 {AGAIN}"),
        (1, f"{SERVED}> result 2\\\n0.6 {AGAIN}"),  # however soon: it broke off a line
        (2, f"{SERVED}> result 2\\\n0.6 {AGAIN}\n3 {AGAIN}"),
        (0, f"{SERVED}> result 2 1 0 true\n< ok\n0.6 {AGAIN}"),  # some tell it at any time
        (0, f"{SERVED}> result 2 1 0 true\n< ok\n0.6 {ASK_MODEL}\n2 > model a.b.c\n< ok"),
        (0, f"0.3 > reboot\n< ok\n{SERVED}1.6 {AGAIN}"),
        (0, '0.4 > get_down\n< down update_fw\n> result "ready"\n< ok\n9 ' + AGAIN),
        (0, f"{SERVED}1 -- \n1.6 {AGAIN}"),
    ],
)
def test_an_mcu_that_starts_in_the_middle_of_a_check_is_told(times: int, script: str) -> None:
    session = Observed(talk(BOOT + script), driven=True, from_boot=True)
    assert len(session.restarts) == times
    found = verdict("test-completed", BOOT + script, driven=True, from_boot=True)
    assert ("started again" in found.text) == bool(times)
    assert "started again" not in verdict("test-completed", BOOT + script, from_boot=True).text
