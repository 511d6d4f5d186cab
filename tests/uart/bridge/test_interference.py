from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.blocks import block

from miio_lan.uart.bridge.faults import ALTERED, ANSWERED, DROPPED, SENT, Fault
from miio_lan.uart.bridge.interference import MAX_DELAYED, Interference, Passage
from miio_lan.uart.commands import Down, read
from miio_lan.uart.document import PARTIAL_LINE_TIME
from miio_lan.uart.line import KEPT
from miio_lan.uart.replies import LONGEST_REPLY


class Line:
    """Says lines through an interference, and keeps what arrives where."""

    def __init__(self, *rules: str | Fault) -> None:
        self.between = Interference([Fault.parse(rule) if isinstance(rule, str) else rule for rule in rules])
        self.now = 0.0
        self.steps: list[Passage] = []
        self.downlink: Down | None = None

    def say(self, text: str | bytes) -> list[tuple[str, bytes]]:
        """Say a line, ``>`` before those of the MCU; give what arrives, ``>`` at the module."""
        data = text.encode() + b"\r" if isinstance(text, str) else text
        direction: Any = "up" if data[:1] == b">" else "down"
        return self._arrived(self.between.feed(direction, data[1:], self.now, downlink=self.downlink))

    def wait(self, seconds: float) -> list[tuple[str, bytes]]:
        self.now += seconds
        return self._arrived(self.between.tick(self.now))

    def _arrived(self, steps: list[Passage]) -> list[tuple[str, bytes]]:
        self.steps += steps
        return [(">" if step.direction == "up" else "<", step.data) for step in steps if step.deliver]

    @property
    def notes(self) -> list[str]:
        return [step.note for step in self.steps]


def test_without_faults_bytes_go_on_as_they_come() -> None:
    line = Line()
    assert line.say(b">get_") == [(">", b"get_")]
    assert line.say(b">down\rx") == [(">", b"down\rx")]
    assert line.between.deadline is None
    assert line.notes == ["", ""]


def test_what_no_fault_can_concern_goes_on_byte_by_byte() -> None:
    line = Line("drop result")
    assert [line.say(b">" + bytes([byte])) for byte in b"get_down\r"] == [
        [(">", bytes([byte]))] for byte in b"get_down\r"
    ]
    assert line.say(b"<down no") == [("<", b"down no")]


def test_a_line_that_may_be_meant_is_held_until_it_is_clear() -> None:
    line = Line("drop get_properties")
    assert line.say(b"<down ") == []
    assert line.say(b"<get_pr") == []
    assert line.say(b"<int 5") == [("<", b"down get_print 5")]
    assert line.say(b"< 6\r") == [("<", b" 6\r")]
    assert line.say("<down get_properties 2 1") == []
    assert line.notes[-1] == DROPPED


def test_drop_so_many_times() -> None:
    line = Line("drop result after 1 x2")
    assert [bool(line.say(f">result {number}")) for number in range(5)] == [True, False, False, True, True]
    assert line.between.done == {"drop result after 1 x2": 2}
    # Used up: nothing is held any more.
    assert line.say(b">res") == [(">", b"res")]


def test_a_dropped_line_of_the_mcu_was_never_heard_by_the_module() -> None:
    line = Line("drop result", "drop ok")
    line.say(">result 1")
    line.say("<ok")
    assert [(step.heard, step.deliver) for step in line.steps] == [(False, False), (True, False)]


def test_the_first_fault_that_fits_decides() -> None:
    line = Line("drop result x1", "duplicate result")
    assert line.say(">result 1") == []
    assert line.say(">result 2") == [(">", b"result 2\r")] * 2
    assert line.notes == [DROPPED, "", SENT]


