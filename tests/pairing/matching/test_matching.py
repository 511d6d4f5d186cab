"""The matching by its examples: pushing another request aside, and what could as well be otherwise."""

from __future__ import annotations

import pytest
from support.paired import asked
from support.tape import Tape

from miio_lan.pairing.exchange import Exchange
from miio_lan.pairing.matching.candidates import DELIVERY
from miio_lan.pairing.pairing import pair

SET = [{"siid": 2, "piid": 2, "value": 40}]
IS_SET = [{"siid": 2, "piid": 2, "code": 0}]
ANYTHING = {"made by": "the module"}
"""A result that a module may have made of any values."""


def two_lines() -> Tape:
    """Two clients want the same at once, and two downlinks bring different values."""
    tape = Tape().fetch("none").wait(10)
    tape.ask(1, "get_prop", ["x"], peer="a").ask(2, "get_prop", ["x"], peer="b")
    for value in (1, 2):
        tape.fetch('get_prop "x"').answer(f"result {value}")
    return tape


def values(tape: Tape) -> list[tuple[object, bool]]:
    """The value of the answer and the doubt, in the order of the requests."""
    found: list[Exchange] = sorted(pair(tape.records), key=lambda each: each.ids)
    return [(each.result.raw if each.result is not None else None, each.ambiguous) for each in found]


def test_a_request_pushes_another_to_what_else_that_may_have_become() -> None:
    """A is matched first, with the first line; B can have no other one."""
    tape = two_lines().reply(1, ANYTHING, peer="a").reply(2, [1], peer="b")
    assert values(tape) == [(b"result 2\r", False), (b"result 1\r", False)]


def test_two_that_could_swap_are_in_doubt() -> None:
    tape = two_lines().reply(1, ANYTHING, peer="a").reply(2, ANYTHING, peer="b")
    assert [doubt for _, doubt in values(tape)] == [True, True]


@pytest.mark.parametrize("delay", [0.0, 0.05, 0.1, 0.2, 0.3, 0.4])
@pytest.mark.parametrize("apart", [0.02, 0.1, 0.2])
def test_two_that_could_swap_are_in_doubt_however_late_both_replies_are(delay: float, apart: float) -> None:
    """The later line is nearer to both replies: what one would lose by a swap, the other gains."""
    tape = Tape().fetch("none").wait(10)
    tape.ask(1, "set_properties", SET, peer="a").ask(2, "set_properties", SET, peer="b")
    tape.fetch("set_properties 2 2 40").answer("result 2 2 0").wait(apart)
    tape.fetch("set_properties 2 2 40").answer("result 2 2 0").wait(delay)
    tape.reply(1, IS_SET, peer="a").reply(2, IS_SET, peer="b")
    assert [each.ambiguous for each in asked(tape)] == [True, True]


def test_one_that_could_have_a_free_line_is_in_doubt() -> None:
    tape = Tape().fetch("none").wait(10).ask(1, "get_prop", ["x"])
    for value in (1, 2):
        tape.fetch('get_prop "x"').answer(f"result {value}")
    (ours,) = asked(tape.reply(1, ANYTHING))
    assert ours.ambiguous


@pytest.mark.parametrize("first", ["ours", "the app's"])
def test_what_may_be_that_of_a_request_is_not_surely_nobodys(first: str) -> None:
    """Nothing is lost: ours may be the one before the reply, or the one before that."""
    tape = Tape().fetch("none").wait(10).ask(1, "set_properties", SET)
    tape.fetch("set_properties 2 2 40").answer("result 2 2 0")
    if first == "ours":
        tape.reply(1, IS_SET)
    tape.fetch("set_properties 2 2 40").answer("result 2 2 0")
    if first != "ours":
        tape.reply(1, IS_SET)
    ours, other = pair(tape.wait(1).fetch("none").records)
    assert (ours.request is not None, other.request) == (True, None)
    assert (ours.ambiguous, other.ambiguous) == (True, True)


def test_what_a_request_cannot_be_is_nobodys() -> None:
    """It was told another value, and another one's line was handed out when the module had nothing waiting."""
    tape = Tape().fetch("none").wait(10).ask(1, "get_prop", ["x"])
    for value in (1, 2):
        tape.fetch('get_prop "x"').answer(f"result {value}")
    ours, other = pair(tape.reply(1, [2]).records)[::-1]
    assert [each.ambiguous for each in (ours, other)] == [False, False]
    tape = Tape().fetch("none").wait(10).ask(1, "get_prop", ["x"]).fetch('get_prop "x"').answer("result 1")
    tape.wait(DELIVERY + 0.1).fetch("none").fetch('get_prop "x"').answer("result 1").wait(40)
    ours, other = pair(tape.records)
    assert [each.ambiguous for each in (ours, other)] == [True, False]


