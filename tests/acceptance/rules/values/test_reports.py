"""How often the same property may be reported, and what an event has to carry."""

from __future__ import annotations

import pytest
from support.talk import outcome, talk, verdict

from miio_lan.acceptance.rules.all import judge
from miio_lan.acceptance.rules.values import reports
from miio_lan.acceptance.verdict import Outcome
from miio_lan.device.description.spec import Spec
from miio_lan.record import Record

LAMP = Spec.shipped("lamp")
PASS, FAIL, WARNING, UNSEEN = Outcome.PASS, Outcome.FAIL, Outcome.WARNING, Outcome.NOT_OBSERVED


def told(*instants: float, piid: int = 2, value: str = "", reply: str = "ok") -> str:
    """Report a property at these seconds, each time with another value unless it is given."""
    lines = (
        f"{at} > properties_changed 3 {piid} {value or 20 + n}\n< {reply}" for n, at in enumerate(instants)
    )
    return "\n".join(lines)


def test_what_follows_a_string_without_quotes_may_belong_to_it() -> None:
    for line in ("properties_changed 2 11 at 77 1 3", "event_occured 6 2 1 at 77 3"):
        quoted = line.replace("at", '"at"')
        assert outcome("reports-known", f"> {quoted}\n< ok", spec=LAMP) is FAIL
        assert outcome("reports-known", f"> {line}\n< ok", spec=LAMP) is not FAIL
        assert outcome("string-quotes", f"> {line}\n< ok", spec=LAMP) is FAIL
    for line in ("properties_changed 2 99 at 77 1 3", "event_occured 6 9 1 at 77 3"):
        assert outcome("reports-known", f"> {line}\n< ok", spec=LAMP) is FAIL


SET = "> get_down\n< down set_properties 3 2 5\n> result 3 2 0\n< ok"
OTHER = "> get_down\n< down set_properties 2 1 true\n> result 2 1 0\n< ok"
READ = "> get_down\n< down get_properties 3 2\n> result 3 2 0 5\n< ok"


def test_the_numbers_are_those_of_the_document() -> None:
    assert (reports.EVENTS_PER_SECOND, reports.REPORTS_PER_SECOND) == (3, 3)


@pytest.mark.parametrize(
    ("expected", "script"),
    [
        (PASS, told(0)),
        (PASS, told(0, 1.0, 2.0)),
        (PASS, told(0, 0.97, 1.94)),  # two stamps are not better than that
        (WARNING, told(0, 0.95)),
        (WARNING, told(0, 0.4, 0.8)),
        (WARNING, told(0, 0.5, 1.0, 1.5, 2.0, 2.5)),
        (FAIL, told(0, 0.3, 0.6, 0.9)),
        (FAIL, told(0, 0.15, 0.3, 0.45, 0.6)),
        (PASS, told(0, 0.15, 0.3, 0.45, 0.6, value="7", reply="error")),  # a refused line, repeated
        (WARNING, told(0, 0.15, value="7")),
        (PASS, f"{told(0)}\n{told(0.2, piid=3)}"),
        (WARNING, "> properties_changed 3 2 1 3 2 2\n< ok"),
        (UNSEEN, "> properties_changed 3 2 one two\n< ok\n> properties_changed 3 2 two three\n< ok"),
        # What was asked of the product makes a report of its own.
        (PASS, f"{told(0)}\n0.1 {SET}\n{told(0.2)}"),
        (PASS, f"{told(0)}\n0.1 {OTHER}\n{told(0.2)}"),
        (PASS, f"{told(0)}\n0.1 > get_down\n< down action 2 1\n> result 2 1 0\n< ok\n{told(0.2)}"),
        (PASS, f"{told(0)}\n0.1 > get_down\n< down MIIO_net_change cloud\n{told(0.2)}"),
        (WARNING, f"{told(0)}\n0.1 {READ}\n{told(0.2)}"),
        (PASS, "\n".join(f"{at} {SET}\n{told(at + 0.1)}" for at in (0, 0.2, 0.4, 0.6, 0.8))),
        # One set, five reports.
        (FAIL, f"0 {SET}\n{told(0.1, 0.2, 0.3, 0.4, 0.5)}"),
    ],
)
def test_report_rate(expected: Outcome, script: str) -> None:
    found = verdict("report-rate", script)
    assert found.outcome is expected, found


def test_a_flood_of_one_property_is_not_hidden_by_sets_of_others() -> None:
    flood = [f"{told(at)}\n{at + 0.05} {OTHER}" for at in (0, 0.15, 0.3, 0.45, 0.6, 0.75)]
    assert outcome("report-rate", "\n".join(flood)) is FAIL
    changing = [f"{at} {SET}\n{told(at + 0.08)}" for at in (0, 0.15, 0.3, 0.45, 0.6, 0.75)]
    assert outcome("report-rate", "\n".join(changing)) is PASS


