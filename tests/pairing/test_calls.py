"""Which datagrams make one command."""

from __future__ import annotations

import math
from dataclasses import replace

from support.tape import Tape

from miio_lan.pairing.calls import LanCall, lan_traffic
from miio_lan.record.marks import begin_mark, end_mark

GET = ("get_properties", [{"siid": 2, "piid": 1}])


def ids(calls: list[LanCall]) -> list[list[int]]:
    return [[request.id for request in call.requests] for call in calls]


def test_the_example_of_the_module() -> None:
    tape = Tape().wait(10).hello(along=True).ask(1, *GET).wait(1).ask(7, *GET)
    tape.wait(1).hello(along=True).ask(2, *GET).wait(0.1).reply(2, ["ok"])
    first, second = calls = lan_traffic(tape.records).calls
    assert ids(calls) == [[1, 2], [7]]
    assert (first.doubtful, second.doubtful) == (True, True)
    assert first.replied is first.requests[1]
    assert (first.earlier, second.earlier) == (None, first)


def test_a_resend_with_a_hello_and_nobody_else_is_in_no_doubt() -> None:
    tape = Tape().hello(along=True).ask(1, *GET).wait(1).hello(along=True).ask(2, *GET)
    (call,) = lan_traffic(tape.records).calls
    assert not call.doubtful


def test_what_is_answered_is_not_repeated() -> None:
    tape = Tape().ask(1, *GET).reply(1, ["ok"]).hello(along=True).ask(2, *GET)
    assert ids(lan_traffic(tape.records).calls) == [[1], [2]]


def test_of_two_replies_the_first_counts() -> None:
    tape = Tape().ask(1, *GET).reply(1, ["ok"]).reply(1, ["no"])
    (call,) = lan_traffic(tape.records).calls
    assert call.requests[0].reply is tape.records[1]
    assert call.requests[0].repeated == [tape.records[2]]


def test_a_mark_of_a_check_is_no_datagram() -> None:
    tape = Tape().ask(1, *GET).wait(1).ask(1, *GET).reply(1, ["ok"])
    mark = end_mark("lan", 0.5, 0.5, {})
    # Whatever else it may hold.
    mark = replace(mark, reading={**(mark.reading or {}), "id": 1, "method": GET[0], "params": GET[1]})
    (call,) = lan_traffic([begin_mark("lan", 0.0, 0.0), tape.records[0], mark, *tape.records[1:]]).calls
    assert call.requests[0].sends == [tape.records[0], tape.records[1]]


def test_what_was_not_recorded_came_since_the_last_record_of_its_device() -> None:
    tape = Tape().lan_gap(peer="a").wait(1).ask(1, *GET, peer="a").wait(1).ask(1, *GET, peer="b")
    tape.wait(1).lan_gap(peer="a")
    first, asked, _, second = (record.instant for record in tape.records)
    traffic = lan_traffic(tape.records)
    assert traffic.gaps == [(-math.inf, first), (asked, second)]
    assert [traffic.missing(at, at) for at in (0, first + 0.1, asked, second, second + 0.1)] == [
        *(True, False, True, True, False)
    ]
    assert traffic.missing(first + 0.1, asked)
    assert not lan_traffic(tape.records[1:3]).missing(0, 9)