def test_a_part_of_what_a_request_lacks_is_not_surely_nobodys() -> None:
    """The module cut a list into two, and the line with the first part was not seen; nobody got a reply."""
    ids = [{"siid": 3, "piid": piid} for piid in range(1, 19)]
    tape = Tape().fetch("none").wait(10).ask(1, "get_properties", ids).up("get_down").wait(0.2)
    other = tape.fetch("get_properties 3 17 3 18").answer("result 3 17 0 1 3 18 0 1").wait(0.2).fetch("none")
    assert all(each.ambiguous for each in pair(other.wait(60).fetch("none").records))


@pytest.mark.parametrize(
    ("value", "pause", "ambiguous"), [(1, 0.0, True), (1, DELIVERY + 0.1, False), (2, 0.0, False)]
)
def test_a_reply_to_a_request_that_was_not_seen_shows_that_somebody_asked(
    value: int, pause: float, ambiguous: bool
) -> None:
    tape = Tape().fetch("none").wait(10).fetch('get_prop "x"').answer("result 1").wait(pause)
    (exchange,) = pair(tape.reply(7, [value]).records)
    assert (exchange.request, exchange.ambiguous) == (None, ambiguous)


@pytest.mark.parametrize(
    ("answer", "ambiguous"),
    [
        ("result 2 2 0", True),
        ("result 2 3 0", False),  # of something else
        ("result 2 2 -4001", False),  # what the client was not told
        ('error "no" -5001', False),
    ],
)
def test_an_answer_to_what_was_not_seen_may_be_the_one_to_ours(answer: str, ambiguous: bool) -> None:
    """Somebody sets the same, and what the MCU fetches then is not seen, but for its answer."""
    tape = Tape().fetch("none").wait(10).ask(1, "set_properties", SET)
    tape.fetch("set_properties 2 2 40").answer("result 2 2 0").wait(0.1).up("get_down").answer(answer)
    (ours,) = asked(tape.reply(1, IS_SET).wait(0.1).fetch("none"))
    assert ours.ambiguous is ambiguous


@pytest.mark.parametrize(("polled", "ambiguous"), [(True, True), (False, False)])
def test_what_was_fetched_before_the_reply_and_not_seen_may_be_ours(polled: bool, ambiguous: bool) -> None:
    """Line, answer and the word of the module were lost together; the poll that fetched the line was heard."""
    tape = Tape().fetch("none").wait(10).ask(1, "set_properties", SET)
    tape.fetch("set_properties 2 2 40").answer("result 2 2 0").wait(0.1)
    (ours,) = asked((tape.up("get_down") if polled else tape).reply(1, IS_SET).wait(0.1).fetch("none"))
    assert ours.ambiguous is ambiguous


@pytest.mark.parametrize(("asked_after", "ambiguous"), [(0.008, True), (-0.008, False)])
def test_a_line_that_was_read_before_a_request_without_a_reply_is_not_its_own(
    asked_after: float, ambiguous: bool
) -> None:
    """The poll that fetched it was read later still: the line is put behind that, and so behind the request."""
    tape = Tape().fetch("none").wait(10)
    handed_out = tape.now
    tape.down("down set_properties 2 2 40")
    tape.now = handed_out + asked_after
    tape.ask(1, "set_properties", SET)
    tape.now = handed_out + 0.016
    tape.up("get_down").answer("result 2 2 0").wait(1).fetch("none").wait(50).fetch("none")
    (ours,) = asked(tape)
    assert (ours.stopped_at, ours.ambiguous) == ("reply lost", ambiguous)


def test_an_answer_that_the_module_did_not_take_made_no_reply() -> None:
    tape = Tape().fetch("none").wait(10).ask(1, "set_properties", SET).fetch("set_properties 2 2 40")
    (ours,) = asked(tape.answer("result 2 2 0").answer("result 2 2 0", "error").reply(1, IS_SET))
    assert not ours.ambiguous


@pytest.mark.parametrize(("value", "ambiguous"), [(1, True), (2, False)])
def test_an_answer_without_ids_to_what_was_not_seen(value: int, ambiguous: bool) -> None:
    tape = Tape().fetch("none").wait(10).ask(1, "get_prop", ["x"]).fetch('get_prop "x"').answer("result 1")
    tape.wait(0.1).up("get_down").answer(f"result {value}").reply(1, [1]).wait(0.1).fetch("none")
    (ours,) = asked(tape)
    assert ours.ambiguous is ambiguous


