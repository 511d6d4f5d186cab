"""Judgements to make reports of: a small one written by hand, and that of a virtual product that really ran."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from miio_lan import MiotDevice
from miio_lan.acceptance.verdict import Evidence, Judgement, Outcome, Rule, Verdict
from miio_lan.pairing.exchange import ANSWERED_LATE, Exchange, Part
from miio_lan.pairing.pairing import pair
from miio_lan.record import Record
from miio_lan.virtual.product import VirtualProduct

if TYPE_CHECKING:
    from collections.abc import Mapping

START = 1000.0
WALL = 1_700_000_000.0
HOSTILE = "</script><script>window.broken=1</script><img src=x onerror=window.broken=1>'\"&]]>\x00\x1b[31m\u202e[bold]"
"""What breaks out of HTML, XML, scripts, attributes, terminals and the direction of text, where it is let."""


def uart(at: float, direction: str, line: str, note: str = "", **reading: object) -> Record:
    return _record("uart", at, direction, f"{line}\r".encode("latin-1"), reading, note)


def lan(at: float, direction: str, payload: str, note: str = "", **reading: object) -> Record:
    return _record("lan", at, direction, payload.encode(), reading, note)


def _record(
    wire: str, at: float, direction: str, raw: bytes, reading: Mapping[str, object], note: str
) -> Record:
    return Record(wire, direction, START + at, WALL + at, raw, dict(reading) or None, note)


REQUEST = lan(0.0, "down", '{"id":7,"method":"get_properties","params":[{"siid":2,"piid":1}]}', id=7)
POLL = uart(0.1, "up", "get_down", command="get_down", valid=True)
DOWN = uart(0.101, "down", "down get_properties 2 1", command="down", method="get_properties", valid=True)
RESULT = uart(4.7, "up", "result 2 1 0 true", command="result", answers="get_properties", valid=True)
OK = uart(4.701, "down", "ok", command="reply", answers="result", valid=True)
REPLY = lan(4.71, "up", '{"id":7,"result":[{"siid":2,"piid":1,"code":0,"value":true}]}', id=7)
NOISE = uart(5.0, "up", "ets \xff\xfe", note="noise", command=None, valid=False, problem="no command")
OUTAGE = replace(uart(5.5, "up", ""), raw=b"", note="outage")
BACK = uart(6.5, "up", "get_down", command="get_down", valid=True)
NONE = uart(6.501, "down", "down none", command="down", method="none", valid=True)
RECORDS = (REQUEST, POLL, DOWN, RESULT, OK, REPLY, NOISE, OUTAGE, BACK, NONE)

EXCHANGE = Exchange(
    method="get_properties",
    request=REQUEST,
    reply=REPLY,
    ids=(7,),
    parts=(Part(DOWN, RESULT, OK),),
    records=(REQUEST, DOWN, RESULT, OK, REPLY),
    stopped_at=ANSWERED_LATE,
    notes=("it was sent 2 times",),
)


def rule(name: str, title: str = "") -> Rule:
    return Rule(name, title or f"The rule of {name}", "serial document, result", "answers")


VERDICTS = (
    Verdict(rule("polls-in-time"), Outcome.PASS, "All polls were in time.", (Evidence("a poll", POLL),)),
    Verdict(
        rule("answers-in-time", "A downlink is answered within 4 s"),
        Outcome.FAIL,
        "One answer took 4.6 s.",
        (Evidence("handed out", DOWN), Evidence("answered after 4.6 s", RESULT)),
    ),
    Verdict(rule("no-event-flood"), Outcome.NOT_OBSERVED, "No event was raised."),
    Verdict(
        rule("clean-lines"),
        Outcome.WARNING,
        "One line was noise.",
        (Evidence("no command", NOISE), Evidence("1 of 10 lines")),
    ),
)


def judgement(
    verdicts: tuple[Verdict, ...] = VERDICTS,
    records: tuple[Record, ...] = RECORDS,
    exchanges: tuple[Exchange, ...] = (EXCHANGE,),
    title: str = "Lamp on the bench",
    model: str = "miiolan.light.demo1",
) -> Judgement:
    return Judgement(title, model, WALL, "passive", verdicts, records, exchanges)


def hostile() -> Judgement:
    """A judgement with something hostile in every place that something can come into from outside."""
    line = uart(0.2, "up", "", note=HOSTILE, command=None, valid=False, problem=HOSTILE)
    line = replace(line, raw=HOSTILE.encode())
    request = lan(
        0.3, "down", '{"id":1,"method":"' + HOSTILE.replace('"', '\\"') + '"}', id=1, method=HOSTILE
    )
    exchange = Exchange(
        HOSTILE, request=request, records=(request, line), stopped_at=HOSTILE, notes=(HOSTILE,)
    )
    bad = Rule("hostile", HOSTILE, HOSTILE, "form")
    verdicts = tuple(
        Verdict(
            replace(bad, name=f"hostile-{place}"),
            outcome,
            HOSTILE,
            (Evidence(HOSTILE, line), Evidence(HOSTILE)),
        )
        for place, outcome in enumerate(Outcome)
    )
    return judgement(verdicts, (line, request), (exchange,), title=HOSTILE, model=HOSTILE)


def observed() -> Judgement:
    """The judgement of a virtual product that was driven over the LAN: reads, a set, one that is refused."""
    records: list[Record] = []
    with (
        VirtualProduct(observer=records.append) as product,
        MiotDevice(
            product.host, product.token, port=product.port, observer=records.append, timeout=10
        ) as device,
    ):
        device.info()
        device.get_property_by(2, 1)
        device.set_property_by(2, 1, True)
        device.set_property_by(2, 2, 1000)
    refused = next(each for each in records if each.raw == b"result 2 2 -4005\r")
    evidence = (Evidence("refused", refused),)
    verdict = Verdict(rule("range"), Outcome.PASS, "A value out of range was refused.", evidence)
    return judgement((verdict,), tuple(records), tuple(pair(sorted(records, key=lambda each: each.instant))))


def many(count: int) -> Judgement:
    """A judgement on so many records: the one above, again and again."""
    rounds = -(-count // len(RECORDS))
    records: list[Record] = []
    exchanges: list[Exchange] = []
    for number in range(rounds):
        later = {each: replace(each, instant=each.instant + 8.0 * number) for each in RECORDS}
        records += later.values()
        part = Part(later[DOWN], later[RESULT], later[OK])
        exchanges.append(
            replace(
                EXCHANGE,
                request=later[REQUEST],
                reply=later[REPLY],
                parts=(part,),
                records=tuple(later[each] for each in EXCHANGE.records),
                stopped_at=ANSWERED_LATE if number % 10 == 0 else None,
            )
        )
    return judgement((), tuple(records[:count]), tuple(exchanges))
