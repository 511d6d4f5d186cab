"""The virtual MCU in good order keeps every rule; each misbehaviour breaks exactly the rules it is about."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import pytest
from support.simulated import Simulated, simulate

from miio_lan.acceptance.judging import judgement_of
from miio_lan.acceptance.rules.all import RULES
from miio_lan.acceptance.rules.observed import Observed
from miio_lan.acceptance.verdict import Outcome
from miio_lan.device.description.spec import Spec
from miio_lan.record import Record
from miio_lan.virtual.mcu.mcu import MISBEHAVIOURS, Mcu

#: What cannot be seen from the module's place, or without an image to send.
ELSEWHERE = {
    *("lan-answered", "lan-info", "lan-unknown-method", "module-replies", "module-downlinks"),
    "update-complete",
}

#: What is not answered twice is not asked again, and what cannot be read is not set: both are told.
UNASKED = {"test-completed"}

#: misbehaviour -> (rules that fail, rules that warn)
TABLE: dict[str, tuple[set[str], set[str]]] = {
    "slow": ({"answer-time"}, UNASKED),
    "silent": ({"downlink-answered"}, UNASKED),
    "wrong-counts": ({"get-result", "set-result", "action-result", "update-answer"}, UNASKED),
    "missing-code": ({"get-result"}, UNASKED),
    "quoted-booleans": ({"booleans"}, UNASKED),
    "unquoted-strings": ({"string-quotes"}, UNASKED),
    "crlf": (set(), {"line-end"}),
    "banners": ({"known-commands"}, set()),
    "ff-bytes": ({"legal-characters"}, set()),
    "report-before-result": (set(), {"report-after-result"}),
    "overlong-lines": ({"line-length"}, set()),
    "merged-lines": ({"line-end"}, UNASKED),
    "never-polls": ({"polls"}, UNASKED),
    "polls-too-fast": ({"poll-interval"}, set()),
    "boots-once": ({"model-until-ok", "mcu-version-until-ok", "ble-config-until-ok"}, set()),
    "no-report": ({"set-reported"}, set()),
    "ignores-unknown": ({"unknown-downlink"}, UNASKED),
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
        "action-out",
    }  # it has no number, no write-only value, no argument, nothing to hand back
    assert session.with_outcome(Outcome.FAIL) | session.with_outcome(Outcome.WARNING) == set()
    assert session.with_outcome(Outcome.NOT_OBSERVED) == ELSEWHERE | absent


#: The purifier has empty strings: without their quotes nothing is left of them, and that breaks the layout too.
EMPTY_STRINGS = {"unquoted-strings": ({"string-quotes", "get-result"}, {"spacing"} | UNASKED)}


@pytest.mark.untraced
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


@pytest.mark.untraced
@pytest.mark.parametrize("name", TABLE)
def test_an_mcu_whose_first_line_got_no_reply_breaks_no_other_rules_for_that(name: str) -> None:
    session = play(Spec.shipped("lamp"), name, hasty=True)
    first, *rest = Observed(session.records, driven=True).line.said
    assert (first.record.direction, first.reply) == ("up", None)
    failed, warned = TABLE[name]
    assert session.with_outcome(Outcome.FAIL) == failed
    assert session.with_outcome(Outcome.WARNING) == warned
    # What is said of the other lines is what they were told.
    reports = [said for said in rest if said.command.command in ("model", "mcu_version", "ble_config")]
    if name != "banners":
        assert {said.reply_text for said in reports} == {"error", "ok"}


def through_adapters(records: Iterable[Record], think: float, up: float, down: float) -> list[Record]:
    """Stamp a session as two adapters do that hand over what they have every so many seconds, each in its own time.

    :param think: seconds between two lines, in truth
    """
    now, found = 0.0, []
    for record in records:
        now = max(now + think, record.instant) + len(record.raw) / 11520
        every, phase = (up, 0.0) if record.direction == "up" else (down, 0.6 * down)
        instant = math.ceil((now - phase) / every) * every + phase if every else now
        found.append(replace(record, instant=instant))
    return found


@pytest.mark.untraced
@pytest.mark.parametrize("name", ["", "report-before-result", "wrong-counts"])
@pytest.mark.parametrize("think", [0.0005, 0.003, 0.01])
def test_two_adapters_that_are_late_each_in_its_own_time_break_no_rules(name: str, think: float) -> None:
    spec = Spec.shipped("lamp")
    session = play(spec, *filter(None, [name]))
    failed, warned = TABLE.get(name, (set(), set()))
    warned = warned - UNASKED  # nobody asked
    for late in [(0.0, 0.016), (0.016, 0.0), (0.016, 0.016), (0.001, 0.016), (0.016, 0.01)]:
        heard = through_adapters(session.records, think, *late)
        verdicts = judgement_of(heard, spec=spec, ended=session.ended + 1).verdicts
        found = {
            outcome: {each.rule.name for each in verdicts if each.outcome is outcome} for outcome in Outcome
        }
        assert (late, found[Outcome.FAIL]) == (late, failed)
        # The tester's downlinks are wrong on purpose, which is not known here.
        assert (late, found[Outcome.WARNING]) == (late, warned | {"module-downlinks"})


def test_the_lines_of_two_adapters_are_told_in_their_order() -> None:
    lines = [("down", 1.0, b"down none\r"), ("up", 1.01, b"get_down\r")]
    records = [Record("uart", direction, at, at, raw) for direction, at, raw in lines]
    datagram = Record("lan", "down", 1.005, 1.005, b"")
    assert judgement_of([*records, datagram]).records == (datagram, *reversed(records))
