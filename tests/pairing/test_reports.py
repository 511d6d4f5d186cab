"""Reports and the pushes they become: right, or in doubt, never wrong and sure."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.tape import Tape

from miio_lan.pairing.calls import NOT_RECORDED
from miio_lan.pairing.reports import PUSH_TIME, REPEATED_WITHIN, USUAL_TIME, Report, reports
from miio_lan.record import Record

BRIGHTNESS = (2, 2)
CLICK = (6, 1)


def tape() -> Tape:
    """One that has been listened to for long enough."""
    return Tape().fetch("none").wait(USUAL_TIME)


def push(
    tape: Tape, number: int, *changes: tuple[int, int, object], peer: str = "", again: bool = False
) -> Tape:
    items = [{"did": "1", "siid": siid, "piid": piid, "value": value} for siid, piid, value in changes]
    body = {"id": number, "method": "properties_changed", "params": items}
    tape._lan("up", body, peer)
    return tape if again else tape._lan("down", {"id": number, "result": {"code": 0}}, peer)


def click(tape: Tape, number: int, *arguments: tuple[int, object]) -> Tape:
    given = [{"piid": piid, "value": value} for piid, value in arguments]
    event = {"did": "1", "siid": CLICK[0], "eiid": CLICK[1], "arguments": given}
    return tape._lan("up", {"id": number, "method": "event_occured", "params": event}, "")


def change(tape: Tape, value: object, said: str = "ok") -> Tape:
    return tape.answer(f"properties_changed 2 2 {value}", said)


def only(tape: Tape, **options: Any) -> Report:
    (report,) = reports(tape.records, **options)
    return report


def joins(found: list[Report]) -> list[tuple[object, object, bool]]:
    """Give for each its value, the id of its push, and whether it is ambiguous."""
    return [
        (each.value, each.push.reading["id"] if each.push else None, each.ambiguous)  # type: ignore[index]
        for each in found
    ]


def test_a_property_on_both_wires() -> None:
    seen = push(change(tape(), 55).wait(0.5), 1, (2, 2, 55))
    line, ok, told, confirmed = seen.records[-4:]
    report = only(seen)
    assert (report.method, report.siid, report.iid, report.value) == ("properties_changed", 2, 2, 55)
    assert (report.line, report.acknowledgement) == (line, ok)
    assert (report.push, report.confirmation) == (told, confirmed)
    assert report.records == (line, ok, told, confirmed)
    assert report.push_time == pytest.approx(0.52)
    assert (report.ambiguous, report.notes) == (False, ())


def test_several_properties_in_one_line_and_one_push() -> None:
    seen = tape().answer('properties_changed 2 2 55 3 1 "a"').wait(0.5)
    seen = push(seen, 1, (3, 1, "a"), (2, 2, 55))
    first, second = reports(seen.records)
    assert (first.iid, first.value, second.siid, second.value) == (2, 55, 3, "a")
    assert first.push is second.push is not None
    assert (first.ambiguous, second.ambiguous) == (False, False)


def test_an_event_on_both_wires() -> None:
    seen = click(tape().answer("event_occured 6 1 3 7"), 1, (3, 7))
    report = only(seen)
    assert (report.method, report.siid, report.iid, report.value) == ("event_occured", 6, 1, [[3, 7]])
    assert report.push is not None
    assert (report.confirmation, report.ambiguous) == (None, False)


def test_nobody_was_told() -> None:
    report = only(change(tape(), 55))
    assert report.push is report.confirmation is report.push_time is None
    assert not report.ambiguous


def test_another_value_is_not_its_own() -> None:
    assert joins(reports(push(change(tape(), 55), 1, (2, 2, 56)).records)) == [
        (55, None, True),  # it may have been misheard
        (56, 1, True),
    ]
    assert joins(reports(push(change(tape(), 1), 1, (2, 2, True)).records))[0] == (1, 1, False)


@pytest.mark.parametrize(
    ("heard", "said", "sure"),
    [
        ("properties_changed 2 2 ", "ok", False),  # the value was not heard
        ("properties_changed 2 2 5x", "ok", False),
        ("properties_chanaged 2 2 55", "ok", False),
        ("properties_changed 2 2 ", "error", True),  # the module heard it so, too
        ("properties_changed 3 1 x", "ok", True),  # another property
        ("*** boot ***", "ok", True),
    ],
)
def test_a_report_that_was_not_heard_well_may_be_what_was_told(heard: str, said: str, sure: bool) -> None:
    seen = push(change(tape().wait(10).answer(heard, said).wait(0.3), 55).wait(0.2), 1, (2, 2, 55))
    assert [each.ambiguous for each in reports(seen.records) if each.push] == [not sure]


def test_a_report_that_does_not_conform_and_was_told_puts_nothing_else_in_doubt() -> None:
    seen = push(tape().answer("properties_changed 2 2 on").wait(0.5), 1, (2, 2, "on")).wait(0.1)
    seen = push(change(seen, 55).wait(0.5), 2, (2, 2, 55))
    assert joins(reports(seen.records)) == [("on", 1, False), (55, 2, False)]


def test_a_value_that_was_said_right_before_another_was_told_and_never_told_may_be_misheard() -> None:
    both = change(change(tape(), 55), 60)
    seen = push(both, 1, (2, 2, 55))
    assert joins(reports(seen.records)) == [(55, 1, True), (60, None, False)]
    seen = push(seen.wait(0.9), 2, (2, 2, 60))
    assert joins(reports(seen.records)) == [(55, 1, False), (60, 2, False)]


def test_a_line_that_is_stamped_after_the_push_is_not_surely_its_own_where_another_came_before() -> None:
    seen = change(push(change(tape(), 60).wait(0.5), 1, (2, 2, 55)), 55)
    assert joins(reports(seen.records))[-1] == (55, 1, True)


def test_a_later_value_is_told_in_its_place() -> None:
    seen = push(change(change(tape(), 55), 60).wait(0.5), 1, (2, 2, 60))
    overtaken, last = reports(seen.records)
    assert joins([overtaken, last]) == [(55, None, False), (60, 1, False)]
    assert overtaken.notes == ("a later value was told in its place",)
    # What was overtaken is told by no later push either.
    seen = push(seen.wait(1), 2, (2, 2, 55))
    assert joins(reports(seen.records))[-1] == (55, 2, True)


def test_the_same_value_twice_before_a_push_is_in_doubt() -> None:
    seen = push(change(change(tape(), 55), 55).wait(0.5), 1, (2, 2, 55))
    assert joins(reports(seen.records)) == [(55, None, True), (55, 1, True)]


def test_the_same_value_told_each_time() -> None:
    seen = push(change(tape(), 55).wait(0.5), 1, (2, 2, 55)).wait(1)
    seen = push(change(seen, 55).wait(0.5), 2, (2, 2, 55))
    assert joins(reports(seen.records)) == [(55, 1, False), (55, 2, False)]


def test_an_older_value_that_is_told_last_is_in_doubt() -> None:
    seen = push(change(change(tape(), 55), 60).wait(0.5), 1, (2, 2, 55))
    assert joins(reports(seen.records)) == [(55, 1, True), (60, None, False)]


def test_a_push_that_is_stamped_before_its_line() -> None:
    seen = push(tape(), 1, (2, 2, 55))
    assert joins(reports(change(seen, 55).records)) == [(55, 1, False)]
    seen = push(tape(), 1, (2, 2, 55)).wait(0.1)
    assert joins(reports(change(seen, 55).records)) == [(55, 1, True), (55, None, True)]


@pytest.mark.parametrize(("wait", "joined"), [(PUSH_TIME - 0.1, True), (PUSH_TIME + 0.1, False)])
def test_a_push_comes_within_its_time(wait: float, joined: bool) -> None:
    seen = push(change(tape(), 55).wait(wait), 1, (2, 2, 55))
    assert (reports(seen.records)[0].push is not None) is joined


@pytest.mark.parametrize(
    ("wait", "told"),
    [(REPEATED_WITHIN - 0.1, [(55, 1, False)]), (REPEATED_WITHIN + 0.1, [(55, 1, False), (55, 1, True)])],
)
def test_a_push_that_is_repeated_is_one(wait: float, told: list[object]) -> None:
    seen = push(change(tape(), 55), 1, (2, 2, 55), again=True).wait(wait)
    assert joins(reports(push(seen, 1, (2, 2, 55)).records)) == told


def test_the_same_id_with_another_content_is_no_repeat() -> None:
    seen = push(change(tape(), 55), 1, (2, 2, 55))
    assert joins(reports(push(change(seen, 60), 1, (2, 2, 60)).records)) == [(55, 1, False), (60, 1, False)]


def test_what_the_module_did_not_take_is_told_to_nobody() -> None:
    seen = push(change(change(tape(), 55, "error"), 55), 1, (2, 2, 55))
    refused, taken = reports(seen.records)
    assert joins([refused, taken]) == [(55, None, False), (55, 1, False)]
    assert refused.notes == ("the module did not take it",)


def test_a_line_without_a_word_of_the_module() -> None:
    assert only(tape().up("properties_changed 2 2 55").wait(2)).acknowledgement is None


def test_events_come_in_their_order() -> None:
    seen = tape().answer("event_occured 6 1").answer("event_occured 6 1")
    seen = click(click(seen, 1), 2)
    assert joins(reports(seen.records)) == [([], 1, False), ([], 2, False)]


def test_events_of_which_one_was_not_told_are_in_doubt() -> None:
    seen = click(tape().answer("event_occured 6 1").answer("event_occured 6 1"), 1)
    assert joins(reports(seen.records)) == [([], 1, True), ([], None, True)]


def test_events_with_other_arguments_are_told_apart() -> None:
    seen = click(tape().answer("event_occured 6 1 3 7").answer("event_occured 6 1 3 8"), 1, (3, 8))
    assert joins(reports(seen.records)) == [([[3, 7]], None, False), ([[3, 8]], 1, False)]


def test_a_push_more_than_lines() -> None:
    seen = click(click(tape().answer("event_occured 6 1"), 1), 2)
    first, orphan = reports(seen.records)
    assert joins([first, orphan]) == [([], 1, True), ([], 2, True)]
    assert orphan.line is None
    assert orphan.notes == ("the MCU was not heard to say so",)


@pytest.mark.parametrize(("since", "sure"), [(USUAL_TIME - 0.1, False), (USUAL_TIME + 0.1, True)])
def test_a_line_of_before_the_watching_may_be_what_is_told(since: float, sure: bool) -> None:
    seen = Tape().up("get_down").down("down none").wait(since)
    seen = push(change(seen, 55), 1, (2, 2, 55))
    assert only(seen).ambiguous is not sure
    assert not only(seen, from_start=True).ambiguous


def test_a_line_that_may_have_been_missed() -> None:
    assert only(push(change(tape().mark("gap"), 55), 1, (2, 2, 55))).ambiguous


@pytest.mark.parametrize(
    ("pause", "ambiguous"), [(0.0, True), (USUAL_TIME - 0.1, True), (USUAL_TIME + 0.1, False)]
)
def test_a_line_that_was_missed_as_the_word_of_the_module_to_it_shows(pause: float, ambiguous: bool) -> None:
    """The push of the event that was lost is not surely that of the next one."""
    seen = tape().wait(10).down("ok").wait(pause).answer("event_occured 6 1")
    assert only(click(seen, 1)).ambiguous is ambiguous


def test_what_no_line_said_stands_in_the_order_of_time_too() -> None:
    seen = push(push(tape(), 1, (2, 2, 55)).wait(1.0), 1, (2, 2, 55), again=True)
    assert only(seen).records == tuple(seen.records[-3:]), "the push, its confirmation, the push again"


def test_the_lan_alone() -> None:
    report = only(push(Tape(), 1, (2, 2, 55)))
    assert (report.value, report.line, report.push_time, report.ambiguous) == (55, None, None, True)


@pytest.mark.parametrize(
    "body",
    [
        {"id": 1, "method": "properties_changed"},
        {"id": 1, "method": "properties_changed", "params": [1, {"siid": 2}, {"siid": "x", "piid": []}]},
        {"id": [], "method": "event_occured", "params": [{"siid": 6, "eiid": 1, "arguments": 3}]},
        {"method": "properties_changed", "params": {"siid": 2, "piid": 2}},
    ],
)
def test_what_devices_say_otherwise_does_no_harm(body: dict[str, object]) -> None:
    seen = change(tape(), 55)._lan("up", body, "")
    seen.up("properties_changed", "properties_changed 2", "event_occured 6")
    assert reports(seen.records)[0].line is not None


def test_a_push_that_may_not_have_been_recorded_is_not_surely_missing() -> None:
    assert not only(change(tape(), 55)).ambiguous
    report = only(change(tape(), 55).lan_gap())
    assert (report.push, report.ambiguous, report.notes) == (None, True, (NOT_RECORDED,))
    assert not only(change(tape(), 55).wait(PUSH_TIME).hello().lan_gap()).ambiguous


def test_what_the_module_refused_was_told_to_nobody_whatever_was_recorded() -> None:
    refused = change(tape(), 55, "error").lan_gap()
    assert not only(refused).ambiguous


def test_of_two_alike_the_push_that_was_not_recorded_may_be_the_one_of_the_line() -> None:
    assert not only(push(change(tape(), 55), 1, (*BRIGHTNESS, 55))).ambiguous
    assert only(push(change(tape(), 55).lan_gap(), 1, (*BRIGHTNESS, 55))).ambiguous


# --- against a book of what happened ---


@st.composite
def scenes(draw: st.DrawFn) -> tuple[list[Record], dict[int, Record]]:
    """Records of both wires as a module makes them, and for each push (by its id) the line it told of.

    It tells once in a second, of a property the last value; the push may be delayed on the LAN.
    """
    lines: list[Record] = []
    pushes: list[Record] = []
    truth: dict[int, Record] = {}
    for place in range(draw(st.integers(1, 8))):
        instant = (lines[-1].instant if lines else 1.0) + draw(st.sampled_from((0.02, 0.3, 0.7, 1.2)))
        raw = f"properties_changed 2 2 {draw(st.sampled_from((1, 2)))}\r".encode()
        lines.append(Record("uart", "up", instant, instant, raw, None, str(place)))
    for second in range(1, 14):
        waiting = [each for each in lines if second <= each.instant < second + 1]
        if waiting:
            number = len(truth) + 1
            truth[number] = waiting[-1]
            value = int(waiting[-1].raw.split()[-1])
            instant = second + 1 + draw(st.sampled_from((0.001, 0.001, 0.4, 0.9)))
            change = {"siid": 2, "piid": 2, "value": value}
            body = {"id": number, "method": "properties_changed", "params": [change]}
            pushes.append(Record("lan", "up", instant, instant, b"{}", body))
    told = [Record("uart", "down", each.instant + 0.001, 0.0, b"ok\r") for each in lines]
    return sorted([*lines, *told, *pushes], key=lambda each: each.instant), truth


@pytest.mark.untraced
@settings(max_examples=200)
@given(scenes(), st.data())
def test_what_is_sure_is_true_where_a_line_was_lost(
    scene: tuple[list[Record], dict[int, Record]], data: st.DataObject
) -> None:
    """The word of the module to it was heard."""
    records, truth = scene
    lost = data.draw(
        st.sampled_from([each for each in records if each.raw.startswith(b"properties_changed")])
    )
    for report in reports((each for each in records if each is not lost), from_start=True):
        if report.push is not None and report.line is not None and not report.ambiguous:
            assert report.line is truth[report.push.reading["id"]]  # type: ignore[index]


@pytest.mark.untraced
@settings(max_examples=200)
@given(scenes(), st.none() | st.floats(0, 6))
def test_what_is_sure_is_true(scene: tuple[list[Record], dict[int, Record]], start: float | None) -> None:
    records, truth = scene
    seen = [each for each in records if start is None or each.instant >= start]
    for report in reports(seen, from_start=start is None):
        if report.push is not None and report.line is not None and not report.ambiguous:
            assert report.line is truth[report.push.reading["id"]]  # type: ignore[index]
