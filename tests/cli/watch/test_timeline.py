from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.cli.watch.timeline import HEADER, Trace, beginning, in_order, lines_of, without_polls
from miio_lan.record import Record


def uart(direction: str, text: str, instant: float = 1.0) -> Record:
    return Record("uart", direction, instant, 0.0, text.encode() + b"\r")


def lan(
    direction: str, reading: dict[str, Any] | None = None, instant: float = 1.0, note: str = ""
) -> Record:
    return Record("lan", direction, instant, 0.0, b"", reading, note)


def up(text: str, instant: float = 1.0) -> Record:
    return uart("up", text, instant)


def down(text: str, instant: float = 1.0) -> Record:
    return uart("down", text, instant)


def said(reading: dict[str, Any], direction: str = "up") -> str:
    lines = list(lines_of([lan(direction, reading)]))
    return " ".join(line[9:].strip() for line in lines)


class TestPolls:
    def test_those_that_fetched_nothing_are_left_out(self):
        records = [
            up("get_down"), down("down none"), up("get_down"), down("down get_properties 2 1"),
            up("get_down"), down("error"), up("result 2 1 0 true"), down("ok"), up("get_down"),
        ]  # fmt: skip
        kept, polls = without_polls(records)
        assert [record.raw.strip().decode() for record in kept] == [
            "get_down", "down get_properties 2 1", "result 2 1 0 true", "ok",
        ]  # fmt: skip
        assert polls == 3

    def test_the_answer_to_an_earlier_poll_is_left_out(self):
        assert without_polls([down("down none")]) == ([], 0)

    def test_an_error_that_answers_something_else_stays(self):
        records = [up("properties_changed 1 1"), down("error")]
        assert without_polls(records) == (records, 0)


class TestLines:
    def test_both_lanes_with_times(self):
        records = [
            up("get_down", 9.0),
            lan("down", {"id": 1, "method": "get_properties", "params": [{"siid": 2, "piid": 1}]}, 10.0),
            up("get_down", 10.05),
            down("down get_properties 2 1", 10.0504),
            lan("up", {"id": 1, "result": [{"siid": 2, "piid": 1, "code": 0, "value": True}]}, 10.2),
            up("get_down", 10.3),
            down("down none", 10.3),
        ]
        lanes = [f"{'':>8} {'':32}  "] * 2
        assert list(lines_of(records)) == [
            "     0.0 → get_properties 2.1",
            "    50.0".ljust(len(lanes[0])) + "← get_down",
            "    50.4".ljust(len(lanes[0])) + "→ down get_properties 2 1",
            "   200.0 ← 2.1=true",
            lanes[0] + "(1 polls that fetched nothing)",
        ]

    @pytest.mark.parametrize(
        ("reading", "text"),
        [
            ({"method": "miIO.info", "params": []}, "← miIO.info"),
            ({"method": "get_prop", "params": ["power"]}, '← get_prop "power"'),
            ({"method": "set", "params": [{"siid": 2, "piid": 2, "value": "x y"}]}, '← set 2.2="x y"'),
            ({"method": "action", "params": {"siid": 2, "aiid": 1, "in": [5]}}, "← action 2.1 5"),
            ({"result": [{"siid": 2, "piid": 2, "code": 0}]}, "← 2.2: 0"),
            ({"result": [{"siid": 2, "piid": 2, "code": -4001}]}, "← 2.2: -4001"),
            ({"result": {"siid": 2, "aiid": 2, "code": 0}}, "← 2.2: 0"),
            ({"result": {"model": "a.b.c", "life": 1}}, "← model a.b.c"),
            ({"result": {"code": 0}}, '← {"code": 0}'),
            ({"result": ["ok"]}, '← "ok"'),
            ({"result": "ok"}, '← "ok"'),
            ({"result": None}, "←"),
            ({"error": {"code": -9999, "message": "user ack timeout"}}, "← error -9999 user ack timeout"),
            ({"error": {"code": -1}}, "← error -1"),
        ],
    )  # fmt: skip
    def test_payloads_are_written_briefly(self, reading, text):
        assert said(reading) == text

    def test_a_hello_is_a_hello(self):
        assert list(lines_of([lan("down", note="hello")])) == ["     0.0 → hello"]
        assert list(lines_of([])) == []

    @given(st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=300), max_size=5))
    def test_lines_fit_80_columns_and_lose_nothing(self, texts):
        records = [lan("down", note="hello"), *(up(text) for text in texts)]
        lines = list(lines_of(records))
        assert all(len(line) <= 80 for line in [*lines, HEADER])
        kept, _ = without_polls(records)
        shown = "".join(line[43:] for line in lines).replace(" ", "")
        wanted = "".join("←" + record.raw.decode().replace(" ", "").strip() for record in kept[1:])
        if "polls" not in lines[-1]:
            assert shown == wanted

    def test_time_counts_from_the_first_datagram(self):
        assert beginning([up("x", 3.0), lan("down", instant=5.0), lan("up", instant=6.0)]) == 5.0


class TestTrace:
    def test_records_are_handed_over_once_and_in_order(self):
        trace = Trace()
        trace.observe(up("b", 2.0))
        trace.observe(lan("down", instant=1.0))
        taken = trace.take(lambda records: len(records) == 2, 10.0)
        assert [record.instant for record in taken] == [1.0, 2.0]
        assert trace.take(lambda records: True, 10.0) == []

    def test_what_never_comes_is_not_waited_for_longer(self):
        assert Trace().take(lambda records: False, 0.0) == []


@pytest.mark.parametrize(
    ("lines", "wanted", "found"),
    [
        (["a 1", "ok", "b 2", "ok"], ["a", "ok", "b", "ok"], True),
        (["a 1", "b 2", "ok"], ["a", "ok", "b"], False),
        (["x", "a 1", "y"], ["a 1"], True),
        ([], ["a"], False),
        ([], [], True),
    ],
)
def test_lines_in_order(lines, wanted, found):
    assert in_order([up(line) for line in lines] + [lan("up", note="a")], wanted) is found