def three_lines(*replies: object) -> list[tuple[object, bool]]:
    tape = Tape().fetch("none").wait(10)
    for number, peer in enumerate("abc", 1):
        tape.ask(number, "get_prop", ["x"], peer=peer)
    for value in (1, 2, 3):
        tape.fetch('get_prop "x"').answer(f"result {value}")
    tape.wait(0.05)
    for number, (peer, reply) in enumerate(zip("abc", replies, strict=True), 1):
        tape.reply(number, reply, peer=peer)
    return values(tape)


@pytest.mark.parametrize("bound", [1, 2, 3])
def test_only_those_on_a_cycle_are_in_doubt(bound: int) -> None:
    """C is bound by its value; A and B could swap the other two."""
    *free, third = three_lines(ANYTHING, ANYTHING, [bound])
    assert third == (f"result {bound}\r".encode(), False)
    assert [doubt for _, doubt in free] == [True, True]


def test_a_chain_of_pushes() -> None:
    """B has 1 for sure, C has 2, so A has what is left: 3."""
    assert three_lines(ANYTHING, [1], [2]) == [
        (b"result 3\r", False),
        (b"result 1\r", False),
        (b"result 2\r", False),
    ]


def test_one_that_nothing_confirms_contests_a_line() -> None:
    """Nobody knows whether B's request was lost: its line may be A's, and A's nobody's."""
    tape = two_lines().reply(1, ANYTHING, peer="a").wait(50)
    assert [doubt for _, doubt in values(tape)] == [True, True]


ON = [{"siid": 2, "piid": 1}]
IS_ON = [{"siid": 2, "piid": 1, "code": 0, "value": True}]


@pytest.mark.parametrize(
    ("late", "value", "ambiguous"), [(0.1, "true", True), (0.1, "false", False), (0.6, "true", False)]
)
def test_a_line_that_may_have_been_read_late_leaves_a_doubt(late: float, value: str, ambiguous: bool) -> None:
    """Somebody else's line fits, and so does the one after the reply, if a busy computer read it late."""
    tape = Tape().fetch("none").wait(5).fetch("none").ask(1, "get_properties", ON)
    tape.fetch("get_properties 2 1").answer("result 2 1 0 true").reply(1, IS_ON).wait(late)
    tape.fetch("get_properties 2 1").answer(f"result 2 1 0 {value}").wait(1).fetch("none")
    (ours,) = asked(tape)
    assert (ours.result is tape.records[7], ours.ambiguous) == (True, ambiguous)


def test_the_doubt_is_handed_on_where_each_line_may_be_the_one_before() -> None:
    tape = Tape().fetch("none").wait(5).fetch("none")
    for number in (1, 2):
        tape.ask(number, "get_properties", ON).fetch("get_properties 2 1").answer("result 2 1 0 true")
        tape.reply(number, IS_ON).wait(0.1)
    alone = [each.ambiguous for each in pair(tape.records)]
    tape.fetch("get_properties 2 1").answer("result 2 1 0 true").wait(1).fetch("none")
    assert alone == [False, False]
    assert [each.ambiguous for each in asked(tape)] == [True, True]


def beside_the_apps(delay: float) -> Tape:
    """Ours is fetched, the app's the next moment, and our reply is stamped some time after that."""
    tape = Tape().fetch("none").wait(10).ask(1, "set_properties", SET)
    for _ in range(2):
        tape.fetch("set_properties 2 2 40").wait(0.06).answer("result 2 2 0")
    return tape.wait(delay).reply(1, IS_SET).wait(1).fetch("none").fetch("none")


@pytest.mark.parametrize("delay", [0.05, 0.2, 0.3])
def test_a_reply_that_is_late_for_one_line_may_be_later_for_the_one_before(delay: float) -> None:
    assert [each.ambiguous for each in pair(beside_the_apps(delay).records)] == [True, True]


def test_a_reply_that_comes_at_once_is_that_of_the_line_before_it() -> None:
    assert [each.ambiguous for each in pair(beside_the_apps(0.0).records)] == [False, False]


def test_no_module_gives_up_so_soon() -> None:
    """The reply of a time-out is not surely that of a line that was handed out just before."""
    tape = Tape().fetch("none").wait(10).ask(1, "set_properties", SET)
    tape.fetch("set_properties 2 2 40").wait(4)
    tape.fetch("set_properties 2 2 40").wait(0.1).reply(1, error=-9999)
    (ours,) = asked(tape.wait(5).fetch("none"))
    assert ours.ambiguous
