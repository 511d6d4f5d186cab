"""What becomes of a value that was set: its effect, and its report. Neither is blamed for the other."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.talk import outcome, talk, verdict

from miio_lan.acceptance.rules.all import judge
from miio_lan.acceptance.rules.values import effects, sets
from miio_lan.acceptance.rules.values.effects import alike
from miio_lan.acceptance.tester.progress import Progress
from miio_lan.acceptance.verdict import Outcome
from miio_lan.device.description.spec import Spec
from miio_lan.record import Record
from miio_lan.uart.bridge.faults import SENT

LAMP = Spec.shipped("lamp")
PASS, FAIL, WARNING, UNSEEN = Outcome.PASS, Outcome.FAIL, Outcome.WARNING, Outcome.NOT_OBSERVED


def change(piid: int, value: object, code: int = 0) -> str:
    return f"> get_down\n< down set_properties 2 {piid} {value}\n> result 2 {piid} {code}\n< ok"


def read(piid: int, value: object) -> str:
    return f"> get_down\n< down get_properties 2 {piid}\n> result 2 {piid} 0 {value}\n< ok"


def told(piid: int, value: object) -> str:
    return f"> properties_changed 2 {piid} {value}\n< ok"


WAS = read(2, 60)
SET = change(2, 10)
TOGGLE = "> get_down\n< down action 2 1\n> result 2 1 0\n< ok"

EFFECTS: list[tuple[str, Outcome, list[str]]] = [
    ("applied", PASS, [WAS, SET, read(2, 10)]),
    ("not applied", FAIL, [WAS, SET, read(2, 60)]),
    ("not applied, and nobody knows what it was", FAIL, [SET, read(2, 60)]),
    ("another value than either", FAIL, [WAS, SET, read(2, 11)]),
    ("never read again", UNSEEN, [WAS, SET]),
    ("only code 0 counts: not completed", UNSEEN, [WAS, change(2, 10, 1), read(2, 60)]),
    ("only code 0 counts: refused", UNSEEN, [WAS, change(2, 10, -4005), read(2, 60)]),
    ("not completed after one that was", UNSEEN, [SET, change(2, 20, 1), read(2, 60)]),
    ("a refused set leaves it as it was", PASS, [SET, change(2, 500, -4005), read(2, 10)]),
    ("a refused set was carried out", FAIL, [SET, change(2, 500, -4005), read(2, 500)]),
    ("an internal error tells nothing", UNSEEN, [SET, change(2, 20, -4004), read(2, 20)]),
    ("an action in between", UNSEEN, [SET, TOGGLE, read(2, 60)]),
    ("an action without an answer", UNSEEN, [SET, "> get_down\n< down action 2 1", "4.5 " + read(2, 60)]),
    ("a report of another value in between", UNSEEN, [SET, told(2, 70), read(2, 70)]),
    ("a report of the same value in between", FAIL, [SET, told(2, 10), read(2, 60)]),
    ("late", WARNING, [WAS, SET, read(2, 60), read(2, 10)]),
    ("late, by a report", WARNING, [WAS, SET, read(2, 60), told(2, 10)]),
    ("first wrong, then something else", FAIL, [WAS, SET, read(2, 60), told(2, 70), read(2, 70)]),
    ("another property was set since", WARNING, [SET, change(5, 3), read(2, 60)]),
    ("another property was set in vain", FAIL, [SET, change(5, 9, -4005), read(2, 60)]),
    ("another property was set after the read", FAIL, [SET, read(2, 60), change(5, 3)]),
    ("a set without an answer", UNSEEN, [SET, "> get_down\n< down set_properties 2 2 33", "4.5 " + read(2, 33)]),
    ("read long after", WARNING, [SET, "11 " + read(2, 60)]),
    ("started again", UNSEEN, [SET, "> mcu_version 0001\n< ok", read(2, 60)]),
    ("a command that was carried out", UNSEEN, [SET, "> get_down\n< down reset\n> result 0\n< ok", read(2, 60)]),
    ("a command that was refused", FAIL, [SET, '> get_down\n< down x\n> error "no" -5000\n< ok', read(2, 60)]),
    ("a line of the MCU was missed", UNSEEN, [SET, "< ok", read(2, 70)]),
    ("a downlink was missed", UNSEEN, [SET, "> get_down\n> result 2 2 0\n< ok", read(2, 70)]),
    ("the line was lost", UNSEEN, [SET, "1 -- \n", "2 " + read(2, 60)]),
    ("each value is verified", FAIL, [SET, read(2, 10), change(2, 20), read(2, 10)]),
    ("twice in one line", UNSEEN, ["< down set_properties 2 2 5 2 2 6\n> result 2 2 0 2 2 0", read(2, 60)]),
    ("another type", UNSEEN, [SET, read(2, '"10"')]),
    ("no quotes", UNSEEN, [change(11, '"a"'), read(11, "b")]),
    ("a boolean", FAIL, [change(1, "true"), read(1, "false")]),
    ("a time that runs off", WARNING, [change(8, 500), "2 " + read(8, 499)]),
    ("a time that is longer than it was set", FAIL, [change(8, 500), "2 " + read(8, 501)]),
    ("a time that is much shorter", FAIL, [change(8, 500), "2 " + read(8, 400)]),
]  # fmt: skip


#: A set to what the property is already, behind a line that tells it wrongly: its own rule tells that, and nobody
#: knows whether the set has changed anything.
TOLD_WRONGLY: list[tuple[str, str, str]] = [
    ("booleans", read(1, 1), change(1, "true")),
    ("booleans", told(1, '"false"'), change(1, "true")),
    ("value-types", told(2, '"60"'), change(2, 10)),
    ("value-range", told(2, 255), change(2, 10)),
    ("value-range", read(11, f'"{"x" * 31}"'), change(11, '"a"')),
    ("string-quotes", told(1, "False"), change(1, "true")),
    ("string-quotes", told(11, "Desk lamp 2 2 60"), change(2, 10)),
    ("legal-characters", told(11, '"caf\\xc3\\xa9"'), change(11, '"a"')),
    ("properties-changed-form", told(3, "0 2700 2 2 60"), change(2, 10)),
]


@pytest.mark.parametrize(("rule", "wrong", "script"), TOLD_WRONGLY)
def test_what_was_told_wrongly_is_not_known(rule: str, wrong: str, script: str) -> None:
    parts = ["0 > get_down", "< down none", wrong, script, "5 > get_down\n< down none"]
    verdicts = judge(talk("\n".join(parts)), spec=LAMP)
    assert {each.rule.name for each in verdicts if each.outcome is FAIL} == {rule}


@pytest.mark.parametrize(
    ("rule", "report"),
    [
        ("string-quotes", told(11, "a 2 2 10")),
        ("properties-changed-form", told(2, "0 10")),
        ("legal-characters", told(11, '"caf\\xc3\\xa9" 2 2 10')),
    ],
)
def test_a_report_that_cannot_be_read_may_be_the_one(rule: str, report: str) -> None:
    parts = ["0 > get_down", "< down none", WAS, SET, report, "5 > get_down\n< down none"]
    verdicts = {each.rule.name: each for each in judge(talk("\n".join(parts)), spec=LAMP)}
    assert {name for name, each in verdicts.items() if each.outcome is FAIL} == {rule}
    assert verdicts["set-reported"].text == "property 2.2 may be in a report that cannot be read"


IN_A_CHECK: list[tuple[str, Outcome, list[str]]] = [
    ("as before, and told so", FAIL, [WAS, SET, told(2, 60), read(2, 60)]),
    ("before by a report", FAIL, [told(2, 60), SET, told(2, 60), read(2, 60)]),
    ("nobody knows what it was before", WARNING, [SET, told(2, 60), read(2, 60)]),
    ("another value than either", WARNING, [WAS, SET, told(2, 70), read(2, 70)]),
    ("the report was wrong", PASS, [WAS, SET, told(2, 60), read(2, 10)]),
    ("late", WARNING, [WAS, SET, told(2, 60), read(2, 60), read(2, 10)]),
    ("another property was set since", WARNING, [WAS, SET, change(5, 3), told(2, 60), read(2, 60)]),
    ("told and not read", UNSEEN, [WAS, SET, told(2, 60)]),
    ("an action in between", UNSEEN, [WAS, SET, TOGGLE, told(2, 60), read(2, 60)]),
    ("a time that runs off", UNSEEN, [read(8, 0), change(8, 500), told(8, 499), "2 " + read(8, 499)]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("expected", "parts"), [each[1:] for each in IN_A_CHECK], ids=[each[0] for each in IN_A_CHECK]
)
def test_in_a_check_nobody_else_is_expected_to_change_anything(expected: Outcome, parts: list[str]) -> None:
    script = "\n".join(["0 > get_down", "< down none", *parts])
    assert verdict("set-takes-effect", script, spec=LAMP, course=Progress()).outcome is expected
    # Of a recording nobody knows who was at the product.
    assert verdict("set-takes-effect", script, spec=LAMP).outcome in (PASS, WARNING, UNSEEN)


@pytest.mark.parametrize(
    ("expected", "parts"),
    [
        (PASS, [WAS, SET, told(2, 10), "3 " + read(2, 10)]),
        (PASS, [WAS, SET, told(2, 60), told(2, 10), "3 " + read(2, 10)]),
        (PASS, [WAS, SET, told(2, 70), "3 " + read(2, 70)]),
        (FAIL, [WAS, SET, told(2, 60), "3 " + read(2, 10)]),
        (UNSEEN, [WAS, SET, told(2, 60), "3 " + read(2, 60)]),  # set back by hand, or without effect
        (UNSEEN, [WAS, SET, read(2, 10), told(2, 60), "3 > get_down\n< down none"]),
        (UNSEEN, [WAS, SET, told(2, 60), "3 > get_down\n< down none"]),
    ],
)
def test_a_report_of_the_value_before_the_set_tells_nothing_of_it(
    expected: Outcome, parts: list[str]
) -> None:
    found = verdict("set-reported", "\n".join(["0 > get_down", "< down none", *parts]), spec=LAMP)
    assert found.outcome is expected, found


@pytest.mark.parametrize(
    ("expected", "parts"), [each[1:] for each in EFFECTS], ids=[each[0] for each in EFFECTS]
)
def test_a_set_takes_effect(expected: Outcome, parts: list[str]) -> None:
    found = verdict("set-takes-effect", "\n".join(["0 > get_down", "< down none", *parts]), spec=LAMP)
    assert found.outcome is expected, found


def test_the_times_are_those_of_the_rules() -> None:
    assert (effects.EFFECT_TIME, sets.REPORT_TIME) == (10.0, 2.0)


@pytest.mark.parametrize(("one", "other"), [("1.5", "1" + 400 * "0"), ("1" + 400 * "0", "1.5")])
def test_an_integer_beyond_all_floats_is_another_value(one: str, other: str) -> None:
    for piid in (2, 8):
        found = verdict("set-takes-effect", f"{change(piid, one)}\n{read(piid, other)}\n{told(piid, one)}")
        assert found.outcome is WARNING, found
        assert "changed later" in found.text


def test_it_says_what_was_set_and_what_is() -> None:
    found = verdict("set-takes-effect", f"{SET}\n{read(2, 60)}")
    assert found.text == "property 2.2 was set to 10 (code 0) and is 60"
    assert [each.record.raw for each in found.evidence if each.record] == [b"result 2 2 0 60\r"]


REPORTS: list[tuple[str, Outcome, list[str]]] = [
    ("reported", PASS, [WAS, SET, told(2, 10), "3 > get_down"]),
    ("not reported", FAIL, [WAS, SET, read(2, 10), "3 > get_down"]),
    ("an action may have set it before", UNSEEN, [WAS, TOGGLE, SET, read(2, 10), "3 > get_down"]),
    ("an action and its report", FAIL, [WAS, TOGGLE, told(2, 70), SET, read(2, 10), "3 > get_down"]),
    ("an action that was refused", FAIL, [WAS, '> get_down\n< down x\n> error "no" -5000\n< ok', SET, "3 > get_down"]),
    ("a method of the product may have set it", UNSEEN,
     [WAS, "> get_down\n< down reset\n> result 0\n< ok", SET, read(2, 10), "3 > get_down"]),
    ("a start may have set it", UNSEEN, [WAS, "> mcu_version 0001\n< ok", SET, read(2, 10), "3 > get_down"]),
    ("not applied: nothing to report", UNSEEN, [WAS, SET, read(2, 60), "3 > get_down"]),
    ("not applied, found out later", UNSEEN, [WAS, SET, "3 " + read(2, 60), "6 > get_down"]),
    ("changed to something else", FAIL, [WAS, SET, read(2, 50), "3 > get_down"]),
    ("not applied, and set back", UNSEEN, [WAS, SET, read(2, 60), "3 " + change(2, 60), read(2, 60), "6 > get_down"]),
    ("set again at once, then reported", PASS, [WAS, SET, change(2, 20), told(2, 20), "3 > get_down"]),
    ("set again at once, never reported", FAIL, [WAS, SET, change(2, 20), "3 > get_down"]),
    ("taken back at once", UNSEEN, [WAS, SET, change(2, 60), "3 > get_down"]),
    ("taken back at once, read in between", UNSEEN, [WAS, SET, read(2, 10), change(2, 60), "3 > get_down"]),
    ("taken back later", FAIL, [WAS, SET, told(2, 10), "3 " + change(2, 60), "6 > get_down"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("expected", "parts"), [each[1:] for each in REPORTS], ids=[each[0] for each in REPORTS]
)
def test_a_set_is_reported(expected: Outcome, parts: list[str]) -> None:
    found = verdict("set-reported", "\n".join(["0 > get_down", "< down none", *parts]), spec=LAMP)
    assert found.outcome is expected, found


@pytest.mark.parametrize("lost", range(28))
def test_one_line_that_is_missed_blames_nobody(lost: int) -> None:
    script = "\n".join(
        [WAS, SET, told(2, 10), read(2, 10), told(2, 70), read(2, 70), change(2, 20), read(2, 20)]
    )
    records = talk(script)
    kept = records[:lost] + records[lost + 1 :]
    found = {each.rule.name: each.outcome for each in judge(kept, spec=LAMP, ended=101.0)}
    assert found["set-takes-effect"] in (PASS, UNSEEN)
    assert found["set-reported"] in (PASS, UNSEEN)


def test_values_are_alike() -> None:
    assert alike(20, 20.0)
    assert alike(23.6, 23.600001)
    assert alike("a", "a")
    assert alike(True, True)
    assert not alike(True, 1)
    assert not alike(1, True)
    assert not alike(20, 21)
    assert not alike(16777215, 16777214)
    assert not alike(23.6, 23.7)
    assert not alike(1.0, "1.0")


# --- where only the LAN was heard ----------------------------------------------------------------------------------


def call(at: float, method: str, params: object, result: object, number: int = 0) -> list[Record]:
    number = number or int(at * 10) + 1
    request = {"id": number, "method": method, "params": params}
    reply = {
        "id": number,
        **(result if isinstance(result, dict) and "error" in result else {"result": result}),
    }
    return [
        Record("lan", "down", 100.0 + at, 100.0 + at, b"{}", request),
        Record("lan", "up", 100.1 + at, 100.1 + at, b"{}", reply),
    ]


def item(**more: object) -> list[dict[str, object]]:
    return [{"siid": 2, "piid": 2, **more}]


LAN_SET = call(0, "set_properties", item(value=10), item(code=0))
STILL = call(1, "get_properties", item(), item(code=0, value=60))
TIMED_OUT = {"error": {"code": -9999, "message": "user ack timeout"}}
PUSH = Record(
    "lan", "up", 100.5, 100.5, b"{}", {"id": 99, "method": "properties_changed", "params": item(value=60)}
)


@pytest.mark.parametrize(
    ("expected", "records"),
    [
        (PASS, [*LAN_SET, *call(1, "get_properties", item(), item(code=0, value=10))]),
        (FAIL, [*LAN_SET, *STILL]),
        (UNSEEN, [*LAN_SET, *call(0.5, "action", {"siid": 2, "aiid": 1, "in": []}, {"code": 0}), *STILL]),
        (UNSEEN, [*LAN_SET, *call(0.5, "action", {"siid": 2, "aiid": 1, "in": []}, TIMED_OUT), *STILL]),
        (UNSEEN, [*LAN_SET, *call(0.5, "set_properties", item(value=60), TIMED_OUT), *STILL]),
        (UNSEEN, [*LAN_SET, *call(0.5, "set_power", ["on"], ["ok"]), *STILL]),
        (FAIL, [*LAN_SET, *call(0.5, "miIO.info", [], {"model": "a.b.c"}), *STILL]),
        (UNSEEN, [*LAN_SET, PUSH, *STILL]),
        (UNSEEN, [*LAN_SET, *call(0.05, "get_properties", item(), item(code=0, value=60), number=77)]),
    ],
)
def test_over_the_lan_alone(expected: Outcome, records: list[Record]) -> None:
    ordered = sorted(records, key=lambda record: record.instant)
    found = {each.rule.name: each for each in judge(ordered, spec=LAMP)}
    assert found["set-takes-effect"].outcome is expected, found["set-takes-effect"]


def test_a_set_whose_answer_may_be_to_another_one_is_not_missed_in_the_reports() -> None:
    """It is already 10, set to 10 without an answer in time, then to 20: ``result 2 2 0`` may be the late one."""
    late = "10 > get_down\n< down set_properties 2 2 10\n14.3 > get_down\n< error"
    script = f"0 > get_down\n< down none\n9 {read(2, 10)}\n{late}\n14.5 {change(2, 20)}\n18 > get_down"
    assert outcome("set-reported", script, spec=LAMP) is UNSEEN
    assert outcome("set-reported", script.replace(late, "10 > get_down\n< down none"), spec=LAMP) is FAIL


@pytest.mark.parametrize(
    ("expected", "before"),
    [
        (FAIL, "10 > get_down\n< down none"),
        (FAIL, f"10 {change(2, 20, -4005)}"),
        (UNSEEN, f"10 {change(2, 20, 1)}"),
        (UNSEEN, f"10 {change(2, 20, -4004)}"),
        (UNSEEN, "10 > get_down\n< down set_properties 2 2 20"),
        (FAIL, f"10 > get_down\n< down set_properties 2 2 20\n14.5 {told(2, 10)}"),
    ],
)
def test_a_set_that_may_have_been_carried_out_leaves_the_value_unknown(
    expected: Outcome, before: str
) -> None:
    """A set to what the property may be already has nothing to report."""
    script = f"0 > get_down\n< down none\n9 {read(2, 10)}\n{before}\n19 {change(2, 20)}\n23 > get_down"
    assert outcome("set-reported", script, spec=LAMP) is expected


# --- where both were heard, and the line not all the time -----------------------------------------------------------

LINE_SET = "0.5 " + SET
LINE_READ = "2.5 " + read(2, 60)
TOGGLED = {"siid": 2, "aiid": 1, "in": []}


@pytest.mark.parametrize(
    ("expected", "lan"),
    [
        (FAIL, []),
        (UNSEEN, call(1, "set_properties", item(value=60), item(code=0))),
        (UNSEEN, call(1, "set_properties", item(value=60), TIMED_OUT)),
        (UNSEEN, call(1, "set_properties", item(value=60), item(code=0))[:1]),
        (UNSEEN, call(1, "action", TOGGLED, {"code": 0})),
        (UNSEEN, call(1, "set_power", ["on"], ["ok"])),
        # It may be carried out before the set is answered, or while the property is read.
        (UNSEEN, call(0.45, "set_properties", item(value=60), item(code=0))),
        (UNSEEN, call(2.45, "set_properties", item(value=60), item(code=0))),
        # What changes nothing, and what came too late or was over.
        (FAIL, call(1, "get_properties", item(), item(code=0, value=60))),
        (FAIL, call(1, "miIO.info", [], {"model": "a.b.c"})),
        (FAIL, call(0.1, "set_properties", item(value=60), item(code=0))),
        (FAIL, call(3, "set_properties", item(value=60), item(code=0))),
    ],
)
def test_a_lan_call_whose_lines_were_not_seen_ends_the_comparison(
    expected: Outcome, lan: list[Record]
) -> None:
    line = talk(f"0 > get_down\n< down none\n{LINE_SET}\n{LINE_READ}\n20 > get_down")
    records = sorted([*line, *lan], key=lambda record: record.instant)
    found = {each.rule.name: each for each in judge(records, spec=LAMP)}
    assert found["set-takes-effect"].outcome is expected, found["set-takes-effect"]


def test_a_lan_call_whose_lines_were_seen_is_followed_on_the_line() -> None:
    line = talk(f"0 > get_down\n< down none\n{LINE_SET}\n{LINE_READ}\n20 > get_down")
    lan = call(0.45, "set_properties", item(value=10), item(code=0))
    records = sorted([*line, *lan], key=lambda record: record.instant)
    found = {each.rule.name: each for each in judge(records, spec=LAMP)}
    assert found["set-takes-effect"].outcome is FAIL


def test_without_a_description_effects_are_judged_too() -> None:
    assert outcome("set-takes-effect", f"{SET}\n{read(2, 60)}") is FAIL
    assert outcome("set-takes-effect", f"{SET}\n2 {read(2, 9)}") is WARNING, "it may be a time"


def test_a_set_whose_lines_were_missed_makes_the_value_before_unknown() -> None:
    """Read 60, set to 80 over the LAN without a line seen, set to 80 again: the second one changes nothing."""
    seen = talk(
        "> get_down\n< down get_properties 2 2\n> result 2 2 0 60\n< ok\n5 > get_down\n< down set_properties 2 2 80"
    )
    seen += talk(
        "5.1 > result 2 2 0\n5.11 < ok\n5.3 > get_down\n5.31 < down none\n9 > get_down\n9.01 < down none"
    )
    item = {"did": "x", "siid": 2, "piid": 2}
    request = {"id": 7, "method": "set_properties", "params": [{**item, "value": 80}]}
    reply = {"id": 7, "result": [{**item, "code": 0}]}
    unseen = [
        Record("lan", direction, at, at, b"{}", reading, peer="192.0.2.1")
        for direction, at, reading in (("down", 102.0, request), ("up", 102.3, reply))
    ]
    found = {each.rule.name: each.outcome for each in judge(seen, spec=LAMP)}
    assert found["set-reported"] is FAIL
    found = {each.rule.name: each.outcome for each in judge([*seen, *unseen], spec=LAMP)}
    assert found["set-reported"] is UNSEEN


def test_a_set_that_a_bridge_has_fetched_is_compared_with_what_was_known_before_it() -> None:
    records = talk("\n".join(["> get_down\n< down none", WAS, SET, told(2, 10)]))
    third = [place for place, each in enumerate(records) if each.raw == b"get_down\r"][2]
    records[third] = replace(records[third], note=SENT)
    found = {each.rule.name: each for each in judge(records, spec=LAMP)}
    assert found["set-reported"].outcome is PASS, found["set-reported"]


def test_what_cannot_be_set_owes_no_report_whatever_the_code() -> None:
    """That it was accepted is told by another rule; nothing says that it has changed."""
    spec = Spec.from_toml(
        """
        model = "a.b.c"
        [[service]]
        siid = 2
        name = "sensor"
        [[service.property]]
        piid = 2
        name = "level"
        format = "uint8"
        access = "rn"
        """
    )
    script = f"{WAS}\n{SET}\n5 > get_down\n< down none"
    assert outcome("set-reported", script, spec=spec) is UNSEEN
    assert outcome("not-writable", script, spec=spec) is FAIL


@pytest.mark.parametrize(("first", "expected"), [("", PASS), (told(2, 10), WARNING)])
def test_the_report_of_a_set_that_is_carried_out_late_is_not_that_of_the_next_one(
    first: str, expected: Outcome
) -> None:
    again = f"> get_down\n< down set_properties 2 2 10\n{told(2, 10)}\n> result 2 2 0\n< ok"
    script = "\n".join(filter(None, [WAS, SET, first, change(2, 20), again]))
    assert outcome("report-after-result", script) is expected
