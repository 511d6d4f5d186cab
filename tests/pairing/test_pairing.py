"""Pairing by hand-written recordings: every step, every place where a command can stop, everything that confuses."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.paired import asked, fed, the
from support.tape import STEP, Tape

from miio_lan.bench.trace import summary
from miio_lan.pairing import pairing
from miio_lan.pairing.calls import LONGEST_RESEND, NOT_RECORDED
from miio_lan.pairing.clocks import compare
from miio_lan.pairing.exchange import NOT_ANSWERED, NOT_FETCHED, REPLY_LOST, STEPS, STOPS, Exchange, Part
from miio_lan.pairing.matching.matching import HORIZON
from miio_lan.pairing.pairing import Pairer, pair
from miio_lan.record import Record
from miio_lan.record.marks import begin_mark, end_mark
from miio_lan.uart.bridge.faults import ALTERED, ANSWERED, DROPPED, HELD_BACK, SENT
from miio_lan.uart.conversation import BLIND
from miio_lan.uart.ledger import LATEST

ON = [{"did": "on", "siid": 2, "piid": 1}]
LEVEL = [{"siid": 2, "piid": 2}]
SET = [{"siid": 2, "piid": 2, "value": 40}]
IS_ON = [{"did": "on", "siid": 2, "piid": 1, "code": 0, "value": True}]


def idle() -> Tape:
    """Somebody has been watching for long, and nothing happened."""
    return Tape().fetch("none").wait(BLIND)


def ask() -> Tape:
    return idle().ask(1, "get_properties", ON)


def fetched() -> Tape:
    return ask().fetch("get_properties 2 1")


def good() -> Tape:
    return fetched().answer("result 2 1 0 true").reply(1, IS_ON)


def outcome(tape: Tape) -> tuple[str | None, bool]:
    """Where the command of a tape stopped, and whether that is in doubt."""
    exchange = the(tape)
    return exchange.stopped_at, exchange.ambiguous


# --- all goes through ----------------------------------------------------------------------------------------------


def test_every_step_is_found() -> None:
    tape = good()
    exchange = the(tape)
    assert [exchange.request, exchange.down, exchange.result, exchange.acknowledgement, exchange.reply] == [
        tape.records[place] for place in (2, 4, 5, 6, 7)
    ]
    assert exchange.records == (tape.records[2], *tape.records[4:])
    assert (exchange.method, exchange.params, exchange.ids) == ("get_properties", ON, (1,))
    assert (exchange.stopped_at, exchange.ambiguous, exchange.notes) == (None, False, ())
    assert (exchange.open, exchange.complete) == (False, True)
    assert exchange.fetch_time == pytest.approx(2 * STEP)
    assert exchange.mcu_time == pytest.approx(STEP)
    assert exchange.total_time == pytest.approx(5 * STEP)


def test_the_readings_of_every_step() -> None:
    readings = the(good()).readings
    assert tuple(readings) == STEPS
    assert readings["request"]["params"] == ON
    assert readings["down"] == {
        "command": "down",
        "method": "get_properties",
        "properties": [[2, 1]],
        "valid": True,
    }
    assert readings["result"]["answers"] == "get_properties"
    assert readings["result"]["results"] == [[2, 1, 0, True]]
    assert readings["acknowledgement"] == {
        "command": "reply",
        "answers": "result",
        "text": "ok",
        "valid": True,
    }
    assert readings["reply"]["result"] == IS_ON


def test_as_json() -> None:
    data = the(good()).as_json()
    assert data["method"] == "get_properties"
    assert data["stopped_at"] is None
    assert data["readings"]["down"]["properties"] == [[2, 1]]


@pytest.mark.parametrize(
    ("method", "params", "line", "answer", "result"),
    [
        ("set_properties", SET, "set_properties 2 2 40", "result 2 2 0", [{"siid": 2, "piid": 2, "code": 0}]),
        (
            "set_properties",
            [{"siid": 2, "piid": 3, "value": "a b"}, {"siid": 2, "piid": 4, "value": 23.6}],
            'set_properties 2 3 "a b" 2 4 23.600000',
            "result 2 3 0 2 4 0",
            [{"siid": 2, "piid": 3, "code": 0}, {"siid": 2, "piid": 4, "code": 0}],
        ),
        (
            "action",
            {"did": "x", "siid": 5, "aiid": 1, "in": [17, "up"]},
            'action 5 1 1 17 2 "up"',
            "result 5 1 0 3 10",
            {"siid": 5, "aiid": 1, "code": 0, "out": [{"piid": 3, "value": 10}]},
        ),
        (
            "action",
            {"siid": 5, "aiid": 1, "in": [{"piid": 1, "value": 17}]},
            "action 5 1 1 17",
            "result 5 1 0",
            {"siid": 5, "aiid": 1, "code": 0},
        ),
        ("get_prop", ["power", "mode"], 'get_prop "power","mode"', 'result "on","auto"', ["on", "auto"]),
        ("set_rgb", [16777215, {"a": [1]}], 'set_rgb 16777215,"a":[1]', 'result "ok"', ["ok"]),
        ("toggle", None, "toggle", 'result "ok"', ["ok"]),
        ("set_mode", "eco", 'set_mode "eco"', 'result "ok"', ["ok"]),
    ],
)
def test_every_kind_of_command(method: str, params: object, line: str, answer: str, result: object) -> None:
    tape = idle().ask(7, method, params).fetch(line).answer(answer).reply(7, result)
    exchange = the(tape)
    assert (exchange.stopped_at, exchange.ambiguous) == (None, False)
    assert exchange.down is tape.records[4]
    assert exchange.readings["result"]["valid"] is True


def test_records_may_come_in_any_order() -> None:
    tape = good()
    assert pair(reversed(tape.records)) == pair(tape.records)


def many(*, count: int, parts: list[range]) -> Tape:
    """Somebody asked for many properties, and the MCU answered some parts of the list."""
    tape = idle().ask(1, "get_properties", [{"siid": 3, "piid": piid} for piid in range(1, count + 1)])
    for part in parts:
        tape.fetch("get_properties " + " ".join(f"3 {piid}" for piid in part))
        tape.answer("result " + " ".join(f"3 {piid} 0 1" for piid in part))
    return tape


def rows(count: int) -> list[dict[str, int]]:
    return [{"siid": 3, "piid": piid, "code": 0, "value": 1} for piid in range(1, count + 1)]


def test_a_request_that_becomes_several_lines() -> None:
    tape = many(count=18, parts=[range(1, 17)]).fetch("get_properties 3 17 3 18").wait(0.5)
    exchange = the(tape.answer("result 3 17 0 1 3 18 0 1").reply(1, rows(18)))
    assert len(exchange.parts) == 2
    assert (exchange.stopped_at, exchange.ambiguous, exchange.notes) == (None, False, ())
    assert exchange.mcu_time == pytest.approx(0.5 + STEP)
    assert exchange.down is exchange.parts[0].down
    assert exchange.total_time is not None


def test_what_the_module_answers_by_itself_needs_no_line() -> None:
    exchange = the(idle().ask(1, "miIO.info").reply(1, {"model": "a.b.c"}))
    assert (exchange.stopped_at, exchange.ambiguous, exchange.parts) == (None, False, ())
    assert exchange.notes == ("the module answers this by itself",)
    assert (exchange.down, exchange.result, exchange.acknowledgement) == (None, None, None)
    assert (exchange.fetch_time, exchange.mcu_time) == (None, None)
    assert list(exchange.readings) == ["request", "reply"]


def test_what_nobody_on_the_lan_asked_for() -> None:
    exchange = the(idle().fetch("set_properties 2 2 40").answer("result 2 2 0"))
    assert (exchange.request, exchange.reply, exchange.ids) == (None, None, ())
    assert (exchange.stopped_at, exchange.ambiguous) == (None, False)
    assert exchange.params == {"properties": [[2, 2, 40]]}


@pytest.mark.parametrize("line", ["MIIO_net_change cloud", "MIIO_mcu_version_req", "none", "ble_event 1"])
def test_notices_are_no_commands(line: str) -> None:
    assert pair(Tape().fetch(line).answer("mcu_version 0001").records) == []


def test_a_firmware_handshake_is_one_command_however_often_it_is_repeated() -> None:
    exchange = the(idle().fetch("update_fw").fetch("update_fw").answer('result "ready"'))
    assert (exchange.method, exchange.stopped_at) == ("update_fw", None)
    assert len(exchange.records) == 4


# --- where it stops ------------------------------------------------------------------------------------------------


NO = [{"siid": 2, "piid": 1, "code": -4004}]

STOPPED = {
    "never fetched": (ask().wait(5).reply(1, error=-9999), "not fetched"),
    "never fetched, no reply": (ask().wait(5), "not fetched"),
    "fetched by nobody, though asked": (ask().fetch("none").fetch("none").wait(5), "not fetched"),
    "unanswered": (fetched().wait(4).reply(1, error=-9999), "not answered"),
    "unanswered, no reply": (fetched().wait(4.1).fetch("none"), "not answered"),
    "late": (
        fetched().wait(4).reply(1, error=-9999).wait(0.3).answer("result 2 1 0 true", "error"),
        "answered late",
    ),
    "late, with another line between": (
        fetched().wait(4).reply(1, error=-9999).fetch("none").answer("result 2 1 0 true", "error"),
        "answered late",
    ),
    "late, nobody said so": (fetched().wait(4.2).up("result 2 1 0 true"), "answered late"),
    "refused by the MCU": (fetched().answer('error "no" -5001').reply(1, error=-5001), "refused"),
    "refused with an unknown code": (fetched().answer('error "no" -1').reply(1, error=-10000), "refused"),
    "refused with the code of a time-out": (
        fetched().answer('error "no" -9999').reply(1, error=-9999),
        "refused",
    ),
    "refused by codes": (
        fetched().answer("result 2 1 -4003").reply(1, [{"siid": 2, "piid": 1, "code": -4003}]),
        "refused",
    ),
    "refused by the module": (ask().reply(1, error=-30012), "refused"),
    "wrong ids": (
        fetched().answer("result 3 1 0 true", "error").wait(4).reply(1, error=-9999),
        "answered wrongly",
    ),
    "no code": (fetched().answer("result 2 1 true", "error").reply(1, NO), "answered wrongly"),
    "no code, lenient module": (fetched().answer("result 2 1 true").reply(1, NO), "answered wrongly"),
    "no JSON": (fetched().answer("result 2 1 0 on").reply(1, error=-30001), "answered wrongly"),
    "too long": (
        fetched().up("result 2 1 0 true" + " 0" * 300, note="overlong").wait(4).reply(1, error=-9999),
        "answered wrongly",
    ),
    "reply lost": (fetched().answer("result 2 1 0 true").fetch("none"), "reply lost"),
    "no reply of the module": (idle().ask(1, "miIO.info"), "no reply"),
}


@pytest.mark.parametrize("name", STOPPED)
def test_where_a_command_stops(name: str) -> None:
    tape, stop = STOPPED[name]
    exchange = the(tape)
    assert exchange.stopped_at == stop
    assert stop in STOPS
    assert not exchange.complete
    assert not exchange.ambiguous
    steps = {"not fetched": [], "not answered": ["down"], "no reply": []}.get(stop)
    if steps is not None:
        assert [step for step in exchange.readings if step not in ("request", "reply")] == steps


def test_a_part_that_fails_is_the_one_that_is_shown() -> None:
    tape = many(count=18, parts=[range(1, 17)]).fetch("get_properties 3 17 3 18")
    exchange = the(tape.wait(4).reply(1, error=-9999))
    assert exchange.stopped_at == "not answered"
    assert exchange.down is exchange.parts[1].down
    assert exchange.result is None


def test_what_was_refused_in_part() -> None:
    tape = idle().ask(1, "get_properties", [*ON, *LEVEL]).fetch("get_properties 2 1 2 2")
    tape.answer("result 2 1 0 true 2 2 -4003")
    tape.reply(1, [*IS_ON, {"siid": 2, "piid": 2, "code": -4003}])
    exchange = the(tape)
    assert exchange.stopped_at is None
    assert exchange.notes == ("1 of 2 properties were refused",)


def test_an_answer_that_does_not_conform_but_serves() -> None:
    exchange = the(fetched().answer("result 2 1 0 true 7").reply(1, IS_ON))
    assert exchange.stopped_at is None
    assert "does not conform" in exchange.notes[0]


DENIED = [{"siid": 2, "piid": 1, "code": -4004}]
TURN = {"siid": 5, "aiid": 1, "in": []}
TURNED = {"siid": 5, "aiid": 1, "code": 0, "out": []}


@pytest.mark.parametrize(
    ("method", "params", "line", "answer", "result"),
    [
        ("get_properties", ON, "get_properties 2 1", "result 2 1 0 true", DENIED),
        ("get_properties", ON, "get_properties 2 1", "result 2 1 0 true", [{**DENIED[0], "code": -4003}]),
        (
            "set_properties",
            SET,
            "set_properties 2 2 40",
            "result 2 2 1",
            [{"siid": 2, "piid": 2, "code": -4004}],
        ),
        (
            "get_properties",
            [*ON, *LEVEL],
            "get_properties 2 1 2 2",
            "result 2 1 0 true 2 2 0 40",
            [*IS_ON, {"siid": 2, "piid": 2, "code": -4004}],
        ),
        ("action", TURN, "action 5 1", "result 5 1 0", {**TURNED, "code": -4004}),
    ],
)
def test_what_the_mcu_did_and_the_client_was_refused_did_not_go_through(
    method: str, params: object, line: str, answer: str, result: object
) -> None:
    exchange = the(idle().ask(1, method, params).fetch(line).answer(answer).reply(1, result))
    assert (exchange.stopped_at, exchange.ambiguous) == ("answered wrongly", True)
    assert exchange.notes[0] == "the client was refused what the MCU answered with success"
    refused = the(idle().ask(1, method, params).fetch(line).answer(answer, "error").reply(1, result))
    assert (refused.stopped_at, refused.ambiguous) == ("answered wrongly", True)


def test_what_the_mcu_refused_itself_is_not_denied() -> None:
    tape = idle().ask(1, "get_properties", [*ON, *LEVEL]).fetch("get_properties 2 1 2 2")
    tape.answer("result 2 1 0 true 2 2 -4001").reply(1, [*IS_ON, {"siid": 2, "piid": 2, "code": -4004}])
    assert outcome(tape) == (None, False)


# --- resends and several clients -----------------------------------------------------------------------------------


def test_a_resend_under_a_new_id_is_the_same_command() -> None:
    tape = ask().wait(1).hello(along=True).ask(2, "get_properties", ON)
    tape.fetch("get_properties 2 1").answer("result 2 1 0 true").reply(2, IS_ON)
    exchange = the(tape)
    assert exchange.ids == (1, 2)
    assert (exchange.stopped_at, exchange.ambiguous) == (None, False)
    assert exchange.notes == ("it was sent 2 times",)
    assert exchange.request is tape.records[2]


def test_a_resend_under_the_same_id_is_the_same_command() -> None:
    tape = idle().ask(1, "toggle").wait(1).ask(1, "toggle")
    tape.fetch("toggle").answer('result "ok"').reply(1, ["ok"]).reply(1, ["ok"])
    exchange = the(tape)
    assert (exchange.ids, exchange.stopped_at, exchange.ambiguous) == ((1,), None, False)
    assert len(exchange.records) == 7


def test_a_resend_after_a_restart_of_the_device() -> None:
    tape = ask().wait(1).hello(along=True).ask(2, "get_properties", ON).hello("up", along=True)
    tape.ask(3, "get_properties", ON)
    tape.fetch("get_properties 2 1").answer("result 2 1 0 true").reply(3, IS_ON)
    assert the(tape).ids == (1, 2, 3)


def test_what_may_not_have_been_recorded_of_the_lan_is_no_sure_loss() -> None:
    lost = fetched().answer("result 2 1 0 true")
    assert outcome(lost) == (REPLY_LOST, False)
    (exchange,) = pair(lost.lan_gap().records)
    assert (exchange.stopped_at, exchange.ambiguous) == (REPLY_LOST, True)
    assert exchange.notes[-1] == NOT_RECORDED


def test_who_asked_for_a_line_may_not_have_been_recorded() -> None:
    unasked = idle().fetch("get_properties 2 1").answer("result 2 1 0 true")
    assert not pair(unasked.records)[0].ambiguous
    (exchange,) = pair(idle().lan_gap().fetch("get_properties 2 1").answer("result 2 1 0 true").records)
    assert (exchange.stopped_at, exchange.ambiguous) == (None, True)
    later = idle().lan_gap().wait(HORIZON).fetch("get_properties 2 1").answer("result 2 1 0 true")
    assert not pair(later.records)[0].ambiguous


def test_a_command_with_its_reply_is_sure_long_after_what_was_not_recorded() -> None:
    """Its first datagram may be a resend, where the client had time for one since."""

    def asked_after(seconds: float) -> bool:
        tape = idle().lan_gap().wait(seconds).ask(1, "get_properties", ON).fetch("get_properties 2 1")
        return the(tape.answer("result 2 1 0 true").reply(1, IS_ON)).ambiguous

    assert (asked_after(LONGEST_RESEND / 2), asked_after(LONGEST_RESEND)) == (True, False)


def test_a_pairer_remembers_what_was_not_recorded() -> None:
    tape = idle().lan_gap()
    for _ in range(4):
        tape.wait(2).fetch("none")
    tape.wait(HORIZON - 20).fetch("get_properties 2 1").answer("result 2 1 0 true")
    for _ in range(20):
        tape.wait(5).fetch("none")
    pairer, late = Pairer(), Pairer()
    for record in tape.records:
        pairer.feed(record)
        assert all(each.ambiguous for each in pairer.exchanges)
        late.feed(record)
    late._compact()
    assert [each.ambiguous for each in pairer.exchanges] == [True]
    assert [each.ambiguous for each in late.exchanges] == [True]


def test_an_answered_command_asked_again_is_another_one() -> None:
    tape = good().hello(along=True).ask(2, "get_properties", ON)
    tape.fetch("get_properties 2 1").answer("result 2 1 0 false")
    tape.reply(2, [{"siid": 2, "piid": 1, "code": 0, "value": False}])
    first, second = pair(tape.records)
    assert (first.ids, second.ids) == ((1,), (2,))
    assert (first.ambiguous, second.ambiguous) == (False, False)
    assert second.readings["result"]["results"] == [[2, 1, 0, False]]


def test_two_clients_that_want_different_things() -> None:
    tape = idle().ask(1, "get_properties", ON, peer="a").ask(1, "get_properties", LEVEL, peer="b")
    tape.fetch("get_properties 2 1").answer("result 2 1 0 true").reply(1, IS_ON, peer="a")
    tape.fetch("get_properties 2 2").answer("result 2 2 0 40")
    tape.reply(1, [{"siid": 2, "piid": 2, "code": 0, "value": 40}], peer="b")
    one, other = pair(tape.records)
    assert one.readings["down"]["properties"] == [[2, 1]]
    assert other.readings["down"]["properties"] == [[2, 2]]
    assert (one.ambiguous, other.ambiguous) == (False, False)


def test_two_clients_that_want_the_same_and_get_the_same_at_once() -> None:
    tape = idle().ask(1, "get_properties", ON, peer="a").ask(2, "get_properties", ON, peer="b")
    for _ in range(2):
        tape.fetch("get_properties 2 1").answer("result 2 1 0 true")
    tape.reply(1, IS_ON, peer="a").reply(2, IS_ON, peer="b")
    one, other = pair(tape.records)
    assert (one.ambiguous, other.ambiguous) == (True, True)
    # In order, as far as one can tell.
    assert one.down.instant < other.down.instant


def test_two_clients_that_want_the_same_and_get_different_values() -> None:
    tape = idle().ask(1, "get_properties", LEVEL, peer="a").ask(2, "get_properties", LEVEL, peer="b")
    tape.fetch("get_properties 2 2").answer("result 2 2 0 41")
    tape.fetch("get_properties 2 2").answer("result 2 2 0 42")
    tape.reply(2, [{"siid": 2, "piid": 2, "code": 0, "value": 41}], peer="b")
    tape.reply(1, [{"siid": 2, "piid": 2, "code": 0, "value": 42}], peer="a")
    one, other = pair(tape.records)
    assert one.readings["result"]["results"] == [[2, 2, 0, 42]]
    assert other.readings["result"]["results"] == [[2, 2, 0, 41]]
    assert (one.ambiguous, other.ambiguous) == (False, False)


def test_two_clients_with_one_id() -> None:
    tape = ask().ask(1, "get_properties", LEVEL)
    tape.fetch("get_properties 2 1").answer("result 2 1 0 true").reply(1, IS_ON)
    assert all(each.ambiguous for each in pair(tape.records))


def test_the_phone_app_sets_while_we_set() -> None:
    tape = idle().ask(1, "set_properties", SET)
    tape.fetch("set_properties 2 2 80").answer("result 2 2 0")
    tape.fetch("set_properties 2 2 40").answer("result 2 2 0").reply(1, [{"siid": 2, "piid": 2, "code": 0}])
    ours, theirs = pair(tape.records)
    assert ours.readings["down"]["properties"] == [[2, 2, 40]]
    assert theirs.readings["down"]["properties"] == [[2, 2, 80]]
    assert (ours.ambiguous, theirs.ambiguous) == (False, False)


def test_without_a_reply_and_with_others_about_nothing_is_sure() -> None:
    tape = ask().fetch("get_properties 2 2").answer("result 2 2 0 4")
    tape.fetch("get_properties 2 1").answer("result 2 1 0 true").wait(10)
    ours = pair(tape.records)[0]
    assert (ours.stopped_at, ours.ambiguous) == ("reply lost", True)


def test_a_line_long_after_the_module_had_nothing_is_not_surely_ours() -> None:
    tape = ask().wait(1).fetch("none").fetch("get_properties 2 1").answer("result 2 1 0 true").wait(10)
    assert the(tape).ambiguous


# --- lines that are missing, noise ---------------------------------------------------------------------------------


def test_a_tap_that_hears_nothing() -> None:
    exchange = the(Tape().ask(1, "get_properties", ON).reply(1, IS_ON))
    assert (exchange.stopped_at, exchange.ambiguous, exchange.parts) == (None, True, ())
    assert outcome(Tape().ask(1, "get_properties", ON).wait(5).reply(1, error=-9999)) == ("not fetched", True)


def test_a_tap_that_starts_between_line_and_answer() -> None:
    tape = Tape().ask(1, "get_properties", ON).answer("result 2 1 0 true").reply(1, IS_ON)
    exchange = the(tape)
    assert (exchange.stopped_at, exchange.ambiguous) == (None, True)
    assert exchange.result is tape.records[1]
    assert exchange.readings["result"]["results"] == [[2, 1, 0, True]]
    assert exchange.parts[0].mcu_time is None


@pytest.mark.parametrize(
    ("method", "params", "answer", "result"),
    [
        ("set_properties", SET, "result 2 2 0", [{"siid": 2, "piid": 2, "code": 0}]),
        (
            "action",
            {"siid": 5, "aiid": 1, "in": []},
            "result 5 1 0",
            {"siid": 5, "aiid": 1, "code": 0, "out": []},
        ),
    ],
)
def test_an_answer_without_its_line(method: str, params: object, answer: str, result: object) -> None:
    exchange = the(Tape().ask(1, method, params).answer(answer).reply(1, result))
    assert exchange.ambiguous
    assert exchange.result is not None


def test_an_answer_of_something_else_without_its_line() -> None:
    exchange = the(Tape().ask(1, "get_properties", ON).answer("result 9 9 0 1").reply(1, IS_ON))
    assert (exchange.result, exchange.ambiguous) == (None, True)


def test_an_answer_that_was_not_heard() -> None:
    exchange = the(fetched().down("ok").reply(1, IS_ON))
    assert (exchange.stopped_at, exchange.result) == (None, None)
    assert exchange.down is not None
    assert "the answer was not seen" in exchange.notes[0] or exchange.ambiguous


def test_the_answer_of_the_next_line_is_not_taken_for_ours() -> None:
    tape = fetched().reply(1, IS_ON)  # its answer was lost to the tap, as was the next line
    exchange = the(tape.answer("result 2 2 0 40"))
    assert (exchange.result, exchange.stopped_at) == (None, None)


def test_an_interrupted_line_is_said() -> None:
    tape = fetched().mark("outage: unplugged").wait(1).mark("outage over").wait(4).reply(1, error=-9999)
    exchange = the(tape)
    assert (exchange.stopped_at, exchange.ambiguous) == ("not answered", True)
    assert "interrupted" in exchange.notes[0]


@pytest.mark.parametrize("over", [True, False])
def test_a_line_that_was_away_all_the_time_tells_nothing(over: bool) -> None:
    """The interruption began before the request, and ended after the reply, or never."""
    tape = idle().mark("outage: unplugged").wait(1).ask(1, "get_properties", ON).wait(4).reply(1, error=-9999)
    if over:
        tape.wait(1).mark("outage over").fetch("none")
    exchange = the(tape)
    assert (exchange.stopped_at, exchange.ambiguous) == ("not fetched", True)
    assert exchange.notes == ("the UART was not watched all the time",)


def test_noise_and_echo_are_looked_through() -> None:
    tape = ask().up(b"\xff\xffget_do\x00\r", b"*** boot ***\r", b"\n\r")
    tape.down("error").fetch("get_properties 2 1").down("result 2 1 0 true", note="echo")
    tape.up(b"\nresult 2 1 0 true\r").down("# ok").reply(1, IS_ON)
    exchange = the(tape)
    assert (exchange.stopped_at, exchange.result is not None) == (None, True)


def test_reports_between_line_and_answer() -> None:
    tape = fetched().answer("properties_changed 2 1 true").up("net").down("cloud")
    tape.answer("result 2 1 0 true").reply(1, IS_ON)
    assert outcome(tape) == (None, False)


def test_two_lines_at_once_are_answered_in_order() -> None:
    tape = fetched().up("result 2 1 0 true", "properties_changed 2 1 true").down("ok", "error")
    exchange = the(tape.reply(1, IS_ON))
    assert exchange.readings["acknowledgement"]["text"] == "ok"
    assert not exchange.ambiguous


def test_an_older_module_that_does_not_know_a_command() -> None:
    tape = fetched().up("frobnicate").down("command 'frobnicate' not found", b"\r")
    tape.answer("result 2 1 0 true").reply(1, IS_ON)
    assert the(tape).readings["acknowledgement"]["text"] == "ok"


def test_a_reply_that_says_something_else_than_the_mcu() -> None:
    tape = fetched().answer("result 2 1 0 true").reply(1, [{"siid": 2, "piid": 1, "code": 0, "value": False}])
    exchange = the(tape)
    assert exchange.ambiguous
    assert "the reply does not carry what the MCU answered" in exchange.notes


def test_replies_nobody_asked_for_and_pushes_are_no_commands() -> None:
    tape = idle().reply(9, ["ok"])
    tape._lan("up", {"id": 5, "method": "properties_changed", "params": []}, "")
    tape._lan("down", {"id": 5, "result": 0}, "")
    tape._lan("down", {"id": "x", "method": "get_prop"}, "")
    assert pair(tape.records) == []


# --- as it comes ---------------------------------------------------------------------------------------------------


def test_a_command_is_open_until_all_of_it_is_there() -> None:
    tape = good()
    pairer = Pairer()
    seen = []
    for record in tape.records:
        pairer.feed(record)
        seen.append([(each.open, each.stopped_at) for each in pairer.exchanges])
    assert seen[1] == []
    assert seen[2] == [(True, "not fetched")]
    assert seen[4] == [(True, "not answered")]
    assert seen[6] == [(True, "reply lost")]
    assert seen[7] == [(False, None)]


def test_the_last_line_may_come_after_the_reply() -> None:
    pairer = fed(fetched().up("result 2 1 0 true").reply(1, IS_ON).records)
    assert pairer.exchanges[0].open
    pairer.finish()
    assert not pairer.exchanges[0].open


def test_what_others_caused_is_open_until_it_is_answered() -> None:
    assert fed(idle().fetch("get_properties 2 1").records).exchanges[0].open


def test_memory_of_what_is_settled_is_given_back() -> None:
    tape = Tape()
    for number in range(1, 200):
        tape.ask(number, "get_properties", ON).fetch("get_properties 2 1").answer("result 2 1 0 true")
        tape.reply(number, IS_ON)
        for _ in range(20):
            tape.fetch("none")
        tape.wait(5)
    pairer = fed(tape.records)
    assert len(tape.records) > 8000
    assert len(pairer._window) < 5000
    pairer.finish()
    assert pairer.exchanges == pair(tape.records)
    assert [each.ids for each in pairer.exchanges] == [(number,) for number in range(1, 200)]


@pytest.mark.parametrize("since", [30, LATEST - 10])
def test_what_is_settled_puts_in_doubt_what_comes_later_all_the_same(
    monkeypatch: pytest.MonkeyPatch, since: float
) -> None:
    """An MCU is silent, and has the same to answer again: when it does, nobody knows which of the two it answers."""
    tape = idle().ask(1, "get_properties", ON).fetch("get_properties 2 1").wait(4).reply(1, error=-9999)
    tape.wait(since).ask(2, "get_properties", ON).fetch("get_properties 2 1")
    tape.answer("result 2 1 0 true").reply(2, IS_ON)
    while tape.now < tape.records[2].instant + HORIZON + 10:
        tape.wait(1).fetch("none")
    monkeypatch.setattr(pairing, "_COMPACT_AT", len(tape.records))
    pairer = fed(tape.records)
    first, second = pairer.exchanges
    assert (first.stopped_at, second.ambiguous) == (NOT_ANSWERED, True)
    pairer.finish()
    assert pairer.exchanges == pair(tape.records)


def test_nothing_gives_nothing() -> None:
    assert pair([]) == []
    assert Part(None).mcu_time is None


# --- whatever was recorded -----------------------------------------------------------------------------------------

WORDS = st.sampled_from(
    [
        *("down", "get_properties", "set_properties", "action", "result", "error", "ok", "none", "power"),
        *("get_down", "MIIO_net_change", "update_fw", "1", "2", "0", "-4003", "true", '"a b"', "1.5"),
        *('"', "\x00", "\xff", "{"),
    ]
)
LINES = st.one_of(
    st.binary(max_size=20), st.lists(WORDS, max_size=8).map(lambda each: " ".join(each).encode("latin-1"))
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(["a", "siid", ""]))
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["siid", "piid", "aiid", "value", "code", "in", "out"]), inner, max_size=4
        ),
    ),
    max_leaves=8,
)
METHODS = st.sampled_from(["get_properties", "set_properties", "action", "power", "miIO.info", ""])
PAYLOADS = st.fixed_dictionaries(
    {"id": st.one_of(st.integers(1, 3), VALUES)},
    optional={"method": st.one_of(METHODS, VALUES), "params": VALUES, "result": VALUES, "error": VALUES},
)
RECORDS = st.builds(
    Record,
    st.sampled_from(["lan", "uart"]),
    st.sampled_from(["up", "down"]),
    st.floats(0, 100),
    st.just(0.0),
    LINES,
    st.one_of(st.none(), PAYLOADS),
    st.sampled_from(["", "", "", "noise", "overlong", "outage: gone", "hello", "not JSON", "echo"]),
    st.sampled_from(["", "a"]),
)


@pytest.mark.untraced
@settings(max_examples=300)
@given(st.lists(RECORDS, max_size=25))
def test_no_recording_is_too_strange(records: list[Record]) -> None:
    exchanges = pair(records)
    for exchange in exchanges:
        assert exchange.records
        assert all(any(each is record for record in records) for each in exchange.records)
        assert exchange.stopped_at in (None, *STOPS)
        exchange.as_json()
        summary(exchange)
    used = [id(record) for exchange in exchanges for record in exchange.records]
    assert len(used) == len(set(used)), "no record belongs to two commands"


@pytest.mark.untraced
@settings(max_examples=200)
@given(st.lists(RECORDS, max_size=25))
def test_clocks_of_no_recordings_are_too_strange(records: list[Record]) -> None:
    assert str(compare(records, records))


# --- what is left --------------------------------------------------------------------------------------------------


def test_an_error_the_answer_does_not_explain() -> None:
    tape = fetched().answer("result 2 1 0 true").reply(1, error=-32000)
    assert outcome(tape) == ("answered wrongly", True)


def test_an_error_of_the_mcu_that_was_not_heard() -> None:
    assert outcome(fetched().down("ok").reply(1, error=-5001)) == ("refused", True)


def test_a_module_that_goes_on_too_soon() -> None:
    exchange = the(idle().fetch("get_properties 2 1").wait(0.2).fetch("none"))
    assert (exchange.stopped_at, exchange.ambiguous) == ("not answered", True)
    assert "all may have gone through" in exchange.notes


def test_a_module_that_times_out_though_the_mcu_got_nothing() -> None:
    assert outcome(ask().fetch("none").wait(4).reply(1, error=-9999)) == ("not fetched", True)


def test_a_second_answer_that_serves_replaces_the_first() -> None:
    tape = fetched().answer("result 3 1 0 true", "error").answer("result 2 1 0 true").reply(1, IS_ON)
    exchange = the(tape)
    assert exchange.stopped_at is None
    assert exchange.result.raw == b"result 2 1 0 true\r"
    assert len(exchange.records) == 7


def test_a_second_answer_that_serves_as_little_does_not() -> None:
    tape = fetched().answer("result 3 1 0 true", "error").answer("result 4 1 0 true", "error")
    exchange = the(tape.wait(4).reply(1, error=-9999))
    assert exchange.result.raw == b"result 3 1 0 true\r"


def test_an_answer_too_late_for_anything_belongs_to_nothing() -> None:
    tape = fetched().wait(4).reply(1, error=-9999).fetch("none").wait(100)
    assert the(tape.answer("result 2 1 0 true", "error")).result is None


def test_a_list_of_which_a_line_in_the_middle_was_not_heard() -> None:
    exchange = the(many(count=40, parts=[range(1, 17), range(33, 41)]).reply(1, rows(40)))
    assert len(exchange.parts) == 2
    assert "not all of its lines were seen" in exchange.notes


def test_an_unreadable_reply_makes_the_client_ask_again() -> None:
    tape = ask()._put("lan", "up", b"{", note="not JSON").wait(0.2).ask(2, "get_properties", ON)
    exchange = the(tape.fetch("get_properties 2 1").answer("result 2 1 0 true").reply(2, IS_ON))
    assert (exchange.ids, exchange.ambiguous) == ((1, 2), True)


def test_somebody_who_greets_in_between_may_be_another_client() -> None:
    tape = ask().wait(0.5).hello().hello("up").wait(0.5).hello(along=True).ask(2, "get_properties", ON)
    tape.fetch("get_properties 2 1").answer("result 2 1 0 true").reply(2, IS_ON)
    assert all(each.ambiguous for each in pair(tape.records))


@pytest.mark.parametrize(
    "params", [[], {"siid": 5}, {"siid": 5, "aiid": 2}, {"siid": 5, "aiid": 1, "in": [1]}]
)
def test_another_action_is_another_command(params: object) -> None:
    tape = idle().ask(1, "action", params).fetch("action 5 1").answer("result 5 1 0")
    assert pair(tape.records)[0].down is None


# --- a bridge with faults in between -------------------------------------------------------------------------------


def test_an_answer_the_bridge_kept_did_not_reach_the_module() -> None:
    tape = fetched().up("result 2 1 0 true", note=DROPPED).wait(4).reply(1, error=-9999)
    exchange = the(tape)
    assert (exchange.stopped_at, exchange.ambiguous) == ("not answered", False)
    assert exchange.notes == ("the module did not get the answer of the MCU: dropped by the bridge",)
    assert exchange.result is None
    assert tape.records[-2] in exchange.records


def test_a_line_the_bridge_kept_was_handed_out() -> None:
    tape = ask().up("get_down").down("down get_properties 2 1", note=DROPPED)
    exchange = the(tape.wait(4).reply(1, error=-9999))
    assert (exchange.stopped_at, exchange.ambiguous) == ("not answered", False)
    assert exchange.notes == ("the MCU did not get this line: dropped by the bridge",)


def test_what_the_bridge_made_of_an_answer_is_the_answer() -> None:
    tape = fetched().up("result 2 1 0 false", note=ALTERED).up("result 2 1 0 true", note=SENT)
    tape.down("ok").reply(1, IS_ON)
    exchange = the(tape)
    assert (exchange.stopped_at, exchange.ambiguous) == (None, False)
    assert exchange.result is tape.records[-3]
    assert exchange.notes == ("the module did not get the answer of the MCU: altered by the bridge",)


def test_a_line_that_is_the_bridges_own_is_not_handed_out() -> None:
    tape = fetched().down("down get_properties 2 1", note=SENT)
    assert len(the(tape.answer("result 2 1 0 true").reply(1, IS_ON)).parts) == 1


def test_another_line_dropped_by_a_bridge_is_nothing_to_the_command() -> None:
    tape = Tape().up("get_down", note=DROPPED).fetch("none").wait(BLIND)
    tape.ask(1, "get_properties", ON).fetch("get_properties 2 1").up("get_down", note=DROPPED)
    assert the(tape.answer("result 2 1 0 true").reply(1, IS_ON)).notes == ()


# --- what nobody saw -----------------------------------------------------------------------------------------------


def test_an_answer_long_after_the_time_is_that_of_another_line() -> None:
    tape = fetched().wait(4).reply(1, error=-9999)
    exchange = the(tape.wait(3).answer("result 2 7 0 5"))
    assert (exchange.stopped_at, exchange.result) == ("not answered", None)


def test_a_legacy_answer_after_the_time_that_the_module_takes_is_in_doubt() -> None:
    exchange = the(idle().fetch("toggle").wait(4.2).answer('result "ok"'))
    assert exchange.ambiguous
    assert exchange.notes == (
        "the module took it when it had given this line up: it may belong to one that was not seen",
    )


def test_a_module_that_was_busy_all_the_time_may_have_handed_it_out_later() -> None:
    tape = ask().wait(1)
    for _ in range(3):
        tape.fetch("toggle").answer('result "ok"').wait(1)
    (ours,) = asked(tape)
    assert (ours.stopped_at, ours.ambiguous) == ("not fetched", True)
    assert ours.notes[-1] == "the module was busy all the time: it may have been fetched later"


def test_a_time_out_tells_of_no_line_handed_out_long_before() -> None:
    assert outcome(fetched().wait(10).reply(1, error=-9999)) == ("not answered", True)


def test_the_first_reply_ends_a_command_whatever_comes_later() -> None:
    tape = fetched().wait(1).hello(along=True)
    tape.ask(2, "get_properties", ON).wait(3).reply(1, error=-9999)
    tape.fetch("get_properties 2 1").answer("result 2 1 0 true").reply(2, IS_ON)
    (exchange,) = asked(tape)
    assert (exchange.ids, exchange.stopped_at) == ((1, 2), "not answered")
    assert exchange.reply is not None
    assert (exchange.reply.reading or {})["id"] == 1


# --- refusals ------------------------------------------------------------------------------------------------------

SET_REFUSED = [{"siid": 2, "piid": 2, "code": -4005}]


def test_an_answer_the_module_cannot_use_is_not_unseen() -> None:
    tape = idle().ask(1, "set_properties", SET).fetch("set_properties 2 2 40")
    tape.answer("result 2 2 0properties_changed 2 2 40get_down", said="error")
    exchange = the(tape.reply(1, [{"siid": 2, "piid": 2, "code": -4004}]))
    assert exchange.stopped_at == "answered wrongly"
    assert exchange.result is tape.records[-3]


REFUSED_BY_CODES = idle().ask(1, "set_properties", SET).fetch("set_properties 2 2 40")
REFUSED_BY_CODES.answer("result 2 2 -4005").reply(1, SET_REFUSED)
REFUSED_AS_A_WHOLE = idle().ask(1, "get_prop", ["a"]).fetch('get_prop "a"')
REFUSED_AS_A_WHOLE.answer('error "method not found" -5000').reply(1, error=-5000)


@pytest.mark.parametrize("heard", ["up", "down", ""])
@pytest.mark.parametrize("tape", [REFUSED_BY_CODES, REFUSED_AS_A_WHOLE], ids=["codes", "error"])
def test_a_refusal_shows_in_the_reply_but_not_whose_where_not_all_was_heard(tape: Tape, heard: str) -> None:
    (exchange,) = pair(each for each in tape.records if each.wire == "lan" or each.direction == heard)
    assert (exchange.stopped_at, exchange.ambiguous) == ("refused", True)
    assert (exchange.result is None) == (heard != "up")


def test_what_the_module_refuses_by_itself() -> None:
    exchange = the(ask().reply(1, error=-30001))
    assert (exchange.stopped_at, exchange.ambiguous) == ("refused", False)
    assert exchange.notes == ("the module refused it by itself (-30001)",)
    exchange = the(Tape().ask(1, "miIO.config", {}).reply(1, error=-1))
    assert (exchange.stopped_at, exchange.notes) == ("refused", ("the module refused it by itself",))


def test_without_the_mcu_nobody_knows_that_it_said_nothing() -> None:
    tape = Tape().down("down none").ask(1, "get_properties", ON).down("down get_properties 2 1")
    exchange = the(tape.wait(4).reply(1, error=-9999))
    assert (exchange.stopped_at, exchange.ambiguous) == ("not answered", True)
    assert exchange.notes == ("the MCU was not heard",)


@pytest.mark.parametrize(
    ("answer", "code"), [('error "jam"', -10000), ("result on", -30001), ("result 2 1 0 on", -10000)]
)
def test_what_the_module_makes_of_an_answer_whose_line_was_lost_is_not_surely_its_own(
    answer: str, code: int
) -> None:
    exchange = the(ask().up("get_down").answer(answer).reply(1, error=code))
    assert (exchange.stopped_at, exchange.ambiguous) == ("refused", True)
    assert exchange.result == answer
    # The answer was lost as well: its line was, as the poll without a reply shows.
    assert outcome(ask().up("get_down").wait(0.5).fetch("none").reply(1, error=code)) == ("refused", True)
    assert outcome(ask().fetch("none").reply(1, error=code)) == ("refused", False)


def test_what_an_mcu_cannot_have_said_is_the_modules_own_whatever_was_lost() -> None:
    assert outcome(ask().up("get_down").wait(0.5).fetch("none").reply(1, error=-30012)) == ("refused", False)


@pytest.mark.parametrize("reply", [False, True])
def test_an_mcu_that_asks_in_json_may_have_got_it_so(reply: bool) -> None:
    tape = ask().wait(0.2).up("json_get_down").down('down {"id":1}').wait(4)
    exchange = asked(tape.reply(1, error=-9999) if reply else tape.wait(50).fetch("none"))[0]
    assert (exchange.stopped_at, exchange.ambiguous) == ("not fetched", True)
    assert exchange.notes == ("the MCU asked for work by json_get_down: it may have got it so",)


@pytest.mark.parametrize("note", [DROPPED, ANSWERED])
def test_an_mcu_whose_question_a_bridge_kept_did_ask(note: str) -> None:
    tape = ask().up("get_down", note=note).wait(4).reply(1, error=-9999)
    exchange = the(tape)
    assert (exchange.stopped_at, exchange.ambiguous) == ("not fetched", False)
    assert exchange.notes == ("the module did not hear the MCU ask for work",)


def strangers(then: str = "none") -> Tape:
    """The line of somebody else is lost, and the MCU is put off while that is under way; it is given up."""
    tape = idle().up("get_down").wait(0.2)
    for _ in range(3):
        tape.answer("get_down", "error").wait(1.2)
    return tape.fetch(then)


def test_a_late_answer_may_be_to_what_was_under_way_and_not_seen() -> None:
    tape = strangers().ask(1, "get_properties", ON).fetch("get_properties 2 1").wait(4)
    tape.reply(1, error=-9999).fetch("none").answer("result 2 1 0 true", "error")
    (ours,) = asked(tape)
    assert (ours.stopped_at, ours.ambiguous) == ("answered late", True)


def test_one_of_two_answers_may_be_to_what_was_under_way_and_not_seen() -> None:
    tape = strangers("get_properties 2 1").answer("result 2 1 0 true").answer("result 2 1 0 false", "error")
    assert outcome(tape.fetch("none")) == (None, True)
    seen = (
        idle().fetch("get_properties 2 1").answer("result 2 1 0 true").answer("result 2 1 0 false", "error")
    )
    assert outcome(seen.fetch("none")) == (None, False)


# --- what the module said to an answer -----------------------------------------------------------------------------


@pytest.mark.parametrize("asked", [False, True])
@pytest.mark.parametrize("waited", [0.1, 1.2])
@pytest.mark.parametrize("then", ["none", "MIIO_net_change offline", None])
def test_without_the_word_of_the_module_nobody_knows_whether_it_took_an_answer(
    asked: bool, waited: float, then: str | None
) -> None:
    """It may have given up before, or have restarted."""
    tape = (fetched() if asked else idle().fetch("get_properties 2 1")).wait(waited).up("result 2 1 0 true")
    if then is not None:
        tape.wait(0.1).fetch(then).wait(1).fetch("none")
    exchange = the(tape)
    assert (exchange.stopped_at, exchange.ambiguous) == ("reply lost" if asked else None, True)
    assert exchange.notes[-1] == "what the module said to the answer was not seen"


def test_a_reply_on_the_lan_tells_what_the_word_of_the_module_would() -> None:
    assert outcome(fetched().up("result 2 1 0 true").reply(1, IS_ON).fetch("none")) == (None, False)


def test_a_command_of_somebody_else_is_open_until_the_module_has_said_its_word() -> None:
    tape = idle().fetch("get_properties 2 1").up("result 2 1 0 true")
    assert [each.open for each in fed(tape.records).exchanges] == [True]
    (exchange,) = fed(tape.down("ok").records).exchanges
    assert (exchange.open, exchange.stopped_at, exchange.ambiguous) == (False, None, False)


# --- a new start ---------------------------------------------------------------------------------------------------


def unanswered() -> Tape:
    return idle().fetch("get_properties 2 1").wait(4).fetch("none")


@pytest.mark.parametrize("said", ["model a.b.c", "mcu_version 0001"])
def test_an_mcu_that_starts_owes_no_answer(said: str) -> None:
    tape = unanswered().answer(said).ask(1, "get_properties", ON).fetch("get_properties 2 1")
    exchange = pair(tape.answer("result 2 1 0 true").reply(1, IS_ON).records)[-1]
    assert (exchange.stopped_at, exchange.ambiguous) == (None, False)


def test_an_mcu_that_was_asked_who_it_is_did_not_start() -> None:
    tape = unanswered().fetch("MIIO_mcu_version_req").answer("mcu_version 0001")
    tape.ask(1, "get_properties", ON).fetch("get_properties 2 1")
    assert pair(tape.answer("result 2 1 0 true").reply(1, IS_ON).records)[-1].ambiguous


@pytest.mark.parametrize(
    ("said", "reply"),
    [("ble_config set 156 0001", "error"), ("mcu_version 0001", "error"), ("model", "a.b.c")],
)
def test_an_mcu_that_says_it_in_the_middle_of_its_work_did_not_start(said: str, reply: str) -> None:
    """Such as the purifiers that repeat ``ble_config set`` every 0.3 s until it is taken."""
    tape = fetched().wait(4).reply(1, error=-9999).fetch("none").answer(said, reply).wait(0.3)
    assert outcome(tape.answer("result 2 1 0 true", "error")) == ("answered late", False)
    tape = idle().fetch("get_properties 2 1").wait(1).fetch("get_properties 2 1").answer(said, reply)
    tape.wait(1).fetch("none").answer("result 2 1 0 true", "error").wait(0.5)
    earlier, later = pair(tape.answer("result 2 1 0 true", "error").records)
    assert (earlier.ambiguous, later.ambiguous) == (True, True)


def test_an_mcu_that_answers_what_is_older_did_not_start_whatever_it_said() -> None:
    tape = fetched().wait(4).reply(1, error=-9999).answer("mcu_version 0001")
    assert outcome(tape.answer("result 2 1 0 true", "error")) == ("answered late", False)


# --- the module restarts -------------------------------------------------------------------------------------------


def restarted(tape: Tape, note: str = "") -> Tape:
    """The module forgot what it had handed out, and joins its network."""
    return tape.up("result 2 1 0 true", note=note).down("error").fetch("MIIO_net_change offline").wait(30)


def test_a_module_that_restarts_while_the_mcu_works_loses_the_reply() -> None:
    exchange = the(restarted(fetched()))
    assert (exchange.stopped_at, exchange.ambiguous) == ("reply lost", False)
    assert exchange.notes == ("the module restarted: it refused the answer and told of its network at once",)


def test_a_refused_answer_after_a_second_may_also_be_late() -> None:
    assert outcome(restarted(fetched().wait(2))) == ("reply lost", True)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.5, ("reply lost", False)), (2, ("reply lost", True)), (4.1, ("answered late", False))],
)
def test_an_answer_that_a_bridge_held_back_came_to_the_module_that_much_later(
    seconds: float, expected: tuple[str, bool]
) -> None:
    held = HELD_BACK.format(seconds)
    assert outcome(restarted(fetched().wait(seconds))) == expected
    assert outcome(restarted(fetched().wait(seconds), note=held)) == expected
    tape = ask().up("get_down").wait(seconds).down("down get_properties 2 1", note=held)
    assert outcome(restarted(tape)) in (expected, ("answered wrongly", True))


def test_a_refused_answer_with_work_behind_it_is_no_restart() -> None:
    tape = fetched().answer("result 2 1 0 true", said="error").fetch("none").fetch("MIIO_net_change offline")
    assert the(tape.wait(30)).stopped_at == "answered wrongly"


# --- an answer of an earlier downlink ------------------------------------------------------------------------------


def given_up(text: str) -> Tape:
    """The module gave a downlink up, and the MCU has not answered it yet."""
    return idle().fetch(text).wait(4.2)


def both(tape: Tape) -> tuple[Exchange, Exchange]:
    earlier, later = pair(tape.records)
    return earlier, later


@pytest.mark.parametrize("asked", [False, True])
def test_a_legacy_answer_that_is_refused_may_be_the_earlier_ones(asked: bool) -> None:
    """Values name nothing: the accepted answer is the waiting line's, the refused one most likely the earlier one's."""
    tape = given_up('get_prop "a"')
    if asked:
        tape.ask(1, "get_prop", ["b"])
    tape.fetch('get_prop "b"').answer("result 1", said="error").answer("result 2")
    if asked:
        tape.reply(1, [2])
    earlier, later = both(tape)
    assert (earlier.stopped_at, earlier.ambiguous, earlier.result) == ("answered late", True, "result 1")
    assert (later.stopped_at, later.ambiguous, later.result) == (None, True, "result 2")


@pytest.mark.parametrize(
    ("answer", "stop"), [("result on", "answered wrongly"), ('error "no" -5000', "refused")]
)
def test_a_legacy_answer_that_is_refused_before_another_that_is_taken_is_late(answer: str, stop: str) -> None:
    tape = given_up('get_prop "a"').fetch('get_prop "b"')
    earlier, later = both(tape.answer("result 1", said="error").answer(answer))
    assert (earlier.stopped_at, earlier.ambiguous, earlier.result) == ("answered late", True, "result 1")
    assert (later.stopped_at, later.ambiguous, later.result) == (stop, True, answer)


def test_an_answer_that_is_refused_and_names_the_earlier_one_is_surely_late() -> None:
    tape = given_up("get_properties 2 1").fetch("get_properties 2 2")
    earlier, later = both(tape.answer("result 2 1 0 true", said="error").answer("result 2 2 0 50"))
    assert (earlier.stopped_at, earlier.ambiguous) == ("answered late", False)
    assert earlier.mcu_time == pytest.approx(4.2 + 3 * STEP)
    assert (later.stopped_at, later.ambiguous) == (None, False)
    assert later.mcu_time == pytest.approx(3 * STEP)


def test_of_two_that_ask_for_the_same_ids_the_refused_answer_may_be_either_ones() -> None:
    tape = given_up("get_properties 2 1").fetch("get_properties 2 1")
    earlier, later = both(tape.answer("result 2 1 0 true", said="error").answer("result 2 1 0 true"))
    assert (earlier.ambiguous, later.ambiguous) == (True, True)


# --- lines that ran into each other --------------------------------------------------------------------------------


@pytest.mark.parametrize("said", ["ok", "error"])
@pytest.mark.parametrize(
    "line",
    [
        "result 2 1 0 trueget_down",
        "result 2 1 0 trueresult 2 1 0 true",
        "result 2 1 0 trueproperties_changed 2 1 true",
        "properties_changed 2 1 trueresult 2 1 0 true",
    ],
)
def test_a_glued_answer_is_wrong_unless_it_served(line: str, said: str) -> None:
    note = "the CR after the answer is missing: the next line ran into it"
    served = the(fetched().answer(line, said=said).reply(1, IS_ON))
    assert (served.stopped_at, served.ambiguous, served.notes) == (None, False, (note,))
    failed = the(fetched().answer(line, said=said).wait(4).reply(1, error=-9999))
    assert failed.stopped_at == "answered wrongly"
    assert note in failed.notes
    assert failed.result is not None


def test_a_glued_line_holds_the_answers_to_two_downlinks() -> None:
    tape = given_up("get_properties 2 1").fetch("get_properties 2 2")
    tape.answer("result 2 1 0 trueresult 2 2 0 50", said="error").wait(4.2).fetch("none")
    earlier, later = both(tape)
    assert (earlier.stopped_at, later.stopped_at) == ("answered late", "answered wrongly")
    assert earlier.result is later.result


@pytest.mark.parametrize(
    ("said", "stop"),
    [
        (("result 2 1 0 trueget_down", "ok", "down none"), None),
        (("result 2 1 0 trueget_down", "down none"), None),  # the word to the result was not seen
        (("result 2 1 0 trueproperties_changed 2 1 true", "ok", "ok"), None),
        (("properties_changed 2 1 trueresult 2 1 0 true", "ok", "ok"), None),
        (("result 2 1 -4001get_down", "ok", "down none"), "refused"),
        (("result 2 1 0 trueget_down", "error", "down none"), "answered wrongly"),
    ],
)
def test_a_module_that_replies_to_each_of_two_lines_heard_the_cr_between_them(
    said: tuple[str, ...], stop: str | None
) -> None:
    """Or the MCU said the second one again, and that was lost."""
    line, *replies = said
    tape = idle().fetch("get_properties 2 1").up(line)
    exchange = the(tape.down(*replies).wait(0.2).fetch("none"))
    assert (exchange.stopped_at, exchange.ambiguous) == (stop, True)
    assert exchange.result == line


def test_a_cr_that_was_missed_is_nothing_to_a_client_that_was_served() -> None:
    tape = fetched().up("result 2 1 0 trueget_down").down("ok").reply(1, IS_ON).down("down none")
    assert outcome(tape) == (None, False)


# --- marks of a check ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["module", "lan"])
@pytest.mark.parametrize("place", range(9))
def test_a_mark_is_neither_a_line_nor_a_break_nor_a_datagram(mode: str, place: int) -> None:
    tape = good()
    at = tape.records[min(place, 7)].instant
    begin, end = begin_mark(mode, at, at, model="demo.light.lamp"), end_mark(mode, at, at, {"stopped": ""})
    marked = [*tape.records[:place], begin, end, *tape.records[place:]]
    (exchange,) = pair(marked)
    assert exchange == the(tape)
    assert not exchange.ambiguous
    pairer = Pairer()
    for record in marked:
        pairer.feed(record)
        assert all(each.records for each in pairer.exchanges)
    pairer.finish()
    assert pairer.exchanges == [exchange]


def test_marks_are_not_kept() -> None:
    assert fed([begin_mark("lan", 0.0, 0.0)])._window == []


def test_a_mark_in_a_silence_leaves_it_sure() -> None:
    tape = ask().fetch("none")
    mark = begin_mark("module", tape.now, tape.now)
    tape.wait(5).fetch("none")
    (exchange,) = pair([*tape.records, mark])
    assert exchange == the(tape)


def test_what_the_line_lacks_of_a_gap_may_have_been_a_command() -> None:
    """Whoever listened says that something was lost; what that was came since the last line before."""

    def timed_out() -> Tape:
        return idle().ask(1, "get_properties", ON).wait(4).reply(1, error=-9999)

    assert outcome(timed_out().wait(1).mark("gap: 9 lines were lost")) == (NOT_FETCHED, True)
    assert outcome(timed_out().wait(1).fetch("none").mark("gap")) == (NOT_FETCHED, False)