def test_a_delayed_line_and_what_follows_it_arrive_in_order() -> None:
    line = Line("delay 2s result x1")
    assert line.say(">result 1") == []
    line.now = 0.5
    assert line.say(">get_down") == []
    assert line.say("<down none") == [("<", b"down none\r")]
    assert line.between.deadline == 2.0
    assert line.wait(1.0) == []
    assert line.wait(0.5) == [(">", b"result 1\r"), (">", b"get_down\r")]
    assert [step.instant for step in line.steps[-2:]] == [2.0, 2.0]
    assert line.notes[-2:] == ["held back for 2 s by the bridge", ""]
    assert line.say(">get_down") == [(">", b"get_down\r")]
    assert line.between.deadline is None


def test_alter_changes_the_line_and_keeps_the_evidence() -> None:
    line = Line("alter result: s/true/false/")
    assert line.say(">result 2 1 0 true") == [(">", b"result 2 1 0 false\r")]
    assert line.notes == [ALTERED, SENT]
    assert [step.heard for step in line.steps] == [False, True]


def test_a_line_altered_to_nothing_is_gone() -> None:
    line = Line(Fault("alter", "result", change=lambda data: b""))
    assert line.say(">result 1") == []
    assert line.notes == [ALTERED]


def test_a_line_can_lose_its_end() -> None:
    line = Line(Fault("alter", "result", change=lambda data: data[:-1]))
    assert line.say(">result 1") == [(">", b"result 1")]
    assert line.say(">get_down") == [(">", b"get_down\r")]


def test_answer_in_place_of_the_module() -> None:
    line = Line("answer get_down x1: down get_properties 2 1")
    assert line.say(">get_down") == [("<", b"down get_properties 2 1\r")]
    assert line.notes == [ANSWERED, SENT]
    assert line.say(">get_down") == [(">", b"get_down\r")]


def test_answer_in_place_of_the_mcu_keeps_the_modules_reply_from_it() -> None:
    line = Line("answer get_properties x1: result 2 1 -4001")
    line.say(">get_down")
    assert line.say("<down get_properties 2 1") == [(">", b"result 2 1 -4001\r")]
    assert line.say(b"<o") == []
    assert line.say(b"<k\r") == []
    assert line.notes[-1] == DROPPED
    assert line.say(">net") == [(">", b"net\r")]
    assert line.say(b"<clo") == [("<", b"clo")]


def test_the_modules_reply_to_the_mcu_is_not_mistaken_for_that_to_the_bridge() -> None:
    line = Line("answer action x1: result 2 1 0")
    line.say(">get_down")
    line.say(">properties_changed 2 1 5")  # sent without waiting
    assert line.say("<down action 2 1") == [(">", b"result 2 1 0\r")]
    assert line.say("<ok") == [("<", b"ok\r")]  # to the report
    assert line.say("<ok") == []  # to the bridge
    line.say(">get_down")
    assert line.say("<down none") == [("<", b"down none\r")]


def test_a_reply_that_never_comes_is_not_waited_for() -> None:
    line = Line("answer action x1: result 2 1 0")
    line.say("<down action 2 1")
    line.say(">get_down")
    assert line.say("<down none") == [("<", b"down none\r")]  # passed over: only get_down is answered so
    late = Line("answer action x1: result 2 1 0")
    late.say("<down action 2 1")
    late.now = LONGEST_REPLY + 0.1
    assert late.say("<ok") == [("<", b"ok\r")]


def test_an_echo_answers_nothing() -> None:
    line = Line("drop ok net")
    line.say(">net")
    line.say("<# net")
    assert line.say("<ok") == []


def test_replies_are_told_by_what_they_answer() -> None:
    line = Line("drop ok result x1", "drop reply net")
    line.say(">properties_changed 2 1 5")
    assert line.say("<ok") != []
    line.say(">result 1")
    assert line.say("<ok") == []
    line.say(">get_down")
    line.say(">mac")
    assert line.say("<ok") != []
    line.say(">net")
    assert line.say("<cloud") == []


def test_results_are_told_by_their_downlink_and_ids() -> None:
    line = Line("drop result action", "drop result 2.1")
    line.downlink = read("down action 5 1", direction="down")  # type: ignore[assignment]
    assert line.say(">result 5 1 0") == []
    line.downlink = read("down get_properties 2 1", direction="down")  # type: ignore[assignment]
    assert line.say(">result 2 2 0 5") != []
    assert line.say(">result 2 1 0 5") == []
    line.downlink = None
    assert line.say(">result 5 1 0") != []


