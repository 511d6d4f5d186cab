from __future__ import annotations

import random
from collections import deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miio_lan.device.description.spec import Spec
from miio_lan.errors import SpecError
from miio_lan.uart.line import LineReader
from miio_lan.virtual.mcu.mcu import MISBEHAVIOURS, Mcu
from miio_lan.virtual.mcu.misbehave import Misbehaviours

LAMP = Spec.shipped("lamp")


class Bench:
    """A module that reads bytes as real ones do: LF, junk and overlong lines are dropped, unknown words refused."""

    KNOWN = frozenset(
        {
            "model",
            "mcu_version",
            "ble_config",
            "get_down",
            "result",
            "error",
            "properties_changed",
            "event_occured",
        }
    )

    def __init__(self, *misbehave: str) -> None:
        self.mcu = Mcu(LAMP, misbehave=misbehave, rng=random.Random(1))
        self.reader = LineReader()
        self.now = 50.0
        self.raw = bytearray()
        self.lines: list[str] = []
        self.at: list[float] = []
        self.downs: deque[str] = deque()
        self.mcu.start(self.now)
        self._exchange()

    def run(self, seconds: float) -> None:
        end = self.now + seconds
        self._exchange()
        while (at := self.mcu.deadline) is not None and at <= end:
            self.now = max(self.now, at)
            self.mcu.tick(self.now)
            self._exchange()
        self.now = end

    def do(self, *downs: str, seconds: float = 1.0) -> list[str]:
        """Hand out downlinks; return the lines that arrived whole, polls left out."""
        start = len(self.lines)
        self.downs.extend(downs)
        self.run(seconds)
        return [line for line in self.lines[start:] if line != "get_down"]

    def _exchange(self) -> None:
        while data := self.mcu.take_output():
            self.raw += data
            for line in self.reader.feed(data, self.now):
                self.lines.append(line.text)
                self.at.append(self.now)
                self._answer(line.text, overlong="overlong" in line.problems)

    def _answer(self, text: str, *, overlong: bool) -> None:
        if overlong:
            return
        reply = "ok" if text.split(" ")[0] in self.KNOWN else "error"
        if text == "get_down":
            reply = f"down {self.downs.popleft()}" if self.downs else "down none"
        self.mcu.receive(f"{reply}\r".encode(), self.now)


GET = "get_properties 2 1 2 11"
SET = 'set_properties 2 1 false 2 11 "new name"'
GOOD_SET = ["result 2 1 0 2 11 0", 'properties_changed 2 1 false 2 11 "new name"']


def test_good_behaviour_is_the_measure() -> None:
    bench = Bench()
    assert bench.do(GET) == ['result 2 1 0 true 2 11 0 "Desk lamp"']
    assert bench.do(SET) == GOOD_SET
    assert b"\n" not in bench.raw


@pytest.mark.parametrize(
    ("name", "down", "lines"),
    [
        ("silent", GET, []),
        ("wrong-counts", GET, ["result 2 1 0 true 2 11 0"]),
        ("wrong-counts", "action 2 1", ["result 2 1", "properties_changed 2 1 false"]),
        ("missing-code", GET, ['result 2 1 true 2 11 "Desk lamp"']),
        ("missing-code", SET, GOOD_SET),
        ("missing-code", "get_properties 9 9", ["result 9 9"]),
        ("quoted-booleans", GET, ['result 2 1 0 "true" 2 11 0 "Desk lamp"']),
        ("quoted-booleans", SET, [GOOD_SET[0], 'properties_changed 2 1 "false" 2 11 "new name"']),
        ("unquoted-strings", GET, ["result 2 1 0 true 2 11 0 Desk lamp"]),
        ("unquoted-strings", 'set_properties 2 11 ""', ["result 2 11 0", "properties_changed 2 11"]),
        ("report-before-result", SET, GOOD_SET[::-1]),
        ("no-report", SET, GOOD_SET[:1]),
        ("ignores-unknown", "power_off", []),
        ("ignores-unknown", "get_properties", ['error "invalid arg" -5001']),
        ("ignores-version-request", "MIIO_mcu_version_req", []),
        ("ignores-version-request", "MIIO_model_req", []),
        ("crlf", SET, GOOD_SET),
        ("ff-bytes", SET, GOOD_SET),
        ("banners", SET, ["*** Application debug text, build 0815 ***", *GOOD_SET]),
    ],
)
def test_what_comes_of_it(name: str, down: str, lines: list[str]) -> None:
    bench = Bench()
    bench.mcu.misbehave.add(name)
    assert bench.do(down) == lines
    bench.mcu.misbehave.discard(name)
    bench.do(seconds=0.5)
    assert bench.do("get_properties 2 2") == ["result 2 2 0 60"]


def test_slow() -> None:
    bench = Bench("slow")
    assert bench.do(GET, seconds=4.5) == []
    polls = bench.lines.count("get_down")
    assert bench.do() == ['result 2 1 0 true 2 11 0 "Desk lamp"']
    # Nothing was asked for in between: a module would only have said error.
    assert bench.lines.count("get_down") <= polls + 3
    bench.mcu.slow_time = 0.3
    assert bench.do(GET) == ['result 2 1 0 true 2 11 0 "Desk lamp"']


