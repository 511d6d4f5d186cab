"""The benchmark that hammers: what it calls wrong, and a short run of it."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
from support.tape import Tape

from miio_lan.pairing.pairing import pair

ROOT = Path(__file__).resolve().parent.parent
ON = [{"siid": 2, "piid": 1}]
IS_ON = [{"siid": 2, "piid": 1, "code": 0, "value": True}]
DOWN, RESULT = b"down get_properties 2 1", b"result 2 1 0 true"


@pytest.fixture
def hammer(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(ROOT)
    return importlib.import_module("benchmarks.hammer")


def tallied(hammer: Any, tape: Tape, said: tuple[object, bytes, bytes]) -> Any:
    lines = [each for each in tape.records if each.direction == "down" and each.raw.startswith(hammer.LINES)]
    found = hammer.Tally()
    found.add(pair(tape.records), {id(each): hammer.Answered(*said) for each in lines})
    return found


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ((7, DOWN, RESULT), []),
        ((8, DOWN, RESULT), ["id (7,): 'down get_properties 2 1' was handed out for 8"]),
        ((7, DOWN, b"result 2 1 0 false"), [f"id (7,): the MCU answered b'result 2 1 0 false' to {DOWN!r}"]),
        (
            (7, b"down get_properties 2 2", RESULT),
            [f"id (7,): the MCU answered {RESULT!r} to b'down get_properties 2 2'"],
        ),
    ],
)
def test_what_is_wrong(hammer: Any, said: tuple[object, bytes, bytes], wrong: list[str]) -> None:
    tape = Tape().fetch("none").ask(7, "get_properties", ON).fetch("get_properties 2 1")
    found = tallied(hammer, tape.answer("result 2 1 0 true").reply(7, IS_ON).fetch("none"), said)
    assert (found.exchanges, found.others, found.marked, found.wrong) == (1, 0, 0, wrong)


def test_what_is_marked_is_not_wrong(hammer: Any) -> None:
    found = tallied(hammer, Tape().ask(7, "get_properties", ON).reply(7, IS_ON), (8, DOWN, RESULT))
    assert (found.exchanges, found.marked, found.wrong, found.share) == (1, 1, [], 1.0)


def test_a_command_without_a_line_and_without_a_doubt_is_wrong(hammer: Any) -> None:
    tape = (
        Tape().fetch("none").wait(20).ask(7, "get_properties", ON).fetch("none").wait(4).reply(7, error=-9999)
    )
    found = tallied(hammer, tape, (7, DOWN, RESULT))
    assert len(found.wrong) + found.marked == 1


def test_what_was_under_way_at_the_end_is_not_wrong(hammer: Any) -> None:
    tape = Tape().fetch("none").fetch("get_properties 2 1")
    found = tallied(hammer, tape, (3, DOWN, b""))
    assert (found.exchanges, found.others, found.wrong) == (0, 1, [])
    given_up = Tape().fetch("none").fetch("get_properties 2 1").wait(5).fetch("none")
    assert tallied(hammer, given_up, (3, DOWN, b"")).wrong == ["id (): no line, and no doubt"]


def test_commands_of_others_are_held_against_the_log_too(hammer: Any) -> None:
    tape = Tape().fetch("none").fetch("get_properties 2 1").answer("result 2 1 0 true").fetch("none")
    assert tallied(hammer, tape, (3, DOWN, RESULT)).wrong == []
    found = tallied(hammer, tape, (3, DOWN, b"result 2 1 0 false"))
    assert (found.exchanges, found.others, found.commands, len(found.wrong)) == (0, 1, 1, 1)


@pytest.mark.untraced
@pytest.mark.parametrize(("clients", "alike"), [(3, True), (1, False)])
def test_a_short_run_has_nothing_wrong(hammer: Any, clients: int, alike: bool) -> None:
    found = hammer.hammered(0.0, 20, clients, alike=alike)
    assert found.wrong == []
    assert found.commands >= 20
    assert found.exchanges >= hammer.A_TEST