def test_an_answer_waits_for_the_end_of_a_line_that_is_passing() -> None:
    line = Line("answer get_down: error")
    assert line.say(b"<do") == [("<", b"do")]
    assert line.say(">get_down") == []
    assert line.say(b"<wn none\r") == [("<", b"wn none\r"), ("<", b"error\r")]
    line.say(b"<do")
    assert line.say(">get_down") == []
    assert line.wait(PARTIAL_LINE_TIME) == [("<", b"error\r")]


def test_a_held_line_without_an_end_goes_on_after_the_time_a_module_waits() -> None:
    line = Line("drop result")
    assert line.say(b">resul") == []
    assert line.between.deadline == PARTIAL_LINE_TIME
    assert line.wait(PARTIAL_LINE_TIME) == [(">", b"resul")]
    assert line.say(b">t 1\r") == [(">", b"t 1\r")]
    assert line.say(">result 2") == []


def test_the_rest_of_a_line_that_was_let_go_is_waited_for_as_a_module_waits() -> None:
    line = Line("drop result")
    line.say(b">resul")
    assert line.wait(PARTIAL_LINE_TIME) == [(">", b"resul")]
    assert line.wait(PARTIAL_LINE_TIME) == []
    assert line.say(">result 2") == []  # another line, to the module too


def test_an_answer_does_not_fall_into_a_line_that_was_let_go() -> None:
    line = Line("drop none", "answer get_down: error")
    line.say(b"<down no")
    assert line.wait(PARTIAL_LINE_TIME) == [("<", b"down no")]
    assert line.say(">get_down") == []
    assert line.say(b"<ne\r") == [("<", b"ne\r"), ("<", b"error\r")]


def test_a_line_without_an_end_is_not_held_for_ever() -> None:
    line = Line("drop result")
    text = b">result " + b"1" * (KEPT + 900)
    assert line.say(text) == [(">", text[1:])]
    assert len(line.between._lanes["up"].line) <= len(text)
    line.say(b">" + b"1" * 9000)
    assert len(line.between._lanes["up"].line) == KEPT


@pytest.mark.parametrize("junk", [b"\xff\xff", b"\n", b"\x00", b"  "])
def test_junk_before_a_line_does_not_save_it(junk) -> None:
    line = Line("drop result")
    assert line.say(b">" + junk) == []
    assert line.say(b">result 1\r") == []


def test_noise_goes_on() -> None:
    line = Line("drop *")
    assert line.say(b">\x90\xfe\r") == [(">", b"\x90\xfe\r")]
    assert line.say(b">\r") == [(">", b"\r")]


def test_faults_may_be_added_and_taken_away_in_the_middle_of_a_line() -> None:
    line = Line()
    assert line.say(b">res") == [(">", b"res")]
    line.between.add(Fault.parse("drop result"))
    assert line.say(b">ult 1\rresult 2\rresu") == [(">", b"ult 1\r")]
    line.between.clear()
    assert line.between.faults == ()
    assert line.say(b">lt 3\r") == [(">", b"result 3\r")]


def test_the_end_lets_everything_go() -> None:
    line = Line("delay 9s result x1", "drop result", "drop none")
    line.say(">result 1")
    line.say(b"<down no")
    assert [step.data for step in line.between.flush()] == [b"result 1\r", b"down no"]


