"""The evidence of every rule, and the order it is given in."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from support.random_scenes import WATCHES, random_scene
from support.talk import talk

from miio_lan.acceptance.rules.all import JUDGES
from miio_lan.acceptance.rules.observed import Observed
from miio_lan.acceptance.rules.rulebook import MAX_EVIDENCE, SAMPLES, Case, Judge
from miio_lan.acceptance.verdict import Evidence, Outcome
from miio_lan.device.description.spec import Spec
from miio_lan.record import Record

STEPS = (
    *("> get_down\n< down none",) * 3,
    "> get_down\n< down get_properties 2 1\n> result 2 1 0 true\n< ok",
    "> get_down\n< down get_properties 2 1 2 2\n> result 2 1 7 2 2 0 500\n< ok",
    "> get_down\n< down set_properties 2 2 50\n> result 2 2 0\n< ok",
    "> get_down\n< down set_properties 2 2 50\n> result 2 2 8\n< ok",
    "> get_down\n< down action 2 1\n> result 2 1 -1\n< ok",
    "> get_down\n< down unknown_command\n> error \"undefined command\" -5000\n< ok",
    "> event_occured 4 1\n< ok",
    "> event_occured 4 1\n> event_occured 4 1\n< ok",
    "> properties_changed 2 2 50\n< ok",
    "> properties_changed 2 1 \"true\" 2 2 7\n< ok",
    "> mcu_version 0001\n< error",
    "> model a.b\n< ok",
    "> nonsense\n< error",
)  # fmt: skip
"""What a product may say and be asked, some of it wrong."""
PAUSES = (0.02, 0.12, 0.12, 0.12, 0.4, 2.5)


def spoken(rng: random.Random) -> list[Record]:
    """Make a conversation of these, heard by two receivers of which one is late."""
    now, script = 0.0, []
    for _ in range(rng.randint(5, 60)):
        first, *rest = rng.choice(STEPS).split("\n")
        script.append("\n".join([f"{now:.3f} {first}", *rest]))
        now += 0.05 + rng.choice(PAUSES)
    late = {"up": rng.choice((0.0, 0.015)), "down": 0.0}
    return [replace(each, instant=each.instant + late[each.direction]) for each in talk("\n".join(script))]


def sessions() -> list[Observed]:
    """Observe many such conversations, and scenes with clients that are watched badly."""
    found = [Observed(spoken(random.Random(seed)), spec=Spec.shipped("lamp")) for seed in range(40)]
    for seed, (watch, _) in enumerate(WATCHES.values()):
        rng = random.Random(seed)
        found.append(Observed(watch(random_scene(rng), rng)))
    return found


def findings(judge: Judge, session: Observed) -> Case:
    case = Case(session.torn, session.places)
    judge.check(session, case)
    return case


def by_time(found: list[Evidence], places: dict[int, int]) -> list[Evidence]:
    """Sort by the place of the line; what is about none has that of what was noted before it."""
    keys: list[int] = []
    for each in found:
        before = keys[-1] if keys else -1
        keys.append(before if each.record is None else places[id(each.record)])
    return [found[number] for number in sorted(range(len(found)), key=keys.__getitem__)]


@pytest.mark.untraced
def test_evidence_is_in_the_order_of_time_and_what_is_left_out_is_later() -> None:
    noted_otherwise = set()
    for session in sessions():
        places = {id(record): place for place, record in enumerate(session.records)}
        for judge in JUDGES:
            case = findings(judge, session)
            verdict = case.judge(judge.rule)
            against = [Outcome.FAIL, Outcome.WARNING] if verdict.broken or verdict.warned else []
            found = [case.found[outcome] for outcome in against or [verdict.outcome]]
            shown = [each for part in found for each in part]
            expected = [each for part in found for each in by_time(part, places)]
            most = SAMPLES if verdict.outcome is Outcome.PASS else MAX_EVIDENCE
            assert (judge.rule.name, verdict.evidence) == (judge.rule.name, tuple(expected[:most]))
            if verdict.text.startswith(f"{verdict.broken or verdict.warned} of "):
                assert verdict.text.endswith(verdict.evidence[0].text)
            if shown != expected:
                noted_otherwise.add(judge.rule.name)
    assert noted_otherwise >= {"status-codes", "event-rate", "poll-interval"}  # or this tests nothing


def test_lines_are_in_the_order_in_which_they_were_said_whatever_their_receivers_stamp() -> None:
    first = Record("uart", "down", 1.0, 1.0, b"ok\r")
    question = Record("uart", "up", 1.012, 1.0, b"get_down\r")
    reply = Record("uart", "down", 1.003, 1.0, b"down none\r")
    session = Observed([first, reply, question])
    case = Case(places=session.places)
    case.odd("the reply", reply)
    case.odd("about nothing that was said")
    case.odd("the question", question)
    case.odd("what was before", first)
    evidence = case.judge(JUDGES[0].rule).evidence
    expected = ["what was before", "the question", "the reply", "about nothing that was said"]
    assert [each.text for each in evidence] == expected


def test_many_warnings_hide_no_failure() -> None:
    lines = [Record("uart", "up", float(second), 0.0, b"x\r") for second in range(60)]
    case = Case(places={id(line): place for place, line in enumerate(lines)})
    for line in reversed(lines):
        case.odd("strange", line)
    case.bad("wrong", lines[59])
    case.bad("wrong before", lines[58])
    verdict = case.judge(JUDGES[0].rule)
    assert [each.record for each in verdict.evidence] == [lines[58], lines[59], *lines[:18]]
    assert verdict.text == "2 of 60: wrong before"
