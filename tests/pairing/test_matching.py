"""The matching by its examples: pushing another request aside, and what could as well be otherwise."""

from __future__ import annotations

import pytest
from support.paired import asked
from support.tape import Tape

from miio_lan.pairing.exchange import Exchange
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
