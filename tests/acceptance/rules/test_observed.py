"""Calls over the LAN, and the rules about them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from miio_lan.acceptance.rules.all import judge
from miio_lan.acceptance.rules.calls import PropertyAnswer
from miio_lan.acceptance.rules.observed import Observed
from miio_lan.acceptance.tester.progress import Progress
from miio_lan.acceptance.verdict import Outcome, Verdict
from miio_lan.device.description.spec import Spec
from miio_lan.record import Record
from miio_lan.uart.bridge.faults import ALTERED, DROPPED, HELD_BACK, SENT
from miio_lan.uart.values import MISSING

LAMP = Spec.shipped("lamp")
PASS, FAIL, WARNING, UNSEEN = Outcome.PASS, Outcome.FAIL, Outcome.WARNING, Outcome.NOT_OBSERVED


def request(at: float, number: int, method: str, params: object = (), peer: str = "lamp") -> Record:
    reading = {"id": number, "method": method, "params": params}
    return Record("lan", "down", at, at, b"{}", reading, peer=peer)


def reply(at: float, number: int, peer: str = "lamp", **what: object) -> Record:
    return Record("lan", "up", at, at, b"{}", {"id": number, **what}, peer=peer)


def item(siid: int, piid: int, **more: object) -> dict[str, object]:
    return {"did": "x", "siid": siid, "piid": piid, **more}


def outcome(name: str, *records: Record, spec: Spec | None = None, ended: float | None = None) -> Outcome:
    return {each.rule.name: each.outcome for each in judge(records, spec=spec, ended=ended)}[name]


def test_a_call_and_its_answer() -> None:
    (call,) = Observed(
        [
            Record("lan", "up", 0.0, 0.0, b"", note="hello"),
            request(1, 5, "get_properties", [item(2, 1), item(2, 2), "nonsense", {"siid": "2"}]),
            reply(1.2, 5, result=[item(2, 1, code=0, value=True), item(2, 2, code=-4004), {"code": 0}]),
        ]
    ).calls
    assert (call.request.wire, call.method) == ("lan", "get_properties")
    assert call.properties == (((2, 1), MISSING), ((2, 2), MISSING))
    assert call.answers == {(2, 1): PropertyAnswer(0, True), (2, 2): PropertyAnswer(-4004)}
    assert call.record is call.answer


def test_an_action_by_piid_and_by_position() -> None:
    named, positional = Observed(
        [
            request(1, 1, "action", {"siid": 2, "aiid": 2, "in": [{"piid": 10, "value": 5}]}),
            reply(1.1, 1, result={"code": 0}),
            request(2, 2, "action", {"siid": 2, "aiid": 2, "in": [5]}),
            reply(2.1, 2, error={"code": -9999, "message": "user ack timeout"}),
        ]
    ).lan
    assert (named.action, named.arguments, named.code) == ((2, 2), {10: 5}, 0)
    assert (positional.arguments, positional.code) == (None, None)
    assert positional.error == (-9999, "user ack timeout")


def test_a_request_that_was_sent_again_is_one_call() -> None:
    records = [
        request(1, 1, "get_properties", [item(2, 1)]),
        request(2, 2, "get_properties", [item(2, 1)]),
        reply(2.1, 2, result=[item(2, 1, code=0, value=True)]),
        request(9, 3, "get_properties", [item(2, 2)]),
    ]
    calls = Observed(records).lan
    assert [call.request for call in calls] == [records[1], records[3]]
    assert [call.answer for call in calls] == [records[2], None]


def test_two_devices_do_not_answer_for_each_other() -> None:
    records = [request(1, 1, "x", peer="one"), reply(2, 1, peer="two", result=[])]
    assert Observed(records).lan[0].answer is None


def test_where_the_line_was_heard_it_is_what_counts() -> None:
    records = [
        request(1, 1, "get_properties", [item(2, 1)]),
        Record("uart", "down", 1.1, 0.0, b"down get_properties 2 1\r"),
        Record("uart", "up", 1.2, 0.0, b"result 2 1 0 true\r"),
        reply(1.3, 1, result=[item(2, 1, code=0, value=True)]),
    ]
    session = Observed(reversed(records))
    assert [call.request.wire for call in session.calls] == ["uart"]
    assert [call.request.wire for call in session.lan] == ["lan"]


@pytest.mark.parametrize(
    ("name", "expected", "records"),
    [
        ("lan-answered", PASS, [request(1, 1, "x"), reply(2, 1, result=["ok"])]),
        ("lan-answered", PASS, [request(1, 1, "x"), reply(2, 1, error={"code": -5001, "message": "no"})]),
        (
            "lan-answered",
            FAIL,
            [request(1, 1, "x"), reply(5, 1, error={"code": -9999, "message": "user ack timeout"})],
        ),
        ("lan-answered", FAIL, [request(1, 1, "x"), reply(6, 7, result=["ok"])]),
        ("lan-answered", UNSEEN, [request(1, 1, "x"), reply(2, 7, result=["ok"])]),
        (
            "lan-info",
            PASS,
            [request(1, 1, "miIO.info"), reply(2, 1, result={"model": LAMP.model, "mcu_fw_ver": "0001"})],
        ),
        ("lan-info", WARNING, [request(1, 1, "miIO.info"), reply(2, 1, result={"model": LAMP.model})]),
        (
            "lan-info",
            FAIL,
            [request(1, 1, "miIO.info"), reply(2, 1, result={"model": LAMP.model, "mcu_fw_ver": "1"})],
        ),
        (
            "lan-info",
            FAIL,
            [request(1, 1, "miIO.info"), reply(2, 1, result={"model": "a.b.c", "mcu_fw_ver": "0001"})],
        ),
        ("lan-info", FAIL, [request(1, 1, "miIO.info"), reply(2, 1, result={"model": "plug"})]),
        ("lan-info", FAIL, [request(1, 1, "miIO.info"), reply(2, 1, result={"mcu_fw_ver": "0001"})]),
        ("lan-info", UNSEEN, [request(1, 1, "miIO.info"), reply(2, 1, result=["ok"])]),
        ("lan-unknown-method", PASS, [request(1, 1, "unknown_command"), reply(2, 1, error={"code": -5000})]),
        ("lan-unknown-method", FAIL, [request(1, 1, "unknown_command"), reply(2, 1, result=["ok"])]),
        (
            "lan-unknown-method",
            UNSEEN,
            [request(1, 1, "unknown_command"), reply(6, 1, error={"code": -9999})],
        ),
        ("lan-unknown-method", UNSEEN, [request(1, 1, "unknown_command")]),
        (
            "bad-value",
            FAIL,
            [
                request(1, 1, "set_properties", [item(2, 2, value=101)]),
                reply(2, 1, result=[item(2, 2, code=0)]),
            ],
        ),
        (
            "bad-value",
            UNSEEN,
            [request(1, 1, "set_properties", [item(2, 2, value=101)]), reply(2, 1, error={"code": -5001})],
        ),
        (
            "value-range",
            FAIL,
            [
                request(1, 1, "get_properties", [item(2, 2)]),
                reply(2, 1, result=[item(2, 2, code=0, value=101)]),
            ],
        ),
        (
            "bad-argument",
            UNSEEN,
            [request(1, 1, "action", {"siid": 2, "aiid": 2, "in": [500]}), reply(2, 1, result={"code": 0})],
        ),
    ],
)
def test_rule(name: str, expected: Outcome, records: list[Record]) -> None:
    assert outcome(name, *records, spec=LAMP) is expected


def in_a_check(*records: Record) -> Verdict:
    verdicts = judge(records, course=Progress())
    return next(each for each in verdicts if each.rule.name == "lan-answered")


def asked(*answered: bool, params: object = (), step: float = 5.0) -> list[Record]:
    """Commands one after the other, each with whether it was answered."""
    found: list[Record] = []
    for number, comes in enumerate(answered):
        at = 1.0 + step * number
        found.append(request(at, number, "get_properties", params or [item(2, number)]))
        found += [reply(at + 0.1, number, result=[])] if comes else []
    return found


class TestLostOnTheNetwork:
    @pytest.mark.parametrize(
        ("answered", "expected"),
        [
            ((True, True), PASS),
            ((True, False, True), WARNING),
            ((False, True), WARNING),
            ((True, False, True, False, True), WARNING),
            ((True, False), FAIL),
            ((True, False, False, True), FAIL),
            ((False,), FAIL),
        ],
    )
    def test_a_silence_between_answers_is_a_warning(
        self, answered: tuple[bool, ...], expected: Outcome
    ) -> None:
        records = asked(*answered)
        assert in_a_check(*records).outcome is expected
        assert outcome("lan-answered", *records, ended=100.0) is expected, "whoever asked"

    @pytest.mark.parametrize(
        ("answered", "expected"),
        [
            ((True,), PASS),
            ((False, True), WARNING),
            ((False, False, True), FAIL),
            ((False, False), FAIL),
        ],
    )
    def test_a_check_that_has_to_ask_again_says_so(
        self, answered: tuple[bool, ...], expected: Outcome
    ) -> None:
        records = asked(*answered, params=[item(2, 1)])
        assert in_a_check(*records, request(90, 90, "x"), reply(91, 90, result=[])).outcome is expected

    def test_what_was_lost_once_counts_once(self) -> None:
        found = in_a_check(*asked(False, True, True, True, params=[item(2, 1)], step=1.0))
        assert (found.outcome, found.warned, found.kept) == (WARNING, 1, 2)

    def test_other_clients_may_ask_as_often_as_they_like(self) -> None:
        assert outcome("lan-answered", *asked(False, True, params=[item(2, 1)]), ended=100.0) is PASS

    def test_another_device_answers_for_itself(self) -> None:
        records = [
            *asked(True, False),
            request(90, 90, "x", peer="two"),
            reply(91, 90, peer="two", result=[]),
        ]
        assert in_a_check(*records).outcome is FAIL

    def test_a_reply_that_cannot_be_read_was_not_lost(self) -> None:
        unread = Record("lan", "up", 6.2, 6.2, b'{"id":1,"res', note="not JSON", peer="lamp")
        first, answer, second, third, last = asked(True, False, True)
        found = in_a_check(first, answer, second, unread, third, last)
        assert found.outcome is FAIL
        assert found.text == "1 of 3: get_properties got a reply that cannot be read (not JSON)"


def test_the_end_of_the_observation_shows_that_nothing_came() -> None:
    assert outcome("lan-answered", request(1, 1, "x")) is UNSEEN
    assert outcome("lan-answered", request(1, 1, "x"), ended=6.0) is FAIL


GAP = "gap: 7 before this were not told, for want of time"


@pytest.mark.parametrize("at", [0.5, 1.5])
def test_a_reply_that_was_not_recorded_is_not_missed(at: float) -> None:
    gap = Record("lan", "down", at, at, b"", note=GAP, peer="lamp")
    sent = [request(1, 1, "x"), reply(1.1, 7, result=["somebody else"])]
    assert outcome("lan-answered", *sent, ended=6.0) is FAIL
    assert outcome("lan-answered", *sorted([*sent, gap], key=lambda each: each.instant), ended=6.0) is (
        UNSEEN if at > 1 else FAIL
    )


def test_what_was_not_recorded_may_have_set_anything() -> None:
    done = [
        request(1, 1, "set_properties", [item(2, 2, value=10)]),
        reply(1.1, 1, result=[item(2, 2, code=0)]),
    ]
    read = [
        request(3, 2, "get_properties", [item(2, 2)]),
        reply(3.1, 2, result=[item(2, 2, code=0, value=60)]),
    ]
    gap = Record("lan", "down", 2.0, 2.0, b"", note=GAP, peer="lamp")
    assert outcome("set-takes-effect", *done, *read, spec=LAMP) is FAIL
    assert outcome("set-takes-effect", *done, gap, *read, spec=LAMP) is UNSEEN
    # By another program, while the first one did not follow; or asked for by nobody who was seen.
    later = replace(gap, instant=9.0, wall=9.0)
    elsewhere = [replace(each, peer="other") for each in read]
    assert outcome("set-takes-effect", *done, *elsewhere, spec=LAMP) is FAIL
    assert outcome("set-takes-effect", *done, *elsewhere, later, spec=LAMP) is UNSEEN
    unseen = reply(2.0, 77, result=[item(2, 2, code=0)])
    assert outcome("set-takes-effect", *done, unseen, *read, spec=LAMP) is UNSEEN


def test_two_receivers_that_are_late_each_in_its_own_time() -> None:
    late = [
        Record("uart", "down", 1.016, 1.016, b"down get_properties 2 1\r"),
        Record("uart", "up", 1.004, 1.004, b"get_down\r"),
        Record("uart", "up", 1.010, 1.010, b"result 2 1 0 true\r"),
        Record("uart", "down", 1.017, 1.017, b"ok\r"),
    ]
    (call,) = Observed(late).calls
    assert call.answers == {(2, 1): PropertyAnswer(0, True)}
    assert outcome("downlink-answered", *late) is PASS
    assert outcome("answers-only-downlinks", *late) is PASS


def test_whoever_plays_the_module_has_one_clock() -> None:
    early = [
        Record("uart", "up", 1.0, 1.0, b"get_down\r"),
        Record("uart", "up", 1.001, 1.001, b"result 2 1 0 true\r"),
        Record("uart", "down", 1.002, 1.002, b"down get_properties 2 1\r"),
    ]
    assert Observed(early).line.downlinks[0].answer is not None
    assert Observed(early, driven=True).line.downlinks[0].answer is None


# --- a bridge on the line ------------------------------------------------------------------------------------------


def line(at: float, text: str, note: str = "", direction: str = "up") -> Record:
    return Record("uart", direction, at, at, text.encode() + b"\r", note=note)


@pytest.mark.parametrize("note", [DROPPED, SENT, HELD_BACK.format(0.5)])
def test_what_came_of_a_line_a_bridge_touched_is_not_blamed_on_the_product(note: str) -> None:
    got = [request(1, 1, "get_properties", [item(2, 2)]), reply(2, 1, result=[item(2, 2, code=0, value=400)])]
    assert outcome("value-range", *got, spec=LAMP) is FAIL
    assert outcome("value-range", *got, line(1.5, "result 2 2 0 400", note), spec=LAMP) is UNSEEN
    strange = [request(1, 1, "unknown_command"), reply(2, 1, result=[1])]
    assert outcome("lan-unknown-method", *strange) is FAIL
    assert outcome("lan-unknown-method", *strange, line(1.5, "result 1", note)) is UNSEEN
    assert outcome("lan-unknown-method", *strange, line(5.0, "result 1", note)) is FAIL


def test_what_a_bridge_told_of_the_mcu_is_not_blamed_on_the_product() -> None:
    info = [request(5, 1, "miIO.info"), reply(6, 1, result={"model": LAMP.model, "mcu_fw_ver": "1"})]
    altered = [line(1, "mcu_version 0001", ALTERED), line(1, "mcu_version 1", SENT)]
    assert outcome("lan-info", *info) is FAIL
    assert outcome("lan-info", *altered, *info) is UNSEEN
    assert outcome("lan-info", line(1, "get_down", DROPPED), *info) is FAIL
    late = [replace(record, instant=9.0) for record in altered]
    assert outcome("lan-info", *info, *late) is FAIL


@pytest.mark.parametrize("again", [1, 2])
def test_a_call_begins_with_the_first_time_it_was_sent(again: int) -> None:
    timeout = {"code": -9999, "message": "user ack timeout"}
    sent = [request(1, 1, "x"), request(3, again, "x"), reply(6, again, error=timeout)]
    (call,) = Observed(sent).lan
    assert (call.began, call.answer) == (1, sent[2])
    assert outcome("lan-answered", *sent, line(1.5, 'error "no" -5000', DROPPED)) is UNSEEN
    assert outcome("lan-answered", *sent, line(0.5, 'error "no" -5000', DROPPED)) is FAIL


def test_the_same_id_much_later_is_another_call() -> None:
    assert [call.began for call in Observed([request(1, 1, "x"), request(99, 1, "x")]).lan] == [1, 99]
    assert [call.began for call in Observed([request(1, 1, "x"), request(2, 1, "y")]).lan] == [1, 2]
