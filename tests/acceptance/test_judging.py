"""From records to one judgement: read once, without contradictions, and without blame for what was not seen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support import talk as talk_module
from support.simulated import simulate
from support.talk import talk

from miio_lan.acceptance.judging import judgement_of
from miio_lan.acceptance.rules import observed
from miio_lan.acceptance.verdict import Judgement, Outcome
from miio_lan.device.description.spec import Spec
from miio_lan.errors import RecordError
from miio_lan.record import Record
from miio_lan.record.marks import begin_mark, end_mark
from miio_lan.uart.conversation import Conversation
from miio_lan.virtual.mcu.mcu import Mcu

LAMP = Spec.shipped("lamp")
SMALL = Spec.load(Path(talk_module.__file__).with_name("foreign_lamp.toml"))


def outcomes(judgement: Judgement) -> dict[str, Outcome]:
    return {verdict.rule.name: verdict.outcome for verdict in judgement.verdicts}


def failed(judgement: Judgement) -> dict[str, str]:
    return {each.rule.name: each.text for each in judgement.verdicts if each.outcome is Outcome.FAIL}


def lan(at: float, number: int, **what: object) -> Record:
    direction = "down" if "method" in what else "up"
    return Record("lan", direction, at, at, b"{}", {"id": number, **what}, peer="192.0.2.1")


def ask(at: float, number: int, siid: int, piid: int) -> Record:
    return lan(at, number, method="get_properties", params=[{"did": "x", "siid": siid, "piid": piid}])


LATE = """
0 > model a.b.c
< ok
9.9 > get_down
< down none
10.1 > get_down
10.105 < down get_properties 2 1
14.3 > get_down
14.301 < down get_properties 2 2
14.35 > get_down
< error
14.4 > result 2 1 0 true
< error
14.5 > result 2 2 0 50
< ok
14.7 > get_down
< down none
18.5 > get_down
< down none
"""


def test_a_late_answer_that_the_module_refuses_is_late_and_nothing_else() -> None:
    timeout = {"code": -9999, "message": "user ack timeout"}
    records = [
        *talk(LATE),
        ask(110.0, 1, 2, 1),
        lan(114.15, 1, error=timeout),
        ask(114.2, 2, 2, 2),
        lan(114.52, 2, result=[{"did": "x", "siid": 2, "piid": 2, "code": 0, "value": 50}]),
    ]
    judgement = judgement_of(records, spec=LAMP)
    first, second = judgement.exchanges
    assert (first.stopped_at, first.ambiguous) == ("answered late", False)
    assert (second.stopped_at, second.ambiguous) == (None, False)
    found = failed(judgement)
    assert found.keys() - {"model-matches", "mcu-version-reported"} == {"answer-time"}
    assert found["answer-time"] == "1 of 2: get_properties answered after 4.3 s"
    assert outcomes(judgement)["get-result"] is Outcome.PASS
    assert outcomes(judgement)["downlink-answered"] is Outcome.PASS
    assert outcomes(judgement)["answers-only-downlinks"] is Outcome.PASS


def test_what_the_module_takes_after_a_refusal_is_the_answer() -> None:
    script = "> get_down\n< down get_properties 2 2\n> result 2 2 0 50 1\n< error\n> result 2 2 0 400\n< ok"
    judgement = judgement_of(talk(script), spec=LAMP)
    (exchange,) = judgement.exchanges
    assert exchange.result is not None
    assert exchange.result.raw == b"result 2 2 0 400\r"
    assert outcomes(judgement)["value-range"] is Outcome.FAIL


def test_a_refused_answer_without_ids_belongs_to_what_was_given_up() -> None:
    script = """
    > model a.b.c
    < ok
    1 > get_down
    < down power "on"
    5.1 > get_down
    < down bright 3
    5.2 > result "late"
    < error
    5.3 > result "mine"
    < ok
    """
    judgement = judgement_of(talk(script))
    late, mine = judgement.exchanges
    assert late.result is not None
    assert mine.result is not None
    assert (late.result.raw, mine.result.raw) == (b'result "late"\r', b'result "mine"\r')
    assert late.ambiguous, "it names nothing"


def test_a_recording_is_read_once_and_ordered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Conversation] = []
    ordered: list[int] = []
    monkeypatch.setattr(Conversation, "finish", lambda self, ended=None: read.append(self))
    in_order = observed.in_order

    def count(records: object) -> list[Record]:
        ordered.append(1)
        return in_order(records)  # type: ignore[arg-type]

    monkeypatch.setattr(observed, "in_order", count)
    monkeypatch.setattr("miio_lan.pairing.window.in_order", count)
    judgement_of([*talk(LATE), ask(110.0, 1, 2, 1)], spec=LAMP)
    assert (len(read), len(ordered)) == (1, 1)


@pytest.fixture(scope="module")
def good() -> list[Record]:
    """What a listener hears of an MCU that does everything right, and of a module that asks for everything."""
    session = simulate(Mcu(SMALL), SMALL, refusals=1)
    return [record for record in session.records if record.raw]


@pytest.mark.untraced
@pytest.mark.parametrize("part", range(4))
def test_one_line_that_a_tap_missed_blames_nobody(good: list[Record], part: int) -> None:
    assert failed(judgement_of(good, spec=SMALL)) == {}
    assert len(good) > 124
    size = -(-len(good) // 4)
    blamed = {}
    for lost in range(part * size, min((part + 1) * size, len(good))):
        found = failed(judgement_of(good[:lost] + good[lost + 1 :], spec=SMALL))
        if found:
            blamed[good[lost].direction, good[lost].raw, lost] = found
    assert blamed == {}


def test_what_several_clocks_have_stamped_is_not_sorted_into_one_another() -> None:
    first = talk("> get_down\n< down none\n3 > get_down\n< down none")
    again = [replace(each, wall=each.wall + 2000) for each in first]
    judgement_of(first)
    later = [replace(each, instant=each.instant + 100, wall=each.wall + 100) for each in first]
    with pytest.raises(RecordError, match=f"record {len(later) + 1} was stamped by another clock"):
        judgement_of([*later, *again])


def test_what_is_heard_after_the_end_is_judged_by_nobody() -> None:
    heard = talk("0 > get_down\n< down none")
    later = talk("9 > nonsense")
    assert judgement_of([*heard, *later], ended=105.0).records == tuple(heard)
    assert judgement_of([*heard, *later], ended=109.0).records == (*heard, *later)


@pytest.mark.parametrize(("ended", "left"), [(None, 2), (105.0, 2), (120.0, 2), (100.005, 1)])
def test_a_check_ends_an_observation_that_goes_on(ended: float | None, left: int) -> None:
    heard = talk("0 > get_down\n< down none")
    check = [begin_mark("module", 99.0, 0.0), *heard, end_mark("module", 106.0, 0.0, {})]
    judgement = judgement_of([*check, *talk("9 > nonsense")], ended=ended)
    assert judgement.records == tuple(heard[:left])
    assert not [each for each in judgement.verdicts if each.rule.name == "known-commands" and each.broken]
