"""The virtual MCU in good order keeps every rule; each misbehaviour breaks exactly the rules it is about."""

from __future__ import annotations

import pytest
from support.simulated import Simulated, simulate

from miio_lan.acceptance.rules import RULES
from miio_lan.acceptance.session import Session
from miio_lan.acceptance.verdict import Outcome
from miio_lan.device.spec import Spec
from miio_lan.virtual.mcu import MISBEHAVIOURS, Mcu

#: What cannot be seen from the module's place.
ELSEWHERE = {"lan-answered", "lan-info", "lan-unknown-method", "module-replies", "module-downlinks"}

#: misbehaviour -> (rules that fail, rules that warn)
TABLE: dict[str, tuple[set[str], set[str]]] = {
    "slow": ({"answer-time"}, set()),
    "silent": ({"downlink-answered"}, set()),
    "wrong-counts": ({"get-result", "set-result", "action-result", "update-answer"}, set()),
    "missing-code": ({"get-result"}, set()),
    "quoted-booleans": ({"booleans"}, set()),
    "unquoted-strings": ({"string-quotes"}, set()),
    "crlf": (set(), {"line-end"}),
    "banners": ({"known-commands"}, set()),
    "ff-bytes": ({"legal-characters"}, set()),
    "report-before-result": (set(), {"report-after-result"}),
    "overlong-lines": ({"line-length"}, set()),
    "merged-lines": ({"line-end"}, set()),
    "never-polls": ({"polls"}, set()),
    "polls-too-fast": ({"poll-interval"}, set()),
    "boots-once": ({"model-until-ok", "mcu-version-until-ok", "ble-config-until-ok"}, set()),
    "no-report": ({"set-reported"}, set()),
    "ignores-unknown": ({"unknown-downlink"}, set()),
    "ignores-version-request": ({"mcu-version-on-request"}, {"model-on-request"}),
}


def play(spec: Spec, *misbehave: str, hasty: bool = False) -> Simulated:
    mcu = Mcu(spec, misbehave=misbehave, ble_pid=156)
    mcu.on_update = mcu.start

    def events(mcu: Mcu, now: float) -> None:
        for event in [*spec.events()] * 4:
            mcu.raise_event(*event.iid, None, now)

    return simulate(mcu, spec, meanwhile=events, hasty=hasty)


def test_the_table_is_complete() -> None:
    assert set(TABLE) == set(MISBEHAVIOURS)
    names = {rule.name for rule in RULES}
    assert all(failed | warned <= names for failed, warned in TABLE.values())


def test_in_good_order_every_rule_is_kept() -> None:
    session = play(Spec.shipped("lamp"))
    assert session.with_outcome(Outcome.FAIL) == set()
    assert session.with_outcome(Outcome.WARNING) == set()
    assert session.with_outcome(Outcome.NOT_OBSERVED) == ELSEWHERE
    assert session.with_outcome(Outcome.PASS) == {rule.name for rule in RULES} - ELSEWHERE


def test_in_good_order_another_product_keeps_every_rule_too() -> None:
    session = play(Spec.shipped("purifier"))
    absent = {
        "serial-number",
        "not-readable",
        "bad-argument",
    }  # it has no number, no write-only value, no argument
    assert session.with_outcome(Outcome.FAIL) | session.with_outcome(Outcome.WARNING) == set()
    assert session.with_outcome(Outcome.NOT_OBSERVED) == ELSEWHERE | absent


#: The purifier has empty strings: without their quotes nothing is left of them, and that breaks the layout too.
EMPTY_STRINGS = {"unquoted-strings": ({"string-quotes", "get-result"}, {"spacing"})}


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize(("product", "table"), [("lamp", TABLE), ("purifier", TABLE | EMPTY_STRINGS)])
def test_a_misbehaviour_breaks_its_rules_and_no_other(
    name: str, product: str, table: dict[str, tuple[set[str], set[str]]]
) -> None:
    session = play(Spec.shipped(product), name)
    failed, warned = table[name]
    assert session.with_outcome(Outcome.FAIL) == failed
    assert session.with_outcome(Outcome.WARNING) == warned
    verdicts = session.verdicts()
    for rule in failed | warned:
        assert verdicts[rule].text
        assert verdicts[rule].evidence
        assert verdicts[rule].evidence[0].text


@pytest.mark.parametrize("name", TABLE)
def test_an_mcu_whose_first_line_got_no_reply_breaks_no_other_rules_for_that(name: str) -> None:
    session = play(Spec.shipped("lamp"), name, hasty=True)
    first, *rest = Session(session.records, driven=True).line.said
    assert (first.record.direction, first.reply) == ("up", None)
    failed, warned = TABLE[name]
    assert session.with_outcome(Outcome.FAIL) == failed
    assert session.with_outcome(Outcome.WARNING) == warned
    # What is said of the other lines is what they were told.
    reports = [said for said in rest if said.command.command in ("model", "mcu_version", "ble_config")]
    if name != "banners":
        assert {said.reply_text for said in reports} == {"error", "ok"}
