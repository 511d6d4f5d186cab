"""What a test wants of commands, reports and lines, by the values: which meet it, and which do not."""

from __future__ import annotations

from typing import Any

import pytest
from support.tape import Tape

from miio_lan.bench.bench import ExpectationFailed, ObservedLine, Recorder
from miio_lan.bench.expecting.reporting import WantedReport
from miio_lan.bench.expecting.values import is_wanted
from miio_lan.bench.expecting.wanted import Wanted
from miio_lan.pairing.exchange import Exchange
from miio_lan.pairing.pairing import pair
from miio_lan.pairing.reports import reports
from miio_lan.uart.commands import read

NAMED = [{"piid": 10, "value": 5}, {"piid": 11, "value": True}]
LINE = "down action 2 2 10 5 11 true"


def joined(tape: Tape) -> Exchange:
    (exchange,) = pair(tape.records)
    return exchange


def asked(method: str, params: object) -> Exchange:
    return joined(Tape().ask(1, method, params))


ACTIONS = {
    "on the LAN": asked("action", {"did": "x", "siid": 2, "aiid": 2, "in": NAMED}),
    "on the line": joined(Tape().up("get_down").down(LINE)),
}


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize(
    ("criteria", "met"),
    [
        ({"siid": 2, "aiid": 2}, True),
        ({"siid": 2, "aiid": 2, "value": 5}, True),
        ({"siid": 2, "aiid": 2, "piid": 10, "value": 5}, True),
        ({"piid": 11, "value": True}, True),
        ({"aiid": 2, "piid": 11}, True),
        ({"siid": 2, "aiid": 2, "value": 6}, False),
        ({"siid": 2, "aiid": 1, "value": 5}, False),
        ({"siid": 2, "aiid": 2, "piid": 11, "value": 5}, False),
        ({"piid": 11, "value": 1}, False),
    ],
)
def test_the_arguments_of_an_action(action: str, criteria: dict[str, Any], met: bool) -> None:
    assert Wanted.of(None, "action", **criteria).is_met_by(ACTIONS[action]) is met


def test_arguments_without_their_names() -> None:
    exchange = asked("action", {"did": "x", "siid": 2, "aiid": 2, "in": [5]})
    assert Wanted.of(None, None, siid=2, aiid=2, value=5).is_met_by(exchange)
    assert not Wanted.of(None, None, siid=2, aiid=2, piid=10, value=5).is_met_by(exchange)


@pytest.mark.parametrize("given", [None, 5, "x", {}, [None], [[]], [{}], [[1, 2, 3]]])
def test_arguments_that_are_none(given: object) -> None:
    exchange = asked("action", {"siid": 2, "aiid": 2, "in": given})
    assert Wanted.of(None, None, siid=2, aiid=2).is_met_by(exchange)
    assert not Wanted.of(None, None, siid=2, aiid=2, value=7).is_met_by(exchange)


BOOLEANS = [
    (True, True, True),
    (True, 1, False),
    (False, 0, False),
    (1, True, False),
    (1, 1, True),
    (0, False, False),
]


@pytest.mark.parametrize(("wanted", "said", "met"), BOOLEANS)
def test_a_number_is_no_boolean_in_a_command(wanted: object, said: object, met: bool) -> None:
    params = [{"did": "x", "siid": 2, "piid": 1, "value": said}]
    exchange = asked("set_properties", params)
    assert Wanted.of(None, None, siid=2, piid=1, value=wanted).is_met_by(exchange) is met
    whole = [{"did": "x", "siid": 2, "piid": 1, "value": wanted}]
    assert Wanted.of(None, None, params=whole).is_met_by(exchange) is met


@pytest.mark.parametrize(("wanted", "said", "met"), BOOLEANS)
@pytest.mark.parametrize("line", ["properties_changed 2 1 {}", "event_occured 2 1 3 {}"])
def test_a_number_is_no_boolean_in_a_report(line: str, wanted: object, said: object, met: bool) -> None:
    text = line.format(str(said).lower())
    tape = Tape().up(text).down("ok")
    (report,) = reports(tape.records)
    event = text.startswith("event")
    value = {3: wanted} if event else wanted
    report_wanted = WantedReport(2, None if event else 1, 1 if event else None, value)
    assert report_wanted.is_met_by(report) is met


@pytest.mark.parametrize(("wanted", "said", "met"), BOOLEANS)
def test_a_number_is_no_boolean_in_a_line(wanted: object, said: object, met: bool) -> None:
    text = f"properties_changed 2 1 {str(said).lower()}"
    reading = read(text, direction="up").as_json()
    recorder = Recorder()
    recorder.observe(Tape()._put("uart", "up", f"{text}\r".encode(), reading).records[0])
    line = ObservedLine(recorder)
    if met:
        assert line.wait_for(command="properties_changed", properties=[[2, 1, wanted]], timeout=0) == text
        return
    with pytest.raises(ExpectationFailed):
        line.wait_for(command="properties_changed", properties=[[2, 1, wanted]], timeout=0)


@pytest.mark.parametrize(
    ("wanted", "have", "met"),
    [
        (23.6, 23.600000381, True),
        (5, 5.0, True),
        ("a b", "a\\u0020b", True),
        ([1, (True,)], [1, [True]], True),
        ({"a": [True]}, {"a": [1]}, False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ([1], [1, 2], False),
        (1.0, True, False),
        (True, 1.0, False),
        (True, "true", False),
    ],
)
def test_other_values_are_compared_as_a_line_can_say_them(wanted: object, have: object, met: bool) -> None:
    assert is_wanted(wanted, have) is met
