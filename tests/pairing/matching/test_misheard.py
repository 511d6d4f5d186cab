"""Lines in which a character was misheard: which commands they may belong to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.paired import the
from support.tape import Tape

from miio_lan.pairing.content import Demand
from miio_lan.pairing.exchange import ANSWERED_WRONGLY, NOT_ANSWERED, NOT_FETCHED
from miio_lan.pairing.matching.misheard import ANSWERS, is_nearly_one_of, near_misses
from miio_lan.pairing.pairing import pair
from miio_lan.record import Record
from miio_lan.uart.commands import Down, read
from miio_lan.uart.conversation import BLIND
from miio_lan.uart.turns import Downlink

ON = [{"siid": 2, "piid": 1}]
MANY = [{"siid": 3, "piid": piid} for piid in range(1, 41)]
SECOND = "get_properties " + " ".join(f"3 {piid}" for piid in range(17, 33))


def is_near(text: str, method: str, params: object) -> bool:
    line = f"down {text}"
    command = read(line, direction="down")
    assert isinstance(command, Down)
    record = Record("uart", "down", 1.0, 1.0, line.encode() + b"\r")
    return any(near_misses([Downlink(record, line, command)], Demand.of(method, params)))


@pytest.mark.parametrize(
    ("text", "method", "params", "near"),
    [
        ("get_properties 2 5", "get_properties", ON, True),
        ("get_properties2 1", "get_properties", ON, True),
        ("get_proerties 2 1", "get_properties", ON, True),
        ("get_properties 3 5", "get_properties", ON, True),
        ("get_properties 2 1 2", "get_properties", ON, True),
        ("get_properties 2 1 2 2", "get_properties", ON, True),
        ("get_properties 2 1 2 22", "get_properties", ON, False),
        ("set_properties 2 1 true", "get_properties", ON, False),
        ("set_properties 2 2 40", "set_properties", [{"siid": 2, "piid": 2, "value": 80}], True),
        ('set_properties 2 3 "ecos"', "set_properties", [{"siid": 2, "piid": 3, "value": "eco"}], True),
        ("action 2 7", "action", {"siid": 2, "aiid": 1, "in": []}, True),
        ("action 2 1 5 3", "action", {"siid": 2, "aiid": 1, "in": [{"piid": 5, "value": 4}]}, True),
        ("action 2 1 4", "action", {"siid": 2, "aiid": 1, "in": [4]}, True),
        ("action 2 1 5 1000", "action", {"siid": 2, "aiid": 1}, False),
        ('power "on",4', "power", ["on", 3], True),
        ('power "smooth",4', "power", ["on", 3], False),
        ("toggel", "toggle", None, True),
        (SECOND.replace("23", "13"), "get_properties", MANY, True),
        (SECOND.replace("get", "ge"), "get_properties", MANY, True),
        ("get_properties 4 1 4 2 4 3", "get_properties", MANY, False),
        (SECOND, "get_properties", MANY[:8], False),
    ],
)
def test_what_differs_by_a_character_or_two(text: str, method: str, params: object, near: bool) -> None:
    assert is_near(text, method, params) is near


@given(st.integers(0, 34), st.sampled_from(b"0123456789 x"), st.integers(1, 3))
def test_a_line_with_one_wrong_byte_may_be_that_of_its_request(place: int, byte: int, wrong: int) -> None:
    text = b"set_properties 2 1 true 2 2 40 3 1 5"
    heard = text[:place] + bytes([byte]) * (wrong - 1) + text[place + 1 :]
    params = [{"siid": s, "piid": p, "value": v} for s, p, v in ((2, 1, True), (2, 2, 40), (3, 1, 5))]
    assert is_near(heard.decode(), "set_properties", params)


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("resul 2 1 0", True),
        ("result9 9", True),
        ("reult 9 9", True),
        ("rwwult 9", True),
        ("errgr 5", True),
        ("I (12) wifi: up", False),
        ("re", False),
        ("", False),
    ],
)
def test_what_is_nearly_an_answer(text: str, near: bool) -> None:
    assert is_nearly_one_of(ANSWERS, text) is near


def test_what_is_too_long_to_be_looked_for_everywhere_is_in_doubt() -> None:
    def is_part(text: str, items: int) -> bool:
        wanted = [{"siid": 2, "piid": 1, "value": "x" * 100}] * items
        return is_near(f'set_properties 2 1 "{text}"', "set_properties", wanted)

    assert not is_part("y" * 200, 10)
    assert is_part("y" * 300, 10)
    assert is_part("x" * 100, 10)


@pytest.mark.parametrize(
    ("text", "value"),
    [("23.600000", 23.6), ('"a\\u0020b"', "a b"), ('"caf\\u00e9"', "caf\u00e9"), ("true", True)],
)
def test_a_value_may_be_written_in_several_ways(text: str, value: object) -> None:
    wanted = [{"siid": 2, "piid": 4, "value": value}]
    assert is_near(f"set_properties 2 4 {text}", "set_properties", wanted)
    assert is_near(f"set_properties 2 5 {text}", "set_properties", wanted)
    assert not is_near(f"set_properties 12 35 {text}", "set_properties", wanted)


# --- what becomes of the commands ----------------------------------------------------------------------------------


def asked() -> Tape:
    return Tape().fetch("none").wait(BLIND).ask(1, "get_properties", ON)


def test_neither_the_command_nor_the_line_is_sure() -> None:
    tape = asked().fetch("get_properties 2 5").answer("result 2 1 0 true").wait(50).up("get_down")
    ours, other = pair(tape.records)
    assert (ours.stopped_at, ours.ambiguous) == (NOT_FETCHED, True)
    assert (other.request, other.ambiguous) == (None, True)
    assert "it may be that of a request on the LAN" in other.notes


def test_what_is_something_else_is_surely_another_ones() -> None:
    tape = asked().fetch("set_properties 2 5 true").answer("result 2 5 0").wait(50).up("get_down")
    assert [each.ambiguous for each in pair(tape.records)] == [False, False]


def test_an_answer_that_the_module_took_may_have_been_misheard() -> None:
    wrong = asked().fetch("get_properties 2 1")
    taken = the(wrong.answer("result 2 1 9 true"))
    assert (taken.stopped_at, taken.ambiguous) == (ANSWERED_WRONGLY, True)
    refused = the(asked().fetch("get_properties 2 1").answer("result 2 1 9 true", "error"))
    assert (refused.stopped_at, refused.ambiguous) == (ANSWERED_WRONGLY, False)


@pytest.mark.parametrize(("code", "ambiguous"), [(-4003, True), (-4004, False)])
def test_a_client_that_was_told_what_the_answer_does_not_say(code: int, ambiguous: bool) -> None:
    tape = asked().fetch("get_properties 2 1").answer("result 2 1 4003")
    exchange = the(tape.reply(1, [{"siid": 2, "piid": 1, "code": code}]))
    assert (exchange.stopped_at, exchange.ambiguous) == (ANSWERED_WRONGLY, ambiguous)


@pytest.mark.parametrize(("said", "ambiguous"), [("resul 2 1 0 true", True), ("wifi is up", False)])
def test_what_is_nearly_an_answer_may_have_been_one(said: str, ambiguous: bool) -> None:
    tape = asked().fetch("get_properties 2 1").wait(1).up(said).wait(3).reply(1, error=-9999)
    exchange = the(tape)
    assert (exchange.stopped_at, exchange.ambiguous) == (NOT_ANSWERED, ambiguous)


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("get_properties 2 5", "result 2 1 0 true"),
        ("set_properties  5", "result 2 1 0"),
        ("get_properties 2 5", "result 2 5 7 true"),
    ],
)
def test_of_another_ones_command_nobody_knows_what_was_meant(line: str, answer: str) -> None:
    (exchange,) = pair(Tape().fetch("none").wait(BLIND).fetch(line).answer(answer, "error").records)
    assert (exchange.stopped_at, exchange.ambiguous) == (ANSWERED_WRONGLY, True)


@pytest.mark.parametrize(
    ("line", "ambiguous"),
    [
        ("get_poperties 2 1", True),
        ("set_pr0perties 2 1 5", True),
        ("acton 2 1", True),
        ("non", True),
        ("toggle", False),
        ("get_prop 2 1", False),
    ],
)
def test_a_method_that_is_nearly_known_may_have_been_misheard(line: str, ambiguous: bool) -> None:
    tape = Tape().fetch("none").wait(BLIND).fetch(line).wait(5).fetch("none")
    (exchange,) = pair(tape.records)
    assert (exchange.stopped_at, exchange.ambiguous) == (NOT_ANSWERED, ambiguous)


def test_what_the_module_refused_as_well_was_wrong() -> None:
    tape = Tape().fetch("none").wait(BLIND).fetch("get_properties 2 1").answer("result 9 9", "error")
    (exchange,) = pair(tape.records)
    assert (exchange.stopped_at, exchange.ambiguous) == (ANSWERED_WRONGLY, False)


def test_a_misheard_line_may_be_that_of_a_reply_which_another_one_explains() -> None:
    """Somebody else reads the same, and is not seen; our own line was misheard."""

    def read_twice(ours: str) -> Tape:
        tape = asked().fetch("get_properties 2 1").answer("result 2 1 0 true")
        return tape.fetch(ours).answer("result 2 1 0 true").reply(1, [{**ON[0], "code": 0, "value": True}])

    found = pair(read_twice("get_properties 2 9").records)
    assert [each.ambiguous for each in found if each.request is not None] == [True]
    found = pair(read_twice("action 7 7").records)
    assert [each.ambiguous for each in found if each.request is not None] == [False]
