"""The numbers of pairing: each by its literal, and by what changes where it ends."""

from __future__ import annotations

import pytest
from support.constants import unnamed, unpinned
from support.paired import asked, fed, the
from support.tape import STEP, Tape

from miio_lan.pairing.calls import LanRequest, lan_traffic
from miio_lan.pairing.content import Demand, same_value
from miio_lan.pairing.matching.candidates import Candidate, cost_of
from miio_lan.pairing.matching.matching import NEAR, Matcher
from miio_lan.pairing.pairing import pair
from miio_lan.uart.conversation import converse

PINS = {
    "pairing.offset.askings": {"ALIVE": 3.0, "EDGE": 1.0, "MAX_PARTS": 12},
    "pairing.calls": {"LONGEST_RESEND": 11.0},
    "pairing.clocks": {
        "LEAD": 15.0,
        "CHANCE": 7.0,
        "ALLOWED_MISSES": 0.5,
        "ABOUT": 2.0,
        "COARSE": 1.0,
        "STRETCH": 60.0,
        "MIN_COMMANDS": 5,
        "DRIFTS": 200,
    },
    "pairing.offset.suppositions": {
        "MAX_DRIFT": 0.0002,
        "MOST": 7.0,
        "RARE": 3,
        "MISS": 4.0,
        "TOGETHER": 10.0,
        "SUPPOSING_TIME": 120.0,
        "MAX_INTERVALS": 2_000_000,
        "MAX_PATHS": 200,
        "LIKELY": 0.8,
        "DIFFERENT": 0.1,
    },
    "pairing.matching.candidates": {
        "SKEW": 0.05,
        "DELIVERY": 0.5,
        "OUT_OF_ORDER": 20.0,
        "LIKELY_CUT": 8,
        "LIKELY_CUT_SIZE": 200,
    },
    "pairing.content": {},
    "pairing.exchange": {},
    "pairing.matching.lag": {"LONG_PAUSE": 2.5, "LAST_POLLS": 50},
    "pairing.matching.matching": {
        "LONGEST_WAIT": 40.0,
        "HORIZON": 80.0,
        "COMPARABLE": 0.3,
        "FOREIGN_COST": 0.31,
    },
    "pairing.matching.misheard": {"MISHEARD": 2, "MOST_PLACES": 250_000},
    "pairing.matching.plausible": {},
    "pairing.pairing": {"_COMPACT_AT": 4096},
    "pairing.reports": {"PUSH_TIME": 10.0, "USUAL_TIME": 2.0, "REPEATED_WITHIN": 30.0},
    "pairing.window": {"STRAGGLING": 1.0},
}
GET = "get_properties 2 1"
ON = [{"siid": 2, "piid": 1}]
IS_ON = [{"siid": 2, "piid": 1, "code": 0, "value": True}]


def test_the_constants_are_what_they_were() -> None:
    assert unpinned(PINS) == {}


def test_every_module_with_numbers_is_in_the_table() -> None:
    assert unnamed(PINS, "pairing") == set()
    assert NEAR == 0.05


def idle() -> Tape:
    return Tape().fetch("none").wait(10)


@pytest.mark.parametrize(("pause", "commands"), [(10.95, 1), (11.05, 2)])
def test_a_client_sends_again_within_its_time(pause: float, commands: int) -> None:
    tape = idle().ask(1, "toggle").wait(pause - STEP).ask(1, "toggle")
    assert len(pair(tape.records)) == commands


@pytest.mark.parametrize(("late", "matched"), [(0.048, True), (0.052, False)])
def test_a_request_is_stamped_little_after_its_downlink(late: float, matched: bool) -> None:
    tape = idle().up("get_down").down(f"down {GET}").wait(late - STEP).ask(1, "get_properties", ON)
    tape.answer("result 2 1 0 true").reply(1, IS_ON)
    assert (asked(tape)[0].down is not None) is matched


