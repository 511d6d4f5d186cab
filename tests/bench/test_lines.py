"""Lines in a test: the groups of a pattern, and what must not be said or sent."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest
from support.tape import Tape

from miio_lan import MiotDevice
from miio_lan.bench.bench import Bench, ExpectationFailed, MatchedLine, ObservedLine, Recorder
from miio_lan.bench.expecting.never import LONGEST_LAG
from miio_lan.record import Record

REPORT = re.compile(r"properties_changed (?P<siid>\d+) (\d+) (\d+)( extra)?")


def line_of(records: Iterable[Record]) -> ObservedLine:
    recorder = Recorder()
    for record in records:
        recorder.observe(record)
    return ObservedLine(recorder)


class Telling(Recorder):
    """Tells what is left whenever somebody waits, and nothing after that."""

    def __init__(self) -> None:
        super().__init__(clock=lambda: self.now)
        self.now = 0.0
        self.left: list[Record] = []
        self.waited: list[float] = []

    def tell(self, tape: Tape) -> None:
        for record in tape.records:
            self.now = max(self.now, record.instant)
            self.observe(record)
        tape.records.clear()
        self.now = tape.now

    def wait(self, look, timeout):  # type: ignore[no-untyped-def]
        self.waited.append(timeout)
        while (found := look()) is None and self.left:
            record = self.left.pop(0)
            self.now = max(self.now, record.instant + 0.01)
            self.observe(record)
        return found


@pytest.fixture
def recorder() -> Telling:
    return Telling()


@pytest.fixture
def bench(recorder: Telling) -> Iterator[Bench[MiotDevice]]:
    with MiotDevice("127.0.0.1", "0" * 32) as device:
        yield Bench(device, recorder)


def test_a_pattern_gives_the_groups_of_its_match() -> None:
    line = line_of(
        Tape().up(b"\nproperties_changed 2 2 55\r").down("ok").up("properties_changed 3 1 7").records
    )
    found = line.wait_for(REPORT, timeout=0)
    assert isinstance(found, MatchedLine)
    assert found.match.re is REPORT
    assert (found[0], found[2], found["siid"], found[4]) == ("properties_changed 2 2 55", "2", "2", None)
    assert found.group(1, 3) == ("2", "55")
    assert found.groups("") == ("2", "2", "55", "")
    assert found.groupdict() == {"siid": "2"}
    assert line.wait_for(REPORT, timeout=0)[1] == "3"


def test_it_is_the_line_as_well() -> None:
    line = line_of(Tape().up("properties_changed 2 2 55").down("ok").records)
    found = line.wait_for(REPORT, timeout=0)
    (first, second) = line.records
    assert isinstance(found, Record)
    assert found == first
    assert first == found
    assert hash(found) == hash(first)
    assert (found.raw, found.direction) == (b"properties_changed 2 2 55\r", "up")
    assert found == "properties_changed 2 2 55"
    assert line.wait_for("ok", since=found, timeout=0) is second
    with pytest.raises(ExpectationFailed, match="no line like 'properties_changed"):
        line.wait_for(REPORT, timeout=0)


def test_a_line_is_found_by_its_text_whatever_ends_it() -> None:
    line = line_of(Tape().up(b"\nproperties_changed 2 2 55\r").records)
    assert line.wait_for("properties_changed 2 2 55", timeout=0) == line.records[0]
    assert "properties_changed 2 2 55" in line.records


def test_what_was_read_at_once_came_after_it_all_the_same() -> None:
    records = (
        Tape().fetch("set_properties 2 2 5").up("result 2 2 0", "properties_changed 2 2 5").down("ok").records
    )
    records = [replace(each, instant=1.0) for each in records]
    line = line_of(records)
    asked, down, result, report, said = records
    assert line.wait_for("properties_changed", since=result, timeout=0) is report
    assert line.wait_for("ok", since=report, timeout=0) is said
    assert line.wait_for(since=asked, timeout=0) is down
    with pytest.raises(ExpectationFailed):
        line.wait_for("result", since=report, timeout=0)


def test_the_reply_is_behind_its_line_though_its_receiver_was_sooner() -> None:
    tape = Tape()
    for _ in range(3):  # the one at the module hands on at once, the one at the MCU 12 ms later
        tape.down("down none").up("get_down").wait(0.1)
    tape.down("ok").up("properties_changed 2 2 55")
    line = line_of(tape.records)
    report = line.wait_for(REPORT, timeout=0)
    assert report.record is line.records[-1]
    assert line.wait_for(re.compile("^(ok|error)$"), since=report, timeout=0).record is line.records[-2]


def test_a_line_long_after_it() -> None:
    tape = Tape().up("properties_changed 2 2 5").wait(100).up("properties_changed 2 2 6")
    line = line_of(tape.records)
    (first, second) = line.records
    assert line.wait_for(since=first, timeout=0) is second
    with pytest.raises(ExpectationFailed):
        line.wait_for(since=second, timeout=0)


def test_after_a_record_of_the_lan_its_time_tells() -> None:
    tape = Tape().up("properties_changed 2 2 5").ask(1, "miIO.info").up("properties_changed 2 2 6")
    line = line_of(tape.records)
    assert line.wait_for(since=tape.records[1], timeout=0) is tape.records[2]
    with pytest.raises(ExpectationFailed):
        line.wait_for(since=tape.records[1], timeout=0)


class Meeting(Recorder):
    """Has all threads look before any of them goes on."""

    def __init__(self, threads: int) -> None:
        super().__init__()
        self.together = threading.Barrier(threads)

    def wait(self, look, timeout):  # type: ignore[no-untyped-def]
        found = look()
        self.together.wait()
        return found


def test_threads_are_given_each_line_once() -> None:
    recorder, given = Meeting(6), []
    for record in Tape().up(*["properties_changed 2 2 5"] * 6).records:
        recorder.observe(record)
    line = ObservedLine(recorder)
    threads = [threading.Thread(target=lambda: given.append(line.wait_for(timeout=0))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(each) for each in given}) == 6


def test_a_line_that_must_not_be_said(recorder: Telling, bench: Bench[MiotDevice]) -> None:
    tape = Tape().up("properties_changed 2 2 1").down("ok").wait(1)
    recorder.tell(tape)
    with bench.uart.expect_none("properties_changed 2 2") as never:
        recorder.tell(tape.up("properties_changed 2 3 7").down("ok").wait(1))
        recorder.left = Tape().wait(tape.now + 1).up("get_down").down("down none").records
    assert list(never.seen) == []
    tape = Tape().wait(recorder.now + 1).up("properties_changed 2 2 7").down("ok")
    tape.up("properties_changed 2 2 8").down("ok")
    told = r"a line like 'properties_changed 2 2' was not to happen, and did, 2 times"
    with pytest.raises(ExpectationFailed, match=told), bench.uart.expect_none("properties_changed 2 2"):
        recorder.tell(tape)


def test_a_line_that_is_told_late_counts(recorder: Telling, bench: Bench[MiotDevice]) -> None:
    recorder.tell(Tape().wait(1).fetch("none"))
    said = Tape().wait(recorder.now + 0.1).up("event_occured 6 1").down("ok").records
    said[0] = replace(said[0], reading={"command": "event_occured"})
    never = bench.uart.expect_none(command="event_occured")
    never.__enter__()
    recorder.now += 0.5
    recorder.left = said
    with pytest.raises(ExpectationFailed) as failure:
        never.__exit__(None, None, None)
    assert set(recorder.waited) == {LONGEST_LAG}
    assert [each.text for each in never.seen] == ["event_occured 6 1"]
    assert "← event_occured 6 1" in str(failure.value)


def test_what_the_block_caused_counts_until_the_next_poll(
    recorder: Telling, bench: Bench[MiotDevice]
) -> None:
    recorder.tell(Tape().wait(1).fetch("none"))
    told = Tape().wait(recorder.now + 0.6).up("event_occured 6 1").down("ok").fetch("none").records
    never = bench.uart.expect_none("event_occured")
    never.__enter__()
    recorder.now += 0.5
    recorder.left = told
    with pytest.raises(ExpectationFailed, match="was not to happen, and did"):
        never.__exit__(None, None, None)


def test_a_line_after_the_next_poll_does_not_count(recorder: Telling, bench: Bench[MiotDevice]) -> None:
    recorder.tell(Tape().wait(1).fetch("none"))
    with bench.uart.expect_none("event_occured") as never:
        recorder.now += 0.5
        tape = Tape().wait(recorder.now + 0.1).fetch("none")
        recorder.left = tape.wait(0.1).up("event_occured 6 1").down("ok").fetch("none").records
    assert list(never.seen) == []
    # It was waited for what is told late: by both directions.
    assert [each.text for each in recorder.left] == ["get_down", "down none"]


def test_a_command_that_must_not_be_sent(recorder: Telling, bench: Bench[MiotDevice]) -> None:
    recorder.tell(Tape().wait(1).fetch("none").ask(1, "get_properties", [{"siid": 2, "piid": 1}]))
    with bench.expect_none("get_properties", siid=2, piid=1):
        recorder.now += 0.5
        recorder.tell(Tape().wait(recorder.now).ask(2, "get_properties", [{"siid": 2, "piid": 2}]))
    tape = Tape().wait(recorder.now + 0.5).ask(3, "get_properties", [{"siid": 2, "piid": 2}])
    message = "get_properties with siid 2, piid 2 was not to happen, and did\n"
    with (
        pytest.raises(ExpectationFailed, match=message) as told,
        bench.expect_none(siid=2, piid=2, method="get_properties"),
    ):
        recorder.tell(tape)
    assert "→ get_properties 2.2" in str(told.value)


def test_an_error_in_the_block_goes_before(recorder: Telling, bench: Bench[MiotDevice]) -> None:
    recorder.tell(Tape().wait(1).fetch("none"))
    never = bench.expect_none()
    never.__enter__()
    recorder.tell(Tape().wait(recorder.now + 1).ask(2, "get_properties", [{"siid": 2, "piid": 2}]))
    never.__exit__(ZeroDivisionError, ZeroDivisionError(), None)  # which is not replaced by another
    assert len(never.seen) == 1


def test_where_nothing_is_heard_nothing_is_waited_for(recorder: Telling) -> None:
    with MiotDevice("127.0.0.1", "0" * 32) as device, Bench(device, recorder, hears=()).expect_none("action"):
        recorder.left = Tape().wait(1).fetch("none").records
    assert recorder.left != []


def test_the_longest_lag() -> None:
    assert LONGEST_LAG == 1.0
