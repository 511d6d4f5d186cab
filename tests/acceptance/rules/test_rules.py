"""Each rule by itself, on conversations written down by hand."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.talk import outcome, talk, verdict
from support.tape import Tape

from miio_lan.acceptance import rules
from miio_lan.acceptance.rules.all import JUDGES, RULES, judge
from miio_lan.acceptance.rules.observed import Observed
from miio_lan.acceptance.rules.rulebook import Judge, rule
from miio_lan.acceptance.tester.progress import Progress
from miio_lan.acceptance.verdict import KINDS, Outcome
from miio_lan.device.description.spec import Spec
from miio_lan.record import Record
from miio_lan.record.marks import LINE_ENDS

LAMP = Spec.shipped("lamp")
PASS, FAIL, WARNING, UNSEEN = Outcome.PASS, Outcome.FAIL, Outcome.WARNING, Outcome.NOT_OBSERVED

BOOTED = "> model a.b.c\n< ok\n"  # an MCU that has just started owes no answer to anything from before
HEARD = "> get_down\n< down none"
GET = "< down get_properties 2 1 2 2"
PUT_OFF = "> get_down\n< error"
NEXT = "> get_down\n< down none"
SET = "< down set_properties 2 1 true 2 2 10"
ACT = "< down action 2 2 10 5"


def polls(every: float, count: int = 12) -> str:
    return "\n".join(f"{number * every:.3f} > get_down\n< down none" for number in range(count))


def test_rules_have_names_titles_sources_and_kinds() -> None:
    names = [each.name for each in RULES]
    assert len(set(names)) == len(names) > 50
    assert all(name == name.lower().replace(" ", "-").replace("_", "-") for name in names)
    assert all(each.title and each.source and each.kind in KINDS for each in RULES)


def test_no_file_of_rules_is_forgotten_nor_named_twice() -> None:
    names = [each.name for each in pkgutil.walk_packages(rules.__path__, f"{rules.__name__}.")]
    written = {
        id(each)
        for name in names
        for each in vars(importlib.import_module(name)).values()
        if isinstance(each, Judge)
    }
    assert written == {id(each) for each in JUDGES}
    assert len(written) == len(JUDGES)


def test_they_stand_in_the_order_of_a_report() -> None:
    names = [each.name for each in RULES]
    assert names.index("line-length") < names.index("parameter-count") < names.index("line-end")
    assert (names[0], names[-1]) == ("line-length", "test-completed")


def test_a_rule_of_a_kind_that_does_not_exist_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="no kind"):
        rule("x", source="x", kind="x")


def test_of_nothing_nothing_is_judged() -> None:
    assert {each.outcome for each in judge([])} == {UNSEEN}
    assert [each.rule for each in judge([])] == list(RULES)


CASES: list[tuple[str, Outcome, str]] = [
    # form
    ("line-length", PASS, "> " + "x" * 511),
    ("line-length", FAIL, "> " + "x" * 512),
    ("parameter-count", PASS, "> properties_changed" + " 1" * 63),
    ("parameter-count", FAIL, "> properties_changed" + " 1" * 66),
    ("parameter-count", FAIL, "< down some_method\n> result " + ",".join("1" * 65)),
    ("parameter-count", PASS, "< down some_method\n> result " + ",".join("1" * 64)),
    ("line-end", PASS, "> net"),
    ("line-end", WARNING, "> net\n> \\nnet"),
    ("line-end", FAIL, "> net\\\n1.5 > net"),
    ("line-end", UNSEEN, "> net\\"),
    ("line-end", FAIL, f"{GET}\n> result 2 1 0 true 2 2 0 10get_down"),
    ("legal-characters", PASS, "> net"),
    ("legal-characters", WARNING, "> \\xff\\xffmodel a.b.c\n> net"),
    ("legal-characters", FAIL, "> net\n> \\xffnet"),
    ("legal-characters", FAIL, '> properties_changed 1 1 "\\xe4"'),
    ("known-commands", PASS, "> net\n> get_down"),
    ("known-commands", WARNING, "> country_code"),
    ("known-commands", WARNING, '> props power "on"'),
    ("known-commands", FAIL, "> *** banner ***"),
    ("spacing", PASS, '> properties_changed 1 1 "two  spaces "'),
    ("spacing", WARNING, "> properties_changed 1 1  17"),
    ("spacing", WARNING, "> get_down\\x20"),
    ("string-quotes", PASS, '> properties_changed 1 1 "on"'),
    ("string-quotes", FAIL, "> properties_changed 1 1 on"),
    ("string-quotes", FAIL, f"{GET}\n> result 2 1 0 on 2 2 0 5"),
    ("string-quotes", UNSEEN, "> properties_changed 1 1 5"),
    ("string-quotes", UNSEEN, "< down some_method\n> result ok,on"),
    ("value-form", PASS, '> properties_changed 1 1 -5 1 2 0.5 1 3 true 1 4 "x"'),
    ("value-form", WARNING, "> properties_changed 1 1 23.600000"),
    ("value-form", FAIL, "> properties_changed 1 1 null"),
    ("value-form", FAIL, "> properties_changed 1 1 007"),
    ("value-form", FAIL, '> properties_changed 1 1 "unfinished'),
    ("local-commands", PASS, "> time posix\n> echo off\n> ble_config dump\n> model"),
    ("local-commands", FAIL, '> model "a.b.c"'),
    ("local-commands", FAIL, "> echo please"),
    ("local-commands", FAIL, "> net now"),
    ("local-commands", FAIL, "> ble_config"),
    # boot
    ("model-reported", PASS, "> model a.b.c\n< ok"),
    ("model-reported", PASS, "> mcu_version 0001\n< ok\n4.9 > model a.b.c\n< ok"),
    ("model-reported", FAIL, "-2 < down none\n0 > mcu_version 0001\n< ok\n5.1 > get_down"),
    ("model-reported", UNSEEN, "> mcu_version 0001\n< ok\n5.1 > get_down"),
    ("model-reported", UNSEEN, "> mcu_version 0001\n< ok\n4.0 > get_down"),
    ("model-reported", UNSEEN, "> get_down\n< down none\n10 > get_down"),
    # The module says ok to a line that was missed: it may have been the report.
    ("model-reported", UNSEEN, "0 < ok\n0.1 > mcu_version 0001\n< ok\n5.2 > get_down"),
    ("model-valid", PASS, "> model xiaomi.prod.v2"),
    ("model-valid", FAIL, "> model plug"),
    ("model-valid", FAIL, "> model company.product_name_that_is_too_long.v2"),
    ("model-valid", UNSEEN, "> model\n< a.b.c"),
    ("model-matches", UNSEEN, "> model a.b.c"),
    ("model-until-ok", PASS, "> model a.b.c\n< error\n0.3 > model a.b.c\n< ok"),
    ("model-until-ok", FAIL, "> model a.b.c\n< error\n0.3 > get_down\n< down none\n6 > get_down"),
    ("model-until-ok", FAIL, "> model a.b.c\n< error\n6 > model a.b.c\n< ok"),
    ("model-until-ok", UNSEEN, "> model a.b.c\n< ok"),
    ("model-until-ok", UNSEEN, "> model a.b.c\n6 > get_down"),
    ("model-until-ok", UNSEEN, "> model a.b.c\n< error\n1 -- \n9 > get_down\n< down none"),
    (
        "model-until-ok",
        UNSEEN,
        "> model a.b.c\n< error\n> get_down\n< down MIIO_model_req\n> model a.b.c\n< ok",
    ),
    ("model-on-request", PASS, "> get_down\n< down MIIO_model_req\n> model a.b.c"),
    ("model-on-request", WARNING, "> get_down\n< down MIIO_model_req\n5 > get_down"),
    ("mcu-version-reported", PASS, "> mcu_version 0001\n< ok"),
    ("mcu-version-reported", FAIL, "> model a.b.c\n< ok\n5.1 > get_down"),
    ("mcu-version-valid", PASS, "> mcu_version 0001"),
    ("mcu-version-valid", FAIL, "> mcu_version A001"),
    ("mcu-version-valid", FAIL, "> mcu_version 1"),
    ("mcu-version-valid", FAIL, "> mcu_version"),
    ("mcu-version-until-ok", PASS, "> mcu_version 0001\n< error\n> mcu_version 0001\n< ok"),
    ("mcu-version-until-ok", FAIL, "> mcu_version 0001\n< error\n6 > get_down"),
    ("mcu-version-on-request", PASS, "< down MIIO_mcu_version_req\n> mcu_version 0001"),
    ("mcu-version-on-request", FAIL, "< down MIIO_mcu_version_req\n> get_down\n5 > mcu_version 0001"),
    ("mcu-version-on-request", UNSEEN, "< down MIIO_mcu_version_req\n1 > get_down"),
    ("mcu-version-constant", PASS, "> mcu_version 0001\n< ok\n> mcu_version 0001"),
    ("mcu-version-constant", FAIL, "> mcu_version 0001\n< ok\n> mcu_version 0002"),
    (
        "mcu-version-constant",
        PASS,
        '> mcu_version 0001\n< ok\n< down update_fw\n> result "ready"\n< ok\n9 > mcu_version 0002',
    ),
    ("mcu-version-constant", UNSEEN, "> mcu_version none"),
    ("ble-config-valid", PASS, "> mcu_version 0001\n> ble_config set 156 0001"),
    ("ble-config-valid", FAIL, "> mcu_version 0001\n> ble_config set 156 0002"),
    ("ble-config-valid", FAIL, "> ble_config set 65536 0001"),
    ("ble-config-valid", FAIL, "> ble_config set"),
    ("ble-config-until-ok", PASS, "> ble_config set 1 0001\n< error\n> ble_config set 1 0001\n< ok"),
    ("ble-config-until-ok", FAIL, "> ble_config set 1 0001\n< error\n6 > get_down"),
    # polling
    ("polls", PASS, "> get_down"),
    ("polls", FAIL, "> model a.b.c\n< ok\n3.5 > net\n< cloud"),
    ("polls", UNSEEN, "> model a.b.c\n< ok\n1 > net\n< cloud"),
    ("poll-interval", PASS, polls(0.1)),
    ("poll-interval", PASS, polls(0.2)),
    ("poll-interval", FAIL, polls(0.05)),
    ("poll-interval", FAIL, polls(0.3)),
    ("poll-interval", UNSEEN, polls(0.2, 4)),
    ("poll-interval", WARNING, polls(0.2) + "\n2.9 > get_down\n< down none"),
    ("answers-only-downlinks", PASS, f"> get_down\n{GET}\n> result 2 1 0 true 2 2 0 10\n< ok"),
    ("answers-only-downlinks", FAIL, f"{BOOTED}> get_down\n< down none\n> result 1"),
    ("answers-only-downlinks", FAIL, f"{BOOTED}> get_down\n{GET}\n> result 1\n< ok\n> result 1"),
    ("answers-only-downlinks", WARNING, f"{BOOTED}> get_down\n{GET}\n> result 1\n< error\n> result 1"),
    ("answers-only-downlinks", UNSEEN, "> result 2 1 0 true"),
    (
        "answers-only-downlinks",
        UNSEEN,
        f"{BOOTED}> get_down\n< down none\n> result 1\n> get_down\n< down none",
    ),
    (
        "answers-only-downlinks",
        FAIL,
        f"{BOOTED}> get_down\n< down none\n> result 1\n< error\n> get_down\n< down none",
    ),
    ("answers-only-downlinks", UNSEEN, f"{BOOTED}> get_down\n< down none\n> result 1\n< ok"),
    (
        "answers-only-downlinks",
        PASS,
        '> get_down\n< down MIIO_model_req\n> error "undefined command" -5001\n< error',
    ),
    ("net-change-taken", PASS, "> get_down\n< down MIIO_net_change local\n0.2 > get_down"),
    ("net-change-taken", FAIL, "> get_down\n< down MIIO_net_change local\n4 < error"),
    ("net-change-taken", UNSEEN, "> get_down\n< down MIIO_net_change local\n1 < error"),
    # answers
    ("downlink-answered", PASS, f"{GET}\n4.5 > result 1"),
    ("downlink-answered", PASS, f'{GET}\n> error "no" -5001'),
    ("downlink-answered", FAIL, f"{GET}\n4.5 > get_down"),
    ("downlink-answered", FAIL, f"> get_down\n{GET}\n5 < down action 1 1"),
    ("downlink-answered", UNSEEN, f"> get_down\n{GET}\n1 < down action 1 1"),
    ("downlink-answered", UNSEEN, f"{GET}\n1 > get_down"),
    # An older module waits for a second: what was still open then, and not answered within 4 s, never was.
    ("downlink-answered", FAIL, f"{GET}\n0.8 {PUT_OFF}\n1 {NEXT}\n4.1 {NEXT}"),
    ("downlink-answered", UNSEEN, f"{GET}\n0.8 {PUT_OFF}\n1 {NEXT}\n3.9 {NEXT}"),
    ("downlink-answered", UNSEEN, f"{GET}\n0.6 {PUT_OFF}\n1 {NEXT}\n4.1 {NEXT}"),
    ("downlink-answered", UNSEEN, f"{GET}\n0.75 {PUT_OFF}\n0.8 {NEXT}\n4.1 {NEXT}"),
    ("downlink-answered", UNSEEN, f"{GET}\n0.8 {PUT_OFF}\n1 {NEXT}\n3 < ok\n4.1 {NEXT}"),
    (
        "downlink-answered",
        PASS,
        f"{GET}\n0.8 {PUT_OFF}\n1 {NEXT}\n3 > result 2 1 0 1 2 2 0 1\n< error\n4.1 {NEXT}",
    ),
    ("downlink-answered", UNSEEN, f"{GET}\n0.8 {PUT_OFF}\n1 {NEXT}\n3 > result 1\n< error\n4.1 {NEXT}"),
    ("downlink-answered", UNSEEN, f"{GET}\n1 -- \n6 > get_down"),
    ("downlink-answered", UNSEEN, "< down unknown_command\n6 > get_down"),
    ("answer-time", PASS, "0 < down action 1 1\n4 > result 1 1 0"),
    ("answer-time", FAIL, "0 < down action 1 1\n4.1 > result 1 1 0"),
    ("unknown-downlink", PASS, '< down unknown_command\n> error "no" -5000'),
    ("unknown-downlink", FAIL, "< down unknown_command\n> result 0"),
    ("unknown-downlink", FAIL, f"{GET}\n> result 1\n< down unknown_command\n5 > get_down"),
    ("unknown-downlink", UNSEEN, "< down unknown_command\n5 > get_down"),
    ("malformed-downlink", PASS, '< down get_properties 2\n> error "no" -5000'),
    ("malformed-downlink", WARNING, "< down get_properties 2\n> result 2 0 -4003"),
    ("malformed-downlink", FAIL, "< down get_properties 2\n> result 2 0 0 1"),
    ("malformed-downlink", FAIL, f"{GET}\n> result 1\n< down action 2\n5 > get_down"),
    ("malformed-downlink", UNSEEN, "< down set_properties\n5 > get_down"),
    ("long-downlink", PASS, f'< down unknown_command "{"x" * 480}"\n> error "no" -5000'),
    ("long-downlink", FAIL, f'< down unknown_command "{"x" * 480}"\n5 > get_down'),
    (
        "long-downlink",
        UNSEEN,
        f'< down unknown_command\n5 < down unknown_command "{"x" * 480}"\n10 > get_down',
    ),
    ("error-form", PASS, '> error "memory error" -5003'),
    ("error-form", FAIL, '> error "memory error" -4999'),
    ("error-form", FAIL, "> error memory -5003"),
    ("error-form", FAIL, "> error -5003"),
    ("error-form", FAIL, '> error "memory" -5003 1'),
    ("get-result", PASS, f"{GET}\n> result 2 1 0 true 2 2 -4004"),
    ("get-result", FAIL, f"{GET}\n> result 2 1 0 true"),
    # The reply to a poll was missed: what was handed out then may be what is answered late, while 2.1 and 2.2 wait.
    (
        "get-result",
        PASS,
        (
            f"{HEARD}\n10 > get_down\n14.2 > get_down\n{GET}\n> result 3 1 0 5\n< error\n"
            "> result 2 1 0 true 2 2 0 50\n< ok"
        ),
    ),
    (
        "get-result",
        FAIL,
        f"{HEARD}\n10 > get_down\n< down none\n14.2 > get_down\n{GET}\n> result 3 1 0 5\n< error",
    ),
    ("get-result", FAIL, f"{GET}\n> result 2 1 0 true 2 2 0"),
    ("get-result", FAIL, f"{GET}\n> result 2 1 true 2 2 50"),
    ("get-result", FAIL, f"{GET}\n> result 2 1 0 true 2 2 -4004 50"),
    ("get-result", FAIL, f"{GET}\n> result 2 1 0 true 2 2 0 5 2 3 0 1"),
    ("get-result", FAIL, f"{GET}\n> result 2 1 0 true 2 2 0 5 2 2 0 5"),
    ("get-result", UNSEEN, f"{GET}\n> result 2 1 0 on 2 2 0 5"),
    ("set-result", PASS, f"{SET}\n> result 2 1 0 2 2 -4005"),
    ("set-result", FAIL, f"{SET}\n> result 2 1 0 2 2"),
    ("set-result", FAIL, f"{SET}\n> result 2 1 0 true 2 2 0 10"),
    ("set-result", FAIL, f"{BOOTED}{SET}\n> result"),
    ("set-result", UNSEEN, f"{SET}\n> result"),
    ("action-result", PASS, f"{ACT}\n> result 2 2 0 2 65"),
    ("action-result", PASS, f"{ACT}\n> result 2 2 -4006"),
    ("action-result", FAIL, f"{ACT}\n> result 2 2"),
    ("action-result", FAIL, f"{BOOTED}{ACT}\n> result 2 3 0"),
    ("action-result", FAIL, f"{ACT}\n> result 2 2 -4006 2 65"),
    ("action-result", FAIL, f"{ACT}\n> result 2 2 0 2"),
    ("status-codes", PASS, f"{SET}\n> result 2 1 0 2 2 -4005"),
    ("status-codes", PASS, f"{ACT}\n> result 2 2 1"),
    ("status-codes", FAIL, f"{SET}\n> result 2 1 0 2 2 -5001"),
    ("status-codes", FAIL, f"{ACT}\n> result 2 2 -1"),
    ("update-answer", PASS, '< down update_fw\n> result "ready"'),
    ("update-answer", PASS, '< down update_fw\n0.1 < down update_fw\n5 > result "busy"'),
    ("update-answer", FAIL, '< down update_fw\n> result "ok"'),
    ("update-answer", FAIL, '< down update_fw\n> error "no" -5000'),
    ("update-answer", FAIL, "< down update_fw\n5 > get_down"),
    (
        "update-return",
        PASS,
        '< down update_fw\n> result "ready"\n< ok\n> Cget_down\n9 > model a.b.c\n> mcu_version 0002',
    ),
    ("update-return", UNSEEN, '< down update_fw\n> result "ready"\n< ok\n9 > get_down'),
    # values, without a description
    ("booleans", WARNING, '> properties_changed 1 1 "true"'),
    ("booleans", PASS, "> properties_changed 1 1 true"),
    ("value-types", UNSEEN, "> properties_changed 1 1 true"),
    # reports
    ("properties-changed-form", PASS, '> properties_changed 1 1 17 1 2 "hi"'),
    ("properties-changed-form", FAIL, "> properties_changed 1 1"),
    ("properties-changed-form", FAIL, "> properties_changed"),
    ("properties-changed-form", FAIL, "> properties_changed 1 1 0 5"),
    ("properties-changed-form", UNSEEN, "> properties_changed 1 1 two words"),
    ("event-form", PASS, "> event_occured 1 1\n> event_occured 1 1 1 17"),
    ("event-form", FAIL, "> event_occured 1"),
    ("event-form", FAIL, "> event_occured 1 1 1"),
    ("event-form", UNSEEN, "> event_occured 1 1 1 two words"),
    ("event-rate", PASS, "\n".join(f"{at} > event_occured 1 1\n< ok" for at in (0, 0.1, 0.2, 1.0))),
    ("event-rate", FAIL, "\n".join(f"{at} > event_occured 1 1\n< ok" for at in (0, 0.1, 0.2, 0.9))),
    ("event-rate", PASS, "\n".join(f"{at} > event_occured 1 1\n< error" for at in (0, 0.1, 0.2, 0.9))),
    ("reports-known", UNSEEN, "> properties_changed 1 1 17"),
    ("event-arguments", UNSEEN, "> event_occured 1 1"),
    ("report-after-result", WARNING, f"{SET}\n> properties_changed 2 1 true\n< ok\n> result 2 1 0 2 2 0"),
    ("report-after-result", PASS, f"{SET}\n> result 2 1 0 2 2 0\n< ok\n> properties_changed 2 1 true"),
    ("report-after-result", UNSEEN, f"{SET}\n> result 2 1 0 2 2 0\n< ok\n9 > properties_changed 2 1 true"),
    ("report-after-result", UNSEEN, f"{SET}\n> properties_changed 2 1 false\n< ok\n> result 2 1 0 2 2 0"),
    (
        "set-reported",
        WARNING,
        f"{GET}\n> result 2 1 0 false 2 2 0 10\n{SET}\n> result 2 1 0 2 2 0\n3 > get_down",
    ),
    # the far ends
    ("module-replies", PASS, "> net\n< cloud\n> model a.b.c\n< ok"),
    ("module-replies", WARNING, "> net\n< lan"),
    ("module-downlinks", PASS, GET),
    ("module-downlinks", WARNING, "< down get_properties 2"),
    ("factory-command", PASS, "> net"),
    ("factory-command", WARNING, "> factory\n< ok"),
]


@pytest.mark.parametrize(("name", "expected", "script"), CASES)
def test_rule(name: str, expected: Outcome, script: str) -> None:
    found = verdict(name, script)
    assert found.outcome is expected, found
    assert found.text
    assert found.evidence or expected is UNSEEN


BY_DESCRIPTION: list[tuple[str, Outcome, str]] = [
    ("model-matches", PASS, f"> model {LAMP.model}"),
    ("model-matches", FAIL, "> model a.b.c"),
    ("booleans", PASS, "> properties_changed 2 1 true"),
    ("booleans", FAIL, '> properties_changed 2 1 "true"'),
    ("booleans", FAIL, "< down get_properties 2 1\n> result 2 1 0 1"),
    ("value-types", PASS, '> properties_changed 2 2 50 2 11 "x" 3 2 23'),
    ("value-types", FAIL, '> properties_changed 2 2 "50"'),
    ("value-types", FAIL, "> properties_changed 2 2 50.5"),
    ("value-types", FAIL, "> properties_changed 2 2 true"),
    ("value-types", FAIL, "> properties_changed 2 11 5"),
    ("value-types", FAIL, "> event_occured 6 2 1 true"),
    ("value-range", PASS, "> properties_changed 2 2 100 2 3 2700"),
    ("value-range", FAIL, "> properties_changed 2 2 101"),
    ("value-range", FAIL, "> properties_changed 2 5 9"),
    ("value-range", FAIL, "< down action 2 2 10 5\n> result 2 2 0 2 101"),
    ("readable-properties", PASS, "< down get_properties 2 1\n> result 2 1 0 true"),
    ("readable-properties", FAIL, "< down get_properties 2 1\n> result 2 1 -4003"),
    ("not-readable", PASS, "< down get_properties 2 9\n> result 2 9 -4001"),
    ("not-readable", WARNING, "< down get_properties 2 9\n> result 2 9 -4004"),
    ("not-readable", FAIL, '< down get_properties 2 9\n> result 2 9 0 "x"'),
    ("no-such-property", PASS, "< down get_properties 2 99\n> result 2 99 -4003"),
    ("no-such-property", FAIL, "< down set_properties 2 99 1\n> result 2 99 0"),
    ("writable-properties", PASS, "< down set_properties 2 2 10\n> result 2 2 0"),
    ("writable-properties", PASS, "< down set_properties 2 2 10\n> result 2 2 1"),
    ("writable-properties", FAIL, "< down set_properties 2 2 10\n> result 2 2 -4005"),
    ("not-writable", PASS, "< down set_properties 2 6 1\n> result 2 6 -4002"),
    ("not-writable", FAIL, "< down set_properties 2 6 1\n> result 2 6 0"),
    ("bad-value", PASS, "< down set_properties 2 2 101\n> result 2 2 -4005"),
    ("bad-value", WARNING, "< down set_properties 2 2 101\n> result 2 2 -4004"),
    ("bad-value", FAIL, "< down set_properties 2 2 101\n> result 2 2 0"),
    (
        "set-takes-effect",
        PASS,
        "< down set_properties 2 2 10\n> result 2 2 0\n< down get_properties 2 2\n> result 2 2 0 10",
    ),
    (
        "set-takes-effect",
        FAIL,
        "< down set_properties 2 2 10\n> result 2 2 0\n< down get_properties 2 2\n> result 2 2 0 11",
    ),
    (
        "set-takes-effect",
        UNSEEN,
        (
            "< down set_properties 2 2 10\n> result 2 2 0\n< down action 2 1\n> result 2 1 0\n"
            "< down get_properties 2 2\n> result 2 2 0 11"
        ),
    ),
    ("actions-run", PASS, "< down action 2 2 10 5\n> result 2 2 0 2 65"),
    ("actions-run", FAIL, "< down action 2 2 10 5\n> result 2 2 -4004"),
    ("no-such-action", PASS, "< down action 2 9\n> result 2 9 -4003"),
    ("no-such-action", FAIL, "< down action 2 9\n> result 2 9 0"),
    ("bad-argument", PASS, "< down action 2 2\n> result 2 2 -4006"),
    ("bad-argument", WARNING, "< down action 2 2 10 500\n> result 2 2 -4005"),
    ("bad-argument", FAIL, "< down action 2 2\n> result 2 2 0 2 50"),
    ("reports-known", PASS, "> properties_changed 2 1 true\n> event_occured 6 2 1 5 2 0.5"),
    ("reports-known", WARNING, "> properties_changed 2 7 1"),
    ("reports-known", FAIL, "> properties_changed 9 1 true"),
    ("reports-known", FAIL, "> event_occured 6 9"),
    ("reports-known", FAIL, "> event_occured 6 1 1 5"),
    (
        "set-reported",
        PASS,
        (
            f"> properties_changed 2 1 false\n< ok\n{SET}\n> result 2 1 0 2 2 0\n< ok\n> properties_changed 2 1 true\n"
            "3 > get_down"
        ),
    ),
    (
        "set-reported",
        FAIL,
        f"> properties_changed 2 1 false\n< ok\n{SET}\n> result 2 1 0 2 2 0\n3 > get_down",
    ),
    (
        "set-reported",
        UNSEEN,
        f"> properties_changed 2 1 false\n< ok\n{SET}\n> result 2 1 0 2 2 0\n1 > get_down",
    ),
    (
        "set-reported",
        UNSEEN,
        f"> properties_changed 2 1 true\n< ok\n{SET}\n> result 2 1 0 2 2 0\n3 > get_down",
    ),
    ("set-reported", UNSEEN, f"{SET}\n> result 2 1 0 2 2 0\n3 > get_down"),
    (
        "set-reported",
        UNSEEN,
        "> properties_changed 2 7 0\n< ok\n< down set_properties 2 7 1\n> result 2 7 0\n3 > get_down",
    ),
    ("serial-number", PASS, '< down MIIO_net_change cloud\n> properties_changed 1 5 "12345/A026Z00001"'),
    ("serial-number", PASS, f'< down MIIO_net_change cloud\n> properties_changed 1 5 "{"S" * 30}"'),
    ("serial-number", WARNING, f'< down MIIO_net_change cloud\n> properties_changed 1 5 "{"S" * 31}"'),
    (
        "serial-number",
        WARNING,
        f'< down MIIO_net_change cloud\n> properties_changed 2 1 true 1 5 "{"S" * 31}"',
    ),
    ("serial-number", WARNING, f"{BOOTED}> get_down\n< down MIIO_net_change cloud\n3 > get_down"),
    ("serial-number", UNSEEN, f"{BOOTED}> get_down\n< down MIIO_net_change cloud\n< ok\n3 > get_down"),
    ("serial-number", UNSEEN, f"{BOOTED}> get_down\n< down MIIO_net_change cloud\n1 -- \n3 > get_down"),
    ("serial-number", UNSEEN, "> get_down\n< down MIIO_net_change cloud\n3 > get_down"),
    ("serial-number", UNSEEN, "< down MIIO_net_change local\n3 > get_down"),
]


@pytest.mark.parametrize(("name", "expected", "script"), BY_DESCRIPTION)
def test_rule_by_the_description(name: str, expected: Outcome, script: str) -> None:
    found = verdict(name, script, spec=LAMP)
    assert found.outcome is expected, found
    assert found.evidence or expected is UNSEEN


def test_a_guessed_model_blames_nobody() -> None:
    guessed = replace(LAMP, model_guessed=True)
    assert verdict("model-matches", "> model a.b.c", spec=LAMP).outcome is FAIL
    assert verdict("model-matches", "> model a.b.c", spec=guessed).outcome is UNSEEN


def test_whoever_knows_that_it_was_a_power_up_misses_what_is_missing() -> None:
    script = "> get_down\n< down none\n6 > get_down"
    assert outcome("model-reported", script) is UNSEEN
    assert outcome("model-reported", script, from_boot=True) is FAIL
    assert outcome("mcu-version-reported", script, from_boot=True) is FAIL


def test_the_end_of_the_observation_counts_when_it_is_known() -> None:
    assert outcome("polls", "> model a.b.c\n< ok") is UNSEEN
    assert outcome("polls", "> model a.b.c\n< ok", ended=104.0) is FAIL
    assert outcome("polls", "< ok", driven=True, ended=104.0) is FAIL
    assert outcome("downlink-answered", f"> get_down\n{GET}", ended=105.0) is FAIL
    assert outcome("downlink-answered", GET, driven=True, ended=105.0) is FAIL


def test_of_an_mcu_that_nobody_listened_to_nothing_is_told() -> None:
    heard = f"{GET}\n< ok\n3 {SET}\n< ok\n5 < down none"
    assert outcome("downlink-answered", heard) is UNSEEN
    assert FAIL not in {each.outcome for each in judge(talk(heard))}


def test_what_the_checker_says_as_the_module_is_not_judged() -> None:
    script = "> net\n< lan\n< down get_properties 2"
    assert outcome("module-replies", script, driven=True) is UNSEEN
    assert outcome("module-downlinks", script, driven=True) is UNSEEN


def test_the_text_says_how_many_of_how_many() -> None:
    found = verdict("mcu-version-valid", "> mcu_version 1\n> mcu_version 0001\n> mcu_version 2")
    assert found.text.startswith("2 of 3: the version '1'")
    assert [each.record.raw for each in found.evidence if each.record] == [
        b"mcu_version 1\r",
        b"mcu_version 2\r",
    ]
    alone = verdict("mcu-version-valid", "> mcu_version 1")
    assert alone.text.startswith("the version '1'")
    assert verdict("mcu-version-valid", "> mcu_version 0001\n> mcu_version 0001").text == "kept 2 times"


def test_evidence_is_bounded() -> None:
    script = "\n".join(["> mcu_version 1"] * 50)
    found = verdict("mcu-version-valid", script)
    assert len(found.evidence) == 20
    assert found.text.startswith("50 of 50")
    assert len(verdict("polls", polls(0.2)).evidence) == 3


def test_a_failure_shows_its_warnings_too() -> None:
    script = "> props a 1\n> *** banner"
    found = verdict("known-commands", script)
    assert found.outcome is FAIL
    assert len(found.evidence) == 2


def test_the_model_is_the_last_one_reported() -> None:
    assert Observed(talk("> model a.b.c\n< ok\n> model d.e.f\n< ok\n> model")).model == "d.e.f"
    assert Observed(talk("> get_down")).model == ""


def test_without_a_report_the_model_is_what_info_tells() -> None:
    asked = Tape().ask(1, "miIO.info").reply(1, {"model": "a.b.c", "mcu_fw_ver": "0001"})
    asked.ask(2, "miIO.info").reply(2, {"model": 5}).ask(3, "get_prop", []).reply(3, {"model": "x.y.z"})
    assert Observed(asked.records).model == "a.b.c"
    assert Observed([*asked.records, *Tape().up("model d.e.f").records]).model == "d.e.f"


_PIECES = st.sampled_from(
    [
        *(
            "get_down",
            "result 2 1 0 true",
            "result",
            'error "x" -5000',
            "error",
            "model a.b.c",
            "mcu_version 0001",
        ),
        *("properties_changed 2 1 true", "event_occured 6 2 1", "down none", "down get_properties 2 1", "ok"),
        *(
            "down set_properties 2 2 5",
            "down action 2 2 10 5",
            "down update_fw",
            'result "ready"',
            "error",
            "help",
        ),
        *(
            "down unknown_command",
            "down MIIO_mcu_version_req",
            "down MIIO_net_change cloud",
            "net",
            "echo on",
            "\x00",
        ),
        *(
            'result 2 1 0 "a',
            "result 2 1 0get_down",
            "down",
            "down get_properties 2",
            "",
            "\n",
            "# ok",
            "factory",
        ),
    ]
)
_RAW = st.one_of(
    st.binary(max_size=40), st.lists(_PIECES, max_size=3).map(lambda each: "".join(each).encode())
)
_RECORDS = st.builds(
    Record,
    wire=st.just("uart"),
    direction=st.sampled_from(["up", "down"]),
    instant=st.floats(0, 60),
    wall=st.just(0.0),
    raw=_RAW.map(lambda raw: raw + b"\r"),
    note=st.sampled_from(["", "", "", "echo", "noise", "xmodem"]),
)
_ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
_ITEM = st.fixed_dictionaries(
    {},
    optional={
        "siid": st.just(2) | _ANY_JSON,
        "piid": st.just(1) | _ANY_JSON,
        "value": _ANY_JSON,
        "code": _ANY_JSON,
    },
)
_LAN = st.builds(
    Record,
    wire=st.just("lan"),
    direction=st.sampled_from(["up", "down"]),
    instant=st.floats(0, 60),
    wall=st.just(0.0),
    raw=st.just(b"{}"),
    reading=st.fixed_dictionaries(
        {"id": st.integers(1, 3) | _ANY_JSON},
        optional={
            "method": st.sampled_from(["get_properties", "set_properties", "action", "miIO.info", "x"])
            | _ANY_JSON,
            "params": st.lists(_ITEM, max_size=2) | _ITEM | _ANY_JSON,
            "result": st.lists(_ITEM, max_size=2) | _ITEM | _ANY_JSON,
            "error": _ANY_JSON,
        },
    ),
)


@given(records=st.lists(_RECORDS | _LAN, max_size=25), described=st.booleans())
def test_whatever_crossed_the_wires_there_is_a_verdict_on_every_rule(records, described) -> None:
    verdicts = judge(records, spec=LAMP if described else None)
    assert [each.rule for each in verdicts] == list(RULES)
    assert all(each.text for each in verdicts)


# --- the end, and what is missing at it ----------------------------------------------------------------------------

POLL = "> get_down\n< down none"


@pytest.mark.parametrize(
    ("name", "expected", "script"),
    [
        # Silence may be that of a product that was switched off.
        ("polls", WARNING, f"{POLL}\n> get_down"),
        ("polls", WARNING, f"{POLL}\n> net\n< cloud"),
        ("polls", FAIL, f"{POLL}\n8 > net\n< cloud"),
        # The module goes on to be asked: the MCU is not heard any more. What it was given last may keep it busy.
        ("polls", PASS, f"{POLL}\n8 < down none"),
        ("polls", PASS, f"{POLL}\n4 < down action 1 1"),
        ("polls", WARNING, f"{POLL}\n2 < down none"),
        ("polls", FAIL, f"{POLL}\n2 < down none\n9.5 > net\n< cloud"),
        ("polls", UNSEEN, "> model a.b.c\n< ok\n8 < down none"),
        # A line that was lost tells nothing of the MCU.
        ("polls", PASS, f"{POLL}\n> net\n< cloud\n1 -- "),
        # Who works on an answer, or on an update, need not poll.
        ("polls", PASS, "3 > get_down\n< down action 1 1\n> properties_changed 1 1 1\n< ok"),
        ("polls", PASS, '> get_down\n< down update_fw\n> result "ready"\n< ok\n> banner'),
        ("polls", FAIL, '> get_down\n< down update_fw\n> result "busy"\n< ok\n9 > banner'),
        ("polls", FAIL, "> get_down\n< down action 1 1\n9 > properties_changed 1 1 1\n< ok"),
        ("test-completed", UNSEEN, POLL),
        ("test-completed", UNSEEN, "1 -- "),
        ("test-completed", FAIL, f"{POLL}\n1 -- "),
        ("test-completed", FAIL, f"{POLL}\n1 -- \n9 < down none"),
        ("test-completed", UNSEEN, f"{POLL}\n9.5 -- "),
        ("test-completed", WARNING, f"{POLL}\n1 -- \n3 > get_down"),
    ],
)
def test_the_end(name: str, expected: Outcome, script: str) -> None:
    found = verdict(name, script, ended=110.0)
    assert found.outcome is expected, found


def test_a_checker_that_still_asks_knows_that_nobody_switched_the_product_off() -> None:
    assert outcome("polls", POLL, ended=110.0, course=Progress()) is FAIL


def test_whoever_plays_the_module_has_nobody_to_miss_a_poll() -> None:
    script = f"{POLL}\n8 < down none"
    assert outcome("polls", script, ended=110.0, driven=True, course=Progress()) is FAIL


def test_a_lost_port_is_named_with_its_reason_and_its_time() -> None:
    text = verdict("test-completed", f"{POLL}\n1 -- ", ended=110.0).text
    assert text == (
        "the port at which the MCU is heard was lost (unplugged) 9.0 s before the end, and did not come back"
    )
    assert verdict("test-completed", f"{POLL}\n1 -- \n3.5 > get_down").text.endswith("(unplugged) for 2.5 s")


def test_what_was_left_out_counts_unless_other_rules_tell_of_it() -> None:
    course = Progress()
    assert outcome("test-completed", POLL, course=course) is PASS
    course.leave_out("reading", "it does not answer", told=True)
    assert outcome("test-completed", POLL, course=course) is WARNING
    course.leave_out("reading", "it does not poll")
    course.leave_out("writing", "whatever")
    found = verdict("test-completed", POLL, course=course)
    assert (found.outcome, found.text) == (FAIL, "it does not poll; left out: reading (2), writing (1)")


def test_what_could_not_be_put_back_is_a_warning() -> None:
    (first, second, *_) = LAMP.writable()
    course = Progress()
    course.will_change(first, True)
    course.will_change(first, False)
    course.will_change(second, None)
    found = verdict("test-completed", POLL, course=course)
    where = f"property {first.siid}.{first.piid} ({first.name})"
    assert (found.outcome, found.text) == (WARNING, f"2 of 2: {where} could not be set back to true")
    lost = (
        f"property {second.siid}.{second.piid} ({second.name}) was set, and what it was before is not known"
    )
    assert course.still_changed[1] == found.evidence[1].text == lost
    course.put_back(first)
    found = verdict("test-completed", POLL, course=course)
    assert (found.outcome, found.text) == (PASS, f"everything was asked; {lost}")


LOST = "3 -- "  # the MCU is not heard any more


@pytest.mark.parametrize(
    ("name", "script"),
    [
        ("downlink-answered", f"{POLL}\n{LOST}\n4 < down get_properties 2 1\n5 < down get_properties 2 2"),
        ("unknown-downlink", f"{GET}\n> result 2 1 0 true\n< ok\n{LOST}\n4 < down unknown_command"),
        ("mcu-version-on-request", f"> get_down\n< down MIIO_mcu_version_req\n{LOST}"),
        ("net-change-taken", f"> get_down\n< down MIIO_net_change cloud\n{LOST}"),
        ("mcu-version-reported", f"> model a.b.c\n< ok\n{LOST}"),
    ],
)
def test_an_mcu_that_is_not_heard_any_more_is_not_blamed(name: str, script: str) -> None:
    assert outcome(name, script, ended=120.0) is UNSEEN
    assert outcome(name, script.replace(LOST, ""), ended=120.0) is FAIL


@pytest.mark.parametrize("line", ["> mcu_version 0001\n", "> ble_config set 1 0001\n", "> model a.b.c\n"])
def test_an_ok_that_a_tap_missed_is_no_report_that_was_not_repeated(line: str) -> None:
    name = {"mcu_version": "mcu-version", "ble_config": "ble-config", "model": "model"}[line[2:].split()[0]]
    served = "0.2 > get_down\n< down none\n6 > get_down\n< down none"
    assert outcome(f"{name}-until-ok", f"{line}{served}") is UNSEEN
    assert outcome(f"{name}-until-ok", f"{line}< error\n{served}") is FAIL
    assert outcome(f"{name}-until-ok", f"{line}{served}", driven=True) is FAIL


def test_an_answer_that_is_taken_when_its_downlink_is_given_up_answers_a_line_that_was_missed() -> None:
    given_up = f'> get_down\n< down action 2 1\n2 {POLL}\n5 {POLL}\n6 > error "no such method" -5000\n'
    assert outcome("answer-time", f"{given_up}< ok") is UNSEEN
    assert outcome("answer-time", f"{given_up}< error") is FAIL


def test_an_mcu_that_only_the_module_hears_goes_on_after_a_net_change() -> None:
    told = "< down MIIO_net_change cloud\n0.2 < down none\n4 < down none"
    assert outcome("net-change-taken", told) is UNSEEN
    assert outcome("net-change-taken", told, driven=True) is FAIL


def test_an_mcu_whose_module_is_not_heard_any_more_is_not_blamed() -> None:
    asked = talk(f"> get_down\n{GET}\n> result 2 1 0 true 2 2 0 5\n< ok")
    answers = talk("5 > get_down\n> result 2 1 0 true\n> model a.b.c\n> mcu_version 0001\n20 > get_down")
    lost = Record("uart", "down", 103.0, 103.0, b"", note="outage: unplugged")
    blamed = {each.rule.name for each in judge([*asked, *answers]) if each.outcome is FAIL}
    assert blamed == {"model-until-ok", "mcu-version-until-ok"}
    found = {each.rule.name: each.outcome for each in judge([*asked, lost, *answers])}
    assert [name for name, each in found.items() if each is FAIL] == ["test-completed"]


def test_a_line_that_was_recorded_no_further_is_no_port_that_was_lost() -> None:
    asked = talk(f"> get_down\n{GET}\n> result 2 1 0 true 2 2 0 5\n< ok")
    ends = [Record("uart", way, 103.0, 103.0, b"", note=LINE_ENDS) for way in ("up", "down")]
    lan = [Record("lan", "down", 109.0, 109.0, b"{}", note="hello")]
    found = {each.rule.name: each for each in judge([*asked, *ends, *lan])}
    assert not [name for name, each in found.items() if each.outcome in (FAIL, WARNING)]
    assert found["test-completed"].outcome is UNSEEN
    assert "what the MCU said in the last 6.0 s was not recorded" in str(found["test-completed"].evidence)


# --- a power-up that was not seen -----------------------------------------------------------------------------------

REPORTED = "> model a.b.c\n< ok\n> mcu_version 0001\n< ok"
UNREPORTED = (
    "no power-up was seen: the rules about it were not judged; switch the product off and on during the check"
)


def test_a_check_that_saw_no_power_up_says_so() -> None:
    asked = Progress()
    found = verdict("test-completed", POLL, driven=True, course=asked)
    assert (found.outcome, found.text) == (WARNING, f"1 of 2: {UNREPORTED}")
    assert outcome("test-completed", f"{REPORTED}\n{POLL}", driven=True, course=asked) is PASS
    assert outcome("test-completed", POLL, course=asked) is PASS, "nobody can see it from the LAN"
    assert outcome("test-completed", POLL) is UNSEEN


@pytest.mark.parametrize("driven", [False, True])
def test_who_promised_a_power_up_is_asked_for_it(driven: bool) -> None:
    found = verdict("test-completed", POLL, driven=driven, from_boot=True)
    assert (found.outcome, found.text) == (
        WARNING, "no report of a power-up was seen: was the product switched on during the check?",
    )  # fmt: skip
    assert outcome("test-completed", f"{REPORTED}\n{POLL}", driven=driven, from_boot=True) is UNSEEN


def test_a_check_that_was_cut_short_has_not_passed() -> None:
    found = verdict("test-completed", POLL, course=Progress(cut="the check was interrupted"))
    assert (found.outcome, found.text) == (
        FAIL, "the check was interrupted: what was not asked by then was not judged",
    )  # fmt: skip


def test_who_was_interrupted_has_not_waited_for_the_last_reply() -> None:
    request = Record("lan", "down", 5.0, 5.0, b"{}", {"id": 1, "method": "x", "params": []})
    for course, expected in ((Progress(), FAIL), (Progress(cut="interrupted"), UNSEEN)):
        found = {each.rule.name: each.outcome for each in judge([request], course=course)}
        assert found["lan-answered"] is expected