@pytest.mark.parametrize(
    ("late", "stopped_at", "doubt"),
    [(0.048, None, False), (0.052, None, True), (0.498, None, True), (0.502, "answered late", True)],
)
def test_an_answer_is_read_after_its_reply(late: float, stopped_at: str | None, doubt: bool) -> None:
    tape = idle().ask(1, "get_properties", ON).fetch(GET).reply(1, IS_ON)
    (exchange,) = asked(tape.wait(late - STEP).answer("result 2 1 0 true"))
    assert (exchange.stopped_at, exchange.ambiguous) == (stopped_at, doubt)


@pytest.mark.parametrize(("late", "matched"), [(0.048, True), (0.498, True), (0.502, False)])
def test_a_line_is_read_after_its_reply(late: float, matched: bool) -> None:
    tape = idle().ask(1, "get_properties", ON).reply(1, IS_ON)
    tape.wait(late - 2 * STEP).fetch(GET)
    tape.now -= STEP
    (exchange,) = asked(tape.answer("result 2 1 0 true"))
    assert (exchange.down is not None, exchange.ambiguous) == (matched, late > 0.05 or not matched)


def test_what_may_be_read_late_is_taken_from_nobody() -> None:
    """The lines of A were not seen; those that come next are B's, whose reply they explain as they stand."""
    tape = idle().ask(1, "get_properties", ON, peer="a").reply(1, IS_ON, peer="a").wait(0.06)
    tape.ask(2, "get_properties", ON, peer="b").fetch(GET).answer("result 2 1 0 true").reply(
        2, IS_ON, peer="b"
    )
    a, b = asked(tape)
    assert (a.down, a.ambiguous) == (None, True)
    assert (b.down, b.stopped_at, b.ambiguous) == (tape.records[-4], None, False)


@pytest.mark.parametrize(("delay", "sure"), [(0.49, True), (0.51, False)])
def test_a_module_replies_promptly(delay: float, sure: bool) -> None:
    tape = idle().ask(1, "get_properties", ON).fetch(GET).answer("result 2 1 0 true")
    assert the(tape.wait(delay - 2 * STEP).reply(1, IS_ON)).ambiguous is not sure


def test_stamps_in_the_wrong_order_cost_more() -> None:
    tape = idle().fetch(GET).ask(1, "get_properties", ON).reply(1, IS_ON)
    request = LanRequest(1, Demand.of("get_properties", ON), [tape.records[-2]], tape.records[-1])
    (downlink,) = converse(tape.records).downlinks
    # The downlink is one step before its request, and two before the reply.
    assert cost_of(request, Candidate((downlink,), whole=True)) == pytest.approx(20 * STEP + 2 * STEP)


@pytest.mark.parametrize(("first", "sure"), [(8, True), (7, False)])
def test_a_list_is_cut_from_some_properties_on(first: int, sure: bool) -> None:
    items = [{"siid": 3, "piid": piid} for piid in range(1, 11)]
    tape = idle().ask(1, "get_properties", items)
    tape.fetch("get_properties " + " ".join(f"3 {piid}" for piid in range(1, first + 1)))
    exchange = the(tape.wait(4).reply(1, error=-9999))
    assert (exchange.stopped_at, exchange.ambiguous) == ("not answered", not sure)


@pytest.mark.parametrize(("size", "sure"), [(200, True), (199, False)])
def test_a_list_is_cut_from_some_bytes_on(size: int, sure: bool) -> None:
    line = 'set_properties 2 1 ""'
    text = "x" * (size - len(f"down {line}\r"))
    items = [{"siid": 2, "piid": 1, "value": text}, {"siid": 2, "piid": 2, "value": 1}]
    tape = idle().ask(1, "set_properties", items).fetch(line.replace('""', f'"{text}"'))
    assert len(tape.records[-1].raw) == size
    assert the(tape.wait(4).reply(1, error=-9999)).ambiguous is not sure


@pytest.mark.parametrize(("wait", "matched"), [(39.9, True), (40.1, False)])
def test_a_request_waits_in_the_module_for_so_long(wait: float, matched: bool) -> None:
    tape = idle().ask(1, "get_properties", ON).wait(wait - 2 * STEP).fetch(GET)
    assert (asked(tape)[0].down is not None) is matched


