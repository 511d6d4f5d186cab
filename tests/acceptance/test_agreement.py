"""Rules and exchanges against each other, and both against a book of what really happened.

One report must not contradict itself: every rule and every exchange names the same answer of a line. And what is said
without a doubt must be true.
"""

from __future__ import annotations

import random

import pytest
from support.random_scenes import WATCHES, Watch, random_scene
from support.scene import COMMANDS, MANY, Scene

from miio_lan.acceptance.rules.all import verdicts_of
from miio_lan.acceptance.rules.line.answers import ONE_OF_SEVERAL
from miio_lan.acceptance.rules.observed import Observed
from miio_lan.acceptance.verdict import Outcome
from miio_lan.record import Record

ONCE_WRONG = (
    *(1000083, 1000277, 1000300, 1000350, 1000492, 1000557, 1000561),
    *(2000084, 2000109, 2000166, 2000224, 2000245, 2000336, 2000365, 2000408),
    *(3000012, 3000117, 3000321, 3000367, 4000135, 4000398, 5000287, 6000306),
    *(1200159, 901589, 980510, 981350),
)
"""Seeds of scenes that were once judged wrongly and sure."""
SEEDS = (*ONCE_WRONG, *range(10))


def disagreements(session: Observed) -> list[str]:
    """Say where an exchange names another answer than the rules have for the same line."""
    answers = {id(each.record): each.answer for each in session.line.downlinks}
    found = []
    for exchange in session.exchanges:
        for part in exchange.parts:
            if part.down is None or id(part.down) not in answers:
                continue
            answer = answers[id(part.down)]
            record = answer.record if answer is not None else None
            # A reply that reports success shows that an answer with other ids was to something else.
            unfit = answer is not None and not answer.fits and part.result is None
            if record is not part.result and not unfit:
                found.append(f"{part.down.raw!r}: {record} for the rules, {part.result} for the exchange")
    return found


def wrong_answers(scene: Scene, session: Observed) -> list[str]:
    """Say which answers the conversation gives to a line without a doubt, though they are to another one."""
    truth = {id(down): told.answer_of.get(id(down)) for told in scene.told for down in told.downs}
    found = []
    for downlink in session.line.downlinks:
        answer = downlink.answer
        if id(downlink.record) not in truth or answer is None or session.in_doubt(answer):
            continue
        if downlink.doubtful or downlink.missed or not answer.sure or answer.blind:
            continue
        if answer.record is not truth[id(downlink.record)]:
            found.append(f"{downlink.text} is not answered by {answer.text}")
    return found


def false_alarms(scene: Scene, session: Observed) -> list[str]:
    """Say which breaches the rules tell that did not happen."""
    by_down = {id(down): told.answer_of.get(id(down)) for told in scene.told for down in told.downs}
    by_answer = {
        id(answer): down
        for told in scene.told
        for down in told.downs
        if (answer := told.answer_of.get(id(down))) is not None
    }
    seen = {id(record) for record in session.records}
    # Of an answer whose lines were all lost nothing tells.
    by_down = {down: answer for down, answer in by_down.items() if answer is None or id(answer) in seen}
    found = []
    for verdict in verdicts_of(session):
        name = verdict.rule.name
        if verdict.outcome is not Outcome.FAIL or name not in JUDGED:
            continue
        for evidence in verdict.evidence:
            record = evidence.record
            if record is None or not _is_breach(name, evidence.text, record, by_down, by_answer):
                found.append(f"{name}: {evidence.text} ({record and record.raw!r})")
    return found


JUDGED = {
    *(
        "downlink-answered",
        "answer-time",
        "get-result",
        "set-result",
        "action-result",
        "answers-only-downlinks",
    ),
    *("error-form", "status-codes", "unknown-downlink"),
}


def _is_breach(
    name: str,
    text: str,
    record: Record,
    by_down: dict[int, Record | None],
    by_answer: dict[int, Record],
) -> bool:
    if name == "downlink-answered":
        # Of several that may have had the one answer it is sure that some have none.
        return by_down.get(id(record)) is None or (ONE_OF_SEVERAL in text and None in by_down.values())
    if name == "answer-time":
        if id(record) in by_down:  # no answer in time, whichever it was later
            answer = by_down[id(record)]
            return answer is None or answer.instant - record.instant > 4.0
        down = by_answer.get(id(record))
        return down is not None and record.instant - down.instant > 4.0
    if name in ("get-result", "set-result", "action-result"):
        return record.raw == b"result 9 9\r"
    return False  # the MCU of a scene never does that


@pytest.mark.untraced
@pytest.mark.parametrize(("watch", "lossy"), WATCHES.values(), ids=WATCHES)
def test_rules_and_exchanges_name_the_same_answers_and_none_is_wrong_and_sure(
    watch: Watch, lossy: bool
) -> None:
    for seed in SEEDS:
        rng = random.Random(seed)
        scene = random_scene(rng)
        session = Observed(watch(scene, rng), until=scene.now)
        assert (seed, disagreements(session)) == (seed, [])
        assert (seed, wrong_answers(scene, session)) == (seed, [])
        assert (seed, false_alarms(scene, session)) == (seed, [])


@pytest.mark.untraced
def test_what_is_plain_is_judged() -> None:
    """In a quiet conversation all of it is sure: each breach is told, and nothing else."""
    scene = Scene()
    behaviours = ("good", "silent", "late", "wrong", "error", "refuse")
    for place, (command, behaviour) in enumerate(
        (command, behaviour) for command in (*COMMANDS, MANY) for behaviour in behaviours
    ):
        scene.ask(10.0 + 70.0 * place, command, number=10 + place, behaviour=behaviour)
    scene.run(3600.0)
    session = Observed(scene.records)
    assert disagreements(session) == []
    assert wrong_answers(scene, session) == []
    assert false_alarms(scene, session) == []
    verdicts = {verdict.rule.name: verdict for verdict in verdicts_of(session)}
    silent = sum(told.stop == "not answered" for told in scene.told)
    assert verdicts["downlink-answered"].broken == silent
    late = sum(told.stop == "answered late" for told in scene.told)
    assert verdicts["answer-time"].broken == late