def test_crlf_ends_every_line() -> None:
    bench = Bench("crlf")
    bench.do(SET)
    assert bench.raw.count(b"\r\n") == bench.raw.count(b"\r") > 5


def test_ff_bytes_precede_every_line() -> None:
    bench = Bench("ff-bytes")
    bench.do(SET)
    assert all(line.startswith(b"\xff\xff") for line in bytes(bench.raw).split(b"\r")[:-1])


def test_banners_at_boot_do_not_keep_it_from_booting() -> None:
    bench = Bench("banners")
    bench.run(1)
    assert bench.lines[:2] == ["*** Application debug text, build 0815 ***"] * 2
    assert bench.lines[2].startswith("model ")
    assert "get_down" in bench.lines
    assert "mcu_version 0001" in bench.lines


def test_overlong_lines() -> None:
    bench = Bench()
    bench.mcu.misbehave.add("overlong-lines")
    (line,) = bench.do(GET)
    assert len(line) > 511
    assert line.split() == ["result", "2", "1", "0", "true", "2", "11", "0", '"Desk', 'lamp"']
    assert bench.mcu.counters["unanswered"] == 0
    bench.run(1)
    assert bench.mcu.counters["unanswered"] == 1


def test_merged_lines() -> None:
    bench = Bench()
    bench.mcu.misbehave.add("merged-lines")
    lines = bench.do("get_properties 2 1")
    assert lines == ["result 2 1 0 trueget_down"]
    bench.mcu.misbehave.clear()
    assert bench.do(GET, seconds=2) == ['result 2 1 0 true 2 11 0 "Desk lamp"']


def test_merged_lines_lose_no_report() -> None:
    bench = Bench("merged-lines")
    lines = bench.do(SET, seconds=3)
    assert lines[0] == 'result 2 1 0 2 11 0properties_changed 2 1 false 2 11 "new name"get_down'


def test_never_polls() -> None:
    bench = Bench("never-polls")
    bench.run(5)
    assert bench.lines == ["model miiolan.light.demo1", "mcu_version 0001"]
    assert bench.mcu.deadline is None
    bench.mcu.misbehave.discard("never-polls")
    bench.run(1)
    assert bench.lines.count("get_down") >= 5


def test_polls_too_fast() -> None:
    bench = Bench("polls-too-fast")
    bench.run(1)
    assert bench.lines.count("get_down") == pytest.approx(50, abs=3)
    bench.mcu.misbehave.clear()
    bench.lines.clear()
    bench.run(1)
    assert bench.lines.count("get_down") == pytest.approx(5, abs=1)


def test_boots_once() -> None:
    mcu = Mcu(LAMP, misbehave=["boots-once"])
    mcu.start(0.0)
    sent = []
    for step in range(3):
        sent.append(mcu.take_output())
        mcu.receive(b"error\r", step * 0.01)
    assert sent == [b"model miiolan.light.demo1\r", b"mcu_version 0001\r", b"get_down\r"]


class TestMute:
    def test_one_property_does_not_answer_while_the_rest_works(self) -> None:
        bench = Bench()
        bench.mcu.mute_properties.add((3, 1))
        assert bench.do("get_properties 3 1") == []
        assert bench.do("get_properties 2 2 3 1") == []
        assert bench.do("set_properties 3 1 5") == []
        assert bench.do("action 3 1") == ["result 3 1 -4003"]
        assert bench.do("get_properties 2 2") == ["result 2 2 0 60"]
        assert bench.mcu.counters["left unanswered"] == 3

    def test_one_action(self) -> None:
        bench = Bench()
        bench.mcu.mute_actions.add((2, 1))
        assert bench.do("action 2 1") == []
        assert bench.do("get_properties 2 1") == ["result 2 1 0 true"]


class TestMenu:
    def test_it_is_a_set_that_knows_its_names(self) -> None:
        chosen = Misbehaviours(["slow"])
        chosen |= {"crlf"}
        assert sorted(chosen) == ["crlf", "slow"]
        assert len(chosen) == 2
        assert repr(chosen) == "Misbehaviours(['crlf', 'slow'])"
        chosen.remove("slow")
        chosen.discard("slow")
        assert "slow" not in chosen
        with pytest.raises(SpecError, match="no misbehaviour is called 'sloow'; there are: slow, silent"):
            chosen.add("sloow")

    def test_every_name_is_described(self) -> None:
        assert all(name == name.lower() and " " not in name for name in MISBEHAVIOURS)
        assert all(len(description) > 10 for description in MISBEHAVIOURS.values())


@given(st.lists(st.sets(st.sampled_from(sorted(MISBEHAVIOURS))), max_size=6))
def test_whatever_is_switched_good_order_comes_back(rounds: list[set[str]]) -> None:
    bench = Bench()
    bench.mcu.on_update = lambda now: None  # nobody sends it firmware
    for names in rounds:
        bench.mcu.misbehave.clear()
        for name in names:
            bench.mcu.misbehave.add(name)
        bench.do(GET, SET, "action 2 1", "power_off", "update_fw", seconds=3)
    bench.mcu.misbehave.clear()
    bench.downs.clear()
    bench.run(8)
    assert bench.do("get_properties 2 2") == ["result 2 2 0 60"]