def test_too_much_behind_a_delay_is_not_kept() -> None:
    line = Line("delay 60s result x1")
    line.say(">result 1")
    for _ in range(MAX_DELAYED // 60000 + 1):
        line.say(b">" + b"x" * 60000)
    assert line.wait(0.0) != []
    assert line.between._lanes["up"].size <= MAX_DELAYED


@pytest.mark.parametrize("check", ["crc", "sum"])
@pytest.mark.parametrize("number", [1, 13, 65])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_the_bytes_of_a_transfer_are_never_held(check, number, size) -> None:
    line = Line("drop *", "drop result")
    blocks = [block(number, bytes([13, 1, 114]) * 42 + b"\r\r", check=check), block(number + 1, check=check)]
    for each in blocks:
        arrived = b""
        for start in range(0, len(each), size):
            arrived += b"".join(data for _, data in line.say(b"<" + each[start : start + size]))
        assert arrived == each
    assert line.say(b">\x06") == [(">", b"\x06")]


@pytest.mark.parametrize("rule", ["delay 2s *", "drop up * after 1", "duplicate up *"])
def test_who_asks_for_the_first_block_is_not_held(rule: str) -> None:
    line = Line(rule)
    line.downlink = read("down update_fw", direction="down")  # type: ignore[assignment]
    line.say('>result "ready"')
    line.wait(2.5)
    for _ in range(3):
        assert line.say(b">C") == [(">", b"C")]
    line.downlink = None
    line.wait(PARTIAL_LINE_TIME)
    assert line.say(b">get_down") == []  # lines are lines again


def test_a_substitution_is_about_lines_in_which_it_finds_something() -> None:
    line = Line("alter result x1: s/true/false/")
    assert line.say(">result 2 1 0 7") == [(">", b"result 2 1 0 7\r")]
    assert line.say(">result 2 1 0 true") == [(">", b"result 2 1 0 false\r")]
    assert line.say(">result 2 1 0 true") == [(">", b"result 2 1 0 true\r")]  # once was asked for
    assert line.between.done == {"alter result x1: s/true/false/": 1}
    assert line.notes == ["", ALTERED, SENT, ""]


def test_lines_after_a_transfer_are_lines_again() -> None:
    line = Line("drop none")
    assert b"".join(data for _, data in line.say(b"<" + block() + b"down none\r")) == block()
    assert line.notes[-1] == DROPPED


WORDS = st.sampled_from(
    [b"get_down\r", b"result 2 1 0 5\r", b"down none\r", b"ok\r", b"C", block(), b"\n", b"\x01"]
)
CHUNKS = st.lists(st.tuples(st.sampled_from(["up", "down"]), st.binary(max_size=30) | WORDS), max_size=25)
HARMLESS = ["drop result power", "alter ok: s/x/y/", "drop * after 999", "duplicate get_properties 77"]


@given(CHUNKS, st.lists(st.sampled_from(HARMLESS)))
def test_bytes_that_no_fault_is_about_arrive_whole_and_in_order(chunks, rules) -> None:
    line = Line(*rules)
    for direction, data in chunks:
        line.say((b">" if direction == "up" else b"<") + data)
        line.wait(0.1)
    line.steps += line.between.flush()
    for direction in ("up", "down"):
        sent = b"".join(data for way, data in chunks if way == direction)
        arrived = b"".join(step.data for step in line.steps if step.deliver and step.direction == direction)
        assert arrived == sent


FAULTS = [
    "drop *",
    "delay 1s *",
    "duplicate result",
    "answer * x5: ok",
    "alter up *: s/1/2/",
    "answer none: get_down",
]


@given(CHUNKS, st.lists(st.sampled_from(FAULTS), min_size=1))
def test_whatever_is_said_and_done_is_survived(chunks, rules) -> None:
    line = Line(*rules)
    for direction, data in chunks:
        line.say((b">" if direction == "up" else b"<") + data)
        line.wait(0.3)
        deadline = line.between.deadline
        assert deadline is None or deadline > line.now
    line.wait(10.0)
    assert all(not lane.waiting for lane in line.between._lanes.values())


def test_after_everything_is_cleared_nothing_is_looked_at() -> None:
    line = Line("drop ok")
    line.say(">net")
    line.between.clear()
    assert line.between._is_idle
    line.say(">net")
    assert line.between._is_idle
    ours = Line("answer action: result 2 1 0")
    ours.say("<down action 2 1")
    ours.between.clear()
    ours.say(">net")
    assert ours.say("<ok") == []  # still the reply to the bridge
    assert ours.say("<cloud") == [("<", b"cloud\r")]
    assert ours.between._is_idle
