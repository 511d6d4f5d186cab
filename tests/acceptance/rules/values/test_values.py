"""What actions hand back, and answers by ``error`` where a result was due."""

from __future__ import annotations

import pytest
from support.talk import outcome, verdict

from miio_lan.acceptance.rules.all import judge
from miio_lan.acceptance.verdict import Outcome
from miio_lan.device.description.spec import Spec
from miio_lan.record import Record

LAMP = Spec.shipped("lamp")
PASS, FAIL, WARNING, UNSEEN = Outcome.PASS, Outcome.FAIL, Outcome.WARNING, Outcome.NOT_OBSERVED
CHANGE = "> get_down\n< down action 2 2 10 5"


@pytest.mark.parametrize(
    ("expected", "script"),
    [
        (PASS, f"{CHANGE}\n> result 2 2 0 2 65"),
        (FAIL, f"{CHANGE}\n> result 2 2 0"),
        (FAIL, f"{CHANGE}\n> result 2 2 0 3 65"),
        (UNSEEN, f"{CHANGE}\n> result 2 2 1"),
        (UNSEEN, f"{CHANGE}\n> result 2 2 -4004"),
        (UNSEEN, f"{CHANGE}\n> result 2 2 0 2"),  # action-result
        (UNSEEN, f"{CHANGE}\n> result 2 3 0"),  # action-result
        (UNSEEN, "> get_down\n< down action 2 1\n> result 2 1 0"),  # it has none
        (UNSEEN, "> get_down\n< down action 2 9\n> result 2 9 0"),
        (FAIL, f"{CHANGE}\n> result 2 2 0 10 5"),  # its argument comes back
        (FAIL, f"{CHANGE}\n> result 2 2 0 2 65 10 5"),
        (FAIL, "> get_down\n< down action 2 1\n> result 2 1 0 1 true"),
        (UNSEEN, "> get_down\n< down action 2 2 10 500\n> result 2 2 0"),  # bad-argument
    ],
)
def test_action_out(expected: Outcome, script: str) -> None:
    found = verdict("action-out", script, spec=LAMP)
    assert found.outcome is expected, found
    assert outcome("action-out", script) is UNSEEN, "without a description"


def lan(result: object) -> list[Record]:
    call = {"siid": 2, "aiid": 2, "in": [{"piid": 10, "value": 5}]}
    request = {"id": 1, "method": "action", "params": call}
    return [
        Record("lan", "down", 100.0, 100.0, b"{}", request),
        Record("lan", "up", 100.1, 100.1, b"{}", {"id": 1, "result": result}),
    ]


@pytest.mark.parametrize(
    ("expected", "result"),
    [
        (PASS, {"code": 0, "out": [{"piid": 2, "value": 65}]}),
        (FAIL, {"code": 0, "out": []}),
        (FAIL, {"code": 0}),
        (FAIL, {"code": 0, "out": [{"piid": 2, "value": 65}, {"piid": 10, "value": 5}]}),
        (UNSEEN, {"code": 1}),
        (UNSEEN, {"code": 0, "out": [65]}),
        (UNSEEN, {"code": 0, "out": "65"}),
    ],
)
def test_action_out_where_only_the_lan_was_heard(expected: Outcome, result: object) -> None:
    found = {each.rule.name: each for each in judge(lan(result), spec=LAMP)}["action-out"]
    assert found.outcome is expected, found


@pytest.mark.parametrize(
    ("name", "expected", "down"),
    [
        ("readable-properties", FAIL, "get_properties 2 1"),
        ("readable-properties", WARNING, "get_properties 2 1 2 2"),  # two may have been too many
        ("readable-properties", UNSEEN, "get_properties 2 1 2 77"),
        ("readable-properties", UNSEEN, "get_properties 2 1 2"),
        ("writable-properties", FAIL, "set_properties 2 1 true"),
        ("writable-properties", UNSEEN, "set_properties 2 1 5"),
        ("actions-run", FAIL, "action 2 2 10 5"),
        ("actions-run", UNSEEN, "action 2 2"),
        # Refused, but not as the document wants it.
        ("no-such-property", WARNING, "get_properties 2 1 2 77"),
        ("no-such-property", WARNING, "set_properties 2 77 1"),
        ("not-readable", WARNING, "get_properties 2 9"),
        ("not-writable", WARNING, "set_properties 2 6 1"),
        ("bad-value", WARNING, "set_properties 2 2 500"),
        ("no-such-action", WARNING, "action 2 77"),
        ("bad-argument", WARNING, "action 2 2 10 500"),
        ("bad-argument", UNSEEN, "action 2 2 10"),
    ],
)
def test_an_error_where_a_result_was_due(name: str, expected: Outcome, down: str) -> None:
    script = f'> get_down\n< down {down}\n> error "it is so" -5005\n< ok'
    found = verdict(name, script, spec=LAMP)
    assert found.outcome is expected, found
    if expected is not UNSEEN:
        assert "error -5005 (it is so)" in found.text


def test_on_the_lan_an_error_may_be_that_of_the_module() -> None:
    request = {"id": 1, "method": "get_properties", "params": [{"siid": 2, "piid": 1}]}
    reply = {"id": 1, "error": {"code": -5005, "message": "it is so"}}
    records = [
        Record("lan", "down", 100.0, 100.0, b"{}", request),
        Record("lan", "up", 100.1, 100.1, b"{}", reply),
    ]
    found = {each.rule.name: each.outcome for each in judge(records, spec=LAMP)}
    assert found["readable-properties"] is UNSEEN


def test_values_of_another_action_are_nobodys() -> None:
    # Property 1.5 is a string; but 1.5 is not what this action hands back.
    wrong = "> model a.b.c\n< ok\n> get_down\n< down action 4 1 2 30\n> result 1 4 0 5 30"
    assert outcome("value-types", wrong, spec=LAMP) is UNSEEN
    assert outcome("action-result", wrong, spec=LAMP) is FAIL
    right = '> get_down\n< down action 4 1 2 30\n> result 4 1 0 3 "30"'
    assert outcome("value-types", right, spec=LAMP) is FAIL