def test_reports_after_what_was_handed_out_unheard_are_no_flood() -> None:
    times = (1, 1.15, 1.3, 1.45, 1.6, 1.75)
    heard = [f"{at} {SET}\n{told(at + 0.08, value=str(place))}" for place, at in enumerate(times)]
    every = talk("\n".join(["0.5 > get_down\n< down none", *heard, "3 > get_down\n< down none"]))
    by_chance = [record for record in every if record.raw[:8] != b"down set"]
    lost = Record("uart", "down", 100.9, 0.0, b"", note="outage: unplugged")
    unplugged = [
        lost,
        *(each for each in every if each.direction == "up" or not 100.9 < each.instant < 102.9),
    ]
    one_receiver = [record for record in every if record.direction == "up"]
    for records in (by_chance, unplugged, one_receiver):
        records.sort(key=lambda record: record.instant)
        found = {each.rule.name: each for each in judge(records)}["report-rate"]
        assert (found.outcome, found.warned, found.broken) == (PASS, 0, 0), found
    # What comes when all is heard again is judged: five within a second, and nothing asked.
    flood = talk(told(5, 5.1, 5.2, 5.3, 5.4))
    assert {each.rule.name: each for each in judge([*unplugged, *flood])}["report-rate"].outcome is FAIL


@pytest.mark.parametrize("count", [4])
def test_an_event_that_is_repeated_until_it_is_taken_counts_once(count: int) -> None:
    refused = "\n".join(f"0.{number} > event_occured 6 1\n< error" for number in range(count))
    assert outcome("event-rate", f"{refused}\n0.5 > event_occured 6 1\n< ok") is PASS
    taken = "\n".join(f"0.{number} > event_occured 6 1\n< ok" for number in range(count))
    assert outcome("event-rate", f"{taken}\n0.5 > event_occured 6 1\n< ok") is FAIL
    # The first was refused, its repetition was taken: what follows is something new.
    assert outcome("event-rate", f"0 > event_occured 6 1\n< error\n{taken}") is FAIL


def test_what_is_said_again_to_a_module_that_is_not_heard_may_be_a_repetition() -> None:
    same = "\n".join(f"0.{number} > event_occured 6 1" for number in range(4))
    assert verdict("event-rate", same).text != "4 of 4: 4 events in 0.300 s"
    assert outcome("event-rate", same) is PASS, "one event, and three that nobody can judge"
    assert (verdict("event-rate", same).kept, verdict("event-rate", same).broken) == (3, 0)
    others = "\n".join(f"0.{number} > event_occured 6 2 1 {number} 2 0.5" for number in range(4))
    assert outcome("event-rate", others) is FAIL, "they differ: each is one of its own"
    # Between four that differ, a repetition hides nothing.
    assert outcome("event-rate", others.replace("\n0.2", "\n> event_occured 6 2 1 1 2 0.5\n0.2")) is FAIL
    flood = told(0, 0.15, 0.3, 0.45, 0.6, value="7", reply="")
    assert (verdict("report-rate", flood).kept, verdict("report-rate", flood).broken) == (1, 0)
    changing = "\n".join(told(number / 10, value=str(number), reply="") for number in range(4))
    assert outcome("report-rate", changing) is FAIL


@pytest.mark.parametrize(
    ("expected", "script"),
    [
        (PASS, "> event_occured 6 2 1 5 2 0.5"),
        (PASS, "> event_occured 6 2 2 0.5 1 5"),
        (FAIL, "> event_occured 6 2 1 5"),
        (FAIL, "> event_occured 6 2"),
        (UNSEEN, "> event_occured 6 1"),  # it has none
        (UNSEEN, "> event_occured 6 9"),
        (UNSEEN, "> event_occured 6 2 1 5 2"),  # event-form
        (UNSEEN, "> event_occured 6 2 1 some words"),  # string-quotes
    ],
)
def test_event_arguments(expected: Outcome, script: str) -> None:
    found = verdict("event-arguments", script, spec=LAMP)
    assert found.outcome is expected, found


def test_what_an_event_lacks_is_named() -> None:
    assert (
        verdict("event-arguments", "> event_occured 6 2 1 5", spec=LAMP).text == "event 6.2 (turn) lacks 6.2"
    )


@pytest.mark.parametrize(
    ("values", "expected"), [((1, 2, 3, 4), PASS), ((4, 4, 4, 4), FAIL), ((1, 1, 2, 2), WARNING)]
)
def test_what_is_carried_out_late_is_reported_as_often_as_it_was_asked_for(
    values: tuple[int, ...], expected: Outcome
) -> None:
    """A check asks for one value after another; an MCU that answers with 1 and needs a while has not made that pace."""
    sets = "\n".join(
        f"{0.2 * each} > get_down\n< down set_properties 3 2 {each}\n> result 3 2 1\n< ok"
        for each in (1, 2, 3, 4)
    )
    later = "\n".join(
        f"{1.6 + 0.2 * n} > properties_changed 3 2 {each}\n< ok" for n, each in enumerate(values)
    )
    assert outcome("report-rate", f"{sets}\n{later}") is expected