@pytest.mark.parametrize(("apart", "sure"), [(0.29, False), (0.31, True)])
def test_a_downlink_that_explains_the_reply_much_worse_is_no_alternative(apart: float, sure: bool) -> None:
    tape = idle().ask(1, "get_properties", ON).fetch(GET).answer("result 2 1 0 true")
    tape.wait(apart - 4 * STEP).fetch(GET).answer("result 2 1 0 true").reply(1, IS_ON)
    assert asked(tape)[0].ambiguous is not sure


def test_each_downlink_of_something_else_costs() -> None:
    tape = idle().ask(1, "get_properties", ON).fetch(GET).answer("result 2 1 0 true").fetch("toggle")
    tape.answer('result "ok"').wait(0.05).reply(1, IS_ON)
    (candidate,) = Matcher(lan_traffic(tape.records), converse(tape.records)).match().values()
    assert candidate.cost == pytest.approx(0.31 + 0.05 + 6 * STEP)


@pytest.mark.parametrize(("nearer", "first"), [(0.048, True), (0.052, False)])
def test_those_about_as_good_are_taken_in_order(nearer: float, first: bool) -> None:
    tape = idle().ask(1, "get_properties", ON).fetch(GET).answer("result 2 1 0 true")
    tape.wait(nearer - 4 * STEP).fetch(GET).answer("result 2 1 0 true").reply(1, IS_ON)
    assert (asked(tape)[0].down is tape.records[4]) is first


@pytest.mark.parametrize(("times", "sure"), [(2.4, True), (2.6, False)])
def test_an_mcu_that_does_not_ask_for_long_may_be_at_work(times: float, sure: bool) -> None:
    tape = idle().ask(1, "get_properties", ON)
    for pause in (1.0, 1.0, 1.0, times, 1.0):
        tape.fetch("none").wait(pause - 2 * STEP)
    (exchange,) = asked(tape.fetch("none"))
    assert (exchange.stopped_at, exchange.ambiguous) == ("not fetched", not sure)


def is_open(tape: Tape) -> bool:
    return fed(tape.records).exchanges[0].open


@pytest.mark.parametrize(("wait", "still"), [(0.95, True), (1.05, False)])
def test_what_has_its_reply_is_open_for_a_moment(wait: float, still: bool) -> None:
    tape = idle().ask(1, "get_properties", ON).fetch(GET).up("result 2 1 0 true").reply(1, IS_ON)
    tape._put("lan", "up", b"", note="hello", peer="other")
    assert is_open(tape)
    tape.wait(wait - 2 * STEP)._put("lan", "up", b"", note="hello", peer="other")
    assert is_open(tape) is still


@pytest.mark.parametrize(("wait", "still"), [(79.9, True), (80.1, False)])
def test_what_has_no_reply_is_open_for_long(wait: float, still: bool) -> None:
    tape = idle().ask(1, "get_properties", ON).wait(wait - STEP)
    tape._put("lan", "up", b"", note="hello", peer="other")
    assert is_open(tape) is still


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (100.0, 100.0009, True),
        (100.0, 100.0012, False),
        (0.0, 0.9e-6, True),
        (0.0, 1.2e-6, False),
    ],
)
def test_numbers_are_the_same_as_far_as_a_line_shows_them(one: float, other: float, same: bool) -> None:
    assert same_value(one, other) is same


def test_ids_count_up_to_where_they_begin_again() -> None:
    """Of two alike, the one that is repeated is that whose id comes before: across the end of ids, too."""
    top = 2**31 - 1
    tape = idle().ask(top, "toggle").wait(1).ask(5, "toggle").wait(1).hello(along=True).ask(1, "toggle")
    assert [each.ids for each in pair(tape.records)] == [(top, 1), (5,)]


def test_what_nobody_asks_for_is_settled_after_so_many_records() -> None:
    tape = Tape()
    while len(tape.records) < 4096:
        tape.wait(1).fetch("none")
    pairer = fed(tape.records[:4095])
    assert len(pairer._window) == 4095
    pairer.feed(tape.records[4095])
    assert len(pairer._window) < 400
